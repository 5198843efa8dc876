"""Time series from CSV files."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .text import read_text

MONTHS = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split()
# What stands for a lacking value: the words that pandas knows, and a dash, as statistical offices write it.
LACKING = set(
    "#N/A,#N/A N/A,#NA,-1.#IND,-1.#QNAN,-NaN,-nan,1.#IND,1.#QNAN,<NA>,N/A,NA,NULL,NaN,None,n/a,nan,null,,-".split(",")
)
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)  # Python's own `float` takes more: 1_500
BEHIND_A_QUOTE = re.compile(r'"[ \t]+(?=,|\n|$)')  # white space that csv refuses, where it is strict
TIME = re.compile(r"\d{4}(-\d\d(-\d\d([ T]\d\d:\d\d(:\d\d)?)?)?)?|\d{8}", re.ASCII)


class Series(NamedTuple):
    """A time series: `times`, datetime64 by year, month, day, minute or second, and `values`, float64; both (T,).

    A value that is lacking is NaN.
    """

    times: np.ndarray
    values: np.ndarray

    def __repr__(self) -> str:
        if not len(self.times):
            return "<Series of no values>"
        lacking = int(np.isnan(self.values).sum())
        more = f", {lacking} of them lacking" if lacking else ""
        return f"<Series of {len(self.times)} values, {self.times[0]} to {self.times[-1]}{more}>"


def read_series(path: str | Path, column: str | None = None) -> Series:
    """A time series from a CSV file, with a line of names or without.

    The first column is the time: a year (`1700`), a month (`1958-03`), a day (`1958-03-29`, `19580329`) or a time of
    the day (`1958-03-29 12:00`, or with seconds). The values are in another column, or in twelve named JAN to DEC
    beside the year; these are read line by line, as one series. An empty field, a dash, and the words that pandas takes
    for it (NA, NaN, null, ...) are a lacking value. White space around names and values counts for nothing, nor do
    empty lines. Fields are separated by commas, and may be in double quotes.

    Args:
        path: the file, in UTF-8.
        column: the name of the column with the values; it need not be given if there is only one. In a file without
            names it is the number of the column, as text: the time is in 1.

    Raises:
        OSError: there is no such file, or it cannot be read.
        ValueError: there is no such column, or which one is meant is not clear; a line has too few or too many
            fields, no time, what is no number, or a time that is not after the one before; nothing but names is there.
            The message says in which line and column.
    """
    text = BEHIND_A_QUOTE.sub('"', read_text(path))
    lines = csv.reader(io.StringIO(text), skipinitialspace=True, strict=True)
    try:
        rows: Iterator[list[str]] = (
            [field.strip() for field in fields] for fields in lines if any(map(str.strip, fields)) or fields[1:]
        )
        names = next(rows, None)
        if names is None:
            raise ValueError(f"{path} has nothing but empty lines")
        if TIME.fullmatch(names[0]) and all(_number(field) for field in names[1:]):
            rows, names = chain([names], rows), [str(i + 1) for i in range(len(names))]  # a file without names
        _check_names(path, names)
        return _series(path, lines, rows, names, column)
    except csv.Error as error:
        raise ValueError(f"{path}, line {lines.line_num}: {error}") from error


def _check_names(path: str | Path, names: list[str]) -> None:
    """Refuse files whose first line is neither names nor values, and those with other signs between fields."""
    if TIME.fullmatch(names[0]):
        raise ValueError(f"{path} has neither names of columns in its first line nor values: {','.join(names)[:60]}")
    for sign, word in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
        if len(names) == 1 and sign in names[0]:
            raise ValueError(
                f"{path} has {word} between its fields. Save it with commas, and with points in its numbers: "
                f"pandas.read_csv({str(path)!r}, sep={sign!r}, decimal=',').to_csv(NEW, index=False)"
            )


def _series(path: str | Path, lines: Any, rows: Iterable[list[str]], names: list[str], column: str | None) -> Series:
    months = [name.upper() for name in names[1:]] == MONTHS
    used = list(range(1, 13)) if months and column is None else [_index(path, names, column)]
    times: list[np.datetime64] = []
    values: list[float] = []
    for fields in rows:
        where = f"{path}, line {lines.line_num}"
        if len(fields) != len(names):
            more = " (a number with a comma in it is two fields)" if len(fields) > len(names) else ""
            raise ValueError(f"{where}: {len(fields)} fields, where there are {len(names)} columns{more}")
        time = _time(fields[0], f"{where}, column {names[0]!r}")
        if len(used) == 12:
            if np.datetime_data(time.dtype)[0] != "Y":
                raise ValueError(f"{where}: {fields[0]!r} is not a year, as months in columns need it")
            time = time.astype("datetime64[M]")
        if times and not (time.dtype == times[-1].dtype and time > times[-1]):
            raise ValueError(f"{where}: the time {fields[0]!r} does not follow {times[-1]}")
        for i in used:
            times.append(time + np.timedelta64(len(times) % 12, "M") if len(used) == 12 else time)
            values.append(_value(fields[i], f"{where}, column {names[i]!r}"))
    if not values:
        raise ValueError(f"{path} has no values")
    return Series(np.array(times), np.array(values))


def _index(path: str | Path, names: list[str], column: str | None) -> int:
    if column is None:
        if len(names) != 2:
            raise ValueError(f"{path} has the columns {', '.join(names)}; say which one has the values: column=...")
        return 1
    found = [i for i, name in enumerate(names) if i and name == column.strip()]
    if not found:
        raise ValueError(f"{path} has no column {column!r} of values, but {', '.join(names[1:]) or 'none'}")
    if len(found) > 1:
        raise ValueError(f"{path} has {len(found)} columns named {column!r}; give each a name of its own")
    return found[0]


def _time(field: str, where: str) -> np.datetime64:
    if TIME.fullmatch(field):
        try:
            return np.datetime64(f"{field[:4]}-{field[4:6]}-{field[6:]}" if len(field) == 8 else field)
        except ValueError:
            pass  # a 13th month, say
    raise ValueError(
        f"{where}: {field!r} is not a year, a month (1958-03), a day (1958-03-29 or 19580329) or a time of the day "
        "(1958-03-29 12:00)"
    )


def _number(field: str) -> bool:
    return field in LACKING or NUMBER.fullmatch(field) is not None


def _value(field: str, where: str) -> float:
    if field in LACKING:
        return math.nan
    value = float(field) if NUMBER.fullmatch(field) else math.inf
    if not math.isfinite(value):
        raise ValueError(
            f"{where}: {field!r} is not a number, such as 1500 or -2.5e3; of a lacking value, the field is empty or NA"
        )
    return value

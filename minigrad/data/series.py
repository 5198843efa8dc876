"""Time series from CSV files."""

from __future__ import annotations

import csv
import io
import math
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .text import read_text

MONTHS = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split()


class Series(NamedTuple):
    """A time series: `times`, datetime64 by year, month or day, and `values`, float64; both of shape (T,).

    A value that is lacking is NaN.
    """

    times: np.ndarray
    values: np.ndarray


def read_series(path: str | Path, column: str | None = None) -> Series:
    """A time series from a CSV file with a line of names.

    The first column is the time: a year (`1700`), a month (`1958-03`) or a day (`1958-03-29`, `19580329`). The values
    are in another column, or in twelve named JAN to DEC beside the year; these are read line by line, as one series. An
    empty field is a lacking value.

    Args:
        path: the file, in UTF-8.
        column: the name of the column with the values; it need not be given if there is only one.

    Raises:
        OSError: there is no such file, or it cannot be read.
        ValueError: there is no such column, or which one is meant is not clear; a line has too few or too many
            fields, no time, what is no number, or a time that is not after the one before; nothing but names is there.
    """
    lines = csv.reader(io.StringIO(read_text(path)))
    try:
        return _series(path, lines, next(lines), column)
    except csv.Error as error:
        raise ValueError(f"{path}, line {lines.line_num}: {error}") from error


def _series(path: str | Path, lines: Any, names: list[str], column: str | None) -> Series:
    months = [name.strip().upper() for name in names[1:]] == MONTHS
    used = list(range(1, 13)) if months and column is None else [_index(path, names, column)]
    times: list[np.datetime64] = []
    values: list[float] = []
    for fields in lines:
        where = f"{path}, line {lines.line_num}"
        if len(fields) != len(names):
            raise ValueError(f"{where}: {len(fields)} fields, where there are {len(names)} columns")
        time = _time(fields[0], where)
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
            raise ValueError(f"{path} has the columns {', '.join(names)}; say which one has the values")
        return 1
    if column not in names[1:]:
        raise ValueError(f"{path} has no column {column!r} of values, but {', '.join(names[1:]) or 'none'}")
    return names.index(column, 1)


def _time(field: str, where: str) -> np.datetime64:
    field = field.strip()
    day = re.fullmatch(r"(\d{4})(\d\d)(\d\d)", field)
    if day or re.fullmatch(r"\d{4}(-\d\d(-\d\d)?)?", field):
        try:
            return np.datetime64("-".join(day.groups()) if day else field)
        except ValueError:
            pass  # a 13th month, say
    raise ValueError(f"{where}: {field!r} is not a year, a month (1958-03) or a day (1958-03-29 or 19580329)")


def _value(field: str, where: str) -> float:
    if not field.strip():
        return math.nan
    try:
        value = float(field)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{where}: {field!r} is not a number")
    return value

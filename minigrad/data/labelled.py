"""What has labels: texts in CSV and TSV files, and files in folders named after their labels."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from .text import read_text

T = TypeVar("T")


def read_labelled(path: str | Path, text: str = "text", label: str = "label") -> list[tuple[str, str]]:
    """Texts and their labels, from a CSV file with a line of names, or a TSV file, where tabs are between these.

    Other columns are passed over, and so are lines that are empty as a whole. Names may be in any case.

    Args:
        path: the file, in UTF-8.
        text, label: the names of the two columns.

    Raises:
        OSError: there is no such file, or it cannot be read.
        ValueError: there is no such column, a line has too few or too many fields, or a text or a label is empty; the
            message says in which line.
    """
    content = read_text(path)
    tabs = "\t" in content.partition("\n")[0]
    lines = csv.reader(io.StringIO(content), delimiter="\t" if tabs else ",", strict=not tabs,
                       quoting=csv.QUOTE_NONE if tabs else csv.QUOTE_MINIMAL)  # fmt: skip
    found: list[tuple[str, str]] = []
    try:
        names = [name.strip().lower() for name in next(lines, [])]
        if names.count(text.lower()) != 1 or names.count(label.lower()) != 1:
            raise ValueError(
                f"{path} should have a line of names with {text!r} and {label!r} in it, once each, and begins with "
                f"{content.partition(chr(10))[0][:60]!r}"
            )
        places = names.index(text.lower()), names.index(label.lower())
        for fields in lines:
            if not any(field.strip() for field in fields):
                continue
            if len(fields) != len(names):
                more = " (a text with a comma in it is to be in double quotes)" if len(fields) > len(names) else ""
                raise ValueError(f"{path}, line {lines.line_num}: {len(fields)} fields, not {len(names)}{more}")
            pair = fields[places[0]].strip(), fields[places[1]].strip()
            if not all(pair):
                raise ValueError(f"{path}, line {lines.line_num}: the {'label' if pair[0] else 'text'} is empty")
            found.append(pair)
    except csv.Error as error:
        raise ValueError(f"{path}, line {lines.line_num}: {error}") from error
    if not found:
        raise ValueError(f"{path} has names of columns and nothing else")
    return found


def labelled_files(folder: str | Path, suffixes: Sequence[str], what: str) -> dict[str, list[Path]]:
    """The files of a folder by their labels, both in the order of their names.

    A label is the name of a sub-folder (`yes/anna.wav`), or, where there are none with such files, what stands before
    the first `_` in the name of a file (`yes_anna.wav`). Sub-folders that begin with `_` or `.` are passed over.

    Args:
        folder: the folder.
        suffixes: of the files, as in (".wav",).
        what: they are, for errors.

    Raises:
        OSError: there is no such folder.
        ValueError: there are not two labels, or one has fewer than three files.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise NotADirectoryError(f"there is no folder {folder} of {what}")
    found = {}
    for inner in sorted(path for path in folder.iterdir() if path.is_dir() and path.name[0] not in "._"):
        if files := files_in(inner, suffixes):
            found[inner.name] = files
    if not found:
        for path in files_in(folder, suffixes):
            found.setdefault(path.stem.partition("_")[0], []).append(path)
    example = f"yes/anna{suffixes[0]}", f"yes_anna{suffixes[0]}"
    if len(found) < 2:
        raise ValueError(
            f"{folder} should have {what} of two labels or more, in sub-folders named after these ({example[0]}) or "
            f"with names that begin so ({example[1]}), and has {', '.join(found) or 'none'}"
        )
    for label, files in found.items():
        if len(files) < 3:
            raise ValueError(f"{folder} has {len(files)} {what} of {label!r}; three are needed, or more")
    return found


def files_in(folder: str | Path, suffixes: Sequence[str]) -> list[Path]:
    """The files of a folder with one of these suffixes, in small letters, in the order of their names."""
    return sorted(path for path in Path(folder).iterdir() if path.suffix.lower() in suffixes and path.is_file())


def tenths(items: Sequence[T]) -> dict[str, list[T]]:
    """The parts of some data: of ten in a row, the first is in "test", the second in "valid", the others in "train"."""
    return {
        "train": [item for i, item in enumerate(items) if i % 10 > 1],
        "valid": list(items[1::10]),
        "test": list(items[::10]),
    }

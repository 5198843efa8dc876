"""What a trained model is given: texts, sentences and files, by the words of a command line or of a program.

A text is one itself, or a file that has it. `-` stands for standard input. Every error names what was given.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from .contents import STANDARD_INPUT
from .text import read_text

LOOKS_LIKE_A_FILE = re.compile(
    r"\S*/\S*|[\w.-]+\.(txt|md|rst|csv|tsv|json|gz|wav|midi?|png|jpe?g|gif|npy)", re.IGNORECASE
)


class Given(NamedTuple):
    """A text, and what to call it in results and errors: itself, or its file and line."""

    name: str
    text: str


def given_texts(inputs: Iterable[str | Path]) -> Iterator[Given]:
    """Texts, a whole file being one of them; the line end at its end is left out.

    Args:
        inputs: texts, files, or `-`. A str is a file if there is one of that name, and else the text.

    Raises OSError, also for a str that looks like the name of a file that is not there; ValueError for a text without a
    character, and a file that is no text.
    """
    for text, path in _read(inputs):
        yield Given(shortened(text) if path is None else str(path), text)


def given_sentences(inputs: Iterable[str | Path]) -> Iterator[Given]:
    """Sentences, each line of a file being one; empty lines are none. Arguments and errors as above."""
    for text, path in _read(inputs):
        if path is None:
            yield Given(shortened(text), text.strip())
            continue
        lines = [(number, line.strip()) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
        if not lines:
            raise ValueError(f"{path} has no sentences, only empty lines")
        yield from (Given(f"{path}:{number}", line) for number, line in lines)


def given_files(inputs: Iterable[str | Path], suffixes: Sequence[str], what: str) -> list[Path]:
    """Files; of a folder, those in it with such a suffix, in the order of their names.

    Args:
        inputs: files, folders, or `-`, which stands for the bytes on standard input.
        suffixes: of such files, as in (".wav",).
        what: they are, for errors.

    Raises OSError for what is not there, ValueError for a folder without such a file.
    """
    found = []
    for each in inputs:
        path = _standard(each) or Path(each)
        if path == STANDARD_INPUT:
            found.append(path)
        elif path.is_dir():
            inside = sorted(file for file in path.iterdir() if file.suffix.lower() in suffixes)
            if not inside:
                raise ValueError(f"{path} has no {what}: files that end in {', '.join(suffixes)}")
            found += inside
        elif path.exists():
            found.append(path)
        else:
            raise FileNotFoundError(f"there is no file {path}; this model reads {what} ({', '.join(suffixes)})")
    return found


@contextmanager
def about(name: str | Path) -> Iterator[None]:
    """Let errors in the value of an input name the input, if they do not."""
    try:
        yield
    except ValueError as error:
        if str(error).startswith(str(name)):
            raise
        raise ValueError(f"{name}: {error}") from error


def shortened(text: str, width: int = 60) -> str:
    """A text in one line, cut off if it is long."""
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 3] + "..."


def _read(inputs: Iterable[str | Path]) -> Iterator[tuple[str, Path | None]]:
    """The text of each input, and its file if it has one."""
    for each in inputs:
        if str(each) in ("", "."):
            raise ValueError("an input is an empty text")
        path = _standard(each) or (each if isinstance(each, Path) else _file(each))
        text = str(each) if path is None else read_text(path).removesuffix("\n")
        if not text.strip():
            raise ValueError("an input is an empty text" if path is None else f"{path} has an empty text")
        yield text, path


def _standard(each: str | Path) -> Path | None:
    return STANDARD_INPUT if str(each) in ("-", str(STANDARD_INPUT)) else None


def _file(text: str) -> Path | None:
    """The file that a word of the command line names; None if it is a text."""
    try:
        there = Path(text).exists()
    except (OSError, ValueError):  # too long for a name, or with a zero
        return None
    if there:
        return Path(text)
    if LOOKS_LIKE_A_FILE.fullmatch(text):
        raise FileNotFoundError(
            f"there is no file {text}; a text that looks like this is given on standard input, as -"
        )
    return None

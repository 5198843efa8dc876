"""Text as numbers: reading files of text and of sentences, and a vocabulary of characters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .contents import read_bytes

MARKS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}  # how files of another encoding begin


def read_text(path: str | Path) -> str:
    """The text of a UTF-8 file, with line ends as `\\n`; what gzip has packed is unpacked.

    Raises:
        OSError: there is no such file, it is a directory, or it cannot be read.
        ValueError: it is empty, or not UTF-8; the message says at which byte, and how to convert it.
    """
    content = read_bytes(path)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        start = len(content) - len(error.object) + error.start  # a byte order mark is left out there
        line = content.count(b"\n", 0, start) + 1
        likely = next((name for mark, name in MARKS.items() if content.startswith(mark)), "WINDOWS-1252")
        raise ValueError(
            f"{path} is not UTF-8 text: byte {start} is 0x{content[start]:02x}, in line {line}. If it is {likely}, "
            f"convert it: iconv -f {likely} -t UTF-8 {path} > NEW"
        ) from None
    if not text:
        raise ValueError(f"{path} is empty")
    if "\0" in text:
        raise ValueError(f"{path} is not UTF-8 text: it has zeros, as files of another kind and UTF-16 have")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_sentences(path: str | Path) -> list[str]:
    """The lines of a UTF-8 file, one sentence each, without the white space at their ends.

    Empty lines at the end of the file are no sentences. Elsewhere they are an error: files of which one translates the
    other would fall out of step without them.

    Raises:
        OSError: there is no such file, it is a directory, or it cannot be read.
        ValueError: it is empty, or not UTF-8, or a line before the last sentence is empty; the message says which.
    """
    sentences = [line.strip() for line in read_text(path).split("\n")]
    while sentences and not sentences[-1]:
        sentences.pop()
    if not sentences:
        raise ValueError(f"{path} has no sentences, only empty lines")
    if "" in sentences:
        raise ValueError(f"line {sentences.index('') + 1} of {path} is empty; each line should be a sentence")
    return sentences


def read_pairs(first: str | Path, second: str | Path) -> list[tuple[str, str]]:
    """The sentences of two files line by line, such as sentences and their translations; each as `read_sentences` does.

    Raises OSError, ValueError for a file that cannot be read, and if one has more sentences than the other.
    """
    pairs = read_sentences(first), read_sentences(second)
    counts = [len(sentences) for sentences in pairs]
    if counts[0] != counts[1]:
        raise ValueError(
            f"{first} has {counts[0]} sentences and {second} has {counts[1]}; a pair of files has as many in each"
        )
    return list(zip(*pairs, strict=True))


class Vocabulary:
    """Characters and their numbers: 0 for the first in code point order, and so on.

    Args:
        characters: those that the vocabulary has. Repetitions do not matter, so a whole text will do.

    Raises ValueError if there is none.
    """

    def __init__(self, characters: Iterable[str]) -> None:
        distinct = set("".join(characters))
        if not distinct:
            raise ValueError("a vocabulary needs at least one character")
        self.characters = "".join(sorted(distinct))
        self._codes = _code_points(self.characters)  # rising, so that a number is found by bisection

    def __len__(self) -> int:
        return len(self.characters)

    def __contains__(self, character: object) -> bool:
        return isinstance(character, str) and len(character) == 1 and character in self.characters

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self.characters == other.characters

    def __hash__(self) -> int:
        return hash(self.characters)

    def encode(self, text: str) -> np.ndarray:
        """The numbers of the characters, int64, of shape (len(text),).

        Raises ValueError for a character that the vocabulary does not have; the message says which and where.
        """
        codes = _code_points(text)
        numbers = np.searchsorted(self._codes, codes)
        known = self._codes[np.minimum(numbers, len(self) - 1)] == codes
        if not known.all():
            i = int(np.argmin(known))
            raise ValueError(
                f"the character {text[i]!r} (U+{ord(text[i]):04X}) at position {i} is not among the {len(self)} "
                "characters of the vocabulary"
            )
        return numbers.astype(np.int64)

    def decode(self, numbers: Any) -> str:
        """The text for numbers 0 to len(self) - 1, given as an array of one axis, a list, or one number.

        Raises IndexError for a number outside, TypeError for what is no integer.
        """
        return "".join(self.characters[i] for i in checked_numbers(numbers, len(self)).tolist())

    def to_dict(self) -> dict[str, Any]:
        """The vocabulary as plain data, to store beside a model."""
        return {"characters": self.characters}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Vocabulary:
        """The vocabulary that `to_dict` described. Raises ValueError for other data."""
        characters = data.get("characters") if isinstance(data, Mapping) else None
        if not isinstance(characters, str) or characters != "".join(sorted(set(characters))):
            raise ValueError("a stored vocabulary has its characters, in order and each once, under 'characters'")
        return cls(characters)

    def __repr__(self) -> str:
        shown = self.characters if len(self) <= 40 else self.characters[:37] + "..."
        return f"<Vocabulary of {len(self)} characters: {shown!r}>"


def checked_numbers(numbers: Any, size: int) -> np.ndarray:
    """Numbers to decode, as a vector.

    Raises IndexError for one outside 0 to size - 1, TypeError for what is no integer.
    """
    array = np.atleast_1d(np.asarray(numbers))
    if array.size == 0:
        return np.empty(0, np.int64)
    if array.dtype.kind not in "iu" or array.ndim != 1:
        raise TypeError(f"decode takes a vector of integers, not {array.dtype} of shape {array.shape}")
    outside = (array < 0) | (array >= size)
    if outside.any():
        raise IndexError(f"number {array[outside][0]} is outside the vocabulary, 0 to {size - 1}")
    return array


def _code_points(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")

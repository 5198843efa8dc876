"""Text as words: cutting it up, and a vocabulary of words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from .text import checked_numbers

SPECIAL = ("<pad>", "<unk>", "<bos>", "<eos>")

# Letters and digits, with single apostrophes or hyphens inside; or one character of any other kind but space.
_WORD = re.compile(r"\w+(?:['’-]\w+)*|[^\w\s]")


def tokenize(text: str, lower: bool = False) -> list[str]:
    """The words and signs of a text.

    A word is a run of letters, digits and underscores; an apostrophe or hyphen between two of them belongs to it
    (`don't`, `well-made`). Any other character but white space stands alone. Nothing but white space is left out.

    Args:
        lower: make all letters small first.
    """
    return _WORD.findall(text.lower() if lower else text)


class WordVocabulary:
    """Words and their numbers: four special ones first, then the given ones in their order.

    `<pad>` (0) fills up sequences, `<unk>` (1) stands for words that the vocabulary lacks, `<bos>` (2) and `<eos>` (3)
    for the beginning and the end of a sentence. The numbers are the attributes `pad`, `unk`, `bos`, `eos`.

    Args:
        words: the words, without the special ones.

    Raises:
        ValueError: a word is there twice, is empty or is a special one.
        TypeError: a word is not a string.
    """

    pad, unk, bos, eos = range(len(SPECIAL))

    def __init__(self, words: Iterable[str]) -> None:
        if isinstance(words, str):
            raise TypeError(f"a vocabulary takes a list of words, not the text {words[:40]!r}")
        self.words = list(SPECIAL)
        self._numbers = {word: i for i, word in enumerate(SPECIAL)}
        for word in words:
            if not isinstance(word, str):
                raise TypeError(f"a word is a string, not {word!r}")
            if not word or word in self._numbers:
                raise ValueError(f"the word {word!r} is {'there twice, or special' if word else 'empty'}")
            self._numbers[word] = len(self.words)
            self.words.append(word)

    @classmethod
    def from_sentences(
        cls, sentences: Iterable[Iterable[str]], min_count: int = 1, max_size: int | None = None
    ) -> WordVocabulary:
        """The vocabulary of some sentences: the most frequent word first, those of one frequency in code point order.

        Args:
            sentences: lists of words.
            min_count: how often a word must be there to be taken.
            max_size: the most words to take, beside the special ones; None takes all.

        Raises ValueError if `min_count` is less than 1 or `max_size` less than 0, TypeError for sentences not cut up.
        """
        if min_count < 1 or (max_size is not None and max_size < 0):
            raise ValueError(f"min_count must be at least 1 and max_size at least 0, not {min_count} and {max_size}")
        counts: Counter[str] = Counter()
        for sentence in sentences:
            counts.update(_cut(sentence))
        for word in SPECIAL:
            counts.pop(word, None)
        taken = sorted((word for word in counts if counts[word] >= min_count), key=lambda word: (-counts[word], word))
        return cls(taken[:max_size])

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: object) -> bool:
        return word in self._numbers

    def __eq__(self, other: object) -> bool:
        return isinstance(other, WordVocabulary) and self.words == other.words

    def __hash__(self) -> int:
        return hash(tuple(self.words))

    def encode(self, words: Iterable[str], ends: bool = False, strict: bool = False) -> np.ndarray:
        """The numbers of the words, int64, of shape (number of words,).

        Args:
            ends: put `<bos>` before and `<eos>` after them.
            strict: an unknown word is an error, and not `<unk>`.

        Raises:
            ValueError: a word is unknown, with `strict`; the message says which and where.
            TypeError: the words are a text that is not cut up.
        """
        numbers = []
        for i, word in enumerate(_cut(words)):
            number = self._numbers.get(word)
            if number is None:
                if strict:
                    raise ValueError(f"the word {word!r} at position {i} is not in the vocabulary of {len(self)} words")
                number = self.unk
            numbers.append(number)
        return np.array([self.bos, *numbers, self.eos] if ends else numbers, np.int64)

    def decode(self, numbers: Any, special: bool = True) -> list[str]:
        """The words for numbers 0 to len(self) - 1, given as an array of one axis, a list, or one number.

        Args:
            special: with False, `<pad>` and `<bos>` are left out, and so is everything from the first `<eos>` on.

        Raises IndexError for a number outside, TypeError for what is no integer.
        """
        found = checked_numbers(numbers, len(self)).tolist()
        if not special:
            found = found[: found.index(self.eos)] if self.eos in found else found
            found = [i for i in found if i not in (self.pad, self.bos)]
        return [self.words[i] for i in found]

    def to_dict(self) -> dict[str, Any]:
        """The vocabulary as plain data, to store beside a model."""
        return {"words": self.words[len(SPECIAL) :]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> WordVocabulary:
        """The vocabulary that `to_dict` described. Raises ValueError for other data."""
        words = data.get("words") if isinstance(data, Mapping) else None
        if not isinstance(words, list):
            raise ValueError("this is not a stored vocabulary of words: it has no list `words`")
        try:
            return cls(words)
        except TypeError as error:
            raise ValueError(f"this is not a stored vocabulary of words: {error}") from None

    def __repr__(self) -> str:
        return f"<WordVocabulary of {len(self)} words>"


def _cut(sentence: Iterable[str]) -> Iterable[str]:
    if isinstance(sentence, str):
        raise TypeError(f"a sentence is a list of words, not the text {sentence[:40]!r}; `tokenize` cuts it up")
    return sentence

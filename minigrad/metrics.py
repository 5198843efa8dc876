"""How far sequences are from what they should be: edit distance, and error rates of letters, words or phonemes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np


def edit_distance(a: Sequence[Any], b: Sequence[Any]) -> int:
    """The least number of insertions, deletions and substitutions that turn `a` into `b` (Levenshtein 1966).

    `a` and `b` are strings, or sequences of anything that can be compared and hashed (words, class indices).
    """
    numbers: dict[Any, int] = {}
    first, second = (np.array([numbers.setdefault(x, len(numbers)) for x in s], dtype=np.int64) for s in (a, b))
    steps = np.arange(len(second) + 1)
    row = steps.copy()  # the distances of a[:i] from all b[:j], here for i = 0
    for i, x in enumerate(first, 1):
        best = np.minimum(row[1:] + 1, row[:-1] + (second != x))
        row = np.concatenate([[i], best])
        # Insertions, which look left along the row: the least row[k] + (j - k) over k <= j.
        row = np.minimum.accumulate(row - steps) + steps
    return int(row[-1])


def error_rate(predictions: Iterable[Sequence[Any]], references: Iterable[Sequence[Any]]) -> float:
    """The edit distances of all predictions from their references, by the total length of the references.

    Of strings it is the character error rate, of lists of words the word error rate (0 is perfect; more than 1 is
    possible). Raises ValueError for different numbers of sequences, and if the references are empty altogether.
    """
    made, wanted = list(predictions), list(references)
    if len(made) != len(wanted):
        raise ValueError(f"error_rate: {len(made)} predictions for {len(wanted)} references")
    total = sum(map(len, wanted))
    if not total:
        raise ValueError("error_rate: the references are empty, so no rate is defined")
    return sum(map(edit_distance, made, wanted)) / total

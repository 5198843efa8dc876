"""Batches from one long sequence, for models that carry their state from batch to batch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np


class Streams:
    """One long sequence cut into B contiguous streams, read side by side in pieces of T.

    Truncated backpropagation through time needs this order: batch k + 1 goes on, in every stream, exactly where
    batch k ended, so the state after one batch is the right one to begin the next with. The targets are the inputs,
    one position later.

        for x, y in Streams(numbers, length=64, batch=32):
            ...  # x and y are (64, 32)

    Args:
        sequence: integers, of shape (N,).
        length: T, the time steps of a batch.
        batch: B, the number of streams.

    Iterating gives pairs (x, y) of int64 arrays of shape (T, B), from the beginning each time. What does not fill
    the streams, or a last batch, is left out: fewer than B * (T + 1) positions.

    Raises:
        ValueError: the sequence is too short for one batch, or not a vector; T or B is less than 1.
        TypeError: it is not made of integers.
    """

    def __init__(self, sequence: Any, length: int, batch: int) -> None:
        array = np.asarray(sequence)
        if array.ndim != 1:
            raise ValueError(f"a sequence has one axis, not the shape {array.shape}")
        if array.size and array.dtype.kind not in "iu":
            raise TypeError(f"a sequence is made of integers, not {array.dtype}")
        if length < 1 or batch < 1:
            raise ValueError(f"length and batch must be at least 1, not {length} and {batch}")
        needed = batch * length + 1
        if array.size < needed:
            raise ValueError(
                f"the text is too short: {batch} streams of {length} steps need {needed} positions, there are "
                f"{array.size}; use a longer text, fewer streams or fewer steps"
            )
        self.length = length
        self.batch = batch
        self._count = (array.size - 1) // batch // length
        used = self._count * length * batch
        per_stream = self._count * length
        # (positions, B): each column is one stream; the targets are the same shifted by one
        self._inputs = np.ascontiguousarray(array[:used].astype(np.int64).reshape(batch, per_stream).T)
        self._targets = np.ascontiguousarray(array[1 : used + 1].astype(np.int64).reshape(batch, per_stream).T)

    def __len__(self) -> int:
        """The number of batches."""
        return self._count

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for start in range(0, self._count * self.length, self.length):
            stop = start + self.length
            yield self._inputs[start:stop], self._targets[start:stop]

    def __repr__(self) -> str:
        return f"<Streams: {len(self)} batches of {self.length} steps in {self.batch} streams>"

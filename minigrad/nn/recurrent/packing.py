"""Sequences of different lengths, packed so that no padding is computed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ... import tree
from ...engine.record import apply
from ...engine.recorded import describe
from ...ops.creation import zeros
from ...ops.shaping import concat, reshape
from ...primitives import PRIMITIVES
from ...tensors.tensor import Tensor


class Packing:
    """Where the steps of B padded sequences are, ordered so that the batch shrinks as sequences end.

    The longest sequence comes first. In step k those that have more than k steps are the first `counts[k]` rows: they
    go on, the others are done. Nothing is computed for padding, so what stands there, even NaN, has no effect.

    Args:
        lengths: how many steps each sequence has, B integers from 1 to T, as a list or an array on the host.
        steps, batch: T and B.
        reverse: each sequence from its own last step to its first.

    Raises TypeError for lengths that are no integers or are on a GPU, ValueError for others that do not fit.
    """

    def __init__(self, lengths: Any, steps: int, batch: int, reverse: bool = False) -> None:
        n = check_lengths(lengths, steps, batch)
        self.shape = (steps, batch)
        self.order = np.argsort(-n, kind="stable")
        self.back = np.argsort(self.order)  # undoes it
        falling = n[self.order]
        self.longest = int(falling[0]) if batch else steps  # no sequences take steps as others do
        self.counts = [int(count) for count in (falling[None] > np.arange(self.longest)[:, None]).sum(axis=1)]
        k = np.repeat(np.arange(self.longest), self.counts)  # the step of each packed row, and its sequence
        row = np.concatenate([np.arange(count) for count in self.counts])
        time = falling[row] - 1 - k if reverse else k
        self.places = time * batch + self.order[row]  # in the padded sequences, their first two axes being one

    def pack(self, x: Tensor) -> Tensor:
        """The steps of (T, B, ...) that are no padding, as rows (N, ...): those of step 0 first, then of step 1, ..."""
        return reshape(x, (-1, *x.shape[2:]))[self._index(self.places, x)]

    def unpack(self, rows: Tensor) -> Tensor:
        """Rows back at their places in (T, B, ...), zeros elsewhere."""
        steps, batch = self.shape
        empty = zeros((steps * batch, *rows.shape[1:]), rows.dtype, backend=rows.backend)
        filled = apply(PRIMITIVES["index_add"], (empty, rows), {"index": self._index(self.places, rows).array})
        return reshape(filled, (steps, batch, *rows.shape[1:]))

    def sort(self, state: Any) -> Any:
        """An initial state, in the order of the packed rows."""
        return self._taken(state, self.order)

    def unsort(self, state: Any, ended: list[Any]) -> Any:
        """The final state in the order of the batch, from the one of the last step and those that ended before it."""
        whole = tree.map(lambda *parts: concat(parts), state, *reversed(ended)) if ended else state
        return self._taken(whole, self.back)

    def _taken(self, state: Any, order: np.ndarray) -> Any:
        if (order[1:] > order[:-1]).all():
            return state
        return tree.map(lambda x: x[self._index(order, x)], state)

    @staticmethod
    def _index(rows: np.ndarray, x: Tensor) -> Tensor:
        return Tensor(rows, backend=x.backend)


def shrink(state: Any, count: int, rows: int) -> tuple[Any, Any]:
    """The first `count` rows of a state of that many rows, and the others.

    Raises ValueError for a tensor without a row for each sequence.
    """
    for x in tree.leaves(state):
        if x.ndim < 1 or x.shape[0] != rows:
            raise ValueError(
                f"with lengths, each tensor of a state has the batch first: expected {rows} rows, got {describe(x)}"
            )
    first: Callable[[Any], Any] = lambda x: x[:count]
    rest: Callable[[Any], Any] = lambda x: x[count:]
    return tree.map(first, state), tree.map(rest, state)


def check_lengths(lengths: Any, steps: int, batch: int) -> np.ndarray:
    """Lengths as int64 (B,). Raises as `Packing` does."""
    if isinstance(lengths, Tensor):
        if not isinstance(lengths.array, np.ndarray):
            raise TypeError(f"lengths are needed on the host, and these are on {lengths.backend.name}: give a list")
        lengths = lengths.array
    n = np.asarray(lengths)
    if not n.size:  # an empty list has no type of its own
        n = n.astype(np.int64)
    if n.dtype.kind not in "iu":
        raise TypeError(f"lengths are integers, one for each sequence, not {n.dtype} of shape {n.shape}")
    if n.shape != (batch,):
        raise ValueError(f"there are {batch} sequences, so {batch} lengths; got an array of shape {n.shape}")
    if batch and not (n.min() >= 1 and n.max() <= steps):
        worst = int(np.argmax((n < 1) | (n > steps)))
        raise ValueError(f"lengths are from 1 to {steps}, the steps of the input; lengths[{worst}] is {n[worst]}")
    return n.astype(np.int64)

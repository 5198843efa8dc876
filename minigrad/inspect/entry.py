"""The lines of a tape: `Entry`, `Constant` (what a line holds that is not part of the graph), and `Summary`."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..engine.tape import Node
from .source import Source


class Summary(NamedTuple):
    """An array of floats in a few numbers.

    Attributes:
        min, mean, max, std: of its finite elements; std is the standard deviation of all of them (divided by n).
        strange: how many elements are NaN or infinite, and not counted above.
    """

    min: float
    mean: float
    max: float
    std: float
    strange: int = 0


def summary(values: Any, backend: Any) -> Summary | None:
    """The summary of an array of a backend; None for what has no elements, or no finite one, or holds no numbers."""
    host = np.asarray(backend.to_numpy(values))
    if host.dtype.kind in "SUO" or not host.size:
        return None
    numbers = host.astype(np.float64).reshape(-1)
    finite = numbers[np.isfinite(numbers)]
    if not finite.size:
        return None
    with np.errstate(over="ignore"):
        found = (finite.min(), finite.mean(), finite.max(), finite.std())
    smallest, mean, largest, deviation = map(float, found)
    return Summary(smallest, mean, largest, deviation, numbers.size - finite.size)


def norm_of(values: Any, backend: Any) -> float:
    """The Euclidean norm of an array of a backend, also where the squares are too small or too large for its dtype."""
    with np.errstate(over="ignore", under="ignore"):
        square = float(backend.to_numpy((values * values).sum()))
        if values.dtype.itemsize < 4 or not 1e-30 < square < np.inf:
            wide = np.asarray(backend.to_numpy(values)).astype(np.float64)
            largest = float(np.abs(wide).max(initial=0.0))
            if not 0.0 < largest < np.inf:  # all zero, or not finite
                return largest
            return largest * float(((wide / largest) ** 2).sum()) ** 0.5
    return square**0.5


class Constant(Node):
    """A tensor without gradients that a recorded operation read: a line on a Tape, not part of the graph."""

    __slots__ = ()

    @property
    def name(self) -> str:
        """What the table shows as its operation."""
        return "constant"


class Entry:
    """One line of a tape: a node and what is known of it.

    Attributes:
        number: the position on this tape.
        node: the recorded node.
        inputs: for each input the number of its line; None for what is neither recorded nor a tensor: a number, which
            the node's `constants` tell, or one that was left out. Then those of the arrays in an index.
        saved_bytes: memory that this node is the first to keep alive for backward; parameters do not count.
        grad_norm: the Euclidean norm of its gradient, after backward.
        source: the line of the program that recorded it; value, grad: what the value and, after backward, the gradient
            look like. None on a tape without details.
    """

    __slots__ = ("__weakref__", "grad", "grad_norm", "inputs", "node", "number", "saved_bytes", "source", "value")

    def __init__(self, number: int, node: Node, inputs: tuple[int | None, ...], saved_bytes: int) -> None:
        self.number = number
        self.node = node
        self.inputs = inputs
        self.saved_bytes = saved_bytes
        self.grad_norm: float | None = None
        self.source: Source | None = None
        self.value: Summary | None = None
        self.grad: Summary | None = None

    def __repr__(self) -> str:
        read = ", ".join("a scalar" if i is None else f"%{i}" for i in self.inputs)
        norm = "" if self.grad_norm is None else f", grad norm {self.grad_norm:.4g}"
        return f"<%{self.number}: {repr(self.node).strip('<>')}{f' from {read}' if read else ''}{norm}>"

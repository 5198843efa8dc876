"""The lines of a tape: `Entry`, and `Constant`, what a line holds that is not part of the graph."""

from __future__ import annotations

from .tape import Node


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
        inputs: for each input the number of its line; None for what is neither recorded nor a tensor (a scalar).
        saved_bytes: memory that this node is the first to keep alive for backward; parameters do not count.
        grad_norm: the Euclidean norm of its gradient, after backward.
    """

    __slots__ = ("__weakref__", "grad_norm", "inputs", "node", "number", "saved_bytes")

    def __init__(self, number: int, node: Node, inputs: tuple[int | None, ...], saved_bytes: int) -> None:
        self.number = number
        self.node = node
        self.inputs = inputs
        self.saved_bytes = saved_bytes
        self.grad_norm: float | None = None

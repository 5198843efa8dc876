"""Watching the tape while it is recorded: `Tape`, which keeps and prints it, and `detect_anomaly`."""

from __future__ import annotations

import copy
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from . import dtypes
from .backends.deferred import DEFERRED
from .record import Recorded
from .scope import local
from .tape import Node


class Observer:
    """Base of the context managers that see every node recorded in this thread while they are open."""

    def __enter__(self) -> Any:
        local.now.observers = (*local.now.observers, self)
        return self

    def __exit__(self, *_: object) -> None:
        local.now.observers = tuple(o for o in local.now.observers if o is not self)

    def on_record(self, node: Node, inputs: Sequence[Any], out: Any) -> None:
        """Called after each recorded operation with its node, its inputs and its output array."""


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


class _NoteNorm:
    """The hook that fills in the norm of a gradient. It does not keep its entry alive, nor so the graph."""

    __slots__ = ("entry",)

    def __init__(self, entry: Entry) -> None:
        self.entry = weakref.ref(entry)

    def __call__(self, node: Node, g: Any) -> None:
        entry = self.entry()
        if entry is not None:
            values = g.array if isinstance(g, Recorded) else g
            entry.grad_norm = _norm(values, node.backend)


def _norm(values: Any, backend: Any) -> float:
    """The Euclidean norm of an array, also where the squares are too small or too large for its dtype."""
    with np.errstate(over="ignore", under="ignore"):
        square = float(backend.to_numpy((values * values).sum()))
    if values.dtype.itemsize < 4 or not 1e-30 < square < np.inf:
        wide = backend.to_numpy(values).astype(np.float64)
        square = float((wide * wide).sum())
    return square**0.5


class Constant(Node):
    """A tensor without gradients that a recorded operation read: a line on a Tape, not part of the graph."""

    __slots__ = ()

    @property
    def name(self) -> str:
        """What the table shows as its operation."""
        return "constant"


class Tape(Observer):
    """Hold on to what is recorded inside, to look at it.

        with mg.Tape() as tape:
            loss = model(x)
        loss.backward()
        print(tape)

    A Tape is a sequence of `Entry` in recording order. Leaves and constants have a line where they are first read.
    """

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._numbers: dict[int, int] = {}  # node index, or id of a constant's array, -> line
        # Arrays seen, by id; held so that no id is used twice.
        self._constants: dict[int, Any] = {}
        self._buffers: dict[int, Any] = {}

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def __getitem__(self, i: int) -> Entry:
        return self.entries[i]

    def on_record(self, node: Node, inputs: Sequence[Any], out: Any) -> None:
        numbers = tuple(self._line_of(x) if isinstance(x, Recorded) else None for x in inputs)
        self._append(node, numbers, self._new_bytes(node, inputs))

    @property
    def saved_bytes(self) -> int:
        """The memory kept alive for backward, beside parameters; measured when recorded."""
        return sum(entry.saved_bytes for entry in self.entries)

    def _line_of(self, x: Recorded) -> int:
        key = id(x.array) if x.node is None else x.node.index
        if key not in self._numbers or (x.node is None and key not in self._constants):
            if x.node is None:
                self._constants[key] = x.array
                node: Node = Constant(None, (), None, {}, x.backend, local.now.scope, x.array.shape, x.array.dtype)
            else:
                node = x.node
                if node.primitive is None:
                    self._account(x.array)
            self._append(node, (), 0)
            self._numbers[key] = len(self.entries) - 1
        return self._numbers[key]

    def _append(self, node: Node, inputs: tuple[int | None, ...], saved_bytes: int) -> None:
        entry = Entry(len(self.entries), node, inputs, saved_bytes)
        self._numbers[node.index] = entry.number
        self.entries.append(entry)

        if not isinstance(node, Constant):
            if node.hooks:  # a leaf outlives the tapes that saw it
                node.hooks = [hook for hook in node.hooks if not (isinstance(hook, _NoteNorm) and hook.entry() is None)]
            node.add_hook(_NoteNorm(entry))

    def _new_bytes(self, node: Node, inputs: Sequence[Any]) -> int:
        return sum(self._account(array) for array in node.saved if hasattr(array, "nbytes"))

    def _account(self, array: Any) -> int:
        """The bytes behind an array, if no earlier array was a view of the same memory."""
        while getattr(array, "base", None) is not None and hasattr(array.base, "nbytes"):
            array = array.base
        if id(array) in self._buffers:
            return 0
        self._buffers[id(array)] = array
        return int(array.nbytes)

    def __str__(self) -> str:
        header = ("line", "scope", "operation", "inputs", "shape", "dtype", "saved bytes", "grad norm")
        rows = [header, *(self._row(entry) for entry in self.entries)]
        if all(entry.grad_norm is None for entry in self.entries):
            rows = [row[:-1] for row in rows]
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        right = {0, 6, 7}
        lines = [
            "  ".join(
                cell.rjust(width) if i in right else cell.ljust(width)
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        ]
        lines.insert(1, "-" * max(map(len, lines)))
        return "\n".join(lines)

    def _row(self, entry: Entry) -> tuple[str, ...]:
        node = entry.node
        return (
            f"%{entry.number}",
            str(node.scope) if node.scope.parent is not None else "",
            node.name,
            " ".join("." if i is None else f"%{i}" for i in entry.inputs),
            "x".join(map(str, node.shape)) or "scalar",
            str(node.dtype),
            str(entry.saved_bytes or ""),
            "" if entry.grad_norm is None else f"{entry.grad_norm:.4g}",
        )

    def __repr__(self) -> str:
        return f"<Tape of {len(self.entries)} lines, {self.saved_bytes} bytes saved>"


class AnomalyError(ArithmeticError):
    """A NaN or an infinity appeared; the message says where."""


class detect_anomaly(Observer):
    """Stop at the first NaN (or infinity, with `infinity=True`) that a recorded operation or its gradient produces.

    What is recorded inside is watched, also when its backward pass comes later. The error names the operation and its
    scope: "NaN from log in decoder.attention @ t=17", "NaN from the gradient of sqrt in norm". Slow: for debugging.
    """

    def __init__(self, infinity: bool = False) -> None:
        self._infinity = infinity

    def on_record(self, node: Node, inputs: Sequence[Any], out: Any) -> None:
        where = f"{node.name} in {node.scope}"
        self._check(out, node.backend, where)
        row = node.primitive
        rules = row.rules or row.rules_for(len(node.inputs))
        node.primitive = copy.copy(row)  # the same row of the table, but its rules are watched
        node.primitive.rules = [self._watched(rule, f"the gradient of {where}") for rule in rules]

    def _watched(self, rule: Callable[..., Any], where: str) -> Callable[..., Any]:
        def watched(g: Any, saved: Any, params: Any, parent: Node, xp: Any) -> Any:
            d = rule(g, saved, params, parent, xp)
            found = [] if d is None else d.arrays(xp) if type(d) in DEFERRED else [d]
            for values in found:
                self._check(values, parent.backend, where)
            return d

        return watched

    def _check(self, values: Any, backend: Any, where: str) -> None:
        array = values.array if isinstance(values, Recorded) else values
        if not dtypes.is_float(array.dtype):
            return
        host = np.asarray(backend.to_numpy(array))
        if np.isnan(host).any():
            raise AnomalyError(f"NaN from {where}")
        if self._infinity and np.isinf(host).any():
            raise AnomalyError(f"infinity from {where}")

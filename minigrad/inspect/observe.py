"""Watching the tape while it is recorded: `Tape`, which keeps and prints it, and `detect_anomaly`."""

from __future__ import annotations

import copy
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from .. import dtypes
from ..backends.deferred import DEFERRED
from ..engine.recorded import Recorded, wrap
from ..engine.scope import MODE, SCOPE, Mode
from ..engine.tape import Node
from ..engine.version import memory_of
from .entry import Constant, Entry, norm_of, summary
from .given import arrays_in
from .source import calling_code, calling_line
from .table import as_html, table

UNFOLDED_LINES = 40  # a tape of so many lines is printed whole


class Observer:
    """Base of the context managers that see what is recorded, in this thread or asyncio task, while they are open."""

    def __enter__(self) -> Any:
        mode = MODE.get()
        MODE.set(Mode(mode.recording, (*mode.observers, self), mode.entered))
        return self

    def __exit__(self, *_: object) -> None:
        mode = MODE.get()
        MODE.set(Mode(mode.recording, tuple(o for o in mode.observers if o is not self), mode.entered))

    def on_record(self, node: Node, inputs: Sequence[Any], out: Any) -> None:
        """Called after each recorded operation with its node, its inputs and its output array."""


class _NoteGradient:
    """The hook that fills in what a gradient is like. It does not keep its entry alive, nor so the graph."""

    __slots__ = ("details", "entry")

    def __init__(self, entry: Entry, details: bool) -> None:
        self.entry = weakref.ref(entry)
        self.details = details

    def __call__(self, node: Node, g: Any) -> None:
        entry = self.entry()
        if entry is not None:
            values = g.array if isinstance(g, Recorded) else g
            entry.grad_norm = norm_of(values, node.backend)
            if self.details:
                entry.grad = summary(values, node.backend)


class Tape(Observer):
    """Hold on to what is recorded inside, to look at it.

        with mg.Tape() as tape:
            loss = model(x)
        loss.backward()
        print(tape)

    A Tape is a sequence of `Entry` in recording order. Leaves and constants have a line where they are first read.
    Printed, a tape of more than 40 lines shows the steps that repeat once; `table` gives the choice.

    Args:
        details: note for each line which line of the program recorded it, and what its value and its gradient look
            like (`Entry.source`, `value`, `grad`). Recording then takes several times as long.
    """

    def __init__(self, details: bool = False) -> None:
        self.details = details
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
        numbers = [self._line_of(x) if isinstance(x, Recorded) else None for x in inputs]
        if node.params:
            numbers += [self._line_of(wrap(array, node.backend)) for array in arrays_in(node.params)]
        self._append(node, tuple(numbers), self._new_bytes(node, inputs), out)

    @property
    def saved_bytes(self) -> int:
        """The memory kept alive for backward, beside parameters; measured when recorded."""
        return sum(entry.saved_bytes for entry in self.entries)

    def number_of(self, x: Recorded) -> int | None:
        """The number of a tensor's line; None if it was neither recorded nor read while the tape was open."""
        if x.node is None:
            key = id(x.array)
            return self._numbers[key] if key in self._constants else None
        return self._numbers.get(x.node.index)

    @property
    def constants(self) -> dict[int, int]:
        """The numbers of the constants' lines, by the `id` of their arrays, which the tape holds."""
        return {key: self._numbers[key] for key in self._constants}

    def _line_of(self, x: Recorded) -> int:
        key = id(x.array) if x.node is None else x.node.index
        if key not in self._numbers or (x.node is None and key not in self._constants):
            if x.node is None:
                self._constants[key] = x.array
                node: Node = Constant(None, (), None, {}, x.backend, SCOPE.get(), x.array.shape, x.array.dtype)
            else:
                node = x.node
                if node.primitive is None:
                    self._account(x.array)
            self._append(node, (), 0, x.array)
            self._numbers[key] = len(self.entries) - 1
        return self._numbers[key]

    def _append(self, node: Node, inputs: tuple[int | None, ...], saved_bytes: int, value: Any) -> None:
        entry = Entry(len(self.entries), node, inputs, saved_bytes)
        if self.details:
            entry.source = calling_line() if node.primitive is not None else None
            entry.value = summary(value, node.backend)
        self._numbers[node.index] = entry.number
        self.entries.append(entry)

        if not isinstance(node, Constant):
            if node.hooks is not None:  # a leaf outlives the tapes that saw it
                node.hooks.discard(lambda hook: isinstance(hook, _NoteGradient) and hook.entry() is None)
            node.add_hook(_NoteGradient(entry, self.details))

    def _new_bytes(self, node: Node, inputs: Sequence[Any]) -> int:
        return sum(self._account(array) for array in node.saved if hasattr(array, "nbytes"))

    def _account(self, array: Any) -> int:
        """The bytes behind an array, if no earlier array was a view of the same memory."""
        array = memory_of(array)
        if id(array) in self._buffers:
            return 0
        self._buffers[id(array)] = array
        return int(array.nbytes)

    def table(self, fold: bool = True, width: int | None = None) -> str:
        """The tape as text, one line an entry: what `print(tape)` shows.

        Args:
            fold: show steps that repeat once, and one line for all that are like them: the steps of a recurrence and
                the calls of a module that recorded the same operations in the same scopes. The folded line tells how
                many lines it hides, the memory they keep for backward, and after backward the range of their gradient
                norms. Line numbers go on as if nothing was hidden.
            width: columns of text that long scopes, names, inputs and shapes are shortened for, with "..."; by default
                as many as the terminal has, 120 without one. Below about 80 the table may stay wider than asked for.
        """
        return table(self.entries, fold, width)

    def __str__(self) -> str:
        return self.table(fold=len(self.entries) > UNFOLDED_LINES)

    def __repr__(self) -> str:
        return f"<Tape of {len(self.entries)} lines, {self.saved_bytes} bytes saved>"

    def _repr_html_(self) -> str:
        """What a notebook shows: the lines that `print` shows, as a table."""
        return as_html(self.entries, len(self.entries) > UNFOLDED_LINES, repr(self).strip("<>"))


class AnomalyError(ArithmeticError):
    """A NaN or an infinity appeared; the message says where."""


class detect_anomaly(Observer):
    """Stop at the first NaN (or infinity, with `infinity=True`) that a recorded operation or its gradient produces.

    What is recorded inside is watched, also when its backward pass comes later. The error names the operation, its
    scope, the code that called it, and what its inputs held: "NaN from log in decoder.attention @ t=17: mg.log(p)
    (decoder.py:31, in forward); x is from -0.2 to 0.9". Of a gradient it names the input that the gradient goes to:
    "NaN from the gradient of sqrt to x in norm: mg.sqrt(s) (...)". Slow: for debugging.
    """

    def __init__(self, infinity: bool = False) -> None:
        self._infinity = infinity

    def on_record(self, node: Node, inputs: Sequence[Any], out: Any) -> None:
        code = calling_code()
        place = f"in {node.scope}{f': {code}' if code else ''}"
        if kind := self._strange(out, node.backend):
            raise AnomalyError("; ".join([f"{kind} from {node.name} {place}", *_held(node, inputs)]))
        row = node.primitive
        rules = row.rules or row.rules_for(len(node.inputs))
        node.primitive = copy.copy(row)  # the same row of the table, but its rules are watched
        node.primitive.rules = [
            self._watched(rule, f"the gradient of {node.name} to {row.input_name(i)} {place}")
            for i, rule in zip(range(len(node.inputs)), rules)
        ]

    def _watched(self, rule: Callable[..., Any], where: str) -> Callable[..., Any]:
        def watched(g: Any, saved: Any, params: Any, parent: Node, xp: Any) -> Any:
            d = rule(g, saved, params, parent, xp)
            found = [] if d is None else d.arrays(xp) if type(d) in DEFERRED else [d]
            for values in found:
                if kind := self._strange(values, parent.backend):
                    raise AnomalyError(f"{kind} from {where}")
            return d

        return watched

    def _strange(self, values: Any, backend: Any) -> str | None:
        """ "NaN" or "infinity", if there is one that is looked for."""
        array = values.array if isinstance(values, Recorded) else values
        if not dtypes.is_float(array.dtype):
            return None
        host = np.asarray(backend.to_numpy(array))
        if np.isnan(host).any():
            return "NaN"
        return "infinity" if self._infinity and np.isinf(host).any() else None


def _held(node: Node, inputs: Sequence[Any]) -> list[str]:
    """What each input held, in a few words: the range; or of those that were NaN themselves, that."""
    ranges, strange = [], []
    for i, x in enumerate(inputs):
        array = x.array if isinstance(x, Recorded) else x
        host = np.asarray(array if isinstance(array, (int, float)) else node.backend.to_numpy(array))
        name = node.primitive.input_name(i)
        if not host.size or (host.dtype.kind not in "iu" and not dtypes.is_float(host.dtype)):
            continue
        numbers = host.astype(np.float64)
        if np.isnan(numbers).any():
            strange.append(f"{name} holds NaN itself")
        low, high = numbers.min(), numbers.max()
        ranges.append(f"{name} is {low:.4g}" if low == high else f"{name} is from {low:.4g} to {high:.4g}")
    return strange or ranges

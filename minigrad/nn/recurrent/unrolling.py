"""Unrolling cells over time: `Recurrent` for any cell."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from ...engine.recorded import describe
from ...engine.recording import gc_paused
from ...engine.scope import MODE, SCOPE
from ...ops.arguments import as_tensor
from ...ops.shaping import concat, permute_dims, stack
from ...recomputing import recompute
from ...tensors.tensor import Tensor
from ..module import Module
from .cells import Cell
from .packing import Packing, shrink


class Step(NamedTuple):
    """One step of an unrolling.

    Attributes:
        time: its number, which its scope gets.
        at: where its inputs are among those of the segment.
        rows: how many sequences are still going on.
    """

    time: int
    at: int | slice
    rows: int


class Recurrent(Module):
    """Any cell, unrolled over the first axis of its input.

    Args:
        cell: a module with `forward(x_t, state) -> (output, state)`, where x_t is (B, F), the output a tensor (B, ...),
            and the state a tree of tensors: one, or tuples, named tuples, lists and dicts of them, nested at will. It
            gets None as its first state if none is given.
        reverse: go from the last time step to the first. Outputs stay in the order of the inputs.
        batch_first: inputs are (B, T, F) and outputs (B, T, H).
        recompute: keep only the states between segments of the sequence for backward, and compute the steps of a
            segment again when their gradients are needed (Chen et al., Training deep nets with sublinear memory cost,
            2016). A number is the steps of a segment; True takes the square root of T, so that memory grows with it.

    Called with x (T, B, F), optionally an initial state, and optionally `lengths`, it returns the outputs (T, B, H) and
    the final state. The work of each step is recorded in a scope of its own, numbered by its time step from 0.

    With `lengths`, B integers from 1 to T, sequence b ends after step lengths[b] - 1, and with `reverse` begins there.
    Outputs after that are zeros, the final state is that of each sequence's own last step, and gradients are those
    of each sequence alone. The batch shrinks as sequences end: padding costs nothing. Each tensor of the state then has
    one row for each sequence.

    Raises ValueError for another number of axes, for T = 0, for lengths that do not fit; TypeError for a cell that
    returns no pair.
    """

    def __init__(
        self,
        cell: Callable[..., tuple[Tensor, Any]],
        reverse: bool = False,
        batch_first: bool = False,
        recompute: bool | int = False,
    ) -> None:
        super().__init__()
        if not callable(cell):
            raise TypeError(f"Recurrent unrolls a cell, a module with forward(x_t, state), not a {type(cell).__name__}")
        self.cell = cell
        self.reverse = reverse
        self.batch_first = batch_first
        self.recompute = check_segment(recompute)

    def forward(self, x: Any, state: Any = None, lengths: Any = None) -> tuple[Tensor, Any]:
        x = time_major(x, self.batch_first, "Recurrent")
        outputs, state = self._unroll(x, state) if lengths is None else self._unroll_packed(x, state, lengths)
        return permute_dims(outputs, (1, 0, *range(2, outputs.ndim))) if self.batch_first else outputs, state

    def _unroll(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        """All sequences as long as the input."""
        steps, batch = x.shape[:2]
        segments = []
        for a, b in self._segments(steps):
            if self.reverse:
                a, b = steps - b, steps - a
            order = [Step(t, t - a, batch) for t in range(a, b)]
            segments.append((x if b - a == steps else x[a:b], order[::-1] if self.reverse else order))
        outputs, state, _ = self._run(segments, state, batch)
        return concat(outputs[::-1] if self.reverse else outputs) if len(outputs) > 1 else outputs[0], state

    def _unroll_packed(self, x: Tensor, state: Any, lengths: Any) -> tuple[Tensor, Any]:
        """Each sequence as long as `lengths` says."""
        packing = Packing(lengths, x.shape[0], x.shape[1], self.reverse)
        rows, begin, segments = packing.pack(x), 0, []
        for a, b in self._segments(packing.longest):
            order, n = [], 0
            for k, count in enumerate(packing.counts[a:b], a):
                order.append(Step(packing.longest - 1 - k if self.reverse else k, slice(n, n + count), count))
                n += count
            segments.append((rows if n == rows.shape[0] else rows[begin : begin + n], order))
            begin += n
        outputs, state, ended = self._run(segments, packing.sort(state), x.shape[1])
        return packing.unpack(concat(outputs) if len(outputs) > 1 else outputs[0]), packing.unsort(state, ended)

    def _segments(self, steps: int) -> list[tuple[int, int]]:
        """Where the parts begin and end that are recomputed one by one; one part if nothing is recomputed."""
        length = steps
        if self.recompute and MODE.get().recording:
            length = math.isqrt(steps - 1) + 1 if self.recompute is True else self.recompute
        return [(a, min(a + length, steps)) for a in range(0, steps, length)]

    def _run(
        self, segments: list[tuple[Tensor, list[Step]]], state: Any, count: int
    ) -> tuple[list[Tensor], Any, list[Any]]:
        """All segments: their outputs, the state after the last, and the states of the sequences that ended before."""
        cell: Any = self.cell
        constants = None
        if self._in_parts():
            state, constants = cell.first_state(state, count), _inside(cell, cell.constants)
        outputs: list[Tensor] = []
        ended: list[Any] = []
        for x, order in segments:
            steps = partial(self._steps, order=order, count=count)
            run = partial(recompute, steps) if self.recompute else steps
            output, state, over = run(x, state, constants)
            outputs.append(output)
            ended += over
            count = order[-1].rows
        return outputs, state, ended

    def _steps(
        self, x: Tensor, state: Any, constants: Any, order: list[Step], count: int
    ) -> tuple[Tensor, Any, list[Any]]:
        """The steps of a segment, one after the other. `count` is how many sequences were going on before it."""
        cell: Any = self.cell
        compute: Callable[..., Any] = cell
        name: str | None = None
        if constants is not None:
            x = _inside(cell, cell.project, x)
            compute, name = cell.step, _scope_name(cell)
        rest = constants or ()
        outputs: list[Any] = []
        ended: list[Any] = []
        outer = SCOPE.get()
        try:
            with gc_paused():
                for step in order:
                    inner = outer.child(None, step=step.time)
                    SCOPE.set(inner)
                    if step.rows < count:
                        state, over = shrink(state, step.rows, count)
                        ended.append(over)
                        count = step.rows
                    x_t = x[step.at]
                    if name is not None:  # a step is called past the module, which would count calls
                        SCOPE.set(inner.child(name, count=False))
                    result = compute(x_t, state, *rest)
                    if type(result) is not tuple or len(result) != 2:
                        kind = type(cell).__name__
                        raise TypeError(f"{kind} must return a pair (output, state), not a {type(result).__name__}")
                    output, state = result
                    outputs.append(output)
        finally:
            SCOPE.set(outer)
        if isinstance(order[0].at, slice):
            return concat(outputs), state, ended
        return stack(outputs[::-1] if self.reverse else outputs), state, ended

    def _in_parts(self) -> bool:
        """Whether the cell is used in its parts, and not called as a whole.

        A cell that overrides `forward` or is watched by hooks is called: what it does there has to happen.
        """
        cell = self.cell
        if not isinstance(cell, Cell) or type(cell).forward is not Cell.forward:
            return False
        return not (cell._hooks or cell._pre_hooks)

    def extra_repr(self) -> str:
        flags = [f"{name}=True" for name in ("reverse", "batch_first") if getattr(self, name)]
        return ", ".join(flags + ([f"recompute={self.recompute}"] if self.recompute else []))


def _inside(cell: Cell, function: Callable[..., Any], *args: Any) -> Any:
    """Call a function in the cell's scope, outside of all time steps."""
    outer = SCOPE.get()
    SCOPE.set(outer.child(_scope_name(cell), count=False))
    try:
        return function(*args)
    finally:
        SCOPE.set(outer)


def _scope_name(cell: Cell) -> str:
    return cell._scope_name or type(cell).__name__


def time_major(x: Any, batch_first: bool, kind: str) -> Tensor:
    """The input as (T, B, F). Raises ValueError for another number of axes, or if there is no time step."""
    x = as_tensor(x)
    axes = "(B, T, F)" if batch_first else "(T, B, F)"
    if x.ndim != 3:
        raise ValueError(f"{kind}: the input must have the axes {axes}, got {describe(x)}")
    if batch_first:
        x = permute_dims(x, (1, 0, 2))
    if not x.shape[0]:
        raise ValueError(f"{kind}: there is no time step in an input {axes} of shape {x.shape}")
    return x


def check_segment(recompute: bool | int) -> bool | int:
    """The setting as it is. Raises ValueError for a number of steps below 1."""
    if not isinstance(recompute, bool) and (not hasattr(recompute, "__index__") or recompute < 1):
        raise ValueError(f"recompute is True, False or the steps of a segment (at least 1), not {recompute!r}")
    return recompute

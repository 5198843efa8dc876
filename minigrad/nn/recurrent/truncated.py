"""Truncated backpropagation through time: gradients over a limited number of steps, along sequences of any length."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ... import tree
from ...engine.recorded import describe
from ...engine.recording import enable_grad, is_grad_enabled, no_grad
from ...ops.shaping import concat

# What `truncated_bptt` yields: which steps, their outputs, and the state after them.
Piece = tuple[slice, Any, Any]


def truncated_bptt(
    model: Callable[[Any, Any], tuple[Any, Any]], x: Any, k1: int, k2: int | None = None, state: Any = None
) -> Iterator[Piece]:
    """Run a recurrent model over a long sequence in pieces of k1 steps, whose gradients reach back k2 steps.

        for steps, outputs, state in truncated_bptt(model, x, k1=20, k2=100):
            loss = F.cross_entropy(outputs, y[steps])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    This is BPTT(k2; k1) of Williams and Peng (An efficient gradient-based algorithm for on-line training of recurrent
    network trajectories, 1990) and the algorithm of Sutskever (Training recurrent neural networks, PhD thesis, 2013,
    section 2.8.6). Memory depends on k1 and k2, not on the length of x.

    Args:
        model: `model(x, state) -> (outputs, state)` with time as the first axis of x and of the outputs, as `nn.LSTM`
            and `nn.Recurrent` without batch_first. Outputs and states are trees of tensors.
        x: (T, ...), a tensor, an array, or a tuple, list or dict of these, nested at will. It is data: gradients do
            not go through a history of its own.
        k1: how many steps there are between two updates.
        k2: how many steps back gradients reach, counted from the end of a piece; k1 if left out.
        state: the initial state; None lets the model begin.

    Yields (steps, outputs, state) for each piece: the slice of its steps, their outputs (k1, ...), and the state after
    them, without its history. The last piece is shorter if k1 does not divide T.

    With k2 > k1, the k2 - k1 steps before a piece run once more, from the stored state before them, with the
    parameters as they are then; random numbers, as for dropout, are drawn anew. With k2 < k1, the first steps of each
    piece run without being recorded: their outputs are constants.

    Raises ValueError for k1 or k2 below 1, for an empty sequence, or parts of x that differ in length; TypeError for k1
    or k2 that are no integers, and for a model that returns no pair.
    """
    k2 = k1 if k2 is None else k2
    for name, k in (("k1", k1), ("k2", k2)):
        if isinstance(k, bool) or not hasattr(k, "__index__"):
            raise TypeError(f"truncated_bptt: {name} is a number of steps, not {k!r}")
        if k < 1:
            raise ValueError(f"truncated_bptt: {name} must be at least 1, not {k}")
    return _pieces(model, x, _length(x), int(k1), int(k2), tree.detach(state))


def _pieces(model: Callable[..., Any], x: Any, steps: int, k1: int, k2: int, state: Any) -> Iterator[Piece]:
    stored = 0, state  # a time, and the state before it
    for a in range(0, steps, k1):
        b = min(a + k1, steps)
        # The state that is stored is the one before the step that the next piece goes back to, but none after b.
        next_start = min(max(0, min(b + k1, steps) - k2), b)
        piece, stored = _piece(model, x, a, b, max(0, b - k2), next_start, stored)
        yield piece
        del piece  # nothing here keeps its graph alive while the next one grows


def _piece(
    model: Callable[..., Any], x: Any, a: int, b: int, start: int, next_start: int, stored: tuple[int, Any]
) -> tuple[Piece, tuple[int, Any]]:
    """The piece from a to b, recorded from `start` on, and what is to be stored: the state before `next_start`."""
    begin, state = stored
    outputs = []
    for end in sorted({start, next_start, b}):
        if end <= begin:
            continue
        with enable_grad() if begin >= start and is_grad_enabled() else no_grad():
            output, state = _pair(model(_part(x, begin, end), state))
        if end == next_start:
            stored = end, tree.detach(state)
        if end > a:
            outputs.append(output if begin >= a else _part(output, a - begin, end - begin))
        begin = end
    whole = tree.map(lambda *parts: concat(parts), *outputs) if len(outputs) > 1 else outputs[0]
    return (slice(a, b), whole, tree.detach(state)), stored


def _pair(result: Any) -> tuple[Any, Any]:
    if type(result) is not tuple or len(result) != 2:
        raise TypeError(f"truncated_bptt: the model must return a pair (outputs, state), not a {type(result).__name__}")
    return result


def _part(x: Any, a: int, b: int) -> Any:
    """The steps from a to b of each tensor and array in a tree."""
    if isinstance(x, (tuple, list, dict)):
        return tree.with_parts(x, [_part(x[key], a, b) for key in tree.keys(x)])
    return x[a:b] if hasattr(x, "shape") else x


def _length(x: Any) -> int:
    """T, the first axis of all tensors and arrays in a tree."""
    lengths = {}
    for place, part in _parts(x, "x"):
        if not part.shape:
            raise ValueError(f"truncated_bptt: the first axis is time, and {place} has none: {describe(part)}")
        lengths[place] = part.shape[0]
    if not lengths:
        raise TypeError(f"truncated_bptt: x is a tensor, an array or a tree of them, not a {type(x).__name__}")
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{place} {n}" for place, n in lengths.items())
        raise ValueError(f"truncated_bptt: all parts of x must have as many steps; there are {listed}")
    steps = next(iter(lengths.values()))
    if not steps:
        raise ValueError("truncated_bptt: there is no time step in x")
    return steps


def _parts(x: Any, place: str) -> Iterator[tuple[str, Any]]:
    if isinstance(x, (tuple, list, dict)):
        for key in tree.keys(x):
            yield from _parts(x[key], f"{place}[{key!r}]")
    elif hasattr(x, "shape"):
        yield place, x

"""Samples of primitives that rearrange: shapes, order, padding, triangles, joining."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from samples.row import Case, Generator, Row, Shape, normal

ROWS: dict[str, Row] = {}


def rearranging(name: str, value: Any, parameters: Any, *fixed: tuple[Shape, dict[str, Any]]) -> None:
    """`parameters(rng, shape)` gives parameters for any shape; `fixed` are shapes with parameters to try always."""
    ROWS[name] = Row(
        lambda rng: (Case(normal(rng, shape), **params) for shape, params in fixed),
        lambda rng, shape: Case(normal(rng, shape), **parameters(rng, shape)),
        value,
    )


def _axes(rng: Generator, shape: Shape) -> tuple[int, ...]:
    return tuple(int(a) for a in rng.permutation(len(shape)))


def _widths(rng: Generator, shape: Shape) -> tuple[tuple[int, int], ...]:
    return tuple((int(rng.integers(3)), int(rng.integers(3))) for _ in shape)


rearranging(
    "reshape",
    lambda x, shape: np.reshape(x, shape),
    lambda rng, s: {"shape": s[::-1]},
    ((2, 3), {"shape": (3, 2)}),
    ((2, 3), {"shape": (6,)}),
    ((), {"shape": (1, 1)}),
    ((1,), {"shape": ()}),
    ((0, 3), {"shape": (5, 0)}),
)
rearranging(
    "permute_dims",
    lambda x, axes: np.transpose(x, axes),
    lambda rng, s: {"axes": _axes(rng, s)},
    ((2, 3), {"axes": (1, 0)}),
    ((2, 1, 3), {"axes": (2, 0, 1)}),
    ((), {"axes": ()}),
    ((0, 3), {"axes": (1, 0)}),
)
rearranging(
    "broadcast_to",
    lambda x, shape: np.broadcast_to(x, shape),
    lambda rng, s: {"shape": (2, *s)},
    ((3,), {"shape": (2, 3)}),
    ((2, 1), {"shape": (2, 3)}),
    ((), {"shape": (2, 2)}),
    ((1, 3), {"shape": (0, 3)}),
    ((2,), {"shape": (2,)}),
)
rearranging(
    "flip",
    lambda x, axis: np.flip(x, axis),
    lambda rng, s: {"axis": _axes(rng, s)[:1]},
    ((2, 3), {"axis": 0}),
    ((2, 3), {"axis": (0, 1)}),
    ((0, 3), {"axis": 1}),
    ((), {"axis": ()}),
)
rearranging(
    "roll",
    lambda x, shift, axis: np.roll(x, shift, axis),
    lambda rng, s: {"shift": int(rng.integers(-5, 5)), "axis": _axes(rng, s)[0] if s else None},
    ((2, 3), {"shift": 1, "axis": None}),
    ((2, 3), {"shift": -4, "axis": 1}),
    ((2, 3), {"shift": (1, 2), "axis": (0, 1)}),
    ((0, 3), {"shift": 1, "axis": 1}),
    ((), {"shift": 1, "axis": None}),
)
rearranging(
    "pad",
    lambda x, widths, value: np.pad(x, widths, constant_values=value) if widths else x.copy(),
    lambda rng, s: {"widths": _widths(rng, s), "value": 1.5},
    ((2, 3), {"widths": ((1, 0), (0, 2)), "value": 0}),
    ((2, 3), {"widths": ((0, 0), (0, 0)), "value": 7}),
    ((), {"widths": (), "value": 1}),
    ((0,), {"widths": ((1, 1),), "value": 2}),
)
for _name in ("tril", "triu"):
    rearranging(
        _name,
        getattr(np, _name),
        lambda rng, s: {"k": int(rng.integers(-2, 3))},
        ((3, 3), {"k": 0}),
        ((2, 4), {"k": 1}),
        ((2, 3, 2), {"k": -1}),
        ((0, 3), {"k": 0}),
    )
    ROWS[_name].shaped = lambda rng, s, shaped=ROWS[_name].shaped: shaped(rng, s if len(s) > 1 else (2, *s, 3)[:3])


def _joined(rng: Generator, axis: int, *shapes: Shape) -> Case:
    ends = tuple(int(n) for n in np.cumsum([s[axis] for s in shapes]))
    return Case(*(normal(rng, s) for s in shapes), axis=axis, ends=ends)


def _concats(rng: Generator) -> Iterator[Case]:
    yield _joined(rng, 0, (2, 3), (1, 3))
    yield _joined(rng, 1, (2, 3), (2, 1), (2, 0), (2, 2))
    yield _joined(rng, 0, (4,))
    yield _joined(rng, 0, (0,), (0,))


ROWS["concat"] = Row(
    _concats,
    lambda rng, s: _joined(rng, 0, (s or (2,)), (3, *s[1:]), (0, *s[1:])),
    lambda *xs, axis, ends: np.concatenate(xs, axis),
)
ROWS["stack"] = Row(
    lambda rng: (
        Case(*(normal(rng, s) for _ in range(n)), axis=axis)
        for s, n, axis in [((2, 3), 2, 0), ((2, 3), 3, 2), ((3,), 1, 1), ((), 3, 0), ((0, 2), 2, 1)]
    ),
    lambda rng, s: Case(normal(rng, s), normal(rng, s), axis=int(rng.integers(len(s) + 1))),
    lambda *xs, axis: np.stack(xs, axis),
)

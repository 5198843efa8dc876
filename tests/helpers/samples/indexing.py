"""Samples of reading and updating by index, and of one-hot vectors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from samples.row import SHAPES, Case, Generator, Row, Shape, normal, whole

ROWS: dict[str, Row] = {}

INDICES = [
    ((4,), 1),
    ((4,), -1),
    ((4,), slice(1, 3)),
    ((4,), slice(None, None, -2)),
    ((2, 3), (slice(None), 1)),
    ((2, 3), (..., 1)),
    ((2, 3), (None, slice(None), 2)),
    ((2, 3), (1, 2)),
    ((), ...),
    ((), None),
    ((4,), np.array([0, 2, 2, -1])),
    ((4, 2), np.array([[0, 1], [1, 1]])),
    ((2, 3), (slice(None), np.array([2, 0, 2]))),
    ((3, 3), (np.array([0, 1, 0]), np.array([1, 1, 1]))),
    ((2, 3, 2), (np.array([0, 1]), slice(None), np.array([1, 0]))),
    ((4,), np.array([True, False, True, False])),
    ((2, 3), np.array([[True, False, True], [False, False, True]])),
    ((3, 2), np.array([False, False, False])),
    ((4,), np.zeros(0, np.int64)),
    ((0, 3), (slice(None), 1)),
]


def any_index(rng: Generator, shape: Shape) -> Any:
    """An index of the drawn shape: slices, integers and, on one axis, an array with repetitions."""
    parts: list[Any] = []
    for n in shape[: rng.integers(0, len(shape) + 1)]:
        kind = rng.integers(3) if n else 0
        if kind == 2 and any(isinstance(p, np.ndarray) for p in parts):
            kind = 1
        step = int(rng.choice([-2, -1, 1, 2]))
        parts.append([slice(None, None, step), int(rng.integers(-n, n or 1)), rng.integers(-n, n or 1, (2, 2))][kind])
    return tuple(parts)


def _add(x: Any, values: Any, index: Any) -> Any:
    out = np.array(x)
    np.add.at(out, index, values)
    return out


def _set(x: Any, values: Any, index: Any) -> Any:
    out = np.array(x)
    out[index] = values
    return out


def _updates(rng: Generator) -> Iterator[Case]:
    for shape, index in INDICES:
        yield Case(normal(rng, shape), normal(rng, np.zeros(shape)[index].shape), index=index)


def _update(rng: Generator, shape: Shape, index: Any) -> Case:
    return Case(normal(rng, shape), normal(rng, np.zeros(shape)[index].shape), index=index)


ROWS["getitem"] = Row(
    lambda rng: (Case(normal(rng, shape), index=index) for shape, index in INDICES),
    lambda rng, s: Case(normal(rng, s), index=any_index(rng, s)),
    lambda x, index: x[index],
)
ROWS["index_add"] = Row(_updates, lambda rng, s: _update(rng, s, any_index(rng, s)), _add)
ROWS["index_set"] = Row(_updates, lambda rng, s: _update(rng, s, any_index(rng, s)), _set)
ROWS["one_hot"] = Row(
    lambda rng: (Case(whole(rng, s), n=5, dtype=np.dtype("float64")) for s in SHAPES),
    lambda rng, s: Case(whole(rng, s), n=5, dtype=np.dtype("float64")),
    lambda x, n, dtype: np.eye(n, dtype=dtype)[x],
)

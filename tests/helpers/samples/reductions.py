"""Samples of reductions over one or several axes, and of functions along one axis."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from samples.row import Case, Generator, Row, Shape, distinct, grid, normal, zeros_among

ROWS: dict[str, Row] = {}

AXES = [(None, (2, 3)), (0, (2, 3)), (-1, (2, 3)), ((0, 2), (2, 2, 2)), ((1,), (2, 2, 2)), (None, ()), (1, (0, 2))]


def any_axis(rng: Generator, shape: Shape) -> Any:
    """No axis, one, or several."""
    if not shape or rng.random() < 0.3:
        return None
    axes = rng.permutation(len(shape))[: rng.integers(1, len(shape) + 1)]
    return int(axes[0]) if len(axes) == 1 else tuple(int(a) for a in axes)


def reduction(name: str, draw: Any, value: Any, empty: bool = True, several: bool = True) -> None:
    """`empty`: whether it has a value for no elements; `several`: whether it reduces over several axes at once."""

    def fixed(rng: Generator) -> Iterator[Case]:
        for axis, shape in AXES:
            if isinstance(axis, tuple) and not several:
                continue
            for keepdims in (False, True):
                yield Case(draw(rng, shape), axis=axis, keepdims=keepdims)
        if empty:
            yield Case(draw(rng, (0, 2)), axis=0, keepdims=False)
            yield Case(draw(rng, (2, 0)), axis=None, keepdims=True)

    def shaped(rng: Generator, shape: Shape) -> Case:
        axis = any_axis(rng, shape)
        if isinstance(axis, tuple) and not several:
            axis = axis[0]
        if not empty and 0 in shape:
            shape = tuple(max(n, 1) for n in shape)
        return Case(draw(rng, shape), axis=axis, keepdims=bool(rng.integers(2)))

    ROWS[name] = Row(fixed, shaped, value)


reduction("sum", normal, np.sum)
reduction("prod", zeros_among, np.prod)
reduction("max", distinct, np.max, empty=False)
reduction("min", distinct, np.min, empty=False)
reduction("any", zeros_among, np.any)
reduction("all", zeros_among, np.all)
reduction("count_nonzero", zeros_among, np.count_nonzero)
reduction("argmax", distinct, np.argmax, empty=False, several=False)
reduction("argmin", distinct, np.argmin, empty=False, several=False)


def _logsumexp(x: Any, axis: Any, keepdims: bool) -> Any:
    with np.errstate(divide="ignore"):
        return np.log(np.sum(np.exp(x), axis=axis, keepdims=keepdims))


reduction("logsumexp", normal, _logsumexp)


def along_axis(name: str, draw: Any, value: Any, **options: tuple[Any, ...]) -> None:
    """A function along one axis, which needs one; `options` are further parameters with the values to try."""

    def settings(rng: Generator) -> dict[str, Any]:
        return {key: values[rng.integers(len(values))] for key, values in options.items()}

    def fixed(rng: Generator) -> Iterator[Case]:
        for axis, shape in [(0, (4,)), (1, (2, 3)), (0, (3, 2)), (1, (2, 3, 2)), (0, (0,)), (1, (0, 3)), (1, (2, 0))]:
            yield Case(draw(rng, shape), axis=axis, **settings(rng))

    def shaped(rng: Generator, shape: Shape) -> Case:
        shape = shape or (3,)
        return Case(draw(rng, shape), axis=int(rng.integers(len(shape))), **settings(rng))

    ROWS[name] = Row(fixed, shaped, value)


def _argsort(x: Any, axis: int, descending: bool) -> Any:
    return np.argsort(-x if descending else x, axis=axis, kind="stable")


def _softmax(x: Any, axis: int) -> Any:
    e = np.exp(x)
    return e / e.sum(axis=axis, keepdims=True)


along_axis("cumulative_sum", normal, np.cumsum)
along_axis("cumulative_prod", zeros_among, np.cumprod)
along_axis("argsort", grid(0), _argsort, descending=(False, True))
along_axis("softmax", normal, _softmax)
along_axis("log_softmax", normal, lambda x, axis: np.log(_softmax(x, axis)))


def _ordered(rng: Generator, n: int) -> np.ndarray:
    return np.sort(grid(0)(rng, (n,)))


def _searches(rng: Generator) -> Iterator[Case]:
    for n, shape in [(4, (2, 3)), (7, ()), (0, (2,)), (3, (0, 2))]:
        for side in ("left", "right"):
            yield Case(_ordered(rng, n), grid(0)(rng, shape), side=side)


ROWS["searchsorted"] = Row(
    _searches, lambda rng, s: Case(_ordered(rng, 5), grid(0)(rng, s), side="left"), np.searchsorted
)

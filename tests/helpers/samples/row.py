"""What a row of samples is, and the numbers that its inputs are drawn from."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

Generator = np.random.Generator
Shape = tuple[int, ...]


class Case:
    """One call of a primitive: its inputs (arrays, numbers, None) and its keyword parameters."""

    def __init__(self, *inputs: Any, **params: Any) -> None:
        self.inputs = inputs
        self.params = params

    def __repr__(self) -> str:
        shown = [f"{x.dtype}{list(x.shape)}" if isinstance(x, np.ndarray) else repr(x) for x in self.inputs]
        return f"({', '.join(shown + [f'{k}={v!r}' for k, v in self.params.items()])})"


class Row:
    """The samples of one primitive.

    Attributes:
        fixed: gives the cases that are always tried.
        shaped: gives one case whose (first) input has the drawn shape.
        value: the same function in plain NumPy or `math`.
    """

    def __init__(
        self,
        fixed: Callable[[Generator], Iterator[Case]],
        shaped: Callable[[Generator, Shape], Case],
        value: Callable[..., Any],
    ) -> None:
        self.fixed = fixed
        self.shaped = shaped
        self.value = value


# --- numbers ----------------------------------------------------------------------------------------------------------


def normal(rng: Generator, shape: Shape) -> np.ndarray:
    return np.asarray(rng.standard_normal(shape))


def uniform(low: float, high: float) -> Callable[[Generator, Shape], np.ndarray]:
    return lambda rng, shape: np.asarray(rng.uniform(low, high, shape))


def signs(rng: Generator, shape: Shape) -> np.ndarray:
    return np.asarray(rng.choice([-1.0, 1.0], shape))


def away(rng: Generator, shape: Shape) -> np.ndarray:
    """Numbers of both signs, not near 0."""
    return np.asarray(signs(rng, shape) * rng.uniform(0.3, 1.7, shape))


def fractional(rng: Generator, shape: Shape) -> np.ndarray:
    """Numbers of both signs that are near no integer and near no half."""
    return np.asarray(rng.integers(-3, 3, shape) + rng.choice([0.0, 0.5], shape) + rng.uniform(0.1, 0.4, shape))


def distinct(rng: Generator, shape: Shape) -> np.ndarray:
    """Numbers no two of which are near each other."""
    n = math.prod(shape)
    return np.asarray((rng.permutation(n) - n / 2 + 0.2) * 0.37).reshape(shape)


def grid(offset: float) -> Callable[[Generator, Shape], np.ndarray]:
    """Multiples of 1/2, moved by `offset`: grids of different offsets never meet."""
    return lambda rng, shape: np.asarray(rng.integers(-4, 4, shape) / 2 + offset)


def whole(rng: Generator, shape: Shape) -> np.ndarray:
    return np.asarray(rng.integers(0, 5, shape))


def truth(rng: Generator, shape: Shape) -> np.ndarray:
    return np.asarray(rng.integers(0, 2, shape), dtype=bool)


def between(rng: Generator, shape: Shape) -> np.ndarray:
    """Numbers of both signs, not near a multiple of 1 to 1.1."""
    return np.asarray(signs(rng, shape) * rng.uniform(2.3, 2.8, shape))


def zeros_among(rng: Generator, shape: Shape) -> np.ndarray:
    """Numbers of which about a third are exactly 0."""
    return np.asarray(away(rng, shape) * (rng.random(shape) < 0.7))


positive = uniform(0.3, 1.7)
inside = uniform(-0.8, 0.8)

SHAPES = [(2, 3), (), (0, 3), (5,), (2, 1, 2)]

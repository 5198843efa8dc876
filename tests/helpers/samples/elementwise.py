"""Samples of element-wise primitives: functions of one and two variables, where, clip, and conversion."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from samples.row import (
    SHAPES,
    Case,
    Generator,
    Row,
    Shape,
    away,
    between,
    fractional,
    grid,
    inside,
    normal,
    positive,
    truth,
    uniform,
    whole,
)

ROWS: dict[str, Row] = {}

erf = np.vectorize(math.erf, otypes=[float])
sigmoid = lambda x: 1 / (1 + np.exp(-x))

PAIRS = [((2, 3), (2, 3)), ((2, 3), (3,)), ((2, 1), (1, 3)), ((), (2, 3)), ((3, 2), ()), ((0, 3), (3,)), ((), ())]


def unary(name: str, draw: Any, value: Any) -> None:
    ROWS[name] = Row(
        lambda rng: (Case(draw(rng, shape)) for shape in SHAPES), lambda rng, shape: Case(draw(rng, shape)), value
    )


def binary(name: str, draw_x: Any, draw_y: Any, value: Any, more: Any = lambda rng: ()) -> None:
    def fixed(rng: Generator) -> Iterator[Case]:
        for left, right in PAIRS:
            yield Case(draw_x(rng, left), draw_y(rng, right))
        yield from more(rng)

    def shaped(rng: Generator, shape: Shape) -> Case:
        # The other operand lacks some leading axes, and some of its axes are stretched.
        other = tuple(1 if rng.random() < 0.3 else n for n in shape[rng.integers(0, len(shape) + 1) :])
        left, right = (shape, other) if rng.random() < 0.5 else (other, shape)
        return Case(draw_x(rng, left), draw_y(rng, right))

    ROWS[name] = Row(fixed, shaped, value)


def numbers(draw: Any, *values: float) -> Any:
    """Cases with a Python number on either side."""

    def more(rng: Generator) -> Iterator[Case]:
        for v in values:
            yield Case(draw(rng, (2, 2)), v)
            yield Case(v, draw(rng, (3,)))

    return more


binary("add", normal, normal, np.add, numbers(normal, 2, -0.5))
binary("subtract", normal, normal, np.subtract, numbers(normal, 2, -0.5))
binary("multiply", normal, normal, np.multiply, numbers(normal, 2, -0.5))
binary("divide", normal, away, np.divide, numbers(away, 2, -0.5))
binary("remainder", between, uniform(1, 1.1), np.remainder)
binary("floor_divide", between, uniform(1, 1.1), np.floor_divide)
binary("fmod", between, uniform(1, 1.1), np.fmod)
binary("nextafter", normal, normal, np.nextafter)
binary("hypot", away, away, np.hypot)
binary("atan2", away, away, np.arctan2)
binary("logaddexp", normal, normal, np.logaddexp, numbers(normal, 0))
binary("copysign", away, away, np.copysign)
binary("maximum", grid(0), grid(0.25), np.maximum, numbers(grid(0.1), 0))
binary("minimum", grid(0), grid(0.25), np.minimum, numbers(grid(0.1), 0))


def _powers(rng: Generator) -> Iterator[Case]:
    for exponent in (0, 1, 2, 3, -2, 0.5, 0.0):
        yield Case((positive if exponent == 0.5 else away)(rng, (2, 2)), exponent)
    for base in (2, 0.5):
        yield Case(base, normal(rng, (3,)))
    yield Case(away(rng, (2, 3)), np.array([2, 0, 3]))  # integers as an array
    yield Case(0.0, positive(rng, (2,)))


binary("pow", positive, normal, np.power, _powers)


def _wheres(rng: Generator) -> Iterator[Case]:
    for c, x, y in [((2, 3), (2, 3), (2, 3)), ((3,), (2, 1), ()), ((), (2,), (2,)), ((0,), (0,), (1,))]:
        yield Case(truth(rng, c), normal(rng, x), normal(rng, y))
    yield Case(truth(rng, (2, 2)), 0, normal(rng, (2, 2)))
    yield Case(truth(rng, (2, 2)), normal(rng, (2, 2)), 1.5)


ROWS["where"] = Row(_wheres, lambda rng, s: Case(truth(rng, s[-1:]), normal(rng, s), normal(rng, s[1:])), np.where)


def _clips(rng: Generator) -> Iterator[Case]:
    for s in [(2, 4), (), (0,)]:
        yield Case(grid(0)(rng, s), grid(-1.3)(rng, s), grid(1.2)(rng, s))  # bounds that cross now and then
        yield Case(grid(0)(rng, s), None, grid(0.2)(rng, s))
        yield Case(grid(0)(rng, s), grid(0.3)(rng, s), None)
    yield Case(grid(0)(rng, (3, 4)), -0.6, 0.7)
    yield Case(grid(0)(rng, (3, 4)), grid(0.2)(rng, (4,)), 1.1)
    yield Case(grid(0)(rng, (3, 4)), 1.1, -0.6)  # the upper bound wins


def _clip(x: Any, low: Any, high: Any) -> Any:
    x = x if low is None else np.maximum(x, low)
    return x if high is None else np.minimum(x, high)


ROWS["clip"] = Row(_clips, lambda rng, s: Case(grid(0)(rng, s), grid(-1.3)(rng, s[1:]), grid(1.35)(rng, s[-1:])), _clip)

unary("negative", normal, np.negative)
unary("abs", away, np.abs)
unary("square", normal, np.square)
unary("sqrt", positive, np.sqrt)
unary("reciprocal", away, np.reciprocal)
unary("exp", normal, np.exp)
unary("expm1", normal, np.expm1)
unary("log", positive, np.log)
unary("log1p", uniform(-0.6, 1.5), np.log1p)
unary("log2", positive, np.log2)
unary("log10", positive, np.log10)
unary("sin", normal, np.sin)
unary("cos", normal, np.cos)
unary("tan", uniform(-1.2, 1.2), np.tan)
unary("asin", inside, np.arcsin)
unary("acos", inside, np.arccos)
unary("atan", normal, np.arctan)
unary("sinh", normal, np.sinh)
unary("cosh", normal, np.cosh)
unary("tanh", normal, np.tanh)
unary("asinh", normal, np.arcsinh)
unary("acosh", uniform(1.2, 2.5), np.arccosh)
unary("atanh", inside, np.arctanh)
unary("sigmoid", normal, sigmoid)
unary("relu", away, lambda x: np.where(x > 0, x, 0))
unary("erf", normal, erf)
for _name in "sign floor ceil trunc".split():
    unary(_name, fractional, getattr(np, _name))
unary("round", fractional, np.rint)

for _name in "equal not_equal less less_equal greater greater_equal logical_and logical_or logical_xor".split():
    binary(_name, grid(0), grid(0), getattr(np, _name), numbers(grid(0), 0.5))
for _name in "bitwise_and bitwise_or bitwise_xor".split():
    binary(_name, whole, whole, getattr(np, _name), numbers(whole, 3))
binary("bitwise_left_shift", whole, whole, np.left_shift)
binary("bitwise_right_shift", whole, whole, np.right_shift)
unary("bitwise_invert", whole, np.invert)
unary("logical_not", grid(0), np.logical_not)


def _special(rng: Generator, shape: Shape) -> np.ndarray:
    return np.asarray(rng.choice([0.0, -0.0, 1.5, -2.0, np.inf, -np.inf, np.nan], shape))


for _name in "isnan isinf isfinite signbit".split():
    unary(_name, _special, getattr(np, _name))

ROWS["astype"] = Row(
    lambda rng: (Case(normal(rng, s), dtype=np.dtype("float64")) for s in SHAPES),
    lambda rng, s: Case(normal(rng, s), dtype=np.dtype("float64")),
    lambda x, dtype: x.astype(dtype),
)

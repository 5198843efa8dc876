"""The Numba backend against the NumPy backend: sigmoid, erf, gradients of sigmoid and tanh, and dropout."""

from __future__ import annotations

import numpy as np
import pytest
from numba_against_numpy import FLOATS, INF, LAYOUTS, NAN, NUMBA, check, frozen, random


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", ["sigmoid", "erf"])
def test_elementwise_on_the_whole_line(name, dtype):
    check(name, np.concatenate([np.linspace(-800, 800, 1001), np.linspace(-8, 8, 1001)]).astype(dtype))
    check(name, np.array([NAN, INF, -INF, 0.0, -0.0, 1e-30, -1e-30], dtype))
    check(name, np.array(0.5, dtype))
    check(name, frozen(np.array(0.5, dtype)))
    check(name, np.empty((2, 0, 3), dtype))


def test_sigmoid_of_a_number_and_of_integers():
    assert NUMBA.sigmoid(np.float32(0)) == 0.5
    check("sigmoid", np.arange(3))


@pytest.mark.parametrize("name", ["sigmoid_vjp", "tanh_vjp"])
def test_gradients_fall_back(name):
    g, y = random(8, 12), random(8, 12, seed=1)
    check(name, np.float32(2), y)
    check(name, g, np.float32(2))
    check(name, g[:1], y)
    check(name, g, y[0])
    check(name, g.astype(np.float64), y)
    check(name, g.astype(int), y.astype(int))
    check(name, g[:0], y[:0])


SHAPES = [(), (1,), (7,), (1, 1), (5, 1), (1, 9), (6, 40), (3, 4, 5), (2, 1, 3, 4), (300, 300), (5, 30, 60)]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_each_element_is_computed_whatever_the_shape_and_layout(shape, dtype):
    y, g = random(*shape, dtype=dtype), random(*shape, dtype=dtype, seed=1)
    for name, layout in LAYOUTS.items():
        if shape or name in ("contiguous", "frozen"):
            check("sigmoid", layout(y))
            check("tanh_vjp", g, layout(y))
            check("sigmoid_vjp", layout(g), layout(y))


def test_results_have_memory_of_their_own():
    x = random(6, 8)
    for out in (NUMBA.sigmoid(x), NUMBA.tanh_vjp(x, x), NUMBA.dropout(x, x > 0, scale=1.0)):
        assert out.flags.c_contiguous
        assert out.flags.owndata
        assert not np.shares_memory(out, x)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(3,), (64, 32)], ids=str)
def test_dropout(shape, dtype):
    x, mask = random(*shape, dtype=dtype), random(*shape, seed=1) > 0
    x.flat[0], x.flat[1], x.flat[2] = NAN, INF, -0.0
    for layout in LAYOUTS.values():
        check("dropout", layout(x), mask, scale=2)
    check("dropout", x, mask[..., ::-1], scale=1.25)
    check("dropout", x, mask[:1], scale=1.25)
    check("dropout", x, mask.astype(dtype), scale=1.25)

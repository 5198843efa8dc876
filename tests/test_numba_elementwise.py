"""The Numba backend against the NumPy backend: sigmoid, erf and dropout."""

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

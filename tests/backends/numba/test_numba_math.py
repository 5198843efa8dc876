"""The functions that Numba kernels are written with, against more exact ones, over the whole range of floats."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("numba")
pytest.importorskip("mpmath")

import mpmath
from numba import njit

from minigrad.backends.numba import compile as numba_compile
from minigrad.backends.numba import math as numba_math
from minigrad.backends.special import erf as numpy_erf

NAMES = ["exp", "sigmoid", "erf"]
MOST = 4  # units in the last place


def computed(name, x):
    """The function of each element, by a loop as kernels have it."""
    function = getattr(numba_math, name)

    @njit(**numba_compile.OPTIONS)
    def loop(x, out):
        for i in range(x.size):
            out[i] = function(x[i])

    out = np.empty_like(x)
    loop(x, out)
    return out


def in_float64(name, x):
    with np.errstate(all="ignore"):
        if name == "exp":
            return np.exp(x)
        if name == "erf":
            return numpy_erf(np, x)
        e = np.exp(-np.abs(x))
        return np.where(x < 0, e, 1) / (1 + e)


def by_mpmath(name, x):
    """To 40 digits; as a float64 and what is left of it."""
    exact = {"exp": mpmath.exp, "erf": mpmath.erf, "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x))}[name]
    with mpmath.workdps(40):
        values = [exact(mpmath.mpf(float(v))) for v in x]
        nearest = np.array([float(v) for v in values])
        return nearest, np.array([float(v - mpmath.mpf(float(n))) for v, n in zip(values, nearest)])


def units_off(out, true, rest=0.0):
    """How far `out` is from true + rest, in units in the last place."""
    with np.errstate(all="ignore"):
        rounded = true.astype(out.dtype)
        difference = (out.astype(true.dtype) - true) - rest
    finite = np.isfinite(rounded)
    assert np.array_equal(out[~finite], rounded[~finite], equal_nan=True)
    return np.max(np.abs(difference[finite]) / np.spacing(np.abs(rounded[finite])).astype(true.dtype))


@pytest.mark.parametrize("name", NAMES)
def test_float32_from_the_first_to_the_last(name):
    """Every 509th bit pattern: all signs and exponents, NaNs and numbers too small for a full mantissa among them."""
    x = np.arange(0, 2**32, 509, dtype=np.int64).astype(np.uint32).view(np.float32)
    with np.errstate(invalid="ignore"):
        wide = x.astype(np.float64)
    assert units_off(computed(name, x), in_float64(name, wide)) < MOST


@pytest.mark.parametrize("name", NAMES)
def test_float64(name):
    rng = np.random.default_rng(0)
    size = np.concatenate([np.geomspace(5e-324, 1e3, 400), rng.uniform(0, 40, 400), rng.uniform(0, 1, 200)])
    bits = rng.integers(0, 2**64, 400, dtype=np.uint64).view(np.float64)
    x = np.concatenate([size, -size, bits[np.abs(bits) < 1e3]])
    assert units_off(computed(name, x), *by_mpmath(name, x)) < MOST


EDGES = {
    "exp": ([np.nan, -np.nan, np.inf, -np.inf, 0.0, -0.0, 1e30, -1e30], [np.nan, np.nan, np.inf, 0, 1, 1, np.inf, 0]),
    "sigmoid": ([np.nan, -np.nan, np.inf, -np.inf, 0.0, -0.0, 1e30, -1e30], [np.nan, np.nan, 1, 0, 0.5, 0.5, 1, 0]),
    "erf": ([np.nan, -np.nan, np.inf, -np.inf, 0.0, -0.0, 1e30, -1e30], [np.nan, np.nan, 1, -1, 0.0, -0.0, 1, -1]),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", NAMES)
def test_edges(name, dtype):
    x, expected = (np.array(values, dtype) for values in EDGES[name])
    out = computed(name, x)
    np.testing.assert_array_equal(out, expected)
    known = ~np.isnan(expected)
    assert np.array_equal(np.signbit(out[known]), np.signbit(expected[known]))


@pytest.mark.parametrize(("dtype", "lowest"), [(np.float32, -103.9), (np.float64, -745.1)])
def test_exponentials_down_to_the_smallest_number(dtype, lowest):
    x = np.array([lowest], dtype)
    assert computed("exp", x)[0] == computed("sigmoid", x)[0] == np.finfo(dtype).smallest_subnormal

"""The Numba backend against the NumPy backend: functions of rows, whatever their shape, layout, type and numbers."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("numba")

from numba_against_numpy import CALLS, FLOATS, LAYOUTS, ODD_ROWS, check, check_call, random

# --- all kernels ------------------------------------------------------------------------------------------------------


SHAPES = [(1, 1), (3, 5), (16, 64), (40, 333), (2, 3, 7), (0, 4)]
WITHOUT = {
    ("layer_norm", (0, 4)),  # its call takes weight and bias from the rows
    ("layer_norm_vjp", (1, 1)),  # a single value is its own mean: all that is left is rounding
}


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(("name", "shape"), [(n, s) for n in CALLS for s in SHAPES if (n, s) not in WITHOUT], ids=str)
def test_shapes(name, shape, dtype):
    check_call(name, 3 * random(*shape, dtype=dtype), random(*shape, dtype=dtype, seed=1))


# Broadcasting makes constant rows, of which normalising leaves rounding alone.
NORMS = ("standardize", "layer_norm", "layer_norm_vjp")


@pytest.mark.parametrize(
    ("name", "layout"), [(n, s) for n in CALLS for s in LAYOUTS if not (n in NORMS and s == "broadcast")]
)
def test_layouts(name, layout):
    x, g = random(40, 30), random(40, 30, seed=1)
    check_call(name, LAYOUTS[layout](x), g)
    check_call(name, x, LAYOUTS[layout](g))


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -2, -3])
@pytest.mark.parametrize("name", ["softmax", "softmax_vjp", "log_softmax", "log_softmax_vjp", "logsumexp"])
def test_every_axis(name, axis):
    check_call(name, random(3, 4, 5), random(3, 4, 5, seed=1), axis)


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "logsumexp"])
def test_axis_out_of_range(name):
    check(name, random(3, 4), axis=2)
    check(name, random(3, 4), axis=-3)


def test_logsumexp_over_several_axes():
    check("logsumexp", random(3, 4))
    check("logsumexp", random(3, 4, 5), axis=(0, 2), keepdims=True)
    check("logsumexp", random(7), axis=0)


@pytest.mark.parametrize("name", CALLS)
def test_half_precision_falls_back(name):
    check_call(name, random(8, 12, dtype=np.float16), random(8, 12, dtype=np.float16, seed=1))


@pytest.mark.parametrize("name", ["softmax_vjp", "log_softmax_vjp", "layer_norm_vjp"])
def test_types_and_shapes_that_differ_fall_back(name):
    check_call(name, random(8, 12), random(8, 12, dtype=np.float64))
    check_call(name, random(8, 12), random(1, 12))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("row", ODD_ROWS)
@pytest.mark.parametrize("name", CALLS)
def test_special_values(name, row, dtype):
    x = np.array([ODD_ROWS[row], [1, 2, 3, 4, 5]], dtype)
    g = random(2, 5, dtype=dtype)
    if row != "tiny" or "norm" not in name:
        check_call(name, x, g)
    if name.endswith("vjp"):
        check_call(name, random(2, 5, dtype=dtype), x)


# --- layer norm -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATS)
def test_layer_norm_with_and_without_weight_and_bias(dtype):
    x, weight, bias = random(4, 3, 24, dtype=dtype), random(24, dtype=dtype), random(24, dtype=dtype, seed=1)
    for w in (None, weight, weight[::-1], weight.astype(np.float16)):
        for b in (None, bias, bias.astype(np.float64)):
            check("layer_norm", x, w, b, eps=1e-5)
    check("layer_norm", x, weight[:1], bias, eps=1e-5)
    check("layer_norm", x[0, 0], weight, bias, eps=1e-5)


def test_layer_norm_of_constant_rows():
    x = np.full((2, 8), 3.0, np.float32)
    for eps in (1e-5, 0.0):
        check("standardize", x, eps)
        check("layer_norm_vjp", random(2, 8), x, eps)

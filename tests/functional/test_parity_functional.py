"""Softmax and the layers of `minigrad.functional` against PyTorch."""

# ruff: noqa: B023  (functions made in a loop are called in the same turn)

import numpy as np
import pytest
from parity import INF, NAN, ROWS_OF_SPECIALS, SCORES, TF, compare, rng_for, torch

import minigrad as mg
import minigrad.functional as F

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy reports log(0); the values are the subject


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax(name, axis, dtype):
    ours, theirs = getattr(F, name), getattr(TF, name)
    compare(lambda x: ours(x, axis), lambda x: theirs(x, axis), [SCORES], dtype)
    compare(lambda x: ours(x, axis), lambda x: theirs(x, axis), [np.zeros((0, 3))], dtype)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_of_special_numbers(name, dtype):
    for row in ROWS_OF_SPECIALS:
        compare(
            lambda x: getattr(F, name)(x, -1), lambda x: getattr(TF, name)(x, -1), [row], dtype, name=f"{name}({row})"
        )


@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 2, 3), (0, 3)])
def test_linear(shape, dtype):
    rng = rng_for("linear")
    inputs = [rng.standard_normal(s) for s in (shape, (4, 3), (4,))]
    compare(F.linear, TF.linear, inputs, dtype)
    compare(F.linear, TF.linear, inputs[:2], dtype)


@pytest.mark.parametrize("padding_idx", [None, 0, -1])
def test_embedding(padding_idx, dtype):
    at = np.array([[0, 2, 2], [3, 0, 1]])
    compare(
        lambda w: F.embedding(mg.tensor(at), w, padding_idx),
        lambda w: TF.embedding(torch.tensor(at), w, padding_idx),
        [rng_for("embedding").standard_normal((4, 3))],
        dtype,
    )


@pytest.mark.parametrize("sizes", [(4,), (3, 4), (2, 3, 4)])
@pytest.mark.parametrize("affine", ["", "w", "b", "wb"])
def test_layer_norm(sizes, affine, dtype):
    rng = rng_for("layer_norm")
    x, w, b = rng.standard_normal((2, 3, 4)), rng.standard_normal(sizes), rng.standard_normal(sizes)

    def run(f):
        return lambda x, w, b: f(x, sizes, w if "w" in affine else None, b if "b" in affine else None, 1e-3)

    compare(run(F.layer_norm), run(TF.layer_norm), [x, w, b], dtype)


def test_layer_norm_of_special_numbers(dtype):
    """Equal numbers have no spread: the result is 0, and the gradient finite thanks to eps."""
    for row in ([2.0, 2.0, 2.0], [0.0, 0.0, 0.0], [NAN, 1.0, 2.0], [INF, 1.0, 2.0]):
        compare(lambda x: F.layer_norm(x, 3), lambda x: TF.layer_norm(x, (3,)), [np.array(row)], dtype, name=str(row))


def test_dropout_scales_what_it_keeps(dtype):
    """The random numbers differ; with p = 0 and p = 1 nothing is left to them."""
    x = rng_for("dropout").standard_normal((3, 4))
    for p, training in ((0.0, True), (1.0, True), (0.5, False)):
        compare(lambda x: F.dropout(x, p, training), lambda x: TF.dropout(x, p, training), [x], dtype)


def test_activations_of_functional_are_those_of_the_namespace():
    for name in ("gelu", "relu", "sigmoid", "silu", "softplus", "tanh"):
        assert getattr(F, name) is getattr(mg, name)

"""Norms of vectors and matrices, and the module minigrad.linalg, against PyTorch."""

# ruff: noqa: B023  (functions made in a loop are called in the same turn)

import math

import numpy as np
import pytest
from parity import INF, compare, rng_for, torch

import minigrad as mg

TL = torch.linalg
ORDERS = [0, 0.5, 1, 1.5, 2, 3, -1, -2, INF, -INF]


@pytest.mark.parametrize("ord", ORDERS)
@pytest.mark.parametrize("keepdims", [False, True])
def test_vector_norm(ord, keepdims, dtype):
    x = rng_for("norm").standard_normal((2, 3, 4))
    x[0, 1, 2] = x[1, 0, 0] = 0.0
    for axis in (None, 0, (0, 2), -1):
        compare(
            lambda x: mg.linalg.vector_norm(x, axis=axis, keepdims=keepdims, ord=ord),
            lambda x: TL.vector_norm(x, ord, axis, keepdims),
            [x],
            dtype,
            gradients=ord != 0,  # flat: PyTorch gives zeros, minigrad records nothing
            name=f"vector_norm({axis})",
        )


@pytest.mark.parametrize("ord", [1, 1.5, 2, 3, INF])
def test_norms_of_nothing_but_zeros_have_a_gradient_of_zeros(ord, dtype):
    compare(
        lambda x: mg.linalg.vector_norm(x, axis=-1, ord=ord),
        lambda x: TL.vector_norm(x, ord, -1),
        [np.array([[0.0, 0, 0], [3, 0, -4]])],
        dtype,
    )


@pytest.mark.parametrize("ord", ["fro", 1, -1, INF, -INF])
@pytest.mark.parametrize("keepdims", [False, True])
def test_matrix_norm(ord, keepdims, dtype):
    x = rng_for("matrix_norm").standard_normal((2, 3, 4))
    for axis in ((-2, -1), (0, 1), (2, 0)):
        compare(
            lambda x: mg.linalg.matrix_norm(x, keepdims=keepdims, ord=ord, axis=axis),
            lambda x: TL.matrix_norm(x, ord, axis, keepdims),
            [x],
            dtype,
            name=f"matrix_norm({axis})",
        )


def test_norm_chooses_by_the_number_of_axes(dtype):
    x = rng_for("choice").standard_normal((3, 4))
    for ord, axis in (
        (None, None),
        ("fro", None),
        (1, None),
        (1, 0),
        (None, 1),
        (3, -1),
        (INF, (0, 1)),
        (None, (1, 0)),
    ):
        compare(
            lambda x: mg.linalg.norm(x, ord, axis),
            lambda x: TL.norm(x, ord, axis),
            [x],
            dtype,
            name=f"norm({ord}, {axis})",
        )
    compare(lambda x: mg.linalg.norm(x, 3), lambda x: TL.norm(x, 3), [x[0]], dtype)
    compare(mg.linalg.norm, TL.norm, [rng_for("more").standard_normal((2, 3, 2))], dtype)


def test_norms_say_what_they_cannot_do():
    x = mg.ones((2, 2))
    for ord in (2, "nuc"):
        with pytest.raises(NotImplementedError, match="needs singular values"):
            mg.linalg.norm(x, ord)
    with pytest.raises(ValueError, match="not 'max'"):
        mg.linalg.matrix_norm(x, ord="max")
    with pytest.raises(ValueError, match="needs an axis"):
        mg.linalg.norm(mg.ones((2, 2, 2)), 1)
    with pytest.raises(AttributeError, match=r"no linalg\.svd: it factorises no matrices"):
        _ = mg.linalg.svd


def test_norms_of_16_bit_floats_do_not_overflow(backend):
    assert mg.linalg.norm(mg.full((4,), 300.0, dtype="float16")).item() == 600
    assert mg.linalg.norm(mg.tensor([3, 4])).item() == 5


def test_the_functions_of_the_module(dtype):
    rng = rng_for("linalg")
    x, y = rng.standard_normal((2, 3, 3)), rng.standard_normal((2, 3, 3))
    compare(mg.linalg.diagonal, TL.diagonal, [x], dtype)
    compare(lambda x: mg.linalg.diagonal(x, -1), lambda x: TL.diagonal(x, offset=-1), [x], dtype)
    compare(mg.linalg.trace, lambda x: TL.diagonal(x).sum(-1), [x], dtype)
    compare(mg.linalg.cross, TL.cross, [x, y], dtype)
    compare(lambda x, y: mg.linalg.cross(x, y, 1), lambda x, y: TL.cross(x, y, dim=1), [x, y[:1]], dtype)
    compare(mg.linalg.matmul, TL.matmul, [x, y], dtype)
    compare(mg.linalg.vecdot, TL.vecdot, [x, y], dtype)
    with pytest.raises(ValueError, match="three elements"):
        mg.linalg.cross(mg.ones(2), mg.ones(2))
    assert math.isclose(mg.linalg.trace(mg.tensor([[200, 0], [0, 100]], dtype="uint8")).item(), 300)

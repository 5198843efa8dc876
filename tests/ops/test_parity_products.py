"""Products of matrices against PyTorch: matmul, einsum, tensordot and the smaller ones."""

import numpy as np
import pytest
from parity import INF, NAN, compare, rng_for, torch

import minigrad as mg

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy reports log(0); the values are the subject

SHAPES = [
    ((2, 3), (3, 4)),
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((3,), (3, 4)),
    ((5, 2, 3), (3, 4)),
    ((2, 3), (5, 3, 4)),
    ((5, 1, 2, 3), (4, 3, 2)),
    ((3,), (5, 3, 2)),
    ((5, 2, 3), (3,)),
    ((0, 3), (3, 2)),
    ((2, 0), (0, 3)),
]


@pytest.mark.parametrize(("left", "right"), SHAPES)
def test_matmul(left, right, dtype):
    rng = rng_for("matmul")
    x, y = rng.standard_normal(left), rng.standard_normal(right)
    compare(mg.matmul, torch.matmul, [x, y], dtype)
    compare(lambda x, y: x @ y, lambda x, y: x @ y, [x, y], dtype)


def test_matmul_with_special_numbers(dtype):
    compare(mg.matmul, torch.matmul, [np.array([[INF, 1.0], [NAN, 0.0]]), np.array([[1.0, 2.0], [3.0, 4.0]])], dtype)


EINSUMS = {
    "ij,jk->ik": [(2, 3), (3, 4)],
    "ij,jk": [(2, 3), (3, 4)],
    "ba,cb": [(2, 3), (4, 2)],
    "bij,bjk->bik": [(2, 3, 4), (2, 4, 2)],
    "...ij,...jk->...ik": [(2, 3, 4), (2, 4, 2)],
    "...ij,jk->...ik": [(5, 2, 3, 4), (4, 2)],
    "...i,...i->...": [(2, 3, 4), (3, 4)],
    "...i,...i": [(2, 4), (3, 2, 4)],
    "i...,i...->i...": [(2, 3), (2, 3)],
    "...i->...": [(4,)],
    "...ij->...ji": [(2, 3, 4)],
    "...i,...j->...": [(1, 3), (2, 4)],
    "ii->i": [(3, 3)],
    "ii": [(3, 3)],
    "ii,i->": [(3, 3), (3,)],
    "bii->bi": [(2, 3, 3)],
    "...ii->...i": [(2, 3, 3)],
    "iij,jkk->ik": [(2, 2, 3), (3, 4, 4)],
    "iii->i": [(2, 2, 2)],
    "ij->": [(2, 3)],
    "ij->j": [(2, 3)],
    "i,j->ij": [(2,), (3,)],
    "i,j,k->kij": [(2,), (3,), (4,)],
    "ij,ij->ij": [(2, 3), (2, 3)],
    "bhqd,bhkd->bhqk": [(1, 2, 3, 4), (1, 2, 2, 4)],
    "ij,kl->": [(2, 3), (2, 2)],
    " i j , j -> i ": [(2, 3), (3,)],
    "ij,jk->ijk": [(0, 2), (2, 3)],
}


@pytest.mark.parametrize("equation", EINSUMS)
def test_einsum(equation, dtype):
    rng = rng_for(equation)
    inputs = [rng.standard_normal(s) for s in EINSUMS[equation]]
    compare(lambda *xs: mg.einsum(equation, *xs), lambda *xs: torch.einsum(equation, *xs), inputs, dtype, name=equation)


@pytest.mark.parametrize("axes", [0, 1, 2, ([0], [1]), ([1, 0], [0, 2]), ([-1], [0])])
def test_tensordot(axes, dtype):
    shapes = {
        0: [(2,), (3, 2)],
        1: [(2, 3), (3, 4)],
        2: [(2, 3, 4), (3, 4, 2)],
    }.get(axes if isinstance(axes, int) else None) or {1: [(3, 2), (4, 3)], 2: [(2, 3, 4), (3, 4, 2)]}[len(axes[0])]
    if axes == ([-1], [0]):
        shapes = [(2, 3), (3, 4)]
    rng = rng_for("tensordot")
    compare(
        lambda x, y: mg.tensordot(x, y, axes),
        lambda x, y: torch.tensordot(x, y, axes),
        [rng.standard_normal(s) for s in shapes],
        dtype,
    )


def test_other_products(dtype):
    rng = rng_for("products")
    x, y = rng.standard_normal((2, 3)), rng.standard_normal((2, 3))
    compare(mg.outer, torch.outer, [x[0], y[1]], dtype)
    compare(mg.vecdot, torch.linalg.vecdot, [x, y], dtype)
    compare(lambda x, y: mg.vecdot(x, y, 0), lambda x, y: torch.linalg.vecdot(x, y, dim=0), [x, y], dtype)
    compare(mg.matrix_transpose, lambda x: x.mT, [rng.standard_normal((2, 3, 4))], dtype)

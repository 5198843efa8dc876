"""Gradients of products: of zeros, infinities and NaN, and of factors whose partial products leave the range."""

import math

import numpy as np
import pytest
from conftest import leaf

import minigrad as mg
from minigrad.engine.record import apply
from minigrad.primitives import PRIMITIVES


def cumulative_prod(x):
    return apply(PRIMITIVES["cumulative_prod"], (x,), {"axis": 0})


INF, NAN = math.inf, math.nan

OTHERS = [  # the factors, and for each the product of the others by IEEE's rules
    ([0.0, 2.0, 3.0], [6.0, 0.0, 0.0]),
    ([0.0, 2.0, 0.0], [0.0, 0.0, 0.0]),
    ([2.0, 3.0, 0.0, 4.0], [0.0, 0.0, 24.0, 0.0]),
    ([1.0, INF, -2.0], [-INF, -2.0, INF]),
    ([0.0, INF, 2.0], [INF, 0.0, NAN]),
    ([NAN, 3.0, 2.0], [6.0, NAN, NAN]),
    ([1e-30, 1.0, 1e30, 1e30], [INF, 1e30, 1.0, 1.0]),  # the last two overflow in float32, the product does not
    ([1e30, 1e-30, 1e-30, 3.0, 1e20], [3e-40, 3e20, 3e20, 1e-10, 3e-30]),
]


@pytest.mark.parametrize(("factors", "others"), OTHERS)
def test_the_gradient_is_the_product_of_the_others(factors, others, backend):
    x = mg.tensor(factors, requires_grad=True)
    with np.errstate(all="ignore"):
        mg.prod(x).backward()
    np.testing.assert_allclose(x.grad.numpy(), np.array(others, "float32"), rtol=1e-5)


@pytest.mark.parametrize("n", [1, 2, 3, 5, 8, 13])
@pytest.mark.parametrize("zeros", [0, 1, 2])
@pytest.mark.parametrize("function", [mg.prod, cumulative_prod])
def test_gradients_of_all_orders_are_right_at_zeros(function, zeros, n, backend):
    values = np.random.default_rng(n).uniform(0.5, 1.5, n)
    values[np.random.default_rng(zeros).permutation(n)[:zeros]] = 0
    assert mg.gradcheck(function, [mg.tensor(values)])
    assert mg.gradgradcheck(function, [mg.tensor(values)])


def test_the_gradient_of_cumulative_products_against_pytorch():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    for shape in ((7, 3), (0, 2), (1, 2), (64,)):
        values, weights = rng.standard_normal(shape), rng.standard_normal(shape)
        values[rng.random(shape) < 0.2] = 0
        x, t = leaf(values), torch.tensor(values, requires_grad=True)
        (cumulative_prod(x) * weights).sum().backward()
        (torch.cumprod(t, 0) * torch.tensor(weights)).sum().backward()
        np.testing.assert_allclose(x.grad.numpy(), t.grad.numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_cumulative_products_of_half_floats_are_rounded_once(dtype, cupy):
    x = mg.tensor(np.full(400, 1.01), dtype=dtype)
    wanted = float(x[0].to("float32").item()) ** 400
    assert float(cumulative_prod(x)[-1].to("float32").item()) == pytest.approx(wanted, rel=1e-2)

"""Reductions against PyTorch: sums, products, spreads, extrema and their positions, cumulative sums."""

# ruff: noqa: B023  (functions made in a loop are called in the same turn)

import numpy as np
import pytest
from parity import INF, NAN, ROWS_OF_SPECIALS, compare, rng_for, ties, torch

import minigrad as mg

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy reports log(0); the values are the subject

REDUCTIONS = {
    "sum": lambda x, axis, keepdims: torch.sum(x, axis, keepdim=keepdims),
    "mean": lambda x, axis, keepdims: torch.mean(x, axis, keepdim=keepdims),
    "var": lambda x, axis, keepdims: torch.var(x, axis, correction=0, keepdim=keepdims),
    "std": lambda x, axis, keepdims: torch.std(x, axis, correction=0, keepdim=keepdims),
    "max": lambda x, axis, keepdims: torch.amax(x, () if axis is None else axis, keepdim=keepdims),
    "min": lambda x, axis, keepdims: torch.amin(x, () if axis is None else axis, keepdim=keepdims),
    "any": lambda x, axis, keepdims: torch.any(x, axis, keepdim=keepdims),
    "all": lambda x, axis, keepdims: torch.all(x, axis, keepdim=keepdims),
    "logsumexp": lambda x, axis, keepdims: torch.logsumexp(
        x, tuple(range(x.ndim)) if axis is None else axis, keepdim=keepdims
    ),
}
AXES = [None, 0, 1, -1, (0, 2), (0, 1, 2)]


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("name", sorted(REDUCTIONS))
def test_reductions(name, axis, keepdims, dtype):
    rng = rng_for(name)
    for x in (rng.standard_normal((2, 3, 4)), ties(2, 3, 4)(rng), np.zeros((2, 1, 3))):
        compare(
            lambda x: getattr(mg, name)(x, axis=axis, keepdims=keepdims),
            lambda x: REDUCTIONS[name](x, axis, keepdims),
            [x],
            dtype,
            name=name,
        )


@pytest.mark.parametrize("name", sorted(REDUCTIONS))
def test_reductions_of_special_numbers(name, dtype):
    for row in ROWS_OF_SPECIALS:
        compare(
            lambda x: getattr(mg, name)(x, axis=-1),
            lambda x: REDUCTIONS[name](x, -1, False),
            [row],
            dtype,
            gradients=name != "var" or not np.isinf(row).any(),
            name=f"{name}({row})",
        )


def test_the_variance_of_an_infinite_number_has_no_gradient():
    """It is NaN for all elements; PyTorch gives -inf to the finite ones."""
    x = mg.tensor([INF, 1.0], requires_grad=True)
    mg.var(x).backward()
    assert np.isnan(x.grad.numpy()).all()


def test_products(dtype):
    """Gradients are right also where one or more factors are zero."""
    for x in ([1.5, 2.0, -3.0], [1.5, 0.0, -3.0], [0.0, 0.0, 2.0]):
        compare(mg.prod, torch.prod, [np.array(x)], dtype, name=f"prod({x})")
    compare(lambda x: mg.prod(x, 1), lambda x: torch.prod(x, 1), [rng_for("prod").standard_normal((2, 3, 2))], dtype)
    compare(lambda x: mg.prod(x, 0, keepdims=True), lambda x: torch.prod(x, 0, keepdim=True), [np.ones((2, 0))], dtype)


def test_the_gradient_of_a_product_is_the_product_of_the_others():
    """PyTorch divides the product by the element instead, which is NaN for an infinite one. So with NaN."""
    x = mg.tensor([INF, 2.0, 3.0], requires_grad=True)
    mg.prod(x).backward()
    assert x.grad.tolist() == [6, INF, INF]
    t = torch.tensor([INF, 2.0, 3.0], requires_grad=True)
    torch.prod(t).backward()
    assert t.grad[0].isnan()
    x = mg.tensor([NAN, 2.0, 3.0], requires_grad=True)
    mg.prod(x).backward()
    assert str(x.grad.tolist()) == "[6.0, nan, nan]"


@pytest.mark.parametrize("name", ["max", "min"])
def test_the_gradient_of_an_extremum_is_shared_between_ties(name, dtype):
    compare(getattr(mg, name), getattr(torch, name), [np.array([[3.0, 1.0], [1.0, 3.0]])], dtype)


def test_an_extremum_along_an_axis_shares_too_unlike_max_of_pytorch():
    """`torch.max(x, dim)` gives all of the gradient to the one element whose index it returns; `amax` shares it."""
    x = mg.tensor([2.0, 2.0, 1.0], requires_grad=True)
    mg.max(x, axis=0).backward()
    assert x.grad.tolist() == [0.5, 0.5, 0.0]
    t = torch.tensor([2.0, 2.0, 1.0], requires_grad=True)
    torch.max(t, 0).values.backward()
    assert sorted(t.grad.tolist()) == [0.0, 0.0, 1.0]


@pytest.mark.parametrize("correction", [0, 1, 0.5])
@pytest.mark.parametrize("name", ["var", "std"])
def test_variance_with_a_correction(name, correction, dtype):
    x = rng_for(name).standard_normal((3, 4))
    for axis in (None, 1, (0, 1)):
        compare(
            lambda x: getattr(mg, name)(x, axis=axis, correction=correction),
            lambda x: getattr(torch, name)(x, axis, correction=correction),
            [x],
            dtype,
        )


def test_variance_is_that_of_numpy_by_default():
    """The array API standard divides by n; PyTorch by n - 1 unless told otherwise."""
    assert mg.var(mg.tensor([1.0, 3.0])).item() == 1
    assert torch.var(torch.tensor([1.0, 3.0])).item() == 2


@pytest.mark.parametrize("name", ["argmax", "argmin"])
def test_positions_of_extrema(name):
    """The first of several; PyTorch leaves it open which one, and a NaN counts as the extremum in both."""
    x = rng_for(name).standard_normal((3, 4, 2))
    for axis in (None, 0, -1):
        compare(
            lambda x: getattr(mg, name)(x, axis=axis, keepdims=axis is not None),
            lambda x: getattr(torch, name)(x, axis, keepdim=axis is not None),
            [x],
            "float32",
        )
    compare(getattr(mg, name), getattr(torch, name), [np.array([1.0, NAN, 5.0, -5.0])], "float32")


def test_counts():
    compare(mg.count_nonzero, torch.count_nonzero, [np.array([[0.0, 1.0], [NAN, -0.0]])], "float32")
    compare(
        lambda x: mg.count_nonzero(x, 1), lambda x: torch.count_nonzero(x, 1), [np.array([[0, 1], [3, 2]])], "float32"
    )


def test_cumulative_sums(dtype):
    for axis in (0, 1, -1):
        compare(
            lambda x: mg.cumulative_sum(x, axis),
            lambda x: torch.cumsum(x, axis),
            [np.arange(12.0).reshape(3, 4)],
            dtype,
        )
    compare(lambda x: mg.cumulative_sum(x, 0), lambda x: torch.cumsum(x, 0), [np.array([1.0, INF, -INF, 2.0])], dtype)


@pytest.mark.parametrize("name", ["sum", "prod", "any", "all", "max", "min", "argmax"])
@pytest.mark.parametrize("kind", ["int32", "int64", "bool", "uint8"])
def test_reductions_of_integers_and_truth_values(name, kind):
    x = np.array([[1, 0, 3], [2, 1, 1]]).astype(kind)
    theirs = {"max": torch.amax, "min": torch.amin}.get(name, getattr(torch, name))
    if kind == "bool" and name == "argmax":
        assert mg.argmax(mg.tensor(x)).item() == 0
        return  # PyTorch has no argmax of truth values
    out, want = getattr(mg, name)(mg.tensor(x)), theirs(torch.tensor(x))
    assert out.item() == want.item()
    if (kind, name) == ("uint8", "sum") or (kind, name) == ("uint8", "prod"):
        assert out.dtype == mg.uint64  # unsigned stays unsigned, as the array API standard asks; PyTorch: int64
    elif (kind, name) in (("uint8", "any"), ("uint8", "all")):
        assert out.dtype == mg.bool  # PyTorch: uint8, for compatibility with its past
    else:
        assert str(out.dtype) == str(want.dtype).removeprefix("torch.")

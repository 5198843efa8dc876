"""Putting values into tensors at many places, and running extremes, against PyTorch."""

import numpy as np
import pytest
from parity import INF, NAN, compare, rng_for, ties, torch

import minigrad as mg

# An axis, the shapes of x and of the values, and indices without repetition along that axis.
UNIQUE = [
    (0, (4, 3), (2, 3), [[0, 1, 3], [2, 0, 1]]),
    (1, (2, 5), (3, 4), [[4, 0, 2], [1, 2, 3]]),  # fewer indices than values
    (-1, (3, 4), (1, 2), [[3, 0]]),  # and than rows of x
    (0, (5,), (3,), [4, 0, 2]),
]
REPEATED = [
    (0, (4, 3), (3, 3), [[0, 1, 3], [2, 1, 3], [0, 1, 3]]),
    (1, (2, 3, 2), (2, 4, 2), [[[0, 0], [0, 1], [0, 2], [1, 0]], [[2, 1], [2, 1], [2, 0], [2, 0]]]),
    (0, (5,), (7,), [4, 0, 4, 4, 1, 0, 4]),
    (0, (3,), (0,), []),
]


def pair(name, axis, index, *options):
    at = np.array(index, dtype=np.int64)

    def ours(x, src):
        return getattr(mg, name)(x, axis, mg.tensor(at), src, *options)

    def theirs(x, src):
        return getattr(torch, name)(x, axis, torch.tensor(at), src, *options)

    return ours, theirs


def same_sizes(values, index):
    """Whether PyTorch has a gradient: it wants the shape of the indices and of the values to be the same."""
    return np.shape(index) == values


@pytest.mark.parametrize(("axis", "shape", "values", "index"), UNIQUE)
def test_scatter(axis, shape, values, index, dtype):
    rng = rng_for("scatter")
    inputs = [rng.standard_normal(shape), rng.standard_normal(values)]
    compare(*pair("scatter", axis, index), inputs, dtype, same_sizes(values, index))
    at = torch.tensor(index)
    compare(
        lambda x: mg.scatter(x, axis, index, 2.5),
        lambda x: torch.scatter(x, axis, at, 2.5),
        [rng.standard_normal(shape)],
        dtype,
    )


@pytest.mark.parametrize(("axis", "shape", "values", "index"), UNIQUE + REPEATED)
def test_scatter_add(axis, shape, values, index, dtype):
    rng = rng_for("scatter_add")
    inputs = [rng.standard_normal(shape), rng.standard_normal(values)]
    compare(*pair("scatter_add", axis, index), inputs, dtype, same_sizes(values, index))


@pytest.mark.parametrize("include_self", [True, False])
@pytest.mark.parametrize("reduce", ["sum", "prod", "mean", "amax", "amin"])
@pytest.mark.parametrize(("axis", "shape", "values", "index"), UNIQUE + REPEATED)
def test_scatter_reduce(axis, shape, values, index, reduce, include_self, dtype):
    """Small whole numbers, so that there are ties: equal extremes share the gradient.

    With an x that is left out and equals the extreme, PyTorch gives it a share all the same, which is lost: not tested.
    """
    rng = rng_for(f"scatter {reduce}")
    at = np.array(index, dtype=np.int64)
    draw = ties if reduce != "prod" else lambda *s: lambda rng: rng.uniform(0.5, 2, s)
    compare(
        lambda x, src: mg.scatter_reduce(x, axis, mg.tensor(at), src, reduce, include_self),
        lambda x, src: torch.scatter_reduce(x, axis, torch.tensor(at), src, reduce, include_self=include_self),
        [draw(*shape)(rng) + (0 if include_self else 0.25), draw(*values)(rng)],
        dtype,
        same_sizes(values, index),
        name=reduce,
    )


@pytest.mark.parametrize("reduce", ["sum", "prod", "mean", "amax", "amin"])
def test_scatter_reduce_of_whole_numbers(reduce, backend):
    x, src, at = np.array([5, -7, 9], "int32"), np.array([3, 4, -9, 2, 2], "int32"), np.array([0, 1, 1, 0, 0])
    for include_self in (True, False):
        ours = mg.scatter_reduce(mg.tensor(x), 0, mg.tensor(at), mg.tensor(src), reduce, include_self)
        theirs = torch.scatter_reduce(
            torch.tensor(x), 0, torch.tensor(at), torch.tensor(src), reduce, include_self=include_self
        )
        assert ours.dtype == "int32"
        assert ours.tolist() == theirs.tolist()


def test_products_with_zeros_have_the_gradient_of_products():
    x, src = mg.ones(2, requires_grad=True), mg.tensor([0.0, 3.0, 0.0, 0.0], requires_grad=True)
    mg.scatter_reduce(x, 0, [0, 0, 1, 1], src, "prod").sum().backward()
    assert src.grad.tolist() == [3, 0, 0, 0]
    assert x.grad.tolist() == [0, 0]


def test_scatter_combines_as_pytorch_does(dtype):
    x, src = rng_for("combine").standard_normal((2, 3, 4))
    for reduce in ("add", "multiply"):
        compare(
            lambda x, src, r=reduce: mg.scatter(x, 0, np.array([[0, 1, 1, 2]]), src, r),
            lambda x, src, r=reduce: torch.scatter(x, 0, torch.tensor([[0, 1, 1, 2]]), src, reduce=r),
            [x, src],
            dtype,
            gradients=False,  # PyTorch has none here
        )


def test_scatter_of_a_place_twice_keeps_the_last(backend):
    src = mg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    out = mg.scatter(mg.zeros(2), 0, [1, 1, 0], src)
    assert out.tolist() == [3, 2]
    out.sum().backward()
    assert src.grad.tolist() == [0, 1, 1]


def test_scatter_says_what_does_not_fit():
    x = mg.zeros((2, 3))
    with pytest.raises(ValueError, match=r"scatter: indices of shape \(1, 4\) do not fit float32\[2, 3\] along axis 0"):
        mg.scatter(x, 0, [[0, 0, 1, 1]], 1.0)
    with pytest.raises(ValueError, match=r"float32\[1\] has no value for each index of shape \(1, 2\)"):
        mg.scatter_add(x, 0, [[0, 1]], mg.ones(1))
    with pytest.raises(TypeError, match="indices must be integers, not float32"):
        mg.scatter(x, 0, mg.ones((1, 3)), 1.0)
    with pytest.raises(ValueError, match="not 'median'"):
        mg.scatter_reduce(x, 0, [[0]], x, "median")
    with pytest.raises(IndexError):
        mg.scatter_add(x, 0, [[2]], x).numpy()


@pytest.mark.parametrize("name", ["cummax", "cummin"])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_running_extremes(name, axis, dtype):
    """Of equal ones the last, as in PyTorch; NaN stays."""
    for x in (ties(7, 6)(rng_for(name)), rng_for(name).standard_normal((5, 1)), np.zeros((2, 0)), np.zeros((0, 3))):
        if x.shape == (7, 6):
            x[3, 2], x[4, 2], x[2, 4], x[0, 5] = NAN, NAN, INF, -INF
        compare(
            lambda x: getattr(mg, name)(x, axis), lambda x: tuple(getattr(torch, name)(x, axis)), [x], dtype, name=name
        )


def test_running_extremes_of_whole_numbers(backend):
    x = np.array([[3, 1, 4, 1, 5, 9, 2, 6]], dtype="uint8")
    values, at = mg.cummax(mg.tensor(x), 1)
    assert values.dtype == "uint8"
    assert values.tolist() == [[3, 3, 4, 4, 5, 9, 9, 9]]
    assert at.tolist() == [[0, 0, 2, 2, 4, 5, 5, 5]]
    assert mg.cummin(mg.tensor(x), 1)[0].tolist() == [[3, 1, 1, 1, 1, 1, 1, 1]]

"""Functions composed of others against PyTorch: grids, joining, diagonals, differences, closeness, sets."""

import numpy as np
import pytest
from parity import INF, NAN, SPECIAL, compare, rng_for, same, torch

import minigrad as mg

# name -> (ours, theirs, shapes of the inputs)
COMPOSED = {
    "hstack": (lambda *xs: mg.hstack(xs), lambda *xs: torch.hstack(xs), [(2, 1), (2, 3)]),
    "hstack of vectors": (lambda *xs: mg.hstack(xs), lambda *xs: torch.hstack(xs), [(2,), (3,)]),
    "hstack of numbers": (lambda *xs: mg.hstack(xs), lambda *xs: torch.hstack(xs), [(), (), ()]),
    "vstack": (lambda *xs: mg.vstack(xs), lambda *xs: torch.vstack(xs), [(2, 3), (1, 3)]),
    "vstack of vectors": (lambda *xs: mg.vstack(xs), lambda *xs: torch.vstack(xs), [(3,), (3,)]),
    "meshgrid": (
        lambda *xs: mg.meshgrid(*xs),
        lambda *xs: torch.meshgrid(*xs, indexing="xy"),
        [(2,), (3,), (4,)],
    ),
    "meshgrid by index": (
        lambda *xs: mg.meshgrid(*xs, indexing="ij"),
        lambda *xs: torch.meshgrid(*xs, indexing="ij"),
        [(2,), (), (4,)],
    ),
    "meshgrid of one": (lambda x: mg.meshgrid(x), lambda x: torch.meshgrid(x, indexing="xy"), [(3,)]),
    "diff": (mg.diff, torch.diff, [(2, 5)]),
    "diff thrice": (lambda x: mg.diff(x, axis=0, n=3), lambda x: torch.diff(x, dim=0, n=3), [(5, 2)]),
    "diff with ends": (
        lambda x, y, z: mg.diff(x, prepend=y, append=z),
        lambda x, y, z: torch.diff(x, prepend=y, append=z),
        [(2, 3), (2, 1), (2, 2)],
    ),
    "diff of few": (lambda x: mg.diff(x, n=2), lambda x: torch.diff(x, n=2), [(1,)]),
    "diagonal": (mg.diagonal, torch.diagonal, [(3, 4)]),
    "diagonal beside": (
        lambda x: mg.diagonal(x, -1, 0, 2),
        lambda x: torch.diagonal(x, -1, 0, 2),
        [(4, 2, 3)],
    ),
    "diagonal outside": (lambda x: mg.diagonal(x, 5), lambda x: torch.diagonal(x, 4), [(3, 4)]),
    "trace": (mg.trace, torch.trace, [(3, 4)]),
    "vecdot": (mg.vecdot, torch.linalg.vecdot, [(2, 3), (3,)]),
    "vecdot along": (lambda x, y: mg.vecdot(x, y, 0), lambda x, y: torch.linalg.vecdot(x, y, dim=0), [(3, 2), (3, 1)]),
    "positive": (mg.positive, torch.positive, [(2, 3)]),
    "conj": (mg.conj, torch.conj, [(2, 3)]),
    "real": (mg.real, torch.real, [(2, 3)]),
    "broadcast_arrays": (mg.broadcast_arrays, torch.broadcast_tensors, [(2, 1), (3,)]),
    "sum of a type": (
        lambda x: mg.sum(x, 0, dtype="float64"),
        lambda x: torch.sum(x, 0, dtype=torch.float64),
        [(2, 3)],
    ),
    "prod of a type": (
        lambda x: mg.prod(x, 1, dtype=mg.float64),
        lambda x: torch.prod(x, 1, dtype=torch.float64),
        [(2, 3)],
    ),
    "cumulative_prod": (lambda x: mg.cumulative_prod(x, 1), lambda x: torch.cumprod(x, 1), [(2, 5)]),
    "cumulative_prod from one": (
        lambda x: mg.cumulative_prod(x, include_initial=True),
        lambda x: torch.cat([torch.ones(1, dtype=x.dtype), torch.cumprod(x, 0)]),
        [(4,)],
    ),
    "divide towards zero": (
        lambda x, y: mg.divide(x, y, rounding_mode="trunc"),
        lambda x, y: torch.divide(x, y, rounding_mode="trunc"),
        [(2, 3), (3,)],
    ),
    "divide downwards": (
        lambda x, y: mg.divide(x, y, rounding_mode="floor") + 0 * x + 0 * y,
        lambda x, y: torch.divide(x, y, rounding_mode="floor") + 0 * x + 0 * y,
        [(2, 3), (3,)],
    ),
}


@pytest.mark.parametrize("name", COMPOSED)
def test_composed(name, dtype):
    ours, theirs, shapes = COMPOSED[name]
    rng = rng_for(name)
    compare(ours, theirs, [rng.standard_normal(s) for s in shapes], dtype, name=name)


def test_whole_numbers_are_divided_towards_zero():
    x, y = np.array([7, -7, 7, -7, 0]), np.array([2, 2, -2, -2, 3])
    for mode in ("trunc", "floor"):
        compare(
            lambda x, y, mode=mode: mg.divide(x, y, rounding_mode=mode),
            lambda x, y, mode=mode: torch.divide(x, y, rounding_mode=mode),
            [x, y],
            "float32",
        )
    with pytest.raises(ValueError, match="rounding_mode is None, 'floor' or 'trunc', not 'up'"):
        mg.divide(x, y, rounding_mode="up")


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_nextafter(dtype):
    """PyTorch has no derivative for it. Here it is that of x: the step is one of rounding."""
    x = np.array(SPECIAL)
    compare(mg.nextafter, torch.nextafter, [x[:, None], x], dtype, gradients=False)
    t = mg.tensor([1.0, 2.0], dtype=dtype, requires_grad=True)
    (3 * mg.nextafter(t, mg.tensor(9.0, dtype=dtype))).sum().backward()
    assert t.grad.tolist() == [3, 3]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("equal_nan", [False, True])
def test_isclose(equal_nan, dtype):
    x = np.array([0.0, 1.0, 1 + 1e-6, 1 + 1e-4, INF, -INF, NAN])
    for options in ({}, {"rtol": 1e-3, "atol": 0.0}, {"rtol": 0.0, "atol": 1.0}):
        compare(
            lambda x, y, o=options: mg.isclose(x, y, equal_nan=equal_nan, **o),
            lambda x, y, o=options: torch.isclose(x, y, equal_nan=equal_nan, **o),
            [x[:, None], x],
            dtype,
        )
    assert mg.allclose(mg.tensor(x[:2], dtype=dtype), x[:2] * (1 + 1e-6))
    assert mg.allclose(mg.tensor([NAN]), mg.tensor([NAN]), equal_nan=True)
    assert not mg.allclose(mg.tensor([1.0, NAN]), mg.tensor([1.0, NAN]))


def test_isclose_of_whole_numbers_does_not_wrap_around():
    small, large = mg.tensor([0, 255], dtype="uint8"), mg.tensor([1, 254], dtype="uint8")
    assert mg.isclose(small, large).tolist() == [False, False]
    assert mg.isclose(small, large, atol=1).tolist() == [True, True]
    assert mg.isclose(mg.tensor(0.1, dtype="float64"), 0.1, rtol=0, atol=0).item()  # the number is not rounded first


@pytest.mark.parametrize("side", ["left", "right"])
def test_searchsorted(side, dtype):
    x = np.array([-INF, -1.0, 0, 0, 2, 2, 2, INF])
    values = np.array([[-INF, -2, -1, 0], [1, 2, 5, INF]])
    right = side == "right"
    compare(
        lambda x, v: mg.searchsorted(x, v, side=side),
        lambda x, v: torch.searchsorted(x, v, right=right),
        [x, values],
        dtype,
    )
    order = np.array([3, 1, 0, 2])
    shuffled = np.empty(4)
    shuffled[order] = [1.0, 2, 3, 4]
    ours = mg.searchsorted(mg.tensor(shuffled), mg.tensor([2.5]), side=side, sorter=mg.tensor(order))
    theirs = torch.searchsorted(torch.tensor(shuffled), torch.tensor([2.5]).double(), sorter=torch.tensor(order))
    same(ours, theirs, "float64", "sorter")
    assert mg.searchsorted(mg.tensor([1, 2, 3]), 2.5).item() == 2  # a number takes part as in operations


def test_unique_values_and_their_gradients(backend):
    """torch.unique has no gradient: here it goes to the first occurrence."""
    x = np.array([[3.0, 1.0, 2.0], [1.0, 3.0, 3.0]])
    t = mg.tensor(x, requires_grad=True)
    found = mg.unique_all(t)
    values, inverse, counts = torch.unique(torch.tensor(x), return_inverse=True, return_counts=True)
    for ours, theirs in ((found.values, values), (found.inverse_indices, inverse), (found.counts, counts)):
        same(ours.to("numpy"), theirs, "float64", "unique_all")
    assert found.indices.tolist() == [1, 2, 0]
    assert mg.unique_counts(t).counts.tolist() == counts.tolist()
    assert mg.unique_inverse(t).inverse_indices.tolist() == inverse.tolist()
    (found.values * mg.tensor([10.0, 20.0, 30.0], dtype="float64")).sum().backward()
    assert t.grad.tolist() == [[30, 10, 20], [0, 0, 0]]


def test_every_nan_is_a_value_of_its_own(backend):
    found = mg.unique_all(mg.tensor([NAN, 1.0, NAN, 1.0]))
    assert found.counts.tolist() == [2, 1, 1]
    assert found.inverse_indices.tolist() == [1, 0, 2, 0]
    for empty in (mg.zeros(0), mg.zeros((0, 2), dtype="int8")):
        found = mg.unique_all(empty)
        assert [t.size for t in found] == [0, 0, 0, 0]
        assert found.inverse_indices.shape == empty.shape


def test_isin(backend):
    x, values = np.array([[1, 2, 3], [5, -1, 2]]), np.array([2, -1, 7])
    for invert in (False, True):
        wanted = torch.isin(torch.tensor(x), torch.tensor(values), invert=invert)
        same(mg.isin(mg.tensor(x), mg.tensor(values), invert=invert).to("numpy"), wanted, "float64", "isin")
    assert mg.isin(mg.tensor([1.0, NAN]), [NAN, 1.0]).tolist() == [True, False]
    assert mg.isin(mg.tensor([1, 2]), []).tolist() == [False, False]
    assert mg.isin(mg.tensor([1, 2]), [], invert=True).tolist() == [True, True]


EVERYWHERE = {
    **{name: (ours, shapes) for name, (ours, _, shapes) in COMPOSED.items()},
    "scatter": (lambda x, y: mg.scatter(x, 1, [[2, 0, 1], [1, 2, 3]], y), [(2, 5), (2, 3)]),
    "scatter_add": (lambda x, y: mg.scatter_add(x, 0, [[1, 1, 0], [0, 1, 1]], y), [(2, 3), (2, 3)]),
    **{
        f"scatter_reduce {how}": (
            lambda x, y, how=how: mg.scatter_reduce(x, 0, [[1, 1, 0], [0, 1, 1]], y, how),
            [(2, 3), (2, 3)],
        )
        for how in ("mean", "prod", "amax")
    },
    "cummax": (lambda x: mg.cummax(x, 0)[0], [(5, 2)]),
    "cummin": (lambda x: mg.cummin(x, 1)[0], [(2, 5)]),
    "vector_norm": (lambda x: mg.linalg.vector_norm(x, axis=1), [(2, 3)]),
    "vector_norm of order 3": (lambda x: mg.linalg.vector_norm(x, axis=(0, 1), ord=3), [(2, 3)]),
    "matrix_norm": (lambda x: mg.linalg.matrix_norm(x, ord=1), [(2, 3, 2)]),
    "cross": (mg.linalg.cross, [(2, 3), (3,)]),
    "unique_values": (mg.unique_values, [(2, 3)]),
    "fmod": (mg.fmod, [(2, 3), (3,)]),
}


@pytest.mark.parametrize("name", EVERYWHERE)
def test_composed_functions_on_every_backend(name, backend):
    """The values of the reference backend, and gradients of first and second order by finite differences."""
    f, shapes = EVERYWHERE[name]
    rng = rng_for(name)
    arrays = [rng.permutation(np.arange(1.0, 1 + np.prod(s, dtype=int)) * 0.37 - 1.3).reshape(s) for s in shapes]
    arrays = [x + 0.11 * i for i, x in enumerate(arrays)]

    def run(*inputs):
        outs = f(*inputs)
        return outs if isinstance(outs, mg.Tensor) else mg.concat([mg.flatten(out) for out in outs])

    wanted = run(*[mg.tensor(x, backend="numpy") for x in arrays])
    out = run(*[mg.tensor(x) for x in arrays])
    assert out.device == backend
    np.testing.assert_allclose(out.to("numpy").numpy(), wanted.numpy(), rtol=1e-12, atol=1e-14)
    if out.dtype == "float64":
        assert mg.gradcheck(run, [mg.tensor(x) for x in arrays])
        assert mg.gradgradcheck(run, [mg.tensor(x) for x in arrays])

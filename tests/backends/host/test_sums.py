"""Sums of many float32 numbers keep their digits, along every axis and in every memory layout; on NumPy and Numba."""

import itertools

import numpy as np
import pytest

import minigrad as mg
import minigrad.functional as F
from minigrad.backends import get_backend

N = 140_000  # rows of 100.1: added one after the other they lose 0.2 % of their sum
VALUE = float(np.float32(100.1))


@pytest.fixture(params=["numpy", "numba"], autouse=True)
def host(request):
    with mg.use_backend(request.param):
        yield get_backend(request.param)


def rows(columns=2):
    return mg.tensor(np.full((N, columns), VALUE, np.float32))


def test_the_mean_of_many_equal_rows_is_a_row():
    x = rows()
    np.testing.assert_allclose(mg.mean(x, axis=0).numpy(), VALUE, rtol=1e-6)
    assert mg.std(x, axis=0).numpy().max() < 1e-4
    assert mg.mean(mg.tensor(np.full((1_000_000, 2), 100, np.float32)), axis=0).numpy().tolist() == [100, 100]


def test_other_sums_over_a_long_first_axis():
    x = rows()
    total, squares = N * VALUE, N * VALUE**2
    close = lambda found, wanted: np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-6)
    close(mg.sum(x, axis=0), total)
    close(mg.cumulative_sum(x, axis=0)[-1], total)
    close(mg.einsum("ij->j", x), total)
    close(mg.einsum("ij->", x), 2 * total)
    close(mg.einsum("ij,ij->j", x, x), squares)
    close(mg.einsum("ij,ij->", x, x), 2 * squares)
    close(mg.einsum("ij,ji->", x, x.T), 2 * squares)
    close(mg.einsum("ij,ji->i", x.T, x), squares)
    close(mg.vecdot(x, x, axis=0), squares)
    close(mg.matmul(x[:, 0], x[:, 1]), squares)
    close(mg.logsumexp(x, axis=0), VALUE + np.log(N))
    close(F.softmax(x, axis=0), 1 / N)
    close(F.mse_loss(x, mg.zeros_like(x)), VALUE**2)


def test_the_gradient_of_what_was_broadcast_over_many_rows():
    b = mg.zeros(2, requires_grad=True)
    (rows() * b).sum().backward()
    np.testing.assert_allclose(b.grad.numpy(), N * VALUE, rtol=1e-6)


@pytest.mark.parametrize("shape", [(3,), (3, 2), (3, 4, 2)])
def test_many_values_for_one_place(shape):
    """As in the gradient of the embedding of a token that fills a batch."""
    index = np.full(N, -2)
    for depth in (1, len(shape)):
        w = mg.zeros(shape, requires_grad=True)
        picked = w[(index,) * depth]
        picked.backward(mg.full(picked.shape, VALUE))
        wanted = np.zeros(shape)
        wanted[(-2,) * depth] = N * VALUE
        np.testing.assert_allclose(w.grad.numpy(), wanted, rtol=1e-6)


def test_few_values_for_many_places_and_an_index_out_of_range(host):
    rng = np.random.default_rng(0)
    for x in (np.zeros((50, 3), np.float32), np.zeros((40, 30), np.float32), np.zeros((40, 30, 2), np.float32).T):
        parts = tuple(rng.integers(-n, n, (700, 4)) for n in x.shape[:2])
        wanted = x.astype(float)
        values = rng.normal(size=(700, 4, *x.shape[2:])).astype(np.float32)
        np.add.at(wanted, parts, values.astype(float))
        host.add_at(x, parts, values)
        np.testing.assert_allclose(x, wanted, rtol=1e-5, atol=1e-5)
    with pytest.raises(IndexError):
        host.add_at(np.zeros((5, 5), np.float32), (np.full(600, 5), np.zeros(600, int)), np.ones(600, np.float32))


@pytest.mark.parametrize("shape", [(600, 7, 3), (2, 530, 3, 5), (700, 1, 14), (5000, 2), (3, 1500)])
def test_sums_are_numpys_in_every_layout(host, shape):
    rng = np.random.default_rng(0)
    whole = rng.random(shape, dtype=np.float32) + 0.5
    for order in itertools.permutations(range(len(shape))):
        for step in (1, -2):
            x = whole.transpose(order)[::step]
            exact = x.astype(float)
            for axes in itertools.chain(*(itertools.combinations(range(x.ndim), r) for r in range(1, x.ndim + 1))):
                for axis in (axes, axes[0], axes[0] - x.ndim, None):
                    found = host.sum(x, axis=axis, keepdims=True)
                    wanted = exact.sum(axis=axis, keepdims=True)
                    assert found.shape == wanted.shape
                    assert found.dtype == np.float32
                    np.testing.assert_allclose(found, wanted, rtol=3e-6)
                    if axis is not None:
                        np.testing.assert_array_equal(host.sum(x, axis=axis), found.reshape(exact.sum(axis=axis).shape))


def test_sums_keep_infinity_nan_and_float64(host):
    x = np.ones((5000, 3))
    x[4000, 1], x[10, 2] = np.inf, np.nan
    found = host.sum(x, axis=0)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, [5000, np.inf, np.nan])
    assert host.sum(np.broadcast_to(np.float32(0.5), (10_000, 20)), axis=0).tolist() == [5000] * 20


def test_long_rows():
    """As constant rows: their deviation is rounding alone, whatever their length."""
    x = mg.tensor(np.full((2, N), VALUE, np.float32))
    assert np.abs(F.layer_norm(x, N).numpy()).max() < 0.01
    np.testing.assert_allclose(F.softmax(x).numpy(), 1 / N, rtol=1e-6)
    np.testing.assert_allclose(F.log_softmax(x).numpy(), -np.log(N), rtol=2e-6)
    np.testing.assert_allclose(mg.logsumexp(x, axis=1).numpy(), VALUE + np.log(N), rtol=1e-6)
    x = x * 0 + 0.1
    x.requires_grad_()
    F.log_softmax(x).backward(x.detach())
    np.testing.assert_allclose(x.grad.numpy(), 0, atol=2e-6)


def test_a_mean_is_rounded_once():
    """The sum times a rounded 1 / n would be rounded twice: 1 / 41 * 41 is 0.99999994."""
    for n in range(1, 200):
        x = mg.full((n,), 3.0)
        assert mg.mean(x).item() == 3
        assert mg.mean(x.reshape((n, 1)), axis=0).item() == 3
        assert F.l1_loss(x, mg.zeros(n)).item() == 3
    ones = mg.tensor([0.0, 2.0] * 41)
    assert mg.var(ones).item() == 1
    assert mg.mean(mg.full((41,), 3.0, dtype="float16")).item() == 3
    assert np.isnan(mg.mean(mg.zeros(0)).item())
    assert np.isnan(mg.var(mg.zeros(1), correction=1).item())

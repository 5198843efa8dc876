"""Gradients that are put together late: what they add up to, and when."""

import numpy as np
import pytest

pytest.importorskip("hypothesis")
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad.backends import deferred
from minigrad.backends.deferred import Partial, ProductSum


@pytest.fixture
def xp():
    return mg.get_backend("numpy")


def factors(rng, rows, shape=(3, 4)):
    return [(rng.standard_normal((n, shape[0])), rng.standard_normal((n, shape[1]))) for n in rows]


@given(rows=st.lists(st.integers(0, 5), min_size=1, max_size=8), enough=st.integers(1, 100))
def test_a_sum_of_products_is_their_sum_however_often_it_is_put_together(rows, enough):
    xp = mg.get_backend("numpy")
    parts = factors(np.random.default_rng(0), rows)
    total = ProductSum(*parts[0])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deferred, "ENOUGH", enough)
        patch.setattr(deferred, "ENOUGH_TIMES", 0)
        for x, y in parts[1:]:
            total.add(ProductSum(x, y), xp)
    wanted = sum(x.T @ y for x, y in parts)
    np.testing.assert_allclose(total.dense(xp), wanted, atol=1e-12)
    np.testing.assert_allclose(total.dense(xp), wanted, atol=1e-12)  # asking twice changes nothing
    start = np.ones((3, 4))
    assert total.add_to(start, xp) is start
    np.testing.assert_allclose(start, 1 + wanted, atol=1e-12)


def test_what_waits_is_bounded(xp, monkeypatch):
    monkeypatch.setattr(deferred, "ENOUGH", 50)
    monkeypatch.setattr(deferred, "ENOUGH_TIMES", 2)
    total = ProductSum(*factors(np.random.default_rng(0), [2])[0])
    most = 0
    for x, y in factors(np.random.default_rng(1), [2] * 100):
        total.add(ProductSum(x, y), xp)
        most = max(most, sum(map(np.size, total._xs)) + sum(map(np.size, total._ys)))
    assert most <= 50 + 14


def test_a_weight_of_many_steps_is_multiplied_once(backend, monkeypatch):
    products = []
    matmul = type(mg.get_backend(backend)).matmul
    monkeypatch.setattr(
        type(mg.get_backend(backend)), "matmul", lambda self, x, y: products.append(x.shape) or matmul(self, x, y)
    )
    monkeypatch.delitem(mg.get_backend(backend).calls, mg.primitives.linalg.matmul, raising=False)
    w = mg.Parameter(np.eye(3))
    x = mg.ones((2, 3), dtype="float64")
    h = x
    for _ in range(5):
        h = h @ w
    products.clear()
    h.sum().backward()
    assert products.count((3, 10)) == 1  # [x_1; ...; x_5].T @ [g_1; ...; g_5]
    assert len(products) == 5  # and four for the gradients of the states
    np.testing.assert_allclose(w.grad.numpy(), 10 * np.ones((3, 3)))
    monkeypatch.undo()
    mg.get_backend(backend).calls.clear()


def test_products_meet_other_gradients_of_the_same_tensor(backend):
    rng = np.random.default_rng(0)
    value, x = rng.standard_normal((3, 3)), mg.tensor(rng.standard_normal((4, 3)))
    v = mg.tensor(rng.standard_normal(3))

    def f(w):
        rows = w[0] @ v + w[2] @ v  # Partials
        return ((x @ w) @ w).sum() + (w * w).sum() + rows + mg.functional.linear(x, w).sum() + (x @ w).sum()

    assert mg.gradcheck(f, (mg.tensor(value, requires_grad=True),))
    assert mg.gradgradcheck(f, (mg.tensor(value, requires_grad=True),))


def test_factors_of_two_types_give_the_weights_type(backend):
    w = mg.Parameter(np.ones((3, 2), "float32"))
    x = mg.tensor(np.ones((4, 3)))
    ((x @ w) @ mg.ones((2, 2)) @ w.T).sum().backward()
    assert w.grad.dtype == mg.float32


def test_a_hook_sees_the_array(backend):
    w = mg.Parameter(np.ones((3, 3), "float32"))
    seen = []
    w.register_hook(lambda g: seen.append(g.shape) or 2 * g)
    h = mg.ones((1, 3))
    (h @ w @ w).sum().backward()
    assert seen == [(3, 3)]
    np.testing.assert_array_equal(w.grad.numpy(), np.full((3, 3), 12.0))


def test_detect_anomaly_looks_at_products(backend):
    w = mg.Parameter(np.zeros((2, 2), "float32"))
    x = mg.tensor(np.full((2, 2), 3e38, "float32"))
    with (
        np.errstate(all="ignore"),
        mg.detect_anomaly(infinity=True),
        pytest.raises(mg.AnomalyError, match="infinity from the gradient of matmul"),
    ):
        ((x @ w) * 2).sum().backward()


def test_partials_and_products_of_one_tensor_by_hand(xp):
    x, y = np.ones((2, 3)), np.ones((2, 3))
    part = Partial(np.ones(3), 0, (3, 3))
    np.testing.assert_array_equal(part.add_to(ProductSum(x, y).dense(xp), xp), [[3] * 3, [2] * 3, [2] * 3])
    assert [a.shape for a in part.arrays(xp)] == [(3,)]
    assert [a.shape for a in ProductSum(x, y).arrays(xp)] == [(3, 3)]


@given(
    shape=st.tuples(*[st.integers(0, 4)] * 3),
    axis=st.integers(0, 2),
    cuts=st.lists(st.integers(0, 4), max_size=3),
    order=st.randoms(use_true_random=False),
    lost=st.booleans(),
)
def test_slices_of_any_kind_end_up_where_they_belong(shape, axis, cuts, order, lost):
    """As `split` leaves them, in any order; with one piece lost or twice there they are added up instead."""
    xp = mg.get_backend("numpy")
    ends = sorted(min(c, shape[axis]) for c in cuts)
    slices = [slice(a, b) for a, b in zip([0, *ends], [*ends, shape[axis]])]
    pieces = [(*[deferred.ALL] * axis, s) for s in slices]
    pieces += [pieces[0]] if lost else []
    order.shuffle(pieces)
    check_pieces(xp, shape, pieces)


@given(n=st.integers(1, 4), axis=st.integers(0, 2), data=st.data())
def test_places_of_any_kind_end_up_where_they_belong(n, axis, data):
    """As `unstack` leaves them, counted from either end, some of them slices."""
    xp = mg.get_backend("numpy")
    kinds = data.draw(st.lists(st.sampled_from([0, -n, None]), min_size=n, max_size=n))
    indices = [slice(i, i + 1) if kind is None else i + kind for i, kind in enumerate(kinds)]
    shape = tuple(n if a == axis else 2 for a in range(3))
    check_pieces(xp, shape, [(*[deferred.ALL] * axis, i) for i in indices])
    check_pieces(xp, (n,), indices)


def check_pieces(xp, shape, pieces):
    rng = np.random.default_rng(0)
    wanted = np.zeros(shape)
    total = None
    for index in pieces:
        values = rng.standard_normal(wanted[index].shape)
        wanted[index] += values
        part = Partial(np.asarray(values), index, shape)
        if total is None:
            total = part
        else:
            total.add(part, xp)
    np.testing.assert_array_equal(total.dense(xp), wanted)

"""Infinities, NaN and zeros where a function's value has a limit: values and gradients."""

import numpy as np
import pytest

import minigrad as mg
import minigrad.functional as F

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore:reduction:UserWarning")

INF, NAN = np.inf, np.nan


def leaf(values):
    return mg.tensor(np.asarray(values, np.float32), requires_grad=True)


def values_and_slopes(losses, *leaves):
    losses.sum().backward()
    return [losses.detach().to("numpy").numpy(), *(x.grad.to("numpy").numpy() for x in leaves)]


# --- dropout ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1000,), (20, 50), (5, 4, 50)])
@pytest.mark.parametrize("shared", [(), 0])
def test_dropped_elements_are_zero_whatever_they_were(backend, shape, shared):
    with mg.use_backend(backend):
        x = mg.full(shape, INF)
        x.requires_grad_()
        out = F.dropout(x, 0.5, shared_axes=shared)
        out.backward(mg.full(shape, INF))
        found = out.detach().to("numpy").numpy()
        slopes = x.grad.to("numpy").numpy()
    assert set(found.ravel().tolist()) <= {0, INF}
    np.testing.assert_array_equal(slopes, found)
    with mg.use_backend(backend):
        assert mg.all(F.dropout(mg.full(shape, NAN), 1.0) == 0).item()


# --- losses -----------------------------------------------------------------------------------------------------------


def test_kl_div_counts_nothing_where_the_target_is_zero(backend):
    with mg.use_backend(backend):
        x, t = leaf([-INF, -1, 0, -INF, -2]), leaf([0, 0, 0, 0, 0.5])
        losses, dx, dt = values_and_slopes(F.kl_div(x, t, reduction="none"), x, t)
        np.testing.assert_allclose(losses, [0, 0, 0, 0, 0.5 * (np.log(0.5) + 2)], rtol=1e-6)
        np.testing.assert_allclose(dx, [0, 0, 0, 0, -0.5])
        np.testing.assert_allclose(dt, [0, 0, 0, 0, np.log(0.5) + 1 + 2], rtol=1e-6)
        x, t = leaf([-INF, -1, 0, -2]), leaf([-INF, -INF, -INF, np.log(0.5)])
        losses, dx, dt = values_and_slopes(F.kl_div(x, t, reduction="none", log_target=True), x, t)
        np.testing.assert_allclose(losses, [0, 0, 0, 0.5 * (np.log(0.5) + 2)], rtol=1e-6)
        np.testing.assert_allclose(dx, [0, 0, 0, -0.5], rtol=1e-6)
        np.testing.assert_allclose(dt, [0, 0, 0, 0.5 * (np.log(0.5) + 2) + 0.5], rtol=1e-6)


def test_kl_div_elsewhere_is_pytorchs():
    rng = np.random.default_rng(0)
    x, t = np.log(rng.dirichlet(np.ones(5), 7)), rng.dirichlet(np.ones(5), 7)
    t[0, :4] = [0, 0.1, 0.2, -0.1]
    for log_target, target in ((False, t), (True, np.log(np.where(t == 0, 0.5, np.abs(t))))):
        for reduction in ("mean", "sum", "none", "batchmean"):
            ours = F.kl_div(mg.tensor(x), mg.tensor(target), reduction, log_target).numpy()
            theirs = torch.nn.functional.kl_div(
                torch.tensor(x), torch.tensor(target), reduction=reduction, log_target=log_target
            )
            np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-6, atol=1e-7)


def test_kl_div_of_what_the_model_calls_impossible_is_infinite():
    x = leaf([-INF])
    losses, slope = values_and_slopes(F.kl_div(x, mg.tensor([0.5]), reduction="none"), x)
    assert (losses.item(), slope.item()) == (INF, -0.5)


def test_binary_cross_entropy_at_infinite_logits(backend):
    """PyTorch's gradients are these; its values are NaN where a class is certain, and rightly so."""
    with mg.use_backend(backend):
        x, t = leaf([INF, -INF, INF, -INF, INF, -INF]), leaf([1, 0, 0, 1, 0.5, 0.5])
        losses, slopes, _ = values_and_slopes(F.binary_cross_entropy_with_logits(x, t, reduction="none"), x, t)
    np.testing.assert_array_equal(losses, [0, 0, INF, INF, INF, INF])
    np.testing.assert_array_equal(slopes, [0, 0, 1, -1, 0.5, -0.5])


def test_binary_cross_entropy_elsewhere_is_pytorchs():
    rng = np.random.default_rng(0)
    x, t, w, pos = rng.normal(size=(6, 3)) * 30, rng.random((6, 3)).round(1), rng.random((6, 1)), rng.random(3)
    results = []
    for lib, f in ((mg, F), (torch, torch.nn.functional)):
        leaves = [lib.tensor(v, requires_grad=True) for v in (x, t)]
        out = f.binary_cross_entropy_with_logits(*leaves, lib.tensor(w), pos_weight=lib.tensor(pos))
        out.backward()
        results.append([out.detach().numpy(), *(v.grad.numpy() for v in leaves)])
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-7, atol=1e-12)


def test_the_other_losses_at_infinity():
    """An infinite distance costs infinitely much, and the way back has the slope that it has before."""
    for f, slope in ((F.huber_loss, 1), (F.l1_loss, 1), (F.smooth_l1_loss, 1), (F.mse_loss, INF)):
        x = leaf([INF, -INF])
        losses, dx = values_and_slopes(f(x, mg.zeros(2), reduction="none"), x)
        assert losses.tolist() == [INF, INF]
        assert dx.tolist() == [slope, -slope]
    x = leaf([INF, -INF])
    assert [v.tolist() for v in values_and_slopes(F.softplus(x), x)] == [[INF, 0], [1, 0]]


@pytest.mark.parametrize("bad", [NAN, INF, -INF])
def test_ignored_rows_may_hold_anything(backend, bad):
    with mg.use_backend(backend):
        for f in (F.cross_entropy, F.nll_loss):
            for options in ({}, {"label_smoothing": 0.1}, {"weight": mg.tensor([1.0, 2.0, 3.0])}):
                if f is F.nll_loss and "label_smoothing" in options:
                    continue
                x = leaf([[0.1, 0.2, 0.3], [bad] * 3, [bad, 0.5, 0.0]])
                loss, slopes = values_and_slopes(f(x, mg.tensor([2, -100, -100]), **options), x)
                one = leaf([[0.1, 0.2, 0.3]])
                wanted, slope = values_and_slopes(f(one, mg.tensor([2]), **options), one)
                np.testing.assert_allclose(loss, wanted, rtol=1e-6)
                np.testing.assert_allclose(slopes, np.concatenate([slope, np.zeros((2, 3))]), rtol=1e-6)


def test_a_class_that_is_masked_out_costs_nothing():
    x = leaf([[0.0, 0.0, -INF]])
    loss, slopes = values_and_slopes(F.cross_entropy(x, mg.tensor([0])), x)
    np.testing.assert_allclose(loss, np.log(2), rtol=1e-6)
    np.testing.assert_allclose(slopes, [[-0.5, 0.5, 0]])
    x = leaf([[0.0, 0.0, -INF]])
    loss, slopes = values_and_slopes(F.cross_entropy(x, mg.tensor([[1.0, 0.0, 0.0]])), x)
    np.testing.assert_allclose(loss, np.log(2), rtol=1e-6)
    np.testing.assert_allclose(slopes, [[-0.5, 0.5, 0]])


def test_padding_and_choosing_do_not_spread_nan():
    x = leaf([1.0, 2.0])
    out = mg.pad(x, ((1, 1),), NAN)
    mg.where(mg.isnan(out), 0, out * out).sum().backward()
    assert x.grad.numpy().tolist() == [2, 4]
    x = leaf([3.0, 3.0])
    mg.std(x).backward()
    assert x.grad.numpy().tolist() == [0, 0]

"""The functions of neural networks: what they compute, checked by hand and by finite differences.

Their values and gradients against PyTorch are in `test_parity_functional.py` and `test_parity_losses.py`.
"""

import math

import numpy as np
import pytest

import minigrad as mg
import minigrad.functional as F


def t(values, **options):
    return mg.tensor(np.asarray(values, dtype=np.float64), **options)


def rand(*shape, seed=0):
    return t(np.random.default_rng(seed).standard_normal(shape))


PROBABILITIES = t([[0.2, 0.3, 0.5], [0.1, 0.6, 0.3]])

# Everything that is composed of primitives, with arguments that are away from kinks.
COMPOSED = {
    "silu": (F.silu, [rand(2, 3)]),
    "gelu": (F.gelu, [rand(2, 3)]),
    "gelu tanh": (lambda x: F.gelu(x, "tanh"), [rand(2, 3)]),
    "softplus": (F.softplus, [rand(2, 3)]),
    "softplus beta": (lambda x: F.softplus(x, 2.0), [rand(2, 3)]),
    "embedding": (lambda w: F.embedding(mg.tensor([[0, 2], [2, 1]]), w), [rand(3, 2)]),
    "embedding with padding": (lambda w: F.embedding(mg.tensor([0, 2, 2]), w), [rand(3, 2)]),
    "layer_norm": (
        lambda x, w, b: F.layer_norm(x, (2, 3), w, b),
        [rand(2, 2, 3), rand(2, 3, seed=1), rand(2, 3, seed=2)],
    ),
    "cross_entropy": (lambda x: F.cross_entropy(x, mg.tensor([[1, 0], [2, -100]])), [rand(2, 2, 3)]),
    "cross_entropy smoothed": (lambda x: F.cross_entropy(x, mg.tensor([1, 0]), label_smoothing=0.3), [rand(2, 3)]),
    "nll_loss": (lambda x: F.nll_loss(x, mg.tensor([1, -100]), reduction="sum"), [rand(2, 3)]),
    "mse_loss": (F.mse_loss, [rand(2, 3), rand(2, 3, seed=1)]),
    "l1_loss": (F.l1_loss, [rand(2, 3), rand(2, 3, seed=1)]),
    "huber_loss": (lambda x, y: F.huber_loss(x, y, delta=0.7), [t([0.0, 0.5, 2.0, -3.0]), t([0.1, 0.1, 0.1, 0.1])]),
    "binary_cross_entropy": (F.binary_cross_entropy_with_logits, [rand(2, 3), mg.sigmoid(rand(2, 3, seed=1))]),
    "kl_div": (F.kl_div, [mg.log(PROBABILITIES), PROBABILITIES[::-1]]),
    "kl_div of logs": (lambda x, y: F.kl_div(x, y, log_target=True), [mg.log(PROBABILITIES), rand(2, 3)]),
    "mean": (lambda x: mg.mean(x, axis=0), [rand(2, 3)]),
    "var": (lambda x: mg.var(x, axis=1, correction=1), [rand(2, 3)]),
    "std": (lambda x: mg.std(x, axis=(0, 1)), [rand(2, 3)]),
    "cumulative_sum": (lambda x: mg.cumulative_sum(x, 1, include_initial=True), [rand(2, 3)]),
    "tensordot": (lambda x, y: mg.tensordot(x, y, ([0], [1])), [rand(2, 3), rand(3, 2, seed=1)]),
    "vecdot": (lambda x, y: mg.vecdot(x, y, axis=-2), [rand(2, 3, 2), rand(3, 2, seed=1)]),
    "outer": (mg.outer, [rand(2), rand(3, seed=1)]),
    "einsum": (lambda x, y: mg.einsum("...ii,ji->...j", x, y), [rand(2, 3, 3), rand(2, 3, seed=1)]),
    "sort": (lambda x: mg.sort(x, 0, descending=True), [rand(4, 2)]),
    "topk": (lambda x: mg.topk(x, 2)[0], [rand(2, 4)]),
    "take_along_axis": (lambda x: mg.take_along_axis(x, mg.tensor([[0, 0], [1, -1]]), 1), [rand(2, 2)]),
    "take": (lambda x: mg.take(x, mg.tensor([[0, 1], [-1, 1]]), axis=1), [rand(2, 3)]),
    "tile": (lambda x: mg.tile(x, (2, 2)), [rand(2, 2)]),
    "repeat": (lambda x: mg.repeat(x, mg.tensor([2, 0, 1]), 1), [rand(2, 3)]),
    "unstack": (lambda x: mg.unstack(x, 1)[0] * mg.unstack(x, 1)[2], [rand(2, 3)]),
    "split": (lambda x: mg.split(x, [1, 2], 1)[1], [rand(2, 3)]),
    "set": (lambda x, v: x.at[[0, 2]].set(v), [rand(3, 2), rand(2, seed=1)]),
    "add": (lambda x, v: x.at[[0, 2, 0]].add(v), [rand(3, 2), rand(2, seed=1)]),
}


@pytest.mark.parametrize("name", COMPOSED)
def test_derivatives_agree_with_finite_differences(name):
    f, inputs = COMPOSED[name]
    assert mg.gradcheck(f, inputs)
    assert mg.gradgradcheck(f, inputs)


def test_softmax_sums_to_one_and_bears_large_numbers(backend):
    x = mg.tensor([[1e4, 1e4 - 1.0], [-1e4, 0.0]])
    p = F.softmax(x)
    np.testing.assert_allclose(p.numpy(), [[1 / (1 + math.exp(-1)), 1 / (1 + math.e)], [0, 1]], rtol=1e-6)
    assert F.log_softmax(x)[1].tolist() == [-1e4, 0]
    np.testing.assert_allclose(F.softmax(x, axis=0).sum(axis=0).numpy(), [1, 1], rtol=1e-6)


def test_sigmoid_bears_large_numbers(backend):
    for kind in ("float16", "float32", "float64"):
        x = mg.tensor([-np.inf, -1000.0, 0.0, 1000.0, np.inf], dtype=kind)
        assert mg.sigmoid(x).tolist() == [0, 0, 0.5, 1, 1]


def test_embedding_reads_rows_and_its_gradient_adds_up(backend):
    w = mg.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], requires_grad=True)
    out = F.embedding(mg.tensor([2, 0, 2]), w)
    assert out.tolist() == [[5, 6], [1, 2], [5, 6]]
    out.sum().backward()
    assert w.grad.tolist() == [[1, 1], [0, 0], [2, 2]]
    w.grad = None
    padded = F.embedding([[0, 2]], w, padding_idx=-1)
    assert padded.shape == (1, 2, 2)
    padded.sum().backward()
    assert w.grad.tolist() == [[1, 1], [0, 0], [0, 0]]
    assert F.embedding(mg.zeros((0, 2), dtype="int64"), w).shape == (0, 2, 2)


def test_dropout(backend):
    mg.manual_seed(0)
    x = mg.ones((100, 100), requires_grad=True)
    out = F.dropout(x, 0.25)
    values = out.numpy() if not out.requires_grad else out.detach().numpy()
    np.testing.assert_allclose(np.unique(values), [0, 4 / 3], rtol=1e-6)
    assert (values == 0).mean() == pytest.approx(0.25, abs=0.02)
    out.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), values)  # the same mask and scale
    assert F.dropout(x, 0.5, training=False) is x
    assert F.dropout(x, 0.0) is x
    assert F.dropout(x, 1.0).sum().item() == 0
    assert F.dropout(mg.tensor(1.0), 0.5).shape == ()


def test_layer_norm_centres_and_scales(backend):
    x = rand(4, 6) * 3 + 5
    out = F.layer_norm(x, 6, eps=0.0).numpy()
    np.testing.assert_allclose(out.mean(-1), np.zeros(4), atol=1e-14)
    np.testing.assert_allclose(out.std(-1), np.ones(4), rtol=1e-13)
    same = F.layer_norm(x.reshape(4, 2, 3), (2, 3), eps=0.0).numpy()
    np.testing.assert_allclose(same.reshape(4, 6), out, rtol=1e-13)


def test_cross_entropy_in_nats(backend):
    logits = mg.tensor([[0.0, math.log(3.0)], [0.0, 0.0]])
    losses = F.cross_entropy(logits, [1, 0], reduction="none")
    np.testing.assert_allclose(losses.numpy(), [-math.log(0.75), math.log(2)], rtol=1e-6)
    assert F.cross_entropy(logits, [1, -100]).item() == pytest.approx(-math.log(0.75), rel=1e-6)
    assert F.cross_entropy(logits, [1, 0], reduction="sum").item() == pytest.approx(math.log(8 / 3), rel=1e-6)
    uniform = F.cross_entropy(mg.zeros((5, 7)), [0, 1, 2, 3, 4])
    assert uniform.item() == pytest.approx(math.log(7), rel=1e-6)
    assert F.cross_entropy(mg.zeros(3), 1).item() == pytest.approx(math.log(3), rel=1e-6)


def test_cross_entropy_is_log_softmax_and_nll_loss(backend):
    x, at = rand(4, 5), mg.tensor([0, 4, 2, -100])
    for reduction in ("mean", "sum", "none"):
        one = F.cross_entropy(x, at, reduction=reduction)
        two = F.nll_loss(F.log_softmax(x), at, reduction=reduction)
        np.testing.assert_allclose(one.numpy(), two.numpy(), rtol=1e-14)


def test_smoothing_spreads_the_wanted_probability():
    x = rand(1, 4)
    wanted = np.full(4, 0.1 / 4)
    wanted[2] += 0.9
    by_hand = -(wanted * F.log_softmax(x)[0].numpy()).sum()
    assert F.cross_entropy(x, [2], label_smoothing=0.1).item() == pytest.approx(by_hand, rel=1e-14)


def test_integers_of_any_size_are_classes(backend):
    for kind in ("int8", "uint8", "int32", "int64"):
        at = mg.tensor([1, 0], dtype=kind)
        assert F.cross_entropy(mg.zeros((2, 2)), at).item() == pytest.approx(math.log(2), rel=1e-6)
        assert mg.one_hot(at, 2).tolist() == [[0, 1], [1, 0]]


def test_huber_is_a_parabola_near_and_a_line_far():
    away = t([0.0, 0.5, 1.0, 3.0, -3.0])
    assert F.huber_loss(away, mg.zeros_like(away), reduction="none").tolist() == [0, 0.125, 0.5, 2.5, 2.5]
    assert F.huber_loss(away, mg.zeros_like(away), "none", 2.0).tolist() == [0, 0.125, 0.5, 4, 4]


def test_binary_cross_entropy_bears_large_logits():
    x = mg.tensor([1000.0, -1000.0, 1000.0], requires_grad=True)
    losses = F.binary_cross_entropy_with_logits(x, mg.tensor([1.0, 0.0, 0.0]), reduction="none")
    assert losses.tolist() == [0, 0, 1000]
    losses.sum().backward()
    assert x.grad.tolist() == [0, 0, 1]


def test_kl_div_is_zero_for_equal_distributions_and_where_the_target_is_zero():
    p = PROBABILITIES
    assert F.kl_div(mg.log(p), p, "sum").item() == pytest.approx(0, abs=1e-15)
    one = F.kl_div(mg.log(t([0.25, 0.75])), t([0.0, 1.0]), "none")
    np.testing.assert_allclose(one.numpy(), [0, math.log(4 / 3)], rtol=1e-14)
    per_row = F.kl_div(mg.log(p), p[::-1], "batchmean").item()
    assert per_row == pytest.approx(F.kl_div(mg.log(p), p[::-1], "sum").item() / 2, rel=1e-14)


def test_targets_may_be_lists_and_arrays():
    assert F.mse_loss(mg.tensor([1.0, 2.0]), [1.0, 4.0]).item() == 2
    assert F.l1_loss(mg.tensor([1.0, 2.0]), np.array([1.0, 4.0])).item() == 1
    assert F.softmax([0.0, 0.0]).tolist() == [0.5, 0.5]


def test_linear_adds_its_bias_in_the_wider_type(backend):
    x, w = mg.ones((2, 3)), mg.ones((4, 3))
    out = F.linear(x, w, t(np.full(4, 1e-9)))
    assert out.dtype == mg.float64
    assert out[0, 0].item() == 3 + 1e-9
    assert F.linear(x, w).dtype == mg.float32


def test_gradients_of_a_whole_cell_agree_with_finite_differences(backend):
    """A recurrent cell written as ordinary operations, over three steps: backpropagation through time."""
    w_x, w_h, b, xs = rand(2, 3) * 0.5, rand(3, 3, seed=1) * 0.5, rand(3, seed=2), rand(3, 2, 2, seed=3)

    def loss(w_x, w_h, b, xs):
        h = mg.zeros((2, 3), dtype="float64")
        for x_t in xs:
            h = mg.tanh(x_t @ w_x + h @ w_h + b)
        return F.cross_entropy(h, mg.tensor([0, 2]))

    assert mg.gradcheck(loss, [w_x, w_h, b, xs])
    assert mg.gradgradcheck(loss, [w_x, w_h, b, xs])

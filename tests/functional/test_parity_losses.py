"""Losses against PyTorch: cross-entropy and what it ignores, losses of two tensors, divergences."""

# ruff: noqa: B023  (functions made in a loop are called in the same turn)

import numpy as np
import pytest
from parity import INF, NAN, SCORES, TF, compare, rng_for, torch

import minigrad as mg
import minigrad.functional as F

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy reports log(0); the values are the subject

MASKED = np.array([[1.0, -INF, 2.0, 0.0], [NAN, 1.0, 2.0, 3.0]])

REDUCED = ["mean", "sum", "none"]
TARGETS = np.array([2, 0, 1, 3, 0])


@pytest.mark.parametrize("reduction", REDUCED)
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("ignored", [-100, 0])
def test_cross_entropy(reduction, smoothing, ignored, dtype):
    compare(
        lambda x: F.cross_entropy(x, TARGETS, None, ignored, reduction, smoothing),
        lambda x: TF.cross_entropy(
            x, torch.tensor(TARGETS), ignore_index=ignored, label_smoothing=smoothing, reduction=reduction
        ),
        [SCORES],
        dtype,
    )


def test_cross_entropy_of_special_numbers(dtype):
    """A class masked out with -inf has no part in the loss or its gradient; NaN spoils its own row alone."""
    for targets in ([2, 1], [0, 0]):
        compare(
            lambda x: F.cross_entropy(x, np.array(targets), reduction="none"),
            lambda x: TF.cross_entropy(x, torch.tensor(targets), reduction="none"),
            [MASKED],
            dtype,
        )


def test_a_loss_of_no_positions_is_nan(dtype):
    nothing = np.array([-100, -100, -100, -100, -100])
    for ours, theirs in ((F.cross_entropy, TF.cross_entropy), (F.nll_loss, TF.nll_loss)):
        compare(lambda x: ours(x, nothing), lambda x: theirs(x, torch.tensor(nothing)), [SCORES], dtype)
        compare(
            lambda x: ours(x, nothing, reduction="sum"),
            lambda x: theirs(x, torch.tensor(nothing), reduction="sum"),
            [SCORES],
            dtype,
        )


def test_classes_are_on_the_last_axis():
    """PyTorch has them on axis 1, which a sequence (T, B, C) would have to be permuted for."""
    x = rng_for("classes").standard_normal((2, 3, 4))
    at = np.array([[0, 3, 1], [2, 2, 0]])
    compare(
        lambda x: F.cross_entropy(x, at), lambda x: TF.cross_entropy(x.movedim(-1, 1), torch.tensor(at)), [x], "float64"
    )


@pytest.mark.parametrize("reduction", REDUCED)
@pytest.mark.parametrize("ignored", [-100, 0])
def test_nll_loss(reduction, ignored, dtype):
    compare(
        lambda x: F.nll_loss(x, TARGETS, None, ignored, reduction),
        lambda x: TF.nll_loss(x, torch.tensor(TARGETS), ignore_index=ignored, reduction=reduction),
        [SCORES],
        dtype,
    )


WEIGHT = np.array([0.5, 2.0, 0.0, 1.0])


@pytest.mark.parametrize("reduction", REDUCED)
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("ignored", [-100, 0])
def test_classes_that_weigh_differently(reduction, smoothing, ignored, dtype):
    options = {"ignore_index": ignored, "reduction": reduction}
    compare(
        lambda x, w: F.cross_entropy(x, TARGETS, w.detach(), label_smoothing=smoothing, **options),
        lambda x, w: TF.cross_entropy(x, torch.tensor(TARGETS), w.detach(), label_smoothing=smoothing, **options),
        [SCORES, WEIGHT],
        dtype,
    )
    compare(
        lambda x, w: F.nll_loss(x, TARGETS, w.detach(), **options),
        lambda x, w: TF.nll_loss(x, torch.tensor(TARGETS), w.detach(), **options),
        [SCORES, WEIGHT],
        dtype,
    )


@pytest.mark.parametrize("reduction", REDUCED)
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weighted", [False, True])
def test_probabilities_as_targets(reduction, smoothing, weighted, dtype):
    wanted = rng_for("wanted").dirichlet(np.ones(4), 5)
    options = {"reduction": reduction, "label_smoothing": smoothing}
    compare(
        lambda x, t, w: F.cross_entropy(x, t, w.detach() if weighted else None, **options),
        lambda x, t, w: TF.cross_entropy(x, t, w.detach() if weighted else None, **options),
        [SCORES, wanted, WEIGHT],
        dtype,
    )


def test_a_class_that_is_masked_out_and_not_wanted():
    """PyTorch's loss is NaN: 0 times minus infinity."""
    loss = F.cross_entropy(mg.tensor([[0.0, 0.0, -INF]]), mg.tensor([[0.5, 0.5, 0.0]]))
    assert loss.item() == pytest.approx(np.log(2), rel=1e-6)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: F.cross_entropy(SCORES, TARGETS, np.ones(3)), ValueError, "each of 4 classes, not float64"),
        (lambda: F.nll_loss(SCORES, TARGETS, 2.0), ValueError, "each of 4 classes, not float64"),
        (
            lambda: F.cross_entropy(SCORES, TARGETS * 1.0),
            TypeError,
            r"so integers, not float64 \(5,\); or probabilities \(5, 4\)",
        ),
        (lambda: F.cross_entropy(np.zeros((5, 4, 2)), np.zeros((5, 2), int)), ValueError, r"moveaxis\(scores, 1, -1\)"),
        (lambda: F.cross_entropy(SCORES, TARGETS[:, None]), ValueError, r"give targets\[..., 0\]"),
        (lambda: F.nll_loss(SCORES, SCORES), TypeError, "targets are class indices, so integers, not float64"),
        (lambda: F.binary_cross_entropy([0.5, 1.5], [1.0, 1.0]), ValueError, "must be between 0 and 1.*with_logits"),
        (lambda: F.binary_cross_entropy([NAN], [1.0]), ValueError, "must be between 0 and 1"),
        (lambda: F.smooth_l1_loss([0.5], [1.0], beta=-1), ValueError, "beta must be >= 0, not -1"),
    ],
)
def test_bad_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call()


PAIR = [np.array([[1.0, -2.0, 0.5], [3.0, 0.0, 0.25]]), np.array([[1.0, 1.0, -0.5], [0.0, 1.0, 0.0]])]
EDGES = [[x, y] for x in (0.0, 1.0, -1.0, INF, -INF, NAN) for y in (0.0, 1.0, 0.5)]


def both(name, **options):
    return (
        lambda x, y: getattr(F, name)(x, y, **options),
        lambda x, y: getattr(TF, name)(x, y, **options),
    )


LOSSES = {
    "mse_loss": {},
    "l1_loss": {},
    "huber_loss": {"delta": 0.5},
    "smooth_l1_loss": {"beta": 0.25},
    "binary_cross_entropy_with_logits": {},
}


@pytest.mark.parametrize("reduction", REDUCED)
@pytest.mark.parametrize("name", LOSSES)
def test_losses_of_two_tensors(name, reduction, dtype):
    ours, theirs = both(name, reduction=reduction, **LOSSES[name])
    compare(ours, theirs, PAIR, dtype)


@pytest.mark.parametrize("name", [n for n in LOSSES if n != "l1_loss"])
def test_losses_at_the_edges(name, dtype):
    ours, theirs = both(name, reduction="none", **LOSSES[name])
    for x, y in EDGES:
        if name == "binary_cross_entropy_with_logits" and np.isinf(x):
            continue  # PyTorch's is NaN where the infinite logit is right: see test_limits
        compare(ours, theirs, [np.array([x]), np.array([y])], dtype, name=f"{name}({x}, {y})")


def test_l1_loss_at_the_edges(dtype):
    """Its gradient at NaN is NaN, as that of abs; PyTorch takes it as 0."""
    ours, theirs = both("l1_loss", reduction="none")
    for x, y in EDGES:
        compare(ours, theirs, [np.array([x]), np.array([y])], dtype, gradients=not np.isnan(x))


def test_binary_cross_entropy_with_a_weight_for_positives(dtype):
    weight = np.array([2.0, 0.5, 1.0])
    compare(
        lambda x, t: F.binary_cross_entropy_with_logits(x, t, pos_weight=mg.tensor(weight, dtype=dtype)),
        lambda x, t: TF.binary_cross_entropy_with_logits(x, t, pos_weight=torch.tensor(weight, dtype=t.dtype)),
        PAIR,
        dtype,
    )


@pytest.mark.parametrize("name", ["binary_cross_entropy", "binary_cross_entropy_with_logits"])
@pytest.mark.parametrize("reduction", REDUCED)
def test_binary_losses_with_a_weight(name, reduction, dtype):
    x = np.array([[0.5, 0.25, 1e-3], [0.9, 0.99, 1e-6]])
    t = np.array([[1.0, 0.0, 0.5], [1.0, 0.2, 1.0]])
    weight = np.array([2.0, 0.5, 1.0])
    ours, theirs = both(name, reduction=reduction)
    compare(ours, theirs, [x, t], dtype)
    compare(
        lambda x, t, w: getattr(F, name)(x, t, w.detach(), reduction=reduction),
        lambda x, t, w: getattr(TF, name)(x, t, w.detach(), reduction=reduction),
        [x, t, weight],
        dtype,
    )


def test_binary_cross_entropy_at_the_edges(dtype):
    """A sure mistake costs 100 and has a slope; where the loss is 0 its slope is 1, which PyTorch takes as 0."""
    x, t = np.array([0.0, 1.0, 0.0, 1.0]), np.array([1.0, 0.0, 0.0, 1.0])
    ours, theirs = both("binary_cross_entropy", reduction="none")
    compare(ours, theirs, [x, t], dtype, gradients=False)
    wrong = [t[:2].astype(np.float32)]
    compare(  # in float64 PyTorch rounds 1e12 to float32
        lambda x: ours(x, *map(mg.tensor, wrong)), lambda x: theirs(x, *map(torch.tensor, wrong)), [x[:2]], "float32"
    )
    right = mg.tensor(x[2:], requires_grad=True)
    F.binary_cross_entropy(right, t[2:], reduction="sum").backward()
    assert right.grad.tolist() == [1, -1]


def test_binary_cross_entropy_in_16_bits():
    x = mg.tensor([0.0, 0.25, 1.0], dtype="float16", requires_grad=True)
    loss = F.binary_cross_entropy(x, mg.tensor([0.0, 1.0, 1.0], dtype="float16"))
    loss.backward()
    assert loss.dtype == x.grad.dtype == np.float16
    assert loss.item() == pytest.approx(np.log(4) / 3, rel=1e-3)
    assert x.grad.tolist() == pytest.approx([1 / 3, -4 / 3, -1 / 3], rel=1e-3)


def test_smooth_l1_with_a_beta_of_0(dtype):
    ours, theirs = both("smooth_l1_loss", beta=0.0)
    compare(ours, theirs, PAIR, dtype)


@pytest.mark.parametrize("log_target", [False, True])
@pytest.mark.parametrize("reduction", [*REDUCED, "batchmean"])
def test_kl_div(reduction, log_target, dtype):
    x = np.log([[0.2, 0.3, 0.5], [0.1, 0.1, 0.8]])
    t = np.array([[0.5, 0.5, 0.0], [0.2, 0.2, 0.6]])
    if log_target:
        t = np.log(t + 0.1)
    ours, theirs = both("kl_div", reduction=reduction, log_target=log_target)
    with (
        pytest.warns(UserWarning, match="reduction") if reduction == "mean" else pytest.MonkeyPatch.context()
    ):  # PyTorch warns of "mean"
        compare(ours, theirs, [x, t], dtype, gradients=log_target)
        compare(
            lambda x: ours(x, mg.tensor(t.astype(dtype))),
            lambda x: theirs(x, torch.tensor(t.astype(dtype))),
            [x],
            dtype,
        )

"""Batch normalisation against PyTorch: values, gradients and running statistics, in training and evaluation."""

import copy
import math

import numpy as np
import pytest
from parity import TF, compare, rng_for, torch

import minigrad as mg
import minigrad.functional as F
from minigrad import nn

SHAPES = [(5, 3), (4, 3, 6), (1, 3, 6), (3, 3)]
OPTIONS = [
    {},
    {"momentum": 0.3, "eps": 0.1},
    {"momentum": None},
    {"affine": False},
    {"bias": False},
    {"track_running_stats": False},
]


def pair(dtype="float64", **options):
    """A module and PyTorch's, with the same parameters."""
    ours, theirs = nn.BatchNorm1d(3, **options), torch.nn.BatchNorm1d(3, **options).to(getattr(torch, dtype))
    ours.to(dtype)
    rng = rng_for("parameters")
    with torch.no_grad():
        for p in theirs.parameters():
            p.copy_(torch.tensor(rng.standard_normal(3)))
    ours.load_state_dict({name: value.numpy() for name, value in theirs.state_dict().items()})
    return ours, theirs


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("shape", SHAPES)
def test_batch_norm_is_pytorchs(shape, options, dtype):
    ours, theirs = pair(dtype, **options)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for step in range(4):
        training = step != 2
        ours.train(training)
        theirs.train(training)
        x = 3 + 2 * rng_for(f"batch {step}").standard_normal(shape)
        compare(ours, theirs, [x], dtype)
        for name, value in theirs.state_dict().items():
            mine = ours.state_dict()[name]
            assert str(mine.dtype) == str(value.dtype).removeprefix("torch.")
            np.testing.assert_allclose(mine.numpy(), value.numpy(), rtol=1e-5 if dtype == "float32" else 1e-12)


@pytest.mark.parametrize(("training", "statistics"), [(True, True), (True, False), (False, True)])
def test_the_function_is_pytorchs_for_all_inputs(training, statistics, dtype):
    """Gradients of weight and bias too."""
    inputs = [rng_for(name).standard_normal(3) for name in ("weight", "bias")]
    before = [rng_for("mean").standard_normal(3), rng_for("variance").uniform(0.5, 2, 3)]

    def call(function, tensor):
        kept = [tensor(b.astype(dtype)) if statistics else None for b in before]
        return lambda x, w, b: function(x, *kept, w, b, training)

    x = rng_for("x").standard_normal((4, 3, 2, 2))
    compare(call(F.batch_norm, mg.tensor), call(TF.batch_norm, torch.tensor), [x, *inputs], dtype)


def test_gradients_of_gradients():
    x, w, b = (mg.tensor(rng_for(n).standard_normal(s)) for n, s in (("x", (4, 2)), ("w", 2), ("b", 2)))
    mg.gradcheck(lambda x, w, b: F.batch_norm(x, None, None, w, b, True), (x, w, b))
    mg.gradgradcheck(lambda x, w, b: F.batch_norm(x, None, None, w, b, True), (x, w, b))


def test_backends_agree(backend):
    x = rng_for("x").standard_normal((6, 3))
    ours, theirs = pair()
    for _ in range(2):
        y = ours(mg.tensor(x))
        expected = theirs(torch.tensor(x))
    np.testing.assert_allclose(y.detach().numpy(), expected.detach().numpy(), rtol=1e-10)
    np.testing.assert_allclose(ours.running_var.numpy(), theirs.running_var.numpy(), rtol=1e-10)


def test_16_bits_are_computed_with_in_float32():
    """Squares of 300 are more than float16 holds, and sums of 4,096 numbers more than it tells apart."""
    layer = nn.BatchNorm1d(2).to("float16")
    x = np.stack([300 + 200 * rng_for("a").standard_normal(4096), rng_for("b").uniform(0, 1, 4096)], axis=1)
    x = x.astype("float16")
    y = layer(mg.tensor(x))
    assert y.dtype == layer.running_var.dtype == np.float16
    expected = TF.batch_norm(torch.tensor(x.astype("float32")), None, None, training=True).numpy()
    np.testing.assert_allclose(y.detach().numpy(), expected, rtol=2e-3, atol=1e-3)
    layer.eval()
    assert np.isfinite(layer(mg.tensor(x)).detach().numpy()).all()


def test_backward_after_the_next_batch():
    """The running statistics change in place, and no gradient needs them."""
    layer = nn.BatchNorm1d(3)
    one, two = layer(mg.random.normal((4, 3))), layer(mg.random.normal((4, 3)))
    (one.sum() + two.sum()).backward()
    layer.eval()
    y = layer(mg.random.normal((4, 3)))
    layer.train()(mg.random.normal((4, 3)))
    y.sum().backward()


def test_statistics_of_the_module():
    layer = nn.BatchNorm1d(3, momentum=None)
    assert "BatchNorm1d(3, eps=1e-05, momentum=None)" in repr(layer)
    layer(mg.random.normal((4, 3)))
    twin = copy.deepcopy(layer)
    twin.reset_parameters()
    assert layer.num_batches_tracked.item() == 1
    assert [twin.num_batches_tracked.item(), twin.running_mean.tolist()] == [0, [0, 0, 0]]
    with mg.no_grad():
        layer.eval()(mg.random.normal((1, 3)))
    assert layer.num_batches_tracked.item() == 1


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda m: m(mg.zeros((1, 3))), ValueError, r"two values or more of each channel, float32\[1, 3\] has 1.*eval"),
        (lambda m: m(mg.zeros((0, 3))), ValueError, "has 0"),
        (lambda m: m(mg.zeros((4, 2))), ValueError, r"expected \(N, 3\) or \(N, 3, L\), not float32\[4, 2\]"),
        (lambda m: m(mg.zeros(3)), ValueError, r"not float32\[3\]"),
        (lambda m: m(mg.zeros((4, 3, 2, 2))), ValueError, "expected"),
        (lambda m: m(mg.zeros((4, 3), dtype="int64")), TypeError, r"expected real numbers, not int64\[4, 3\]"),
        (lambda m: nn.BatchNorm1d(0), ValueError, "num_features must be an integer >= 1"),
        (lambda m: F.batch_norm(mg.zeros((4, 3)), mg.zeros(3), None), ValueError, "both, or neither"),
        (lambda m: F.batch_norm(mg.zeros((4, 3)), None, None, mg.zeros(2)), ValueError, r"weight float32\[2\]"),
    ],
)
def test_bad_inputs(call, error, message):
    layer = nn.BatchNorm1d(3)
    with pytest.raises(error, match=message):
        call(layer)
    assert layer.num_batches_tracked.item() == 0
    assert not math.isnan(layer.running_mean.sum().item())


def test_evaluation_of_few():
    layer = nn.BatchNorm1d(3).eval()
    assert layer(mg.zeros((1, 3))).shape == (1, 3)
    assert layer(mg.zeros((0, 3))).shape == (0, 3)

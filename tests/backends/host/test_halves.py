"""16-bit floats on the host: computed with in float32, rounded once; values and gradients beside PyTorch's."""

import numpy as np
import pytest

import minigrad as mg
import minigrad.functional as F
from minigrad import nn

torch = pytest.importorskip("torch", reason="compared with PyTorch's float16")

HALF = np.dtype(np.float16)


@pytest.fixture(params=["numpy", "numba"], autouse=True)
def host(request):
    with mg.use_backend(request.param):
        yield request.param


def half(values, grad=False):
    return mg.tensor(np.asarray(values, HALF), requires_grad=grad)


def ones(*shape):
    return half(np.ones(shape))


# --- sums -------------------------------------------------------------------------------------------------------------


def test_every_sum_of_ones_counts_them():
    """One by one in float16, it would stop at 2048."""
    n, x = 4096, ones(4096, 2)
    found = {
        "sum": x.sum(axis=0),
        "sum of both axes": x.sum() / 2,
        "cumulative_sum": mg.cumulative_sum(x, axis=0)[-1],
        "matmul": mg.matmul(x.T, x),
        "matmul of a vector": mg.matmul(x[:, 0], x),
        "linear": F.linear(x.T, x.T, half([0, 0])),
        "einsum": mg.einsum("ij->j", x),
        "einsum of two": mg.einsum("ij,ij->j", x, x),
        "tensordot": mg.tensordot(x, x, axes=([0], [0])),
        "vecdot": mg.vecdot(x, x, axis=0),
    }
    for name, total in found.items():
        assert total.dtype == mg.float16, name
        np.testing.assert_array_equal(total.numpy(), n, err_msg=name)


def test_every_mean_over_a_long_axis_is_exact():
    x = half(np.tile([60.0, 0.25], (5000, 1)))
    np.testing.assert_array_equal(mg.mean(x, axis=0).numpy(), np.array([60, 0.25], HALF))
    np.testing.assert_array_equal(mg.std(x, axis=0).numpy(), 0)
    np.testing.assert_array_equal(F.softmax(x, axis=0).numpy(), np.full((5000, 2), 1 / 5000, HALF))
    np.testing.assert_allclose(F.log_softmax(x, axis=0).numpy(), -np.log(5000), rtol=2e-3)
    np.testing.assert_allclose(mg.logsumexp(x, axis=0).numpy(), np.log(5000) + [60, 0.25], rtol=2e-3)
    factors = half(np.full(400, 1.01))
    np.testing.assert_allclose(mg.prod(factors).item(), float(np.float16(1.01)) ** 400, rtol=2e-3)


@pytest.mark.parametrize("index", [np.zeros(4096, int), (np.zeros(4096, int), np.zeros(4096, int))])
def test_scattered_ones_add_up(index):
    values = np.ones((4096, 3) if isinstance(index, np.ndarray) else 4096)
    weight = half(np.zeros((2, 3)), grad=True)
    weight[index].sum().backward()
    assert weight.grad.numpy().max() == 4096
    array = np.zeros((2, 3), HALF)
    mg.zeros(1).backend.add_at(array, index, values.astype(HALF))
    assert array.max() == 4096


# --- gradients --------------------------------------------------------------------------------------------------------


def test_gradients_from_many_places_add_up_in_float32():
    w = half(np.full((1, 2), 0.5), grad=True)
    total = half(np.zeros((1, 2)))
    for _ in range(3000):
        total = total * 1 + w
    total.sum().backward()
    assert w.grad.dtype == mg.float16
    np.testing.assert_array_equal(w.grad.numpy(), 3000)


def test_gradients_of_a_broadcast_input_add_up_in_float32():
    b = half(np.zeros(3), grad=True)
    (ones(5000, 3) + b).sum().backward()
    np.testing.assert_array_equal(b.grad.numpy(), HALF.type(5000))


@pytest.mark.parametrize("make", [nn.RNN, nn.LSTM, nn.GRU])
def test_the_gradients_of_recurrent_layers_are_those_of_float32(make):
    mg.random.manual_seed(0)
    layer = make(8, 16)
    x = mg.random.normal((200, 32, 8))
    wanted, found = [], []
    for kind, results in (("float32", wanted), ("float16", found)):
        layer.to(kind).zero_grad()
        (layer(x.astype(kind))[0].astype("float32") * 0.01).sum().backward()
        results += [p.grad.numpy().astype(float) for p in layer.parameters()]
    for exact, rounded in zip(wanted, found, strict=True):
        assert np.abs(rounded - exact).max() < 0.01 * np.abs(exact).max()


def test_gradients_of_many_backward_calls_add_up_in_float32():
    """One by one in float16 they would stop at 2048; what is set from outside counts from then on."""
    w = half([1.0, 1.0], grad=True)
    for _ in range(3000):
        w.sum().backward()
    assert w.grad.dtype == mg.float16
    assert w.grad.numpy().tolist() == [3000, 3000]
    w.grad = half([1.0, 3000.0])
    for _ in range(3):
        w.sum().backward()
    assert w.grad.numpy().tolist() == [4, 3004]  # 3003 would be rounded to the even 3004, too
    w.grad = None
    w.sum().backward()
    assert w.grad.numpy().tolist() == [1, 1]


def test_random_numbers_are_rounded_once():
    mg.random.manual_seed(0)
    assert mg.random.uniform(200_000, dtype="float16").numpy().max() < 1
    with np.errstate(over="ignore"):
        wide = np.isfinite(mg.random.normal(1000, std=70000.0, dtype="float16").numpy())
    assert 500 < wide.sum() < 800  # 65 % lie within float16's range


def test_hooks_and_targets_see_16_bits():
    x = half([1.0, 2.0], grad=True)
    y = x * 3
    seen = []
    y.register_hook(lambda g: seen.append(g.dtype))
    y.retain_grad()
    (y * y).sum().backward()
    assert seen == [mg.float16]
    assert y.grad.dtype == x.grad.dtype == mg.float16


def test_second_derivatives_are_computed_in_float32():
    """The square of 300 is no float16; the derivatives of x**3 / 100000 are."""
    f = lambda x: (x * (x / 1000) * (x / 100)).sum()
    assert mg.grad(f)(half([300.0])).numpy()[0] == HALF.type(3 * 300**2 / 1e5)
    assert mg.grad(lambda x: mg.grad(f)(x).sum())(half([300.0])).numpy()[0] == HALF.type(6 * 300 / 1e5)


# --- range ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "value", "slope"),
    [
        (lambda x: x / 100000, [0.6, 3e-5], [1e-5, 1e-5]),
        (lambda x: x * 1e-6, [0.06, 3e-6], [1e-6, 1e-6]),
        (lambda x: 100000 - x, [40000, np.inf], [-1, -1]),
        (lambda x: mg.minimum(x, 1e6), [60000, 3], [1, 1]),
        (lambda x: mg.clip(x, -1e6, 1e6), [60000, 3], [1, 1]),
        (lambda x: mg.remainder(100000, x), [40000, 1], None),
        (lambda x: 1e6 / x, [1e6 / 60000, np.inf], [-1e6 / 60000**2, -np.inf]),
        (lambda x: x**-0.1, [60000**-0.1, 3**-0.1], [-0.1 * 60000**-1.1, -0.1 * 3**-1.1]),
    ],
)
def test_numbers_beyond_16_bits_meet_tensors(f, value, slope):
    x = half([60000.0, 3.0], grad=True)
    with np.errstate(over="ignore"):
        out = f(x)
        assert out.dtype == mg.float16
        np.testing.assert_array_equal(out.detach().numpy(), np.array(value).astype(HALF))
        if slope is not None:
            out.backward(mg.ones_like(out))
            np.testing.assert_array_equal(x.grad.numpy(), np.array(slope).astype(HALF))


def test_comparisons_with_numbers_beyond_16_bits():
    assert (half([np.inf]) == 1e5).item() is False
    assert (half([65504.0]) < 70000).item() is True
    assert (half([65504.0, np.inf]) < mg.tensor(70000)).tolist() == [True, False]
    assert (half([2048.0]) == 2049).item() is (half([2048.0]) == mg.tensor(2049)).item() is False


def test_a_number_keeps_its_precision():
    """0.1 in float16 is 0.09998: a product with it would be rounded twice."""
    x = np.linspace(-300, 300, 1001).astype(HALF)
    np.testing.assert_array_equal((half(x) * 0.1).numpy(), (torch.from_numpy(x) * 0.1).numpy())
    np.testing.assert_array_equal((half(x) - 0.3).numpy(), (x.astype(float) - 0.3).astype(HALF))


@pytest.mark.parametrize("size", [3e4, 15, 1e-3])
def test_layer_norm_of_any_size_has_unit_deviation(size):
    x = np.random.default_rng(0).normal(size=(4, 512)) * size
    x = half(np.clip(x, -6e4, 6e4), grad=True)
    weight, bias = half(np.ones(512), grad=True), half(np.zeros(512), grad=True)
    out = F.layer_norm(x, 512, weight, bias, eps=1e-12)
    np.testing.assert_allclose(out.detach().numpy().astype(float).std(axis=1), 1, rtol=1e-3)
    (out * out * out).sum().backward()
    wide = mg.tensor(x.detach().numpy().astype(np.float32), requires_grad=True)
    (F.layer_norm(wide, 512, eps=1e-12) ** 3).sum().backward()
    np.testing.assert_allclose(
        x.grad.numpy(), wide.grad.numpy(), rtol=5e-3, atol=5e-3 * np.abs(wide.grad.numpy()).max()
    )


SMOOTH = (
    "square sqrt reciprocal exp expm1 log log1p log2 log10 sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh "
    "sigmoid erf abs relu negative"
).split()

# Their derivatives are computed from the output, and know it as it was rounded; as PyTorch's.
FROM_OUTPUT = "sqrt reciprocal exp expm1 tan tanh sigmoid".split()


@pytest.mark.parametrize("name", SMOOTH)
def test_functions_and_their_derivatives_are_rounded_once(name):
    """From numbers that float16 just holds to its largest: as in float64, but for the rounding."""
    size = np.concatenate([np.geomspace(1e-7, 6e4, 60), [0.0, 0.5, 1.5]])
    x = np.concatenate([size, -size]).astype(HALF)
    results = []
    with np.errstate(all="ignore"):
        for kind in (HALF, np.float64):
            t = mg.tensor(x.astype(kind), requires_grad=True)
            out = getattr(mg, name)(t)
            out.backward(mg.ones_like(out))
            results += [out.detach().numpy(), t.grad.numpy()]
        value, slope, exact, exact_slope = results
        np.testing.assert_allclose(value, exact.astype(HALF), rtol=1.01e-3, atol=6e-8)
        if name not in FROM_OUTPUT:
            np.testing.assert_allclose(slope, exact_slope.astype(HALF), rtol=1.01e-3, atol=6e-8)


@pytest.mark.parametrize("look", ["not at all", "differentiate", "grad", "vjp", "retain_grad", "hook"])
def test_looking_at_gradients_on_the_way_does_not_round_them(look):
    """Between the two products the gradient is 3e-8, which would be rounded to 6e-8."""
    scale = lambda x: (x * 2048.0) / 1024.0 / 2048.0
    x, seen = half([1.0, -2.0], grad=True), []
    wanted = HALF.type(3e-5)
    y = scale(x)
    if look == "differentiate":
        (found,) = mg.differentiate(y, x, half([wanted * 2] * 2) * 512)
    elif look == "grad":
        found = mg.grad(lambda v: (scale(v) * half([wanted * 2] * 2) * 512).sum())(x.detach())
    elif look == "vjp":
        (found,) = mg.vjp(scale, x.detach())[1](half([wanted * 2] * 2) * 512)
    else:
        middle = x * 2048.0
        y = middle / 1024.0 / 2048.0
        if look == "retain_grad":
            middle.retain_grad()
        elif look == "hook":
            middle.register_hook(lambda g: seen.append(g))
        y.backward(half([wanted * 2] * 2) * 512)
        found = x.grad
        assert all(g.dtype == mg.float16 for g in [*seen, *([middle.grad] if look == "retain_grad" else [])])
    assert found.dtype == mg.float16
    np.testing.assert_array_equal(found.numpy(), wanted)


def test_compositions_pass_beyond_the_type():
    places = mg.tensor([[0], [0], [0]])
    mean = mg.scatter_reduce(half([[49152.0]]), 0, places, half([[49152.0]] * 3), "mean")
    assert mean.tolist() == [[49152]]
    assert mg.diff(half([60000.0, -10000.0, -60000.0]), n=2).tolist() == [20000]


# --- with integers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["int16", "int32", "int64", "uint16"])
@pytest.mark.parametrize("grad", [False, True])
def test_integers_are_not_rounded_before_they_are_computed_with(kind, grad):
    """float16 holds no integer above 65,504, and not every one above 2,048; the results may well be in its range."""
    large = 30_001 if kind == "int16" else 65_533 if kind == "uint16" else 100_000
    values = np.array([0.001, 0.125, 0.5], HALF)
    x, n = half(values, grad), mg.tensor(np.array([large] * 3, kind))
    wide = values.astype(float)
    for found, wanted in [
        (x / n, wide / large),
        (x * n, wide * large),
        (mg.remainder(n, x), large % wide),
        (mg.minimum(n, x), wide),
    ]:
        assert found.dtype == mg.float16
        np.testing.assert_array_equal(found.detach().numpy(), wanted.astype(HALF))
    if grad:
        (x * (n / large) + x / n).sum().backward()
        np.testing.assert_allclose(x.grad.numpy(), 1 + 1 / large, rtol=1e-3)


def test_fractions_that_are_compared_are_rounded_first_as_for_wider_floats():
    x, y = half([0.1, 2.0]), torch.tensor([0.1, 2.0], dtype=torch.float16)
    for f in (lambda a: a == 0.1, lambda a: a >= 0.1, lambda a: a < 0.1, lambda a: a != 0.1):
        assert f(x).tolist() == f(y).tolist()

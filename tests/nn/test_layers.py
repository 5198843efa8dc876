"""Layers and containers: shapes, initial values, parity with PyTorch, and initialisation functions."""

import math

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.nn import init


def bound_of(t):
    return float(np.abs(t.detach().numpy()).max())


# --- layers -----------------------------------------------------------------------------------------------------------


def test_linear_and_its_initial_values():
    mg.manual_seed(0)
    layer = nn.Linear(400, 300)
    assert layer.weight.shape == (300, 400)
    assert layer.bias.shape == (300,)
    assert 0.99 / 20 < bound_of(layer.weight) <= 1 / 20
    assert 0.95 / 20 < bound_of(layer.bias) <= 1 / 20
    x = mg.random.normal((2, 3, 400))
    expected = x.numpy() @ layer.weight.detach().numpy().T + layer.bias.detach().numpy()
    np.testing.assert_allclose(layer(x).detach().numpy(), expected, rtol=1e-4, atol=1e-5)
    assert [name for name, _ in nn.Linear(2, 3, bias=False).named_parameters()] == ["weight"]
    with pytest.raises(ValueError, match=r"linear\(.*\[5\].*in Linear"):
        layer(mg.ones((5,)))


def test_embedding_reads_rows_and_leaves_the_padding_alone():
    table = nn.Embedding(5, 3, padding_idx=-1)
    assert table.padding_idx == 4
    assert table.weight[4].tolist() == [0, 0, 0]
    out = table(np.array([[0, 4], [0, 2]]))
    assert out.shape == (2, 2, 3)
    out.sum().backward()
    assert table.weight.grad[:, 0].tolist() == [2, 0, 1, 0, 0]
    with pytest.raises(IndexError, match="5 is out of range"):
        table([5])
    with pytest.raises(TypeError, match="integers"):
        table([0.5])
    with pytest.raises(ValueError, match="padding_idx 7"):
        nn.Embedding(5, 3, padding_idx=7)


def test_embedding_is_standard_normal():
    mg.manual_seed(0)
    values = nn.Embedding(200, 200).weight.detach().numpy()
    assert abs(values.mean()) < 0.02
    assert abs(values.std() - 1) < 0.02


def test_dropout_scales_in_training_and_rests_in_evaluation():
    layer = nn.Dropout(0.25, generator=mg.random.Generator(3))
    x = mg.ones((400, 100))
    y = layer(x).numpy()
    assert set(np.unique(y)) == {0, np.float32(4 / 3)}
    assert abs((y == 0).mean() - 0.25) < 0.01
    assert layer.eval()(x) is x
    again = nn.Dropout(0.25, generator=mg.random.Generator(3))(x).numpy()
    assert (again == y).all()
    with pytest.raises(ValueError, match="between 0 and 1"):
        nn.Dropout(1.5)


def test_layer_norm():
    layer = nn.LayerNorm((2, 8))
    out = layer(mg.random.normal((5, 2, 8), mean=3.0, std=2.0)).detach().numpy().reshape(5, -1)
    np.testing.assert_allclose(out.mean(1), 0, atol=1e-5)
    np.testing.assert_allclose(out.std(1), 1, atol=1e-3)
    assert [name for name, _ in nn.LayerNorm(4, bias=False).named_parameters()] == ["weight"]
    assert not list(nn.LayerNorm(4, elementwise_affine=False).parameters())


@pytest.mark.parametrize("bad", [0, -1, 2.5, True, "3"])
def test_sizes_are_checked(bad):
    for make in (nn.Linear, nn.Embedding, nn.LSTMCell, nn.GRU):
        with pytest.raises(ValueError, match=r"integer >= 1"):
            make(bad, 3)
        with pytest.raises(ValueError, match=r"integer >= 1"):
            make(3, bad)


def test_sizes_may_be_numpy_integers():
    assert nn.Linear(np.int64(2), np.int32(3)).weight.shape == (3, 2)


@pytest.mark.parametrize(
    ("ours", "theirs", "shape"),
    [
        (lambda: nn.Linear(6, 4), lambda t: t.nn.Linear(6, 4), (3, 5, 6)),
        (lambda: nn.Linear(6, 4, bias=False), lambda t: t.nn.Linear(6, 4, bias=False), (6,)),
        (lambda: nn.LayerNorm(6), lambda t: t.nn.LayerNorm(6), (3, 6)),
        (lambda: nn.LayerNorm((5, 6), eps=0.1), lambda t: t.nn.LayerNorm((5, 6), eps=0.1), (3, 5, 6)),
        (nn.Identity, lambda t: t.nn.Identity(), (3, 6)),
        (nn.Tanh, lambda t: t.nn.Tanh(), (3, 6)),
        (nn.Sigmoid, lambda t: t.nn.Sigmoid(), (3, 6)),
        (nn.ReLU, lambda t: t.nn.ReLU(), (3, 6)),
        (nn.GELU, lambda t: t.nn.GELU(), (3, 6)),
        (lambda: nn.GELU("tanh"), lambda t: t.nn.GELU("tanh"), (3, 6)),
    ],
)
def test_values_and_gradients_agree_with_pytorch(ours, theirs, shape, backend):
    torch = pytest.importorskip("torch")
    reference = theirs(torch).double()
    layer = ours().to("float64")
    layer.load_state_dict(reference.state_dict())
    x = np.random.default_rng(0).normal(size=shape)
    theirs_x, ours_x = torch.tensor(x, requires_grad=True), mg.tensor(x, requires_grad=True)
    expected, found = reference(theirs_x), layer(ours_x)
    np.testing.assert_allclose(found.detach().numpy(), expected.detach().numpy(), rtol=1e-10, atol=1e-12)
    weights = np.random.default_rng(1).normal(size=found.shape)
    (expected * torch.tensor(weights)).sum().backward()
    (found * mg.tensor(weights)).sum().backward()
    np.testing.assert_allclose(ours_x.grad.numpy(), theirs_x.grad.numpy(), rtol=1e-10, atol=1e-12)
    for name, p in reference.named_parameters():
        np.testing.assert_allclose(
            dict(layer.named_parameters())[name].grad.numpy(), p.grad.numpy(), rtol=1e-10, atol=1e-12
        )


# --- containers -------------------------------------------------------------------------------------------------------


def test_sequential_runs_in_order_and_can_be_indexed():
    a, b, c = nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1)
    net = nn.Sequential(a, b, c)
    x = mg.ones((4, 2))
    assert net(x).tolist() == c(b(a(x))).tolist()
    assert len(net) == 3
    assert list(net) == [a, b, c]
    assert (net[0], net[-1]) == (a, c)
    assert isinstance(net[1:], nn.Sequential)
    assert list(net[1:]) == [b, c]
    assert list(net[1:].state_dict()) == ["2.weight", "2.bias"]
    with pytest.raises(IndexError):
        net[3]


def test_sequential_with_names_and_repeated_modules():
    act = nn.Tanh()
    net = nn.Sequential({"in": nn.Linear(2, 2), "act": act, "out": nn.Linear(2, 1), "last": act})
    assert [name for name, _ in net.named_parameters()] == ["in.weight", "in.bias", "out.weight", "out.bias"]
    assert len(net) == 4
    assert bound_of(net(mg.full((1, 2), 100.0))) <= 1
    with pytest.raises(TypeError, match="holds modules, not a function"):
        nn.Sequential(lambda x: x)


def test_module_list():
    layers = nn.ModuleList(nn.Linear(2, 2) for _ in range(2))
    layers.append(nn.Tanh()).extend([nn.Tanh(), nn.Linear(2, 1)])
    assert len(layers) == 5
    assert [name for name, _ in layers.named_parameters()] == [
        f"{i}.{name}" for i in (0, 1, 4) for name in ("weight", "bias")
    ]
    assert layers[-1] is list(layers)[4]
    assert layers[1:3] == list(layers)[1:3]
    layers[0] = replacement = nn.Tanh()
    assert layers[0] is replacement
    with pytest.raises(IndexError, match="5 is out of range for a ModuleList of 5"):
        layers[5]
    with pytest.raises(TypeError, match="holds modules"):
        layers.append(3)
    assert len(layers) == 5
    with pytest.raises(NotImplementedError):
        layers(1)


# --- initial values ---------------------------------------------------------------------------------------------------


def test_simple_fillings_work_in_place_and_are_not_recorded():
    p = nn.Parameter(mg.zeros((2, 3)))
    memory = p.array
    assert init.constant_(p, 2.5) is p
    assert p.tolist() == [[2.5] * 3] * 2
    assert init.ones_(p).tolist() == [[1] * 3] * 2
    assert init.zeros_(p).tolist() == [[0] * 3] * 2
    assert p.array is memory
    assert p.is_leaf


@pytest.mark.parametrize(
    ("fill", "std", "bounded"),
    [
        (lambda p: init.uniform_(p, -0.3, 0.3), 0.3 / math.sqrt(3), 0.3),
        (lambda p: init.normal_(p, 0.0, 0.7), 0.7, None),
        (lambda p: init.xavier_uniform_(p, gain=2.0), 2 * math.sqrt(2 / 500), 2 * math.sqrt(6 / 500)),
        (lambda p: init.xavier_normal_(p), math.sqrt(2 / 500), None),
        (lambda p: init.kaiming_uniform_(p, nonlinearity="relu"), math.sqrt(2 / 200), math.sqrt(6 / 200)),
        (lambda p: init.kaiming_normal_(p, a=0.5, mode="fan_out"), math.sqrt(2 / 1.25 / 300), None),
    ],
)
def test_distributions(fill, std, bounded):
    mg.manual_seed(1)
    p = nn.Parameter(mg.zeros((300, 200)))
    values = fill(p).detach().numpy()
    assert abs(values.mean()) < 0.02 * std
    assert abs(values.std() / std - 1) < 0.02
    if bounded is not None:
        assert 0.999 * bounded < bound_of(p) <= bounded * (1 + 1e-6)


@pytest.mark.parametrize("settings", [{}, {"mean": 1.0, "std": 0.5, "a": 0.9, "b": 3.0}, {"a": 5.0, "b": 6.0}])
def test_truncated_normal(settings, backend):
    stats = pytest.importorskip("scipy.stats")
    mg.manual_seed(2)
    p = init.trunc_normal_(nn.Parameter(mg.zeros((40, 50))), **settings)
    mean, std, a, b = ({"mean": 0.0, "std": 1.0, "a": -2.0, "b": 2.0} | settings).values()
    values = p.detach().to("numpy").numpy().ravel()
    wanted = stats.truncnorm((a - mean) / std, (b - mean) / std, mean, std)
    assert stats.kstest(values, wanted.cdf).pvalue > 0.01
    assert a - 1e-6 <= values.min() < values.max() <= b + 1e-6


@pytest.mark.parametrize(
    ("settings", "message"), [({"std": 0.0}, "std must be > 0"), ({"a": 2.0}, "nothing to be drawn")]
)
def test_truncated_normal_of_nothing(settings, message):
    with pytest.raises(ValueError, match=message):
        init.trunc_normal_(mg.zeros(3), **settings)


@pytest.mark.parametrize("shape", [(4, 9), (9, 4), (6, 6), (3, 2, 4)])
def test_orthogonal(shape):
    p = nn.Parameter(mg.zeros(shape))
    w = init.orthogonal_(p, gain=2.0).detach().numpy().reshape(shape[0], -1)
    small = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    np.testing.assert_allclose(small, 4 * np.eye(len(small)), atol=1e-5)


def test_generators_make_initial_values_repeatable():
    a, b = nn.LSTM(3, 4, num_layers=2), nn.LSTM(3, 4, num_layers=2)
    assert a.weight_hh_l1.tolist() != b.weight_hh_l1.tolist()
    for layer in (a, b):
        layer.reset_parameters(mg.random.Generator(7))
    for (name, p), (_, q) in zip(a.named_parameters(), b.named_parameters(), strict=True):
        assert p.tolist() == q.tolist(), name
    for make in (init.uniform_, init.normal_, init.xavier_normal_, init.orthogonal_, init.kaiming_uniform_):
        first, second = (make(mg.zeros((3, 3)), generator=mg.random.Generator(5)) for _ in range(2))
        assert first.tolist() == second.tolist()


def test_bad_arguments_of_initialisers():
    with pytest.raises(ValueError, match="two axes"):
        init.xavier_uniform_(mg.zeros((3,)))
    with pytest.raises(ValueError, match="fan_in"):
        init.kaiming_normal_(mg.zeros((3, 3)), mode="fan")
    with pytest.raises(ValueError, match="no gain is known for 'sin'"):
        init.calculate_gain("sin")


@pytest.mark.parametrize(
    ("name", "param"), [("linear", None), ("tanh", None), ("relu", None), ("leaky_relu", 0.3), ("selu", None)]
)
def test_gains_are_pytorchs(name, param):
    torch = pytest.importorskip("torch")
    assert init.calculate_gain(name, param) == pytest.approx(torch.nn.init.calculate_gain(name, param))

"""Copies of what people hold: shallow, deep, and through pickle, which is also how things travel between processes."""

import copy
import pickle

import numpy as np
import pytest
from conftest import leaf

import minigrad as mg
from minigrad import nn, optim, random
from minigrad.engine.tape import GraphError


def pickled(x):
    return pickle.loads(pickle.dumps(x))


DEEP = [copy.deepcopy, pickled]

# --- tensors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("deep", DEEP)
def test_a_deep_copy_is_a_leaf_like_it(deep, backend):
    x = mg.tensor([[1.0, 2.0]], dtype="float64", requires_grad=True)
    (x * 3).sum().backward()
    twin = deep(x)
    assert (twin.shape, twin.dtype, twin.backend, twin.requires_grad) == (x.shape, x.dtype, x.backend, True)
    assert twin.is_leaf
    assert twin.tolist() == x.tolist()
    with mg.no_grad():
        twin += 1
    assert x.tolist() == [[1, 2]]
    assert deep(mg.tensor(3, dtype="int8")).dtype == mg.int8
    assert not deep(mg.ones(2)).requires_grad


def test_a_deep_copy_has_a_gradient_of_its_own(backend):
    x = mg.ones(2, requires_grad=True)
    (x * 3).sum().backward()
    twin = copy.deepcopy(x)
    assert twin.grad.tolist() == [3, 3]
    (twin * 2).sum().backward()
    assert (twin.grad.tolist(), x.grad.tolist()) == ([5, 5], [3, 3])
    assert pickled(x).grad is None  # as in PyTorch


def test_a_gradient_with_a_history_is_copied_without_it():
    x = leaf(1.0, 2.0)
    (x**3).sum().backward(create_graph=True)
    assert copy.deepcopy(x).grad.tolist() == [3, 12]


@pytest.mark.parametrize("deep", DEEP)
def test_what_was_computed_is_not_copied_deeply(deep):
    y = mg.exp(mg.ones(2, requires_grad=True))
    with pytest.raises(TypeError, match=r"float32\[2\], made by exp, has a history.*detach\(\)"):
        deep(y)
    assert deep(y.detach()).tolist() == y.tolist()


def test_a_shallow_copy_shares_memory_and_history(backend):
    x = mg.ones(2, requires_grad=True)
    twin = copy.copy(x)
    assert twin is not x
    assert twin.is_leaf
    (twin * x).sum().backward()
    assert (x.grad.tolist(), twin.grad.tolist()) == ([1, 1], [1, 1])
    y = x * twin
    with mg.no_grad():
        twin.copy_([5.0, 6.0])
    assert x.tolist() == [5, 6]
    with pytest.raises(GraphError, match="changed in place"):
        y.sum().backward()
    z = copy.copy(x * 2)
    z.sum().backward()
    assert x.grad.tolist() == [3, 3]


def test_a_parameter_stays_one():
    p = nn.Parameter(np.ones(2), requires_grad=False)
    for twin in (copy.copy(p), copy.deepcopy(p), pickled(p)):
        assert type(twin) is nn.Parameter
        assert not twin.requires_grad


# --- generators and backends ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("duplicate", [copy.copy, *DEEP])
def test_a_copied_generator_goes_on_by_itself(duplicate, backend):
    g = random.Generator(3)
    random.normal(5, generator=g)
    twin = duplicate(g)
    wanted = random.normal(4, generator=g).tolist()
    drawn = random.normal(4, generator=twin)
    assert drawn.tolist() == wanted
    drawn + mg.ones(4)  # the same backend
    assert random.normal(4, generator=twin).tolist() == random.normal(4, generator=g).tolist()


@pytest.mark.parametrize("duplicate", [copy.copy, *DEEP])
def test_there_is_one_backend_of_a_name(duplicate, backend):
    assert duplicate(mg.default_backend()) is mg.default_backend()


# --- what holds them --------------------------------------------------------------------------------------------------


class Noisy(nn.Module):
    def __init__(self):
        super().__init__()
        self.generator = random.Generator(1)
        self.first = nn.Linear(2, 2)
        self.again = self.first
        self.tied = self.first.weight
        self.act = nn.GELU()

    def forward(self, x):
        return self.act(self.again(x) @ self.tied) + random.normal(x.shape, generator=self.generator)


@pytest.mark.parametrize("deep", DEEP)
def test_a_module_with_a_generator_and_shared_parts(deep, backend):
    model = Noisy()
    twin = deep(model)
    assert twin.again is twin.first
    assert twin.tied is twin.first.weight
    assert twin.tied is not model.tied
    x = mg.ones((3, 2))
    assert twin(x).tolist() == model(x).tolist()
    assert twin(x).tolist() == model(x).tolist()
    twin(x).sum().backward()
    assert twin.tied.grad is not None
    assert model.tied.grad is None


LAYERS = {
    "LSTM": lambda: nn.LSTM(2, 3, num_layers=2, dropout=0.5, bidirectional=True),
    "GRU": lambda: nn.GRU(2, 3),
    "Recurrent": lambda: nn.Recurrent(nn.PeepholeLSTMCell(2, 3)),
    "Sequential": lambda: nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3), nn.ReLU(), nn.Dropout(0.5)),
}


@pytest.mark.parametrize("deep", DEEP)
@pytest.mark.parametrize("name", LAYERS)
def test_layers(name, deep):
    model = LAYERS[name]().eval()
    twin = deep(model)
    x = mg.ones((4, 1, 2))

    def values(m):
        out = m(x)
        return (out[0] if isinstance(out, tuple) else out).tolist()

    assert not twin.training
    assert values(twin) == values(model)


@pytest.mark.parametrize("deep", DEEP)
@pytest.mark.parametrize("kind", [optim.SGD, optim.Adam, optim.AdamW, optim.RMSprop, optim.Adagrad])
def test_a_model_with_its_optimizer_schedule_and_scaler_goes_on_by_itself(kind, deep, host_backend):
    model = nn.Linear(2, 2)
    optimizer = kind(model.parameters(), lr=0.1)
    training = [model, optimizer, optim.lr_scheduler.StepLR(optimizer, 2), optim.GradScaler(), optim.EarlyStopping()]

    def step(model, optimizer, schedule, scaler, stopping):
        optimizer.zero_grad()
        scaler.scale(model(mg.ones((1, 2))).square().sum()).backward()
        scaler.step(optimizer)
        scaler.update()
        schedule.step()
        return model.weight.tolist()

    step(*training)
    twin = deep(training)
    before = model.weight.tolist()
    moved = [step(*twin) for _ in range(3)]
    assert model.weight.tolist() == before
    assert [step(*training) for _ in range(3)] == moved


# --- gradients that are assigned --------------------------------------------------------------------------------------


def test_a_gradient_is_assigned(host_backend):
    p = nn.Parameter(np.zeros(2, "float32"))
    values = np.array([1.0, 2.0], "float32")
    p.grad = values
    values[:] = 0
    assert isinstance(p.grad, mg.Tensor)
    assert p.grad.tolist() == [1, 2]
    optim.SGD([p], lr=1.0).step()
    assert p.tolist() == [-1, -2]
    p.grad = None
    assert p.grad is None


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (np.ones(2), TypeError, r"float32\[2\] has its dtype, not that of float64\[2\].*astype\('float32'\)"),
        (np.ones(3, "float32"), ValueError, r"its shape, not that of float32\[3\]"),
        (mg.ones((1, 2)), ValueError, "its shape"),
        (mg.ones(2, dtype="int64"), TypeError, "its dtype"),
        (5.0, TypeError, r"a tensor or None, not a float: use mg\.tensor\(\.\.\., dtype='float32'\)"),
        ([1.0, 2.0], TypeError, "not a list"),
        (np.array(["a", "b"]), TypeError, "tensors hold"),
    ],
)
def test_a_gradient_that_does_not_fit_is_refused_at_once(value, error, message):
    p = nn.Parameter(np.zeros(2, "float32"))
    with pytest.raises(error, match=message):
        p.grad = value
    assert p.grad is None


def test_gradients_of_other_backends_are_refused(cupy):
    p = nn.Parameter(np.zeros(2, "float32"), backend="cupy")
    with pytest.raises(TypeError, match=r"not a NumPy array: use mg\.tensor"):
        p.grad = np.ones(2, "float32")
    with pytest.raises(mg.backends.BackendError, match=r"on backend numpy.*\.to\('cupy'\)"):
        p.grad = mg.ones(2, backend="numpy")


def test_nothing_is_its_own_gradient():
    p = nn.Parameter(np.zeros(2, "float32"))
    with pytest.raises(ValueError, match="own gradient"):
        p.grad = p
    with pytest.raises(GraphError, match=r"requires_grad_\(\) first"):
        mg.ones(2).grad = mg.ones(2)


def test_requires_grad_is_assigned():
    p = nn.Parameter(np.zeros(2, "float32"))
    p.requires_grad = False
    assert not (p * 2).requires_grad
    p.requires_grad = True
    assert (p * 2).requires_grad
    with pytest.raises(GraphError, match="detach"):
        (p * 2).requires_grad = False
    with pytest.raises(TypeError, match="floating-point"):
        mg.ones(2, dtype="int64").requires_grad = True
    with pytest.raises(TypeError, match="True or False, not 1"):
        p.requires_grad = 1

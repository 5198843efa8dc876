"""What PyTorch's users call on modules: types and places, parts by name, and advice for what there is not."""

import copy
import pickle

import numpy as np
import pytest
from parity import torch

import minigrad as mg
from minigrad import nn, optim


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
        self.head = nn.Linear(3, 1)

    def forward(self, x):
        return self.head(self.body(x))

    @property
    def broken(self):
        return self.missing


@pytest.mark.parametrize(("verb", "dtype"), [("half", "float16"), ("float", "float32"), ("double", "float64")])
def test_types(verb, dtype):
    net = Net()
    weight = net.head.weight
    assert getattr(net, verb)() is net
    assert weight is net.head.weight
    assert {str(p.dtype) for p in net.parameters()} == {dtype}
    assert {str(b.dtype) for b in net.buffers()} == {dtype, "int64"}


def test_places(backend):
    net = Net()
    assert net.cpu() is net
    on_host = backend in ("numpy", "numba")
    assert net.head.weight.backend.name == (backend if on_host else "numpy")


def test_moving_to_a_gpu_by_name(monkeypatch):
    wanted = []
    monkeypatch.setattr(nn.Module, "to", lambda self, target: wanted.append(target) or self)
    Net().cuda().cuda(1)
    assert wanted == ["cupy", "cupy:1"]


def test_parts_by_name():
    net = Net()
    assert net.get_submodule("") is net
    assert net.get_submodule("body.0") is net.body[0]
    assert net.get_parameter("body.0.weight") is net.body[0].weight
    assert net.get_buffer("body.1.running_mean") is net.body[1].running_mean
    net.set_submodule("body.1", nn.Identity())
    assert isinstance(net.body[1], nn.Identity)
    net.register_parameter("scale", nn.Parameter(mg.ones(())))
    net.register_parameter("shift", None)
    net.add_module("extra", nn.Tanh())
    net.register_module("other", None)
    assert [name for name, _ in net.named_children()] == ["body", "head", "extra"]
    assert "scale" in net.state_dict()
    assert net.shift is None
    assert net.other is None


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda n: n.get_submodule("body.7.x"), AttributeError, "Net has no module 'body.7'"),
        (lambda n: n.get_parameter("head.weigth"), AttributeError, "Net has no parameter 'head.weigth'"),
        (lambda n: n.get_buffer("head.weight"), AttributeError, "Net has no buffer 'head.weight'"),
        (
            lambda n: n.register_parameter("a", mg.ones(1)),
            TypeError,
            r"wrap it, as nn.Parameter\(tensor\)",
        ),
        (lambda n: n.add_module("a", 3), TypeError, "module 'a' must be a Module or None, not a int"),
        (lambda n: n.register_parameter("training", None), ValueError, "has an attribute 'training' already"),
        (lambda n: n.add_module("a.b", nn.Tanh()), ValueError, "dots separate names"),
        (lambda n: n.tail, AttributeError, "'Net' object has no attribute 'tail'; its parts are body, head"),
        (lambda n: n.broken, AttributeError, "no attribute 'missing'"),
        (lambda n: n.device, AttributeError, r"write next\(module.parameters\(\)\).backend"),
        (lambda n: n.register_full_backward_hook, AttributeError, r"write output.register_hook\(hook\)"),
        (lambda n: n.fit, AttributeError, r"write the loop: .*optimizer.step\(\)"),
        (lambda n: n.to("gpu"), TypeError, "'gpu' not understood; .* backends 'numpy', 'numba', 'cupy'"),
        (lambda n: n.load_state_dict(n), TypeError, r"a dictionary, as state_dict\(\) gives it, not a Net"),
        (lambda n: nn.Sequential(mg.relu), TypeError, r"not a function: activations are modules too, as nn.ReLU\(\)"),
        (lambda n: n.to("int32"), TypeError, "types of real numbers, not to int32"),
        (lambda n: nn.Linear(1, 1, dtype="float64"), TypeError, r"takes no dtype=: .*Linear\(...\).to\(dtype\)"),
        (lambda n: nn.Linear(1, 1, device="cuda"), TypeError, r"takes no device=: .*to\('cupy'\)"),
    ],
)
def test_what_there_is_not(call, error, message):
    with pytest.raises(error, match=message):
        call(Net())


def test_places_and_types_are_named_as_in_pytorch():
    net = Net()
    assert net.to("cpu") is net.to(device="cpu") is net
    assert net.to("cpu", mg.float64).head.weight.dtype == mg.float64
    assert net.to(dtype="float32").head.weight.dtype == mg.float32


def test_a_module_may_have_a_setting_of_its_own_called_dtype():
    class Cast(nn.Module):
        def __init__(self, dtype):
            super().__init__()
            self.dtype = dtype

    assert Cast(dtype="float64").dtype == "float64"


def test_names_that_are_missing_do_not_disturb_copies():
    net = Net()
    assert not hasattr(net, "tail")
    for twin in (copy.copy(net), copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert list(twin.state_dict()) == list(net.state_dict())


def test_parameters_as_a_vector(backend):
    net, twin = nn.Linear(2, 3), nn.Linear(2, 3)
    vector = nn.utils.parameters_to_vector(net.parameters())
    assert vector.shape == (9,)
    (vector * vector).sum().backward()
    np.testing.assert_allclose(net.bias.grad.to("numpy").numpy(), 2 * net.bias.detach().to("numpy").numpy())
    nn.utils.vector_to_parameters(vector, twin.parameters())
    assert [p.tolist() for p in twin.parameters()] == [p.tolist() for p in net.parameters()]
    used = net.parameters()
    list(used)
    for call in (nn.utils.parameters_to_vector, lambda p: nn.utils.vector_to_parameters(vector, p)):
        with pytest.raises(ValueError, match="used up before"):
            call(used)
    with pytest.raises(ValueError, match=r"have 9 elements, the vector is float32\[4\]"):
        nn.utils.vector_to_parameters(vector[:4], twin.parameters())
    with pytest.raises(ValueError, match="got no parameters"):
        nn.utils.parameters_to_vector([])


def test_a_tutorial_as_pytorch_has_it():
    """The same program, in both libraries, from the same weights."""

    def train(lib, tensor, model, optimizer, schedule):
        criterion = lib.CrossEntropyLoss(weight=tensor(np.array([1.0, 2.0, 0.5])))
        losses = []
        for epoch in range(6):
            rng = np.random.default_rng(epoch)
            x, y = tensor(rng.standard_normal((8, 4))), tensor(rng.integers(0, 3, 8))
            model.train()
            optimizer.zero_grad(set_to_none=epoch % 2 == 0)
            loss = criterion(model(x), y)
            loss.backward()
            lib.utils.clip_grad_norm_(model.parameters(), max_norm=0.5)
            optimizer.step()
            schedule.step()
            if epoch == 2:
                head = model.pop(-1)
                model.append(head)
                optimizer.add_param_group({"params": head.extra, "lr": 0.05})
            losses.append(loss.item())
            optimizer.param_groups[0]["weight_decay"] = 0.01
            model.eval()
            losses.append(criterion(model(x), y).item())
        return losses

    def built(lib, tensor):
        model = lib.Sequential(
            lib.Flatten(), lib.Linear(4, 5), lib.BatchNorm1d(5), lib.LeakyReLU(), lib.Identity(), lib.Linear(5, 3)
        )
        model[-1].extra = lib.Parameter(tensor(np.zeros(3)))
        return model.double()

    theirs = built(torch.nn, torch.tensor)
    ours = built(nn, mg.tensor)
    ours.load_state_dict({name: value.numpy() for name, value in theirs.state_dict().items()})

    def run(lib, module, model, tensor, schedules):
        trained = [p for name, p in model.named_parameters() if not name.endswith("extra")]
        optimizer = lib.AdamW(trained, lr=0.1)
        return train(module, tensor, model, optimizer, schedules.StepLR(optimizer, 2, 0.5))

    expected = run(torch.optim, torch.nn, theirs, torch.tensor, torch.optim.lr_scheduler)
    assert run(optim, nn, ours, mg.tensor, optim.lr_scheduler) == pytest.approx(expected, rel=1e-9)

"""Optimizers and clipping: agreement with PyTorch, groups, state, and errors."""

import copy
import math

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim

# Every option of every optimizer, as PyTorch has them.
SETTINGS = [
    ("SGD", {}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    ("SGD", {"lr": 0.1, "momentum": 0.5, "dampening": 0.3, "weight_decay": 0.1}),
    ("Adagrad", {}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.1, "weight_decay": 0.01, "initial_accumulator_value": 0.5, "eps": 1e-3}),
    ("RMSprop", {}),
    ("RMSprop", {"lr": 0.05, "alpha": 0.9, "momentum": 0.9, "weight_decay": 0.01, "eps": 1e-3}),
    ("RMSprop", {"lr": 0.05, "centered": True}),
    ("RMSprop", {"lr": 0.05, "centered": True, "momentum": 0.5}),
    ("Adam", {}),
    ("Adam", {"lr": 0.1, "betas": (0.8, 0.9), "eps": 1e-3, "weight_decay": 0.1}),
    ("AdamW", {}),
    ("AdamW", {"lr": 0.1, "betas": (0.8, 0.9), "weight_decay": 0.1}),
]


def parameters(dtype="float64"):
    rng = np.random.default_rng(0)
    return [nn.Parameter(rng.normal(size=shape).astype(dtype)) for shape in ((3, 4), (4,), ())]


def gradient(p, t):
    return np.random.default_rng(100 * t + p.size).normal(size=p.shape)


def run(optimizer, params, steps, start=0):
    for t in range(start, start + steps):
        for p in params:
            p.grad = mg.tensor(gradient(p, t), dtype=p.dtype)
        optimizer.step()


def values(params):
    return [p.detach().numpy().copy() for p in params]


# --- steps ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dtype", "rtol"), [("float64", 1e-11), ("float32", 1e-5)])
@pytest.mark.parametrize(("name", "options"), SETTINGS)
def test_steps_are_pytorchs(name, options, dtype, rtol, backend):
    torch = pytest.importorskip("torch")
    params = parameters(dtype)
    theirs = [torch.tensor(v, requires_grad=True) for v in values(params)]
    run(getattr(optim, name)(params, **options), params, 10)
    reference = getattr(torch.optim, name)(theirs, **options)
    for t in range(10):
        for p, q in zip(params, theirs, strict=True):
            q.grad = torch.tensor(gradient(p, t), dtype=q.dtype)
        reference.step()
    for ours, q in zip(values(params), theirs, strict=True):
        np.testing.assert_allclose(ours, q.detach().numpy(), rtol=rtol, atol=rtol)


def test_defaults_are_pytorchs():
    torch = pytest.importorskip("torch")
    for name in ("SGD", "Adagrad", "RMSprop", "Adam", "AdamW"):
        theirs = getattr(torch.optim, name)([torch.zeros(1, requires_grad=True)]).defaults
        assert getattr(optim, name)(parameters()).defaults.items() <= theirs.items()


def test_parameters_without_gradient_are_left_alone():
    params = parameters()
    before = values(params)
    optimizer = optim.Adam(params, lr=0.1)
    params[1].grad = mg.ones((4,), dtype="float64")
    optimizer.step()
    assert [(a == b).all() for a, b in zip(before, values(params), strict=True)] == [True, False, True]
    optimizer.zero_grad()
    assert params[1].grad is None


def test_steps_happen_in_place_and_the_tape_notices():
    w = nn.Parameter(mg.ones((2,)))
    memory = w.array
    loss = (w * w).sum()
    loss.backward(retain_graph=True)
    optim.SGD([w], lr=0.1).step()
    assert w.array is memory
    with pytest.raises(mg.GraphError, match=r"changed in place by SGD.step\(\)"):
        loss.backward()


def test_gradients_that_share_memory_are_not_changed():
    a, b = nn.Parameter(mg.ones((2,))), nn.Parameter(mg.ones((2,)))
    (a + b).sum().backward()
    optim.SGD([a, b], lr=0.1, momentum=0.9, weight_decay=0.1).step()
    optim.Adam([a, b], lr=0.1, weight_decay=0.1).step()
    optim.clip_grad_norm_([a], 0.1)
    optim.clip_grad_value_([a], 0.01)
    assert b.grad.tolist() == [1, 1]


def test_a_quadratic_is_minimised():
    for make in (
        lambda p: optim.SGD(p, lr=0.1, momentum=0.5),
        lambda p: optim.Adagrad(p, lr=1.0),
        lambda p: optim.RMSprop(p, lr=0.01),
        lambda p: optim.Adam(p, lr=0.1),
        lambda p: optim.AdamW(p, lr=0.1, weight_decay=0.0),
    ):
        w = nn.Parameter(mg.tensor([3.0, -2.0]))
        optimizer = make([w])
        for _ in range(500):
            optimizer.zero_grad()
            ((w - 1.0) ** 2).sum().backward()
            optimizer.step()
        np.testing.assert_allclose(w.detach(), [1, 1], atol=0.02)


def test_a_step_that_computes_the_loss_itself():
    torch = pytest.importorskip("torch")
    w, v = nn.Parameter(np.array([3.0, -2.0])), torch.tensor([3.0, -2.0], dtype=torch.float64, requires_grad=True)
    ours, theirs = optim.SGD([w], lr=0.1, momentum=0.9), torch.optim.SGD([v], lr=0.1, momentum=0.9)

    def closure(optimizer, p):
        def loss():
            optimizer.zero_grad()
            value = ((p - 1.0) ** 2).sum()
            value.backward()
            return value

        return loss

    for _ in range(5):
        with mg.no_grad():  # the closure records all the same
            loss = ours.step(closure(ours, w))
        assert loss.item() == pytest.approx(theirs.step(closure(theirs, v)).item())
        assert w.tolist() == pytest.approx(v.tolist())
    assert ours.step() is None
    with pytest.raises(TypeError, match="a function that computes the loss, not a Tensor"):
        ours.step(loss)


@pytest.mark.parametrize("owner", ["module", "optimizer"])
def test_gradients_are_forgotten_or_set_to_0(owner):
    layer = nn.Linear(2, 1)
    layer.bias.requires_grad_(False)
    layer(mg.ones((1, 2))).sum().backward()
    shared = layer.weight.grad
    one = layer if owner == "module" else optim.SGD(layer.parameters())
    one.zero_grad(set_to_none=False)
    assert layer.weight.grad.tolist() == [[0, 0]]
    assert layer.bias.grad is None
    assert shared.tolist() == [[1, 1]]
    one.zero_grad(set_to_none=True)
    assert layer.weight.grad is None


# --- groups -----------------------------------------------------------------------------------------------------------


def test_groups_have_their_own_options():
    a, b, c = parameters()
    optimizer = optim.SGD([{"params": [a]}, {"params": b, "lr": 0.0}], lr=0.1)
    optimizer.add_param_group({"params": [c], "momentum": 0.9})
    assert [g["lr"] for g in optimizer.param_groups] == [0.1, 0.0, 0.1]
    before = values([a, b, c])
    run(optimizer, [a, b, c], 1)
    assert [bool((x == y).all()) for x, y in zip(before, values([a, b, c]), strict=True)] == [False, True, False]
    assert "group 2: 1 parameters, lr=0.1, momentum=0.9" in repr(optimizer)


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ([], ValueError, "SGD got no parameters"),
        (mg.ones((2,)), TypeError, "takes a list of tensors or groups, not a Tensor"),
        ([("weight", 1)], TypeError, r"expected tensors, as from module.parameters\(\), got a tuple"),
        ([mg.ones((2,), requires_grad=True) * 2], TypeError, "only leaves can be trained"),
        ([mg.tensor([1, 2])], TypeError, r"int64\[2\] has no gradients"),
        ([{"parameters": []}], TypeError, "a dictionary with 'params'"),
        ([{"params": [], "rate": 3}], ValueError, "SGD has no option rate; it has lr, momentum"),
        ([{"params": [], "lr": -1}], ValueError, "lr must be >= 0, not -1"),
    ],
)
def test_bad_parameters(params, error, message):
    with pytest.raises(error, match=message):
        optim.SGD(params, lr=0.1)


def test_a_parameter_is_given_once():
    a, b, _ = parameters()
    with pytest.raises(ValueError, match=r"float64\[3, 4\] was given twice"):
        optim.SGD([a, b, a])
    with pytest.raises(ValueError, match="twice"):
        optim.SGD([a]).add_param_group({"params": [a]})


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("SGD", {"lr": -0.1}, "SGD: lr must be >= 0, not -0.1"),
        ("SGD", {"momentum": -1}, "momentum must be >= 0"),
        ("SGD", {"lr": math.nan}, "lr must be >= 0, not nan"),
        ("SGD", {"lr": "0.1"}, "lr must be >= 0, not '0.1'"),
        ("Adam", {"betas": 0.9}, r"betas are two numbers, as \(0.9, 0.999\), not 0.9"),
        ("SGD", {"nesterov": True}, "nesterov needs a momentum > 0"),
        ("SGD", {"nesterov": True, "momentum": 0.9, "dampening": 0.1}, "no dampening"),
        ("Adam", {"betas": (0.9, 1.0)}, r"betas must be >= 0 and < 1, not \(0.9, 1.0\)"),
        ("AdamW", {"eps": -1e-8}, "AdamW: eps must be >= 0"),
        ("RMSprop", {"alpha": 1.5}, "alpha must be >= 0 and < 1"),
        ("Adagrad", {"lr_decay": -1}, "lr_decay must be >= 0"),
    ],
)
def test_bad_options(name, options, message):
    with pytest.raises(ValueError, match=message):
        getattr(optim, name)(parameters(), **options)


# --- state ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "options"), SETTINGS)
def test_training_resumes_bit_for_bit(name, options, backend):
    params = parameters("float32")
    optimizer = getattr(optim, name)(params, **options)
    run(optimizer, params, 5)
    state, weights = optimizer.state_dict(), values(params)
    run(optimizer, params, 5, start=5)

    resumed = [nn.Parameter(v) for v in weights]
    second = getattr(optim, name)(resumed, lr=0.5)
    second.load_state_dict(state)
    run(second, resumed, 5, start=5)
    for a, b in zip(values(params), values(resumed), strict=True):
        assert (a == b).all()


def test_state_is_plain_and_independent():
    params = parameters()
    optimizer = optim.Adam(params, lr=0.1)
    run(optimizer, params, 2)
    state = optimizer.state_dict()
    assert state["param_groups"] == [
        {"lr": 0.1, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0, "params": [0, 1, 2]}
    ]
    assert {type(v) for s in state["state"].values() for v in s.values()} == {int, np.ndarray}
    kept = copy.deepcopy(state)
    run(optimizer, params, 2)
    for i in kept["state"]:
        assert (state["state"][i]["exp_avg"] == kept["state"][i]["exp_avg"]).all()


def test_the_state_of_pytorchs_optimizer_loads():
    torch = pytest.importorskip("torch")
    params = parameters()
    theirs = [torch.tensor(v, requires_grad=True) for v in values(params)]
    reference = torch.optim.Adam(theirs, lr=0.1)
    for t in range(3):
        for p, q in zip(params, theirs, strict=True):
            q.grad = torch.tensor(gradient(p, t))
        reference.step()
    resumed = [nn.Parameter(q.detach().numpy()) for q in theirs]
    optimizer = optim.Adam(resumed)
    optimizer.load_state_dict(reference.state_dict())
    ours = parameters()
    run(optim.Adam(ours, lr=0.1), ours, 4)
    run(optimizer, resumed, 1, start=3)
    for a, b in zip(values(ours), values(resumed), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_states_that_do_not_fit_are_refused():
    params = parameters()
    optimizer = optim.Adam(params)
    run(optimizer, params, 1)
    state = optimizer.state_dict()
    with pytest.raises(ValueError, match=r"groups of \[2\] parameters here, and of \[3\]"):
        optim.Adam(params[:2]).load_state_dict(state)
    with pytest.raises(ValueError, match="lacks the options dampening, momentum, nesterov"):
        optim.SGD(params).load_state_dict(state)
    with pytest.raises(ValueError, match=r"state exp_avg has shape \(3, 4\), its parameter float64\[4\]"):
        optim.Adam([params[1], params[0], params[2]]).load_state_dict(state)


def test_a_module_that_changed_its_type_needs_a_new_optimizer():
    layer = nn.Linear(2, 3)
    optimizer = optim.Adam(layer.parameters())
    layer(mg.ones((1, 2))).sum().backward()
    optimizer.step()
    layer.to("float64")
    with pytest.raises(RuntimeError, match=r"as float32, which now is float64\[3, 2\].*make a new optimizer"):
        optimizer.step()


# --- clipping ---------------------------------------------------------------------------------------------------------


def with_gradients(scale=1.0):
    params = parameters()
    for p in params:
        p.grad = mg.tensor(scale * gradient(p, 0))
    return params


@pytest.mark.parametrize("norm_type", [2.0, 1.0, 3.5, math.inf])
@pytest.mark.parametrize("max_norm", [0.5, 100.0, 0.0])
def test_norm_clipping_is_pytorchs(norm_type, max_norm, backend):
    torch = pytest.importorskip("torch")
    params = [*with_gradients(), nn.Parameter(mg.ones((3,)))]  # the last has no gradient
    theirs = [torch.zeros(p.shape, dtype=torch.float64) for p in params[:-1]]
    for p, q in zip(params, theirs, strict=False):
        q.grad = torch.tensor(p.grad.numpy().copy())
    expected = torch.nn.utils.clip_grad_norm_(theirs, max_norm, norm_type)
    total = optim.clip_grad_norm_(iter(params), max_norm, norm_type)
    assert isinstance(total, float)
    assert total == pytest.approx(float(expected), rel=1e-12)
    for p, q in zip(params, theirs, strict=False):
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-12)
        assert p.grad.dtype == p.dtype


def test_value_clipping(backend):
    params = with_gradients(10.0)
    before = [p.grad.numpy().copy() for p in params]
    optim.clip_grad_value_(params, 0.5)
    for p, g in zip(params, before, strict=True):
        np.testing.assert_array_equal(p.grad.numpy(), np.clip(g, -0.5, 0.5))
    optim.clip_grad_value_(params[0], 0.1)  # a single tensor
    assert np.abs(params[0].grad.numpy()).max() == pytest.approx(0.1)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("norm_type", [2.0, math.inf])
def test_norms_that_are_not_finite(bad, norm_type):
    layer = nn.Linear(2, 2)
    layer.weight.grad = mg.ones((2, 2))
    layer.bias.grad = mg.tensor([1.0, bad])
    message = rf"the norm of the gradients is {bad}; the first that is not finite is that of float32\[2\] \(bias\)"
    with pytest.raises(ValueError, match=message):
        optim.clip_grad_norm_(layer.parameters(), 1.0, norm_type, error_if_nonfinite=True)
    assert layer.weight.grad.tolist() == [[1, 1], [1, 1]]
    with np.errstate(invalid="ignore"):  # infinity times a factor of 0
        assert not math.isfinite(optim.clip_grad_norm_(layer.parameters(), 1.0, norm_type))
    assert math.isnan(layer.weight.grad[0, 0].item()) == math.isnan(bad)


def test_clipping_nothing_and_bad_limits():
    assert optim.clip_grad_norm_([], 1.0) == 0
    assert optim.clip_grad_norm_(parameters(), 1.0) == 0
    with pytest.raises(ValueError, match="max_norm must be >= 0"):
        optim.clip_grad_norm_(with_gradients(), -1.0)
    with pytest.raises(ValueError, match="norm_type must be > 0"):
        optim.clip_grad_norm_(with_gradients(), 1.0, 0)
    with pytest.raises(ValueError, match="clip_value must be >= 0"):
        optim.clip_grad_value_(with_gradients(), -1.0)


USED = {
    "clip_grad_norm_": lambda params: optim.clip_grad_norm_(params, 1.0),
    "clip_grad_value_": lambda params: optim.clip_grad_value_(params, 1.0),
    "SGD": optim.SGD,
    "AdamW": lambda params: optim.AdamW([{"params": params}]),
}


@pytest.mark.parametrize("name", USED)
def test_an_iterator_that_is_used_up_is_refused(name):
    layer = nn.Linear(2, 2)
    params = layer.parameters()
    for p in params:
        p.grad = mg.ones(p.shape)
    with pytest.raises(ValueError, match=rf"{name} got an iterator without any parameters: either it was used up"):
        USED[name](params)
    with pytest.raises(ValueError, match="or the module has none"):
        USED[name](nn.ReLU().parameters())
    with pytest.raises(TypeError, match=r"got a tuple; for pairs \(name, parameter\) take module.parameters"):
        USED[name](layer.named_parameters())
    USED[name](layer.parameters())


def test_clipping_is_where_pytorch_has_it_too():
    assert nn.utils.clip_grad_norm_ is optim.clip_grad_norm_
    assert nn.utils.clip_grad_value_ is optim.clip_grad_value_

"""Derivatives of functions that close over tensors which require gradients: recorded, as PyTorch records them."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn


def t(values, **options):
    return mg.tensor(values, dtype="float64", **options)


def f(x):
    """x times d/dy of x * y, which is x: the square of x."""
    return x * mg.grad(lambda y: x * y)(t(2.0))


def test_a_derivative_depends_on_what_its_function_closes_over(backend):
    x = t(3.0, requires_grad=True)
    f(x).backward()
    assert x.grad.item() == 6
    assert mg.grad(f)(t(3.0)).item() == 6
    assert mg.grad(mg.grad(f))(t(3.0)).item() == 2


# Each is 2 w x in its own way, for a function that closes over w.
WAYS = {
    "grad": lambda w, x: mg.grad(lambda y: w * y * y)(x),
    "value_and_grad": lambda w, x: mg.value_and_grad(lambda y: w * y * y)(x)[1],
    "argnums": lambda w, x: mg.grad(lambda z, y: w * y * y, (1,))(1.0, x)[0],
    "vjp": lambda w, x: mg.vjp(lambda y: w * y * y, x)[1](1.0)[0],
    "jacobian": lambda w, x: mg.jacobian(lambda y: w * y * y)(x),
    "hvp": lambda w, x: mg.hvp(lambda y: w * y**3 / 3, x, 1.0),
    "no leaf": lambda w, x: mg.grad(lambda y, v=w * 2.0: v * y * y / 2)(x),
    "twice": lambda w, x: mg.grad(lambda y: mg.grad(lambda z: w * z * z * y)(y) / 2)(x),
    "recomputed": lambda w, x: mg.recompute(lambda y: mg.grad(lambda z: w * z * z)(y), x),
    "of a recomputed one": lambda w, x: mg.grad(lambda y: mg.recompute(lambda z: w * z * z, y))(x),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_derivative_of_a_function(way):
    w, x = t(5.0, requires_grad=True), t(3.0)
    slope = WAYS[way](w, x)
    np.testing.assert_allclose(slope.item(), 30, rtol=1e-14)
    (slope * slope).backward()
    np.testing.assert_allclose(w.grad.item(), 2 * 30 * 6, rtol=1e-14)
    np.testing.assert_allclose(mg.grad(lambda w: WAYS[way](w, x))(t(5.0)).item(), 6, rtol=1e-14)
    np.testing.assert_allclose(mg.grad(lambda x: WAYS[way](t(5.0), x))(x).item(), 10, rtol=1e-14)


@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_recorded_where_nobody_can_ask_for_it(way):
    assert not WAYS[way](t(5.0), t(3.0)).requires_grad
    with mg.no_grad():
        slope = WAYS[way](t(5.0, requires_grad=True), t(3.0, requires_grad=True))
        assert not slope.requires_grad
        assert slope.item() == pytest.approx(30)
    outer = mg.grad(lambda w: WAYS[way](w, t(3.0)))(t(5.0))  # what the inner derivative left is nobody's any more
    assert not outer.requires_grad


def test_a_derivative_without_the_tensor_has_no_history():
    w = t(5.0, requires_grad=True)
    assert not mg.grad(lambda x: x * x + w)(t(3.0)).requires_grad
    with pytest.raises(KeyError):
        mg.grad(lambda x: w * x * {}["missing"])(t(3.0))
    assert not mg.grad(lambda x: x * x)(t(3.0)).requires_grad  # nor after an error


def test_values_and_what_is_returned_beside_them():
    w = t(5.0, requires_grad=True)
    (value, aux), _ = mg.value_and_grad(lambda x: (w * x, {"a": [w * w], "b": x * x, "c": "word"}), has_aux=True)(3.0)
    (value + aux["a"][0]).backward()
    assert w.grad.item() == 3 + 10
    assert not aux["b"].requires_grad
    assert aux["c"] == "word"
    value, pull = mg.vjp(lambda x: w * x, t(3.0))
    (value * pull(1.0)[0]).backward()  # 3 w * w
    assert w.grad.item() == 13 + 30
    slope, aux = mg.grad(lambda x: (x * x, w * x), has_aux=True)(3.0)
    assert not slope.requires_grad
    aux.backward()
    assert w.grad.item() == 43 + 3
    with mg.no_grad():
        value, aux = mg.value_and_grad(lambda x: (w * x, w * x), has_aux=True)(3.0)[0]
    assert not value.requires_grad
    assert not aux.requires_grad


def test_the_direction_may_have_a_history():
    v = t([1.0, 2.0], requires_grad=True)
    x = t([3.0, 4.0])
    mg.vjp(lambda y: y**3, x)[1](v)[0].sum().backward()
    assert v.grad.tolist() == [27, 48]
    mg.hvp(lambda y: (y**3).sum(), x, v).sum().backward()
    assert v.grad.tolist() == [27 + 18, 48 + 24]


def test_a_primitive_of_ones_own():
    cube = mg.primitive(vjp=lambda g, x: g * 3 * x * x)(lambda x: x**3)
    w = t(2.0, requires_grad=True)
    mg.grad(lambda x: cube(w * x))(t(3.0)).backward()  # 3 w**3 x**2
    assert w.grad.item() == 9 * 4 * 9


def test_the_gradients_of_leaves_stay_as_they_are():
    w = t(5.0, requires_grad=True)
    mg.grad(lambda x: w * x * x)(t(3.0))
    assert w.grad is None


def module_and_its_twin():
    import torch

    ours = nn.Linear(3, 4).to("float64")
    theirs = torch.nn.Linear(3, 4).double()
    theirs.load_state_dict({k: torch.tensor(v.tolist(), dtype=torch.float64) for k, v in ours.state_dict().items()})
    return ours, theirs


def test_a_penalty_on_a_gradient_trains_as_in_pytorch():
    torch = pytest.importorskip("torch")
    ours, theirs = module_and_its_twin()
    values = np.random.default_rng(0).standard_normal((2, 3))
    x, y = t(values), torch.tensor(values)
    task = (ours(x) ** 2).sum()
    loss = task + mg.grad(lambda v: ours(v).tanh().sum())(x).square().sum()
    loss.backward()
    wanted = (theirs(y) ** 2).sum() + torch.func.grad(lambda v: theirs(v).tanh().sum())(y).square().sum()
    wanted.backward()
    assert loss.item() == pytest.approx(wanted.item(), rel=1e-12)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-10)


def test_jacobians_and_hessian_products_of_a_module_train_as_in_pytorch():
    torch = pytest.importorskip("torch")
    ours, theirs = module_and_its_twin()
    values = np.random.default_rng(1).standard_normal(3)
    x, y, v = t(values), torch.tensor(values), [1.0, -1.0, 0.5]
    mg.jacobian(lambda z: ours(z).tanh())(x).square().sum().backward()
    mg.hvp(lambda z: ours(z).tanh().sum(), x, v).square().sum().backward()
    torch.func.jacrev(lambda z: theirs(z).tanh())(y).square().sum().backward()
    slope = torch.func.grad(lambda z: theirs(z).tanh().sum())
    torch.func.vjp(slope, y)[1](torch.tensor(v).double())[0].square().sum().backward()
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-10)

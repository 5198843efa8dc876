"""Hooks on gradients: what they may return, how long they stay, and threads that add and remove them."""

import threading

import numpy as np
import pytest
from conftest import leaf

import minigrad as mg
from minigrad import nn, optim


def sums(g):
    return g.sum(axis=0)


# what a hook returns -> (kind of error, texts of the message)
WRONG = {
    "another shape": (sums, ValueError, ["hook sums on <", "gradient float64[2, 3]", "returned float64[3]"]),
    "a shape that broadcasts": (lambda g: g[:1], ValueError, ["<lambda>", "float64[1, 3]"]),
    "another dtype": (lambda g: g.astype("float32"), TypeError, ["float64[2, 3]", "float32[2, 3]"]),
    "truth values": (lambda g: g > 0, TypeError, ["bool[2, 3]"]),
    "a NumPy array": (lambda g: g.detach().numpy(), TypeError, ["must return a tensor or None, not a ndarray"]),
    "a number": (lambda g: 0.0, TypeError, ["not a float"]),
    "a list": (lambda g: g.tolist(), TypeError, ["not a list"]),
}


@pytest.mark.parametrize("where", ["a leaf", "a result"])
@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("name", WRONG)
def test_what_a_hook_must_not_return(name, where, create_graph):
    hook, kind, texts = WRONG[name]
    w = leaf(np.ones((2, 3)))
    y = w * 2.0
    (w if where == "a leaf" else y).register_hook(hook)
    with pytest.raises(kind) as error:
        (y * y).sum().backward(create_graph=create_graph)
    for text in texts:
        assert text in str(error.value)
    assert ("leaf" if where == "a leaf" else "multiply") in str(error.value)
    assert w.grad is None


def test_a_hook_must_stay_on_the_backend():
    pytest.importorskip("numba")
    w = leaf(1.0, 2.0)
    w.register_hook(lambda g: g.to("numba"))
    with pytest.raises(mg.BackendError, match="gradient on backend numpy and returned one on numba"):
        w.sum().backward()


def test_a_hook_is_a_function():
    with pytest.raises(TypeError, match="a hook is a function of a gradient, not a int"):
        leaf(1.0, 2.0).register_hook(3)


class Halves:
    def __call__(self, g):
        return g / 2


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_what_a_hook_may_return(dtype, backend):
    hooks = {lambda g: g * 0.5: [1, 1], Halves(): [1, 1], lambda g: g.at[0].set(5.0): [5, 2], mg.zeros_like: [0, 0]}
    for hook, wanted in hooks.items():
        w = mg.tensor([1.0, 2.0], dtype=dtype, requires_grad=True)
        w.register_hook(hook)
        (w * 2.0).sum().backward()
        assert w.grad.tolist() == wanted
        assert w.grad.dtype == w.dtype


def test_a_buffer_that_a_hook_returns_again_and_again():
    """The gradient does not change with what the hook returned."""
    buffer, w = mg.zeros(2, dtype="float64"), leaf(1.0, 2.0)
    w.register_hook(lambda g: buffer.copy_(g))
    (w * 2.0).sum().backward()
    buffer.copy_([7.0, 7.0])
    assert w.grad.tolist() == [2, 2]


def test_retain_grad_comes_last_and_once():
    x = leaf(2.0)
    y = (x * 3).retain_grad().retain_grad()
    y.register_hook(lambda g: g * 10)
    y.backward()
    assert y.grad.item() == 10


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("returns", [False, True])
def test_a_gradient_that_a_hook_changes_in_place_is_replaced_for_that_tensor_alone(create_graph, returns):
    a, b, seen = leaf(1.0, 2.0), leaf(3.0, 4.0), []
    a.register_hook(lambda g: g.mul_(10) if returns else (g.mul_(10), None)[1])
    a.register_hook(seen.append)
    y = a + b
    y.backward(mg.ones(2), create_graph=create_graph)
    y = mg.stack([a, b]).sum()  # whose gradients are views
    y.backward(create_graph=create_graph)
    assert a.grad.tolist() == [20, 20]
    assert b.grad.tolist() == [2, 2]
    assert [g.tolist() for g in seen] == [[10, 10], [10, 10]]


# --- how long they stay -----------------------------------------------------------------------------------------------


def test_hooks_survive_requires_grad():
    w, seen = leaf(1.0, 2.0), []
    handle = w.register_hook(lambda g: seen.append("first"))
    w.register_hook(lambda g: seen.append("second"))
    w.requires_grad_(False)
    assert not (w * 2).requires_grad
    w.requires_grad_()
    assert w.grad is None
    (w * 2).sum().backward()
    assert seen == ["first", "second"]
    handle.remove()
    (w * 2).sum().backward()
    assert seen == ["first", "second", "second"]


def test_a_graph_recorded_before_still_reaches_its_leaf():
    w = leaf(1.0, 2.0)
    y = (w * w).sum()
    w.requires_grad_(False).requires_grad_()
    y.backward()
    assert w.grad.tolist() == [2, 4]


def test_gradients_survive_requires_grad():
    """As in PyTorch: what two backward calls collected adds up, though the parameter was frozen in between."""
    layer = nn.Linear(2, 1, bias=False)
    w, x = layer.weight, mg.tensor([[3.0, 4.0]])
    layer(x).sum().backward()
    layer.requires_grad_(False)
    assert w.grad.tolist() == [[3, 4]]
    optim.clip_grad_value_([w], 3.5)
    assert w.grad.tolist() == [[3, 3.5]]
    w.grad = mg.tensor([[3.0, 4.0]])
    layer.to("float64")
    layer.requires_grad_()
    layer(x.astype("float64")).sum().backward()
    assert (w.grad.dtype, w.grad.tolist()) == (mg.float64, [[6, 8]])
    layer.requires_grad_(False).zero_grad()
    layer.requires_grad_()
    assert w.grad is None


def test_a_gradient_for_a_parameter_that_was_moved_is_not_lost_silently():
    layer = nn.Linear(2, 1)
    loss = layer(mg.ones((1, 2))).sum()
    layer.to("float32").to("float64")
    with pytest.raises(mg.GraphError, match=r"moved .* call backward\(\) before module.to\(\)"):
        loss.backward()
    layer(mg.ones((1, 2), dtype="float64")).sum().backward()
    assert layer.weight.grad.tolist() == [[1, 1]]


@pytest.mark.parametrize("freeze", [False, True])
def test_hooks_survive_moves_of_their_module(freeze, host_backend):
    layer, seen = nn.Linear(2, 1).to("numpy"), []
    handle = layer.weight.register_hook(lambda g: seen.append((g.dtype, g.backend.name)))
    if freeze:
        layer.requires_grad_(False)
    layer.to("float64").to(host_backend)
    if freeze:
        assert not layer.weight.requires_grad
        layer.requires_grad_()
    x = mg.ones((1, 2), dtype="float64")
    layer(x).sum().backward()
    assert seen == [(mg.float64, host_backend)]
    assert layer.weight.node.label == "weight"
    handle.remove()
    layer(x).sum().backward()
    assert len(seen) == 1


def test_a_move_keeps_the_gradient():
    layer = nn.Linear(2, 1)
    layer(mg.ones((1, 2))).sum().backward()
    layer.to("float64")
    assert (layer.weight.grad.tolist(), layer.weight.grad.dtype) == ([[1, 1]], mg.float64)
    assert layer.weight.node.grad is layer.weight.grad


# --- threads ----------------------------------------------------------------------------------------------------------


def in_threads(work, count=4):
    errors = []

    def guarded():
        try:
            work()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


@pytest.fixture(autouse=True)
def quick_switches():
    """Threads give way to each other as often as they can."""
    import sys

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_no_gradient_is_lost_between_threads():
    w = mg.ones((), dtype="float64", requires_grad=True)

    def work():
        for _ in range(300):
            (w * w).sum().backward()

    in_threads(work)
    assert w.grad.item() == 4 * 300 * 2


def test_no_retained_gradient_is_lost():
    w = leaf(1.0, 2.0)
    y = (w * 2).retain_grad()

    def work():
        for _ in range(200):
            (y * 1.0).sum().backward(retain_graph=True)

    in_threads(work)
    assert y.grad.tolist() == [800, 800]


def test_hooks_are_added_and_removed_in_threads():
    w, calls = mg.ones((), requires_grad=True), []
    keep = [[] for _ in range(4)]
    order = iter(range(4))

    def work():
        mine = keep[next(order)]
        for i in range(200):
            handle = w.register_hook(lambda g: calls.append(1))
            if i % 2:
                handle.remove()
            else:
                mine.append(handle)
            with mg.Tape():
                w * 2.0

    in_threads(work)
    calls.clear()
    (w * 2.0).backward()
    assert len(calls) == 400
    for handles in keep:
        for handle in handles:
            handle.remove()
    assert len(w.node.hooks) <= 1  # of the last tape


def test_the_time_of_the_latest_change_never_goes_back():
    from minigrad.engine.version import Version

    seen, buffers = [], [mg.zeros(1) for _ in range(4)]
    order = iter(buffers)

    def work():
        mine = next(order)
        for _ in range(500):
            mine.copy_([1.0])
            seen.append((mine.version.changed_at, Version.latest))

    in_threads(work)
    assert all(changed <= latest for changed, latest in seen)
    assert Version.latest >= max(b.version.changed_at for b in buffers)

"""The tape: what is recorded, and the switches that turn recording off and on."""

import threading

import pytest
from conftest import leaf

import minigrad as mg

# --- what is recorded -------------------------------------------------------------------------------------------------


def test_a_node_knows_how_it_was_made():
    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    z = x * y
    node = z.node
    assert (node.name, node.shape, str(node.dtype), node.params) == ("multiply", (2,), "float64", {})
    assert list(node.inputs) == [x.node, y.node]
    assert node.index > max(x.node.index, y.node.index)
    assert node.backend is z.backend


def test_nothing_is_recorded_without_a_leaf_that_requires_gradients():
    assert (mg.ones(2) * 3).node is None
    assert mg.argmax(leaf(1.0, 2.0)).node is None
    assert (leaf(1.0, 2.0) > 1).node is None
    assert leaf(1.5, 2.0).astype("int64").node is None


# --- switches ---------------------------------------------------------------------------------------------------------


def test_no_grad_and_enable_grad():
    x = leaf(1.0)
    with mg.no_grad():
        assert not mg.is_grad_enabled()
        assert (x * 2).node is None
        with mg.enable_grad():
            assert (x * 2).node is not None
        assert (x * 2).node is None
    assert mg.is_grad_enabled()

    @mg.no_grad()
    def silent(x):
        """Doubles."""
        return x * 2

    assert silent(x).node is None
    assert silent.__doc__ == "Doubles."
    with pytest.raises(KeyError), mg.no_grad():
        raise KeyError
    assert mg.is_grad_enabled()


def test_a_switch_can_be_entered_again():
    off = mg.no_grad()
    with off:
        with off:
            pass
        assert not mg.is_grad_enabled()
    assert mg.is_grad_enabled()


def test_recording_is_switched_per_thread():
    x = leaf(1.0)
    inside, done = threading.Event(), threading.Event()
    seen = {}

    def other():
        inside.wait(10)
        seen["recording"] = mg.is_grad_enabled()
        seen["node"] = (x * 2).node is not None
        done.set()

    thread = threading.Thread(target=other)
    thread.start()
    with mg.no_grad():
        inside.set()
        assert done.wait(10)
        assert not mg.is_grad_enabled()
    thread.join()
    assert seen == {"recording": True, "node": True}


def test_threads_record_and_sweep_at_the_same_time():
    results = {}

    def work(i):
        x = leaf(float(i))
        y = x
        for _ in range(300):
            y = y + x
        y.backward()
        results[i] = x.grad.item()

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert results == dict.fromkeys(range(4), 301.0)


def test_the_backward_pass_is_recorded_only_on_request():
    x = leaf(2.0)
    y = x * x
    y.backward()
    assert not x.grad.requires_grad

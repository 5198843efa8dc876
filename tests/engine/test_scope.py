"""Scopes: in which module call, of which time step, was an operation recorded?"""

import sys
import threading

import pytest

import minigrad as mg
from minigrad.engine.scope import Scope


def leaf():
    return mg.ones(2, requires_grad=True)


def test_a_scope_names_what_is_recorded_inside():
    x = leaf()
    with mg.scope("encoder"), mg.scope("attention", step=3):
        y = x * 2
    z = x * 2
    assert (y.node.scope.path, y.node.scope.steps, str(y.node.scope)) == (
        "encoder.attention",
        (3,),
        "encoder.attention @ t=3",
    )
    assert (z.node.scope.path, z.node.scope.steps, str(z.node.scope)) == ("", (), "top level")
    assert str(mg.current_scope()) == "top level"


def test_a_scope_ends_with_an_exception():
    with pytest.raises(KeyError), mg.scope("a"):
        raise KeyError
    assert str(mg.current_scope()) == "top level"


def test_a_scope_needs_a_name_or_a_step():
    with pytest.raises(ValueError, match="name, a step, or both"):
        mg.scope()
    with mg.scope(step=2) as scope:
        assert (scope.path, str(scope)) == ("", "top level @ t=2")
    with mg.scope("cell"), mg.scope(step=5) as scope:
        assert str(scope) == "cell @ t=5"


def test_repeated_calls_are_time_steps():
    """A hand-written loop has steps without anybody declaring them."""
    x = leaf()
    nodes = []
    with mg.scope("model"):
        for _ in range(3):
            with mg.scope("cell"):
                x = x * 2
                nodes.append(x.node)
        with mg.scope("head"):
            out = x.sum()
    assert [str(n.scope) for n in nodes] == ["model.cell @ t=0", "model.cell @ t=1", "model.cell @ t=2"]
    assert str(out.node.scope) == "model.head"  # called once: no step


def test_the_first_call_learns_of_the_second():
    with mg.scope("model"):
        with mg.scope("cell") as first:
            pass
        assert first.step is None
        with mg.scope("cell") as second:
            pass
    assert (first.step, second.step) == (0, 1)


def test_keys_tell_callers_of_one_name_apart():
    """Two cells of one class in one loop: the second is called `cell#2`, and each counts its own calls."""
    outer = Scope("model", Scope(None, None))
    a = [outer.child("cell", key="first"), outer.child("cell", key="first")]
    b = [outer.child("cell", key="second"), outer.child("cell", key="second")]
    assert [str(s) for s in a + b] == [
        "model.cell @ t=0",
        "model.cell @ t=1",
        "model.cell#2 @ t=0",
        "model.cell#2 @ t=1",
    ]


def test_calls_are_counted_in_each_surrounding_scope_anew():
    labels = []
    for step in range(2):
        with mg.scope("layer", step=step):
            for _ in range(2):
                with mg.scope("cell") as scope:
                    labels.append(scope)
    assert [s.steps for s in labels] == [(0, 0), (0, 1), (1, 0), (1, 1)]


def test_calls_without_recording_are_not_counted():
    with mg.scope("model"):
        with mg.no_grad(), mg.scope("cell") as silent:
            pass
        with mg.scope("cell") as first:
            pass
        assert first.step is None
    assert silent.path == "model.cell"
    assert silent.step is None


def test_backward_starts_the_count_of_calls_again():
    """The next training step is a new unrolling, not the continuation of the last."""
    (leaf() * 2).sum().backward()
    for _ in range(2):
        x = leaf()
        steps = []
        for _ in range(2):
            with mg.scope("cell"):
                x = x * 2
                steps.append(x.node.scope)
        assert [s.steps for s in steps] == [(0,), (1,)]
        x.sum().backward()


def test_backward_inside_a_scope_leaves_it_open():
    with mg.scope("training") as scope:
        (leaf() * 2).sum().backward()
        assert mg.current_scope() is scope
        with pytest.raises(mg.GraphError):
            mg.ones(1).backward()
        assert mg.current_scope() is scope


def test_nodes_of_a_derivative_carry_the_scope_that_they_differentiate():
    x = leaf()
    with mg.scope("decoder"), mg.scope("cell", step=4):
        y = mg.exp(x)
    (slope,) = mg.differentiate(y.sum(), x, create_graph=True)
    scope = slope.node.scope
    assert scope.backward
    assert (scope.path, scope.steps) == ("decoder.cell", (4,))
    assert str(scope) == "decoder.cell @ t=4 (backward)"
    assert not y.node.scope.backward
    assert str(mg.current_scope()) == "top level"


def test_each_thread_has_its_own_scope():
    seen = []

    def work():
        seen.append(str(mg.current_scope()))
        with mg.scope("worker"):
            seen.append(str((leaf() * 2).node.scope))

    with mg.scope("main"):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        assert str(mg.current_scope()) == "main"
    assert seen == ["top level", "worker"]


def test_repr():
    with mg.scope("a", step=1) as scope:
        assert repr(scope) == "<Scope a @ t=1>"
    assert repr((leaf() * 2).node) == "<multiply float32[2] in top level>"


def test_labels_are_counted_on_not_searched_for(monkeypatch):
    """No two callers have one label; and a caller more costs the same, however many there are."""
    looked_at = 0

    class Calls:
        count = 0

        def __init__(self, label):
            self._label = label

        @property
        def label(self):
            nonlocal looked_at
            looked_at += 1
            return self._label

    monkeypatch.setattr(sys.modules["minigrad.engine.scope"], "Calls", Calls)
    scope = Scope(None, None)
    names = ["cell", "cell", "cell#2", "cell", "cell#3", "cell", "cell#2", "x"]
    labels = [scope.child(name, key=i).name for i, name in enumerate(names)]
    assert labels == ["cell", "cell#2", "cell#2#2", "cell#3", "cell#3#2", "cell#4", "cell#2#3", "x"]
    looked_at = 0
    for i in range(500):
        scope.child("y", key=("y", i))
    assert scope.child("y", key="last").name == "y#501"
    assert looked_at <= 600

"""Module: what it registers, what a call does, its state, and how it is shown and copied."""

import copy
import pickle

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn


class Inner(nn.Module):
    def __init__(self, n=2):
        super().__init__()
        self.weight = nn.Parameter(mg.ones((n,)))

    def forward(self, x):
        return x * self.weight


class Outer(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = Inner()
        self.second = Inner()
        self.bias = nn.Parameter(mg.zeros((2,)))
        self.register_buffer("mean", mg.full((2,), 5.0))
        self.register_buffer("scratch", mg.zeros((1,)), persistent=False)

    def forward(self, x):
        return self.second(self.first(x)) + self.bias


# --- registration -----------------------------------------------------------------------------------------------------


def test_parts_are_found_under_their_paths():
    m = Outer()
    assert [name for name, _ in m.named_parameters()] == ["bias", "first.weight", "second.weight"]
    assert [name for name, _ in m.named_parameters(recurse=False)] == ["bias"]
    assert [name for name, _ in m.named_parameters("model")][1] == "model.first.weight"
    assert [name for name, _ in m.named_modules()] == ["", "first", "second"]
    assert [name for name, _ in m.named_children()] == ["first", "second"]
    assert [name for name, _ in m.named_buffers()] == ["mean", "scratch"]
    assert list(m.children()) == [m.first, m.second]
    assert list(m.modules()) == [m, m.first, m.second]
    assert sum(p.size for p in m.parameters()) == 6
    assert sum(b.size for b in m.buffers()) == 3


def test_shared_parts_are_found_once():
    m = Outer()
    m.second = m.first
    m.other = m.bias
    assert [name for name, _ in m.named_parameters()] == ["bias", "first.weight"]
    assert [name for name, _ in m.named_modules()] == ["", "first"]
    assert list(m.children()) == [m.first]
    assert {"bias", "other", "first.weight", "second.weight"} < set(m.state_dict())


def test_super_init_may_be_forgotten():
    class Careless(nn.Module):
        def __init__(self):
            self.weight = nn.Parameter(mg.ones((3,)))

    assert [name for name, _ in Careless().named_parameters()] == ["weight"]


def test_arguments_that_nobody_takes_are_refused():
    class Plain(nn.Module):
        pass

    with pytest.raises(TypeError):
        Plain(3)
    with pytest.raises(NotImplementedError, match="Plain does not define forward"):
        Plain()(1)


def test_a_part_goes_when_it_is_deleted_or_set_to_none():
    m = Outer()
    m.first = None
    del m.second, m.mean
    assert set(m.state_dict()) == {"bias"}
    m.mean = mg.zeros((1,))  # an ordinary attribute now
    assert [name for name, _ in m.named_buffers()] == ["scratch"]


def test_a_parameter_is_not_replaced_by_something_else():
    m = Outer()
    with pytest.raises(TypeError, match=r"Outer.bias is a Parameter and cannot become a Tensor"):
        m.bias = mg.zeros((2,))
    with pytest.raises(TypeError, match=r"Outer.first is a Module"):
        m.first = 3
    with pytest.raises(TypeError, match=r"buffer Outer\.mean holds a Tensor"):
        m.mean = 3
    m.mean = mg.zeros((7,))
    assert m.state_dict()["mean"].shape == (7,)


def test_names_that_cannot_be_used():
    m = Outer()
    with pytest.raises(ValueError, match="dots"):
        setattr(m, "a.b", nn.Parameter(mg.ones((1,))))
    with pytest.raises(ValueError, match="name of a method"):
        m.forward = Inner()
    with pytest.raises(ValueError, match="already"):
        m.register_buffer("bias", mg.zeros((1,)))
    with pytest.raises(TypeError, match="must be a Tensor or None"):
        m.register_buffer("new", 3)


def test_leaves_carry_the_local_name():
    m = Outer()
    assert m.first.weight.node.label == "weight"
    m.requires_grad_(False).requires_grad_(True)
    assert m.first.weight.node.label == "weight"


# --- calls ------------------------------------------------------------------------------------------------------------


class Where(nn.Module):
    """Returns the scope that it is called in."""

    def forward(self, *args):
        return str(mg.current_scope())


def test_a_call_enters_the_scope_of_the_module():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.decoder = Where()
            self.layers = nn.ModuleList([Where(), Where()])

        def forward(self):
            return self.decoder(), self.layers[0](), self.layers[1]()

    model = Model()
    assert model() == ("Model.decoder", "Model.layers.0", "Model.layers.1")
    model.layers.append(Where())
    assert model.layers[2]() == "layers.2"
    assert Where()() == "Where"


def test_repeated_calls_are_numbered_where_gradients_are_recorded():
    cell = Inner()
    x = mg.ones((2,))

    def run():
        steps = []
        y = x
        for _ in range(3):
            y = cell(y)
            steps.append(y.node.scope)
        y.sum().backward()
        return [str(s) for s in steps]

    expected = ["Inner @ t=0", "Inner @ t=1", "Inner @ t=2"]
    assert run() == expected
    assert run() == expected  # backward began a new unrolling
    y = cell(x)
    assert str(y.node.scope) == "Inner"
    y.sum().backward()


def test_two_modules_of_one_class_keep_their_own_numbers():
    one, two = Inner(), Inner()
    x = mg.ones((2,))
    for _ in range(2):
        a = one(x)
        b = two(a)
    assert (str(a.node.scope), str(b.node.scope)) == ("Inner @ t=1", "Inner#2 @ t=1")
    b.sum().backward()


def test_calls_without_recording_are_not_counted():
    seen = Where()
    with mg.no_grad():
        assert [seen() for _ in range(3)] == ["Where"] * 3


def test_the_scope_is_left_when_forward_raises():
    class Broken(nn.Module):
        def forward(self):
            raise KeyError("oops")

    outer = mg.current_scope()
    with pytest.raises(KeyError):
        Broken()()
    assert mg.current_scope() is outer


def test_hooks_see_and_replace_arguments_and_outputs():
    m = Inner()
    seen = []
    before = m.register_forward_pre_hook(lambda module, args: seen.append(args[0].tolist()))
    double = m.register_forward_pre_hook(lambda module, args: args[0] * 2)
    after = m.register_forward_hook(lambda module, args, out: seen.append(out.tolist()))
    negate = m.register_forward_hook(lambda module, args, out: -out)
    x = mg.ones((2,))
    assert m(x).tolist() == [-2, -2]
    assert seen == [[1, 1], [2, 2]]
    for handle in (before, double, after, negate, negate):
        handle.remove()
    assert m(x).tolist() == [1, 1]
    assert len(seen) == 2
    with pytest.raises(TypeError, match="hook"):
        m.register_forward_hook(3)


# --- state ------------------------------------------------------------------------------------------------------------


def test_state_dict_is_detached_and_shares_memory():
    m = Outer()
    state = m.state_dict()
    assert list(state) == ["bias", "mean", "first.weight", "second.weight"]
    assert not any(t.requires_grad for t in state.values())
    with mg.no_grad():
        m.bias.copy_(np.array([7.0, 8.0]))
    assert state["bias"].tolist() == [7, 8]


def test_load_state_dict_takes_tensors_and_arrays_and_works_in_place():
    m = Outer()
    bias, memory = m.bias, m.bias.array
    state = {
        "bias": np.array([1.0, 2.0]),
        "mean": mg.tensor([3.0, 4.0]),
        "first.weight": mg.tensor([5.0, 6.0], dtype="float64", requires_grad=True),
        "second.weight": np.float32([7, 8]),
    }
    assert m.load_state_dict(state) == ([], [])
    assert m.bias is bias
    assert m.bias.array is memory
    assert m.bias.tolist() == [1, 2]
    assert m.mean.tolist() == [3, 4]
    assert m.first.weight.dtype == mg.float32
    assert m.second.weight.tolist() == [7, 8]


def test_load_state_dict_lists_everything_that_does_not_fit_and_changes_nothing():
    m = Outer()
    state = {"bias": np.ones(3), "mean": np.ones(2), "extra": np.ones(1), "first.weight": np.ones(2)}
    message = (
        r"Outer: missing: second.weight; unexpected: extra; bias has shape \(2,\) here and \(3,\) in the given state"
    )
    with pytest.raises(ValueError, match=message):
        m.load_state_dict(state)
    assert m.mean.tolist() == [5, 5]
    del state["bias"]
    assert m.load_state_dict(state, strict=False) == (["bias", "second.weight"], ["extra"])
    assert m.mean.tolist() == [1, 1]
    with pytest.raises(ValueError, match="bias has shape"):
        m.load_state_dict({"bias": np.ones(3)}, strict=False)


def test_loading_is_seen_by_the_tape():
    m = Inner()
    x = mg.ones((2,), requires_grad=True)
    y = m(x).sum()
    m.load_state_dict(m.state_dict())
    with pytest.raises(mg.GraphError, match="changed in place by copy_"):
        y.backward()


def test_train_and_eval_reach_all_modules():
    m = Outer()
    assert m.eval() is m
    assert not any(part.training for part in m.modules())
    m.train()
    assert all(part.training for part in m.modules())


def test_zero_grad_and_freezing():
    m = Outer()
    m(mg.ones((2,))).sum().backward()
    assert all(p.grad is not None for p in m.parameters())
    m.zero_grad()
    assert all(p.grad is None for p in m.parameters())
    m.first.requires_grad_(False)
    m(mg.ones((2,))).sum().backward()
    assert m.first.weight.grad is None
    assert m.second.weight.grad.tolist() == [1, 1]


def test_to_converts_in_place():
    m = Outer()
    m.register_buffer("count", mg.tensor([1, 2]))
    m(mg.ones((2,))).sum().backward()
    bias = m.bias
    assert m.to("float64") is m
    assert m.bias is bias
    assert {p.dtype for p in m.parameters()} == {mg.float64}
    assert {p.grad.dtype for p in m.parameters()} == {mg.float64}
    assert (m.mean.dtype, m.count.dtype) == (mg.float64, mg.int64)
    assert bias.node.label == "bias"
    m.zero_grad()
    m(mg.ones((2,), dtype="float64")).sum().backward()
    assert m.bias.grad.tolist() == [1, 1]
    with pytest.raises(TypeError, match="real numbers"):
        m.to("int32")


def test_to_what_it_is_already_keeps_the_graph():
    m = Inner()
    loss = m(mg.ones((2,))).sum()
    m.to("float32").to("numpy")
    loss.backward()
    assert m.weight.grad.tolist() == [1, 1]


def test_to_moves_between_backends(backend):
    m = Outer()
    m.to("numpy").to(backend)
    assert {t.backend.name for t in [*m.parameters(), *m.buffers()]} == {backend}
    m(mg.ones((2,))).sum().backward()
    assert m.bias.grad.backend.name == backend


def test_apply_goes_children_first():
    order = []
    m = Outer()
    assert m.apply(order.append) is m
    assert order == [m.first, m.second, m]


# --- shown, copied, stored --------------------------------------------------------------------------------------------


def test_repr_is_a_tree_with_counts():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(1000, 16)
            self.rnn = nn.Recurrent(nn.GRUCell(16, 16), reverse=True)
            self.head = nn.Linear(16, 4, bias=False)

    m = Model()
    assert repr(m).splitlines() == [
        "Model()                            17,696 parameters",
        "  embedding: Embedding(1000, 16)   16,000",
        "  rnn: Recurrent(reverse=True)      1,632",
        "    cell: GRUCell(16, 16)           1,632",
        "  head: Linear(16, 4, bias=False)      64",
    ]
    m.head.requires_grad_(False)
    m.again = m.rnn
    first = repr(m).splitlines()[0]
    assert first.endswith("17,696 parameters, 64 of them frozen, shared ones counted once")


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_are_independent_and_keep_sharing(duplicate):
    m = Outer()
    m.tied = m.first.weight
    m.first.eval()
    twin = duplicate(m)
    assert twin.tied is twin.first.weight
    assert twin.tied is not m.tied
    assert (twin.first.training, twin.second.training) == (False, True)
    assert list(twin.state_dict()) == list(m.state_dict())
    assert twin.second.weight.node.label == "weight"
    with mg.no_grad():
        twin.tied.copy_(np.zeros(2))
    assert m.tied.tolist() == [1, 1]
    x = mg.ones((2,), requires_grad=True)
    scopes = [str(part(x).node.scope) for part in (m, twin)]
    assert scopes == ["Outer", "Outer#2"]  # the copy's calls are not counted as the original's

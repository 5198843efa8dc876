"""Modules that hold others: what they register, how they are changed, and PyTorch's paths."""

import collections
import copy
import pickle

import numpy as np
import pytest
from parity import torch

import minigrad as mg
from minigrad import nn


def names(module):
    return [name for name, _ in module.named_parameters()]


def shapes(module):
    return {name: tuple(value.shape) for name, value in module.state_dict().items()}


def test_a_sequence_is_changed_like_pytorchs():
    def changed(lib):
        layers = [lib.Linear(n, n + 1) for n in range(1, 7)]
        net = lib.Sequential(layers[0], lib.Tanh())
        net.append(layers[1]).extend([layers[2], lib.Tanh()])
        net.insert(1, layers[3])
        net[0] = layers[4]
        del net[2]
        net[-1] = layers[5]
        return net

    ours, theirs = changed(nn), changed(torch.nn)
    assert [type(m).__name__ for m in ours] == [type(m).__name__ for m in theirs]
    assert shapes(ours) == shapes(theirs)
    assert ours.pop(0) is not ours[0]
    assert list(ours.state_dict()) == [k for k, _ in ours.named_parameters()]


def test_a_sequence_of_names():
    net = nn.Sequential(collections.OrderedDict([("a", nn.Linear(1, 2)), ("b", nn.Linear(2, 3))]))
    net.append(nn.Linear(3, 4))
    assert names(net)[::2] == ["a.weight", "b.weight", "2.weight"]
    del net[0]
    assert names(net)[::2] == ["b.weight", "2.weight"]
    assert net(mg.ones((1, 2))).shape == (1, 4)
    assert names(nn.Sequential(nn.ReLU()) + nn.Sequential(nn.Linear(1, 1))) == ["1.weight", "1.bias"]


def test_an_index_counts_places_whatever_the_names_are():
    first, second = nn.ReLU(), nn.Tanh()
    net = nn.Sequential({"1": first, "0": second})
    assert net[0] is first
    assert net[-1] is second
    assert list(net[:1]) == [first]
    held = nn.ModuleList([first, second])
    assert held[np.int64(1)] is second
    held.insert(-1, nn.GELU())
    assert held[-2] is held[1]
    assert held[2] is second
    del held[::2]
    assert names(nn.ModuleList([nn.Linear(1, 1), *held])) == ["0.weight", "0.bias"]


def test_a_list_is_changed_like_pytorchs():
    def changed(lib):
        layers = [lib.Linear(1, n) for n in range(1, 9)]
        held = lib.ModuleList(layers[:2])
        held += layers[2:4]
        held.insert(1, layers[4])
        del held[0]
        held[-1] = layers[5]
        held.extend(lib.ModuleList(layers[6:]))
        held.pop(0)
        return held

    ours, theirs = changed(nn), changed(torch.nn)
    assert shapes(ours) == shapes(theirs)
    assert len(ours) == len(theirs)
    assert len(ours + [nn.Linear(1, 1)]) == len(ours) + 1
    assert len(nn.ModuleList()) == 0
    assert [m in list(ours) for m in ours[:2]] == [True, True]
    with pytest.raises(IndexError, match="index 9 is out of range for a ModuleList of 5"):
        ours[9]


class Heads(nn.Module):
    def __init__(self):
        super().__init__()
        self.heads = nn.ModuleDict({"digits": nn.Linear(2, 10), "parity": nn.Linear(2, 2)})
        self.heads["size"] = nn.Linear(2, 1)

    def forward(self, x):
        return {name: head(x) for name, head in self.heads.items()}


class TorchHeads(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.heads = torch.nn.ModuleDict({"digits": torch.nn.Linear(2, 10), "parity": torch.nn.Linear(2, 2)})
        self.heads["size"] = torch.nn.Linear(2, 1)


def test_a_dictionary_of_modules():
    model, theirs = Heads(), TorchHeads()
    assert names(model) == [name for name, _ in theirs.named_parameters()]
    heads = model.heads
    assert (list(heads), len(heads), "digits" in heads, "x" in heads) == (["digits", "parity", "size"], 3, True, False)
    assert list(heads.keys()) == list(heads)
    assert [m.out_features for m in heads.values()] == [10, 2, 1]
    with mg.Tape() as tape:
        out = model(mg.ones((1, 2)))
    assert out["parity"].shape == (1, 2)
    assert "heads.digits" in str(tape)
    twin = pickle.loads(pickle.dumps(copy.deepcopy(model)))
    assert names(twin) == names(model)
    assert twin.heads.pop("parity").out_features == 2
    del twin.heads["size"]
    assert names(twin) == ["heads.digits.weight", "heads.digits.bias"]
    twin.heads.update({"new": nn.ReLU()})
    twin.heads.clear()
    assert len(twin.heads) == 0
    assert len(nn.ModuleDict()) == 0


def test_parameters_in_a_list_and_by_name():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.ParameterList([mg.ones((2,)), nn.Parameter(mg.zeros((3,)))])
            self.named = nn.ParameterDict({"left": mg.ones((1,))})
            self.named["right"] = nn.Parameter(mg.ones((4,)))

    model = Model()
    model.w.append(mg.ones((5,), dtype="float64"))
    assert names(model) == ["w.0", "w.1", "w.2", "named.left", "named.right"]
    assert all(isinstance(p, nn.Parameter) and p.requires_grad for p in model.parameters())
    sum((p.astype("float64").sum() for p in model.w), mg.tensor(0.0)).backward()
    assert model.w[2].grad.shape == (5,)
    assert model.w[2].dtype == np.float64
    model.w[0] = mg.zeros((7,))
    assert model.w[0].shape == (7,)
    assert list(model.named) == ["left", "right"]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nn.ModuleDict({"a": 3}), TypeError, "ModuleDict holds modules, not a int"),
        (lambda: nn.Sequential(nn.ReLU), TypeError, r"not a type: make it with brackets, as nn.ReLU\(\)"),
        (lambda: nn.Sequential([nn.ReLU()]), TypeError, r"not a list: write Sequential\(\*modules\)"),
        (lambda: nn.ModuleDict({1: nn.ReLU()}), TypeError, "names in a ModuleDict are strings, not ints"),
        (lambda: nn.ModuleDict({"a.b": nn.ReLU()}), ValueError, "dots separate names"),
        (lambda: nn.ModuleDict({"training": nn.ReLU()}), ValueError, "'training' is an attribute of ModuleDict"),
        (lambda: nn.ModuleDict({"items": nn.ReLU()}), ValueError, "'items' is the name of a method"),
        (lambda: nn.ModuleDict({"a": nn.ReLU()})["b"], KeyError, "'b' is not in this ModuleDict; there are a"),
        (lambda: nn.ParameterList([3.0]), TypeError, "ParameterList holds parameters, not a float"),
        (
            lambda: nn.ParameterDict({"a": nn.Parameter(mg.ones(1)) * 2}),
            TypeError,
            r"float32\[1\] was computed from others: detach",
        ),
        (lambda: nn.Sequential(nn.ReLU()).append(3), TypeError, "Sequential holds modules, not a int"),
        (lambda: nn.Sequential(nn.ReLU())[1], IndexError, "range"),
    ],
)
def test_bad_parts(call, error, message):
    with pytest.raises(error, match=message):
        call()

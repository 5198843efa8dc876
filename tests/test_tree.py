"""Nested tensors: what is mapped, what is kept, and errors that say where trees differ."""

from typing import NamedTuple

import pytest

import minigrad as mg
from minigrad import nn, tree


class Pair(NamedTuple):
    h: mg.Tensor
    c: mg.Tensor


def example():
    return {"state": Pair(mg.tensor([1.0]), mg.tensor([2.0])), "more": [mg.tensor([3.0]), None, 7], "none": ()}


def test_tensors_are_mapped_and_everything_else_is_kept():
    doubled = tree.map(lambda x: 2 * x, example())
    assert type(doubled["state"]) is Pair
    assert [x.item() for x in tree.leaves(doubled)] == [2, 4, 6]
    assert doubled["more"][1:] == [None, 7]
    assert doubled["none"] == ()


def test_filling_a_tree_with_its_leaves_gives_the_tree():
    first = example()
    again = tree.filled(first, tree.leaves(first))
    assert all(a is b for a, b in zip(tree.leaves(again), tree.leaves(first), strict=True))
    assert type(again["state"]) is Pair


def test_several_trees_are_mapped_together():
    total = tree.map(lambda x, y: x + y, example(), example())
    assert [x.item() for x in tree.leaves(total)] == [2, 4, 6]
    with pytest.raises(ValueError, match=r"nested tensors\['more'\]: a list of 3 in one tree, a list of 1 in another"):
        tree.map(lambda x, y: x, example(), example() | {"more": [mg.tensor([3.0])]})


def test_a_detached_tree_has_no_history():
    x = mg.tensor([1.0], requires_grad=True)
    assert tree.detach((x * 2, {"h": x}))[1]["h"].node is None


def test_evaluating_gives_each_part_its_mode_back():
    model = nn.Sequential(nn.Dropout(0.5), nn.Dropout(0.5))
    model[1].eval()
    with pytest.raises(KeyError), nn.utils.evaluating(model):
        assert not any(part.training for part in model.modules())
        raise KeyError
    assert [part.training for part in model.modules()] == [True, True, False]

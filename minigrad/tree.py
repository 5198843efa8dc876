"""Nested tensors: what a recurrent state, or a batch, may be made of.

A tree is a tensor, or a tuple, a named tuple, a list or a dict of trees; these keep their types. Anything else (None, a
number) is kept as it is. The state of an LSTM is the tree (h, c), that of a memory network may be
{"memory": ..., "heads": (..., ...)}.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from .engine.operands import with_parts
from .engine.recorded import Recorded, describe


def map(function: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """The tree with each tensor replaced by `function(tensor)`.

    Args:
        function: gets a tensor; with `others`, also what stands at the same place in each of them.
        tree: a tree.
        others: trees of the same shape.

    Raises ValueError where another tree has another shape; the message says at which place.
    """
    return _map(function, (tree, *others), "")


def _map(function: Callable[..., Any], trees: tuple[Any, ...], place: str) -> Any:
    first = trees[0]
    if isinstance(first, Recorded):
        for other in trees[1:]:
            if not isinstance(other, Recorded):
                raise ValueError(f"nested tensors{place}: {describe(first)} in one tree, {_kind(other)} in another")
        return function(*trees)
    if not isinstance(first, (tuple, list, dict)):
        return first
    for other in trees[1:]:
        if type(other) is not type(first) or len(other) != len(first) or keys(other) != keys(first):
            raise ValueError(f"nested tensors{place}: {_kind(first)} in one tree, {_kind(other)} in another")
    return with_parts(first, [_map(function, tuple(tree[k] for tree in trees), f"{place}[{k!r}]") for k in keys(first)])


def leaves(tree: Any) -> list[Any]:
    """The tensors of a tree, from left to right."""
    if isinstance(tree, Recorded):
        return [tree]
    return [leaf for key in keys(tree) for leaf in leaves(tree[key])]


def filled(tree: Any, tensors: Iterable[Any]) -> Any:
    """The tree with these in place of its tensors, from left to right: `filled(tree, leaves(tree))` is the tree."""
    following = iter(tensors)
    return map(lambda _: next(following), tree)


def detach(tree: Any) -> Any:
    """The tree without its history: gradients stop here. What a state is carried with from batch to batch."""
    return map(lambda tensor: tensor.detach(), tree)


def keys(tree: Any) -> list[Any]:
    """What the parts of a tree are found under: positions, or the keys of a dict; none for a tensor."""
    if isinstance(tree, dict):
        return list(tree)
    return list(range(len(tree))) if isinstance(tree, (tuple, list)) else []


def _kind(x: Any) -> str:
    if isinstance(x, dict):
        return f"a dict of {', '.join(repr(key) for key in x) or 'nothing'}"
    if isinstance(x, (tuple, list)):
        return f"a {type(x).__name__} of {len(x)}"
    return describe(x) if isinstance(x, Recorded) else f"{type(x).__name__} {x!r}"

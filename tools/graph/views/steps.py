"""Leaving time steps out: some steps of each loop stay, and one node stands for those between two of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from itertools import groupby
from numbers import Integral
from typing import Any

from minigrad.inspect.graph.chains import Chain, Place, axis_of, steps_of
from minigrad.inspect.graph.model import Graph, GraphNode

from .contract import absorb, contract

Gap = tuple[Chain, int, int, int]  # the axis, the first and the last step that are left out, and how many they are


def axes(graph: Graph) -> dict[Chain, list[int]]:
    """The steps of each time axis, in order. The last place of an axis has its name and no step."""
    found: dict[Chain, set[int]] = defaultdict(set)
    for chain in {node.scope for node in graph.nodes}:
        for k in steps_of(chain):
            found[axis_of(chain[: k + 1])].add(chain[k].step or 0)
    return {axis: sorted(steps) for axis, steps in found.items()}


def keep_steps(graph: Graph, steps: int | Iterable[int]) -> Graph:
    """The graph (with columns) in which each time axis shows some of its steps.

    Args:
        graph: the graph; it is not changed.
        steps: a number n keeps the first n - 1 steps and the last; an axis that is only one step longer is left as it
            is. A collection of numbers keeps these steps; negative ones count from the end of each axis.

    The steps between two that stay become one node, `ellipsis`, through which the carried state still flows.

    Raises ValueError for a number below 2, an empty collection, and a step that no axis has; TypeError for what is
    neither.
    """
    found = axes(graph)
    if isinstance(steps, Integral) and not isinstance(steps, bool):
        n = int(steps)
        if n < 2:
            raise ValueError(f"at least two time steps are kept, the first and the last: steps cannot be {steps}")
        kept = {
            axis: {*present[: n - 1], present[-1]} if len(present) > n + 1 else {*present}
            for axis, present in found.items()
        }
    else:
        numbers = _numbers(steps)
        _check(numbers, found)
        kept = {axis: {present[n] if -len(present) <= n < 0 else n for n in numbers} for axis, present in found.items()}
    hidden = {axis: _gaps(axis, present, kept[axis]) for axis, present in found.items()}
    gaps = {chain: _gap(chain, hidden) for chain in {node.scope for node in graph.nodes}}
    owner: dict[int, int] = {}
    boxes: dict[Gap, GraphNode] = {}
    for node in graph.nodes:
        gap = gaps[node.scope]
        if gap is not None:
            if gap not in boxes:
                boxes[gap] = _ellipsis(node, gap)
            owner[node.id] = boxes[gap].id
            absorb(boxes[gap], node)
    return contract(graph, owner, boxes.values())


def _numbers(steps: object) -> set[int]:
    listed: list[Any] = list(steps) if isinstance(steps, Iterable) and not isinstance(steps, str) else [steps]
    if any(isinstance(n, bool) or not isinstance(n, Integral) for n in listed):
        raise TypeError(f"steps is a number, a collection of the numbers of time steps, or None, not {steps!r}")
    if not listed:
        raise ValueError("steps is empty: name at least one time step to keep")
    return {int(n) for n in listed}


def _check(kept: Collection[int], found: dict[Chain, list[int]]) -> None:
    """Every step that is asked for must be there, on one axis at least."""
    if not found:
        raise ValueError(f"nothing here has time steps: there are no steps {sorted(kept)} to keep")
    present = {n for steps in found.values() for n in (*steps, *range(-len(steps), 0))}
    if missing := sorted(set(kept) - present):
        first, last = min(n for steps in found.values() for n in steps), max(present)
        raise ValueError(f"there is no time step {missing[0]}: they go from {first} to {last}")


def _gaps(axis: Chain, present: list[int], kept: set[int]) -> dict[int, Gap]:
    """For each step that does not stay, the gap it is in."""
    found: dict[int, Gap] = {}
    for stays, group in groupby(present, lambda n: n in kept):
        if not stays:
            gone = list(group)
            found.update(dict.fromkeys(gone, (axis, gone[0], gone[-1], len(gone))))
    return found


def _gap(chain: Chain, hidden: dict[Chain, dict[int, Gap]]) -> Gap | None:
    """The outermost gap that a scope is in."""
    found = (hidden[axis_of(chain[: k + 1])].get(chain[k].step or 0) for k in steps_of(chain))
    return next((gap for gap in found if gap is not None), None)


def _ellipsis(node: GraphNode, gap: Gap) -> GraphNode:
    axis, first, last, n = gap
    return GraphNode(
        id=node.id,
        kind="ellipsis",
        label=f"{n} steps" if n > 1 else "1 step",
        scope=(*axis[:-1], Place(axis[-1].name, first)),
        detail=f"{first} … {last}" if n > 1 else str(first),
        backward=node.backward,
        count=0,
    )

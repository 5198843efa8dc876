"""The step that all folding ends in: draw several nodes together into one."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping

from minigrad.inspect.graph.model import LEAVES, Graph, GraphEdge, GraphNode

# For nodes of loops whose steps are drawn together: their loop, and their step.
When = Mapping[int, tuple[object, int]]


def contract(graph: Graph, owner: Mapping[int, int], boxes: Iterable[GraphNode], when: When | None = None) -> Graph:
    """The graph with some nodes replaced by boxes.

    Args:
        graph: the graph; it is not changed. The result shares what stays as it was with it.
        owner: for each node that disappears, the id of the node that stands for it.
        boxes: the new nodes. Their ids are ids of nodes that disappear.
        when: the loops whose steps become one. What goes from one of their steps to another is a state; an edge inside
            of a loop tells the values of one step, that with the most.

    Edges inside a box vanish, but states stay. Edges between the same two nodes become one if their values have one
    shape.
    """
    groups: dict[tuple[int, int, tuple[int, ...] | None, bool], list[GraphEdge]] = defaultdict(list)
    for edge in graph.edges:
        source, target = owner.get(edge.source, edge.source), owner.get(edge.target, edge.target)
        state = edge.state
        if when and not state:
            here, there = when.get(edge.source), when.get(edge.target)
            state = here is not None and there is not None and here[0] is there[0] and here[1] != there[1]
        if source != target or state:
            groups[source, target, edge.shape, state].append(edge)
    edges = [_joined(source, target, state, group, when) for (source, target, _, state), group in groups.items()]
    nodes = [node for node in graph.nodes if node.id not in owner]
    return Graph(sorted([*nodes, *boxes], key=lambda node: node.id), edges)


def _joined(source: int, target: int, state: bool, group: list[GraphEdge], when: When | None) -> GraphEdge:
    """One edge for several whose values have one shape."""
    one = group[0]
    if len(group) == 1:
        if (one.source, one.target, one.state) == (source, target, state):
            return one
        return GraphEdge(source, target, one.shape, one.values, state, one.grad_norm, one.operand)
    here, there = (when.get(one.source), when.get(one.target)) if when else (None, None)
    inside = here is not None and there is not None and here[0] is there[0]
    values: dict[int, set[int]] = defaultdict(set)
    for edge in group:
        values[when[edge.source][1] if when and inside else 0].update(edge.values)
    norms = {edge.values: edge.grad_norm for edge in group}
    most = max(map(frozenset, values.values()), key=len)
    return GraphEdge(source, target, one.shape, most, state, joint_norm(norms.values()), one.operand)


def absorb(box: GraphNode, node: GraphNode) -> None:
    """Add up in a box, in place, what it stands for."""
    if node.kind not in LEAVES:
        box.count += node.count
    if node.saved_bytes is not None:
        box.saved_bytes = (box.saved_bytes or 0) + node.saved_bytes


def joint_norm(norms: Iterable[float | None]) -> float | None:
    """The Euclidean norm of several arrays taken together, from theirs; None if there are none."""
    known = [norm for norm in norms if norm is not None]
    return math.hypot(*known) if known else None

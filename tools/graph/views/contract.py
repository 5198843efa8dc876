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
    when = when or {}
    groups: dict[tuple[int, int, tuple[int, ...] | None, bool], list[GraphEdge]] = defaultdict(list)
    for edge in graph.edges:
        source, target = owner.get(edge.source, edge.source), owner.get(edge.target, edge.target)
        state = edge.state or (_in_one_loop(edge, when) and when[edge.source] != when[edge.target])
        if source != target or state:
            groups[source, target, edge.shape, state].append(edge)
    edges = [_joined(source, target, state, group, when) for (source, target, _, state), group in groups.items()]
    nodes = [node for node in graph.nodes if node.id not in owner]
    return Graph(sorted([*nodes, *boxes], key=lambda node: node.id), edges)


def _in_one_loop(edge: GraphEdge, when: When) -> bool:
    return edge.source in when and edge.target in when and when[edge.source][0] is when[edge.target][0]


def _joined(source: int, target: int, state: bool, group: list[GraphEdge], when: When) -> GraphEdge:
    """One edge for several whose values have one shape."""
    one = group[0]
    if len(group) == 1:
        if (one.source, one.target, one.state) == (source, target, state):
            return one
        return GraphEdge(source, target, one.shape, one.values, state, one.grad_norm, one.operand)
    values: dict[object, frozenset[int]] = defaultdict(frozenset)
    for edge in group:
        values[when[edge.source][1] if _in_one_loop(edge, when) else None] |= edge.values
    norms = {edge.values: edge.grad_norm for edge in group}
    return GraphEdge(
        source, target, one.shape, max(values.values(), key=len), state, joint_norm(norms.values()), one.operand
    )


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

"""The step that all folding ends in: draw several nodes together into one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from minigrad.inspect.graph.model import Graph, GraphEdge, GraphNode


def contract(graph: Graph, owner: Mapping[int, int], boxes: Iterable[GraphNode]) -> Graph:
    """The graph with some nodes replaced by boxes.

    Args:
        graph: the graph; it is not changed. The result shares what stays as it was with it.
        owner: for each node that disappears, the id of the node that stands for it.
        boxes: the new nodes. Their ids are ids of nodes that disappear.

    Edges inside a box vanish. Edges between the same two nodes become one if their values have one shape.
    """
    groups: dict[tuple[int, int, tuple[int, ...] | None], list[GraphEdge]] = {}
    for edge in graph.edges:
        source, target = owner.get(edge.source, edge.source), owner.get(edge.target, edge.target)
        if source == target:
            continue
        key = (source, target, edge.shape)
        if key in groups:
            groups[key].append(edge)
        else:
            groups[key] = [edge]
    edges = [_joined(source, target, group) for (source, target, _), group in groups.items()]
    nodes = [node for node in graph.nodes if node.id not in owner]
    return Graph(sorted([*nodes, *boxes], key=lambda node: node.id), edges)


def _joined(source: int, target: int, group: list[GraphEdge]) -> GraphEdge:
    """One edge for several whose values have one shape."""
    one = group[0]
    if len(group) == 1:
        if one.source == source and one.target == target:
            return one
        return GraphEdge(source, target, one.shape, one.values, one.state, one.grad_norm, one.operand)
    values = frozenset().union(*(edge.values for edge in group))
    state = any(edge.state for edge in group)
    norms = {edge.values: edge.grad_norm for edge in group}
    return GraphEdge(source, target, one.shape, values, state, joint_norm(norms.values()), one.operand)


def joint_norm(norms: Iterable[float | None]) -> float | None:
    """The Euclidean norm of several arrays taken together, from theirs; None if there are none."""
    known = [norm for norm in norms if norm is not None]
    return math.hypot(*known) if known else None

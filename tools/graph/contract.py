"""The step that all folding ends in: draw several nodes together into one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from .model import Graph, GraphEdge, GraphNode


def contract(graph: Graph, owner: Mapping[int, int], boxes: Iterable[GraphNode]) -> Graph:
    """The graph with some nodes replaced by boxes.

    Args:
        graph: the graph; it is not changed.
        owner: for each node that disappears, the id of the node that stands for it.
        boxes: the new nodes. Their ids are ids of nodes that disappear.

    Edges inside a box vanish. Edges between the same two nodes become one if their values have one shape.
    """
    edges: dict[tuple[int, int, tuple[int, ...] | None], GraphEdge] = {}
    parts: dict[tuple[int, int, tuple[int, ...] | None], list[frozenset[int]]] = {}
    for edge in graph.edges:
        source, target = owner.get(edge.source, edge.source), owner.get(edge.target, edge.target)
        if source == target:
            continue
        key = (source, target, edge.shape)
        if key not in edges:
            edges[key] = replace(edge, source=source, target=target)
            parts[key] = []
        edges[key].state |= edge.state
        parts[key].append(edge.values)
    for key, edge in edges.items():
        edge.values = frozenset().union(*parts[key])
    nodes = [replace(node) for node in graph.nodes if node.id not in owner]
    return Graph(sorted([*nodes, *boxes], key=lambda node: node.id), list(edges.values()))

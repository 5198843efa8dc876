"""What one time step hands on to another: marked, and drawn as nodes where it leaves a box."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from .model import Chain, Graph, GraphEdge, GraphNode
from .timeline import positions


def with_states(graph: Graph) -> Graph:
    """The graph in which what is carried from one time step to another is marked, and drawn as nodes behind boxes.

    An operation whose result is carried becomes a node of kind `state`. What a module or an ellipsis hands on gets a
    node of its own, in the same column, without operations (`count` is 0).
    """
    nodes = {node.id: replace(node) for node in graph.nodes}
    new_id = max(nodes, default=0) + 1
    edges: list[GraphEdge] = []
    states: dict[tuple[int, frozenset[int], tuple[int, ...] | None], GraphNode] = {}
    for edge in graph.edges:
        source, target = nodes[edge.source], nodes[edge.target]
        if source.kind in ("parameter", "data") or other_step(source.scope, target.scope) is None:
            edges.append(edge)
            continue
        if source.kind in ("operation", "output", "state"):
            source.kind = "state" if source.kind == "operation" else source.kind
            edges.append(replace(edge, state=True))
            continue
        key = (source.id, edge.values, edge.shape)
        if key not in states:
            label = "state" if len(edge.values) == 1 else f"{len(edge.values)} states"
            states[key] = GraphNode(new_id, "state", label, source.scope, edge.shape, count=0)
            new_id += 1
            edges.append(GraphEdge(source.id, states[key].id, None, edge.values, True))
        edges.append(GraphEdge(states[key].id, target.id, None, edge.values, True))
    result = Graph([*nodes.values(), *states.values()], edges)
    # What would be carried on if there were one more step looks like the states of the other steps.
    position = positions(result)
    carried = {where for i, where in position.items() if i in nodes and nodes[i].kind == "state"}
    for i, where in position.items():
        if where in carried and nodes[i].kind == "operation":
            nodes[i].kind = "state"
    return _through_ellipses(result)


def other_step(source: Chain, target: Chain) -> int | None:
    """Where two scopes part, if that is in different steps of one time axis: the position in their chains, or None."""
    for k, (a, b) in enumerate(zip(source, target, strict=False)):
        if a != b:
            return k if a.name == b.name and a.step is not None and b.step is not None else None
    return None


def _through_ellipses(graph: Graph) -> Graph:
    """The graph in which several states pass by the node for left-out steps, each on its own line.

    Which state that goes in is the one that comes out? The steps before the ellipsis tell: the one that their
    corresponding nodes receive. If they do not tell, everything goes through the ellipsis, as it was.
    """
    nodes = graph.by_id()
    box_of = {e.target: e.source for e in graph.edges if e.state and nodes[e.target].count == 0}
    position = positions(graph)

    def origin(i: int) -> object:
        return position.get(box_of.get(i, i)), nodes[i].shape

    comes_from = {
        position[e.target]: origin(e.source)
        for e in graph.edges
        if e.state and e.target in position and nodes[box_of.get(e.source, e.source)].kind != "ellipsis"
    }
    lines: dict[int, dict[object, int]] = defaultdict(dict)  # ellipsis -> origin of a state -> its node
    for e in graph.edges:
        ellipsis = box_of.get(e.source)
        if ellipsis is not None and nodes[ellipsis].kind == "ellipsis" and position.get(e.target) in comes_from:
            lines[ellipsis].setdefault(comes_from[position[e.target]], e.source)
    edges = []
    for e in graph.edges:
        by_origin = lines.get(e.target, {})
        if e.state and len(by_origin) > 1 and origin(e.source) in by_origin:
            edges.append(replace(e, target=by_origin[origin(e.source)]))
        else:
            edges.append(e)
    reached = {e.target for e in edges if e.state and nodes[e.source].kind != "ellipsis"}
    kept = [e for e in edges if not (nodes[e.source].kind == "ellipsis" and e.target in reached)]
    return Graph(graph.nodes, kept)

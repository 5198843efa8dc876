"""What one time step hands on to another: marked, and drawn as nodes where it leaves a box."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from minigrad.inspect.graph.chains import Chain, common, other_step, step_from
from minigrad.inspect.graph.model import LEAVES, OPERATIONS, Graph, GraphEdge, GraphNode
from minigrad.inspect.graph.timeline import positions


def with_states(graph: Graph) -> Graph:
    """The graph in which what is carried from one time step to another is marked, and drawn as nodes behind boxes.

    An operation whose result is carried becomes a node of kind `state`. What a module or an ellipsis hands on gets a
    node of its own, in the same column, without operations (`count` is 0).
    """
    nodes = {node.id: node.copy() for node in graph.nodes}
    new_id = max(nodes, default=0) + 1
    edges: list[GraphEdge] = []
    states: dict[tuple[int, frozenset[int], tuple[int, ...] | None], GraphNode] = {}
    handed_over = _handed_over(graph)
    for edge in graph.edges:
        source = nodes[edge.source]
        if not _is_carried(edge, nodes) and id(edge) not in handed_over:
            edges.append(edge)
            continue
        if source.kind in (*OPERATIONS, "state"):
            source.kind = "state" if source.kind == "operation" else source.kind
            edges.append(replace(edge, state=True))
            continue
        key = (source.id, edge.values, edge.shape)
        if key not in states:
            label = "state" if len(edge.values) == 1 else f"{len(edge.values)} states"
            states[key] = GraphNode(new_id, "state", label, source.scope, edge.shape, backward=source.backward, count=0)
            new_id += 1
            edges.append(replace(edge, target=states[key].id, shape=None, state=True))
        edges.append(replace(edge, source=states[key].id, shape=None, state=True))
    result = Graph([*nodes.values(), *states.values()], edges)
    # What would be carried on if there were one more step looks like the states of the other steps.
    position = positions(result)
    carried = {where for i, where in position.items() if i in nodes and nodes[i].kind == "state"}
    for i, where in position.items():
        if where in carried and nodes[i].kind == "operation":
            nodes[i].kind = "state"
    return _through_ellipses(result)


def _is_carried(edge: GraphEdge, nodes: dict[int, GraphNode]) -> bool:
    source, target = nodes[edge.source], nodes[edge.target]
    return source.kind not in LEAVES and other_step(source.scope, target.scope) is not None


def _handed_over(graph: Graph) -> set[int]:
    """The edges, by `id`, on which the last state of one time axis becomes the first of another, as in a decoder.

    Both ends are steps. The source belongs to the nodes that hand on a state in other steps, the target to those that
    receive one, and neither does so here. If more flows between such nodes, as between layers, that is no handover.
    """
    nodes = graph.by_id()
    position = positions(graph)
    hands_on, receives = set(), set()
    across: dict[tuple[object, object], list[GraphEdge]] = defaultdict(list)
    for edge in graph.edges:
        if edge.source not in position or edge.target not in position:
            continue
        if _is_carried(edge, nodes):
            hands_on.add(edge.source)
            receives.add(edge.target)
        elif _between_axes(nodes[edge.source].scope, nodes[edge.target].scope):
            across[position[edge.source], position[edge.target]].append(edge)
    senders, receivers = ({position[i] for i in ids} for ids in (hands_on, receives))
    return {
        id(edges[0])
        for (source, target), edges in across.items()
        if len(edges) == 1
        and source in senders
        and target in receivers
        and edges[0].source not in hands_on
        and edges[0].target not in receives
    }


def _between_axes(source: Chain, target: Chain) -> bool:
    """Whether two scopes, from where they part, are in time steps."""
    k = common(source, target)
    return step_from(source, k) is not None and step_from(target, k) is not None


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

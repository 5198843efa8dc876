"""The forward and the backward pass: one of them, or both side by side.

What derivative rules recorded (`create_graph=True`) is shown as it is. Otherwise backward worked on plain arrays and
left no nodes; `with_derivatives` then derives them from the forward pass, whose mirror image they are.
"""

from __future__ import annotations

from collections import defaultdict

from minigrad.inspect.graph.chains import BACKWARD, FORWARD, Place
from minigrad.inspect.graph.model import LEAVES, OPERATIONS, Graph, GraphEdge, GraphNode, place_leaves

from .path import reached

PASSES = ("forward", "backward", "both")

# More edges than this from the forward pass to a recorded backward pass are left out: those are the values that the
# derivative rules read, which is nearly all of them.
FEW_EDGES = 10


def is_recorded(graph: Graph) -> bool:
    """Whether there is something that derivative rules recorded."""
    return any(node.backward for node in graph.nodes)


def backward_alone(graph: Graph) -> Graph:
    """The nodes of the backward pass, and the leaves that they read.

    Raises ValueError if there are none.
    """
    nodes = graph.by_id()
    leaves = {id for id, node in nodes.items() if node.kind in LEAVES and not node.backward}
    own = {id for id, node in nodes.items() if node.backward}
    if not own:
        raise ValueError("there is no backward pass to show: nothing here wants gradients")
    edges = [edge for edge in graph.edges if edge.target in own and (edge.source in own or edge.source in leaves)]
    own.update(edge.source for edge in edges)
    alone = Graph([node.copy() for node in graph.nodes if node.id in own], edges)
    place_leaves(alone)  # no longer outside of both passes
    return alone


def side_by_side(graph: Graph) -> Graph:
    """The graph with a frame around the forward pass beside that of the backward pass.

    Between the two stays what shows where backward begins; what derivative rules read, only if it is not much.
    """
    nodes = graph.by_id()
    crossing = [
        edge
        for edge in graph.edges
        if nodes[edge.source].kind not in LEAVES and nodes[edge.target].backward > nodes[edge.source].backward
    ]
    edges = graph.edges
    if len(crossing) > FEW_EDGES:
        gone = {(edge.source, edge.target) for edge in crossing}
        edges = [edge for edge in edges if (edge.source, edge.target) not in gone]
    operations = [node for node in graph.nodes if node.kind in OPERATIONS]
    begin = min((node.id for node in operations if node.backward), default=-1)
    before = [node for node in operations if not node.backward and node.id < begin]
    if before and (not crossing or edges is not graph.edges):
        edges = [*edges, GraphEdge(before[-1].id, begin, before[-1].shape, frozenset((before[-1].id,)))]
    shared = _read_by_both(graph, nodes)
    framed = [
        node if node.backward or node.id in shared else node.moved((Place(FORWARD, None), *node.scope))
        for node in graph.nodes
    ]
    return Graph(framed, edges)


def _read_by_both(graph: Graph, nodes: dict[int, GraphNode]) -> set[int]:
    """Leaves outside the two passes, because both of them read them."""
    readers: dict[int, set[bool]] = defaultdict(set)
    for edge in graph.edges:
        if nodes[edge.source].kind in LEAVES:
            readers[edge.source].add(nodes[edge.target].backward)
    return {leaf for leaf, passes in readers.items() if len(passes) > 1}


# --- derived from the forward pass ------------------------------------------------------------------------------------


def with_derivatives(graph: Graph) -> Graph:
    """The graph with the backward pass that belongs to it, in a scope of its own outside all others.

    For each node through which gradients flow there is one that stands for the derivative rule, with the gradient of
    the first as its value: `∂tanh` for tanh, `∂W_hh` for a parameter, where what all time steps contribute meets. Its
    edges run against those of the forward pass, and have their shapes. Ids are above all others, in the order of the
    sweep. Gradients begin where the tape says that they began, or else at the outputs.
    """
    nodes = graph.by_id()
    inputs: dict[int, list[int]] = defaultdict(list)
    users: dict[int, list[int]] = defaultdict(list)
    for edge in graph.edges:
        if _wants_gradients(nodes[edge.source]):
            inputs[edge.target].append(edge.source)
            users[edge.source].append(edge.target)
    begin = _beginnings(graph, users)
    reach = reached(begin, inputs)
    last = max(nodes, default=0)
    twin = {i: 2 * last + 1 - i for i in reach}
    made = [_derivative(nodes[i], twin[i]) for i in reach]
    edges = [
        GraphEdge(
            twin[edge.target],
            twin[edge.source],
            nodes[edge.source].shape,
            frozenset((twin[edge.source],)),
            grad_norm=nodes[edge.source].grad_norm,
        )
        for edge in reversed(graph.edges)
        if edge.source in reach and edge.target in reach
    ]
    starts = [GraphEdge(i, twin[i], nodes[i].shape, frozenset((i,)), grad_norm=nodes[i].grad_norm) for i in begin]
    return Graph([*graph.nodes, *sorted(made, key=lambda node: node.id)], [*graph.edges, *starts, *edges])


def _wants_gradients(node: GraphNode) -> bool:
    """Constants get none; what was recorded does, because something that it was computed from wants them."""
    return not node.constant


def _beginnings(graph: Graph, users: dict[int, list[int]]) -> list[int]:
    """Where backward began: nodes that have a gradient although nothing that used them has one; else the outputs."""
    having = {node.id for node in graph.nodes if node.kind in OPERATIONS and node.grad_norm is not None}
    if having:
        return [i for i in sorted(having) if not any(j in having for j in users[i])]
    operations = [node for node in graph.nodes if node.kind in OPERATIONS]
    return [node.id for node in operations if node.kind == "output" or not users[node.id]]


def _derivative(node: GraphNode, id: int) -> GraphNode:
    path, dot, label = node.label.rpartition(".")
    made = node.moved((Place(BACKWARD, None), *node.scope))
    made.id, made.backward, made.saved_bytes = id, True, None
    made.kind = "operation" if node.kind == "output" else node.kind
    made.label = f"{path}{dot}∂{label}"
    made.name = f"∂{node.name}" if node.name else ""
    made.value, made.grad = node.grad, None
    return made

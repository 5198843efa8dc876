"""The model of a graph: what the tape recorded, as plain data that any renderer can read.

A `Graph` holds nodes and edges and nothing else: no tensors, no arrays, no references back into the tape. `from_tape`
builds it in time linear in the number of nodes, without recursion. Everything that changes what is shown (folding,
leaving out time steps) is a function from Graph to Graph; everything that draws starts from the result.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Container
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any

from ..entry import Summary
from .chains import Chain, Place, common, step_from

# What a node can be. What is neither does not come from the tape, but from folding.
OPERATIONS = ("operation", "output")
LEAVES = ("parameter", "data")
CONSTANT = "constant"  # the label of data that no gradient flows to
KINDS = (*OPERATIONS, *LEAVES, "module", "state", "ellipsis")


@dataclass(slots=True)
class GraphNode:
    """A node of the graph.

    Attributes:
        id: unique in the graph; inputs have smaller ones than what is computed from them, unless folding made a loop.
        kind: one of KINDS.
        label: what a reader should see: an operation's name, a parameter's name, a module's name.
        scope: where it belongs, outermost place first.
        shape: of the output; None for what stands for several operations.
        dtype: of the output, as text; empty for what stands for several operations.
        detail: the settings of an operation in short, such as `axis=0`; empty if there are none.
        name: the full name of a parameter: the path of the scope it is used in, and its label; of an output and of data
            that of the variable that is this tensor. Empty if it is not known.
        backward: whether a derivative rule recorded it (`create_graph=True`).
        saved_bytes: memory it keeps alive for backward; None if that was not measured.
        grad_norm: the Euclidean norm of its gradient; None if there is none, or it was not kept.
        value, grad: what its value and its gradient look like; None if that was not noted.
        source: the line of the program that recorded it, `cells.py:88, in step`; code: the text of that line. Empty if
            that was not noted.
        count: how many operations it stands for.
        repeats: how many time steps it stands for, folded into one.
        parameters: parameters that are shown as badges of this node, instead of as nodes of their own.
    """

    id: int
    kind: str
    label: str
    scope: Chain = ()
    shape: tuple[int, ...] | None = None
    dtype: str = ""
    detail: str = ""
    name: str = ""
    backward: bool = False
    saved_bytes: int | None = None
    grad_norm: float | None = None
    value: Summary | None = None
    grad: Summary | None = None
    source: str = ""
    code: str = ""
    count: int = 1
    repeats: int = 1
    parameters: tuple[str, ...] = ()

    @property
    def constant(self) -> bool:
        """Whether this is data that no gradient flows to."""
        return self.kind == "data" and self.label == CONSTANT

    @property
    def behind_box(self) -> bool:
        """Whether this is a state that a box hands on, and no operation of its own."""
        return self.kind == "state" and self.count == 0

    def copy(self) -> GraphNode:
        """A node that can be changed without this one; `dataclasses.replace` takes six times as long."""
        return GraphNode(*_ATTRIBUTES(self))

    def moved(self, scope: Chain) -> GraphNode:
        """The same node in another scope."""
        made = self.copy()
        made.scope = scope
        return made


_ATTRIBUTES = attrgetter(*(each.name for each in fields(GraphNode)))


@dataclass(slots=True)
class GraphEdge:
    """Values that flow from one node to another.

    Attributes:
        source, target: node ids.
        shape: of the values, if it is one and the same for all of them.
        values: the ids of the operations that made them: several where boxes stand for several operations.
        state: whether they are carried from one time step to another.
        grad_norm: the Euclidean norm of the gradient of the values; None if there is none, or it was not kept.
        operand: which input of the target they are, from 0; the first one, if they are several.
    """

    source: int
    target: int
    shape: tuple[int, ...] | None = None
    values: frozenset[int] = frozenset()
    state: bool = False
    grad_norm: float | None = None
    operand: int = 0


@dataclass(slots=True)
class Graph:
    """Nodes in the order of their ids, and the edges between them."""

    nodes: list[GraphNode] = field(default_factory=list)
    edges: list[GraphEdge] = field(default_factory=list)

    def by_id(self) -> dict[int, GraphNode]:
        """The nodes by id."""
        return {node.id: node for node in self.nodes}

    def neighbours(self) -> tuple[dict[int, list[int]], dict[int, list[int]]]:
        """For each node that has some, the ids of its inputs, and those of its users."""
        inputs: dict[int, list[int]] = defaultdict(list)
        users: dict[int, list[int]] = defaultdict(list)
        for edge in self.edges:
            inputs[edge.target].append(edge.source)
            users[edge.source].append(edge.target)
        return inputs, users

    def only(self, kept: Container[int]) -> Graph:
        """The nodes with these ids, and the edges between them."""
        return Graph(
            [node for node in self.nodes if node.id in kept],
            [edge for edge in self.edges if edge.source in kept and edge.target in kept],
        )

    def to_dict(self) -> dict[str, Any]:
        """The graph as lists, dictionaries, numbers and strings."""
        return {
            "format": "minigrad graph",
            "version": 1,
            "nodes": [_node_dict(node) for node in self.nodes],
            "edges": [
                _plain(
                    edge,
                    shape=edge.shape and list(edge.shape),
                    values=len(edge.values),
                    grad_norm=_finite(edge.grad_norm),
                )
                for edge in self.edges
            ],
        }

    def to_json(self, indent: int | None = None) -> str:
        """The graph as JSON text (infinite and undefined gradient norms become null)."""
        return json.dumps(self.to_dict(), indent=indent, allow_nan=False)

    def __repr__(self) -> str:
        return f"<Graph of {len(self.nodes)} nodes and {len(self.edges)} edges>"


def _plain(record: GraphNode | GraphEdge, **changed: Any) -> dict[str, Any]:
    """A record by attribute, those that are no plain data changed."""
    return {each.name: getattr(record, each.name) for each in fields(record)} | changed


def _node_dict(node: GraphNode) -> dict[str, Any]:
    return _plain(
        node,
        scope=[_place_dict(place) for place in node.scope],
        shape=None if node.shape is None else list(node.shape),
        grad_norm=_finite(node.grad_norm),
        value=node.value and node.value._asdict(),
        grad=node.grad and node.grad._asdict(),
        parameters=list(node.parameters),
    )


def _place_dict(place: Place) -> dict[str, Any]:
    return {name: value for name, value in place._asdict().items() if name != "last" or value is not None}


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None


def shape_text(shape: tuple[int, ...] | None) -> str:
    """A shape as a reader expects it: `32×64`, `scalar`; empty if there is none."""
    if shape is None:
        return ""
    return "×".join(map(str, shape)) or "scalar"


def without_backward(graph: Graph) -> Graph:
    """The graph without the nodes that derivative rules recorded. If nothing else is there, the graph itself."""
    kept = {node.id for node in graph.nodes if not node.backward}
    operations = [node for node in graph.nodes if node.kind in OPERATIONS]
    if len(kept) == len(graph.nodes) or all(node.backward for node in operations):
        return graph
    forward = graph.only(kept)
    return forward.only({i for edge in forward.edges for i in (edge.source, edge.target)})


def place_leaves(graph: Graph) -> None:
    """Put each leaf where all its uses are: the scope that encloses them, without time steps inside or below.

    A parameter's full name is that of the scope it is first used in, and its label.
    """
    nodes = graph.by_id()
    places: dict[int, Chain] = {}
    for edge in graph.edges:
        leaf, user = nodes[edge.source], nodes[edge.target]
        if leaf.kind not in LEAVES:
            continue
        if leaf.id not in places:
            places[leaf.id] = user.scope
            path = ".".join(place.name for place in user.scope if place.name)
            if leaf.kind == "parameter":
                leaf.name = leaf.name or (f"{path}.{leaf.label}" if path else leaf.label)
        else:
            chain = places[leaf.id]
            places[leaf.id] = chain[: common(chain, user.scope)]
    for i, chain in places.items():
        leaf = nodes[i]
        leaf.scope = chain if leaf.kind == "data" else chain[: step_from(chain)]  # a parameter is outside of time

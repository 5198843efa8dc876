"""The model of a graph: what the tape recorded, as plain data that any renderer can read.

A `Graph` holds nodes and edges and nothing else: no tensors, no arrays, no references back into the tape. Building it
takes time linear in the number of nodes and uses no recursion. Everything that changes what is shown (folding, leaving
out time steps) is a function from Graph to Graph in `fold`; everything that draws starts from the result.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from minigrad.observe import Constant, Tape
from minigrad.scope import Scope
from minigrad.tape import Leaf, Node, ancestors
from minigrad.tensor import Tensor

# What a node can be. The last four do not come from the tape, but from folding.
KINDS = ("operation", "output", "parameter", "data", "module", "state", "ellipsis")

BACKWARD = "backward"  # the name of the outermost place of everything that a backward pass recorded


class Place(NamedTuple):
    """One link of the chain of scopes around a node: a name (empty for a bare time step) and a time step or None."""

    name: str
    step: int | None


Chain = tuple[Place, ...]


@dataclass(slots=True)
class GraphNode:
    """A node of the graph.

    Attributes:
        id: unique in the graph; inputs have smaller ones than what is computed from them.
        kind: one of KINDS.
        label: what a reader should see: an operation's name, a parameter's name, a module's name.
        scope: where it belongs, outermost place first.
        shape: of the output; None for what stands for several operations.
        dtype: of the output, as text; empty for what stands for several operations.
        detail: the settings of an operation in short, such as `axis=0`; empty if there are none.
        name: the full name of a parameter: the path of the scope it is used in, and its label.
        backward: whether a derivative rule recorded it (`create_graph=True`).
        saved_bytes: memory it keeps alive for backward; None if that was not measured.
        grad_norm: the Euclidean norm of its gradient; None if there is none, or it was not kept.
        count: how many operations it stands for.
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
    count: int = 1
    parameters: tuple[str, ...] = ()


@dataclass(slots=True)
class GraphEdge:
    """Values that flow from one node to another.

    Attributes:
        source, target: node ids.
        shape: of the values, if it is one and the same for all of them.
        values: the ids of the operations that made them: several where boxes stand for several operations.
        state: whether they are carried from one time step to another.
    """

    source: int
    target: int
    shape: tuple[int, ...] | None = None
    values: frozenset[int] = frozenset()
    state: bool = False


@dataclass(slots=True)
class Graph:
    """Nodes in the order of their ids, and the edges between them."""

    nodes: list[GraphNode] = field(default_factory=list)
    edges: list[GraphEdge] = field(default_factory=list)

    def by_id(self) -> dict[int, GraphNode]:
        """The nodes by id."""
        return {node.id: node for node in self.nodes}

    def to_dict(self) -> dict[str, Any]:
        """The graph as lists, dictionaries, numbers and strings."""
        return {
            "format": "minigrad graph",
            "version": 1,
            "nodes": [_node_dict(node) for node in self.nodes],
            "edges": [
                {
                    "source": edge.source,
                    "target": edge.target,
                    "shape": edge.shape and list(edge.shape),
                    "values": len(edge.values),
                    "state": edge.state,
                }
                for edge in self.edges
            ],
        }

    def to_json(self, indent: int | None = None) -> str:
        """The graph as JSON text (infinite and undefined gradient norms become null)."""
        return json.dumps(self.to_dict(), indent=indent, allow_nan=False)

    def __repr__(self) -> str:
        return f"<Graph of {len(self.nodes)} nodes and {len(self.edges)} edges>"


def _node_dict(node: GraphNode) -> dict[str, Any]:
    norm = node.grad_norm
    return {
        "id": node.id,
        "kind": node.kind,
        "label": node.label,
        "scope": [{"name": place.name, "step": place.step} for place in node.scope],
        "shape": None if node.shape is None else list(node.shape),
        "dtype": node.dtype,
        "detail": node.detail,
        "name": node.name,
        "backward": node.backward,
        "saved_bytes": node.saved_bytes,
        "grad_norm": norm if norm is not None and abs(norm) < float("inf") else None,
        "count": node.count,
        "parameters": list(node.parameters),
    }


def shape_text(shape: tuple[int, ...] | None) -> str:
    """A shape as a reader expects it: `32×64`, `scalar`; empty if there is none."""
    if shape is None:
        return ""
    return "×".join(map(str, shape)) or "scalar"


# --- from the tape ----------------------------------------------------------------------------------------------------


def build(source: Tensor | Tape | Graph | Iterable[Tensor], names: Mapping[str, Tensor] | None = None) -> Graph:
    """The graph behind tensors, or on a tape.

    Args:
        source: a tensor that was computed (or several), whose whole history is taken; or a `Tape`, which knows
            constants, saved bytes and gradient norms as well. A Graph is returned as it is.
        names: names for leaves that have none, as for the weights of a cell written without a module.

    Raises:
        TypeError: the source is none of these.
        ValueError: nothing was recorded for it.
    """
    if isinstance(source, Graph):
        return source
    named = {id(t.node): name for name, t in (names or {}).items() if t.node is not None}
    if isinstance(source, Tape):
        lines: list[_Line] = [
            (e.node, [i for i in e.inputs if i is not None], e.saved_bytes, e.grad_norm) for e in source
        ]
        if not lines:
            raise ValueError("the tape is empty: no operation on a tensor that requires gradients ran inside it")
        read = {i for _, inputs, _, _ in lines for i in inputs}
        outputs = {i for i, (node, *_) in enumerate(lines) if node.primitive is not None and i not in read}
    else:
        found = _nodes_of(source)
        nodes = _leaves_where_read(ancestors(found))
        position = {node: i for i, node in enumerate(nodes)}
        lines = [(node, [position[p] for p in node.inputs if p is not None], None, None) for node in nodes]
        outputs = {position[node] for node in found if node.primitive is not None}
    graph = Graph()
    chains = _Chains()
    for i, line in enumerate(lines):
        graph.nodes.append(_graph_node(i, line, i in outputs, named, chains))
        for source_id in line[1]:
            values = frozenset((source_id,))
            graph.edges.append(GraphEdge(source_id, i, graph.nodes[source_id].shape, values))
    place_leaves(graph)
    return graph


# node, the positions of its inputs, saved bytes and gradient norm
_Line = tuple[Node, list[int], int | None, float | None]


def _nodes_of(source: Any) -> list[Node]:
    tensors = [source] if isinstance(source, Tensor) else source
    if not isinstance(tensors, (list, tuple)) or not all(isinstance(t, Tensor) for t in tensors):
        raise TypeError(f"a graph is drawn from a Tensor, a list of them, or a Tape, not from {type(source).__name__}")
    nodes = [t.node for t in tensors if t.node is not None]
    if not nodes:
        raise ValueError(
            "nothing was recorded for this tensor: it was computed from tensors that require no gradients, or under "
            "no_grad()"
        )
    return nodes


def _leaves_where_read(nodes: list[Node]) -> list[Node]:
    """The nodes with each leaf right before its first user, as on a Tape, and not where it was created."""
    ordered: dict[Node, None] = {}
    for node in nodes:
        if node.primitive is not None:
            ordered.update((p, None) for p in node.inputs if p is not None)
            ordered[node] = None
    ordered.update((node, None) for node in nodes)
    return list(ordered)


def _graph_node(i: int, line: _Line, output: bool, named: Mapping[int, str], chains: _Chains) -> GraphNode:
    node, _, saved_bytes, grad_norm = line
    label = named.get(id(node), node.name)
    if node.primitive is not None:
        kind = "output" if output else "operation"
    elif isinstance(node, Leaf) and (node.label or id(node) in named):
        kind = "parameter"
    else:
        kind, label = "data", "constant" if isinstance(node, Constant) else label
    return GraphNode(
        id=i,
        kind=kind,
        label=label,
        scope=chains.of(node.scope) if node.primitive is not None else (),
        shape=tuple(node.shape),
        dtype=str(node.dtype),
        detail=_detail(node),
        backward=node.scope.backward,
        saved_bytes=saved_bytes,
        grad_norm=_norm(node.grad) if grad_norm is None and node.grad is not None else grad_norm,
    )


def _norm(grad: Any) -> float:
    values = grad.detach().numpy() if hasattr(grad, "detach") else grad
    return float((values * values).sum()) ** 0.5


class _Chains:
    """Scope objects as chains of places, each made once.

    Two different scopes of the same name and step, such as those of two loops that both count from 0, get different
    names: the second is `name#2`.
    """

    def __init__(self) -> None:
        self._chains: dict[Scope, Chain] = {}
        self._taken: dict[tuple[Chain, str, int | None], int] = {}

    def of(self, scope: Scope) -> Chain:
        missing: list[Scope] = []
        outer: Scope | None = scope
        while outer is not None and outer.parent is not None and outer not in self._chains:
            missing.append(outer)
            outer = outer.parent
        chain = self._chains.get(outer, ()) if outer is not None else ()
        for inner in reversed(missing):
            if inner.backward and not chain:
                chain = (Place(BACKWARD, None),)
            name = inner.name or ""
            number = self._taken[chain, name, inner.step] = self._taken.get((chain, name, inner.step), 0) + 1
            chain = (*chain, Place(name if number == 1 else f"{name}#{number}", inner.step))
            self._chains[inner] = chain
        return chain


def place_leaves(graph: Graph) -> None:
    """Put each leaf where all its uses are: the scope that encloses them, without time steps inside or below.

    A parameter's full name is that of the scope it is first used in, and its label.
    """
    nodes = graph.by_id()
    places: dict[int, Chain] = {}
    for edge in graph.edges:
        leaf, user = nodes[edge.source], nodes[edge.target]
        if leaf.kind not in ("parameter", "data"):
            continue
        if leaf.id not in places:
            places[leaf.id] = user.scope
            path = ".".join(place.name for place in user.scope if place.name)
            leaf.name = leaf.name or (f"{path}.{leaf.label}" if path else leaf.label)
        else:
            chain = places[leaf.id]
            places[leaf.id] = chain[: common(chain, user.scope)]
    for i, chain in places.items():
        leaf = nodes[i]
        leaf.scope = chain if leaf.kind == "data" else _before_time(chain)


def common(a: Chain, b: Chain) -> int:
    """How many places, from the outermost, two chains have in common."""
    n = 0
    while n < min(len(a), len(b)) and a[n] == b[n]:
        n += 1
    return n


def _before_time(chain: Chain) -> Chain:
    for n, place in enumerate(chain):
        if place.step is not None:
            return chain[:n]
    return chain


# --- the settings of an operation -------------------------------------------------------------------------------------


def _detail(node: Node) -> str:
    if node.primitive is None or not node.params:
        return ""
    if set(node.params) == {"index"}:
        return index_text(node.params["index"])
    chosen = {name: value for name, value in node.params.items() if not _says_nothing(value)}
    return ", ".join(f"{name}={_short(value)}" for name, value in chosen.items())


def index_text(index: Any) -> str:
    """What stood in the brackets: `[3, :, 0:5]`."""
    parts = index if isinstance(index, tuple) else (index,)
    return f"[{', '.join(map(_index_part, parts))}]"


def _index_part(part: Any) -> str:
    if isinstance(part, slice):
        ends = ["" if end is None else str(end) for end in (part.start, part.stop, part.step)]
        return ":".join(ends if ends[2] else ends[:2])
    if part is None:
        return "newaxis"
    return "..." if part is Ellipsis else _short(part)


def _says_nothing(value: Any) -> bool:
    return value is None or value is False or (isinstance(value, float) and value == 0)


def _short(value: Any) -> str:
    """A setting in a few characters; arrays as their dtype and shape."""
    if hasattr(value, "shape") and hasattr(value, "dtype") and value.shape:
        return f"{value.dtype} {shape_text(tuple(value.shape))}"
    text = str(value)
    return text if len(text) <= 24 else text[:21] + "..."

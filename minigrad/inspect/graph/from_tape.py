"""From the tape to the model of a graph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...engine.recording import gc_paused
from ...engine.scope import Scope
from ...engine.tape import Leaf, Node, ancestors
from ...tensors.tensor import Tensor
from ..entry import Entry, Summary, norm_of, summary
from ..observe import Constant, Tape
from .chains import BACKWARD, Chain, Place
from .kept import note_kept
from .model import Graph, GraphEdge, GraphNode, place_leaves, shape_text


def build(
    source: Tensor | Tape | Graph | Iterable[Tensor], names: Mapping[str, Tensor] | None = None, details: bool = False
) -> Graph:
    """The graph behind tensors, or on a tape.

    Args:
        source: a tensor that was computed (or several), whose whole history is taken; or a `Tape`, which knows
            constants, saved bytes and gradient norms as well. A Graph is returned as it is.
        names: names for leaves that have none, as for the weights of a cell written without a module.
        details: without a tape, also tell what nodes keep for backward: bytes, and values in a few numbers.

    Raises:
        TypeError: the source is none of these.
        ValueError: nothing was recorded for it.
    """
    if isinstance(source, Graph):
        return source
    named = {id(t.node): name for name, t in (names or {}).items() if t.node is not None}
    with gc_paused():  # thousands of new nodes, and no cycles
        return _built(source, named, details)


def _built(source: Tensor | Tape | Iterable[Tensor], named: Mapping[int, str], details: bool) -> Graph:
    lines, outputs = _lines(source)
    if details and not isinstance(source, Tape):
        note_kept(lines)
    graph = Graph()
    chains = _Chains()
    for entry in lines:
        made = _graph_node(entry, entry.number in outputs, named, chains)
        made.saved_bytes = entry.saved_bytes if details or isinstance(source, Tape) else None
        graph.nodes.append(made)
        for operand, i in enumerate(entry.inputs):
            if i is not None:
                read = graph.nodes[i]
                values = frozenset((i,))
                norm = None if made.grad_norm is None else read.grad_norm  # from where none arrives, none goes on
                edge = GraphEdge(i, entry.number, read.shape, values, grad_norm=norm, operand=operand)
                graph.edges.append(edge)
    place_leaves(graph)
    return graph


def _lines(source: Tensor | Tape | Iterable[Tensor]) -> tuple[list[Entry], set[int]]:
    """What was recorded, with the numbers that become the ids of nodes; and the numbers of the outputs."""
    if isinstance(source, Tape):
        lines = list(source)
        if not lines:
            raise ValueError("the tape is empty: no operation on a tensor that requires gradients ran inside it")
        read = {i for entry in lines for i in entry.inputs}
        return lines, {e.number for e in lines if e.node.primitive is not None and e.number not in read}
    found = _nodes_of(source)
    nodes = _leaves_where_read(ancestors(found))
    position = {node: i for i, node in enumerate(nodes)}
    lines = [
        Entry(i, node, tuple(None if p is None else position[p] for p in node.inputs), 0)
        for i, node in enumerate(nodes)
    ]
    return lines, {position[node] for node in found if node.primitive is not None}


def ids_of(source: Tensor | Tape | Iterable[Tensor], tensors: Iterable[Tensor]) -> list[int | None]:
    """The ids that tensors have in the graph of a source: None for those that are not in it."""
    if isinstance(source, Tape):
        return [source.number_of(t) for t in tensors]
    numbers = {entry.node: entry.number for entry in _lines(source)[0]}
    return [None if t.node is None else numbers.get(t.node) for t in tensors]


def _nodes_of(source: Any) -> list[Node]:
    tensors = [source] if isinstance(source, Tensor) else source
    if not isinstance(tensors, (list, tuple)) or not all(isinstance(t, Tensor) for t in tensors):
        possible = "a Tensor, a list of them, a Tape, a Graph or a Module"
        raise TypeError(f"a graph is drawn from {possible}, not from {type(source).__name__}")
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


def _graph_node(entry: Entry, output: bool, named: Mapping[int, str], chains: _Chains) -> GraphNode:
    node = entry.node
    label = named.get(id(node), node.name)
    if node.primitive is not None:
        kind = "output" if output else "operation"
    elif isinstance(node, Leaf) and (node.label or id(node) in named):
        kind = "parameter"
    else:
        kind, label = "data", "constant" if isinstance(node, Constant) else label
    norm, grad = entry.grad_norm, entry.grad
    if norm is None and node.grad is not None:
        norm, grad = _kept_gradient(node)
    return GraphNode(
        id=entry.number,
        kind=kind,
        label=label,
        scope=chains.of(node.scope) if node.primitive is not None else (),
        shape=tuple(node.shape),
        dtype=str(node.dtype),
        detail=_detail(node),
        backward=node.scope.backward,
        grad_norm=norm,
        value=entry.value,
        grad=grad,
        source="" if entry.source is None else str(entry.source),
        code="" if entry.source is None else entry.source.text,
    )


def _kept_gradient(node: Node) -> tuple[float, Summary | None]:
    """The norm and the summary of the gradient that a leaf or a tensor has kept."""
    grad: Any = node.grad
    array = grad.array if hasattr(grad, "array") else grad
    return norm_of(array, node.backend), summary(array, node.backend)


class _Chains:
    """Scope objects as chains of places, each made once.

    Two different scopes of the same name and step, such as those of two loops that both count from 0, get different
    names: the second is `name#2`. What a derivative rule recorded has the places of what it differentiates, inside an
    outermost one that says so.
    """

    def __init__(self) -> None:
        self._chains: dict[Scope, Chain] = {}
        self._taken: dict[tuple[Chain, str, int | None], int] = {}
        self._forward: dict[Scope, Scope] = {}  # the scopes that backward ones are twins of

    def of(self, scope: Scope) -> Chain:
        missing: list[Scope] = []
        outer: Scope | None = scope
        while outer is not None and outer.parent is not None and outer not in self._chains:
            missing.append(outer)
            outer = outer.parent
        chain = self._chains.get(outer, ()) if outer is not None else ()
        for inner in reversed(missing):
            chain = self._chains[inner] = self._inside(chain, inner)
            if inner._twin is not None:
                self._forward[inner._twin] = inner
        backward = scope.backward and chain[:1] != (_BACKWARD,)  # at top level
        return (_BACKWARD, *chain) if backward else chain

    def _inside(self, chain: Chain, inner: Scope) -> Chain:
        if inner.backward and chain[:1] != (_BACKWARD,):
            chain = (_BACKWARD, *chain)
            if inner in self._forward:
                return (_BACKWARD, *self._chains[self._forward[inner]])
        name = inner.name or ""
        number = self._taken[chain, name, inner.step] = self._taken.get((chain, name, inner.step), 0) + 1
        return (*chain, Place(name if number == 1 else f"{name}#{number}", inner.step))


_BACKWARD = Place(BACKWARD, None)


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

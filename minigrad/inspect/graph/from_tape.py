"""From the tape to the model of a graph."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from ...engine.recording import gc_paused
from ...engine.scope import Scope
from ...engine.tape import FREED, Leaf, Node, ancestors, constants_of
from ...tensors.tensor import Tensor
from ..entry import Constant, Entry, Summary, norm_of, summary
from ..given import arrays_in, with_numbers
from ..observe import Tape
from .chains import BACKWARD, Chain, Place
from .kept import note_kept
from .model import Graph, GraphEdge, GraphNode, place_leaves, shape_text
from .variables import Names, names_among, variables_of


def build(
    source: Tensor | Tape | Graph | Iterable[Tensor],
    names: Mapping[str, Tensor] | None = None,
    details: bool = False,
    variables: Mapping[str, Any] | None = None,
) -> Graph:
    """The graph behind tensors, or on a tape.

    Args:
        source: a tensor that was computed (or several), whose whole history is taken; or a `Tape`, which knows saved
            bytes and gradient norms as well. A Graph is returned as it is.
        names: names for leaves that have none, as for the weights of a cell written without a module.
        details: without a tape, also tell what nodes keep for backward: bytes, and values in a few numbers.
        variables: by name; outputs and data that are one of them are called so. By default those of the caller.

    Data that no gradient flows to is there for each operation that reads it. A tape knows what is the same array;
    without one, an array that is read several times in one time step is one node.

    Raises:
        TypeError: the source is none of these.
        ValueError: nothing was recorded for it.
    """
    if isinstance(source, Graph):
        return source
    named = {id(t.node): name for name, t in (names or {}).items() if t.node is not None}
    called = names_among(variables_of(sys._getframe(1)) if variables is None else variables)
    given = {id(t.array): name for name, t in (names or {}).items() if t.node is None}
    with gc_paused():  # thousands of new nodes, and no cycles
        return _built(source, named, {**called, **given}, details)


def _built(source: Tensor | Tape | Iterable[Tensor], named: Names, called: Names, details: bool) -> Graph:
    lines, outputs, constants = _lines(source, called)
    if details and not isinstance(source, Tape):
        note_kept(lines)
    graph = Graph()
    chains = _Chains()
    for entry in lines:
        made = _graph_node(entry, entry.number in outputs, named, chains)
        made.saved_bytes = entry.saved_bytes if details or isinstance(source, Tape) else None
        if made.kind in ("data", "output"):
            made.name = constants.get(entry.number, "") or called.get(id(entry.node), "")
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


def _lines(source: Tensor | Tape | Iterable[Tensor], called: Names) -> tuple[list[Entry], set[int], dict[int, str]]:
    """What was recorded, with the numbers that become the ids of nodes.

    Also the numbers of the outputs, and the names of constants by their numbers.
    """
    if isinstance(source, Tape):
        lines = list(source)
        if not lines:
            raise ValueError("the tape is empty: no operation on a tensor that requires gradients ran inside it")
        read = {i for entry in lines for i in entry.inputs}
        outputs = {e.number for e in lines if e.node.primitive is not None and e.number not in read}
        return lines, outputs, {i: called[key] for key, i in source.constants.items() if key in called}
    found = _nodes_of(source)
    reader = _Reader(called)
    for node in _leaves_where_read(ancestors(found)):
        reader.read(node)
    return reader.lines, {reader.numbers[node] for node in found if node.primitive is not None}, reader.names


class _Reader:
    """Makes the lines of a tape of nodes that come in the order of recording, with the constants that they read.

    Attributes:
        lines: made so far.
        numbers: those of the lines, by node.
        names: those of constants that are called something, by the numbers of their lines.
    """

    def __init__(self, called: Names) -> None:
        self.lines: list[Entry] = []
        self.numbers: dict[Node | None, int] = {}
        self.names: dict[int, str] = {}
        self._called = called
        self._constants: dict[tuple[Any, ...], int] = {}
        self._steps: dict[Scope, Scope | None] = {}  # the outermost time step around a scope

    def read(self, node: Node) -> None:
        """The line of one more node, after those of its constants."""
        inputs = [*map(self.numbers.get, node.inputs)]
        if node.constants:
            for i, version, shape, dtype, key in constants_of(node):
                if shape is not None:
                    inputs[i] = self._constant(node, i, version, shape, dtype, key)
        if node.params:
            inputs += [self._add(_constant(node, a.shape, a.dtype), ()) for a in arrays_in(node.params)]
        self.numbers[node] = self._add(node, tuple(inputs))

    def _add(self, node: Node, inputs: tuple[int | None, ...]) -> int:
        number = len(self.lines)
        self.lines.append(Entry(number, node, inputs, 0))
        return number

    def _constant(self, node: Node, i: int, version: Any, shape: Any, dtype: Any, key: int) -> int:
        """The line of a constant. The same one if a node of the same time step has read it before.

        An `id` tells that, as the array is kept from its first reader to the second; if neither keeps it, another array
        of the same memory and shape might have got it.
        """
        kept = None if node.saved is FREED else node.saved[1 + i]
        same = (key, id(version), shape, self._step_of(node.scope))
        if same in self._constants:
            return self._constants[same]
        number = self._constants[same] = self._add(_constant(node, shape, dtype), ())
        if hasattr(kept, "shape") and id(kept) in self._called:
            self.names[number] = self._called[id(kept)]
        return number

    def _step_of(self, scope: Scope) -> Scope | None:
        if scope not in self._steps:
            steps = [each for each in scope.chain() if each.step is not None]
            self._steps[scope] = steps[0] if steps else None
        return self._steps[scope]


def _constant(node: Node, shape: tuple[int, ...], dtype: Any) -> Constant:
    """What stands for a constant that a node read."""
    return Constant(None, (), None, {}, node.backend, node.scope, shape, dtype)


def ids_of(source: Tensor | Tape | Iterable[Tensor], tensors: Iterable[Tensor]) -> list[int | None]:
    """The ids that tensors have in the graph of a source: None for those that are not in it."""
    if isinstance(source, Tape):
        return [source.number_of(t) for t in tensors]
    numbers = {entry.node: entry.number for entry in _lines(source, {})[0]}
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
        dtype=_dtype_text(node.dtype),
        detail=_detail(node),
        backward=node.scope.backward,
        grad_norm=norm,
        value=entry.value,
        grad=grad,
        source="" if entry.source is None else str(entry.source),
        code="" if entry.source is None else entry.source.text,
    )


@functools.cache
def _dtype_text(dtype: Any) -> str:
    return str(dtype)


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
    if node.primitive is None or not (node.params or node.constants):
        return ""
    if node.params.keys() == {"index"}:
        return index_text(node.params["index"])
    chosen = [f"{name}={_short(value)}" for name, value in node.params.items() if not _says_nothing(value)]
    return ", ".join([text for text in (with_numbers(node), *chosen) if text])


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

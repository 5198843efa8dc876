"""The tape: what running an operation leaves behind, and the reverse sweep over it.

An operation on tensors appends a `Node`. A node points to the nodes of its inputs, never to its output, so there are
no reference cycles and a dropped loss frees its whole graph at once. `sweep` walks from the outputs back in the order
of falling index. It knows no primitive by name: it asks each node's primitive for its derivative rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from heapq import heappop, heappush
from typing import Any

from ..backends.deferred import DEFERRED
from ..backends.halves import FLOAT32, widened
from .hooks import Handle, Hook, Hooks, hooks_of
from .scope import SCOPE, Scope
from .version import Version, new_index


class GraphError(RuntimeError):
    """The graph cannot do what was asked: it was freed, changed in place, or never recorded."""


class _Freed:
    def __repr__(self) -> str:
        return "<freed>"


FREED: Any = _Freed()


# What a node notes of an input that has no node, without its array, which may go: the position; the Version of its
# memory, if changes of it are watched; the shape; the dtype; and the `id` that the array had. For a number it is (the
# position, None, None, the number, 0).
ConstantInput = tuple[int, Version | None, tuple[int, ...] | None, Any, int]
# None if there is nothing to note; a single tuple if that is all; the bare numbers, and None for inputs that were left
# out, where no tensor is among them: it is written with every operation, and making tuples costs time.
Constants = list[ConstantInput] | list[float | None] | ConstantInput | None


class Node:
    """One recorded operation.

    Attributes:
        primitive: the table entry (name and derivative rules); None for a leaf.
        inputs: one entry per input: its node, or None if no gradient goes there.
        saved: the arrays that the rules need, as the primitive laid them out; FREED after backward.
        params: the keyword arguments of the operation (axis, shape, ...).
        backend: the backend whose arrays these are.
        index: position on the tape; inputs always have smaller ones.
        scope: where it happened.
        shape, dtype: of the output.
        constants: what is known of inputs that no gradient goes to, to be read with `constants_of`; None if nothing is.
        hooks: functions (node, gradient) -> replacement or None, called when the gradient is complete.
        grad: the gradient, for leaves and for tensors that were asked to retain it.
    """

    __slots__ = (
        "backend",
        "constants",
        "dtype",
        "grad",
        "hooks",
        "index",
        "inputs",
        "params",
        "primitive",
        "saved",
        "scope",
        "shape",
    )

    def __init__(
        self,
        primitive: Any,
        inputs: Sequence[Node | None],
        saved: Any,
        params: dict[str, Any],
        backend: Any,
        scope: Scope,
        shape: tuple[int, ...],
        dtype: Any,
    ) -> None:
        self.primitive = primitive
        self.inputs = inputs
        self.saved = saved
        self.params = params
        self.backend = backend
        self.index = new_index()
        self.scope = scope
        self.shape = shape
        self.dtype = dtype
        self.constants: Constants = None
        self.hooks: Hooks | None = None
        self.grad: Any = None

    @property
    def name(self) -> str:
        """The name of the operation."""
        return self.primitive.name

    def add_hook(self, hook: Hook) -> Handle:
        """Call `hook(node, gradient)` when backward has completed this node's gradient; a result replaces it."""
        return hooks_of(self).add(hook)

    def __repr__(self) -> str:
        return f"<{self.name} {self.dtype}{list(self.shape)} in {self.scope}>"


class Leaf(Node):
    """A tensor that gradients are collected for: a parameter, or data that was asked to require them.

    `open` is False for one that a derivative of a function made for its own use, once that function was evaluated:
    nobody else asks for its gradient. `moved` is True once the tensor has gone to another backend or dtype, where
    another leaf stands for it: a gradient that comes here is one that nobody would see.
    """

    __slots__ = ("label", "moved", "open", "total", "version")

    def __init__(
        self, backend: Any, shape: tuple[int, ...], dtype: Any, version: Version | None = None, label: str = ""
    ) -> None:
        super().__init__(None, (), None, {}, backend, SCOPE.get(), shape, dtype)
        self.label = label
        self.moved = False
        self.open = True
        self.total: Any = None  # of 16-bit floats: the gradient before it was rounded, once several were added up
        self.version = version

    def successor(self, backend: Any, dtype: Any, version: Version | None) -> Leaf:
        """The leaf that follows when the tensor moves to another backend or dtype: with its name and its hooks."""
        leaf = Leaf(backend, self.shape, dtype, version, self.label)
        leaf.hooks = self.hooks
        self.moved = True
        return leaf

    @property
    def name(self) -> str:
        """The name the leaf was given (a parameter's name in its module), or "leaf"."""
        return self.label or "leaf"


def sweep(
    seeds: Iterable[tuple[Node, Any]],
    *,
    retain_graph: bool = False,
    lift: Callable[[Node], tuple[Any, Any]] | None = None,
    targets: Iterable[Node] | None = None,
) -> dict[Node, Any]:
    """Propagate gradients from `seeds` back to the leaves, or to `targets` alone.

    Args:
        seeds: (node, gradient) of the outputs to start from.
        retain_graph: keep the saved arrays, for another sweep.
        lift: how to run the rules on tensors instead of arrays (gradients of gradients): given a node, returns what
            its rules get as saved values and as function namespace.
        targets: compute only what these nodes need.

    Returns:
        the gradient of each leaf (or target) that received one. Arrays may be shared between entries: they must not
        be changed in place.

    Raises:
        GraphError: a needed array was freed by an earlier sweep, or changed in place since it was saved.
    """
    seeds = list(seeds)
    targets = None if targets is None else set(targets)
    wanted = None if targets is None else _on_the_way([node for node, _ in seeds], targets)
    frontier = _Frontier()
    for node, seed in seeds:
        frontier.contribute(node, seed)
    return _go_back(frontier, retain_graph, lift, targets, wanted)


def _go_back(
    frontier: _Frontier, retain_graph: bool, lift: Any, targets: set[Node] | None, wanted: set[Node] | None
) -> dict[Node, Any]:
    """The loop of `sweep`: from the node recorded last on, while any has received gradient."""
    results: dict[Node, Any] = {}
    pending, order = frontier.pending, frontier.order
    active = None
    while order:
        node, g, _ = pending.pop(-heappop(order))
        if node.backend is not active:  # rules compute with operators, on whichever device is current
            active = node.backend
            active.activate()
        try:
            if type(g) in DEFERRED:
                g = g.dense(node.backend)
            primitive = node.primitive
            half = node.dtype.itemsize == 2  # whose gradient is collected in float32, and rounded where it is seen
            if node.hooks is not None:
                g = _call_hooks(node, g, half)
            if primitive is None or targets is not None:
                if targets is None or node in targets:
                    results[node] = g.astype(node.dtype) if half else g
                if primitive is None or node not in wanted:  # type: ignore[operator]
                    continue
            saved, params, xp = node.saved, node.params, node.backend
            if saved is FREED or node.index < Version.latest:
                check_saved(node)
            if lift is not None:
                saved, xp = lift(node)
            if half:
                g, saved = node.backend.for_rules(node, g, saved)
            for parent, rule in zip(node.inputs, primitive.rules or primitive.rules_for(len(node.inputs))):
                if parent is None or (wanted is not None and parent not in wanted):
                    continue
                d = rule(g, saved, params, parent, xp)
                if d is None:
                    continue
                if primitive.custom or (
                    primitive.broadcasts and (parent.shape != node.shape or parent.dtype is not node.dtype)
                ):
                    d = fit(d, parent, primitive, xp)
                entry = pending.get(parent.index)
                if entry is None:
                    pending[parent.index] = [parent, d, False]
                    heappush(order, -parent.index)
                elif entry[2] and type(d) not in DEFERRED:
                    entry[1] += d
                else:
                    frontier.contribute(parent, d)
        except GraphError:
            raise
        except Exception as error:
            error.add_note(f"in the backward pass of {node!r}")
            raise
        if not retain_graph:
            node.saved = FREED
    return results


class _Frontier:
    """The nodes that have received gradient and wait for their turn: the one recorded last comes first.

    `pending` maps a node's index to [node, gradient so far, whether that is a buffer of our own to add into in place].
    """

    __slots__ = ("order", "pending")

    def __init__(self) -> None:
        self.pending: dict[int, list[Any]] = {}
        self.order: list[int] = []  # a heap of the negated indices

    def contribute(self, node: Node, g: Any) -> None:
        """Add a gradient that arrived at a node."""
        entry = self.pending.get(node.index)
        if entry is None:
            self.pending[node.index] = [node, g, False]
            heappush(self.order, -node.index)
        elif type(g) in DEFERRED:
            total, owned = entry[1:]
            if type(total) is type(g):
                total.add(g, node.backend)
                if total.outgrown():
                    entry[1:] = total.dense(node.backend), True
            elif type(total) in DEFERRED:
                entry[1:] = g.add_to(total.dense(node.backend), node.backend), True
            else:
                entry[1:] = g.add_to(total if owned else _own(total, node), node.backend), True
        elif entry[2]:
            entry[1] += g
        elif type(entry[1]) in DEFERRED:
            entry[1:] = entry[1].add_to(_own(g, node), node.backend), True
        else:
            entry[1:] = (entry[1] if node.dtype.itemsize > 2 else widened(entry[1])) + g, True


def _own(g: Any, node: Node) -> Any:
    """A copy to add into."""
    return g.astype(FLOAT32) if node.dtype.itemsize == 2 else node.backend.copy(g)


def _call_hooks(node: Node, g: Any, half: bool) -> Any:
    """The gradient after the hooks, which see it rounded; where none replaces it, looking on changes nothing."""
    seen = given = g.astype(node.dtype) if half else g
    for hook in node.hooks or ():
        replaced = hook(node, seen)
        if replaced is not None:
            seen = replaced
    return g if seen is given else seen


def fit(d: Any, parent: Node, primitive: Any, xp: Any) -> Any:
    """Undo broadcasting and promotion of an input in its gradient."""
    if type(d) in DEFERRED:
        if d.shape == parent.shape and (d.dtype is parent.dtype or parent.dtype.itemsize == 2):
            return d
        d = d.dense(xp)
    if d.shape != parent.shape:
        if not primitive.broadcasts:
            raise ValueError(f"a rule gave a gradient of shape {d.shape} for an input of shape {parent.shape}")
        d = unbroadcast(d if parent.dtype.itemsize > 2 else widened(d), parent.shape, xp)
    if d.dtype is parent.dtype or (parent.dtype.itemsize == 2 and d.dtype.itemsize > 2):  # rounded when all have come
        return d
    return xp.astype(d, dtype=parent.dtype)


def unbroadcast(g: Any, shape: tuple[int, ...], xp: Any) -> Any:
    """Sum `g` over the axes that broadcasting added to or stretched in an input of this `shape`."""
    extra = len(g.shape) - len(shape)
    stretched = tuple(i + extra for i, n in enumerate(shape) if n == 1 and g.shape[i + extra] != 1)
    axes = (*range(extra), *stretched)
    if axes:
        g = xp.sum(g, axis=axes)
    return g if g.shape == shape else xp.reshape(g, shape=shape)


def check_saved(node: Node) -> None:
    """Raise GraphError if what a node saved is gone, or no longer what was saved."""
    if node.saved is FREED:
        raise GraphError(
            f"the arrays that backward needs for {node!r} were freed by an earlier backward(); "
            "use backward(retain_graph=True) the first time to go through the same graph twice"
        )
    versions = [(i, version) for i, version, *_ in constants_of(node) if version is not None]
    for i, maker in enumerate(node.inputs):
        if node.saved[1 + i] is None:
            continue
        while maker is not None and maker.primitive is not None and maker.primitive.view:
            maker = maker.inputs[0]
        if isinstance(maker, Leaf) and maker.version is not None:
            versions.append((i, maker.version))
    for i, version in versions:
        if version.changed_at > node.index and node.saved[1 + i] is not None:
            raise GraphError(
                f"input {node.primitive.input_name(i)} of {node!r} was changed in place by {version.changed_by} after "
                "that, and backward needs the old values; call backward() before the change, or use a copy"
            )


def constants_of(node: Node) -> list[ConstantInput]:
    """What a node noted of its inputs without nodes; nothing of an input that was left out."""
    known: Any = node.constants
    if not known:
        return []
    if isinstance(known, tuple):
        return [known]
    if isinstance(known[0], tuple):
        return known
    places = [i for i, maker in enumerate(node.inputs) if maker is None]
    return [(i, None, None, x, 0) for i, x in zip(places, known, strict=True) if x is not None]


def ancestors(outputs: Iterable[Node]) -> list[Node]:
    """All nodes that the outputs depend on, themselves included, in recording order."""
    seen = set(outputs)
    stack = list(seen)
    while stack:
        for parent in stack.pop().inputs:
            if parent is not None and parent not in seen:
                seen.add(parent)
                stack.append(parent)
    return sorted(seen, key=lambda node: node.index)


def _on_the_way(outputs: Iterable[Node], targets: Iterable[Node]) -> set[Node]:
    """The nodes between the outputs and the targets, targets included."""
    found = set(targets)
    for node in ancestors(outputs):
        if any(parent in found for parent in node.inputs):
            found.add(node)
    return found

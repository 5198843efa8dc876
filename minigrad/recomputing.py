"""Recomputation, also called gradient checkpointing: time instead of memory.

`recompute(function, *args)` computes what `function(*args)` does and keeps only the arguments. When backward needs what
was computed inside, the function runs again (Griewank and Walther, Algorithm 799: revolve, 2000; Chen et al., Training
deep nets with sublinear memory cost, 2016).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from . import tree
from .backends import BackendError
from .engine.gradient import gradients
from .engine.operands import kept
from .engine.record import constants_among
from .engine.recorded import describe, wrap
from .engine.recording import enable_grad
from .engine.scope import MODE, SCOPE
from .engine.tape import ConstantInput, GraphError, Leaf, Node, ancestors, constants_of
from .engine.version import new_index
from .ops.shaping import astype, concat, reshape
from .primitives import Primitive
from .random import Draws
from .tensors.tensor import Tensor


def recompute(function: Callable[..., Any], *args: Any) -> Any:
    """`function(*args)`, without keeping what happens inside for backward.

    Args:
        function: computes a tree of tensors from its arguments and from parameters that it knows. It must do the same
            when it is called again; what it drew from generators of `minigrad.random` is drawn again.
        args: trees of tensors, and anything else.

    Gradients, also those of parameters and gradients of gradients, are the same as without. On the tape this is one
    node. When nothing is recorded, it is a plain call.

    Raises GraphError if the function reads a tensor that was computed outside and is not among its arguments, and
    BackendError for tensors of several backends.
    """
    if not MODE.get().recording:
        return function(*args)
    given = tree.leaves(args)
    begin = new_index()
    with Draws() as draws:
        opened = [x if x.node is None else x.detach().requires_grad_() for x in given]
        result = function(*tree.filled(args, opened))
    outputs = _tracked(result)
    if not outputs:
        return result
    parameters, constants = _read(outputs, {x.node for x in opened}, begin)
    packed = _packed(outputs)
    # The arguments' places alone: the node keeps their arrays, and lets go of them after backward.
    places = kept(tree.map(lambda x: wrap(None, x.backend), args))
    replay = _Replay(function, places, draws, SCOPE.get(), [x.node is not None for x in given], parameters)
    node = _node(replay, packed, given, constants)
    for observer in MODE.get().observers:
        observer.on_record(node, given, packed.array)
    return _unpacked(result, wrap(packed.array, packed.backend, node))


class _Replay:
    """How to run the function again, and differentiate it.

    Attributes:
        function, args: what was called; the tensors among the arguments are only places to fill.
        draws: what it drew from random generators.
        scope: where it was called.
        tracked: which of the tensors among its arguments have gradients.
        parameters: the leaves that it read and that are not among its arguments.
    """

    def __init__(
        self, function: Callable[..., Any], args: Any, draws: Draws, scope: Any, tracked: list[bool], parameters: Any
    ) -> None:
        self.function = function
        self.args = args
        self.draws = draws
        self.scope = scope
        self.tracked = tracked
        self.parameters: list[Leaf] = parameters
        self._gradient: Any = None
        self._found: list[Any] = []
        wanted = [*tracked, *(True for _ in parameters)]
        self._last = max(i for i, asked in enumerate(wanted) if asked)  # the last input that is asked for

    def derivative(self, g: Any, i: int, saved: Sequence[Any], xp: Any) -> Any:
        """The derivative for input i. Those of all inputs are computed at once, and handed out one by one."""
        if self._gradient is not g:
            self._gradient = g
            tensors = saved[1 : 1 + len(self.tracked)]
            if isinstance(g, Tensor):  # the derivative is to be differentiated: it is a function like any other
                self._found = recompute(partial(self._vjp, create_graph=True), g, tensors)
            else:
                opened = [wrap(x, xp) for x in tensors]
                opened = [x.requires_grad_() if wanted else x for x, wanted in zip(opened, self.tracked)]
                found = self._vjp(wrap(g, xp), opened)
                self._found = [None if d is None else d.array for d in found]
        result, self._found[i] = self._found[i], None
        if i == self._last:
            self._gradient = None
        return result

    def _vjp(self, g: Tensor, tensors: Sequence[Any], create_graph: bool = False) -> list[Any]:
        outer = SCOPE.get()
        SCOPE.set(self.scope.as_backward() if create_graph else self.scope)
        was_open = [leaf.open for leaf in self.parameters]
        for leaf in self.parameters:
            leaf.open = True
        try:
            with enable_grad(), self.draws.again():
                packed = _packed(_tracked(self.function(*tree.filled(self.args, tensors))))
        finally:
            SCOPE.set(outer)
            for leaf, was in zip(self.parameters, was_open, strict=True):
                leaf.open = was
        leaves = [x.node if wanted else None for x, wanted in zip(tensors, self.tracked)] + [*self.parameters]
        found = gradients([packed], [g], create_graph, create_graph, [x for x in leaves if x is not None])
        return [None if leaf is None else found.get(leaf) for leaf in leaves]


def _node(replay: _Replay, packed: Tensor, given: list[Any], read: list[ConstantInput]) -> Node:
    backend = packed.backend
    for x in given:
        if x.backend is not backend:
            raise BackendError(f"recompute: {describe(x)} is on backend {x.backend.name}, the result on {backend.name}")
    own = {id(x.version) for x in given if x.node is None}
    constants = [noted[1:] for noted in read if id(noted[1]) not in own]
    rest = len(replay.parameters) + len(constants)  # what the function reads, without being given it
    inputs = [*(x.node for x in given), *replay.parameters, *(None for _ in constants)]
    saved = [None, *(_saved(x) for x in given), *(True for _ in range(rest))]
    node = Node(RECOMPUTE, inputs, tuple(saved), {"replay": replay}, backend, SCOPE.get(), packed.shape, packed.dtype)
    _, noted = constants_among(given, inputs[: len(given)], 0)
    first = len(inputs) - len(constants)
    node.constants = [*noted, *((i, *what) for i, what in enumerate(constants, first))]
    return node


def _saved(x: Tensor) -> Any:
    foreign = x.node is None and x.version is not None and x.version.foreign
    return x.array.copy() if foreign else x.array


RECOMPUTE = Primitive(
    "recompute",
    (lambda g, i, saved, replay, xp: replay.derivative(g, i, saved, xp),),
    ("xs",),
    variadic=True,
    custom=True,  # it runs the function again in the types that it had
)


def _read(outputs: list[Any], arguments: set[Any], begin: int) -> tuple[list[Leaf], list[ConstantInput]]:
    """What the function read without being given it: leaves, and constants whose memory can be changed in place.

    Without the leaves that derivatives inside left.
    """
    found: list[Leaf] = []
    constants: dict[int, ConstantInput] = {}
    for node in ancestors([x.node for x in outputs]):
        if node.index < begin and not isinstance(node, Leaf):
            raise GraphError(
                f"recompute: the function reads the result of {node!r}, computed outside of it: give it as an argument"
            )
        if isinstance(node, Leaf) and node.open and node not in arguments:
            found.append(node)
        if node.index > begin:
            constants.update((id(noted[1]), noted) for noted in constants_of(node) if noted[1] is not None)
    return found, list(constants.values())


def _tracked(result: Any) -> list[Any]:
    return [x for x in tree.leaves(result) if x.node is not None]


def _packed(outputs: list[Any]) -> Tensor:
    """All outputs in one vector: a node has one output."""
    return concat([reshape(x, (x.size,)) for x in outputs])


def _unpacked(result: Any, packed: Tensor) -> Any:
    begin = 0

    def part(x: Any) -> Any:
        nonlocal begin
        if x.node is None:
            return x
        begin += x.size
        values = packed[begin - x.size : begin]
        if 2 * x.size < packed.size:  # a view of a small part, a state say, would keep all of them alive
            values = concat([values])
        return reshape(astype(values, x.dtype), x.shape)

    return tree.map(part, result)

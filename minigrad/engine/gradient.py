"""From tensors to the sweep and back: seeds, the recording functions for gradients of gradients, moving backends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np

from ..backends import Backend, BackendError, default_backend
from ..backends.base import ANYWHERE, Composed
from ..backends.halves import widened
from ..concurrency import LOCK
from ..primitives import PRIMITIVES, Primitive, indexing
from .operands import allowed, to_array
from .record import apply
from .recorded import Recorded, describe, wrap
from .recording import enable_grad, no_grad
from .scope import MODE, SCOPE, restart_counts
from .tape import GraphError, Leaf, Node, sweep
from .version import OF_GRADIENT


class _Recorder(Composed):
    """The functions that derivative rules compute with when they run on Tensors: each records a primitive."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        row = PRIMITIVES.get(name)
        if row is None:
            raise AttributeError(f"no primitive is called {name}")

        def record(*inputs: Any, **params: Any) -> Any:
            return apply(row, inputs, params)

        setattr(self, name, record)
        return record

    def sum(self, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        return apply(PRIMITIVES["sum"], (x,), {"axis": axis, "keepdims": keepdims})

    def zeros_like(self, x: Any) -> Any:
        return wrap(x.backend.zeros(x.shape, x.dtype), x.backend)

    def eye_like(self, x: Any, n: int) -> Any:
        return wrap(x.backend.eye_like(x.array, n), x.backend)

    def product_sum(self, x: Any, y: Any) -> Any:
        return x.T @ y

    def partial(self, values: Any, index: Any, shape: tuple[int, ...]) -> Any:
        zeros = wrap(values.backend.zeros(shape, values.dtype), values.backend)
        return apply(indexing.index_add, (zeros, values), {"index": index})


_recorder = _Recorder()


def _lift(node: Node) -> tuple[Any, Any]:
    """The saved values of a node as Tensors with their place in the graph, and the recording functions."""
    SCOPE.set(node.scope.as_backward())
    backend = node.backend
    makers = [node, *node.inputs]
    saved = [
        wrap(value, backend, maker) if isinstance(value, backend.array_type) else value
        for value, maker in zip(node.saved, makers, strict=True)
    ]
    return saved, _recorder


def gradients(
    outputs: Sequence[Any],
    seeds: Sequence[Any],
    retain_graph: bool = False,
    create_graph: bool = False,
    targets: Sequence[Node] | None = None,
) -> dict[Node, Any]:
    """Sweep back from the outputs: the gradient of each leaf, or of each target, as a Tensor.

    A seed is the gradient of an output, or None for 1. With `create_graph` the results can be differentiated again.

    Raises:
        GraphError: nothing was recorded, the graph was freed, or an array in it was changed in place.
        ValueError: a seed is missing for an output with several elements, or has another shape.
    """
    starts = [(node_of(out), seed_of(out, seed, create_graph)) for out, seed in zip(outputs, seeds, strict=True)]
    scope = SCOPE.get()
    try:
        lift = _lift if create_graph else None
        # The sweep may go on to other devices.
        with outputs[0].backend.active() if outputs else ANYWHERE, enable_grad() if create_graph else no_grad():
            found = sweep(starts, retain_graph=retain_graph, lift=lift, targets=targets)
    finally:
        SCOPE.set(scope)
        restart_counts()
    return found if create_graph else {node: as_tensor(g, node.backend) for node, g in found.items()}


def node_of(out: Any) -> Node:
    """The node of an output. Raises GraphError if nothing was recorded."""
    if out.node is None:
        raise GraphError(
            f"there is nothing to go back through: {describe(out)} was not computed from a tensor that requires "
            "gradients, or recording was switched off"
        )
    return out.node


def seed_of(out: Any, seed: Any, create_graph: bool) -> Any:
    """Where backward starts at an output: `seed`, or 1 if it is None; an array, or with `create_graph` a Tensor."""
    if seed is None:
        if out.size != 1:
            raise ValueError(
                f"backward from {describe(out)}: a tensor with several elements needs gradient=..., "
                "the weights of its elements; or reduce it with sum() or mean() first"
            )
        seed = wrap(out.backend.full(out.shape, 1, out.dtype), out.backend)
    elif not isinstance(seed, Recorded):
        seed = wrap(to_array(seed, out.dtype, out.backend, copy=True), out.backend)
    elif seed.node is None and seed.version is not None:  # it may end as a gradient, and is not to change then
        seed = wrap(seed.backend.copy(seed.array), seed.backend)
    if seed.array.shape != out.shape:
        raise ValueError(f"backward from {describe(out)}: the gradient given has shape {seed.array.shape}")
    if seed.backend is not out.backend:
        raise BackendError(f"the gradient given is on backend {seed.backend.name}, the tensor on {out.backend.name}")
    seed = seed.astype(out.dtype)  # type: ignore[attr-defined]
    return seed if create_graph else seed.array


def gradient_for(x: Any, value: Any) -> Any:
    """A gradient that somebody assigns to `x`, checked; a NumPy array as a tensor with its values.

    Raises TypeError for what is no array or has another dtype, ValueError for another shape and for `x` itself,
    BackendError for another backend.
    """
    if isinstance(value, (np.ndarray, np.generic)) and x.backend.array_type is np.ndarray:
        value = wrap(to_array(value, None, x.backend, copy=True), x.backend)
    if not isinstance(value, Recorded):
        what = "a NumPy array" if isinstance(value, (np.ndarray, np.generic)) else f"a {type(value).__name__}"
        raise TypeError(
            f"the gradient of {describe(x)} is a tensor or None, not {what}: use mg.tensor(..., dtype={str(x.dtype)!r}"
            + ("" if x.backend is default_backend() else f", backend={x.backend.name!r}")
            + ")"
        )
    if value.backend is not x.backend:
        raise BackendError(
            f"the gradient assigned is on backend {value.backend.name}, the tensor on {x.backend.name}: "
            f"move it with .to({x.backend.name!r})"
        )
    if value.array.shape != x.shape:
        raise ValueError(f"the gradient of {describe(x)} has its shape, not that of {describe(value)}")
    if value.array.dtype != x.dtype:
        raise TypeError(
            f"the gradient of {describe(x)} has its dtype, not that of {describe(value)}: "
            f"convert it with .astype({str(x.dtype)!r})"
        )
    if value is x:
        raise ValueError(f"{describe(x)} cannot be its own gradient: use .detach()")
    return value


def as_tensor(g: Any, backend: Backend) -> Any:
    """A gradient as the sweep leaves it (an array, or a scalar where NumPy reduced to one) as a Tensor."""
    if isinstance(g, Recorded):
        return g
    return wrap(g if isinstance(g, backend.array_type) else backend.asarray(g), backend)


def accumulate(old: Any, new: Any) -> Any:
    """The gradient after one more was added. Out of place: gradients may share memory with each other."""
    if old is None:
        return new
    if new.node is not None or old.node is not None:
        return old + new
    return as_tensor(cast("Any", old.backend).add(old.array, new.array), old.backend)


def collect(node: Node, g: Any) -> None:
    """Add a gradient to what a node has collected. Several threads may do so at once: none is lost.

    Raises GraphError for a leaf whose tensor was moved since the graph was recorded.
    """
    if isinstance(node, Leaf) and node.moved:
        raise GraphError(
            f"{node!r} on backend {node.backend.name} was moved to another backend or dtype after this graph was "
            "recorded, and its gradient would be lost: call backward() before module.to()"
        )
    while True:
        old, total = node.grad, None
        if old is not None and node.dtype.itemsize == 2 and isinstance(node, Leaf) and old.node is g.node is None:
            total = _total(node, old, g)
            new = as_tensor(total.astype(node.dtype), node.backend)
        else:
            new = accumulate(old, g)  # outside of the lock: large arrays take their time
        with LOCK:
            if node.grad is old:
                node.grad = new
                if node.dtype.itemsize == 2 and isinstance(node, Leaf):
                    node.total = total
                return


def _total(node: Leaf, old: Any, g: Any) -> Any:
    """The sum of 16-bit gradients in float32, so that many small ones count: a thousand backward calls, say."""
    xp: Any = node.backend
    sofar = widened(old.array)
    if node.total is not None:  # it holds what rounding left out, but for elements that were set from outside since
        sofar = xp.where(xp.equal(xp.astype(node.total, dtype=node.dtype), old.array), node.total, sofar)
    return sofar + widened(g.array)


def retain(node: Node, g: Any) -> None:
    """The hook that keeps a computed tensor's gradient."""
    collect(node, as_tensor(g, node.backend))


class TensorHook:
    """A user's hook as the tape calls it. What it returns replaces the gradient, and so has to be like it.

    So does the gradient that it was given, if it changed that in place and returned nothing.
    """

    __slots__ = ("hook",)

    def __init__(self, hook: Callable[[Any], Any]) -> None:
        if not callable(hook):
            raise TypeError(f"a hook is a function of a gradient, not a {type(hook).__name__}")
        self.hook = hook

    def __call__(self, node: Node, g: Any) -> Any:
        complete = as_tensor(g, node.backend)  # which others may have, too: what a hook changes in place is a copy
        given = wrap(complete.array, node.backend, complete.node, OF_GRADIENT)
        result = self.hook(given)
        if result is None or result is given:
            if given.array is complete.array:
                return None
            result = given
        self._check(result, complete, node)
        if result.version not in (None, OF_GRADIENT):  # it may end as a gradient, and is not to change then
            result = wrap(result.backend.copy(result.array), result.backend, result.node)
        return result if isinstance(g, Recorded) else result.array

    def _check(self, result: Any, given: Any, node: Node) -> None:
        name = getattr(self.hook, "__qualname__", None) or repr(self.hook)
        what = f"hook {name} on {node!r}"
        if not isinstance(result, Recorded):
            raise TypeError(f"{what} must return a tensor or None, not a {type(result).__name__}")
        if result.backend is not given.backend:
            raise BackendError(
                f"{what} got a gradient on backend {given.backend.name} and returned one on {result.backend.name}"
            )
        if result.array.shape != given.array.shape or result.array.dtype != given.array.dtype:
            kind = ValueError if result.array.shape != given.array.shape else TypeError
            raise kind(
                f"{what} got the gradient {describe(given)} and returned {describe(result)}: "
                "what replaces it needs its shape and dtype"
            )


# --- moving between backends ------------------------------------------------------------------------------------------


def transfer(x: Any, target: Backend) -> Any:
    """`x` on another backend, recorded: its gradient moves back."""
    source = x.backend
    allowed(x.dtype, target)
    shared = source.place == target.place
    array = x.array if shared else _moved(x.array, source, target)
    if x.node is None or not MODE.get().recording:
        return wrap(array, target, None, x.version if shared else None)
    params = {"source": source, "target": target}
    node = Node(SHARE if shared else TRANSFER, (x.node,), (None, None), params, target, SCOPE.get(), x.shape, x.dtype)
    for observer in MODE.get().observers:
        observer.on_record(node, (x,), array)
    return wrap(array, target, node, x.version if shared else None)


def _transfer_back(g: Any, source: Backend, target: Backend) -> Any:
    if isinstance(g, Recorded):
        return transfer(g, source)
    return g if source.place == target.place else _moved(g, target, source)


def _moved(array: Any, source: Backend, target: Backend) -> Any:
    """A copy at another place: directly between devices of one kind, else through the host."""
    return target.asarray(array if source.array_type is target.array_type else source.to_numpy(array))


TRANSFER = Primitive("to", (_transfer_back,), ("x",))
SHARE = Primitive("to", (_transfer_back,), ("x",), view=True)  # between backends that have the same arrays

"""Derivatives of functions: grad, value_and_grad, vjp, jacobian, hvp, and checks against finite differences.

The functional side follows JAX and HIPS Autograd; `gradcheck` and `gradgradcheck` follow PyTorch.

What `grad`, `value_and_grad`, `vjp`, `jacobian` and `hvp` return can be differentiated where it depends on a tensor
that requires gradients: an argument, or one that the function closes over, such as the weights of a module. Under
`no_grad` nothing of it is recorded, and the memory of the graph is freed at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import dtypes, tree
from .advice.missing import on_missing, with_keywords
from .engine.gradient import gradients
from .engine.recorded import describe, wrap
from .engine.recording import enable_grad
from .engine.scope import MODE
from .engine.tape import GraphError, Leaf
from .engine.version import Version
from .ops import creation
from .ops.shaping import concat, reshape, stack
from .tensors.tensor import Tensor

_Function = Callable[..., Any]


class _Derivative:
    """One derivative of a function: its arguments, its value, and whether it may be differentiated in its turn.

    That is so where recording was on when it began, and what it computes depends on a tensor that requires gradients
    and that it did not open itself: an argument with a history, a parameter that the function closes over, the argument
    of a derivative around this one.
    """

    def __init__(self, args: Sequence[Any], positions: Sequence[int]) -> None:
        self._recording = MODE.get().recording
        self.args = list(args)
        self.inputs: list[Tensor] = []
        self._own: list[Leaf] = []
        for i in positions:
            self.args[i] = x = self._opened(args[i], i)
            self.inputs.append(x)

    def _opened(self, x: Any, i: int) -> Tensor:
        """An argument as a tensor to differentiate for. One with a history keeps it: it enters by an operation."""
        t = x if isinstance(x, Tensor) else creation.tensor(x)
        if not dtypes.is_float(t.dtype):
            raise TypeError(f"argument {i} is {describe(t)}: only floating-point tensors have gradients")
        if t.node is not None:
            with enable_grad():
                return reshape(t, t.shape)
        t = t.detach().requires_grad_()
        if isinstance(t.node, Leaf):
            self._own.append(t.node)
        return t

    def evaluate(self, f: _Function, **kwargs: Any) -> Any:
        """The function of the opened arguments, recorded."""
        for leaf in self._own:
            leaf.open = True
        try:
            with enable_grad():
                return f(*self.args, **kwargs)
        finally:
            for leaf in self._own:
                leaf.open = False

    def recorded(self, *tensors: Any) -> bool:
        """Whether what is computed from these has to be recorded."""
        return self._recording and any(isinstance(x, Tensor) and _has_history(x) for x in tensors)

    def returned(self, x: Tensor) -> Tensor:
        """A result of the function as it is given on: with its history, if that can be differentiated."""
        return x if self.recorded(x) else x.detach()

    def differentiate(self, value: Tensor, g: Any = None, **options: bool) -> Sequence[Tensor | None]:
        """The gradients of a value for the inputs, None for those that it does not depend on."""
        if value.node is None:
            return [None] * len(self.inputs)
        return differentiate(value, self.inputs, g, allow_unused=True, **options)

    def results(self, found: Sequence[Tensor | None]) -> list[Tensor]:
        """Gradients as they are given on: zeros for the inputs that nothing depends on, history where it matters."""
        dense = [creation.zeros_like(x) if g is None else g for g, x in zip(found, self.inputs, strict=True)]
        return [g if g.node is None or _has_history(g) else g.detach() for g in dense]


def _has_history(x: Tensor) -> bool:
    """Whether somebody may ask for gradients through `x`: it depends on a leaf that is not left from a derivative."""
    stack = [] if x.node is None else [x.node]
    seen = set(stack)
    while stack:
        node = stack.pop()
        if isinstance(node, Leaf) and node.open:
            return True
        for parent in node.inputs:
            if parent is not None and parent not in seen:
                seen.add(parent)
                stack.append(parent)
    return False


def differentiate(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    gradient: Any = None,
    retain_graph: bool = False,
    create_graph: bool = False,
    allow_unused: bool = False,
) -> tuple[Tensor | None, ...]:
    """The gradients of outputs that were computed already, for the given inputs; `.grad` stays as it is.

    Args:
        outputs: one tensor or several; the gradients of several add up.
        inputs: tensors that require gradients: leaves or intermediate results.
        gradient: where to start, one for each output; may be left out for outputs with one element.
        retain_graph, create_graph: as in `Tensor.backward`; without `create_graph` the results cannot be
            differentiated, whatever the outputs and `gradient` depend on.
        allow_unused: give None for an input that the outputs do not depend on, instead of raising GraphError.
    """
    outs = [outputs] if isinstance(outputs, Tensor) else list(outputs)
    ins = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    seeds = [gradient] if isinstance(outputs, Tensor) else [None] * len(outs) if gradient is None else list(gradient)
    nodes = []
    for x in ins:
        if x.node is None:
            raise GraphError(f"differentiate: the input {describe(x)} does not require gradients")
        nodes.append(x.node)
    found = gradients(outs, seeds, retain_graph or create_graph, create_graph, nodes)
    if not allow_unused:
        for x, node in zip(ins, nodes, strict=True):
            if node not in found:
                raise GraphError(
                    f"differentiate: the outputs do not depend on the input {describe(x)}; "
                    "allow_unused=True gives None for it"
                )
    return tuple(found.get(node) for node in nodes)


def _positions(argnums: int | Sequence[int], args: Sequence[Any]) -> tuple[int, ...]:
    positions = (argnums,) if isinstance(argnums, (int, np.integer)) else tuple(argnums)
    for i in positions:
        if not -len(args) <= i < len(args):
            raise TypeError(f"argument {i} is to be differentiated, but {len(args)} were given")
    return tuple(i % len(args) for i in positions)


def _scalar(value: Any, what: str) -> Tensor:
    if not isinstance(value, Tensor) or value.size != 1:
        given = describe(value) if isinstance(value, Tensor) else type(value).__name__
        raise TypeError(f"{what}: the function must return a tensor with one element, not {given}")
    return value


def value_and_grad(f: _Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> _Function:
    """A function that returns (f(*args), gradient), f having one real output.

    Args:
        f: returns a tensor with one element, or, with `has_aux`, a pair of that and anything else.
        argnums: which positional arguments to differentiate for; a sequence gives a tuple of gradients.
        has_aux: the value returned is then f's pair.

    The result can be differentiated again: `grad(grad(f))`. So can the tensors that f returns beside its value (a tree
    of them), if they depend on others that require gradients than the arguments.
    """

    if not callable(f):
        raise TypeError(
            f"grad takes a function, not a {type(f).__name__}; gradients of tensors that were computed already: "
            "mg.differentiate(outputs, inputs)"
        )

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        d = _Derivative(args, _positions(argnums, args))
        result = d.evaluate(f, **kwargs)
        value = _scalar(result[0] if has_aux else result, "grad")
        aux = tree.map(d.returned, result[1]) if has_aux else None
        recorded = d.recorded(value)
        retain = any(x.node is not None for x in tree.leaves(aux))
        slopes = d.results(d.differentiate(value, retain_graph=retain, create_graph=recorded))
        value = d.returned(value)
        out = (value, aux) if has_aux else value
        return out, slopes[0] if isinstance(argnums, (int, np.integer)) else tuple(slopes)

    return wrapped


@with_keywords
def grad(f: _Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> _Function:
    """A function that returns the gradient of f, which has one real output; with `has_aux`, (gradient, aux).

    `grad(grad(f))` is the second derivative of a function of one number. Arguments as in `value_and_grad`.
    """
    both = value_and_grad(f, argnums, has_aux)

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        value, slope = both(*args, **kwargs)
        return (slope, value[1]) if has_aux else slope

    return wrapped


def vjp(f: _Function, *args: Any) -> tuple[Any, _Function]:
    """(f(*args), pull), where pull(g) is the vector-Jacobian product: a gradient for each argument.

    f returns a tensor of any shape, and g has that shape. `pull` can be called again and again. Arguments that f does
    not depend on get zeros. Both can be differentiated where they, or g, depend on a tensor that requires gradients.
    """
    d = _Derivative(args, range(len(args)))
    value = d.evaluate(f)
    if not isinstance(value, Tensor):
        raise TypeError(f"vjp: the function must return a tensor, not {type(value).__name__}")
    recorded = d.recorded(value)

    def pull(g: Any) -> tuple[Tensor, ...]:
        record = MODE.get().recording and (recorded or (isinstance(g, Tensor) and g.node is not None))
        return tuple(d.results(d.differentiate(value, g, retain_graph=True, create_graph=record)))

    return d.returned(value), pull


def jacobian(f: _Function, argnum: int = 0) -> _Function:
    """A function that returns the Jacobian of f for one argument: shape (*output shape, *input shape).

    One backward pass for each element of the output. The result can be differentiated.
    """

    def wrapped(*args: Any) -> Tensor:
        (position,) = _positions(argnum, args)

        def of_one(x: Any) -> Any:
            return f(*args[:position], x, *args[position + 1 :])

        value, pull = vjp(of_one, args[position])
        size = value.size
        rows = []
        for i in range(size):
            unit = creation.zeros(size, value.dtype, backend=value.backend).at[i].set(1)
            rows.append(pull(reshape(unit, value.shape))[0])
        shape = args[position].shape if isinstance(args[position], Tensor) else np.shape(args[position])
        if not rows:
            return creation.zeros((*value.shape, *shape), value.dtype, backend=value.backend)
        return reshape(stack(rows), (*value.shape, *shape))

    return wrapped


def hvp(f: _Function, x: Any, v: Any) -> Tensor:
    """The product of the Hessian of f (one argument, one real output) at x with v, without building the Hessian.

    Computed as the gradient of <gradient of f, v> (Pearlmutter 1994, in its reverse-over-reverse form). The result can
    be differentiated.
    """
    d = _Derivative([x], [0])
    value = _scalar(d.evaluate(f), "hvp")
    recorded = d.recorded(value, v)
    with enable_grad():
        (slope,) = d.differentiate(value, create_graph=True)
    found: Sequence[Tensor | None] = [None]
    if slope is not None:
        found = d.differentiate(slope, v, create_graph=recorded)
    (product,) = d.results(found)
    return product


def _numeric(f: _Function, args: Sequence[Any], position: int, weights: Any, eps: float) -> np.ndarray:
    """The gradient of <f, weights> for one argument by central differences, in float64 on the host."""
    x = args[position]
    backend = x.backend
    values = np.array(backend.to_numpy(x.array))
    out = np.zeros(values.shape)
    for i in np.ndindex(values.shape):
        sums = []
        for step in (eps, -eps):
            moved = values.copy()
            moved[i] += step
            point = wrap(backend.asarray(moved), backend, None, Version()).requires_grad_()
            result = f(*args[:position], point, *args[position + 1 :])
            sums.append(float(np.vdot(backend.to_numpy(result.array), weights)))
        out[i] = (sums[0] - sums[1]) / (2 * eps)
    return out


def gradcheck(f: _Function, args: Sequence[Any], eps: float = 1e-6, atol: float = 1e-6, rtol: float = 1e-4) -> bool:
    """Check the gradients of f against central finite differences, for random weights of its outputs.

    Args:
        f: a function of tensors that returns one tensor.
        args: its arguments, or the only one. Those that are float64 tensors are checked; others are passed on.
        eps: half the distance between the two points of a difference.
        atol, rtol: tolerances of the comparison.

    Returns True, or raises AssertionError with the largest difference and where it is, or TypeError if no argument is
    a float64 tensor (float32 is too coarse for differences).
    """
    args = [args] if isinstance(args, Tensor) else args
    checked = [i for i, x in enumerate(args) if isinstance(x, Tensor) and x.dtype == dtypes.float64]
    if not checked:
        raise TypeError("gradcheck: give float64 tensors, differences of float32 are too coarse")
    with enable_grad():
        d = _Derivative([a.detach() if i in checked else a for i, a in enumerate(args)], checked)
        opened, value = d.args, d.evaluate(f)
        weights = np.random.default_rng(0).standard_normal(value.shape)
        seed = creation.tensor(weights, dtype=value.dtype, backend=value.backend)
        found = d.differentiate(value, seed)
        for i, g in zip(checked, found, strict=True):
            wanted = _numeric(f, opened, i, weights, eps)
            given = np.zeros(wanted.shape) if g is None else g.backend.to_numpy(g.array)
            _compare(given, wanted, atol, rtol, f"gradcheck: gradient of argument {i}")
    return True


def gradgradcheck(f: _Function, args: Sequence[Any], eps: float = 1e-6, atol: float = 1e-6, rtol: float = 1e-4) -> bool:
    """Check second derivatives: `gradcheck` of the function that computes the gradients of f. Arguments alike."""
    args = [args] if isinstance(args, Tensor) else args
    checked = [i for i, x in enumerate(args) if isinstance(x, Tensor) and x.dtype == dtypes.float64]
    if not checked:
        raise TypeError("gradgradcheck: give float64 tensors, differences of float32 are too coarse")
    shape = f(*args).shape
    seed = creation.tensor(np.random.default_rng(1).standard_normal(shape), backend=args[checked[0]].backend)

    def first(*inner: Any) -> Tensor:
        *points, g = inner
        opened = list(args)
        for i, x in zip(checked, points, strict=True):
            opened[i] = x if x.node is not None else x.detach().requires_grad_()
        value = f(*opened)
        inputs = [opened[i] for i in checked]
        if value.node is None:
            return creation.zeros(0, dtypes.float64, backend=g.backend)
        found = differentiate(value, inputs, g, create_graph=True, allow_unused=True)
        parts = [reshape(d, (-1,)) if d.size else reshape(d, (0,)) for d in found if d is not None]
        return concat(parts) if parts else creation.zeros(0, dtypes.float64, backend=g.backend)

    return gradcheck(first, [*(args[i] for i in checked), seed], eps, atol, rtol)


def _compare(given: np.ndarray, wanted: np.ndarray, atol: float, rtol: float, what: str) -> None:
    bad = ~np.isclose(given, wanted, atol=atol, rtol=rtol, equal_nan=True)
    if bad.any():
        away = np.where(bad, np.abs(given - wanted), -1)
        worst = np.unravel_index(np.argmax(np.where(np.isnan(away), np.inf, away)), given.shape)
        where = tuple(int(i) for i in worst)
        raise AssertionError(f"{what} at {where}: backward says {given[where]}, finite differences {wanted[where]}")


on_missing(__name__)

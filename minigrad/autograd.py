"""Derivatives of functions: grad, value_and_grad, vjp, jacobian, hvp, and checks against finite differences.

The functional side follows JAX and HIPS Autograd; `gradcheck` and `gradgradcheck` follow PyTorch.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from . import dtypes
from .gradient import gradients
from .ops import creation
from .ops.shaping import concat, reshape, stack
from .record import describe, wrap
from .scope import local
from .tape import GraphError, Version, enable_grad
from .tensor import Tensor

Function = Callable[..., Any]


class _Open(threading.local):
    """How many functions this thread is in the middle of differentiating."""

    count = 0


_open_derivatives = _Open()


@contextmanager
def _evaluation() -> Iterator[None]:
    """Around the call of a function that is to be differentiated."""
    _open_derivatives.count += 1
    try:
        with enable_grad():
            yield
    finally:
        _open_derivatives.count -= 1


def _is_nested(args: Sequence[Any]) -> bool:
    """Whether a derivative has to be recorded, because it may be differentiated in its turn.

    That is so where an argument has a history, and inside a function that is being differentiated: this one may close
    over what that one depends on.
    """
    histories = any(isinstance(a, Tensor) and a.node is not None for a in args)
    return local.now.recording and (histories or _open_derivatives.count > 0)


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
        retain_graph, create_graph: as in `Tensor.backward`.
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


def _open(args: Sequence[Any], positions: Sequence[int]) -> tuple[list[Any], list[Tensor]]:
    """The arguments with those at `positions` replaced by tensors to differentiate for; and these tensors.

    An argument that has a history keeps it, so that derivatives nest: it enters through an operation of its own.
    """
    opened = list(args)
    inputs = []
    for i in positions:
        x = args[i] if isinstance(args[i], Tensor) else creation.tensor(args[i])
        if not dtypes.is_float(x.dtype):
            raise TypeError(f"argument {i} is {describe(x)}: only floating-point tensors have gradients")
        x = reshape(x, x.shape) if x.node is not None else x.detach().requires_grad_()
        opened[i] = x
        inputs.append(x)
    return opened, inputs


def _scalar(value: Any, what: str) -> Tensor:
    if not isinstance(value, Tensor) or value.size != 1:
        given = describe(value) if isinstance(value, Tensor) else type(value).__name__
        raise TypeError(f"{what}: the function must return a tensor with one element, not {given}")
    return value


def value_and_grad(f: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function:
    """A function that returns (f(*args), gradient), f having one real output.

    Args:
        f: returns a tensor with one element, or, with `has_aux`, a pair of that and anything else.
        argnums: which positional arguments to differentiate for; a sequence gives a tuple of gradients.
        has_aux: the value returned is then f's pair.

    The result can be differentiated again: `grad(grad(f))`.
    """

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        positions = _positions(argnums, args)
        nested = _is_nested(args)
        with _evaluation():
            opened, inputs = _open(args, positions)
            result = f(*opened, **kwargs)
            value = _scalar(result[0] if has_aux else result, "grad")
            if value.node is None:
                slopes: list[Any] = [None] * len(inputs)
            else:
                slopes = list(differentiate(value, inputs, create_graph=nested, allow_unused=True))
        slopes = [creation.zeros_like(x) if g is None else g for g, x in zip(slopes, inputs, strict=True)]
        if not nested:
            value = value.detach()
        out = (value, result[1]) if has_aux else value
        return out, slopes[0] if isinstance(argnums, (int, np.integer)) else tuple(slopes)

    return wrapped


def grad(f: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function:
    """A function that returns the gradient of f, which has one real output; with `has_aux`, (gradient, aux).

    `grad(grad(f))` is the second derivative of a function of one number. Arguments as in `value_and_grad`.
    """
    both = value_and_grad(f, argnums, has_aux)

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        value, slope = both(*args, **kwargs)
        return (slope, value[1]) if has_aux else slope

    return wrapped


def vjp(f: Function, *args: Any) -> tuple[Any, Function]:
    """(f(*args), pull), where pull(g) is the vector-Jacobian product: a gradient for each argument.

    f returns a tensor of any shape, and g has that shape. `pull` can be called again and again. Arguments that f does
    not depend on get zeros. Inside another derivative both can be differentiated.
    """
    return _vjp(f, args, _is_nested(args))


def _vjp(f: Function, args: Sequence[Any], nested: bool) -> tuple[Any, Function]:
    with _evaluation():
        opened, inputs = _open(args, range(len(args)))
        value = f(*opened)
    if not isinstance(value, Tensor):
        raise TypeError(f"vjp: the function must return a tensor, not {type(value).__name__}")

    def pull(g: Any) -> tuple[Tensor, ...]:
        if value.node is None:
            return tuple(creation.zeros_like(x) for x in inputs)
        record = local.now.recording and (nested or _is_nested([g]))
        found = differentiate(value, inputs, g, retain_graph=True, create_graph=record, allow_unused=True)
        return tuple(creation.zeros_like(x) if d is None else d for d, x in zip(found, inputs, strict=True))

    return value if nested else value.detach(), pull


def jacobian(f: Function, argnum: int = 0) -> Function:
    """A function that returns the Jacobian of f for one argument: shape (*output shape, *input shape).

    One backward pass for each element of the output. Inside another derivative the result can be differentiated.
    """

    def wrapped(*args: Any) -> Tensor:
        (position,) = _positions(argnum, args)

        def of_one(x: Any) -> Any:
            return f(*args[:position], x, *args[position + 1 :])

        value, pull = _vjp(of_one, [args[position]], _is_nested(args))
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


def hvp(f: Function, x: Any, v: Any) -> Tensor:
    """The product of the Hessian of f (one argument, one real output) at x with v, without building the Hessian.

    Computed as the gradient of <gradient of f, v> (Pearlmutter 1994, in its reverse-over-reverse form). Inside another
    derivative the result can be differentiated.
    """
    nested = _is_nested([x, v])
    with _evaluation():
        _, (point,) = _open([x], [0])
        value = _scalar(f(point), "hvp")
        if value.node is None:
            return creation.zeros_like(point)
        (slope,) = differentiate(value, point, create_graph=True, allow_unused=True)
        if slope is None or slope.node is None:
            return creation.zeros_like(point)
        (product,) = differentiate(slope, point, v, create_graph=nested, allow_unused=True)
    return creation.zeros_like(point) if product is None else product


def _numeric(f: Function, args: Sequence[Any], position: int, weights: Any, eps: float) -> np.ndarray:
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


def gradcheck(f: Function, args: Sequence[Any], eps: float = 1e-6, atol: float = 1e-6, rtol: float = 1e-4) -> bool:
    """Check the gradients of f against central finite differences, for random weights of its outputs.

    Args:
        f: a function of tensors that returns one tensor.
        args: its arguments. Those that are float64 tensors are checked; others are passed on.
        eps: half the distance between the two points of a difference.
        atol, rtol: tolerances of the comparison.

    Returns True, or raises AssertionError with the largest difference and where it is, or TypeError if no argument is
    a float64 tensor (float32 is too coarse for differences).
    """
    checked = [i for i, x in enumerate(args) if isinstance(x, Tensor) and x.dtype == dtypes.float64]
    if not checked:
        raise TypeError("gradcheck: give float64 tensors, differences of float32 are too coarse")
    with enable_grad():
        opened, inputs = _open([a.detach() if i in checked else a for i, a in enumerate(args)], checked)
        value = f(*opened)
        weights = np.random.default_rng(0).standard_normal(value.shape)
        found: Sequence[Any] = [None] * len(inputs)
        if value.node is not None:
            seed = creation.tensor(weights, dtype=value.dtype, backend=value.backend)
            found = differentiate(value, inputs, seed, allow_unused=True)
        for i, g in zip(checked, found, strict=True):
            wanted = _numeric(f, opened, i, weights, eps)
            given = np.zeros(wanted.shape) if g is None else g.backend.to_numpy(g.array)
            _compare(given, wanted, atol, rtol, f"gradcheck: gradient of argument {i}")
    return True


def gradgradcheck(f: Function, args: Sequence[Any], eps: float = 1e-6, atol: float = 1e-6, rtol: float = 1e-4) -> bool:
    """Check second derivatives: `gradcheck` of the function that computes the gradients of f. Arguments alike."""
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

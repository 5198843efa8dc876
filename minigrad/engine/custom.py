"""A user's own differentiable functions, recorded as one node each."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

from ..primitives import Primitive
from .operands import kept
from .record import apply
from .recorded import Recorded
from .scope import MODE
from .version import memory_of


def primitive(
    vjp: Callable[..., Any] | Sequence[Callable[..., Any] | None], name: str | None = None, broadcasts: bool = False
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: make a function of arrays into a function of tensors, with the given derivative rules.

        @mg.primitive(vjp=lambda g, x, out, beta: g * (beta * out + sigmoid(beta * x) * (1 - beta * out)))
        def swish(x, *, beta=1.0): ...

    Args:
        vjp: one rule for each positional parameter of the function (None: not differentiable), or a single rule. The
            names of a rule's parameters say what it needs: `g` (the gradient of the output), `out`, the function's
            inputs and keyword parameters by their own names, `x_shape` for the shape of an input x, and `xp` (functions
            to compute with, such as `xp.exp`). Write rules in operators and `xp`, and gradients of gradients work too.
        name: shown in drawings and errors; the function's name by default.
        broadcasts: the inputs broadcast and are promoted to one dtype; rules return gradients of the broadcast shape.

    The function's positional parameters are its array inputs, its keyword-only parameters are options. A keyword-only
    parameter `xp` receives the backend's functions, so that one definition runs on every backend. Options that a rule
    asks for are copied where they hold arrays; a result that is a view of an input is copied, too.

    Raises TypeError if a rule asks for a name that the function does not have.
    """
    rules = (vjp,) if callable(vjp) else tuple(vjp)

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(function)
        kinds = signature.parameters.values()
        inputs = tuple(p.name for p in kinds if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD))
        options = {p.name: p.default for p in kinds if p.kind is p.KEYWORD_ONLY and p.name != "xp"}
        title = name or function.__name__
        known = {"g", "out", "xp", *inputs, *(f"{x}_shape" for x in inputs), *options}
        for rule in rules:
            unknown = set() if rule is None else set(inspect.signature(rule).parameters) - known
            if unknown:
                raise TypeError(f"primitive {title}: a rule asks for {sorted(unknown)}; there are {sorted(known)}")
        read = set().union(*(inspect.signature(rule).parameters for rule in rules if rule is not None)) & set(options)
        row = Primitive(title, rules, inputs, _without_views(function), broadcasts=broadcasts, custom=True)

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            bound = signature.bind_partial(*args, **kwargs)
            bound.apply_defaults()
            missing = [x for x in inputs if x not in bound.arguments]
            missing += [
                k for k in options if bound.arguments.get(k, inspect.Parameter.empty) is inspect.Parameter.empty
            ]
            if missing:
                raise TypeError(f"{title}() misses {', '.join(missing)}")
            arrays = [bound.arguments[x] for x in inputs]
            params = {k: bound.arguments[k] for k in options}
            if read and MODE.get().recording and any(isinstance(x, Recorded) and x.node is not None for x in arrays):
                params.update({k: kept(params[k]) for k in read})
            return apply(row, arrays, params)

        return wrapped

    return decorate


def _without_views(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with its result copied where it is a view of an input: changes of that are not to reach it."""

    @functools.wraps(function)
    def computed(*arrays: Any, **options: Any) -> Any:
        out = function(*arrays, **options)
        owner = memory_of(out)
        return out.copy() if any(owner is memory_of(x) for x in arrays if hasattr(x, "dtype")) else out

    return computed

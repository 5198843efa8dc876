"""A user's own differentiable functions, recorded as one node each."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

from .primitives import Primitive
from .record import apply


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
    parameter `xp` receives the backend's functions, so that one definition runs on every backend.

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
        row = Primitive(title, rules, inputs, function, broadcasts=broadcasts, custom=True)

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
            params = {k: bound.arguments[k] for k in options}
            return apply(row, [bound.arguments[x] for x in inputs], params)

        return wrapped

    return decorate

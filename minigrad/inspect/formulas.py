"""The derivative rules of the table, and values, as people write them: for `explain`.

A formula is Python on the names that a rule knows: g (the gradient of the output), out, and the inputs. Where shapes or
ties make a formula say too much, `words` tells what the rule does. At poles, such as 0 * log(0), the rule takes the
limit. The rules themselves are in `minigrad.primitives`.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from ..engine.tape import Node

MOST_IN_FULL = 12  # elements of a value that is shown whole

INFIX = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "matmul": "@", "pow": "**"}

FORMULAS: dict[str, tuple[str, ...]] = {
    "add": ("g", "g"),
    "subtract": ("g", "-g"),
    "multiply": ("g * y", "g * x"),
    "divide": ("g / y", "-g * x / y**2"),
    "negative": ("-g",),
    "pow": ("g * y * x**(y - 1)", "g * out * log(x)"),
    "hypot": ("g * x / out", "g * y / out"),
    "logaddexp": ("g * sigmoid(x - y)", "g * sigmoid(y - x)"),
    "abs": ("g * sign(x)",),
    "square": ("g * 2 * x",),
    "sqrt": ("g / (2 * out)",),
    "reciprocal": ("-g * out**2",),
    "exp": ("g * out",),
    "expm1": ("g * (out + 1)",),
    "log": ("g / x",),
    "log1p": ("g / (x + 1)",),
    "sin": ("g * cos(x)",),
    "cos": ("-g * sin(x)",),
    "tan": ("g * (1 + out**2)",),
    "asin": ("g / sqrt(1 - x**2)",),
    "acos": ("-g / sqrt(1 - x**2)",),
    "atan": ("g / (1 + x**2)",),
    "sinh": ("g * cosh(x)",),
    "cosh": ("g * sinh(x)",),
    "tanh": ("g * (1 - out**2)",),
    "sigmoid": ("g * out * (1 - out)",),
    "softmax": ("out * (g - sum(g * out))",),
    "log_softmax": ("g - exp(out) * sum(g)",),
    "matmul": ("g @ y.T", "x.T @ g"),
    "linear": ("g @ weight", "g.T @ x", "g"),
    "astype": ("g",),
    "broadcast_to": ("g",),
}


class _Unknown:
    """A value that nothing kept."""


UNKNOWN = _Unknown()


def formula_of(node: Node, i: int) -> str | None:
    """The formula of the rule for input i; None where there is none for these shapes."""
    formulas = FORMULAS.get(node.name)
    if formulas is None or i >= len(formulas) or node.primitive.custom:
        return None
    if node.name == "linear" and len(node.shape) != 2:
        return None
    if node.name == "matmul" and not len(node.shape) == len((node.inputs[i] or node).shape) == 2:
        return None
    return formulas[i]


def put_in(formula: str, words: dict[str, str]) -> str:
    """The formula with its names replaced."""
    return re.sub(r"[a-z_]+", lambda match: words.get(match[0], match[0]), formula)


def bracketed(number: str) -> str:
    """A number as it stands in a formula: a minus sign takes brackets."""
    return f"({number})" if number.startswith("-") else number


def value_text(x: Any, node: Node) -> str:
    """A value on one line: in full if it is small, else its first elements."""
    if x is UNKNOWN:
        return "not kept"
    host = np.asarray(node.backend.to_numpy(x) if hasattr(x, "dtype") else x)
    if host.size <= MOST_IN_FULL:
        return _nested(host.tolist())
    return f"[{', '.join(_nested(v) for v in host.reshape(-1)[:4].tolist())}, ...]"


def _nested(values: Any) -> str:
    if isinstance(values, list):
        return f"[{', '.join(map(_nested, values))}]"
    return f"{values + 0.0:.4g}" if isinstance(values, float) else str(values)  # 0.0 is added for the sign of -0.0


def shape_text(shape: tuple[int, ...]) -> str:
    """A shape as a `Tape` shows it: 2x3, or scalar."""
    return "x".join(map(str, shape)) or "scalar"


def index_text(index: Any) -> str:
    """What stood in brackets behind a tensor."""
    if isinstance(index, tuple):
        return ", ".join(map(index_text, index))
    if isinstance(index, slice):
        step = "" if index.step is None else f":{index.step}"
        return f"{'' if index.start is None else index.start}:{'' if index.stop is None else index.stop}{step}"
    if index is Ellipsis:
        return "..."
    return f"indices of shape {index.shape}" if getattr(index, "ndim", 0) else str(index)

"""Products of matrices and tensors."""

from __future__ import annotations

import math
from typing import Any

from .table import primitive

Array = Any
Shape = tuple[int, ...]


def _swap(x: Array, xp: Any) -> Array:
    """The last two axes swapped."""
    n = x.ndim
    return x.T if n == 2 else xp.permute_dims(x, axes=(*range(n - 2), n - 1, n - 2))


def _rows(x: Array, xp: Any) -> Array:
    """All axes but the last made one."""
    return x if x.ndim == 2 else xp.reshape(x, shape=(math.prod(x.shape[:-1]), x.shape[-1]))


def _matmul_left(g: Array, x_shape: Shape, y: Array, xp: Any) -> Array:
    if len(x_shape) == 2 and y.ndim == 2:
        return xp.matmul(g, y.T)
    if y.ndim == 1:  # a column: its axis is missing from g
        y, g = y[:, None], g[..., None]
    if len(x_shape) == 1:  # a row
        return xp.matmul(g[..., None, :], _swap(y, xp))[..., 0, :]
    return xp.matmul(g, _swap(y, xp))


def _matmul_right(g: Array, x: Array, y_shape: Shape, xp: Any) -> Array:
    if x.ndim == 2 and len(y_shape) == 2:
        return xp.product_sum(x, g)
    column = len(y_shape) == 1
    if column:
        g = g[..., None]
    if x.ndim == 1:
        x, g = x[None, :], g[None] if column else g[..., None, :]
    if len(y_shape) <= 2:  # one product instead of a batch of them and a sum
        x, g = _rows(x, xp), _rows(g, xp)
        if not column:
            return xp.product_sum(x, g)
    d = xp.matmul(_swap(x, xp), g)
    return d[..., 0] if column else d


matmul = primitive("matmul", vjp=(_matmul_left, _matmul_right), broadcasts=True)


def _linear_weight(g: Array, x: Array, xp: Any) -> Array:
    return xp.product_sum(_rows(g, xp), _rows(x, xp))


# x @ weight.T + bias, the weight laid out (out_features, in_features); bias may be None.
linear = primitive(
    "linear",
    inputs="x weight bias",
    vjp=(lambda g, weight, xp: xp.matmul(g, weight), _linear_weight, lambda g: g),
    broadcasts=True,
)


def _einsum(g: Array, i: int, xs: tuple[Array, ...], x_shape: tuple[int, ...], subscripts: str, xp: Any) -> Array:
    """The product of g with the other operands, summed to this operand's letters.

    Letters that stand in this operand alone were summed over: along them the gradient is constant.
    """
    terms, result = subscripts.split("->")
    operands = terms.split(",")
    own = operands[i]
    others = [(term, x) for j, (term, x) in enumerate(zip(operands, xs, strict=True)) if j != i]
    present = set(result).union(*(set(term) for term, _ in others))
    reachable = "".join(c for c in own if c in present)
    equation = ",".join([result, *(term for term, _ in others)]) + "->" + reachable
    d = xp.einsum(g, *(x for _, x in others), subscripts=equation)
    if reachable != own:
        sizes = dict(zip(reachable, d.shape, strict=True))
        d = xp.reshape(d, shape=tuple(sizes.get(c, 1) for c in own))
    return d if d.shape == x_shape else _resize(d, x_shape, xp)


def _resize(d: Array, shape: tuple[int, ...], xp: Any) -> Array:
    """Where sizes of 1 met others: stretch axes of size 1 to `shape`, and sum over those for which `shape` has 1."""
    d = xp.broadcast_to(d, shape=tuple(m if n == 1 else n for n, m in zip(d.shape, shape, strict=True)))
    stretched = tuple(i for i, (n, m) in enumerate(zip(d.shape, shape, strict=True)) if n != m)
    return xp.sum(d, axis=stretched, keepdims=True) if stretched else d


# `subscripts` are in explicit form, without ellipsis, and no letter repeats within one operand.
einsum = primitive("einsum", inputs="xs", vjp=_einsum, variadic=True, broadcasts=True)

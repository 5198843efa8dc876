"""Reductions over `axis` (None: all axes; an integer; a tuple) with `keepdims`."""

from __future__ import annotations

from typing import Any

from .table import primitive

Array = Any
Axis = int | tuple[int, ...] | None


def restore(g: Array, axis: Axis, keepdims: bool, shape: tuple[int, ...], xp: Any) -> Array:
    """Stretch the gradient of a reduction back to the shape of its input, by broadcasting."""
    if not keepdims:
        g = xp.reshape(g, shape=kept(axis, shape))
    return xp.broadcast_to(g, shape=shape)


def kept(axis: Axis, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that a reduction of `shape` has with keepdims=True."""
    if axis is None:
        return (1,) * len(shape)
    axes = {a % len(shape) for a in ((axis,) if isinstance(axis, int) else axis)}
    return tuple(1 if i in axes else n for i, n in enumerate(shape))


sum = primitive("sum", vjp=lambda g, x_shape, axis, keepdims, xp: restore(g, axis, keepdims, x_shape, xp))


def _extremum(g: Array, out: Array, x: Array, axis: Axis, keepdims: bool, xp: Any) -> Array:
    """The gradient shared equally between all elements that attain the extremum."""
    if not keepdims:
        shape = kept(axis, x.shape)
        g, out = xp.reshape(g, shape=shape), xp.reshape(out, shape=shape)
    hit = xp.astype(x == out, dtype=x.dtype)
    return hit * (g / xp.sum(hit, axis=axis, keepdims=True))


max = primitive("max", vjp=_extremum)
min = primitive("min", vjp=_extremum)


def _product_of_others(x: Array, axis: Axis, xp: Any) -> Array:
    """For each element the product of the other elements along `axis`, right also where some are zero.

    Built from prod itself (an n x n table with ones on the diagonal), so that it has derivatives of every order.
    """
    ndim = len(x.shape)
    axes = tuple(range(ndim)) if axis is None else tuple(a % ndim for a in ((axis,) if isinstance(axis, int) else axis))
    order = tuple(i for i in range(ndim) if i not in axes) + axes
    lead = tuple(x.shape[i] for i in order[: ndim - len(axes)])
    n = 1
    for a in axes:
        n *= x.shape[a]
    rows = xp.reshape(xp.permute_dims(x, axes=order), shape=(*lead, 1, n))
    others = xp.prod(xp.where(xp.eye_like(x, n), 1, rows), axis=-1, keepdims=False)
    others = xp.reshape(others, shape=tuple(x.shape[i] for i in order))
    return xp.permute_dims(others, axes=tuple(sorted(range(ndim), key=order.__getitem__)))


def _prod(g: Array, x: Array, axis: Axis, keepdims: bool, xp: Any) -> Array:
    return restore(g, axis, keepdims, x.shape, xp) * _product_of_others(x, axis, xp)


prod = primitive("prod", vjp=_prod)


def _logsumexp(g: Array, out: Array, x: Array, axis: Axis, keepdims: bool, xp: Any) -> Array:
    if not keepdims:
        shape = kept(axis, x.shape)
        g, out = xp.reshape(g, shape=shape), xp.reshape(out, shape=shape)
    return g * xp.exp(x - out)


logsumexp = primitive("logsumexp", vjp=_logsumexp, floats=True)


def _cumulative_sum(g: Array, axis: int, xp: Any) -> Array:
    return xp.flip(xp.cumulative_sum(xp.flip(g, axis=axis), axis=axis), axis=axis)


cumulative_sum = primitive("cumulative_sum", vjp=_cumulative_sum)

for _name in "any all argmax argmin argsort count_nonzero".split():
    primitive(_name, inputs="x")

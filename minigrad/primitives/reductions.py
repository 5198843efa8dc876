"""Reductions over `axis` (None: all axes; an integer; a tuple) with `keepdims`."""

from __future__ import annotations

import math
from typing import Any

from .table import primitive

Array = Any
Axis = int | tuple[int, ...] | None

# The smallest positive numbers of full precision.
SMALLEST = {"float16": 2.0**-14, "bfloat16": 2.0**-126, "float32": 2.0**-126, "float64": 2.0**-1022}


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


def _prod(g: Array, out: Array, x: Array, axis: Axis, keepdims: bool, xp: Any) -> Array:
    """g times the product of the other elements: of those before and of those after, right also where some are zero.

    Where one of the two leaves the range of its type, though the product of all is in it, that is divided by x instead.
    """
    ndim = len(x.shape)
    axes = tuple(range(ndim)) if axis is None else tuple(a % ndim for a in ((axis,) if isinstance(axis, int) else axis))
    order = tuple(i for i in range(ndim) if i not in axes) + axes
    shape = tuple(x.shape[i] for i in order)
    rows = xp.reshape(
        xp.permute_dims(x, axes=order), shape=(*shape[: ndim - len(axes)], math.prod(x.shape[a] for a in axes))
    )
    g, out = (xp.reshape(t, shape=(*rows.shape[:-1], 1)) for t in (g, out))
    before = _before(rows, xp)
    after = xp.flip(_before(xp.flip(rows, axis=-1), xp), axis=-1)
    lost = (abs(out) > 0) & (abs(out) < math.inf) & ~(_in_range(before) & _in_range(after))
    others = xp.where(lost, out / xp.where(lost, rows, 1), xp.where(lost, 1, before) * xp.where(lost, 1, after))
    d = xp.reshape(g * others, shape=shape)
    return xp.permute_dims(d, axes=tuple(sorted(range(ndim), key=order.__getitem__)))


def _before(x: Array, xp: Any) -> Array:
    """For each element of a row the product of those before it; 1 for the first."""
    widths = (*((0, 0),) * (len(x.shape) - 1), (1, 0))
    products = xp.cumulative_prod(x[..., :-1], axis=len(x.shape) - 1)
    return xp.pad(products, widths=widths, value=1) if x.shape[-1] else x


def _in_range(x: Array) -> Array:
    """Whether numbers have neither overflowed nor lost digits to underflow."""
    return (abs(x) >= SMALLEST[x.dtype.name]) & (abs(x) < math.inf)


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


def _cumulative_prod(g: Array, x: Array, axis: int, xp: Any) -> Array:
    """The product of the elements before x_i, times s_i = g_i + x_(i+1) s_(i+1): no division, so right at zeros too."""
    n = len(x.shape)
    order = (*(i for i in range(n) if i != axis), axis)
    x, g = xp.permute_dims(x, axes=order), xp.permute_dims(g, axes=order)
    slopes = xp.flip(_recurrence(xp.flip(x[..., 1:], axis=n - 1), xp.flip(g, axis=n - 1), xp), axis=n - 1)
    return xp.permute_dims(_before(x, xp) * slopes, axes=tuple(sorted(range(n), key=order.__getitem__)))


def _recurrence(a: Array, b: Array, xp: Any) -> Array:
    """y_0 = b_0 and y_i = a_(i-1) y_(i-1) + b_i along the last axis, of which a has one element less than b.

    Two steps make one of the same kind, so half as many steps give every second y, and those between follow from them
    (Blelloch, Prefix sums and their applications, 1990): linear in time and memory, in few large operations.
    """
    n = b.shape[-1]
    if n < 2:
        return b
    half = n // 2
    at_even, at_odd = a[..., ::2], a[..., 1::2]
    odd = _recurrence(at_even[..., 1:] * at_odd[..., : half - 1], at_even * b[..., : 2 * half : 2] + b[..., 1::2], xp)
    ahead = ((0, 0),) * (len(b.shape) - 1)
    even = xp.pad(at_odd * odd[..., : (n - 1) // 2], widths=(*ahead, (1, 0)), value=0) + b[..., ::2]
    if n % 2:
        odd = xp.pad(odd, widths=(*ahead, (0, 1)), value=0)
    return xp.reshape(xp.stack(even, odd, axis=len(b.shape)), shape=(*b.shape[:-1], n + n % 2))[..., :n]


cumulative_prod = primitive("cumulative_prod", vjp=_cumulative_prod)

for _name in "any all argmax argmin argsort count_nonzero".split():
    primitive(_name, inputs="x")

# The places at which `values` would be put into the ordered vector x, before ("left") or after ("right") its equals.
primitive("searchsorted", inputs="x values", broadcasts=True)

"""Reductions: over `axis` (None: all axes; an integer; a tuple of integers), with `keepdims`."""

from __future__ import annotations

import math
from typing import Any

from .. import dtypes
from ..engine.record import apply
from ..primitives import PRIMITIVES, Primitive
from ..tensors.tensor import Tensor
from .arguments import Axis, as_tensor, flag, normal_axes, normal_axis, one_axis
from .precision import in_float32


def _reduce(row: Primitive, x: Any, axis: Any, keepdims: bool) -> Tensor:
    x = as_tensor(x)
    axis = normal_axes(axis, x.ndim, row.name)
    if axis == ():  # nothing to reduce over, NumPy's meaning of an empty tuple: each element by itself, on an axis more
        return apply(row, (x[..., None],), {"axis": x.ndim, "keepdims": False})
    return apply(row, (x,), {"axis": axis, "keepdims": flag(keepdims, row.name, "keepdims")})


def _accumulate(row: Primitive, x: Any, axis: Any, keepdims: bool, dtype: Any) -> Tensor:
    """A reduction whose elements are converted to `dtype` first, and whose result has it."""
    if dtype is None:
        return _reduce(row, x, axis, keepdims)
    return _reduce(row, as_tensor(x).astype(dtype), axis, keepdims).astype(dtype)


def sum(x: Any, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Tensor:
    """The sum of the elements; integers and truth values add up to int64, unsigned ones to uint64.

    With `dtype` the elements are converted to it first, and the sum has it.
    """
    return _accumulate(PRIMITIVES["sum"], x, axis, keepdims, dtype)


def prod(x: Any, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Tensor:
    """The product of the elements; types as in `sum`.

    The gradient is the product of the others, also where some are zero or infinite.
    """
    return _accumulate(PRIMITIVES["prod"], x, axis, keepdims, dtype)


def max(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The largest element; NaN if there is one. Equal maxima share the gradient."""
    return _reduce(PRIMITIVES["max"], x, axis, keepdims)


def min(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The smallest element; NaN if there is one. Equal minima share the gradient."""
    return _reduce(PRIMITIVES["min"], x, axis, keepdims)


def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """log(sum(exp(x))) without overflow."""
    return _reduce(PRIMITIVES["logsumexp"], x, axis, keepdims)


def any(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Whether some element is non-zero."""
    return _reduce(PRIMITIVES["any"], x, axis, keepdims)


def all(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Whether every element is non-zero."""
    return _reduce(PRIMITIVES["all"], x, axis, keepdims)


def count_nonzero(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The number of non-zero elements."""
    return _reduce(PRIMITIVES["count_nonzero"], x, axis, keepdims)


def _count(x: Tensor, axis: Axis) -> int:
    if axis is None:
        return x.size
    return math.prod(x.shape[a] for a in ((axis,) if isinstance(axis, int) else axis))


def _over(total: Tensor, n: float) -> Tensor:
    """total / n, which is rounded once, unlike total * (1 / n); NaN for n <= 0."""
    return total / n if n > 0 else total * math.nan


@in_float32
def mean(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The mean of the elements; of integers, as the default float. Of no elements it is NaN."""
    x = as_tensor(x)
    if not dtypes.is_float(x.dtype):
        x = x.astype(dtypes.DEFAULT_FLOAT)
    axis = normal_axes(axis, x.ndim, "mean")
    return _over(sum(x, axis, keepdims), _count(x, axis))


@in_float32
def var(x: Any, axis: Any = None, correction: float = 0, keepdims: bool = False) -> Tensor:
    """The variance: squared distances from the mean, summed and divided by n - correction.

    `correction` is 0 as in the array API standard and NumPy; 1 gives the unbiased estimate (PyTorch's default).
    Where an element is infinite the gradient of all is NaN.
    """
    x = as_tensor(x)
    axis = normal_axes(axis, x.ndim, "var")
    away = x - mean(x, axis, keepdims=True)
    return _over(sum(away * away, axis, keepdims), _count(x, axis) - correction)


@in_float32
def std(x: Any, axis: Any = None, correction: float = 0, keepdims: bool = False) -> Tensor:
    """The standard deviation, the root of `var`. Where it is 0 its gradient is taken as 0."""
    v = var(x, axis, correction, keepdims)
    flat = v.detach() == 0
    safe = apply(PRIMITIVES["where"], (flat, 1, v))
    return apply(PRIMITIVES["where"], (flat, 0, apply(PRIMITIVES["sqrt"], (safe,))))


def argmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The position of the (first) largest element along an axis, or in the flattened tensor."""
    return _position("argmax", x, axis, keepdims)


def argmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The position of the (first) smallest element along an axis, or in the flattened tensor."""
    return _position("argmin", x, axis, keepdims)


def _position(name: str, x: Any, axis: int | None, keepdims: bool) -> Tensor:
    x = as_tensor(x)
    axis = None if axis is None else normal_axis(axis, x.ndim, name)
    return apply(PRIMITIVES[name], (x,), {"axis": axis, "keepdims": flag(keepdims, name, "keepdims")})


def cumulative_sum(x: Any, axis: int | None = None, include_initial: bool = False, dtype: Any = None) -> Tensor:
    """The sums of the first 1, 2, ... elements along `axis` (may be left out if there is one axis only).

    With `include_initial` they start with the sum of no elements, zero. Types as in `sum`.
    """
    return _scan("cumulative_sum", x, axis, include_initial, 0, dtype)


def cumulative_prod(x: Any, axis: int | None = None, include_initial: bool = False, dtype: Any = None) -> Tensor:
    """The products of the first 1, 2, ... elements along `axis` (may be left out if there is one axis only).

    With `include_initial` they start with the product of no elements, one. Types as in `sum`.
    """
    return _scan("cumulative_prod", x, axis, include_initial, 1, dtype)


def _scan(name: str, x: Any, axis: int | None, include_initial: bool, initial: int, dtype: Any) -> Tensor:
    x = as_tensor(x)
    axis = one_axis(axis, x, name)
    if dtype is not None:
        x = x.astype(dtype)
    out = apply(PRIMITIVES[name], (x,), {"axis": axis})
    if dtype is not None:
        out = out.astype(dtype)
    if flag(include_initial, name, "include_initial"):
        widths = tuple((1 if i == axis else 0, 0) for i in range(x.ndim))
        out = apply(PRIMITIVES["pad"], (out,), {"widths": widths, "value": initial})
    return out

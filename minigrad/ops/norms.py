"""Norms of vectors and matrices, and the cross product."""

from __future__ import annotations

import math
from typing import Any

from .. import dtypes
from ..advice.missing import with_keywords
from ..tensors.tensor import Tensor
from .arguments import INTEGERS, as_tensor, flag, normal_axes, normal_axis, one_of
from .elementwise import abs, where
from .precision import in_float32
from .reductions import max, min, sum
from .shaping import moveaxis, reshape, stack

Order = Any  # a number, "fro", "nuc", or None


@with_keywords
@in_float32
def vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: float = 2) -> Tensor:
    """The norm sum(|x|**ord)**(1/ord) of vectors along `axis`, or of all elements.

    Args:
        x: a tensor; integers become the default float.
        axis: one axis or several, over which the elements are one vector; None: all.
        keepdims: keep these axes, with size 1.
        ord: the exponent; inf and -inf give the largest and the smallest size, 0 the number of elements that are not 0.

    Where a norm is 0, and at elements that are 0, the gradient is taken as 0, as in PyTorch.
    """
    x = _floating(x)
    axis = normal_axes(axis, x.ndim, "vector_norm")
    if ord == 0:
        return sum((x != 0).astype(x.dtype), axis, keepdims)
    if ord == 1:
        return sum(abs(x), axis, keepdims)
    if math.isinf(ord):
        return (max if ord > 0 else min)(abs(x), axis, keepdims)
    if ord == 2:
        return _root(sum(x * x, axis, keepdims), 0.5)
    zero = x == 0
    powers = where(zero, 0.0 if ord > 0 else math.inf, where(zero, 1.0, abs(x)) ** ord)
    return _root(sum(powers, axis, keepdims), 1 / ord)


@with_keywords
@in_float32
def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Order = "fro", axis: tuple[int, int] = (-2, -1)) -> Tensor:
    """The norm of matrices over two axes, the last ones by default.

    Args:
        x: a tensor of at least two axes.
        keepdims: keep the two axes, with size 1.
        ord: "fro" for the root of the sum of squares; 1 or -1 for the largest or smallest sum of sizes of a column; inf
            or -inf for those of a row.
        axis: the axes of rows and of columns.

    Raises NotImplementedError for 2, -2 and "nuc", which need singular values.
    """
    x = _floating(x)
    rows, columns = (normal_axis(a, x.ndim, "matrix_norm") for a in axis)
    if rows == columns:
        raise ValueError(f"matrix_norm: {axis} names one axis twice")
    if ord == "fro":
        return vector_norm(x, axis=(rows, columns), keepdims=keepdims)
    if ord in ("nuc", 2, -2):
        raise NotImplementedError(f"matrix_norm: ord={ord!r} needs singular values, which minigrad does not compute")
    one_of(ord, ("fro", 1, -1, math.inf, -math.inf), "matrix_norm: ord")
    along, across = (rows, columns) if ord in (1, -1) else (columns, rows)
    sums = sum(abs(x), along, keepdims=True)
    out = (max if ord > 0 else min)(sums, across, keepdims=True)
    if flag(keepdims, "matrix_norm", "keepdims"):
        return out
    return reshape(out, tuple(n for i, n in enumerate(x.shape) if i not in (rows, columns)))


@with_keywords
def norm(x: Any, ord: Order = None, axis: Any = None, keepdims: bool = False) -> Tensor:
    """A norm of vectors or matrices: of vectors for one axis, of matrices for two, see `vector_norm`, `matrix_norm`.

    Without an axis x itself is the vector or matrix; if `ord` is left out too, it may have any number of axes and is
    one vector.
    """
    x = as_tensor(x)
    if axis is None:
        if ord is None:
            return vector_norm(x, keepdims=keepdims)
        if x.ndim not in (1, 2):
            raise ValueError(f"norm: ord={ord!r} is for vectors and matrices, shape {x.shape} needs an axis")
        axis = tuple(range(x.ndim))
    axes = (axis,) if isinstance(axis, INTEGERS) else tuple(axis)
    if len(axes) == 2:
        return matrix_norm(x, keepdims=keepdims, ord="fro" if ord is None else ord, axis=axes)
    if len(axes) != 1:
        raise ValueError(f"norm: vectors have one axis and matrices two, not {len(axes)}: {axis}")
    return vector_norm(x, axis=axes[0], keepdims=keepdims, ord=2 if ord is None else ord)


@in_float32
def cross(x: Any, y: Any, axis: int = -1) -> Tensor:
    """The cross product of vectors of three elements along `axis`; the other axes broadcast."""
    x, y = as_tensor(x), as_tensor(y)
    for t in (x, y):
        if t.shape[normal_axis(axis, t.ndim, "cross")] != 3:
            raise ValueError(f"cross: vectors have three elements, not shapes {x.shape} and {y.shape}")
    a, b = moveaxis(x, axis, -1), moveaxis(y, axis, -1)
    (a0, a1, a2), (b0, b1, b2) = ((t[..., 0], t[..., 1], t[..., 2]) for t in (a, b))
    out = stack([a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, a0 * b1 - a1 * b0], axis=-1)
    return moveaxis(out, -1, axis)


def _floating(x: Any) -> Tensor:
    x = as_tensor(x)
    return x if dtypes.is_float(x.dtype) else x.astype(dtypes.DEFAULT_FLOAT)


def _root(x: Tensor, power: float) -> Tensor:
    """x**power of what is not negative; where it is 0 or infinite, its slope is taken as 0."""
    flat = x.detach()
    edge = (flat == 0) | (flat == math.inf)
    root = where(edge, 1.0, x) ** power
    return where(edge, flat**power, root)

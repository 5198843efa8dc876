"""Sums over long axes that keep their digits.

NumPy adds pairwise along the axis that is contiguous in memory, and one after the other along the others: in a million
rows of float32 each addition then rounds a number a million times as large as the term. Here no more than FEW terms are
added one after the other. Of more, the sums of blocks are added, and so on: the error grows as the logarithm of the
number of terms (Higham, The accuracy of floating point summation, 1993). It takes about as long as NumPy's way, and for
narrow rows, which are laid side by side first, a tenth of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Array = Any

FEW = 512  # terms that may be added one after the other
BLOCK = 32  # terms of a block, where there are more
LONG = 1 << 12  # elements; the sum of fewer is NumPy's
LONG_DOT, PIECE = 1 << 17, 1 << 11  # elements of vectors whose product is taken in pieces, and of a piece
WIDE = 512  # elements in a row, from which on NumPy's overhead for each row is not felt
NEAR = 1 << 14  # elements that stay in a cache while others are added to them


def long_sum(x: Array, axis: Any, keepdims: bool) -> Array:
    """The sum of a float array over `axis` (None, an integer or a tuple), as `x.sum` gives it, but for the rounding."""
    ndim, shape = x.ndim, x.shape
    if axis is None:
        axes: Sequence[int] = range(ndim)
    else:
        axes = [a % ndim for a in axis] if isinstance(axis, tuple) else (axis % ndim,)
    terms = 1
    for a in axes:
        terms *= shape[a]
    if terms <= FEW or (len(axes) == ndim and x.flags.forc):
        return x.sum(axis=axis, keepdims=keepdims)
    if x.flags.c_contiguous and max(axes) < len(axes):  # the first axes: a sum of rows
        out = _along(x.reshape(terms, -1), 0)
        return out.reshape((1,) * len(axes) + shape[len(axes) :] if keepdims else shape[len(axes) :])
    strides = x.strides
    order = sorted(range(ndim), key=lambda a: -abs(strides[a]))  # as they lie in memory, the innermost last
    rest = [a for a in order if a not in axes]
    out, summed = _merged(x.transpose(order), [a in axes for a in order])
    for i in reversed(range(out.ndim)):
        if summed[i]:
            out = out.sum(axis=i) if i == len(summed) - 1 else _along(out, i)
    out = np.asarray(out).reshape([shape[a] for a in rest]).transpose(np.argsort(rest))
    return out.reshape([1 if a in axes else n for a, n in enumerate(shape)]) if keepdims else out


def _merged(x: Array, summed: list[bool]) -> tuple[Array, list[bool]]:
    """A view of x in which neighbouring axes of one kind are one, where they lie in memory without gaps."""
    sizes: list[int] = []
    kinds: list[bool] = []
    last = 0
    for n, stride, kind in zip(x.shape, x.strides, summed, strict=True):
        if sizes and kinds[-1] == kind and last == n * stride:
            sizes[-1] *= n
        else:
            sizes.append(n)
            kinds.append(kind)
        last = stride
    return x.reshape(sizes), kinds


def _along(x: Array, axis: int) -> Array:
    """The sum over an axis that is not the innermost."""
    n, width = x.shape[axis], x.shape[-1]
    if n <= 2 * BLOCK:
        return x.sum(axis=axis)
    before, after = x.shape[:axis], x.shape[axis + 1 :]
    start: tuple[slice, ...] = (slice(None),) * axis
    dense = axis == x.ndim - 2 and x.strides[-2:] == (width * x.itemsize, x.itemsize)
    beside = min(max(WIDE // width, min(n // BLOCK, NEAR // width)), n // 2) if dense and width else 0
    if beside > 1:  # rows laid side by side: one addition of long rows does as many of short ones
        whole = n - n % beside
        wide = x[(*start, slice(whole))].reshape(*before, whole // beside, beside * width)
        out = _along(_along(wide, axis).reshape(*before, beside, width), axis)
    else:
        count = -(-n // BLOCK)
        whole = n - n % count
        blocks = x[(*start, slice(whole))].reshape(*before, count, whole // count, *after)
        out = _along(blocks.sum(axis=axis + 1), axis)
    if whole < n:
        out += x[(*start, slice(whole, None))].sum(axis=axis)
    return out


def long_dot(lib: Any, x: Array, y: Array) -> Array:
    """The dot product of two long vectors, in pieces: BLAS keeps a few running sums from end to end."""
    n = x.size - x.size % PIECE
    pieces = lib.matmul(x[:n].reshape(-1, 1, PIECE), y[:n].reshape(-1, PIECE, 1))
    return pieces.sum() + x[n:].dot(y[n:])

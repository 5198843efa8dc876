"""Numba kernels of layer normalisation, over the rows of C-contiguous matrices with at least one column.

See `numba_math` for why a sum is written with `accumulate`.
"""

from __future__ import annotations

import math

from numba import njit

from .numba_compile import kernel
from .numba_math import INLINE, accumulate


@njit(**INLINE)
def row_moments(x, i, eps):
    """The mean of row i and 1 / sqrt(variance + eps)."""
    n = x.dtype.type(x.shape[1])
    total = x.dtype.type(0)
    for j in range(x.shape[1]):
        total = accumulate(total, x[i, j])
    mean = total / n
    squares = x.dtype.type(0)
    for j in range(x.shape[1]):
        centred = x[i, j] - mean
        squares = accumulate(squares, centred * centred)
    return mean, x.dtype.type(1) / math.sqrt(squares / n + x.dtype.type(eps))


@kernel("matrix number matrix")
def standardize(x, eps, out):
    """x, out: (N, C)."""
    for i in range(x.shape[0]):
        mean, inverse = row_moments(x, i, eps)
        for j in range(x.shape[1]):
            out[i, j] = (x[i, j] - mean) * inverse


@kernel("matrix weight weight number matrix")
def layer_norm(x, weight, bias, eps, out):
    """x, out: (N, C), weight: (C,), bias: (C,), or (0,) for none."""
    for i in range(x.shape[0]):
        mean, inverse = row_moments(x, i, eps)
        if bias.size == 0:
            for j in range(x.shape[1]):
                out[i, j] = (x[i, j] - mean) * inverse * weight[j]
        else:
            for j in range(x.shape[1]):
                out[i, j] = (x[i, j] - mean) * inverse * weight[j] + bias[j]


@kernel("matrix matrix number matrix")
def layer_norm_vjp(g, x, eps, out):
    """g, x, out: (N, C)."""
    n = x.dtype.type(x.shape[1])
    for i in range(x.shape[0]):
        mean, inverse = row_moments(x, i, eps)
        total = x.dtype.type(0)
        dot = x.dtype.type(0)
        for j in range(x.shape[1]):
            total = accumulate(total, g[i, j])
            dot = accumulate(dot, g[i, j] * ((x[i, j] - mean) * inverse))
        mean_g, mean_dot = total / n, dot / n
        for j in range(x.shape[1]):
            unit = (x[i, j] - mean) * inverse
            out[i, j] = (g[i, j] - mean_g - unit * mean_dot) * inverse

"""Numba kernels of layer normalisation, over the rows of C-contiguous matrices with at least one column.

See `math.py` for why a sum is written with `accumulate`.
"""

from __future__ import annotations

import math

from numba import njit

from .compile import kernel
from .math import CHUNK, INLINE, accumulate, row_sum


@njit(**INLINE)
def row_moments(x, i, eps):
    """The mean of row i and 1 / sqrt(variance + eps)."""
    real, n = x.dtype.type, x.shape[1]
    mean = real(row_sum(x, i) / n)
    squares = 0.0
    for start in range(0, n, CHUNK):
        part = real(0)
        for j in range(start, min(start + CHUNK, n)):
            centred = x[i, j] - mean
            part = accumulate(part, centred * centred)
        squares += part
    return mean, real(1) / math.sqrt(real(squares / n) + real(eps))


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
    real, n = x.dtype.type, x.shape[1]
    for i in range(x.shape[0]):
        mean, inverse = row_moments(x, i, eps)
        total, dot = 0.0, 0.0
        for start in range(0, n, CHUNK):
            part, part_dot = real(0), real(0)
            for j in range(start, min(start + CHUNK, n)):
                part = accumulate(part, g[i, j])
                part_dot = accumulate(part_dot, g[i, j] * ((x[i, j] - mean) * inverse))
            total += part
            dot += part_dot
        mean_g, mean_dot = real(total / n), real(dot / n)
        for j in range(x.shape[1]):
            unit = (x[i, j] - mean) * inverse
            out[i, j] = (g[i, j] - mean_g - unit * mean_dot) * inverse

"""Numba kernels over flat arrays: dropout, scatter-add, one-hot vectors, optimizer steps.

All take C-contiguous arrays; those of floats share one type, float32 or float64. Scalars come as Python floats
and are rounded to that type once. See `numba_kernels` for how the kernels are compiled.
"""

from __future__ import annotations

import math

from .numba_kernels import kernel


@kernel
def dropout(x, mask, scale, out):
    """x, mask, out: (N,). Multiplies by 0 instead of writing 0, as the other backends do: NaN stays NaN."""
    scale = x.dtype.type(scale)
    for i in range(x.size):
        out[i] = x[i] * x.dtype.type(mask[i]) * scale


# --- writing at indices -------------------------------------------------------------------------------------


@kernel
def in_range(index, n):
    """Whether all of index (N,) are in -n..n-1."""
    outside = 0
    for i in range(index.size):
        outside += index[i] < -n or index[i] >= n
    return outside == 0


@kernel
def add_rows(x, index, values):
    """x[index[i]] += values[i] for x: (M, D), index: (N,) in range, values: (N, D)."""
    n = x.shape[0]
    for i in range(index.size):
        row = index[i]
        row = row + n if row < 0 else row
        for j in range(x.shape[1]):
            x[row, j] += values[i, j]


@kernel
def one_hot(index, out):
    """Write 1 at out[i, index[i]] where there is such a place; index: (N,), out: (N, C), full of zeros."""
    for i in range(index.size):
        if 0 <= index[i] < out.shape[1]:
            out[i, index[i]] = 1


# --- optimizer steps ----------------------------------------------------------------------------------------


@kernel
def sgd(p, g, lr, weight_decay):
    """p, g: (N,)."""
    lr, decay = p.dtype.type(lr), p.dtype.type(weight_decay)
    for i in range(p.size):
        slope = g[i]
        if weight_decay != 0:
            slope += decay * p[i]
        p[i] -= lr * slope


@kernel
def sgd_momentum(p, g, velocity, lr, momentum, dampening, nesterov, weight_decay):
    """p, g, velocity: (N,)."""
    lr, decay, share = p.dtype.type(lr), p.dtype.type(weight_decay), p.dtype.type(1 - dampening)
    momentum = p.dtype.type(momentum)
    for i in range(p.size):
        slope = g[i]
        if weight_decay != 0:
            slope += decay * p[i]
        v = velocity[i] * momentum + share * slope
        velocity[i] = v
        p[i] -= lr * (slope + momentum * v if nesterov else v)


@kernel
def adam(p, g, m, v, beta1, beta2, eps, decay, shrink, rate, correction):
    """p, g, m, v: (N,). p is multiplied by `shrink`, `decay` times p added to the gradient, and then

    m += (1 - beta1) (g - m), v = beta2 v + (1 - beta2) g^2, p -= rate * m / (correction * sqrt(v) + eps).
    """
    real = p.dtype.type
    shrink_, decay_, eps, rate = real(shrink), real(decay), real(eps), real(rate)
    share1, beta2_, share2, correction = real(1 - beta1), real(beta2), real(1 - beta2), real(correction)
    for i in range(p.size):
        w = p[i]
        slope = g[i]
        if shrink != 1:
            w *= shrink_
        if decay != 0:
            slope += decay_ * w
        first = m[i] + share1 * (slope - m[i])
        second = v[i] * beta2_ + share2 * (slope * slope)
        m[i] = first
        v[i] = second
        p[i] = w - rate * (first / (math.sqrt(second) * correction + eps))

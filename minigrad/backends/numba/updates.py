"""Numba kernels of optimizer steps, in place, over grids (see `grid.py`).

Scalars come as Python floats and are rounded to the arrays' type once. A kernel returns whether its arrays are grids of
one shape and of aligned elements. If not, it has written nothing.
"""

from __future__ import annotations

import math

from .compile import kernel
from .grid import fits, gapless, row


@kernel("grid grid number number")
def sgd(p, g, lr, weight_decay):
    """See `Backend.sgd_step`."""
    if not (fits(p, p.shape) and fits(g, p.shape)):
        return False
    lr, decay = p.dtype.type(lr), p.dtype.type(weight_decay)
    n, m = (1, p.size) if gapless(p) and gapless(g) else p.shape
    for i in range(n):
        p_i, g_i = row(p, i, m), row(g, i, m)
        for j in range(m):
            slope = g_i[j]
            if weight_decay != 0:
                slope += decay * p_i[j]
            p_i[j] -= lr * slope
    return True


@kernel("grid grid grid number number number flag number")
def sgd_momentum(p, g, velocity, lr, momentum, share, nesterov, weight_decay):
    """See `Backend.sgd_step`; share = 1 - dampening."""
    if not (fits(p, p.shape) and fits(g, p.shape) and fits(velocity, p.shape)):
        return False
    lr, decay, share = p.dtype.type(lr), p.dtype.type(weight_decay), p.dtype.type(share)
    momentum = p.dtype.type(momentum)
    n, m = (1, p.size) if gapless(p) and gapless(g) and gapless(velocity) else p.shape
    for i in range(n):
        p_i, g_i, velocity_i = row(p, i, m), row(g, i, m), row(velocity, i, m)
        for j in range(m):
            slope = g_i[j]
            if weight_decay != 0:
                slope += decay * p_i[j]
            v = velocity_i[j] * momentum + share * slope
            velocity_i[j] = v
            p_i[j] -= lr * (slope + momentum * v if nesterov else v)
    return True


@kernel("grid grid grid grid number number number number number number number number")
def adam(p, g, m, v, share1, beta2, share2, eps, decay, shrink, rate, correction):
    """p is multiplied by `shrink`, `decay` times p added to the gradient, and then

    m += share1 (g - m), v = beta2 v + share2 g^2, p -= rate * m / (correction * sqrt(v) + eps)

    with share1 = 1 - beta1 and share2 = 1 - beta2.
    """
    if not (fits(p, p.shape) and fits(g, p.shape) and fits(m, p.shape) and fits(v, p.shape)):
        return False
    real = p.dtype.type
    shrink_, decay_, eps, rate = real(shrink), real(decay), real(eps), real(rate)
    share1, beta2_, share2, correction = real(share1), real(beta2), real(share2), real(correction)
    rows, columns = (1, p.size) if gapless(p) and gapless(g) and gapless(m) and gapless(v) else p.shape
    for i in range(rows):
        p_i, g_i, m_i, v_i = row(p, i, columns), row(g, i, columns), row(m, i, columns), row(v, i, columns)
        for j in range(columns):
            w = p_i[j]
            slope = g_i[j]
            if shrink != 1:
                w *= shrink_
            if decay != 0:
                slope += decay_ * w
            first = m_i[j] + share1 * (slope - m_i[j])
            second = v_i[j] * beta2_ + share2 * (slope * slope)
            m_i[j] = first
            v_i[j] = second
            p_i[j] = w - rate * (first / (math.sqrt(second) * correction + eps))
    return True

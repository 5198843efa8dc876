"""Numba kernels of element-wise functions, over grids (see `grid.py`).

A kernel returns whether its arrays are grids of one shape and of aligned elements. If not, it has written nothing. The
gradients also take a few elements in any layout, such as those of a sum, which are one number broadcast.
"""

from __future__ import annotations

from numba import njit

from .compile import kernel
from .grid import fits, gapless, is_few, row
from .math import INLINE, choose, unit
from .math import erf as erf_of
from .math import sigmoid as sigmoid_of


@njit(**INLINE)
def unary(function, x, out):
    """out = function(x)."""
    if not (fits(x, out.shape) and fits(out, out.shape)):
        return False
    n, m = (1, out.size) if gapless(x) and gapless(out) else out.shape
    for i in range(n):
        x_i, out_i = row(x, i, m), row(out, i, m)
        for j in range(m):
            out_i[j] = function(x_i[j])
    return True


@njit(**INLINE)
def gradient(rule, g, y, out):
    """out = rule(g, y)."""
    if not (fits(g, out.shape) and fits(y, out.shape) and fits(out, out.shape)):
        if not (is_few(g, out.shape) and is_few(y, out.shape) and is_few(out, out.shape)):
            return False
        for i in range(out.shape[0]):
            for j in range(out.shape[1]):
                out[i, j] = rule(g[i, j], y[i, j])
        return True
    n, m = (1, out.size) if gapless(g) and gapless(y) and gapless(out) else out.shape
    for i in range(n):
        g_i, y_i, out_i = row(g, i, m), row(y, i, m), row(out, i, m)
        for j in range(m):
            out_i[j] = rule(g_i[j], y_i[j])
    return True


@njit(**INLINE)
def sigmoid_rule(g, y):
    return g * (y * (unit(y) - y))


@njit(**INLINE)
def tanh_rule(g, y):
    return g * (unit(y) - y * y)


@kernel("grid grid")
def sigmoid(x, out):
    """1 / (1 + exp(-x))."""
    return unary(sigmoid_of, x, out)


@kernel("grid grid")
def erf(x, out):
    """The error function."""
    return unary(erf_of, x, out)


@kernel("grid grid grid")
def sigmoid_vjp(g, y, out):
    """g * y * (1 - y)."""
    return gradient(sigmoid_rule, g, y, out)


@kernel("grid grid grid")
def tanh_vjp(g, y, out):
    """g * (1 - y^2)."""
    return gradient(tanh_rule, g, y, out)


@kernel("grid mask grid number")
def dropout(x, mask, out, scale):
    """x * scale where the mask is true, else 0, also where x is infinite or NaN."""
    if not (fits(x, out.shape) and fits(mask, out.shape) and fits(out, out.shape)):
        return False
    real = x.dtype.type
    scale, zero = real(scale), real(0)
    n, m = (1, out.size) if gapless(x) and gapless(mask) and gapless(out) else out.shape
    for i in range(n):
        x_i, mask_i, out_i = row(x, i, m), row(mask, i, m), row(out, i, m)
        for j in range(m):
            out_i[j] = choose(mask_i[j], x_i[j] * scale, zero)
    return True

"""Numba kernels of softmax and its losses, over the rows of C-contiguous matrices with at least one column.

Kernels write to `out`, which shares its float type with the other arrays. See `math.py` for why a sum is written
with `accumulate`.
"""

from __future__ import annotations

import math

from numba import njit

from .compile import kernel
from .math import CHUNK, INLINE, accumulate, bits_of, exp, float_of, order_key, row_sum

# --- softmax ------------------------------------------------------------------------------------------------


@njit(**INLINE)
def row_max(x, i):
    """The largest value of row i.

    A NaN may be passed over (one with its sign bit set sorts first); who uses the result must meet it again.
    """
    top = order_key(bits_of(x[i, 0]))
    for j in range(1, x.shape[1]):
        key = order_key(bits_of(x[i, j]))
        top = key if key > top else top
    return float_of(order_key(top))


@njit(**INLINE)
def row_sum_exp(x, i, shift):
    """The sum of exp(x - shift) over row i."""
    total, n = 0.0, x.shape[1]
    for start in range(0, n, CHUNK):
        part = x.dtype.type(0)
        for j in range(start, min(start + CHUNK, n)):
            part = accumulate(part, exp(x[i, j] - shift))
        total += part
    return x.dtype.type(total)


@njit(**INLINE)
def row_exp(x, i, shift, out):
    """Write exp(x - shift) of row i, and return its sum."""
    total, n = 0.0, x.shape[1]
    for start in range(0, n, CHUNK):
        part = x.dtype.type(0)
        for j in range(start, min(start + CHUNK, n)):
            e = exp(x[i, j] - shift)
            out[i, j] = e
            part = accumulate(part, e)
        total += part
    return x.dtype.type(total)


@kernel("matrix matrix")
def softmax(x, out):
    """x, out: (N, C)."""
    for i in range(x.shape[0]):
        inverse = x.dtype.type(1) / row_exp(x, i, row_max(x, i), out)
        for j in range(x.shape[1]):
            out[i, j] *= inverse


@kernel("matrix matrix matrix")
def softmax_vjp(g, y, out):
    """g, y, out: (N, C), y being the softmax."""
    real, n = g.dtype.type, g.shape[1]
    for i in range(g.shape[0]):
        total = 0.0
        for start in range(0, n, CHUNK):
            part = real(0)
            for j in range(start, min(start + CHUNK, n)):
                part = accumulate(part, g[i, j] * y[i, j])
            total += part
        dot = real(total)
        for j in range(n):
            out[i, j] = y[i, j] * (g[i, j] - dot)


@kernel("matrix matrix")
def log_softmax(x, out):
    """x, out: (N, C)."""
    for i in range(x.shape[0]):
        top = row_max(x, i)
        log_sum = math.log(row_sum_exp(x, i, top))
        for j in range(x.shape[1]):
            out[i, j] = (x[i, j] - top) - log_sum


@kernel("matrix matrix matrix")
def log_softmax_vjp(g, y, out):
    """g, y, out: (N, C), y being the log-softmax."""
    real, n = g.dtype.type, g.shape[1]
    for i in range(g.shape[0]):
        whole = real(row_sum(g, i))
        for j in range(n):
            out[i, j] = g[i, j] - exp(y[i, j]) * whole


@kernel("matrix vector")
def logsumexp(x, out):
    """x: (N, C), out: (N,)."""
    for i in range(x.shape[0]):
        top = row_max(x, i)
        top = top if math.isfinite(top) else x.dtype.type(0)
        out[i] = math.log(row_sum_exp(x, i, top)) + top


# --- cross-entropy ------------------------------------------------------------------------------------------


@kernel("matrix index count number vector")
def cross_entropy(x, targets, ignore_index, smoothing, out):
    """x: (N, C), targets, out: (N,). Returns whether all classes are in range."""
    n = x.shape[1]
    on_target, spread = x.dtype.type(1 - smoothing), x.dtype.type(smoothing / n)
    for i in range(x.shape[0]):
        t = targets[i]
        if t == ignore_index:
            out[i] = 0
            continue
        if t < 0 or t >= n:
            return False
        top = row_max(x, i)
        log_sum = math.log(row_sum_exp(x, i, top))
        loss = log_sum - (x[i, t] - top)
        if smoothing != 0:
            total = 0.0
            for start in range(0, n, CHUNK):
                part = x.dtype.type(0)
                for j in range(start, min(start + CHUNK, n)):
                    part = accumulate(part, (x[i, j] - top) - log_sum)
                total += part
            loss = on_target * loss - spread * x.dtype.type(total)
        out[i] = loss
    return True


# Up to this loss, which is that of a guess among nine million classes, the rounding of the loss changes a probability
# by no more than the exponential function does.
EXACT = 16.0


@kernel("vector vector matrix index count number matrix")
def cross_entropy_vjp(g, losses, x, targets, ignore_index, smoothing, out):
    """g, losses, targets: (N,), x, out: (N, C). A row that is ignored gets zeros without a look at its logits.

    Without smoothing the loss is log(sum(exp(x))) - x[target]. So it gives the probabilities exp(x - x[target] - loss)
    in one pass, unless it is large, infinite or NaN.
    """
    n = x.shape[1]
    low, high = x.dtype.type(smoothing / n), x.dtype.type(1 - smoothing + smoothing / n)
    for i in range(x.shape[0]):
        t = targets[i]
        if t == ignore_index:
            for j in range(n):
                out[i, j] = 0
            continue
        inside = 0 <= t < n
        if smoothing == 0 and inside and losses[i] <= EXACT:
            at_target, loss, slope = x[i, t], losses[i], g[i]
            for j in range(n):
                out[i, j] = exp((x[i, j] - at_target) - loss) * slope
            out[i, t] = (exp(-loss) - high) * slope
            continue
        inverse = x.dtype.type(1) / row_exp(x, i, row_max(x, i), out)
        probability = out[i, t] * inverse if inside else x.dtype.type(0)
        for j in range(n):
            out[i, j] = (out[i, j] * inverse - low) * g[i]
        if inside:
            out[i, t] = (probability - high) * g[i]

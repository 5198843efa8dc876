"""Numba kernels that need an exponential: sigmoid, erf, softmax, cross-entropy; how kernels are compiled.

Kernels take C-contiguous arrays of one float type, float32 or float64, and write to `out`; rows have at least
one element. They run in one thread and without the GIL. Three things decide whether LLVM makes vector
instructions of a loop:

- Calls of libm are not vectorised, so `exp` is written out in arithmetic and without branches.
- A sum must be allowed to change its order: `accumulate`. No flag here lets LLVM assume that there are no NaNs
  or infinities.
- The largest of floats is not associative because of NaN; the largest of integers is: `order_key`.

Numba compiles a cached kernel again when its own file changes, and when no other does. So a kernel calls only
functions of its own file, and `accumulate`. After a change of `accumulate` or OPTIONS, empty `__pycache__`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import extending, njit, types

from .special import LARGE, SMALL

# Division by zero gives infinity, as in NumPy; multiply-add may be one instruction.
OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile on the first call for each float type, and keep the result on disk if there is a place for it.

    The place is `__pycache__`, else the user's cache folder. Numba refuses where neither can be written.
    """
    try:
        return njit(cache=True, **OPTIONS)(function)
    except RuntimeError:
        return njit(**OPTIONS)(function)


intrinsic: Any = extending.intrinsic  # their annotations describe functions before decoration
overload: Any = extending.overload


# --- bits ---------------------------------------------------------------------------------------------------

INTEGER_OF: dict[Any, Any] = {types.float32: types.int32, types.float64: types.int64}
FLOAT_OF = {integer: real for real, integer in INTEGER_OF.items()}


@intrinsic
def bits_of(context, x):
    """The bits of a float as an integer of the same width."""

    def generate(target, builder, signature, args):
        return builder.bitcast(args[0], target.get_value_type(signature.return_type))

    return INTEGER_OF[x](x), generate


@intrinsic
def float_of(context, bits):
    """The float that has these bits."""

    def generate(target, builder, signature, args):
        return builder.bitcast(args[0], target.get_value_type(signature.return_type))

    return FLOAT_OF[bits](bits), generate


@intrinsic
def order_key(context, bits):
    """Bits of a float -> an integer that sorts as the float does, and back: its own inverse."""

    def generate(target, builder, signature, args):
        (b,) = args
        sign = builder.ashr(b, b.type(b.type.width - 1))
        return builder.xor(b, builder.and_(sign, b.type((1 << b.type.width - 1) - 1)))

    return bits(bits), generate


@intrinsic
def accumulate(context, total, x):
    """total + x in a sum whose terms may be added in any order."""

    def generate(target, builder, signature, args):
        return builder.fadd(*args, flags=("reassoc", "nsz", "contract"))

    return total(total, x), generate


# --- the exponential ----------------------------------------------------------------------------------------
#
# exp(x) = 2^n exp(r) with n = round(x / log 2) and |r| <= log(2) / 2. Adding 1.5 * 2^23 (in float64 1.5 * 2^52)
# rounds to an integer and leaves it in the low bits. log 2 is split in two, so that n times its first part is
# exact. exp(r) = 1 + r + r^2 q(r), q a Chebyshev fit computed for this file with 40 digits by mpmath. 2^n comes
# in two factors, since n may lie beyond the exponents of normal numbers. NaN passes through all of it.

F32, I32, I64 = np.float32, np.int32, np.int64

INVERSE_LOG2, ROUND_64, ROUND_BITS_64 = 1 / math.log(2), 1.5 * 2.0**52, I64(0x4338000000000000)
LOG2_HIGH_64, LOG2_LOW_64 = 0.6931471805582987, 1.6465949582897082e-12
Q64 = (
    2.5100397137931663e-08,
    2.762010358488696e-07,
    2.755726843551756e-06,
    2.4801521264122017e-05,
    0.00019841269863069374,
    0.0013888888917234206,
    0.008333333333330058,
    0.04166666666662409,
    0.16666666666666669,
    0.5,
)

INVERSE_LOG2_32, ROUND_32, ROUND_BITS_32 = F32(1 / math.log(2)), F32(1.5 * 2.0**23), I32(0x4B400000)
LOG2_HIGH_32, LOG2_LOW_32 = F32(0.693145751953125), F32(1.4286068203094173e-06)
Q32 = (
    F32(0.001392619258528057),
    F32(0.008363186255580479),
    F32(0.04166655456315992),
    F32(0.16666576946436),
    F32(0.5),
)
LOWEST_32, HIGHEST_32, ONE_32 = F32(-104), F32(89), F32(1)


def exp(x):
    """e^x of a float32 or float64, in kernels alone; at most 1.2 units in the last place off."""
    raise NotImplementedError("for use in kernels")


@njit(**OPTIONS)
def _exp32(x):
    x = LOWEST_32 if x < LOWEST_32 else x
    x = HIGHEST_32 if x > HIGHEST_32 else x
    shifted = x * INVERSE_LOG2_32 + ROUND_32
    n = shifted - ROUND_32
    r = (x - n * LOG2_HIGH_32) - n * LOG2_LOW_32
    q = Q32[0]
    q = q * r + Q32[1]
    q = q * r + Q32[2]
    q = q * r + Q32[3]
    q = q * r + Q32[4]
    power = I32(bits_of(shifted) - ROUND_BITS_32)
    half = I32(power >> I32(1))
    rest = I32(power - half)
    first = float_of(I32((half + I32(127)) << I32(23)))
    second = float_of(I32((rest + I32(127)) << I32(23)))
    return (q * (r * r) + r + ONE_32) * first * second


@njit(**OPTIONS)
def _exp64(x):
    x = -746.0 if x < -746.0 else x
    x = 710.0 if x > 710.0 else x
    shifted = x * INVERSE_LOG2 + ROUND_64
    n = shifted - ROUND_64
    r = (x - n * LOG2_HIGH_64) - n * LOG2_LOW_64
    q = Q64[0]
    q = q * r + Q64[1]
    q = q * r + Q64[2]
    q = q * r + Q64[3]
    q = q * r + Q64[4]
    q = q * r + Q64[5]
    q = q * r + Q64[6]
    q = q * r + Q64[7]
    q = q * r + Q64[8]
    q = q * r + Q64[9]
    power = bits_of(shifted) - ROUND_BITS_64
    half = power >> 1
    first = float_of((half + 1023) << 52)
    second = float_of((power - half + 1023) << 52)
    return (q * (r * r) + r + 1.0) * first * second


@overload(exp, jit_options=OPTIONS)
def _exp(x):
    if x == types.float32:
        return lambda x: _exp32(x)
    return lambda x: _exp64(x)


@kernel
def sigmoid(x, out):
    """x, out: (N,). 1 / (1 + exp(-x)); 0 where exp would overflow."""
    limit = x.dtype.type(88.0 if x.itemsize == 4 else 709.0)
    for i in range(x.size):
        t = -x[i]
        p = x.dtype.type(1) / (x.dtype.type(1) + exp(limit if t > limit else t))
        out[i] = x.dtype.type(0) if t > limit else p


def make_erf(small: tuple[float, ...], large: tuple[float, ...]) -> Callable[..., Any]:
    """A kernel with the NumPy backend's formula. What it closes over is part of the key that it is cached under."""

    @kernel
    def erf(x, out):
        real = x.dtype.type
        for i in range(x.size):
            size = abs(x[i])
            size = real(6) if size > real(6) else size
            inner = real(1) if size > real(1) else size
            outer = real(1) if size < real(1) else size
            square, ratio = inner * inner, (outer - real(3)) / (outer + real(3))
            low, high = real(small[0]), real(large[0])
            for k in range(1, len(small)):
                low = low * square + real(small[k])
            for k in range(1, len(large)):
                high = high * ratio + real(large[k])
            result = inner * low if size < real(1) else real(1) - exp(-outer * outer) / outer * high
            out[i] = math.copysign(result, x[i])

    return erf


erf = make_erf(SMALL, LARGE)


# --- softmax ------------------------------------------------------------------------------------------------


@njit(**OPTIONS)
def row_max(x, i):
    """The largest value of row i.

    A NaN may be passed over (one with its sign bit set sorts first); who uses the result must meet it again.
    """
    top = order_key(bits_of(x[i, 0]))
    for j in range(1, x.shape[1]):
        key = order_key(bits_of(x[i, j]))
        top = key if key > top else top
    return float_of(order_key(top))


@njit(**OPTIONS)
def row_sum_exp(x, i, shift):
    """The sum of exp(x - shift) over row i."""
    total = x.dtype.type(0)
    for j in range(x.shape[1]):
        total = accumulate(total, exp(x[i, j] - shift))
    return total


@njit(**OPTIONS)
def row_exp(x, i, shift, out):
    """Write exp(x - shift) of row i, and return its sum."""
    total = x.dtype.type(0)
    for j in range(x.shape[1]):
        e = exp(x[i, j] - shift)
        out[i, j] = e
        total = accumulate(total, e)
    return total


@kernel
def softmax(x, out):
    """x, out: (N, C)."""
    for i in range(x.shape[0]):
        inverse = x.dtype.type(1) / row_exp(x, i, row_max(x, i), out)
        for j in range(x.shape[1]):
            out[i, j] *= inverse


@kernel
def softmax_vjp(g, y, out):
    """g, y, out: (N, C), y being the softmax."""
    for i in range(g.shape[0]):
        dot = g.dtype.type(0)
        for j in range(g.shape[1]):
            dot = accumulate(dot, g[i, j] * y[i, j])
        for j in range(g.shape[1]):
            out[i, j] = y[i, j] * (g[i, j] - dot)


@kernel
def log_softmax(x, out):
    """x, out: (N, C)."""
    for i in range(x.shape[0]):
        top = row_max(x, i)
        log_sum = math.log(row_sum_exp(x, i, top))
        for j in range(x.shape[1]):
            out[i, j] = (x[i, j] - top) - log_sum


@kernel
def log_softmax_vjp(g, y, out):
    """g, y, out: (N, C), y being the log-softmax."""
    for i in range(g.shape[0]):
        total = g.dtype.type(0)
        for j in range(g.shape[1]):
            total = accumulate(total, g[i, j])
        for j in range(g.shape[1]):
            out[i, j] = g[i, j] - exp(y[i, j]) * total


@kernel
def logsumexp(x, out):
    """x: (N, C), out: (N,)."""
    for i in range(x.shape[0]):
        top = row_max(x, i)
        top = top if math.isfinite(top) else x.dtype.type(0)
        out[i] = math.log(row_sum_exp(x, i, top)) + top


# --- cross-entropy ------------------------------------------------------------------------------------------


@kernel
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
            total = x.dtype.type(0)
            for j in range(n):
                total = accumulate(total, (x[i, j] - top) - log_sum)
            loss = on_target * loss - spread * total
        out[i] = loss
    return True


@kernel
def cross_entropy_vjp(g, x, targets, ignore_index, smoothing, out):
    """g, targets: (N,), x, out: (N, C). A row that is ignored gets zeros without a look at its logits."""
    n = x.shape[1]
    low, high = x.dtype.type(smoothing / n), x.dtype.type(1 - smoothing + smoothing / n)
    for i in range(x.shape[0]):
        t = targets[i]
        if t == ignore_index:
            for j in range(n):
                out[i, j] = 0
            continue
        inverse = x.dtype.type(1) / row_exp(x, i, row_max(x, i), out)
        at_target = out[i, t] if 0 <= t < n else x.dtype.type(0)
        for j in range(n):
            out[i, j] = (out[i, j] * inverse - low) * g[i]
        if 0 <= t < n:
            out[i, t] = (at_target * inverse - high) * g[i]

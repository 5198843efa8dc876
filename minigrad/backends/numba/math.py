"""Functions that kernels are written with, in a form that LLVM makes vector instructions of.

Three things decide whether it does so with a loop:

- Calls are not vectorised, those of the C library's functions among them. So `exp`, `sigmoid` and `erf` are written
  out in arithmetic and without branches (`choose`), and put where they are used.
- A sum must be allowed to change its order: `accumulate`. No flag here lets LLVM assume that there are no NaNs
  or infinities. Sums of CHUNK elements are added up in float64, so that long rows keep their digits.
- The largest of floats is not associative because of NaN; the largest of integers is: `order_key`.

The functions are within 4 units in the last place of the true value everywhere, and right for NaN, infinities and
numbers too small for a full mantissa.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import extending, njit, types

from ..special import LARGE, SMALL
from .compile import OPTIONS

intrinsic: Any = extending.intrinsic  # their annotations describe functions before decoration
overload: Any = extending.overload

INLINE = OPTIONS | {"forceinline": True}  # a loop with a call in it is not vectorised

CHUNK = 256  # each of the 32 or more running sums that a vector loop keeps gets 8 of them

# --- bits -----------------------------------------------------------------------------------------------------------

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


@njit(**INLINE)
def row_sum(x, i):
    """The sum of row i, in float64."""
    total, n = 0.0, x.shape[1]
    for start in range(0, n, CHUNK):
        part = x.dtype.type(0)
        for j in range(start, min(start + CHUNK, n)):
            part = accumulate(part, x[i, j])
        total += part
    return total


@intrinsic
def choose(context, condition, x, y):
    """x where the condition holds, else y; both are computed. LLVM leaves a branch in a loop a branch."""

    def generate(target, builder, signature, args):
        return builder.select(*args)

    return x(types.boolean, x, x), generate


def polynomial(coefficients: tuple[float, ...]) -> Callable[[Any], Any]:
    """A function for kernels: Horner's rule, highest power first. LLVM unrolls a loop over coefficients too late."""

    @intrinsic
    def evaluate(context, x):
        def generate(target, builder, signature, args):
            (x,) = args
            total = x.type(coefficients[0])
            for c in coefficients[1:]:
                total = builder.fadd(builder.fmul(total, x, flags=("contract",)), x.type(c), flags=("contract",))
            return total

        return x(x), generate

    return evaluate


# --- functions ------------------------------------------------------------------------------------------------------
#
# exp(x) = 2^n exp(r) with n = round(x / log 2) and |r| <= log(2) / 2. Adding 1.5 * 2^23 (in float64 1.5 * 2^52)
# rounds to an integer and leaves it in the low bits. log 2 is split in two, so that n times its first part is
# exact. exp(r) = 1 + r + r^2 q(r), q a Chebyshev fit computed for this file with 40 digits by mpmath. 2^n comes
# in two factors, since n may lie beyond the exponents of normal numbers. NaN passes through all of it.

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
Q32 = (0.001392619258528057, 0.008363186255580479, 0.04166655456315992, 0.16666576946436, 0.5)


def make_functions(
    real: Any,
    whole: Any,
    mantissa: int,
    q: tuple[float, ...],
    log2: tuple[float, float],
    limits: tuple[float, float],
) -> tuple[Callable[[Any], Any], ...]:
    """exp, sigmoid and erf for one float type.

    Args:
        real: the type.
        whole: the integer type of that width.
        mantissa: how many bits of a float hold its mantissa.
        q: the coefficients of q, highest power first.
        log2: log 2 in two parts.
        limits: below the first, exp is 0; above the second, infinite.
    """
    one = real(1)
    inverse_log2, log2_high, log2_low = real(1 / math.log(2)), real(log2[0]), real(log2[1])
    shift, shift_bits = real(1.5 * 2.0**mantissa), real(1.5 * 2.0**mantissa).view(whole)
    bias, bits = whole(np.finfo(real).maxexp - 1), whole(mantissa)
    lowest, highest = real(limits[0]), real(limits[1])
    q_of, small, large = polynomial(q), polynomial(SMALL), polynomial(LARGE)

    @njit(**INLINE)
    def power_of_two(n):
        return float_of(whole(whole(n + bias) << bits))

    @njit(**INLINE)
    def reduced(x):
        """n and exp(r) - 1."""
        shifted = x * inverse_log2 + shift
        n = shifted - shift
        r = (x - n * log2_high) - n * log2_low
        return whole(bits_of(shifted) - shift_bits), q_of(r) * (r * r) + r

    @njit(**INLINE)
    def exp(x):
        x = choose(x < lowest, lowest, x)
        x = choose(x > highest, highest, x)
        n, rest = reduced(x)
        half = whole(n >> whole(1))
        return (rest + one) * power_of_two(half) * power_of_two(whole(n - half))

    @njit(**INLINE)
    def sigmoid(x):
        e = exp(-abs(x))
        return choose(x < 0, e, one) / (one + e)

    @njit(**INLINE)
    def erf(x):
        size = abs(x)
        size = choose(size > real(6), real(6), size)
        inner, outer = choose(size > one, one, size), choose(size < one, one, size)
        low = inner * small(inner * inner)
        high = one - exp(-outer * outer) / outer * large((outer - real(3)) / (outer + real(3)))
        return math.copysign(choose(size < one, low, high), x)

    return exp, sigmoid, erf


def by_type(of_float32: Callable[[Any], Any], of_float64: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A function for kernels alone, which is one of two by the type of its argument."""

    def function(x):
        raise NotImplementedError("for use in kernels")

    @overload(function, jit_options=INLINE)
    def choose_type(x):
        f = of_float32 if x == types.float32 else of_float64
        return lambda x: f(x)

    return function


# e^x, 1 / (1 + exp(-x)) and the error function, of a float32 or float64.
exp, sigmoid, erf = map(
    by_type,
    make_functions(np.float32, np.int32, 23, Q32, (0.693145751953125, 1.4286068203094173e-06), (-104, 89)),
    make_functions(np.float64, np.int64, 52, Q64, (0.6931471805582987, 1.6465949582897082e-12), (-746, 710)),
)

# 1 in the type of a float. A literal 1 is an integer, and an integer and a float32 make a float64.
unit = by_type(njit(**INLINE)(lambda x: np.float32(1)), njit(**INLINE)(lambda x: 1.0))

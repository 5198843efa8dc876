"""Element-wise primitives. Conventions at ties, edges and poles are PyTorch's."""

from __future__ import annotations

import math
from typing import Any

from .table import primitive

Array = Any


def no_slope(g: Array, xp: Any) -> Array:
    """The rule of piecewise constant functions: a gradient of zeros."""
    return xp.zeros_like(g)


# --- arithmetic -----------------------------------------------------------------------------------------------------

add = primitive("add", vjp=(lambda g: g, lambda g: g), broadcasts=True)
subtract = primitive("subtract", vjp=(lambda g: g, lambda g: -g), broadcasts=True)
multiply = primitive("multiply", vjp=(lambda g, y: g * y, lambda g, x: g * x), broadcasts=True)
divide = primitive("divide", vjp=(lambda g, y: g / y, lambda g, x, y: -g * ((x / y) / y)), broadcasts=True, floats=True)
negative = primitive("negative", vjp=lambda g: -g)


def _pow_base(g: Array, x: Array, y: Array, xp: Any) -> Array:
    if isinstance(y, (int, float)):
        return xp.zeros_like(g) if y == 0 else g * (y * x ** (y - 1))
    zero = y == 0
    return xp.where(zero, 0, g * (y * xp.pow(x, xp.where(zero, 1, y - 1))))


def _pow_exponent(g: Array, out: Array, x: Array, y: Array, xp: Any) -> Array:
    if isinstance(x, (int, float)):
        if x == 0:
            return xp.where(y >= 0, 0, g * xp.where(y < 0, -math.inf, y))
        return g * out * (math.log(x) if x > 0 else math.nan)
    flat = (x == 0) & (y >= 0)  # 0**y is 0 (or 1) on that side: no slope, though log(0) is infinite
    return xp.where(flat, 0, g * out * xp.log(xp.where(flat, 1, x)))


pow = primitive("pow", vjp=(_pow_base, _pow_exponent), broadcasts=True, numbers=True)


def _remainder_divisor(g: Array, x: Array, y: Array, xp: Any) -> Array:
    """-g times the whole quotient: by an infinite divisor of the other sign that is -1, where floor_divide gives -0.

    NaN for an infinite dividend.
    """
    quotient = xp.floor_divide(x, y)
    quotient = xp.where((quotient == 0) & (x != 0) & ((x < 0) != (y < 0)), -1, quotient)
    return -g * xp.where(xp.isinf(x) & (y != 0), math.nan, quotient)


remainder = primitive("remainder", vjp=(lambda g: g, _remainder_divisor), broadcasts=True, numbers=True)
fmod = primitive("fmod", vjp=(lambda g: g, lambda g, x, y, xp: -g * xp.trunc(x / y)), broadcasts=True, numbers=True)
hypot = primitive(
    "hypot", vjp=(lambda g, out, x: g * (x / out), lambda g, out, y: g * (y / out)), broadcasts=True, floats=True
)


def _per_radius(g: Array, x: Array, y: Array, other: Array, xp: Any) -> Array:
    """g * other / (x**2 + y**2), without overflow of the squares; 0 at the origin."""
    radius = xp.hypot(x, y)
    origin = radius == 0
    radius = xp.where(origin, 1, radius)
    return xp.where(origin, 0, g * (other / radius / radius))


atan2 = primitive(
    "atan2",
    vjp=(
        lambda g, x, y, xp: _per_radius(g, x, y, y, xp),
        lambda g, x, y, xp: -_per_radius(g, x, y, x, xp),
    ),
    broadcasts=True,
    floats=True,
)
logaddexp = primitive(
    "logaddexp",
    vjp=(lambda g, x, y, xp: g * xp.sigmoid(x - y), lambda g, x, y, xp: g * xp.sigmoid(y - x)),
    broadcasts=True,
    floats=True,
)
copysign = primitive(
    "copysign", vjp=(lambda g, out, x, xp: xp.where(x == 0, 0, g * (out / x)), no_slope), broadcasts=True, floats=True
)

nextafter = primitive("nextafter", vjp=(lambda g: g, no_slope), broadcasts=True, floats=True)  # x, but for rounding

# At a tie the gradient is shared half and half; a NaN, which compares false, passes it on to both.
maximum = primitive(
    "maximum",
    vjp=(
        lambda g, x, y, xp: xp.where(x == y, g / 2, xp.where(x < y, 0, g)),
        lambda g, x, y, xp: xp.where(x == y, g / 2, xp.where(y < x, 0, g)),
    ),
    broadcasts=True,
)
minimum = primitive(
    "minimum",
    vjp=(
        lambda g, x, y, xp: xp.where(x == y, g / 2, xp.where(x > y, 0, g)),
        lambda g, x, y, xp: xp.where(x == y, g / 2, xp.where(y > x, 0, g)),
    ),
    broadcasts=True,
)
where = primitive(
    "where",
    inputs="condition x y",
    vjp=(
        None,
        lambda g, condition, xp: xp.where(condition, g, 0),
        lambda g, condition, xp: xp.where(condition, 0, g),
    ),
    broadcasts=True,
    first_value=1,
)


def _clip_x(g: Array, x: Array, low: Array, high: Array, xp: Any) -> Array:
    if low is not None:
        g = xp.where(x >= low, g, 0)
    return g if high is None else xp.where(x <= high, g, 0)


def _clip_low(g: Array, x: Array, low: Array, high: Array, xp: Any) -> Array:
    g = xp.where(x < low, g, 0)
    return g if high is None else xp.where(low < high, g, 0)


def _clip_high(g: Array, x: Array, low: Array, high: Array, xp: Any) -> Array:
    above = x > high
    return xp.where(above if low is None else above | (high < low), g, 0)


clip = primitive("clip", inputs="x low high", vjp=(_clip_x, _clip_low, _clip_high), broadcasts=True)

# --- functions of one variable --------------------------------------------------------------------------------------

abs = primitive("abs", vjp=lambda g, x, xp: g * xp.sign(x))
square = primitive("square", vjp=lambda g, x: g * (2 * x), numbers=True)
sqrt = primitive("sqrt", vjp=lambda g, out: g / (2 * out), floats=True)
reciprocal = primitive("reciprocal", vjp=lambda g, out: -g * (out * out), floats=True)

exp = primitive("exp", vjp=lambda g, out: g * out, floats=True)
expm1 = primitive("expm1", vjp=lambda g, out: g * (out + 1), floats=True)
log = primitive("log", vjp=lambda g, x: g / x, floats=True)
log1p = primitive("log1p", vjp=lambda g, x: g / (x + 1), floats=True)
log2 = primitive("log2", vjp=lambda g, x: g / (x * math.log(2)), floats=True)
log10 = primitive("log10", vjp=lambda g, x: g / (x * math.log(10)), floats=True)

sin = primitive("sin", vjp=lambda g, x, xp: g * xp.cos(x), floats=True)
cos = primitive("cos", vjp=lambda g, x, xp: -g * xp.sin(x), floats=True)
tan = primitive("tan", vjp=lambda g, out: g * (1 + out * out), floats=True)
asin = primitive("asin", vjp=lambda g, x, xp: g / xp.sqrt(1 - x * x), floats=True)
acos = primitive("acos", vjp=lambda g, x, xp: -g / xp.sqrt(1 - x * x), floats=True)
atan = primitive("atan", vjp=lambda g, x: g / (1 + x * x), floats=True)

sinh = primitive("sinh", vjp=lambda g, x, xp: g * xp.cosh(x), floats=True)
cosh = primitive("cosh", vjp=lambda g, x, xp: g * xp.sinh(x), floats=True)
tanh = primitive("tanh", vjp=lambda g, out, xp: xp.tanh_vjp(g, out), floats=True)
asinh = primitive("asinh", vjp=lambda g, x, xp: g / xp.sqrt(x * x + 1), floats=True)
acosh = primitive("acosh", vjp=lambda g, x, xp: g / xp.sqrt(x * x - 1), floats=True)
atanh = primitive("atanh", vjp=lambda g, x: g / (1 - x * x), floats=True)

sigmoid = primitive("sigmoid", vjp=lambda g, out, xp: xp.sigmoid_vjp(g, out), floats=True)
relu = primitive("relu", vjp=lambda g, out, xp: xp.where(out <= 0, 0, g))
erf = primitive("erf", vjp=lambda g, x, xp: g * (2 / math.sqrt(math.pi) * xp.exp(-x * x)), floats=True)

# --- piecewise constant: derivative zero ----------------------------------------------------------------------------

sign = primitive("sign", vjp=no_slope)
floor = primitive("floor", vjp=no_slope)
ceil = primitive("ceil", vjp=no_slope)
trunc = primitive("trunc", vjp=no_slope)
round = primitive("round", vjp=no_slope)
floor_divide = primitive("floor_divide", vjp=(no_slope, no_slope), broadcasts=True, numbers=True)

# --- integers and truth values: no derivative -----------------------------------------------------------------------

for _name in (
    "equal not_equal less less_equal greater greater_equal logical_and logical_or logical_xor "
    "bitwise_and bitwise_or bitwise_xor"
).split():
    primitive(_name, inputs="x y", broadcasts=True)
for _name in ("bitwise_left_shift", "bitwise_right_shift"):
    primitive(_name, inputs="x y", broadcasts=True, numbers=True)
for _name in "logical_not bitwise_invert isnan isinf isfinite signbit".split():
    primitive(_name, inputs="x")

astype = primitive("astype", vjp=lambda g: g, broadcasts=True)  # the sweep casts the gradient back

"""Element-wise functions, by the names of the array API standard 2024.12 (section "Element-wise Functions").

All take tensors, Python numbers, or NumPy arrays, broadcast their arguments against each other and return a Tensor.
Functions of real numbers turn integers into the default float. Conventions at ties and poles are PyTorch's: the
gradient of `maximum` is shared half and half at a tie, that of `relu` and `abs` is 0 at 0. Three things differ:
`sign` of NaN is NaN, as the standard says, and so is the gradient of `abs` there; `softplus` is not cut short above 20.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .. import dtypes
from ..engine.record import apply
from ..engine.recorded import wrap
from ..primitives import PRIMITIVES
from ..tensors.tensor import Tensor
from .arguments import as_tensor, one_of
from .precision import in_float32

Operand = Any  # a Tensor, a Python number, a NumPy array or scalar


def _unary(name: str, doc: str) -> Callable[[Operand], Tensor]:
    row = PRIMITIVES[name]

    def function(x: Operand) -> Tensor:
        return apply(row, (x,))

    return _documented(function, name, doc, "x")


def _binary(name: str, doc: str) -> Callable[[Operand, Operand], Tensor]:
    row = PRIMITIVES[name]

    def function(x: Operand, y: Operand) -> Tensor:
        return apply(row, (x, y))

    return _documented(function, name, doc, "x, y")


def _documented(function: Any, name: str, doc: str, arguments: str) -> Any:
    function.__name__ = function.__qualname__ = name
    function.__module__ = "minigrad"
    function.__doc__ = f"{name}({arguments}): {doc}, element-wise."
    return function


add = _binary("add", "x + y")
subtract = _binary("subtract", "x - y")
multiply = _binary("multiply", "x * y")
floor_divide = _binary("floor_divide", "x / y rounded down, of infinities x / y itself; its derivative is zero")
remainder = _binary("remainder", "x - y * floor(x / y), which has the sign of y")
fmod = _binary("fmod", "what is left of x when y is taken off it a whole number of times, which has the sign of x")
pow = _binary("pow", "x to the power y")
hypot = _binary("hypot", "sqrt(x**2 + y**2)")
atan2 = _binary(
    "atan2", "the angle of the point (y, x), in radians, where x is its ordinate: atan2(ordinate, abscissa)"
)
logaddexp = _binary("logaddexp", "log(exp(x) + exp(y)) without overflow")
copysign = _binary("copysign", "the size of x with the sign of y")
nextafter = _binary("nextafter", "the number of this type next to x on the way to y; its derivative is that of x")
maximum = _binary("maximum", "the larger of x and y; NaN if one of them is NaN")
minimum = _binary("minimum", "the smaller of x and y; NaN if one of them is NaN")

negative = _unary("negative", "-x")
abs = _unary("abs", "the absolute value")
square = _unary("square", "x**2")
sqrt = _unary("sqrt", "the square root")
reciprocal = _unary("reciprocal", "1 / x")
exp = _unary("exp", "e to the power x")
expm1 = _unary("expm1", "exp(x) - 1, exact near 0")
log = _unary("log", "the natural logarithm")
log1p = _unary("log1p", "log(1 + x), exact near 0")
log2 = _unary("log2", "the logarithm to base 2")
log10 = _unary("log10", "the logarithm to base 10")
sin = _unary("sin", "the sine of x radians")
cos = _unary("cos", "the cosine of x radians")
tan = _unary("tan", "the tangent of x radians")
asin = _unary("asin", "the inverse sine, in radians")
acos = _unary("acos", "the inverse cosine, in radians")
atan = _unary("atan", "the inverse tangent, in radians")
sinh = _unary("sinh", "the hyperbolic sine")
cosh = _unary("cosh", "the hyperbolic cosine")
tanh = _unary("tanh", "the hyperbolic tangent")
asinh = _unary("asinh", "the inverse hyperbolic sine")
acosh = _unary("acosh", "the inverse hyperbolic cosine")
atanh = _unary("atanh", "the inverse hyperbolic tangent")
sigmoid = _unary("sigmoid", "the logistic function 1 / (1 + exp(-x))")
relu = _unary("relu", "max(x, 0)")
erf = _unary("erf", "the error function 2 / sqrt(pi) * integral of exp(-t**2) from 0 to x")
sign = _unary("sign", "-1, 0 or 1; its derivative is zero")
floor = _unary("floor", "the largest integer not above x; its derivative is zero")
ceil = _unary("ceil", "the smallest integer not below x; its derivative is zero")
trunc = _unary("trunc", "x without its fraction; its derivative is zero")
round = _unary("round", "the nearest integer, halves to the even one; its derivative is zero")

equal = _binary("equal", "x == y")
not_equal = _binary("not_equal", "x != y")
less = _binary("less", "x < y")
less_equal = _binary("less_equal", "x <= y")
greater = _binary("greater", "x > y")
greater_equal = _binary("greater_equal", "x >= y")
logical_and = _binary("logical_and", "whether both are non-zero")
logical_or = _binary("logical_or", "whether one of them is non-zero")
logical_xor = _binary("logical_xor", "whether exactly one of them is non-zero")
logical_not = _unary("logical_not", "whether x is zero")
bitwise_and = _binary("bitwise_and", "x & y, of integers or truth values")
bitwise_or = _binary("bitwise_or", "x | y, of integers or truth values")
bitwise_xor = _binary("bitwise_xor", "x ^ y, of integers or truth values")
bitwise_invert = _unary("bitwise_invert", "~x, of integers or truth values")
bitwise_left_shift = _binary("bitwise_left_shift", "x << y, of integers")
bitwise_right_shift = _binary("bitwise_right_shift", "x >> y, of integers")
isnan = _unary("isnan", "whether x is not a number")
isinf = _unary("isinf", "whether x is infinite")
isfinite = _unary("isfinite", "whether x is neither infinite nor NaN")
signbit = _unary("signbit", "whether the sign bit of x is set")


def divide(x: Operand, y: Operand, rounding_mode: str | None = None) -> Tensor:
    """x / y, element-wise; integers give floats.

    Args:
        x: the dividend.
        y: the divisor.
        rounding_mode: "floor" rounds down (see `floor_divide`), "trunc" rounds towards zero, as C does. Integers then
            stay integers, and the derivative is zero. None does not round.

    Raises ValueError for another word.
    """
    if rounding_mode is None:
        return apply(PRIMITIVES["divide"], (x, y))
    one_of(rounding_mode, (None, "floor", "trunc"), "divide: rounding_mode")
    if rounding_mode == "floor":
        return floor_divide(x, y)
    rest = fmod(x, y)
    return trunc(divide(x, y)) if dtypes.is_float(rest.dtype) else floor_divide(subtract(x, rest), y)


def positive(x: Operand) -> Tensor:
    """+x: x itself."""
    return as_tensor(x)


def conj(x: Operand) -> Tensor:
    """The complex conjugate of x, which of real numbers is x itself."""
    return as_tensor(x)


def real(x: Operand) -> Tensor:
    """The real part of x: x itself, since tensors hold no complex numbers."""
    return as_tensor(x)


def imag(x: Operand) -> Tensor:
    """The imaginary part of x: zeros, since tensors hold no complex numbers."""
    x = as_tensor(x)
    return wrap(x.backend.zeros_like(x.array), x.backend)


def isclose(x: Operand, y: Operand, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Tensor:
    """Whether |x - y| <= atol + rtol * |y|, element-wise; infinities are close to themselves alone, NaN to nothing.

    With `equal_nan` NaN is close to NaN.
    """
    x, y = (t.detach() for t in alike(x, y))
    equal = x == y
    if not dtypes.is_float(x.dtype):  # whose differences would wrap around
        x, y = x.astype(dtypes.float64), y.astype(dtypes.float64)
    close = equal | (isfinite(y) & (abs(x - y) <= atol + rtol * abs(y)))
    return close | (isnan(x) & isnan(y)) if equal_nan else close


def allclose(x: Operand, y: Operand, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> bool:
    """Whether all elements are close, see `isclose`."""
    return bool(isclose(x, y, rtol, atol, equal_nan).all())


def where(condition: Operand, x: Operand, y: Operand) -> Tensor:
    """x where `condition` is true, y elsewhere; all three broadcast. No gradient flows through what is not chosen."""
    if not hasattr(condition, "dtype"):
        condition = Tensor(condition, dtypes.bool, backend=_backend_of(x, y))
    if condition.dtype.kind != "b":
        raise TypeError(f"where: the condition must hold truth values, not {condition.dtype}")
    return apply(PRIMITIVES["where"], (condition, x, y))


def clip(x: Operand, min: Operand | None = None, max: Operand | None = None) -> Tensor:
    """x limited to the range from `min` to `max`, numbers or tensors; None leaves a side open.

    On a boundary the gradient goes to x.
    """
    if min is None and max is None:
        return as_tensor(x)
    return apply(PRIMITIVES["clip"], (x, min, max))


@in_float32
def silu(x: Operand) -> Tensor:
    """x * sigmoid(x), also called swish (Elfwing et al. 2018)."""
    x = as_tensor(x)
    return x * sigmoid(x)


@in_float32
def gelu(x: Operand, approximate: str = "none") -> Tensor:
    """The Gaussian error linear unit x * Phi(x) (Hendrycks and Gimpel 2016).

    With approximate="tanh" Phi is approximated as in GPT-2. Raises ValueError for another word.
    """
    one_of(approximate, ("none", "tanh"), "gelu: approximate")
    x = as_tensor(x)
    if approximate == "none":
        return 0.5 * x * (1 + erf(x * math.sqrt(0.5)))
    return 0.5 * x * (1 + tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)))


@in_float32
def softplus(x: Operand, beta: float = 1.0) -> Tensor:
    """log(1 + exp(beta * x)) / beta without overflow: a smooth relu."""
    if beta == 1:
        return logaddexp(x, 0)
    return logaddexp(as_tensor(x) * beta, 0) / beta


def alike(*xs: Operand) -> list[Tensor]:
    """Tensors of the type that all of them have together. Python numbers take part as in operations."""
    backend = _backend_of(*xs)
    tensors = [Tensor(x, backend=backend) if isinstance(x, (list, tuple)) else x for x in xs]
    dtype = dtypes.promoted(*tensors)
    return [(x if isinstance(x, Tensor) else Tensor(x, dtype, backend=backend)).astype(dtype) for x in tensors]


def _backend_of(*xs: Operand) -> Any:
    return next((x.backend for x in xs if isinstance(x, Tensor)), None)

"""Special functions that NumPy lacks, written for any array library with NumPy's functions.

The coefficients are Chebyshev fits computed for this file with 40-digit arithmetic (mpmath's `chebyfit`); both are
below 1e-15 relative.
"""

from __future__ import annotations

from typing import Any

# erf(x) / x as a polynomial in x^2, for |x| <= 1; highest power first.
SMALL = (
    -7.795898827002142e-10,
    1.3720064546777686e-08,
    -1.6208483801871705e-07,
    1.6447424703317362e-06,
    -1.492473690741966e-05,
    0.00012055294904839707,
    -0.0008548325975389692,
    0.0052239776071164225,
    -0.02686617064323777,
    0.11283791670945006,
    -0.37612638903183543,
    1.1283791670955126,
)

# x exp(x^2) erfc(x) as a polynomial in (x - 3) / (x + 3), for 1 <= x <= 6; highest power first.
LARGE = (
    -2.6108123327542074e-06,
    -1.0984994722900036e-05,
    7.0643345343920115e-06,
    6.90915475301513e-05,
    -8.469145459289256e-05,
    -0.0004125676442033244,
    0.0012428816699246456,
    0.0009108246422574642,
    -0.014019825805898112,
    0.04635026325779179,
    -0.09546975030393538,
    0.139880547602935,
    -0.14658304803290642,
    0.09530622695922278,
    0.5370034535441699,
)


def polynomial(coefficients: tuple[float, ...], x: Any) -> Any:
    """Horner's rule."""
    total = x * coefficients[0] + coefficients[1]
    for c in coefficients[2:]:
        total = total * x + c
    return total


def erf(lib: Any, x: Any) -> Any:
    """2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x, in the precision of `x`.

    Args:
        lib: the array library (numpy, cupy).
        x: an array of floats, any shape. Beyond 6 the result is 1 to the last bit of a double; NaN stays NaN.
    """
    size = lib.minimum(lib.absolute(x), 6)
    inner = lib.minimum(size, 1)
    outer = lib.maximum(size, 1)
    small = inner * polynomial(SMALL, inner * inner)
    large = 1 - lib.exp(-outer * outer) / outer * polynomial(LARGE, (outer - 3) / (outer + 3))
    return lib.copysign(lib.where(size < 1, small, large), x)

"""Arithmetic with 16-bit floats: they are a way to store numbers; what is computed is computed in float32.

A result is rounded once, however many steps lie between. The backends, the record of operations and the sweep back all
follow this file, so that a sum of 5,000 ones is 5,000, and a square beyond the largest float16 does no harm in a mean.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import dtypes

Array = Any

FLOAT32 = dtypes.float32


def is_half(x: Any) -> bool:
    """Whether `x` is an array (or a tensor) of 16-bit floats."""
    kind = getattr(x, "dtype", None)
    return kind is not None and dtypes.is_half(kind)


def widened(x: Any) -> Any:
    """16-bit floats as float32; anything else as it is."""
    return x.astype(FLOAT32) if is_half(x) else x


def half_type(arrays: Sequence[Any]) -> Any:
    """The 16-bit type that an operation on these arrays and numbers gives; None if it gives another type."""
    kinds = {a.dtype for a in arrays if hasattr(a, "dtype") and a.dtype.kind in "fV"}
    if len(kinds) == 1:
        (kind,) = kinds
        return kind if kind.itemsize == 2 else None
    return None


def narrow_type(arrays: Sequence[Any], compared: bool) -> Any:
    """The same, where the type cannot hold one of the numbers exactly (as float16 neither 0.1 nor 100,000); else None.

    An operation that the array library does itself would round that number first. That is what is wanted of a fraction
    that is `compared`: `x == 0.1` asks for the nearest number of the type, as it does for wider types.
    """
    kind = half_type(arrays)
    if kind is None:
        return None
    numbers = [x for x in arrays if isinstance(x, (int, float)) and not (compared and abs(x) < 1 << 15 and x % 1)]
    with np.errstate(over="ignore"):
        exact = all(x != x or (-1e38 < x < 1e38 and float(kind.type(x)) == x) or abs(x) == np.inf for x in numbers)
    return None if exact else kind


def once(function: Callable[..., Array], kind: Any, *arrays: Any, **params: Any) -> Array:
    """What a function makes of 16-bit floats, computed in float32 and rounded once to the type `kind`, if not None.

    Methods of backends on arrays, operations that meet numbers or integers, and compositions of tensors come here.
    """
    out = function(*map(widened, arrays), **{name: widened(x) for name, x in params.items()})
    return out.astype(kind) if kind is not None and out.dtype.kind == "f" else out


def rounds_once(method: Callable[..., Array]) -> Callable[..., Array]:
    """Decorator of a backend's method: 16-bit floats go through it as float32, and the result is rounded once."""
    name = method.__name__

    @functools.wraps(method)
    def call(self: Any, x: Array, *rest: Any, **params: Any) -> Array:
        if x.dtype.itemsize == 2 or (rest and any(map(is_half, rest))):
            arrays = (x, *rest)
            if any(map(is_half, arrays)):
                return once(getattr(self, name), half_type(arrays), *arrays, **params)
        return method(self, x, *rest, **params)

    return call

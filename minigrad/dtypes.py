"""Data types, the default float, and how types combine.

The types are NumPy's dtype objects (CuPy uses the same). Promotion is the array API standard's within a kind. Where the
standard leaves it open, an integer array meeting a floating-point one, the floating-point type stays as it is (as in
PyTorch and JAX): `float32 * int64` is float32.

float16 and bfloat16 are for storage: sums and products are accumulated in float32, and a result is rounded once.
bfloat16 is not one of NumPy's types: it comes from the package ml_dtypes, and only the cupy backend computes with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

bool = np.dtype("bool")
int8, int16, int32, int64 = (np.dtype(f"int{n}") for n in (8, 16, 32, 64))
uint8, uint16, uint32, uint64 = (np.dtype(f"uint{n}") for n in (8, 16, 32, 64))
float16, float32, float64 = (np.dtype(f"float{n}") for n in (16, 32, 64))

# The least and the greatest number of each integer type.
RANGES = {
    d: (int(np.iinfo(d).min), int(np.iinfo(d).max)) for d in (int8, int16, int32, int64, uint8, uint16, uint32, uint64)
}

DEFAULT_FLOAT = float32
DEFAULT_INT = int64


def __getattr__(name: str) -> Any:
    if name == "bfloat16":
        return _bfloat16()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _bfloat16() -> np.dtype:
    """The dtype, which NumPy knows only after ml_dtypes was imported."""
    from .extras import extra

    return np.dtype(extra("ml_dtypes", "bfloat16 needs ml_dtypes", "bfloat16").bfloat16)


def is_float(dtype: np.dtype) -> Any:
    """Whether numbers of this type are real: one of the three floats, or bfloat16 (which NumPy calls kind V)."""
    return dtype.kind in "fV"


def is_half(dtype: np.dtype) -> Any:
    """Whether it is a float of 16 bits."""
    return dtype.itemsize == 2 and dtype.kind in "fV"


# What PyTorch's users say of a place, and which backends are there.
DEVICES = {"cpu": "'numpy' or 'numba' on the host", "cuda": "'cupy', or 'cupy:1' for the second GPU"}


def check(dtype: Any) -> np.dtype:
    """`dtype` (a dtype, a scalar type, a name, bool, int or float) as one of the types above.

    `float` means the default float, as everywhere in minigrad. Raises TypeError for types that tensors cannot have
    (complex, strings, objects, dates).
    """
    if dtype is float:
        return DEFAULT_FLOAT
    if dtype is None:  # which NumPy would take for float64
        raise TypeError("a dtype is expected, not None")
    if not isinstance(dtype, (str, type, np.dtype)):
        raise TypeError(
            f"a dtype is expected, not {dtype!r}: several sizes or numbers go into one tuple or list, "
            "as in zeros((3, 4)) and tensor([3, 4])"
        )
    if dtype == "bfloat16":
        return _bfloat16()
    if isinstance(dtype, str) and dtype.partition(":")[0] in DEVICES:
        raise TypeError(f"{dtype!r} is a device; backends have these names: {DEVICES[dtype.partition(':')[0]]}")
    try:
        result = np.dtype(dtype).newbyteorder("=")
    except TypeError as error:
        known = "types are called 'float32', 'int64' and the like, backends 'numpy', 'numba', 'cupy'"
        raise TypeError(f"{error}; {known}, and 'cpu' or 'cuda' as in PyTorch") from error
    if (result.kind not in "biuf" or result.itemsize > 8) and result.name != "bfloat16":
        raise TypeError(f"tensors hold truth values, integers and real floats of up to 64 bits, not {result}")
    return result


def result_type(dtypes: Sequence[np.dtype]) -> np.dtype:
    """The type in which arrays of these types are combined.

    Raises TypeError for uint64 with signed integers alone, which the standard leaves open.
    """
    floats = [d for d in dtypes if is_float(d)]
    halves = {d.name for d in floats if is_half(d)}
    if len(halves) == 2:  # float16 and bfloat16: float32 is the first type that holds the numbers of both
        floats.append(float32)
        floats = [d for d in floats if not is_half(d)]
    result = np.result_type(*(floats or dtypes))
    if result.kind == "f" and not floats:  # NumPy's answer, a float64, would round the large ones of both
        raise TypeError("uint64 and a signed integer type have no common integer type: convert one with astype")
    return result


# --- the array API standard's questions about types -------------------------------------------------------------------

KINDS = {
    "bool": "b",
    "signed integer": "i",
    "unsigned integer": "u",
    "integral": "iu",
    "real floating": "fV",
    "complex floating": "",
    "numeric": "iufV",
}


class finfo:
    """Limits of a float type (or of a tensor's): bits, eps, max, min, smallest_normal as Python numbers, and dtype."""

    def __init__(self, type: Any, /) -> None:
        self.dtype = of(type)
        if not is_float(self.dtype):
            raise TypeError(f"finfo is about floating-point types, not {self.dtype}: see iinfo")
        limits: Any = np.finfo(self.dtype) if self.dtype.kind == "f" else _bfloat16_limits()
        self.bits = int(limits.bits)
        self.eps, self.max, self.min = float(limits.eps), float(limits.max), float(limits.min)
        self.smallest_normal = float(limits.smallest_normal)

    def __repr__(self) -> str:
        return (
            f"finfo({self.dtype}: eps={self.eps:.3g}, max={self.max:.3g}, smallest_normal={self.smallest_normal:.3g})"
        )


def _bfloat16_limits() -> Any:
    import ml_dtypes

    return ml_dtypes.finfo(ml_dtypes.bfloat16)


class iinfo:
    """Limits of an integer type (or of a tensor's): bits, max, min as Python numbers, and dtype."""

    def __init__(self, type: Any, /) -> None:
        self.dtype = of(type)
        if self.dtype.kind not in "iu":
            raise TypeError(f"iinfo is about integer types, not {self.dtype}: see finfo")
        limits = np.iinfo(self.dtype)
        self.bits, self.max, self.min = int(limits.bits), int(limits.max), int(limits.min)

    def __repr__(self) -> str:
        return f"iinfo({self.dtype}: min={self.min}, max={self.max})"


def of(x: Any) -> np.dtype:
    """The dtype that something has, or that it is."""
    return check(x.dtype if hasattr(x, "dtype") and not isinstance(x, (type, np.dtype)) else x)


def isdtype(dtype: Any, kind: Any) -> Any:
    """Whether `dtype` is of a kind: a dtype, one of the standard's words ("real floating", ...), or a tuple of these.

    Raises ValueError for another word.
    """
    if isinstance(kind, tuple):
        return any(isdtype(dtype, k) for k in kind)
    found = check(dtype)
    if isinstance(kind, str) and kind not in KINDS:
        raise ValueError(f"isdtype: {kind!r} is not a kind; there are {', '.join(map(repr, KINDS))}, and dtypes")
    return found.kind in KINDS[kind] if isinstance(kind, str) else found == check(kind)


def promoted(*arrays_and_dtypes: Any) -> np.dtype:
    """The type that operations on these tensors, types and Python numbers have (`minigrad.result_type`).

    A Python number takes part as the weakest of its kind: it changes the type only if that is of a lower kind.

    Raises TypeError for uint64 with a signed integer type, which no integer type holds, and for complex numbers.
    """
    numbers = [x for x in arrays_and_dtypes if isinstance(x, (int, float, complex)) and not hasattr(x, "dtype")]
    for x in numbers:
        if isinstance(x, complex):
            raise TypeError(f"tensors hold no complex numbers: {x}")
    found = [of(x) for x in arrays_and_dtypes if not any(x is n for n in numbers)]
    if not arrays_and_dtypes:
        raise ValueError("result_type needs at least one tensor, dtype or number")
    result = result_type(found) if found else bool
    if any(isinstance(x, float) for x in numbers):
        return result if is_float(result) else DEFAULT_FLOAT
    if any(type(x) is int for x in numbers):
        return DEFAULT_INT if result == bool else result
    return result


def can_cast(from_: Any, to: Any, /) -> Any:
    """Whether a type (or a tensor's) promotes to the type `to`: combined with it, it becomes `to`."""
    source, target = of(from_), check(to)
    try:
        return result_type([source, target]) == target
    except TypeError:
        return False

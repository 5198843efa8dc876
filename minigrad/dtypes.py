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

DEFAULT_FLOAT = float32
DEFAULT_INT = int64


def __getattr__(name: str) -> Any:
    if name == "bfloat16":
        return _bfloat16()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _bfloat16() -> np.dtype:
    """The dtype, which NumPy knows only after ml_dtypes was imported."""
    try:
        import ml_dtypes
    except ImportError as error:
        raise ImportError('bfloat16 needs a package that is not installed: pip install "minigrad[bfloat16]"') from error
    return np.dtype(ml_dtypes.bfloat16)


def is_float(dtype: np.dtype) -> Any:
    """Whether numbers of this type are real: one of the three floats, or bfloat16 (which NumPy calls kind V)."""
    return dtype.kind in "fV"


def is_half(dtype: np.dtype) -> Any:
    """Whether it is a float of 16 bits."""
    return dtype.itemsize == 2 and dtype.kind in "fV"


def check(dtype: Any) -> np.dtype:
    """`dtype` (a dtype, a scalar type, a name, bool, int or float) as one of the types above.

    `float` means the default float, as everywhere in minigrad. Raises TypeError for types that tensors cannot have
    (complex, strings, objects, dates).
    """
    if dtype is float:
        return DEFAULT_FLOAT
    if dtype is None:  # which NumPy would take for float64
        raise TypeError("a dtype is expected, not None")
    if dtype == "bfloat16":
        return _bfloat16()
    result = np.dtype(dtype).newbyteorder("=")
    if (result.kind not in "biuf" or result.itemsize > 8) and result.name != "bfloat16":
        raise TypeError(f"tensors hold truth values, integers and real floats of up to 64 bits, not {result}")
    return result


def result_type(dtypes: Sequence[np.dtype]) -> np.dtype:
    """The type in which arrays of these types are combined."""
    floats = [d for d in dtypes if is_float(d)]
    halves = {d.name for d in floats if is_half(d)}
    if len(halves) == 2:  # float16 and bfloat16: float32 is the first type that holds the numbers of both
        floats.append(float32)
        floats = [d for d in floats if not is_half(d)]
    return np.result_type(*(floats or dtypes))

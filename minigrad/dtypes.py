"""Data types, the default float, and how types combine.

The types are NumPy's dtype objects (CuPy uses the same). Promotion is the array API standard's within a kind. Where the
standard leaves it open, an integer array meeting a floating-point one, the floating-point type stays as it is (as in
PyTorch and JAX): `float32 * int64` is float32.
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


def check(dtype: Any) -> np.dtype:
    """`dtype` (a dtype, a scalar type, a name, bool, int or float) as one of the types above.

    `float` means the default float, as everywhere in minigrad. Raises TypeError for types that tensors cannot have
    (complex, strings, objects, dates).
    """
    if dtype is float:
        return DEFAULT_FLOAT
    if dtype is None:  # which NumPy would take for float64
        raise TypeError("a dtype is expected, not None")
    result = np.dtype(dtype).newbyteorder("=")
    if result.kind not in "biuf" or result.itemsize > 8:
        raise TypeError(f"tensors hold truth values, integers and real floats of up to 64 bits, not {result}")
    return result


def result_type(dtypes: Sequence[np.dtype]) -> np.dtype:
    """The type in which arrays of these types are combined."""
    floats = [d for d in dtypes if d.kind == "f"]
    return np.result_type(*(floats or dtypes))

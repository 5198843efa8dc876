"""What may stand in brackets behind a stand-in array, and CuPy's ways with it."""

from __future__ import annotations

from typing import Any

import numpy as np

from .device import HiddenTransfer

ATOMIC_ADD = ("int32", "uint32", "uint64", "float16", "float32", "float64")


def parts(x: Any, slices: Any) -> tuple[list[Any], list[Any]]:
    """The parts of an index, with an ellipsis among them; and the arrays that are among them.

    Raises:
        HiddenTransfer: lists and NumPy arrays, which CuPy would copy to the device.
        IndexError: too many parts, or arrays of another type than integers and truth values.
    """
    from . import arrays as array

    found = list(slices) if isinstance(slices, tuple) else [slices]
    arrays, used = [], 0
    for part in found:
        if part is None or part is Ellipsis:
            continue
        if type(part) is array.ndarray:
            if part.dtype.kind not in "biu":
                raise IndexError(f"arrays used as indices must be of integer or boolean type. (actual: {part.dtype})")
            arrays.append(part)
            used += part.ndim if part.dtype.kind == "b" else 1
        elif isinstance(part, slice) or (isinstance(part, (int, np.integer)) and not isinstance(part, bool)):
            used += 1
        elif isinstance(part, (list, tuple, np.ndarray, bool, np.bool_)):
            raise HiddenTransfer(f"a {type(part).__name__} in an index, which is copied to the device")
        else:
            raise IndexError(f"a {type(part).__name__} is no index")
    if used > x.ndim:
        raise IndexError(f"too many indices for array: array is {x.ndim}-dimensional, but {used} were indexed")
    ellipses = sum(part is Ellipsis for part in found)
    if ellipses > 1:
        raise IndexError("an index can only have a single ellipsis ('...')")
    return found if ellipses else [*found, Ellipsis], arrays


def basic(host: np.ndarray, index: list[Any]) -> np.ndarray:
    """The view that slices and integers select; without axes it is an array all the same."""
    return host[tuple(index)]


def wrapped(x: Any, index: list[Any]) -> tuple[Any, ...]:
    """The index with the values of its arrays: what is out of range counts from the beginning again."""
    from . import arrays as array

    consumed = 0
    for part in index:
        if type(part) is array.ndarray:
            consumed += part.ndim if part.dtype.kind == "b" else 1
        elif not (part is None or part is Ellipsis):
            consumed += 1
    axis, values = 0, []
    for part in index:
        if type(part) is array.ndarray:
            host = array.host_of(part)
            if part.dtype.kind == "b":
                array.counts["waits"] += 1
                axis += part.ndim
            else:
                n = x.shape[axis]
                if n == 0 and host.size:
                    raise IndexError("cannot do a non-empty take from an empty axes.")
                host = host.astype(np.int64) % n if n else host
                axis += 1
            values.append(host)
        else:
            values.append(part)
            axis += 0 if part is None else x.ndim - consumed if part is Ellipsis else 1
    return tuple(values)


def places(x: Any, index: list[Any], values: Any) -> tuple[np.ndarray, np.ndarray]:
    """The positions (in the flattened array) that an index selects, and the value for each of them."""
    where = np.asarray(np.arange(x.size).reshape(x.shape)[wrapped(x, index)])
    values = np.asarray(values)
    while values.ndim > where.ndim and values.shape[0] == 1:
        values = values[0]
    return where.ravel(), np.broadcast_to(values, where.shape).ravel()

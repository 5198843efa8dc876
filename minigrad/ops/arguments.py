"""What may stand for a tensor, for an axis, and for a size or a count: integers, but neither floats nor truth values.

And what may stand for a yes or no, or for one of a few words; and which numbers a data type holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import dtypes
from ..engine.recorded import describe
from ..tensors.tensor import Tensor

Axis = int | tuple[int, ...] | None
INTEGERS = (int, np.integer)  # what may stand for a size or an axis


def as_tensor(x: Any, like: Tensor | None = None) -> Tensor:
    """`x` itself if it is a Tensor, else a new one, where `like` lives."""
    return x if isinstance(x, Tensor) else Tensor(x, backend=None if like is None else like.backend)


def normal_axis(axis: int, ndim: int, what: str) -> int:
    """A possibly negative axis as 0..ndim-1. Raises IndexError if there is no such axis."""
    if isinstance(axis, bool) or not hasattr(axis, "__index__"):
        raise TypeError(f"{what}: an axis is an integer, not {axis!r}")
    if isinstance(axis, Tensor) and (axis.ndim or axis.dtype.kind not in "iu"):
        instead = f"; of two tensors, element by element: mg.{what}imum(x, y)" if what in ("max", "min") else ""
        raise TypeError(f"{what}: an axis is an integer, not {describe(axis)}{instead}")
    position = axis.__index__()
    if not -ndim <= position < ndim:
        raise IndexError(f"{what}: axis {axis} is out of range for {ndim} axes")
    return position % ndim


def one_axis(axis: int | None, x: Tensor, what: str) -> int:
    """An axis of x as 0..ndim-1. Of a vector it may be left out (None); otherwise that is a ValueError."""
    if axis is None and x.ndim != 1:
        raise ValueError(f"{what}: a tensor with {x.ndim} axes needs an axis")
    return normal_axis(0 if axis is None else axis, x.ndim, what)


def normal_axes(axis: Any, ndim: int, what: str) -> Axis:
    """`axis` with integers made non-negative and a tuple checked for repetition (ValueError)."""
    if axis is None:
        return None
    if isinstance(axis, (tuple, list)):
        axes = tuple(normal_axis(a, ndim, what) for a in axis)
        if len(set(axes)) != len(axes):
            raise ValueError(f"{what}: axis {axis} names an axis twice")
        return axes
    return normal_axis(axis, ndim, what)


def integer(value: Any, what: str) -> int:
    """An integer of Python or NumPy, or an integer tensor with one element, as an int.

    Raises TypeError for anything else; `what` says in the message what it is for.
    """
    if type(value) is int:
        return value
    if not isinstance(value, (bool, np.bool_)) and hasattr(value, "__index__"):
        try:
            return value.__index__()
        except TypeError:
            pass
    raise TypeError(f"{what}: an integer is expected, not {value!r}")


def integers(values: Any, what: str) -> tuple[int, ...]:
    """One integer, or a sequence or vector of them, as a tuple. Raises TypeError for anything else."""
    if isinstance(values, (tuple, list)):
        return tuple([integer(n, what) for n in values])
    if isinstance(values, (bool, str)) or not hasattr(values, "__iter__") or getattr(values, "shape", None) == ():
        return (integer(values, what),)
    return tuple([integer(n, what) for n in (values.tolist() if hasattr(values, "tolist") else values)])


def count(value: Any, what: str) -> int:
    """An integer >= 0. Raises TypeError for what is none, ValueError for a negative one."""
    n = integer(value, what)
    if n < 0:
        raise ValueError(f"{what}: a number >= 0 is expected, not {n}")
    return n


def sizes(shape: int | Sequence[int]) -> tuple[int, ...]:
    """A shape, as a tuple. Raises TypeError for what is none, ValueError for a negative size."""
    given = integers(shape, "a shape")
    if any(n < 0 for n in given):
        raise ValueError(f"a shape has no negative sizes: {given}")
    return given


def flag(value: Any, function: str, name: str) -> bool:
    """True or False, of Python or NumPy. Raises TypeError for what other libraries take in its place, a type say."""
    if value is True or value is False:
        return value
    if isinstance(value, np.bool_):
        return bool(value)
    raise TypeError(
        f"{function}: {name} is True or False, not {value!r}; name the arguments, and put several axes into a tuple"
    )


def one_of(value: Any, choices: Sequence[Any], what: str) -> None:
    """Raise ValueError, which lists the choices, unless the value is one of them."""
    if value not in choices:
        *others, last = map(repr, choices)
        raise ValueError(f"{what} is {', '.join(others)} or {last}, not {value!r}")


def within(value: Any, dtype: np.dtype, what: str) -> None:
    """Raise OverflowError if a number is beyond the range of an integer type, as infinity and NaN are."""
    if dtype.kind in "iu" and isinstance(value, (int, float, np.integer, np.floating)):
        low, high = dtypes.RANGES[dtype]
        if not low <= value <= high:
            raise OverflowError(f"{what}: {value} is out of bounds for {dtype}")


def exactly(value: Any, dtype: np.dtype, what: str) -> None:
    """Raise unless an integer type holds a number: OverflowError as `within`, TypeError for a fraction."""
    within(value, dtype, what)
    if dtype.kind in "iu" and isinstance(value, (float, np.floating)) and value != int(value):
        raise TypeError(f"{what}: {dtype} holds no fractions, and so not {value}")

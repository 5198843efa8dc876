"""What may stand for a size, a count or a position: integers, but neither floats nor truth values."""

from __future__ import annotations

from typing import Any

import numpy as np


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

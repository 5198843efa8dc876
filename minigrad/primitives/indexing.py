"""Reading, and functionally replacing, parts of a tensor.

`index` is a parameter: what may stand in brackets (integers, slices, ellipsis, None, integer and boolean arrays).
"""

from __future__ import annotations

import math
from typing import Any

from .table import primitive

Array = Any

getitem = primitive("getitem", vjp=lambda g, x_shape, index, xp: xp.partial(g, index=index, shape=x_shape), view=True)


def _set_values(g: Array, index: Any, xp: Any) -> Array:
    """The gradient of what was put in place: none for values that a later one at the same position replaced."""
    picked = g[index]
    parts = index if isinstance(index, tuple) else (index,)
    if not any(getattr(part, "ndim", 0) and part.dtype.kind != "b" for part in parts):
        return picked  # no position twice
    flat = xp.zeros_like(xp.reshape(picked, shape=(math.prod(picked.shape),)))
    order = xp.reshape(xp.argsort(flat, axis=0), shape=picked.shape)  # of equal numbers: 0, 1, 2, ...
    last = xp.index_set(xp.astype(xp.zeros_like(g), dtype=order.dtype), order, index=index)
    return xp.where(last[index] == order, picked, 0)


# x with `values` (of the shape of x[index]) added there, or put in place.
# Repeated positions add up (of those put in place the last one stays).
index_add = primitive("index_add", inputs="x values", vjp=(lambda g: g, lambda g, index: g[index]), broadcasts=True)
index_set = primitive(
    "index_set",
    inputs="x values",
    vjp=(
        lambda g, index, xp: xp.index_set(g, xp.zeros_like(g[index]), index=index),
        _set_values,
    ),
    broadcasts=True,
)

one_hot = primitive("one_hot", inputs="x")

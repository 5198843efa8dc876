"""Putting many values into a tensor at once, as PyTorch's scatter functions do; and running extremes.

`take_along_axis` reads x[i0, .., index[i0, .., in], .., in]; these write there. All are differentiable, and return a
new tensor.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .. import dtypes
from ..backends.deferred import ALL
from ..engine.recorded import describe, wrap
from ..tensors.tensor import Tensor
from .arguments import as_tensor, normal_axis, one_of
from .creation import full
from .elementwise import clip, divide, isnan, where
from .indexing import argsort, as_indices, take_along_axis
from .precision import in_float32
from .reductions import cumulative_sum, max, min, prod
from .shaping import broadcast_to, concat, flatten, reshape

# What changes nothing: the value that fills up rows of different lengths.
NEUTRAL = {"prod": (1, 1), "amax": (-math.inf, 0), "amin": (math.inf, 1)}
REDUCTIONS: dict[str, Callable[..., Tensor]] = {"prod": prod, "amax": max, "amin": min}


def scatter(x: Any, axis: int, index: Any, src: Any, reduce: str | None = None) -> Tensor:
    """x with `src` put at the places that `index` names along an axis; of repeated places the last one stays.

    Args:
        x: a tensor.
        axis: the axis along which `index` counts.
        index: integers, as many axes as x; along the other axes its sizes are at most those of x and of `src`.
        src: a tensor at least as large as `index` along every axis, or a number.
        reduce: None; or "add" or "multiply" to combine with what is there, see `scatter_reduce`.

    Raises ValueError for shapes or a `reduce` that do not fit, IndexError for places that are not there.
    """
    one_of(reduce, (None, "add", "multiply"), "scatter: reduce")
    if reduce is not None:
        return scatter_reduce(x, axis, index, src, "sum" if reduce == "add" else "prod")
    x, places, values = _arranged(x, axis, index, src, "scatter")
    return x.at[places].set(values)


def scatter_add(x: Any, axis: int, index: Any, src: Any) -> Tensor:
    """x with `src` added at the places that `index` names along an axis, see `scatter`; repeated places add up."""
    x, places, values = _arranged(x, axis, index, src, "scatter_add")
    return x.at[places].add(values)


@in_float32
def scatter_reduce(x: Any, axis: int, index: Any, src: Any, reduce: str, include_self: bool = True) -> Tensor:
    """x with `src` combined with what is at the places that `index` names along an axis, see `scatter`.

    Args:
        x, axis, index, src: as for `scatter`.
        reduce: "sum", "prod", "mean", "amax" or "amin".
        include_self: whether what x has at these places is combined too. Elsewhere x stays as it is.

    Equal extremes share the gradient. prod, amax and amin need memory for (places that are written to) times (the most
    values that go to one place).
    """
    one_of(reduce, ("sum", "mean", *REDUCTIONS), "scatter_reduce: reduce")
    x, places, values = _arranged(x, axis, index, src, "scatter_reduce")
    if reduce in REDUCTIONS and values.size:
        return _by_rows(x, places, values, reduce, include_self)
    total = (x if include_self else x.at[places].set(0)).at[places].add(values)
    if reduce != "mean":
        return total
    ones = full(x.shape, 1, dtype=dtypes.DEFAULT_INT, backend=x.backend)
    counts = clip((ones if include_self else ones.at[places].set(0)).at[places].add(1), 1)
    return total / counts if dtypes.is_float(x.dtype) else divide(total, counts.astype(x.dtype), rounding_mode="floor")


def _arranged(x: Any, axis: int, index: Any, src: Any, what: str) -> tuple[Tensor, tuple[Any, ...], Tensor]:
    """x, the places as they stand in brackets behind x, and a value for each of them."""
    x = as_tensor(x)
    axis = normal_axis(axis, x.ndim, what)
    at = as_indices(index, x, what)
    if at.ndim != x.ndim or any(n > m for i, (n, m) in enumerate(zip(at.shape, x.shape, strict=True)) if i != axis):
        raise ValueError(f"{what}: indices of shape {at.shape} do not fit {describe(x)} along axis {axis}")
    if isinstance(src, (bool, int, float)):
        values = full(at.shape, src, dtype=x.dtype, backend=x.backend)
    else:
        values = as_tensor(src)
        if values.ndim != at.ndim or any(n > m for n, m in zip(at.shape, values.shape, strict=True)):
            raise ValueError(f"{what}: {describe(values)} has no value for each index of shape {at.shape}")
        if values.shape != at.shape:
            values = values[tuple(slice(0, n) for n in at.shape)]
    xp: Any = x.backend
    grid = [xp.reshape(xp.arange(0, n, 1), shape=(-1,) + (1,) * (at.ndim - 1 - i)) for i, n in enumerate(at.shape)]
    grid[axis] = at.array
    return x, tuple(xp.broadcast_to(g, shape=at.shape) for g in grid), values


def _by_rows(x: Tensor, places: tuple[Any, ...], values: Tensor, reduce: str, include_self: bool) -> Tensor:
    """All values that go to one place in one row, rows filled up with what changes nothing; then reduced by rows."""
    xp: Any = x.backend
    numbers = wrap(xp.reshape(xp.arange(0, x.size, 1), shape=x.shape), x.backend)
    targets = flatten(numbers[places])
    order = argsort(targets)
    ordered = targets[order]
    first = concat([ordered[:1] == ordered[:1], ordered[1:] != ordered[:-1]])
    rows = cumulative_sum(first, 0) - 1
    starts = wrap(xp.nonzero(first.array), x.backend)
    columns = numbers_to(ordered.size, x) - starts[rows]
    width = int(columns.max().item()) + 1
    unlimited, end = NEUTRAL[reduce]
    neutral = unlimited if reduce == "prod" or dtypes.is_float(x.dtype) else dtypes.RANGES[x.dtype][end]
    table = full((starts.size, width), neutral, dtype=values.dtype, backend=x.backend)
    table = table.at[rows, columns].set(flatten(values)[order])
    flat, written = flatten(x), ordered[starts]
    if include_self:
        table = concat([table, reshape(flat[written], (-1, 1))], axis=1)
    return reshape(flat.at[written].set(REDUCTIONS[reduce](table, axis=1).astype(x.dtype)), x.shape)


def numbers_to(n: int, x: Tensor) -> Tensor:
    """0..n-1 where x lives."""
    xp: Any = x.backend
    return wrap(xp.arange(0, n, 1), x.backend)


# --- running extremes -------------------------------------------------------------------------------------------------


def cummax(x: Any, axis: int) -> tuple[Tensor, Tensor]:
    """The largest of the first 1, 2, ... elements along an axis, and its index: of equal ones the last, as in PyTorch.

    From the first NaN on all are NaN. A value's gradient goes to the element at its index.
    """
    return _running(x, axis, lambda right, left: right >= left, "cummax")


def cummin(x: Any, axis: int) -> tuple[Tensor, Tensor]:
    """The smallest of the first 1, 2, ... elements along an axis, and its index; see `cummax`."""
    return _running(x, axis, lambda right, left: right <= left, "cummin")


def _running(x: Any, axis: int, wins: Callable[[Any, Any], Any], what: str) -> tuple[Tensor, Tensor]:
    """By doubling: after step k each place knows the best of the 2**k elements that end there."""
    x = as_tensor(x)
    axis = normal_axis(axis, x.ndim, what)
    n = x.shape[axis]
    lead = (ALL,) * axis
    best = x.detach()
    at = broadcast_to(reshape(numbers_to(n, x), (-1,) + (1,) * (x.ndim - 1 - axis)), x.shape)
    step = 1
    while step < n:
        later, earlier, head = (*lead, slice(step, None)), (*lead, slice(None, -step)), (*lead, slice(None, step))
        right, left = best[later], best[earlier]
        taken = isnan(right) | (~isnan(left) & wins(right, left))
        best = concat([best[head], where(taken, right, left)], axis)
        at = concat([at[head], where(taken, at[later], at[earlier])], axis)
        step *= 2
    return take_along_axis(x, at, axis), at

"""Reading by index, sorting, and choosing."""

from __future__ import annotations

from typing import Any, NamedTuple

from .. import dtypes
from ..engine.record import apply
from ..primitives import PRIMITIVES
from ..tensors.tensor import Tensor
from .arguments import as_tensor, flag, integer, normal_axis, one_axis, one_of
from .elementwise import alike
from .reductions import max
from .shaping import flatten


def take(x: Any, indices: Any, axis: int | None = None) -> Tensor:
    """The slices of x along `axis` that `indices` (an integer tensor of any shape) names.

    The result has the shape of `indices` in place of that axis. Negative indices count from the end. Gradients of
    repeated indices add up. Raises IndexError for an index out of range.
    """
    x = as_tensor(x)
    lead = (slice(None),) * one_axis(axis, x, "take")
    return x[(*lead, as_indices(indices, x, "take"))]


def take_along_axis(x: Any, indices: Any, axis: int = -1) -> Tensor:
    """For each position of `indices`, the element of x at that index along `axis` and at that place elsewhere.

    x and indices have the same number of axes, and equal (or broadcastable) sizes but for `axis`.
    """
    x = as_tensor(x)
    at = as_indices(indices, x, "take_along_axis")
    if at.ndim != x.ndim:
        raise ValueError(f"take_along_axis: indices have shape {at.shape}, the tensor {x.shape}: other axes")
    axis = normal_axis(axis, x.ndim, "take_along_axis")
    index = []
    for i, n in enumerate(x.shape):
        if i == axis:
            index.append(at.array)
        else:
            sizes = [1] * x.ndim
            sizes[i] = n
            index.append(x.backend.reshape(x.backend.arange(0, n, 1), shape=tuple(sizes)))
    return x[tuple(index)]


def sort(x: Any, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """The elements in order along an axis; equal ones keep theirs, `stable` or not. NaN counts as the largest."""
    return take_along_axis(x, argsort(x, axis, descending, stable), axis)


def argsort(x: Any, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """The indices that put x in order along an axis; equal elements keep theirs, `stable` or not."""
    x = as_tensor(x)
    axis = normal_axis(axis, x.ndim, "argsort")
    return apply(PRIMITIVES["argsort"], (x,), {"axis": axis, "descending": flag(descending, "argsort", "descending")})


class TopK(NamedTuple):
    """What `topk` finds."""

    values: Tensor
    indices: Tensor


def topk(x: Any, k: int, axis: int = -1, largest: bool = True) -> TopK:
    """The k largest (or smallest) elements along an axis, in order, and their indices: (values, indices).

    Raises ValueError if the axis has fewer than k elements.
    """
    x = as_tensor(x)
    axis = normal_axis(axis, x.ndim, "topk")
    k = integer(k, "topk: k")
    if not 0 <= k <= x.shape[axis]:
        raise ValueError(f"topk: cannot take {k} elements of axis {axis} of shape {x.shape}")
    order = argsort(x.detach(), axis, descending=largest)[(*(slice(None),) * axis, slice(0, k))]
    return TopK(take_along_axis(x, order, axis), order)


def searchsorted(x: Any, values: Any, side: str = "left", sorter: Any = None) -> Tensor:
    """Where each of `values` belongs in the ordered vector x, so that it stays in order: before or after its equals.

    Args:
        x: a vector in ascending order, or in the order of `sorter`.
        values: a tensor of any shape.
        side: "left" puts a value before what is equal to it, "right" behind it.
        sorter: the indices that put x in order, as `argsort` gives them.

    Returns:
        the places, int64 of the shape of `values`. NaN counts as the largest.
    """
    one_of(side, ("left", "right"), "searchsorted: side")
    x, values = alike(x, values)
    if x.ndim != 1:
        raise ValueError(f"searchsorted: an ordered vector is expected, not shape {x.shape}")
    if sorter is not None:
        x = take(x, sorter)
    return apply(PRIMITIVES["searchsorted"], (x, values), {"side": side})


def nonzero(x: Any) -> tuple[Tensor, ...]:
    """The indices of the non-zero elements, one integer vector an axis. Raises ValueError for a tensor without axes."""
    x = as_tensor(x)
    if x.ndim == 0:
        raise ValueError("nonzero: a tensor without axes has no indices; reshape it to (1,) first")
    flat = flatten(x)
    xp: Any = x.backend
    places = xp.nonzero(flat.array)
    found = []
    for n in reversed(x.shape):
        found.append(Tensor(xp.remainder(places, n), backend=x.backend))
        places = xp.floor_divide(places, n)
    return tuple(reversed(found))


def one_hot(x: Any, n: int = -1, dtype: Any = None) -> Tensor:
    """Class indices as vectors of length n with a single 1, on a new last axis.

    With n = -1 the vectors are as long as the largest index asks for, for which a GPU is waited for. Raises TypeError
    for indices that are no integers, IndexError for one out of range, ValueError if no indices are to tell the length.
    """
    x = as_indices(x, as_tensor(x), "one_hot")
    n = integer(n, "one_hot: n")
    if n == -1:
        if not x.size:
            raise ValueError(f"one_hot: indices of shape {x.shape} do not tell how many classes there are: give n")
        n = int(max(x).item()) + 1
    elif n < 0:
        raise ValueError(f"one_hot: the number of classes is >= 0, or -1 for as many as there are, not {n}")
    x.backend.check_indices(x.array, n, "one_hot: index")
    kind = dtypes.DEFAULT_FLOAT if dtype is None else dtypes.check(dtype)
    return apply(PRIMITIVES["one_hot"], (x,), {"n": n, "dtype": kind})


def as_indices(indices: Any, x: Tensor, what: str) -> Tensor:
    """Indices as an integer tensor where x lives. Raises TypeError for others; an empty list has no type of its own."""
    t = as_tensor(indices, x)
    if t.size == 0 and dtypes.is_float(t.dtype):
        t = t.astype("int64")
    if t.dtype.kind not in "iu":
        raise TypeError(f"{what}: indices must be integers, not {t.dtype}")
    return t

"""Functions composed of those that rearrange: joining, grids of points, differences, diagonals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import dtypes
from ..backends.deferred import ALL
from ..tensors.tensor import Tensor
from .arguments import as_tensor, count, integer, normal_axis, one_of
from .precision import in_float32
from .shaping import broadcast_arrays, concat, moveaxis, reshape


def hstack(xs: Sequence[Any]) -> Tensor:
    """Tensors side by side: joined along their second axis, vectors along their only one, numbers as a vector."""
    tensors = [reshape(x, (1,)) if as_tensor(x).ndim == 0 else as_tensor(x) for x in xs]
    return concat(tensors, axis=1 if tensors and tensors[0].ndim > 1 else 0)


def vstack(xs: Sequence[Any]) -> Tensor:
    """Tensors below one another: joined along their first axis, vectors as the rows of a matrix."""
    return concat([reshape(x, (1, -1)) if as_tensor(x).ndim < 2 else as_tensor(x) for x in xs], axis=0)


def meshgrid(*xs: Any, indexing: str = "xy") -> list[Tensor]:
    """The coordinates of the points of a grid, one tensor an axis, from one vector an axis.

    With indexing="ij" the vector i runs along axis i of the results; with "xy" the first two axes are exchanged, so
    that the first vector runs along the columns of a picture. (PyTorch's default is "ij".)
    """
    one_of(indexing, ("xy", "ij"), "meshgrid: indexing")
    tensors = [as_tensor(x) for x in xs]
    if any(x.ndim > 1 for x in tensors):
        raise ValueError(f"meshgrid: vectors are expected, got shapes {', '.join(str(x.shape) for x in tensors)}")
    places = list(range(len(tensors)))
    if indexing == "xy":
        places[:2] = reversed(places[:2])
    along = [
        reshape(x, tuple(-1 if i == place else 1 for i in range(len(tensors))))
        for x, place in zip(tensors, places, strict=True)
    ]
    return broadcast_arrays(*along)


@in_float32
def diff(x: Any, /, *, axis: int = -1, n: int = 1, prepend: Any = None, append: Any = None) -> Tensor:
    """The differences of neighbours along an axis, taken `n` times; `prepend` and `append` are joined to x before.

    Raises TypeError for truth values, ValueError for a negative n.
    """
    x = as_tensor(x)
    axis = normal_axis(axis, x.ndim, "diff")
    n = count(n, "diff: n")
    if x.dtype.kind == "b":
        raise TypeError("diff: of truth values; convert them with astype first")
    ends = [as_tensor(end) for end in (prepend, append) if end is not None]
    if ends:
        x = concat([*ends[: prepend is not None], x, *ends[prepend is not None :]], axis)
    lead = (ALL,) * axis
    for _ in range(n):
        x = x[(*lead, slice(1, None))] - x[(*lead, slice(None, -1))]
    return x


def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """The diagonal over two axes, on a new last axis; that `offset` places to the right, or to the left if negative."""
    x = as_tensor(x)
    first, second = normal_axis(axis1, x.ndim, "diagonal"), normal_axis(axis2, x.ndim, "diagonal")
    if first == second:
        raise ValueError(f"diagonal: {axis1} and {axis2} are one axis")
    offset = integer(offset, "diagonal: offset")
    rows, columns = max(-offset, 0), max(offset, 0)
    n = max(min(x.shape[first] - rows, x.shape[second] - columns), 0)
    xp: Any = x.backend
    along = [xp.arange(start, start + n, 1, dtypes.DEFAULT_INT) for start in (rows, columns)]
    out = moveaxis(x, (first, second), (0, 1))[along[0], along[1]]
    return moveaxis(out, 0, -1)

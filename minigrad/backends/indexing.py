"""Reading and writing at indices, for NumPy's arrays and for those of a library that indexes as NumPy does.

Where an addition names rows, these are sorted first, so that what one row gets is summed before it is added to the row.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Array, Backend, Shape
from .deferred import Partial
from .halves import is_half, widened
from .sums import FEW

BOOL = np.dtype(bool)


class Indexing(Backend):
    """The calls of a backend that read and write at indices, over a library that indexes as NumPy does."""

    lib: Any

    def getitem(self, x: Array, index: Any) -> Array:
        out = x[index]
        if type(out) is self.array_type:
            return out
        return x[(*index, ...) if type(index) is tuple else (index, ...)]  # of one element too, a view

    partial = staticmethod(Partial)  # the gradient of x[index], which the sweep puts together with others

    def add_at(self, x: Array, index: Any, values: Array) -> None:
        """x[index] += values in place, adding up where positions repeat."""
        if is_basic(index):
            x[index] += values
        elif is_half(x):
            wide = widened(x)
            self.add_at(wide, index, widened(values))
            x[...] = wide
        elif (rows := self._rows(x, index, values)) is not None:
            self._add_rows(*rows)
        else:
            self.lib.add.at(x, index, values)

    def _rows(self, x: Array, index: Any, values: Array) -> tuple[Array, Array, Array] | None:
        """x as a list of rows, which of them an index of integer arrays names, and what to add to each of these.

        None where `lib.add.at` does it as well or better: for other indices, and for few single elements.
        """
        parts = index if type(index) is tuple else (index,)
        if any(getattr(part, "dtype", BOOL).kind != "i" for part in parts) or not parts[0].size or len(parts) > x.ndim:
            return None
        n = len(parts)
        if x.ndim == n and (x.dtype.kind != "f" or parts[0].size <= FEW):
            return None
        if n == 1:
            flat, places = x, parts[0]
        else:
            flat = x.reshape(-1, *x.shape[n:])
            if not self.may_overlap(flat, x):
                return None
            places = self.lib.ravel_multi_index(self._wrapped(parts, x.shape), x.shape[:n])
        return flat, places.reshape(-1), self.lib.broadcast_to(values, (*places.shape, *flat.shape[1:]))

    def _wrapped(self, parts: tuple[Array, ...], shape: Shape) -> tuple[Array, ...]:
        """Indices counted from the start. Raises IndexError for one that is out of range."""
        lib, wrapped = self.lib, []
        for part, n in zip(parts, shape, strict=False):
            wrapped.append(lib.where(part < 0, part + n, part))
            self.check_indices(wrapped[-1], n, "index")
        return tuple(lib.broadcast_arrays(*wrapped))

    def _add_rows(self, x: Array, places: Array, values: Array) -> None:
        """Add rows `values` to the rows of `x` that `places` names: sorted, each row's share is one contiguous sum."""
        lib = self.lib
        (flat,) = self._wrapped((places,), x.shape)
        rows = values.reshape(flat.size, *x.shape[1:])
        order = lib.argsort(flat, kind="stable")
        ordered = flat[order]
        starts = lib.concatenate(([0], lib.flatnonzero(ordered[1:] != ordered[:-1]) + 1))
        if len(starts) == flat.size:  # no row twice
            x[flat] += rows
        else:
            x[ordered[starts]] += lib.add.reduceat(rows[order], starts, axis=0)

    def index_add(self, x: Array, values: Array, index: Any) -> Array:
        out = self._common_copy(x, values)
        self.add_at(out, index, values)
        return out

    def index_set(self, x: Array, values: Array, index: Any) -> Array:
        out = self._common_copy(x, values)
        if (
            not is_basic(index) and values.ndim > 1
        ):  # NumPy writes in memory's order: the last is to be the last in ours
            values = self.lib.ascontiguousarray(values)
        out[index] = values
        return out

    def _common_copy(self, x: Array, values: Array) -> Array:
        """A copy of x in a type that holds the values too, so that none is cut down silently."""
        return self.lib.array(x, dtype=self.lib.result_type(x, values), copy=True)

    def one_hot(self, x: Array, n: int, dtype: Any) -> Array:
        return (x[..., None] == self.lib.arange(n)).astype(dtype)


def is_basic(index: Any) -> bool:
    """Whether an index consists of integers, slices, ellipsis and None alone, and so picks no position twice."""
    parts = index if type(index) is tuple else (index,)
    return all(part is None or part is Ellipsis or isinstance(part, (int, slice, np.integer)) for part in parts)

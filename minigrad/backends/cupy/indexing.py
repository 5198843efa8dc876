"""Indexing on a GPU: without waiting for it, and with results that are the same each time.

CuPy differs from NumPy in three ways that this file makes up for. An index out of range wraps around silently: here a
kernel notes it, and the next transfer to the host raises IndexError. Of several values put at one place any one may
stay: here the last does. Values that are added at one place come in any order, so that the sum is rounded differently
each time: here they are sorted first.

Only a boolean array makes the host wait, because the shape of the result depends on its values.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..base import Array, Shape
from ..fused import FusedBackend
from ..indexing import is_basic

INT64 = np.dtype(np.int64)


class CupyIndexing(FusedBackend):
    """The calls of a backend that read and write at indices.

    Attributes:
        noting: a kernel may have noted a bad index since somebody last looked.
    """

    noting = False
    scatter_add: Any  # CuPy's

    def check_indices(self, indices: Array, n: int, what: str) -> None:
        """Have it noted if an index is not in 0..n-1."""
        if indices.size:
            indices = self.as_index(indices)
            self._check_range(self.lib.where(indices < 0, n, indices), n)

    def getitem(self, x: Array, index: Any) -> Array:
        if not is_basic(index):
            self._check(x, index)
        return x[index]

    def add_at(self, x: Array, index: Any, values: Array) -> None:
        """x[index] += values in place, adding up in the order of the values where positions repeat.

        A bad index raises IndexError at the next transfer; at once, where an axis has no elements at all.
        """
        if is_basic(index):
            x[index] += values
        elif is_one_mask(index):
            self.scatter_add(x, index, values)  # no position twice: there is only one order
        else:
            rows = self.lib.ascontiguousarray(x)
            places, row_shape = self._places(x, index)
            new = self._rows_for(places, row_shape, values, x.dtype)
            if not new.size:
                return
            if self.may_overlap(new, rows):
                new = new.copy()
            add = self.kernels.add_rows if x.dtype in self.float_types else self._add_whole_numbers
            add(rows.reshape(-1, new.shape[1]), places.reshape(-1), new)
            if rows is not x:
                x[...] = rows

    def index_set(self, x: Array, values: Array, index: Any) -> Array:
        out = self._common_copy(x, values)
        if is_basic(index) or is_one_mask(index):
            out[index] = values
            return out
        places, row_shape = self._places(out, index)
        new = self._rows_for(places, row_shape, values, out.dtype)
        if new.size:
            rows = out.reshape(-1, new.shape[1])
            order, places, _, last = self._runs(places.reshape(-1), len(rows))
            # Each of the values for one place is replaced by the last of them: then any of them may stay.
            rows[places] = new[order[last]]
        return out

    def _common_copy(self, x: Array, values: Array) -> Array:
        return self.lib.array(x, dtype=self.lib.result_type(x, values), copy=True, order="C")

    # --- index arrays -------------------------------------------------------------------------------------------------

    def _check(self, x: Array, index: Any) -> None:
        """Have it noted if an integer array in `index` holds an index that is out of range for its axis."""
        parts = index if type(index) is tuple else (index,)
        taken = [0 if part is None or part is Ellipsis else part.ndim if is_mask(part) else 1 for part in parts]
        axis = 0
        for part, n in zip(parts, taken, strict=True):
            if is_integers(part) and part.size and axis < x.ndim:
                self._check_range(part, x.shape[axis])
            axis += x.ndim - sum(taken) if part is Ellipsis else n

    def _check_range(self, indices: Array, n: int) -> None:
        """Have it noted if an index is not in -n..n-1."""
        if n == 0:
            raise IndexError("an axis without elements cannot be indexed by numbers")
        self.noting = True
        self.kernels.check_range(self.as_index(indices), n)

    def _places(self, x: Array, index: Any) -> tuple[Array, Shape]:
        """Where in x, seen as a list of rows, lie the rows that `index` selects; and the shape of a row.

        Where the index consists of integer arrays, which select on the first axes, a row is what lies behind these.
        Otherwise it is one element.
        """
        parts = index if type(index) is tuple else (index,)
        self._check(x, index)
        if not all(map(is_integers, parts)) or len(parts) > x.ndim:
            return self.lib.arange(0, x.size, 1, INT64).reshape(x.shape)[index], ()
        places = parts[0].astype(INT64, copy=False)
        if len(parts) > 1:
            places = 0
            for part, n in zip(parts, x.shape, strict=False):
                part = part.astype(INT64, copy=False)
                places = places * n + self.lib.where(part < 0, part + n, part)
        return places, x.shape[len(parts) :]

    def _rows_for(self, places: Array, row_shape: Shape, values: Array, dtype: Any) -> Array:
        """The values as a matrix with one row for each of the places."""
        values = values.astype(dtype, copy=False)
        rows = self.lib.broadcast_to(values, (*places.shape, *row_shape))
        return self.lib.ascontiguousarray(rows).reshape(places.size, math.prod(row_shape))

    # --- several values for one place ---------------------------------------------------------------------------------

    def _runs(self, places: Array, n: int) -> tuple[Array, Array, Array, Array]:
        """What sorts the places (0..n-1, or counted from the end); the sorted places; and for each of them the first
        and the last position of the run of equal places that it belongs to."""
        lib = self.lib
        places = lib.where(places < 0, places + n, places)
        order = lib.argsort(places)
        places = places[order]
        first = lib.searchsorted(places, places, side="left")
        return order, places, first, lib.searchsorted(places, places, side="right") - 1

    def _add_whole_numbers(self, rows: Array, places: Array, new: Array) -> None:
        """rows[places] += new for integers and truth values: each run's sum is a difference of sums up to a place."""
        order, places, first, last = self._runs(places, len(rows))
        new = new[order].astype("uint64" if rows.dtype.kind == "u" else INT64)
        sums = self.lib.cumsum(new, axis=0)
        total = rows[places] + (sums[last] - sums[first] + new[first])
        rows[places] = total != 0 if rows.dtype.kind == "b" else total.astype(rows.dtype)


def is_integers(part: Any) -> bool:
    """Whether a part of an index is an array of integers."""
    return not isinstance(part, np.generic) and getattr(part, "dtype", None) is not None and part.dtype.kind in "iu"


def is_mask(part: Any) -> bool:
    """Whether a part of an index is an array of truth values."""
    return not isinstance(part, np.generic) and getattr(part, "dtype", None) is not None and part.dtype.kind == "b"


def is_one_mask(index: Any) -> bool:
    """Whether the only array in an index is one of truth values: then it picks no position twice."""
    parts = index if type(index) is tuple else (index,)
    return sum(map(is_mask, parts)) == 1 and not any(map(is_integers, parts))

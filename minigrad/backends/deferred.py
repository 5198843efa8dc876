"""Gradients that are not put together yet, because more of the same kind is likely to come.

A derivative rule may return one of these instead of an array. The sweep collects those that go to the same node, and
asks for the array when the node's turn comes. It is by this that backpropagation through T time steps neither fills T
arrays with zeros for T slices of a sequence, nor makes T small products for the gradient of one weight.
"""

from __future__ import annotations

import math
from itertools import repeat
from operator import is_
from typing import Any

from .halves import widened

Array = Any
Shape = tuple[int, ...]


class Deferred:
    """A gradient of a known shape and type, whose contributions are still apart."""

    __slots__ = ("dtype", "shape")

    dtype: Any
    shape: Shape

    def add(self, other: Any, backend: Any) -> None:
        """Take over the contributions of another one of the same kind and shape."""
        raise NotImplementedError

    def outgrown(self) -> bool:
        """Whether the contributions have come to take more memory than is good, so that `dense` is called at once."""
        return False

    def dense(self, backend: Any) -> Array:
        """The gradient as an array of its own."""
        raise NotImplementedError

    def add_to(self, total: Array, backend: Any) -> Array:
        """Add the gradient to an array in place, and return it."""
        raise NotImplementedError

    def arrays(self, backend: Any) -> list[Array]:
        """Arrays that hold a NaN or an infinity where the gradient does, for a search for these."""
        return [self.dense(backend)]


class Partial(Deferred):
    """An array that is zero except at some places: the gradient of reading x[index].

    Rules of indexing return it instead of a full array, so that reading the T slices of a sequence one by one costs
    O(T) in backward, not O(T^2): the contributions are collected and put into one array at the end.
    """

    __slots__ = ("_counted", "_size", "indices", "values")

    def __init__(self, values: Array, index: Any, shape: Shape) -> None:
        self.indices = [index]
        self.values = [values]
        self.shape = shape
        self.dtype = values.dtype
        self._counted = self._size = 0  # the number of elements of the values counted so far

    def add(self, other: Partial, backend: Any) -> None:
        self.indices += other.indices
        self.values += other.values

    def outgrown(self) -> bool:
        # Looked at now and then: parts that do not overlap, which nearly all are, never outgrow.
        n = len(self.values)
        if n % 16:
            return False
        self._size += sum([x.size for x in self.values[self._counted :]])
        self._counted = n
        return self._size > 2 * math.prod(self.shape)

    def arrays(self, backend: Any) -> list[Array]:
        return self.values

    def dense(self, backend: Any) -> Array:
        found = _order(self.indices, self.shape)
        if found is not None:
            order, axis, places = found
            values = [self.values[i] for i in order]
            if not places:
                return backend.concat(*values, axis=axis)
            if axis == 0 and values[0].ndim:  # as `stack`, but in one step
                return backend.concat(*values, axis=0).reshape(self.shape)
            return backend.stack(*values, axis=axis)
        return self.add_to(backend.zeros(self.shape, self.dtype), backend)

    def add_to(self, total: Array, backend: Any) -> Array:
        for index, values in zip(self.indices, self.values):
            backend.add_at(total, index, values)
        return total


ALL = slice(None)


# How to put parts together: their order, the axis, and whether each is one place on it (and so lacks the axis) or a
# slice; None if they do not cover the array exactly.
Order = tuple[list[int], int, bool] | None

# What `_find_order` answered, for indices that are the very same objects: the pieces of a cell's split at each step.
# The indices are kept with it, so that no other object can come to have the identity of one of them.
_known: dict[tuple[Any, ...], tuple[list[Any], Order]] = {}


def _order(indices: list[Any], shape: Shape) -> Order:
    """`_find_order`, remembered for a few tuples."""
    if len(indices) > 8 or type(indices[0]) is not tuple:
        return _find_order(indices, shape)
    key = (shape, *map(id, indices))
    found = _known.get(key)
    if found is None:
        if len(_known) >= 256:
            _known.clear()
        found = _known[key] = list(indices), _find_order(indices, shape)
    return found[1]


def _find_order(indices: list[Any], shape: Shape) -> Order:
    """How to put parts together that cover the array exactly, as `split` or `unstack` leave them.

    A wrong None costs time only. So whole axes are recognised by the very object that those functions use, ALL, which
    spares looking at what else an index may hold.
    """
    first = indices[0]
    axis = len(first) - 1 if type(first) is tuple else 0
    if not 0 <= axis < len(shape):
        return None
    n, places = shape[axis], 0
    spans: list[tuple[int, int, int]] = []
    for index in indices:
        if type(index) is tuple:
            if len(index) != axis + 1 or not all(map(is_, index[:-1], repeat(ALL))):
                return None
            index = index[-1]
        elif axis:
            return None
        if type(index) is int:
            start = index if index >= 0 else index + n
            spans.append((start, start + 1, len(spans)))
            places += 1
        elif type(index) is slice and index.step is None:
            spans.append((*index.indices(n)[:2], len(spans)))
        else:
            return None
    spans.sort()
    end = 0
    for start, stop, _ in spans:
        if start != end:
            return None
        end = stop if stop > start else end
    if end != n or places not in (0, len(spans)):
        return None
    return [i for _, _, i in spans], axis, places > 0


# A product of so many elements uses a processor well; and what waits for it takes no more than some megabytes, or some
# times the memory of the result.
ENOUGH, ENOUGH_TIMES = 1 << 20, 8


class ProductSum(Deferred):
    """A sum of products x_t.T @ y_t: the gradient of a weight matrix that was used at many time steps.

    The factors are collected and multiplied as two tall matrices, [x_1; x_2; ...].T @ [y_1; y_2; ...]. That is as much
    arithmetic as T products, but one large product is faster than many small ones, and the result, which may be larger
    than the factors of a step, is written once instead of T times.
    """

    __slots__ = ("_size", "_total", "_xs", "_ys")

    def __init__(self, x: Array, y: Array) -> None:
        """Start with x.T @ y, for x (N, m) and y (N, n)."""
        self.shape = (x.shape[1], y.shape[1])
        self.dtype = y.dtype
        self._xs, self._ys = [x], [y]
        self._size = x.size + y.size
        self._total: Array = None

    def add(self, other: ProductSum, backend: Any) -> None:
        self._xs += other._xs
        self._ys += other._ys
        self._size += other._size
        if self._size > ENOUGH and self._size > ENOUGH_TIMES * math.prod(self.shape):
            self._total = self.dense(backend)
            self._xs, self._ys, self._size = [], [], 0

    def dense(self, backend: Any) -> Array:
        xs, ys, total = self._xs, self._ys, self._total
        if not xs:
            return total
        x, y = (xs[0], ys[0]) if len(xs) == 1 else (backend.concat(*xs, axis=0), backend.concat(*ys, axis=0))
        product = backend.matmul(x.T, y)
        return product if total is None else widened(total) + product

    def add_to(self, total: Array, backend: Any) -> Array:
        total += self.dense(backend)
        return total


DEFERRED = frozenset((Partial, ProductSum))

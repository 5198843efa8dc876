"""The different values of a tensor, and membership: the array API's set functions.

All are compositions of sorting, comparing and indexing, so that they run wherever those do. Values are in order; NaN
counts as different from every other NaN, as the standard says. A value's gradient goes to its first occurrence.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .. import dtypes
from ..engine.recorded import wrap
from ..tensors.tensor import Tensor
from .arguments import as_tensor
from .elementwise import alike, clip
from .indexing import argsort, searchsorted, sort
from .reductions import cumulative_sum
from .shaping import concat, flatten, reshape


class UniqueAll(NamedTuple):
    """What `unique_all` returns."""

    values: Tensor
    indices: Tensor
    inverse_indices: Tensor
    counts: Tensor


class UniqueCounts(NamedTuple):
    """What `unique_counts` returns."""

    values: Tensor
    counts: Tensor


class UniqueInverse(NamedTuple):
    """What `unique_inverse` returns."""

    values: Tensor
    inverse_indices: Tensor


def unique_all(x: Any) -> UniqueAll:
    """The different values of x in order, where each occurs first, where each element of x is among them, how often.

    `values`, `indices` (into the flattened x) and `counts` are vectors; `inverse_indices` has the shape of x.
    """
    x = as_tensor(x)
    flat = flatten(x)
    n = flat.size
    order = argsort(flat.detach())
    ordered = flat.detach()[order]
    first = concat([Tensor([True] * min(n, 1), dtypes.bool, backend=x.backend), ordered[1:] != ordered[:-1]])
    xp: Any = x.backend
    starts = wrap(xp.nonzero(first.array), x.backend)
    indices = order[starts]
    counts = concat([starts[1:], Tensor([n] * min(n, 1), dtypes.DEFAULT_INT, backend=x.backend)]) - starts
    ranks = cumulative_sum(first, 0) - 1
    inverse = ranks if n == 0 else (ranks * 0).at[order].set(ranks)
    return UniqueAll(flat[indices], indices, reshape(inverse, x.shape), counts)


def unique_counts(x: Any) -> UniqueCounts:
    """The different values of x in order, and how often each occurs."""
    found = unique_all(x)
    return UniqueCounts(found.values, found.counts)


def unique_inverse(x: Any) -> UniqueInverse:
    """The different values of x in order, and where each element of x is among them, in the shape of x."""
    found = unique_all(x)
    return UniqueInverse(found.values, found.inverse_indices)


def unique_values(x: Any) -> Tensor:
    """The different values of x in order."""
    return unique_all(x).values


def isin(x: Any, values: Any, *, invert: bool = False) -> Tensor:
    """Whether each element of x is one of `values`; with `invert`, whether it is none of them. NaN is in nothing."""
    x, values = (t.detach() for t in alike(x, values))
    ordered = sort(flatten(values))
    if not ordered.size:
        return (x != x) | invert if invert else (x != x) & False
    places = clip(searchsorted(ordered, x), None, ordered.size - 1)
    found = ordered[places] == x
    return ~found if invert else found

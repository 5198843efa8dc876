"""Products of vectors, matrices and tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..engine.record import apply
from ..primitives import PRIMITIVES
from ..tensors.tensor import Tensor
from .arguments import as_tensor, integer, normal_axis
from .arranging import diagonal
from .precision import in_float32
from .reductions import sum
from .shaping import moveaxis

# Those of einsum. The module `string`, which has them too, takes a millisecond to load.
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def matmul(x: Any, y: Any) -> Tensor:
    """The matrix product over the last axis of x and the second-to-last of y; leading axes broadcast.

    A vector counts as one row on the left and as one column on the right, and its axis is gone from the result.
    """
    return apply(PRIMITIVES["matmul"], (x, y))


def matrix_transpose(x: Any) -> Tensor:
    """The last two axes swapped."""
    return as_tensor(x).mT


def outer(x: Any, y: Any) -> Tensor:
    """The matrix of all products of the elements of two vectors, (n,) and (m,) -> (n, m)."""
    x, y = as_tensor(x), as_tensor(y)
    if x.ndim != 1 or y.ndim != 1:
        raise ValueError(f"outer: expected two vectors, got shapes {x.shape} and {y.shape}")
    return x[:, None] * y


@in_float32
def vecdot(x: Any, y: Any, axis: int = -1) -> Tensor:
    """The dot products of x and y along `axis`; the other axes broadcast. Of the type that x and y have together."""
    x, y = as_tensor(x), as_tensor(y)
    for t in (x, y):
        normal_axis(axis, t.ndim, "vecdot")
    if x.shape[axis] != y.shape[axis]:
        raise ValueError(f"vecdot: shapes {x.shape} and {y.shape} differ along axis {axis}")
    if axis >= 0 and x.ndim != y.ndim:
        raise ValueError("vecdot: with different numbers of axes, count the axis from the end (negative)")
    rows, columns = moveaxis(x, axis, -1)[..., None, :], moveaxis(y, axis, -1)[..., None]
    return apply(PRIMITIVES["matmul"], (rows, columns))[..., 0, 0]


def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None) -> Tensor:
    """The sum of the diagonal over two axes; integers add up to int64, as in `sum`."""
    return sum(diagonal(x, offset, axis1, axis2), -1, dtype=dtype)


def tensordot(x: Any, y: Any, axes: int | tuple[Sequence[int], Sequence[int]] = 2) -> Tensor:
    """The sum of products over some axes of x and y.

    Args:
        x, y: tensors.
        axes: a number n (the last n axes of x with the first n of y), or two sequences that pair axes of x with
            axes of y. The result has the other axes of x, then those of y.
    """
    x, y = as_tensor(x), as_tensor(y)
    if not isinstance(axes, (tuple, list)):
        axes = integer(axes, "tensordot: axes")
        if not 0 <= axes <= min(x.ndim, y.ndim):
            raise ValueError(f"tensordot: cannot contract {axes} axes of shapes {x.shape} and {y.shape}")
        left, right = list(range(x.ndim - axes, x.ndim)), list(range(axes))
    else:
        left = [normal_axis(a, x.ndim, "tensordot") for a in axes[0]]
        right = [normal_axis(a, y.ndim, "tensordot") for a in axes[1]]
    if len(left) != len(right) or [x.shape[a] for a in left] != [y.shape[a] for a in right]:
        raise ValueError(f"tensordot: axes {axes} of shapes {x.shape} and {y.shape} do not match")
    letters = iter(LETTERS)
    xs = [next(letters) for _ in range(x.ndim)]
    ys = [next(letters) for _ in range(y.ndim)]
    for a, b in zip(left, right, strict=True):
        ys[b] = xs[a]
    rest = [c for i, c in enumerate(xs) if i not in left] + [c for i, c in enumerate(ys) if i not in right]
    return einsum(f"{''.join(xs)},{''.join(ys)}->{''.join(rest)}", x, y)


def einsum(subscripts: str, *operands: Any) -> Tensor:
    """Einstein summation: `einsum("bij,bjk->bik", x, y)`.

    Letters name axes; a letter missing from the result is summed over; without "->" the result has the letters that
    occur once, in alphabetical order; "..." stands for any further leading axes; a letter twice in one operand takes
    its diagonal. Raises ValueError for subscripts that do not fit the operands.
    """
    if not isinstance(subscripts, str):
        raise TypeError(f"einsum: the subscripts, a string, come first, not a {type(subscripts).__name__}")
    tensors = [as_tensor(x) for x in operands]
    terms, result = _parse(subscripts, tensors)
    for i, term in enumerate(terms):
        tensors[i], terms[i] = _take_diagonals(tensors[i], term)
    equation = ",".join(terms) + "->" + result
    return apply(PRIMITIVES["einsum"], tensors, {"subscripts": equation})


def _parse(subscripts: str, tensors: list[Tensor]) -> tuple[list[str], str]:
    """The subscripts of each operand and of the result, without ellipsis and spaces."""
    text = subscripts.replace(" ", "")
    left, arrow, result = text.partition("->")
    terms = left.split(",")
    if len(terms) != len(tensors):
        raise ValueError(f"einsum: {subscripts!r} names {len(terms)} operands, {len(tensors)} were given")
    spare = [c for c in LETTERS if c not in text]
    extras = [
        x.ndim - len(term.replace("...", "")) if "..." in term else 0 for term, x in zip(terms, tensors, strict=True)
    ]
    batch = "".join(spare[: max(extras, default=0)])
    for i, (term, x) in enumerate(zip(terms, tensors, strict=True)):
        # Ellipses align at their right ends: a shorter one uses the last of the letters.
        terms[i] = term.replace("...", batch[len(batch) - max(extras[i], 0) :])
        if len(terms[i]) != x.ndim:
            raise ValueError(f"einsum: {term!r} does not fit an operand of shape {x.shape}")
    if not arrow:
        once = sorted(c for c in set(left) - set(",.") if left.count(c) == 1)
        return terms, batch + "".join(once)
    result = result.replace("...", batch)
    unknown = set(result) - set("".join(terms))
    if unknown or len(set(result)) != len(result):
        raise ValueError(f"einsum: the result {result!r} of {subscripts!r} has unknown or repeated letters")
    return terms, result


def _take_diagonals(x: Tensor, term: str) -> tuple[Tensor, str]:
    """Replace letters that repeat within one operand by the diagonal over their axes."""
    for letter in dict.fromkeys(term):
        while term.count(letter) > 1:
            i = term.index(letter)
            j = term.index(letter, i + 1)
            if x.shape[i] != x.shape[j]:
                raise ValueError(f"einsum: letter {letter!r} names axes of sizes {x.shape[i]} and {x.shape[j]}")
            order = [a for a in range(x.ndim) if a not in (i, j)]
            along = x.backend.arange(0, x.shape[i], 1)
            x = apply(PRIMITIVES["permute_dims"], (x,), {"axes": (i, j, *order)})[along, along]
            term = letter + "".join(term[a] for a in order)
    return x, term

"""Functions that rearrange elements: the array API's manipulation functions, with `pad`, `split`, `unstack`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import Any

from .. import dtypes
from ..backends.deferred import ALL
from ..engine.record import apply
from ..engine.recorded import describe, wrap
from ..engine.version import Version
from ..primitives import PRIMITIVES
from ..tensors.tensor import Tensor
from .arguments import INTEGERS, as_tensor, count, integer, integers, normal_axes, normal_axis

_GETITEM = PRIMITIVES["getitem"]


def reshape(x: Any, /, shape: Any = (), *more: Any, copy: bool | None = None) -> Tensor:
    """The elements in another shape, given as a tuple or as separate sizes; one size may be -1 (what is left).

    Memory is shared where its layout allows. `copy=True` never shares it; `copy=False` always, or raises ValueError.
    """
    x = as_tensor(x)
    if isinstance(shape, (tuple, list)):
        sizes = [*shape, *more]
    else:
        sizes = [shape, *more] if type(shape) is int else [*integers(shape, "reshape"), *more]
    if sizes.count(-1) == 1:
        rest = math.prod(n for n in sizes if n != -1)
        if rest == 0 or x.size % rest:
            raise ValueError(f"reshape: {x.size} elements of shape {x.shape} do not fit {tuple(sizes)}")
        sizes[sizes.index(-1)] = x.size // rest
    if math.prod(sizes) != x.size or any(n < 0 for n in sizes):
        raise ValueError(f"reshape: {x.size} elements of shape {x.shape} do not fit {tuple(sizes)}")
    out = apply(PRIMITIVES["reshape"], (x,), {"shape": tuple(sizes)})
    if copy is None:
        return out
    shared = x.backend.may_overlap(x.array, out.array)
    if not copy and not shared and x.size:
        raise ValueError(f"reshape: {x.shape} as {out.shape} needs a copy of these elements, and copy=False forbids it")
    return astype(out, out.dtype) if copy and shared else out


def flatten(x: Any, start_axis: int = 0, end_axis: int = -1) -> Tensor:
    """The axes from `start_axis` to `end_axis` (included) made one."""
    x = as_tensor(x)
    if x.ndim == 0:
        return reshape(x, (1,))
    start, end = normal_axis(start_axis, x.ndim, "flatten"), normal_axis(end_axis, x.ndim, "flatten")
    if start > end:
        raise ValueError(f"flatten: axis {start_axis} of shape {x.shape} comes after axis {end_axis}")
    return reshape(x, (*x.shape[:start], math.prod(x.shape[start : end + 1]), *x.shape[end + 1 :]))


def permute_dims(x: Any, axes: Sequence[int]) -> Tensor:
    """The axes in another order: axis i of the result is axis axes[i] of x."""
    x = as_tensor(x)
    order = tuple(normal_axis(a, x.ndim, "permute_dims") for a in integers(axes, "permute_dims"))
    if sorted(order) != list(range(x.ndim)):
        raise ValueError(f"permute_dims: {axes} is not an order of {x.ndim} axes")
    return apply(PRIMITIVES["permute_dims"], (x,), {"axes": order})


def moveaxis(x: Any, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    """The axes `source` moved to the positions `destination`; the others keep their order."""
    x = as_tensor(x)
    sources = [normal_axis(a, x.ndim, "moveaxis") for a in integers(source, "moveaxis: source")]
    places = [normal_axis(a, x.ndim, "moveaxis") for a in integers(destination, "moveaxis: destination")]
    if len(sources) != len(places) or len(set(sources)) != len(sources) or len(set(places)) != len(places):
        raise ValueError(f"moveaxis: cannot move axes {source} to {destination}")
    order = [a for a in range(x.ndim) if a not in sources]
    for place, a in sorted(zip(places, sources, strict=True)):
        order.insert(place, a)
    return permute_dims(x, order)


def swapaxes(x: Any, first: int, second: int) -> Tensor:
    """Two axes exchanged."""
    x = as_tensor(x)
    order = list(range(x.ndim))
    i, j = normal_axis(first, x.ndim, "swapaxes"), normal_axis(second, x.ndim, "swapaxes")
    order[i], order[j] = j, i
    return permute_dims(x, order)


def expand_dims(x: Any, axis: int | Sequence[int] = 0) -> Tensor:
    """New axes of size 1 at the given positions of the result."""
    x = as_tensor(x)
    axes = integers(axis, "expand_dims: axis")
    ndim = x.ndim + len(axes)
    places = normal_axes(axes, ndim, "expand_dims")
    sizes = iter(x.shape)
    return reshape(x, tuple(1 if i in places else next(sizes) for i in range(ndim)))  # type: ignore[operator]


def squeeze(x: Any, axis: int | Sequence[int] | None = None) -> Tensor:
    """Axes of size 1 removed: the given ones, or all. Raises ValueError for an axis of another size."""
    x = as_tensor(x)
    if axis is None:
        gone = {i for i, n in enumerate(x.shape) if n == 1}
    else:
        gone = set(normal_axes(integers(axis, "squeeze: axis"), x.ndim, "squeeze"))  # type: ignore[arg-type]
    for i in gone:
        if x.shape[i] != 1:
            raise ValueError(f"squeeze: axis {i} of shape {x.shape} has size {x.shape[i]}, not 1")
    return reshape(x, tuple(n for i, n in enumerate(x.shape) if i not in gone))


def broadcast_to(x: Any, shape: Sequence[int]) -> Tensor:
    """x stretched to `shape` by the broadcasting rules."""
    return apply(PRIMITIVES["broadcast_to"], (as_tensor(x),), {"shape": integers(shape, "broadcast_to: the shape")})


def broadcast_shapes(*shapes: Sequence[int]) -> tuple[int, ...]:
    """The shape that tensors of these shapes have together. Raises ValueError if they do not broadcast."""
    result: list[int] = []
    for position in range(1, 1 + max((len(s) for s in shapes), default=0)):
        sizes = {s[-position] for s in shapes if len(s) >= position} - {1}
        if len(sizes) > 1:
            raise ValueError(f"shapes {', '.join(str(tuple(s)) for s in shapes)} do not broadcast")
        result.append(sizes.pop() if sizes else 1)
    return tuple(reversed(result))


def broadcast_arrays(*xs: Any) -> list[Tensor]:
    """All of them stretched to their common shape."""
    tensors = [as_tensor(x) for x in xs]
    shape = broadcast_shapes(*(x.shape for x in tensors))
    return [broadcast_to(x, shape) for x in tensors]


broadcast_tensors = broadcast_arrays  # PyTorch's name


def concat(xs: Sequence[Any], axis: int | None = 0) -> Tensor:
    """Tensors joined along an existing axis; with axis=None, flattened first."""
    tensors = [as_tensor(x) for x in xs]
    if not tensors:
        raise ValueError("concat: there is nothing to join")
    if axis is None:
        tensors, axis = [flatten(x) for x in tensors], 0
    axis = normal_axis(axis, tensors[0].ndim, "concat")
    ends, end = [], 0
    for x in tensors:
        if x.ndim != tensors[0].ndim:
            raise ValueError(f"concat: shapes {tensors[0].shape} and {x.shape} differ in their number of axes")
        end += x.shape[axis]
        ends.append(end)
    return apply(PRIMITIVES["concat"], tensors, {"axis": axis, "ends": tuple(ends)})


def stack(xs: Sequence[Any], axis: int = 0) -> Tensor:
    """Tensors of one shape joined along a new axis."""
    tensors = [as_tensor(x) for x in xs]
    if not tensors:
        raise ValueError("stack: there is nothing to join")
    return apply(PRIMITIVES["stack"], tensors, {"axis": normal_axis(axis, tensors[0].ndim + 1, "stack")})


def unstack(x: Any, axis: int = 0) -> tuple[Tensor, ...]:
    """The slices along an axis, without it."""
    x = as_tensor(x)
    lead = (ALL,) * normal_axis(axis, x.ndim, "unstack")
    return tuple([apply(_GETITEM, (x,), {"index": (*lead, i)}) for i in range(x.shape[len(lead)])])


def split(x: Any, parts: int | Sequence[int], axis: int = 0) -> tuple[Tensor, ...]:
    """x cut along an axis into `parts` equal pieces, or into pieces of the given sizes.

    Raises ValueError if the axis does not divide evenly, or the sizes do not add up to it. (PyTorch's `split` takes
    the size of a piece instead; its `chunk` is this function.)
    """
    x = as_tensor(x)
    axis = normal_axis(axis, x.ndim, "split")
    n = x.shape[axis]
    if not isinstance(parts, (tuple, list)) or not all(type(size) is int for size in parts):
        sizes = integers(parts, "split")
        parts = sizes if hasattr(parts, "__len__") else sizes[0]
    if isinstance(parts, int):
        if parts < 1 or n % parts:
            raise ValueError(f"split: axis {axis} of shape {x.shape} does not divide into {parts} equal parts")
        sizes = (n // parts,) * parts
    else:
        sizes = tuple(parts)
        if sum(sizes) != n or any(size < 0 for size in sizes):
            raise ValueError(f"split: sizes {list(sizes)} do not add up to axis {axis} of shape {x.shape}")
    pieces = _few_pieces if len(sizes) <= 8 else _pieces
    return tuple([apply(_GETITEM, (x,), params) for params in pieces(sizes, axis)])


def _pieces(sizes: tuple[int, ...], axis: int) -> list[dict[str, Any]]:
    """The parameters of the pieces of a split."""
    ends = list(accumulate(sizes, initial=0))
    lead = (ALL,) * axis
    return [{"index": (*lead, slice(start, end))} for start, end in pairwise(ends)]


_few_pieces = lru_cache(maxsize=256)(_pieces)  # an unrolled cell splits its gates alike in every step


def flip(x: Any, axis: int | Sequence[int] | None = None, *more: int) -> Tensor:
    """The order of the elements reversed along the given axes, also as separate numbers, or along all."""
    x = as_tensor(x)
    given = (axis, *more) if more else tuple(range(x.ndim)) if axis is None else axis
    axes = normal_axes(given, x.ndim, "flip")
    return apply(PRIMITIVES["flip"], (x,), {"axis": axes})


def roll(x: Any, shift: int | Sequence[int], axis: int | Sequence[int] | None = None) -> Tensor:
    """The elements moved on by `shift` along `axis`, those pushed out coming in again at the other end.

    Without an axis the elements are rolled as if flattened. Several axes take one shift each, or one for all.

    Raises TypeError for a shift that is no integer, ValueError unless there are as many shifts as axes.
    """
    x = as_tensor(x)
    shifts, axes = integers(shift, "roll: shift"), normal_axes(axis, x.ndim, "roll")
    places = len(axes) if isinstance(axes, tuple) else 1
    if len(shifts) != places:
        if isinstance(shift, (tuple, list)):
            raise ValueError(f"roll: shifts {shift} and axes {axis} are not equally many")
        shifts *= places
    by: Any = shifts if isinstance(axes, tuple) else shifts[0]
    return apply(PRIMITIVES["roll"], (x,), {"shift": by, "axis": axes})


def pad(x: Any, widths: int | Sequence[Any], value: float = 0) -> Tensor:
    """x with `value` put around it.

    Args:
        x: a tensor.
        widths: for each axis a pair (before, after); a single pair or a number is used for every axis.
        value: the number to put there.
    """
    x = as_tensor(x)
    sides: Any = widths if _is_sequence(widths) else (widths, widths)
    if len(sides) == 2 and not any(map(_is_sequence, sides)):
        sides = [sides] * x.ndim
    pairs = tuple(integers(side, "pad: widths") for side in sides)
    if isinstance(value, float) and not dtypes.is_float(x.dtype):
        raise TypeError(f"pad: {describe(x)} holds no fractions, and so not {value}")
    if len(pairs) != x.ndim or any(len(pair) != 2 for pair in pairs) or any(w < 0 for pair in pairs for w in pair):
        raise ValueError(f"pad: widths {pairs} do not fit shape {x.shape}: one pair (before, after) >= 0 an axis")
    return apply(PRIMITIVES["pad"], (x,), {"widths": pairs, "value": value})


def _is_sequence(x: Any) -> bool:
    return hasattr(x, "__len__") and getattr(x, "shape", None) != ()


def tile(x: Any, repetitions: int | Sequence[int], *more: int) -> Tensor:
    """x laid side by side, repetitions[i] times along axis i; also given as separate numbers."""
    x = as_tensor(x)
    given = (repetitions, *more) if more else repetitions
    reps = [count(n, "tile: repetitions") for n in integers(given, "tile: repetitions")]
    ndim = max(x.ndim, len(reps))
    reps = [1] * (ndim - len(reps)) + reps
    sizes = [1] * (ndim - x.ndim) + list(x.shape)
    wide = reshape(x, tuple(n for size in sizes for n in (1, size)))
    wide = broadcast_to(wide, tuple(n for pair in zip(reps, sizes, strict=True) for n in pair))
    return reshape(wide, tuple(r * n for r, n in zip(reps, sizes, strict=True)))


def repeat(x: Any, repeats: int | Any, *more: int, axis: int | None = None) -> Tensor:
    """Each element (or each slice along `axis`) repeated, `repeats` times or as often as an array of counts says.

    Without an axis the tensor is flattened first. A vector of one count holds for all.

    Raises TypeError for counts that are no integers, ValueError for negative ones or the wrong number of them; and
    TypeError for two numbers, repeat(2, 1), since PyTorch's `repeat` lays copies side by side, which is `tile`.
    """
    if len(more) == 1 and axis is None and not isinstance(repeats, INTEGERS):
        axis = more[0]
    elif more:
        numbers = ", ".join(map(str, (repeats, *more)))
        raise TypeError(
            f"repeat({numbers}): tile(({numbers})) lays copies side by side, as PyTorch's repeat does; "
            f"to repeat along an axis name it, repeat({repeats}, axis=...)"
        )
    x = as_tensor(x)
    if axis is None:
        x, axis = flatten(x), 0
    axis = normal_axis(axis, x.ndim, "repeat")
    counts = integers(repeats, "repeat: counts")
    if any(n < 0 for n in counts):
        raise ValueError(f"repeat: counts are >= 0, not {list(counts)}")
    if len(counts) == 1:
        (repeats,) = counts
        wide = broadcast_to(expand_dims(x, axis + 1), (*x.shape[: axis + 1], repeats, *x.shape[axis + 1 :]))
        return reshape(wide, (*x.shape[:axis], x.shape[axis] * repeats, *x.shape[axis + 1 :]))
    if len(counts) != x.shape[axis]:
        raise ValueError(f"repeat: counts {list(counts)} do not fit axis {axis} of shape {x.shape}")
    order = [i for i, n in enumerate(counts) for _ in range(n)]
    return x[(*(ALL,) * axis, Tensor(order, dtype="int64", backend=x.backend))]


def tril(x: Any, k: int = 0) -> Tensor:
    """The lower triangle of (a stack of) matrices, zero above the k-th diagonal."""
    return apply(PRIMITIVES["tril"], (_matrices(x, "tril"),), {"k": integer(k, "tril: k")})


def triu(x: Any, k: int = 0) -> Tensor:
    """The upper triangle of (a stack of) matrices, zero below the k-th diagonal."""
    return apply(PRIMITIVES["triu"], (_matrices(x, "triu"),), {"k": integer(k, "triu: k")})


def _matrices(x: Any, what: str) -> Tensor:
    x = as_tensor(x)
    if x.ndim < 2:
        raise ValueError(f"{what}: a matrix or a stack of matrices is expected, not shape {x.shape}")
    return x


def astype(x: Any, dtype: Any, copy: bool = True, device: Any = None) -> Tensor:
    """The values converted to `dtype`, and moved to `device` if one is given; differentiable between floats.

    With `copy` the result never shares memory with x; without, x itself is returned if it is what was asked for.
    """
    x = as_tensor(x)
    x = x if device is None else x.to_device(device)
    out = x.astype(dtype)
    if out is not x or not copy:
        return out
    if dtypes.is_float(x.dtype):
        return apply(PRIMITIVES["astype"], (x,), {"dtype": x.dtype})
    return wrap(x.backend.copy(x.array), x.backend, None, Version())

"""What operations are given, and the arrays that they compute with: types that meet, data, indices and options."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import copy
from typing import Any

import numpy as np

from .. import dtypes
from ..backends import Backend, BackendError, default_backend, halves
from ..primitives import Primitive
from .recorded import Recorded, wrap
from .scope import MODE, SCOPE
from .version import Foreign

SCALARS = frozenset((float, int, bool))


def promote(primitive: Primitive, arrays: Sequence[Any], backend: Any) -> Sequence[Any]:
    """The arrays with integers and truth values made floats, where they meet floats or the function needs them.

    The very same sequence if there is nothing to convert. NumPy promotes within a kind by itself, and Python scalars
    take the type of the arrays; only where an integer array meets floats is NumPy's answer (float64) not ours.
    Integers that 16-bit floats are computed with become float32, which is what these are computed in: see `halves`.
    """
    if not (primitive.broadcasts or primitive.floats or primitive.numbers):
        return arrays
    first = primitive.first_value
    found = [(i, a.dtype) for i, a in enumerate(arrays) if i >= first and hasattr(a, "dtype")]
    kinds = {d.kind for _, d in found}
    if not kinds:
        return _typed(arrays, first, backend)
    if kinds == {"f"}:
        return arrays
    if "f" in kinds or "V" in kinds:
        target = dtypes.result_type([d for _, d in found])
    elif primitive.floats or any(type(a) is float for a in arrays[first:]):
        target = dtypes.DEFAULT_FLOAT
    else:
        if primitive.differentiable or primitive.numbers:
            _check_exact(primitive, kinds, [d for _, d in found], arrays[first:])
        return arrays
    converted = list(arrays)
    if dtypes.is_half(target):
        target = halves.FLOAT32
    for i, d in found:
        if not dtypes.is_float(d) or (d.kind == "V" and d != target):
            converted[i] = backend.astype(arrays[i], dtype=target)
    return converted


def _typed(arrays: Sequence[Any], first: int, backend: Backend) -> Sequence[Any]:
    """Where numbers alone are combined (`where(mask, 1.0, 0)`): the arrays, with the numbers of the default types."""
    numbers = [a for a in arrays[first:] if a is not None]
    if not numbers:
        return arrays
    dtype = dtypes.promoted(*numbers)
    return [*arrays[:first], *[a if a is None else backend.asarray(a, dtype=dtype) for a in arrays[first:]]]


def _check_exact(primitive: Primitive, kinds: set[str], found: Sequence[Any], arrays: Sequence[Any]) -> None:
    """Refuse integers that would lose their value: uint64 with int64, numbers that the type of the arrays lacks.

    And truth values alone where they are not numbers. NumPy answers with a float64, with int8, or wraps around.
    """
    numbers = [a for a in arrays if type(a) is int]
    if len(kinds) == 1 and not numbers and "b" not in kinds:
        return
    common = dtypes.promoted(*found, *numbers)
    if common.kind == "b":
        if primitive.numbers:
            raise TypeError("these are truth values, no numbers; convert them with astype first")
    elif numbers:
        low, high = dtypes.RANGES[common]
        for number in numbers:
            if not low <= number <= high:
                raise OverflowError(f"{number} is out of bounds for {common}")


def as_operands(primitive: Primitive, inputs: Sequence[Any], all_tensors: bool = False) -> list[Any]:
    """The inputs with NumPy arrays and scalars turned into tensors on the other inputs' backend.

    With `all_tensors`, Python numbers too: for operations on numbers alone.
    """
    backend = next((x.backend for x in inputs if isinstance(x, Recorded)), default_backend())
    operands = []
    for x in inputs:
        if isinstance(x, (float, int)):  # np.float64 too: it is a Python float, and as weak as one
            x = x if type(x) in SCALARS else float(x) if isinstance(x, float) else int(x)
            x = wrap(to_array(x, None, backend), backend) if all_tensors else x
        elif isinstance(x, np.generic):
            x = wrap(to_array(x, None, backend), backend)
        elif isinstance(x, np.ndarray) and backend.array_type is np.ndarray:
            x = wrap(to_array(x, None, backend), backend, None, Foreign())
        elif isinstance(x, np.ndarray):
            raise BackendError(
                f"{primitive.name} in {SCOPE.get()}: a NumPy array met a tensor of backend {backend.name}; "
                f"nothing moves silently: use mg.tensor(array, backend={backend.name!r})"
            )
        elif not (x is None or isinstance(x, Recorded)):
            kind, library = type(x).__name__, type(x).__module__.partition(".")[0]
            known = kind if library == "builtins" else f"{library}.{kind}"
            raise TypeError(f"{primitive.name} in {SCOPE.get()}: a {known} is not a tensor or a number")
        operands.append(x)
    if all_tensors and all(x is None for x in operands):
        raise TypeError(f"{primitive.name} in {SCOPE.get()}: None is not a tensor or a number")
    return operands


def to_array(data: Any, dtype: Any, backend: Backend, copy: bool | None = None) -> Any:
    """`data` as an array of the backend: Python's floats become the default float, arrays keep their type.

    Raises TypeError for types that tensors cannot have, BackendError for arrays of another backend, ValueError for
    nested lists that are not rectangular.
    """
    if isinstance(data, Recorded):
        if data.backend.place != backend.place:
            raise BackendError(f"the data is on backend {data.backend.name}: move it with .to({backend.name!r})")
        data = data.array
    if isinstance(data, (list, tuple)) and any(isinstance(x, Recorded) for x in data):
        raise TypeError("a list of tensors becomes one tensor with mg.stack(list), which keeps their gradients")
    wanted = None if dtype is None else allowed(dtypes.check(dtype), backend)
    try:
        array = backend.asarray(data, dtype=wanted, copy=copy)
    except ValueError as error:
        raise ValueError(f"cannot make a tensor of this {type(data).__name__}: {error}") from error
    if wanted is None:
        wanted = allowed(dtypes.check(array.dtype), backend)
        if not hasattr(data, "dtype") and not hasattr(data, "__array__") and wanted in (dtypes.float64, dtypes.uint64):
            if _are_integers(data):  # NumPy takes another type for those beyond int64, which may round them
                raise OverflowError("integers beyond int64: give a dtype, such as 'uint64' or 'float64'")
            if wanted == dtypes.float64:
                wanted = dtypes.DEFAULT_FLOAT
        if wanted != array.dtype:
            functions: Any = backend
            array = functions.astype(array, dtype=wanted)
    return array


def _are_integers(data: Any) -> bool:
    """Whether nested lists hold Python integers alone, and at least one. The first number of another type ends it."""
    if isinstance(data, (list, tuple)):
        return len(data) > 0 and all(_are_integers(x) for x in data)
    return type(data) is int


def allowed(dtype: Any, backend: Backend) -> Any:
    """`dtype`, if tensors of this backend can have it. Raises TypeError if not."""
    if dtype.kind == "V" and not backend.has_bfloat16:
        raise TypeError(f"backend {backend.name} has no arithmetic for bfloat16: use float32 or float16, or cupy")
    return dtype


def raw_index(index: Any, backend: Backend, keep: bool = True) -> Any:
    """What stands in brackets behind a tensor of this backend, with tensors and lists replaced by its arrays.

    With `keep` the index may be needed again in backward: what others may change by then is copied.

    Raises IndexError for what cannot index: floats, strings; BackendError for arrays of another backend.
    """
    kind = type(index)
    if kind is int:
        return index
    if kind is slice:
        start, stop = index.start, index.stop
        if not keep or (
            index.step is None and (stop is None or type(stop) is int) and (start is None or type(start) is int)
        ):
            return index
        return slice(*(x.__index__() if hasattr(x, "__index__") else x for x in (start, stop, index.step)))
    if isinstance(index, tuple):
        return tuple([raw_index(part, backend, keep) for part in index])
    changeable = keep and isinstance(index, np.ndarray)
    if isinstance(index, Recorded):
        changeable = keep and index.version is not None
        if index.backend.place != backend.place:
            raise BackendError(
                f"an index on backend {index.backend.name} met a tensor of backend {backend.name}: "
                f"move it with .to({backend.name!r})"
            )
        index = index.array
    elif isinstance(index, (list, range)):
        index = backend.asarray(np.asarray(index) if index else np.zeros(0, np.int64))
    elif isinstance(index, np.ndarray) and backend.array_type is not np.ndarray:
        raise BackendError(
            f"a NumPy array as an index met a tensor of backend {backend.name}; "
            f"nothing moves silently: use mg.tensor(array, backend={backend.name!r})"
        )
    if hasattr(index, "dtype"):
        if index.dtype.kind not in "biu":
            raise IndexError(f"tensors are indexed by integers and truth values, not by {index.dtype}")
        return backend.copy(index) if changeable and MODE.get().recording else index
    if index is None or index is Ellipsis or isinstance(index, int):
        return index
    raise IndexError(f"a {type(index).__name__} cannot index a tensor")


def kept(value: Any) -> Any:
    """An option of an operation as backward may need it: with copies of the arrays in it that others may change."""
    if isinstance(value, Recorded):
        if value.node is not None or value.version is None:
            return value
        return wrap(value.array.copy(), value.backend)
    if isinstance(value, (tuple, list, dict)):
        return with_parts(value, [kept(part) for part in (value.values() if isinstance(value, dict) else value)])
    return value.copy() if hasattr(value, "dtype") and hasattr(value, "copy") else value


def with_parts(whole: Any, parts: Iterable[Any]) -> Any:
    """A tuple, named tuple, list or dict of the type of `whole`, with these parts in place of its own."""
    if type(whole) is dict:
        return dict(zip(whole, parts))
    if isinstance(whole, dict):  # a kind of dict, which may know more than its parts: a default, say
        made = copy(whole)
        made.update(zip(whole, parts))
        return made
    return type(whole)(*parts) if hasattr(whole, "_fields") else type(whole)(parts)

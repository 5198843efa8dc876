"""Run a primitive and record it: the one function that every public operation ends in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from copy import copy
from typing import Any

import numpy as np

from .. import dtypes
from ..backends import Backend, BackendError, default_backend, halves
from ..primitives import Primitive
from .scope import MODE, SCOPE
from .tape import Node
from .version import Foreign, Version, new_index

NO_PARAMS: dict[str, Any] = {}
Watched = list[tuple[int, Version]] | None
SCALARS = frozenset((float, int, bool))


class Recorded:
    """The bare tensor: an array, its backend, and the node that made it (None if it requires no gradient).

    `version` tells when its memory was last changed in place; it is None for the results of operations, which
    nothing changes, and shared between views of the same memory.
    """

    __slots__ = {
        "array": "The elements: an array of the backend's library. To be read; changed in place, it is not watched.",
        "backend": "Who computes with the array, see `get_backend`.",
        "node": "The node of the tape that made it; None if it requires no gradients.",
        "version": "When its memory was last changed in place; None for results of operations.",
    }
    result_type: type[Any]  # what operations return; set where that class is defined

    array: Any
    backend: Backend
    node: Node | None
    version: Version | None


_new: Callable[[Any], Any] = object.__new__
_mode, _scope = MODE.get, SCOPE.get


def wrap(array: Any, backend: Backend, node: Node | None = None, version: Version | None = None) -> Any:
    """A Tensor around an array of `backend`, without copying or checking."""
    t = _new(Recorded.result_type)
    t.array = array
    t.backend = backend
    t.node = node
    t.version = version
    return t


def apply(primitive: Primitive, inputs: Sequence[Any], params: dict[str, Any] = NO_PARAMS) -> Any:
    """Run a primitive on its inputs and, if one of them requires gradients, record a node.

    Args:
        primitive: the table's row.
        inputs: tensors, Python scalars, NumPy arrays and scalars, or None for an optional input left out.
        params: all keyword parameters of the operation.

    Returns:
        the output as a Tensor.

    Raises:
        BackendError: the inputs live on different backends.
        TypeError, ValueError, IndexError, MemoryError, ArithmeticError: what the arrays do not allow, with their
            shapes, dtypes and the scope. Other errors, of users' primitives say, keep their kind and get a note.
    """
    # What nearly all operations read, one tensor or two, is looked at here; the general case takes a loop.
    arrays: Sequence[Any]
    nodes: Sequence[Node | None]
    versions = narrow = None
    n = len(inputs)
    if n == 1 and isinstance(x := inputs[0], Recorded):
        backend, arrays, nodes = x.backend, (x.array,), (x.node,)
        dtype, key = (None, 0b10) if x.node is None else (x.node.dtype, 0b11)
    elif n == 2 and isinstance(x := inputs[0], Recorded) and isinstance(y := inputs[1], Recorded):
        backend, left, right = x.backend, x.node, y.node
        arrays, nodes = (x.array, y.array), (left, right)
        if backend is not y.backend:
            raise _mixed(primitive, inputs)
        if left is not None:
            dtype, key = left.dtype, 0b111
            if right is None:
                key, versions = watched(inputs, nodes, 0b101)
        elif right is not None:
            dtype, (key, versions) = right.dtype, watched(inputs, nodes, 0b110)
        else:
            dtype, key = None, 0b100
    else:
        found = _gather(primitive, inputs)
        if found is None:
            return apply(primitive, as_operands(primitive, inputs), params)
        backend, arrays, nodes, key, versions, dtype, narrow = found
    compute = backend.calls[primitive]
    if narrow is not None:
        compute = _once(compute, narrow, backend)
    try:
        if dtype is None and (promoted := promote(primitive, arrays, backend)) is not arrays:
            compute, arrays = _rounding(compute, arrays, backend), promoted
        out = compute(*arrays, **params) if params else compute(*arrays)
        out_dtype = out.dtype
        if dtype is not None and out_dtype is not dtype:
            promoted = promote(primitive, arrays, backend)
            if promoted is not arrays:
                compute, arrays = _rounding(compute, arrays, backend), promoted
                out = compute(*arrays, **params)
                out_dtype = out.dtype
    except Exception as error:
        explained = _explained(error, primitive, inputs, params)
        if explained is error:
            raise
        raise explained from error
    if type(out) is not backend.array_type:
        out = backend.asarray(out)

    # What follows spells out wrap() and Node(): half of what an operation on a small tensor costs is making objects.
    t = _new(Recorded.result_type)
    t.array = out
    t.backend = backend
    t.version = inputs[0].version if primitive.view else None
    mode = _mode()
    if dtype is None or not (primitive.differentiable and mode.recording):
        t.node = None
        return t
    t.node = node = _new(Node)
    node.primitive = primitive
    node.inputs = nodes
    node.saved = primitive.savers[key](out, arrays)
    node.params = params
    node.backend = backend
    node.index = new_index()
    node.scope = _scope()
    node.shape = out.shape
    node.dtype = out_dtype
    node.versions = versions
    node.hooks = node.grad = None
    if mode.observers:
        for observer in mode.observers:
            observer.on_record(node, inputs, out)
    return t


def _gather(primitive: Primitive, inputs: Sequence[Any]) -> tuple[Any, ...] | None:
    """What `apply` needs to know of its inputs; None if some of them have to be made operands first.

    Returns (backend, arrays, nodes, key, versions, dtype of a tracked input or None, narrow). The key has one bit an
    input, the first input's lowest, set where a gradient is wanted, and a 1 above them all; see `watched` for what
    becomes of it. `narrow` is the type of the result where numbers that are none of its own meet 16-bit floats; else
    None.
    """
    backend = dtype = None
    key, bit = 0, 1
    numbers, narrow = False, None
    arrays: list[Any] = []
    nodes: list[Node | None] = []
    for x in inputs:
        if isinstance(x, Recorded):
            arrays.append(x.array)
            node = x.node
            nodes.append(node)
            if node is not None:
                key += bit
                dtype = node.dtype
            if backend is not x.backend:
                if backend is not None:
                    raise _mixed(primitive, inputs)
                backend = x.backend
        elif x is None or type(x) in SCALARS:
            arrays.append(x)
            nodes.append(None)
            numbers = True
        else:
            return None
        bit += bit
    if backend is None:
        return _gather(primitive, as_operands(primitive, inputs, all_tensors=True))
    if numbers and (dtype is None or dtype.itemsize == 2) and primitive.broadcasts:
        narrow = halves.narrow_type(arrays, compared=not primitive.differentiable)
    return backend, arrays, tuple(nodes), *watched(inputs, nodes, key + bit), dtype, narrow


def watched(inputs: Sequence[Any], nodes: Sequence[Node | None], key: int) -> tuple[Any, Watched]:
    """What is done about inputs without nodes, whose memory can be changed in place.

    Returns what to look up the saver by, and (position, Version) of those inputs, or None if there are none. Foreign
    memory is not watched: the saver copies it, and so is looked up by a pair of the key and these inputs' bits.
    """
    found: Watched = None
    foreign = 0
    for i, node in enumerate(nodes):
        if node is None and isinstance(x := inputs[i], Recorded) and (version := x.version) is not None:
            if version.foreign:
                foreign |= 1 << i
            elif found is None:
                found = [(i, version)]
            else:
                found.append((i, version))
    return (key, foreign) if foreign else key, found


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


def _rounding(compute: Any, arrays: Sequence[Any], backend: Backend) -> Any:
    """The function that computes with the promoted `arrays`: of 16-bit floats and integers, it rounds at the end."""
    kind = halves.half_type(arrays)
    return compute if kind is None else _once(compute, kind, backend)


def _once(compute: Any, kind: Any, backend: Backend) -> Any:
    """The function in float32, its result rounded to `kind`; the conversions happen where the arrays live, too."""

    def call(*arrays: Any, **params: Any) -> Any:
        with backend.active():
            return halves.once(compute, kind, *arrays, **params)

    return call


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


def is_operand(x: Any) -> bool:
    """Whether operators accept `x` beside a tensor."""
    return isinstance(x, (Recorded, float, int, np.ndarray, np.generic))


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


# --- errors -----------------------------------------------------------------------------------------------------------


def describe(x: Any) -> str:
    """An input as error messages show it: `float32[3, 4]`, or the number itself."""
    return f"{x.dtype}{list(x.shape)}" if hasattr(x, "shape") else repr(x)


def _mixed(primitive: Primitive, inputs: Sequence[Any]) -> BackendError:
    names = " and ".join(dict.fromkeys(x.backend.name for x in inputs if isinstance(x, Recorded)))
    return BackendError(
        f"{primitive.name} in {SCOPE.get()}: tensors of backends {names} met; move one with .to(backend)"
    )


# Kinds of errors that are made of a message alone.
KINDS = frozenset(
    (
        *(MemoryError, FloatingPointError, ZeroDivisionError, OverflowError, NotImplementedError),
        *(IndexError, ValueError, TypeError),
    )
)
LIBRARIES = frozenset(("numpy", "cupy", "cupy_backends"))


def _explained(error: Exception, primitive: Primitive, inputs: Sequence[Any], params: dict[str, Any]) -> Exception:
    """The same kind of error with what was given and where it happened.

    An array library's own kind that cannot be made of a message becomes the builtin one that it refines: MemoryError,
    say. Other errors, such as those of users' primitives, stay what they are, with all they hold, and get a note.
    """
    given = ", ".join(describe(x) for x in inputs)
    options = "".join(f", {name}={value!r}" for name, value in params.items() if not hasattr(value, "shape"))
    where = f"{primitive.name}({given}{options}) in {SCOPE.get()}"
    if type(error) in KINDS or type(error).__module__.partition(".")[0] in LIBRARIES:
        kinds: tuple[Any, ...] = type(error).__mro__
        for kind in kinds:
            plain = not {"__init__", "__str__"} & vars(kind).keys()
            if kind in KINDS or (plain and issubclass(kind, tuple(KINDS))):
                return kind(f"{where}: {error}")
    error.add_note(f"in {where}")
    return error

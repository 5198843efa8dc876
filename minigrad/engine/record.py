"""Run a primitive and record it: the one function that every public operation ends in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

from ..backends import Backend, BackendError, halves
from ..primitives import Primitive
from .operands import SCALARS, as_operands, promote
from .recorded import Recorded, describe
from .scope import MODE, SCOPE
from .tape import ConstantInput, Constants, Node
from .version import new_index

NO_PARAMS: dict[str, Any] = {}

_new: Any = object.__new__
_mode, _scope = MODE.get, SCOPE.get


def apply(primitive: Primitive, inputs: Sequence[Any], params: dict[str, Any] = NO_PARAMS) -> Any:
    """The result of a primitive, as a Tensor; a node records it if one of the inputs requires gradients.

    Inputs are tensors, Python numbers, NumPy arrays and scalars, or None for one left out. BackendError is raised for
    tensors of several backends. TypeError, ValueError, IndexError, MemoryError and ArithmeticError say in which scope
    which shapes and dtypes met; other errors, of users' primitives, get a note.
    """
    # What nearly all operations read, one tensor or two, is looked at here; the general case takes a loop.
    arrays: Sequence[Any]
    nodes: Sequence[Node | None]
    n, constants, narrow = len(inputs), None, None
    if n == 1 and isinstance(x := inputs[0], Recorded):
        backend, arrays, nodes = x.backend, (x.array,), (x.node,)
        dtype, key = (None, 0b10) if x.node is None else (x.node.dtype, 0b11)
    elif n == 2 and isinstance(x := inputs[0], Recorded) and isinstance(y := inputs[1], Recorded):
        backend, arrays, nodes = x.backend, (x.array, y.array), (left := x.node, right := y.node)
        if backend is not y.backend:
            raise _mixed(primitive, inputs)
        if left is not None:
            dtype, key = left.dtype, 0b111
            if right is None:
                key, constants = _constant(y, 1, 0b101)
        elif right is not None:
            dtype, (key, constants) = right.dtype, _constant(x, 0, 0b110)
        else:
            dtype, key = None, 0b100
    else:
        inputs, backend, arrays, nodes, key, constants, dtype, narrow = _gather(primitive, inputs)
    compute = backend.calls[primitive]
    try:
        if narrow is None and (dtype is not None or promote(primitive, arrays, backend) is arrays):
            out = compute(*arrays, **params) if params else compute(*arrays)
            if dtype is not None and out.dtype is not dtype:  # NumPy's promotion is not ours
                out, arrays = _promoted(primitive, compute, arrays, params, backend, unless=out)
                dtype = out.dtype
        else:
            out, arrays = _promoted(primitive, compute, arrays, params, backend, narrow)
            dtype = None if dtype is None else out.dtype
        if type(out) is not backend.array_type:
            out = backend.asarray(out)
    except Exception as error:
        _explain(error, primitive, inputs, params)
    # What follows spells out wrap() and Node(): half of what an operation on a small tensor costs is making objects.
    t = _new(Recorded.result_type)
    t.array, t.backend, t.version = out, backend, inputs[0].version if primitive.view else None
    mode = _mode()
    if dtype is None or not (primitive.differentiable and mode.recording):
        t.node = None
        return t
    t.node = node = _new(Node)
    node.primitive, node.inputs, node.params = primitive, nodes, params
    node.saved = primitive.savers[key](out, arrays)
    node.index, node.scope = new_index(), _scope()
    node.backend, node.shape, node.dtype = backend, out.shape, dtype
    node.constants = constants
    node.hooks = node.grad = None
    if mode.observers:
        for observer in mode.observers:
            observer.on_record(node, inputs, out)
    return t


def _promoted(
    primitive: Primitive,
    compute: Any,
    arrays: Sequence[Any],
    params: Any,
    backend: Backend,
    narrow: Any = None,
    unless: Any = None,
) -> tuple[Any, Sequence[Any]]:
    """The result, and the arrays in the type in which they meet; `unless` is the result if they have it already.

    The result is rounded to `narrow` at the end, if that is a type.
    """
    promoted = promote(primitive, arrays, backend)
    if promoted is arrays and unless is not None:
        return unless, arrays
    if narrow is not None:
        compute = _once(compute, narrow, backend)
    if promoted is not arrays and (kind := halves.half_type(arrays)) is not None:
        compute = _once(compute, kind, backend)
    return compute(*promoted, **params), promoted


def _once(compute: Any, kind: Any, backend: Backend) -> Any:
    """The function in float32, its result rounded to `kind`; the conversions happen where the arrays live, too."""

    def call(*arrays: Any, **params: Any) -> Any:
        with backend.active():
            return halves.once(compute, kind, *arrays, **params)

    return call


def _gather(primitive: Primitive, inputs: Sequence[Any]) -> tuple[Any, ...]:
    """What `apply` needs to know of its inputs, of which some may have to be made operands first.

    Returns (inputs, backend, arrays, nodes, key, constants, dtype of a tracked input or None, narrow). The key has one
    bit an input, the first input's lowest, set where a gradient is wanted, and a 1 above them all; `constants_among`
    says what becomes of it. `narrow` is the type of the result where numbers that are none of its own meet 16-bit
    floats; else None.
    """
    backend = dtype = narrow = constant = None
    key, bit, place = 0, 1, 0
    numbers: list[float | None] = []
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
            else:
                constant, place = x, bit
            if backend is not x.backend:
                if backend is not None:
                    raise _mixed(primitive, inputs)
                backend = x.backend
        elif x is None or type(x) in SCALARS:
            arrays.append(x)
            nodes.append(None)
            numbers.append(x)
        else:
            return _gather(primitive, as_operands(primitive, inputs))
        bit += bit
    key += bit
    if backend is None:
        return _gather(primitive, as_operands(primitive, inputs, all_tensors=True))
    if numbers and (dtype is None or dtype.itemsize == 2) and primitive.broadcasts:
        narrow = halves.narrow_type(arrays, compared=not primitive.differentiable)
    constants: Constants = None
    if dtype is not None and (untracked := bit + bit - 1 - key):
        if not place:
            constants = numbers
        elif untracked == place:
            key, constants = _constant(constant, place.bit_length() - 1, key)
        else:
            key, constants = constants_among(inputs, nodes, key)
    return inputs, backend, arrays, tuple(nodes), key, constants, dtype, narrow


def _constant(x: Any, i: int, key: int) -> tuple[Any, Constants]:
    """What `constants_among` returns where input i alone has no node, and is a tensor."""
    version, array = x.version, x.array
    if version is not None and version.foreign:
        return (key, 1 << i), (i, None, array.shape, array.dtype, id(array))
    return key, (i, version, array.shape, array.dtype, id(array))


def constants_among(inputs: Sequence[Any], nodes: Sequence[Node | None], key: int) -> tuple[Any, list[ConstantInput]]:
    """What is done about inputs without nodes, whose memory can be changed in place, and what is noted of them.

    Returns what to look up the saver by, and what becomes the node's `constants`. Foreign memory is not watched: the
    saver copies it, and so is looked up by a pair of the key and these inputs' bits.
    """
    found: list[ConstantInput] = []
    foreign = 0
    for i, node in enumerate(nodes):
        if node is not None:
            continue
        x = inputs[i]
        if type(x) in SCALARS:
            found.append((i, None, None, x, 0))
        elif x is not None:
            version, array = x.version, x.array
            if version is not None and version.foreign:
                foreign |= 1 << i
                version = None
            found.append((i, version, array.shape, array.dtype, id(array)))
    return (key, foreign) if foreign else key, found


# --- errors -----------------------------------------------------------------------------------------------------------


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


def _explain(error: Exception, primitive: Primitive, inputs: Sequence[Any], params: dict[str, Any]) -> NoReturn:
    explained = _explained(error, primitive, inputs, params)
    if explained is error:
        raise
    raise explained from error


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

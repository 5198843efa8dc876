"""Functions that create tensors. All take `dtype`, `requires_grad` and `backend` (default: see `use_backend`).

`device` is another word for `backend`, the array API standard's: see `array_api.backend_of_device`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import dtypes
from ..backends import Backend, default_backend, get_backend
from ..engine.operands import allowed, to_array
from ..engine.recorded import wrap
from ..engine.version import Foreign, Version
from ..tensors.array_api import backend_of_device, where_to
from ..tensors.tensor import Tensor
from .arguments import count, exactly, integer, sizes, within
from .shaping import astype

Shape = int | Sequence[int]


def tensor(
    data: Any, dtype: Any = None, requires_grad: bool = False, backend: Any = None, device: Any = None
) -> Tensor:
    """A new tensor with a copy of `data`: nested lists, a number, a NumPy array, or another tensor's values.

    Python's floats become float32, its integers int64; arrays keep their type. Raises TypeError for types that tensors
    cannot have, ValueError for lists that are not rectangular.
    """
    backend = where_to(backend, device)
    if backend is None and isinstance(data, Tensor):
        backend = data.backend
    return Tensor(data, dtype, requires_grad, backend)


def asarray(data: Any, dtype: Any = None, backend: Any = None, copy: bool | None = None, device: Any = None) -> Tensor:
    """`data` as a tensor, sharing memory with an array where possible (copy=None), always (False) or never (True).

    A tensor that needs no conversion is returned as it is, and one that does keeps its history. The tensor sees changes
    made to a shared array later; gradients do not: backward goes through the values that operations read, which are
    copied when they are recorded (see "What is watched, and what is copied" in docs/how-it-works.md).
    `requires_grad_` copies as well.

    Raises ValueError if there is no way to share (copy=False), TypeError for types that tensors cannot have.
    """
    backend = where_to(backend, device)
    if isinstance(data, Tensor) and (copy is not False or dtype is None or dtypes.check(dtype) == data.dtype):
        place = data.backend if backend is None else get_backend(backend)
        if copy is False and place.place != data.backend.place:
            raise ValueError(f"asarray: no memory of {data.device} can be read as {place.name} without a copy")
        return astype(data.to(place), data.dtype if dtype is None else dtype, copy=bool(copy))
    where = get_backend(backend) if backend is not None else getattr(data, "backend", None) or default_backend()
    fresh = copy or isinstance(data, (list, tuple, int, float, Tensor))
    return wrap(to_array(data, dtype, where, copy), where, None, Version() if fresh else Foreign())


def from_dlpack(x: Any, /, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor that shares the memory of any object with `__dlpack__` (a PyTorch tensor, a CuPy array).

    Later changes of that memory are seen as with `asarray`. With `copy` it gets memory of its own; with `device` it is
    moved there, which shares nothing between host and GPU.

    Raises TypeError for types that tensors cannot have, ValueError where copy=False and a copy cannot be avoided.
    """
    if not hasattr(x, "__dlpack_device__"):
        raise TypeError(f"from_dlpack: a {type(x).__name__} has no __dlpack__: use mg.asarray")
    kind, number = x.__dlpack_device__()
    source = get_backend(f"cupy:{int(number)}") if kind == 2 else default_backend()
    if kind == 1 and source.array_type is not np.ndarray:
        source = get_backend("numpy")
    try:
        array = source.from_dlpack(x)
    except RuntimeError as error:  # NumPy's, for types that it lacks
        raise TypeError(f"from_dlpack: {source.name} cannot read {type(x).__name__}: {error}") from None
    dtypes.check(array.dtype)
    where = source if device is None else backend_of_device(device)
    if where.place != source.place:
        if copy is False:
            raise ValueError(f"from_dlpack: no memory of {source.place} can be read as {where.place} without a copy")
        return wrap(source.copy(array), source, None, Version()).to(where)
    return wrap(source.copy(array), where, None, Version()) if copy else wrap(array, where, None, Foreign())


def made(array: Any, where: Backend, requires_grad: bool) -> Tensor:
    """A tensor around a new array. Raises TypeError for a type that the backend lacks."""
    allowed(array.dtype, where)
    t = wrap(array, where, None, Version())
    return t.requires_grad_() if requires_grad else t


def _where(backend: Any, device: Any = None) -> Backend:
    backend = where_to(backend, device)
    return default_backend() if backend is None else get_backend(backend)


def _beside(x: Tensor, device: Any) -> Backend:
    return x.backend if device is None else backend_of_device(device)


def full(
    shape: Shape,
    fill_value: Any,
    dtype: Any = None,
    requires_grad: bool = False,
    backend: Any = None,
    device: Any = None,
) -> Tensor:
    """A tensor with every element `fill_value`; of the type of the value, floats being float32.

    Raises OverflowError or TypeError if `dtype` is of integers and cannot hold the value.
    """
    where = _where(backend, device)
    if dtype is None:
        dtype = to_array(fill_value, None, where).dtype
    kind = dtypes.check(dtype)
    exactly(fill_value, kind, "full")
    return made(where.full(sizes(shape), fill_value, kind), where, requires_grad)


def zeros(
    shape: Shape, dtype: Any = None, requires_grad: bool = False, backend: Any = None, device: Any = None
) -> Tensor:
    """A tensor of zeros."""
    where = _where(backend, device)
    kind = dtypes.DEFAULT_FLOAT if dtype is None else dtypes.check(dtype)
    return made(where.zeros(sizes(shape), kind), where, requires_grad)


def ones(
    shape: Shape, dtype: Any = None, requires_grad: bool = False, backend: Any = None, device: Any = None
) -> Tensor:
    """A tensor of ones."""
    return full(shape, 1, dtypes.DEFAULT_FLOAT if dtype is None else dtype, requires_grad, backend, device)


def empty(
    shape: Shape, dtype: Any = None, requires_grad: bool = False, backend: Any = None, device: Any = None
) -> Tensor:
    """A tensor whose values do not matter: zeros here, since tensors do not change in place."""
    return zeros(shape, dtype, requires_grad, backend, device)


def full_like(x: Tensor, fill_value: Any, dtype: Any = None, requires_grad: bool = False, device: Any = None) -> Tensor:
    """A tensor like x in shape, type and backend with every element `fill_value`."""
    return full(x.shape, fill_value, x.dtype if dtype is None else dtype, requires_grad, _beside(x, device))


def zeros_like(x: Tensor, dtype: Any = None, requires_grad: bool = False, device: Any = None) -> Tensor:
    """A tensor of zeros like x in shape, type and backend."""
    return zeros(x.shape, x.dtype if dtype is None else dtype, requires_grad, _beside(x, device))


def ones_like(x: Tensor, dtype: Any = None, requires_grad: bool = False, device: Any = None) -> Tensor:
    """A tensor of ones like x in shape, type and backend."""
    return full_like(x, 1, dtype, requires_grad, device)


def empty_like(x: Tensor, dtype: Any = None, requires_grad: bool = False, device: Any = None) -> Tensor:
    """See `empty`."""
    return zeros_like(x, dtype, requires_grad, device)


def arange(
    start: float,
    stop: float | None = None,
    step: float = 1,
    dtype: Any = None,
    requires_grad: bool = False,
    backend: Any = None,
    device: Any = None,
) -> Tensor:
    """The numbers start, start + step, ... before `stop`; with one argument, from 0. Integers give int64.

    Floats are start + i * step in float64, rounded once to the type.

    Raises OverflowError or TypeError if `dtype` is of integers and cannot hold them.
    """
    if stop is None:
        start, stop = 0, start
    if step == 0:
        raise ValueError("arange: the step cannot be 0")
    where = _where(backend, device)
    if dtype is not None and dtypes.check(dtype).kind == "b":
        raise TypeError("arange: truth values are no numbers at equal distances")
    if not all(math.isfinite(v) for v in (start, stop, step)):
        raise ValueError(f"arange: there are no numbers from {start} to {stop} in steps of {step}")
    if dtype is None:
        floats = any(isinstance(v, (float, np.floating)) for v in (start, stop, step))
        dtype = dtypes.DEFAULT_FLOAT if floats else dtypes.DEFAULT_INT
    kind = dtypes.check(dtype)
    n = math.ceil((stop - start) / step)
    for i in {0, 1, n - 1}:
        if 0 <= i < n:
            exactly(start + i * step, kind, "arange")
    return made(where.arange(start, stop, step, kind), where, requires_grad)


def linspace(
    start: float,
    stop: float,
    num: int,
    dtype: Any = None,
    endpoint: bool = True,
    requires_grad: bool = False,
    backend: Any = None,
    device: Any = None,
) -> Tensor:
    """`num` numbers at equal distances from `start` to `stop` (included, unless `endpoint` is off)."""
    where = _where(backend, device)
    kind = dtypes.DEFAULT_FLOAT if dtype is None else dtypes.check(dtype)
    if kind.kind == "b":
        raise TypeError("linspace: truth values are no numbers at equal distances")
    for value in (start, stop):
        within(value, kind, "linspace")
    return made(where.linspace(start, stop, count(num, "linspace: num"), kind, endpoint), where, requires_grad)


def eye(
    n: int,
    m: int | None = None,
    k: int = 0,
    dtype: Any = None,
    requires_grad: bool = False,
    backend: Any = None,
    device: Any = None,
) -> Tensor:
    """The matrix (n, m) with ones on the k-th diagonal."""
    where = _where(backend, device)
    kind = dtypes.DEFAULT_FLOAT if dtype is None else dtypes.check(dtype)
    rows = count(n, "eye: n")
    columns = rows if m is None else count(m, "eye: m")
    return made(where.eye(rows, columns, integer(k, "eye: k"), kind), where, requires_grad)

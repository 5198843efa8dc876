"""The stand-in's array: a NumPy array that is not to be seen, behind those of CuPy's methods that are needed.

It is no subclass of NumPy's array, so that nothing takes it for one.
"""

from __future__ import annotations

import functools
import sys
from typing import Any

import numpy as np

from . import indexing
from .device import Device, HiddenTransfer, Memory, MemoryPointer

# Reads of the device that somebody asked for, and waits that the shape of a result needs (masks, nonzero).
counts = {"transfers": 0, "waits": 0}

SCALARS = (bool, int, float, complex, np.generic)


def is_scalar(x: Any) -> bool:
    """Whether kernels take `x` as a number."""
    return isinstance(x, SCALARS)


def fresh(host: Any) -> ndarray:
    """A new array in memory of its own."""
    a = object.__new__(ndarray)
    a._host = host = np.asarray(host)
    a._memory = Memory(host.nbytes)
    a._memory.written()
    a.base = None
    return a


def view(host: Any, of: ndarray) -> ndarray:
    """An array in the memory of another one."""
    a = object.__new__(ndarray)
    a._host = host
    a._memory = of._memory
    a.base = of if of.base is None else of.base
    return a


def result(host: Any, of: ndarray) -> ndarray:
    """What a function that rearranges elements leaves: a view where NumPy gave one."""
    host = np.asarray(host)
    return view(host, of) if np.may_share_memory(host, of._host) else fresh(host)


def host_of(x: Any) -> np.ndarray:
    """The values of an array that a kernel reads."""
    if type(x) is not ndarray:
        raise TypeError(f"Argument has incorrect type (expected cupy.ndarray, got {type(x).__name__})")
    x._memory.check()
    return x._host


def kernel_inputs(args: Any) -> list[Any]:
    """The values of what a kernel reads, arrays and numbers."""
    values = []
    for x in args:
        if type(x) is ndarray:
            x._memory.check()
            values.append(x._host)
        elif isinstance(x, SCALARS):
            values.append(x)
        else:
            raise TypeError(f"Unsupported type {type(x)}")
    return values


def asked_for() -> bool:
    """Whether a backend's to_numpy is among the callers."""
    frame: Any = sys._getframe(2)
    for _ in range(4):
        if frame is None:
            return False
        if frame.f_code.co_name == "to_numpy":
            return True
        frame = frame.f_back
    return False


def _hidden(what: str) -> Any:
    def refuse(self: ndarray, *args: Any) -> Any:
        raise HiddenTransfer(f"{what} of an array on the device")

    return refuse


class Flags:
    """The flags that CuPy's arrays have."""

    def __init__(self, flags: Any, owndata: bool) -> None:
        self.c_contiguous = flags.c_contiguous
        self.f_contiguous = flags.f_contiguous
        self.owndata = owndata
        self.fnc = flags.fnc
        self.forc = flags.forc


class ndarray:
    """An array on a fake device."""

    __slots__ = ("__weakref__", "_host", "_memory", "base")
    __hash__ = None  # type: ignore[assignment]
    __array_priority__ = -100
    __module__ = "cupy"

    _host: np.ndarray
    _memory: Memory
    base: ndarray | None

    def __init__(
        self, shape: Any, dtype: Any = float, memptr: Any = None, strides: Any = None, order: str = "C"
    ) -> None:
        if memptr is not None or strides is not None:
            raise NotImplementedError("the stand-in makes arrays in memory of their own alone")
        self._host = np.full(shape, 85, np.uint8).astype(dtype, order=order)  # type: ignore[call-overload]
        self._memory = Memory(self._host.nbytes)
        self.base = None

    # --- what it is ---------------------------------------------------------------------------------------------------

    shape = property(lambda self: self._host.shape)
    strides = property(lambda self: self._host.strides)
    ndim = property(lambda self: self._host.ndim)
    size = property(lambda self: self._host.size)
    itemsize = property(lambda self: self._host.itemsize)
    nbytes = property(lambda self: self._host.nbytes)
    dtype = property(lambda self: self._host.dtype)
    flags = property(lambda self: Flags(self._host.flags, self.base is None))
    device = property(lambda self: Device(self._memory.device))
    data = property(lambda self: MemoryPointer(self._memory, self._host.ctypes.data))

    def __len__(self) -> int:
        if not self._host.ndim:
            raise TypeError("len() of unsized object")
        return len(self._host)

    # --- the host would have to wait ----------------------------------------------------------------------------------

    __bool__ = _hidden("the truth value")
    __int__ = _hidden("the integer value")
    __float__ = _hidden("the value")
    __complex__ = _hidden("the value")
    __index__ = _hidden("the integer value")
    __iter__ = _hidden("a loop over the elements")
    __repr__ = _hidden("the text")
    __str__ = _hidden("the text")
    __format__ = _hidden("the text")
    __reduce__ = _hidden("a pickle")
    __contains__ = _hidden("a search in")
    item = _hidden("the value")
    tolist = _hidden("the list")
    tobytes = _hidden("the bytes")

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. "
            "Please use `.get()` to construct a NumPy array explicitly."
        )

    def get(self, stream: Any = None, order: str = "C", out: Any = None, blocking: bool = True) -> np.ndarray:
        if not asked_for():
            raise HiddenTransfer("a copy of the array to the host")
        if out is not None or stream is not None or not blocking:
            raise NotImplementedError("the stand-in copies to new memory, at once")
        self._memory.check()
        counts["transfers"] += 1
        return np.array(self._host, order=order, copy=True)  # type: ignore[call-overload]

    def __array_ufunc__(self, function: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        from . import ufuncs

        if method != "__call__" or function.__name__ not in ufuncs.ALL:
            return NotImplemented
        return ufuncs.ALL[function.__name__](*inputs, **kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        import strict_cupy

        if any(t not in (ndarray, np.ndarray) for t in types) or not hasattr(strict_cupy, function.__name__):
            return NotImplemented
        return getattr(strict_cupy, function.__name__)(*args, **kwargs)

    # --- conversions --------------------------------------------------------------------------------------------------

    def astype(
        self, dtype: Any, order: str = "K", casting: Any = None, subok: Any = None, copy: bool = True
    ) -> ndarray:
        if casting is not None or subok is not None:
            raise TypeError("casting and subok are not supported yet")
        if not copy and np.dtype(dtype) == self.dtype and order == "K":
            return self
        self._memory.check()
        with np.errstate(all="ignore"):
            return fresh(self._host.astype(dtype, order=order, copy=True))  # type: ignore[call-overload]

    def copy(self, order: str = "C") -> ndarray:
        # It may lie on another device. But nothing waits there for the work on the stream from which it is copied.
        self._memory.check_order()
        return fresh(np.array(self._host, order=order, copy=True))  # type: ignore[call-overload]

    def view(self, dtype: Any = None, type: Any = None) -> ndarray:
        return view(self._host if dtype is None else self._host.view(dtype), self)

    def fill(self, value: Any) -> None:
        if not is_scalar(value):
            raise ValueError("non-scalar numpy.ndarray cannot be used for fill")
        self._memory.check()
        self._host.fill(value)
        self._memory.written()

    # --- shape --------------------------------------------------------------------------------------------------------

    def reshape(self, *shape: Any, order: str = "C") -> ndarray:
        out = self._host.reshape(*shape, order=order)  # type: ignore[call-overload]
        if not np.may_share_memory(out, self._host):
            self._memory.check()
        return result(out, self)

    def ravel(self, order: str = "C") -> ndarray:
        return result(self._host.ravel(order), self)  # type: ignore[arg-type]

    def transpose(self, *axes: Any) -> ndarray:
        return view(self._host.transpose(*axes), self)

    def swapaxes(self, axis1: int, axis2: int) -> ndarray:
        return view(self._host.swapaxes(axis1, axis2), self)

    def squeeze(self, axis: Any = None) -> ndarray:
        return view(self._host.squeeze(axis), self)

    @property
    def T(self) -> ndarray:
        return view(self._host.T, self)

    # --- indexing -----------------------------------------------------------------------------------------------------

    def __getitem__(self, slices: Any) -> ndarray:
        parts, arrays = indexing.parts(self, slices)
        if not arrays:
            return view(indexing.basic(self._host, parts), self)
        self._memory.check()
        return fresh(np.array(self._host[indexing.wrapped(self, parts)]))

    def __setitem__(self, slices: Any, value: Any) -> None:
        parts, arrays = indexing.parts(self, slices)
        (values,) = kernel_inputs([value])
        self._memory.check()
        if arrays:
            # Which value stays where positions repeat is not defined: here it is the first one, in NumPy the last.
            where, values = indexing.places(self, parts, values)
            self._host[np.unravel_index(where[::-1], self.shape)] = values[::-1]
        else:
            indexing.basic(self._host, parts)[...] = values
        self._memory.written()

    def scatter_add(self, slices: Any, value: Any) -> None:
        parts, arrays = indexing.parts(self, slices)
        (values,) = kernel_inputs([value])
        self._memory.check()
        if any(a.dtype.kind != "b" for a in arrays) and self.dtype.name not in indexing.ATOMIC_ADD:
            raise TypeError(f"scatter_add only supports {', '.join(indexing.ATOMIC_ADD)} as data type")
        where, values = indexing.places(self, parts, values)
        np.add.at(self._host, np.unravel_index(where, self.shape), values.astype(self.dtype))
        self._memory.written()

    # --- calculation --------------------------------------------------------------------------------------------------

    def dot(self, b: Any, out: Any = None) -> ndarray:
        from . import functions

        return functions.dot(self, b, out)

    def __matmul__(self, other: Any) -> ndarray:
        from . import functions

        return functions.matmul(self, other)


def _method(name: str) -> Any:
    """A method that is the function of the same name."""

    def call(self: ndarray, *args: Any, **kwargs: Any) -> Any:
        from . import functions

        return getattr(functions, name)(self, *args, **kwargs)

    return functools.update_wrapper(call, ndarray.get, assigned=())


for _name in "sum prod max min any all argmax argmin argsort cumsum nonzero".split():
    setattr(ndarray, _name, _method(_name))

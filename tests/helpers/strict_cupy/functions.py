"""Functions of the stand-in, with CuPy's signatures."""

from __future__ import annotations

import builtins
import math
from typing import Any

import numpy as np

from .arrays import counts, fresh, host_of, is_scalar, kernel_inputs, ndarray, result, view
from .device import Device, HiddenTransfer, current

# --- creation ---------------------------------------------------------------------------------------------------------


def array(
    obj: Any,
    dtype: Any = None,
    copy: bool | None = True,
    order: str | None = "K",
    subok: bool = False,
    ndmin: int = 0,
    *,
    blocking: bool = False,
) -> ndarray:
    if subok or ndmin:
        raise NotImplementedError("the stand-in has neither subok nor ndmin")
    if isinstance(obj, ndarray):
        same = dtype is None or np.dtype(dtype) == obj.dtype
        if obj._memory.device != current.device:
            if copy is False:
                raise ValueError("Unable to avoid copy while creating an array as requested.")
            return obj.copy(order=order or "K").astype(obj.dtype if dtype is None else dtype, copy=False)
        if same and not copy:
            return obj
        if copy is False:
            raise ValueError("Unable to avoid copy while creating an array as requested.")
        return obj.astype(obj.dtype if dtype is None else dtype, order=order or "K")
    if copy is False:
        raise ValueError("Unable to avoid copy while creating an array as requested.")
    if isinstance(obj, (list, tuple)) and any_array(obj):
        raise NotImplementedError("the stand-in makes no array of a list of arrays")
    host = np.array(obj, dtype=dtype, order="C")
    if host.dtype.kind not in "biufcV":
        raise ValueError(f"Unsupported dtype {host.dtype}")
    return fresh(host)


def any_array(obj: Any) -> bool:
    return builtins.any(isinstance(x, ndarray) or (isinstance(x, (list, tuple)) and any_array(x)) for x in obj)


def asarray(
    a: Any, dtype: Any = None, order: str | None = None, *, copy: bool | None = None, blocking: bool = False
) -> ndarray:
    return array(a, dtype, copy, order or "K", blocking=blocking)


def ascontiguousarray(a: ndarray, dtype: Any = None) -> ndarray:
    if type(a) is not ndarray:
        raise TypeError(f"expected cupy.ndarray, got {type(a).__name__}")
    same = dtype is None or np.dtype(dtype) == a.dtype
    if same and a._host.flags.c_contiguous:
        return a
    return a.astype(a.dtype if dtype is None else dtype, order="C")


def asnumpy(a: Any, stream: Any = None, order: str = "C", out: Any = None, *, blocking: bool = True) -> np.ndarray:
    return a.get(stream=stream, order=order, out=out, blocking=blocking)


def copy(a: ndarray, order: str = "K") -> ndarray:
    return a.copy(order=order)


def empty(shape: Any, dtype: Any = float, order: str = "C") -> ndarray:
    return ndarray(shape, dtype, order=order)


def zeros(shape: Any, dtype: Any = float, order: str = "C") -> ndarray:
    return fresh(np.zeros(shape, dtype, order))  # type: ignore[call-overload]


def zeros_like(a: ndarray, dtype: Any = None, order: str = "K", subok: Any = None, shape: Any = None) -> ndarray:
    host_of(a)
    return fresh(np.zeros_like(a._host, dtype, order, shape=shape))  # type: ignore[arg-type]


def full(shape: Any, fill_value: Any, dtype: Any = None, order: str = "C") -> ndarray:
    (value,) = kernel_inputs([fill_value])
    return fresh(np.full(shape, value, dtype, order))  # type: ignore[call-overload]


def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = None) -> ndarray:
    if not builtins.all(x is None or is_scalar(x) for x in (start, stop, step)):
        raise HiddenTransfer("arange() from values of an array")
    return fresh(np.arange(start, stop, step, dtype))


def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
) -> ndarray:
    if not is_scalar(start) or not is_scalar(stop):
        raise HiddenTransfer("linspace() between arrays")
    return fresh(np.linspace(start, stop, num, endpoint, retstep, dtype, axis))  # type: ignore[call-overload]


def eye(N: int, M: int | None = None, k: int = 0, dtype: Any = float, order: str = "C") -> ndarray:
    return fresh(np.eye(N, M, k, dtype, order))  # type: ignore[arg-type]


# --- reductions: a result without axes is an array ------------------------------------------------------------------


def _reduced(function: Any, a: Any, axis: Any, out: Any, keepdims: bool, **options: Any) -> ndarray:
    if out is not None:
        raise NotImplementedError("the stand-in's reductions have no out=")
    host = host_of(a)
    with np.errstate(all="ignore"):
        return fresh(np.asarray(function(host, axis=axis, keepdims=keepdims, **options), order="C"))


def _is_half(a: Any, dtype: Any) -> bool:
    kept = a.dtype if dtype is None else np.dtype(dtype)
    return kept.itemsize == 2 and kept.kind in "fV"


def _rounded_each_time(function: Any, a: Any, axis: Any, keepdims: bool, dtype: Any) -> ndarray:
    """A 16-bit sum whose partial sums are rounded to 16 bits, as CuPy's may be (CUB adds up in the array's type)."""
    host = host_of(a).astype(a.dtype if dtype is None else dtype)
    axes = tuple(range(host.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = tuple(i % host.ndim for i in axes)
    kept = [i for i in range(host.ndim) if i not in axes]
    lines = host.transpose(*kept, *axes).reshape(*(host.shape[i] for i in kept), math.prod(host.shape[i] for i in axes))
    start = np.full((*lines.shape[:-1], 1), 1 if function is np.multiply else 0, lines.dtype)
    steps = np.concatenate([start, lines], axis=-1)
    total = steps[..., 0]
    with np.errstate(all="ignore"):
        for i in range(1, steps.shape[-1]):
            total = function(total, steps[..., i])
    shape = tuple(1 if i in axes else n for i, n in enumerate(host.shape)) if keepdims else total.shape
    return fresh(np.asarray(total, dtype=lines.dtype).reshape(shape))


def sum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False) -> ndarray:
    if _is_half(a, dtype):
        return _rounded_each_time(np.add, a, axis, keepdims, dtype)
    return _reduced(np.sum, a, axis, out, keepdims, dtype=dtype)


def prod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False) -> ndarray:
    if _is_half(a, dtype):
        return _rounded_each_time(np.multiply, a, axis, keepdims, dtype)
    return _reduced(np.prod, a, axis, out, keepdims, dtype=dtype)


def max(a: Any, axis: Any = None, out: Any = None, keepdims: bool = False) -> ndarray:
    return _reduced(np.max, a, axis, out, keepdims)


def min(a: Any, axis: Any = None, out: Any = None, keepdims: bool = False) -> ndarray:
    return _reduced(np.min, a, axis, out, keepdims)


def any(a: Any, axis: Any = None, out: Any = None, keepdims: bool = False) -> ndarray:
    return _reduced(np.any, a, axis, out, keepdims)


def all(a: Any, axis: Any = None, out: Any = None, keepdims: bool = False) -> ndarray:
    return _reduced(np.all, a, axis, out, keepdims)


def argmax(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False) -> ndarray:
    return _reduced(np.argmax, a, axis, out, keepdims)


def argmin(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False) -> ndarray:
    return _reduced(np.argmin, a, axis, out, keepdims)


def count_nonzero(a: Any, axis: Any = None) -> ndarray:
    return _reduced(np.count_nonzero, a, axis, None, False)


def cumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> ndarray:
    return fresh(np.cumsum(host_of(a), axis, a.dtype if _is_half(a, dtype) else dtype))


def cumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> ndarray:
    return fresh(np.cumprod(host_of(a), axis, a.dtype if _is_half(a, dtype) else dtype))


# --- sorting and searching --------------------------------------------------------------------------------------------


def argsort(a: Any, axis: Any = -1, kind: Any = None) -> ndarray:
    if kind not in (None, "stable"):
        raise ValueError(f"unsupported kind: {kind}")
    if not a.ndim:
        raise np.exceptions.AxisError("Sorting arrays with the rank of zero is not supported")
    if a.dtype.kind == "V":
        raise TypeError(f"sorting of {a.dtype} is not known to work")
    return fresh(np.ascontiguousarray(np.argsort(host_of(a), axis=axis, kind="stable")))


def searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None) -> ndarray:
    if sorter is not None or side not in ("left", "right"):
        raise NotImplementedError("the stand-in has no sorter")
    return fresh(np.asarray(np.searchsorted(host_of(a), host_of(v), side)))  # type: ignore[call-overload]


def nonzero(a: Any) -> tuple[ndarray, ...]:
    counts["waits"] += 1
    return tuple(fresh(x) for x in np.nonzero(host_of(a)))


def flatnonzero(a: Any) -> ndarray:
    counts["waits"] += 1
    return fresh(np.flatnonzero(host_of(a)))


# --- shape ------------------------------------------------------------------------------------------------------------


def reshape(a: ndarray, newshape: Any, order: str = "C", *, copy: bool | None = None) -> ndarray:
    return a.reshape(newshape, order=order)


def broadcast_to(array: Any, shape: Any) -> ndarray:
    if type(array) is not ndarray:
        raise TypeError(f"expected cupy.ndarray, got {type(array).__name__}")
    return view(np.broadcast_to(array._host, shape), array)


def squeeze(a: ndarray, axis: Any = None) -> ndarray:
    return a.squeeze(axis)


def flip(a: ndarray, axis: Any = None) -> ndarray:
    return view(np.flip(a._host, axis), a)


def roll(a: ndarray, shift: Any, axis: Any = None) -> ndarray:
    if isinstance(shift, (ndarray, np.ndarray)):
        raise HiddenTransfer("shifts from an array")
    return fresh(np.roll(host_of(a), shift, axis))


def pad(array: Any, pad_width: Any, mode: str = "constant", **kwargs: Any) -> ndarray:
    if mode != "constant" or set(kwargs) - {"constant_values"}:
        raise NotImplementedError("the stand-in pads with constants alone")
    return fresh(np.pad(host_of(array), pad_width, mode="constant", **kwargs))


def tril(m: Any, k: int = 0) -> ndarray:
    return fresh(np.ascontiguousarray(np.tril(host_of(m), k)))


def triu(m: Any, k: int = 0) -> ndarray:
    return fresh(np.ascontiguousarray(np.triu(host_of(m), k)))


def concatenate(
    tup: Any, axis: int | None = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind"
) -> ndarray:
    if out is not None:
        raise NotImplementedError("the stand-in's concatenate has no out=")
    return fresh(np.concatenate([host_of(x) for x in tup], axis, dtype=dtype, casting=casting))  # type: ignore[call-overload]


def stack(tup: Any, axis: int = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind") -> ndarray:
    if out is not None:
        raise NotImplementedError("the stand-in's stack has no out=")
    return fresh(np.stack([host_of(x) for x in tup], axis, dtype=dtype, casting=casting))  # type: ignore[call-overload]


def result_type(*arrays_and_dtypes: Any) -> np.dtype:
    return np.result_type(*[x.dtype if isinstance(x, ndarray) else x for x in arrays_and_dtypes])


def may_share_memory(a: ndarray, b: ndarray, max_work: Any = None) -> bool:
    return bool(np.may_share_memory(a._host, b._host))


def copyto(dst: ndarray, src: Any, casting: str = "same_kind", where: Any = None) -> None:
    if isinstance(src, ndarray) and src._memory.device != dst._memory.device:
        dst._host[...] = src._host
    else:
        dst._memory.check()
        (values,) = kernel_inputs([src])
        np.copyto(dst._host, values, casting)  # type: ignore[arg-type]
    dst._memory.written()


def from_dlpack(array: Any, device: Any = None, copy: Any = None) -> ndarray:
    raise NotImplementedError("the stand-in has no DLPack")


# --- products ---------------------------------------------------------------------------------------------------------

COMPUTE_TYPE_DEFAULT, COMPUTE_TYPE_TF32 = 1, 7
_compute_types: dict[str, int] = {}


def set_compute_type(dtype: Any, compute_type: int) -> None:
    _compute_types[np.dtype(dtype).name] = compute_type


def get_compute_type(dtype: Any) -> int:
    return _compute_types.get(np.dtype(dtype).name, COMPUTE_TYPE_DEFAULT)


def _as_tf32(x: np.ndarray) -> np.ndarray:
    """Rounded to the 10 bits of mantissa that tensor cores read of a float32."""
    return ((x.view(np.uint32) + np.uint32(0x1000)) & np.uint32(0xFFFFE000)).view(np.float32)


def _product(function: Any, a: Any, b: Any, tf32: bool) -> ndarray:
    x, y = host_of(a), host_of(b)
    kept = np.promote_types(x.dtype, y.dtype)
    wide = np.dtype(np.float32) if kept.itemsize == 2 and kept.kind in "fV" else kept
    x, y = x.astype(wide), y.astype(wide)
    if tf32 and wide == np.float32 and get_compute_type(wide) == COMPUTE_TYPE_TF32:
        x, y = _as_tf32(x), _as_tf32(y)
    with np.errstate(all="ignore"):
        return fresh(np.asarray(function(x, y)).astype(kept, copy=False))


def dot(a: Any, b: Any, out: Any = None) -> ndarray:
    if out is not None:
        raise NotImplementedError("the stand-in's dot has no out=")
    host_of(b)
    if a.ndim and b.ndim and a.size == a.shape[-1] == b.size and a.size and _is_half(a, result_type(a, b)):
        total = sum(a.ravel() * b.ravel())  # a result of one element is no product of matrices to CuPy
        return total.reshape(np.dot(a._host, b._host).shape)
    return _product(np.dot, a, b, tf32=True)


def matmul(x1: Any, x2: Any, /, **kwargs: Any) -> ndarray:
    if kwargs:
        raise NotImplementedError("the stand-in's matmul has no options")
    host_of(x1), host_of(x2)
    if not x1.ndim or not x2.ndim:
        raise ValueError("Scalar operands are not allowed, use '*' instead")
    if builtins.max(x1.ndim, x2.ndim) <= 2:
        return dot(x1, x2)
    return _product(np.matmul, x1, x2, tf32=False)


def einsum(*operands: Any, **kwargs: Any) -> ndarray:
    optimize = kwargs.pop("optimize", False)
    if kwargs:
        raise TypeError(f"Did not understand the following kwargs: {list(kwargs)}")
    subscripts, *xs = operands
    hosts = [host_of(x) for x in xs]
    kept = np.result_type(*[x.dtype for x in hosts])
    wide = np.float32 if kept.itemsize == 2 and kept.kind in "fV" else kept
    out = np.einsum(subscripts, *[x.astype(wide, copy=False) for x in hosts], optimize=optimize)
    if len(xs) == 1 and wide == kept:
        return result(out, xs[0])
    return fresh(np.asarray(out).astype(kept))


# --- for the tests ----------------------------------------------------------------------------------------------------


def to_device(x: ndarray, device: int) -> ndarray:
    """The array on another device."""
    with Device(device):
        return x.copy()

"""The CuPy backend: the NumPy backend's code over CuPy's library, CUDA kernels, and what differs on a GPU.

Imported only when asked for. Needs CuPy 13.4 or newer (extra `cuda12` or `cuda13`) and a CUDA GPU.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import cupy
import cupyx
import numpy as np

from ..base import Array, BackendUnavailable
from ..halves import FLOAT32, is_half
from .indexing import CupyIndexing
from .kernels import CudaKernels
from .random import CupyRandom

OLDEST = (13, 4)
WITH_BFLOAT16 = (14, 0)

# Primitives whose rules are one step on a GPU: a product, a kernel that has float32 inside, one operation, or a move.
ROUND_ONCE = frozenset(
    "matmul linear sigmoid tanh softmax log_softmax cross_entropy layer_norm dropout add subtract multiply negative "
    "exp log where relu abs sum reshape permute_dims broadcast_to flip roll pad tril triu concat stack".split()
)

# Methods that do not work on arrays, or say themselves on which device.
ON_ANY_DEVICE = frozenset("activate active stream synchronize generator generator_state set_generator_state".split())


class CupyBackend(CupyIndexing, CupyRandom):
    """CuPy's arrays and functions on one CUDA device.

    **Waiting.** Nothing waits for the GPU but `to_numpy`, `synchronize`, and boolean arrays as indices. What was wrong
    with the values of indices is therefore found only at the next `to_numpy`, which raises IndexError.

    **Order.** Work goes to CuPy's current stream of this device. With several devices in the machine each call makes
    its own the current one while it runs.

    **Precision.** Products and sums of 16-bit floats are accumulated in float32. float32 products are computed with
    float32 unless `set_tf32` (or CUPY_TF32 in the environment) says otherwise.

    **Determinism.** A call gives the same bits each time on the same kind of GPU, additions at repeated indices too.

    Args:
        device: the number of the GPU, as CUDA counts them.

    Attributes:
        name: "cupy" for the first device, "cupy:1" for the second, and so on.
        place: "cuda:0", "cuda:1", ...
        device: the number.
        has_bfloat16: whether there is arithmetic for bfloat16: from CuPy 14 on.

    Raises:
        BackendUnavailable: CuPy is too old, there is no such GPU, or its driver does not work.
    """

    array_type = cupy.ndarray
    lib = cupy
    narrow_products = True
    scatter_add = staticmethod(cupyx.scatter_add)

    def __init__(self, device: int = 0) -> None:
        version = version_of(cupy.__version__)
        if version < OLDEST:
            raise BackendUnavailable(f"CuPy {cupy.__version__} is too old: {'.'.join(map(str, OLDEST))} is needed")
        try:
            count = cupy.cuda.runtime.getDeviceCount()
        except cupy.cuda.runtime.CUDARuntimeError as error:
            raise BackendUnavailable(f"CuPy is installed, but CUDA does not work here: {error}") from error
        if count == 0:
            raise BackendUnavailable("CuPy is installed, but there is no CUDA GPU")
        if not 0 <= device < count:
            raise BackendUnavailable(f"there is no GPU {device}: CUDA sees {count}, counted from 0")
        super().__init__()
        self.device = device
        self.name = f"cupy:{device}" if device else "cupy"
        self.place = f"cuda:{device}"
        self.has_bfloat16 = version >= WITH_BFLOAT16 and bfloat16() is not None
        self.float_types = frozenset(
            [np.dtype(t) for t in (np.float16, np.float32, np.float64)] + ([bfloat16()] if self.has_bfloat16 else [])
        )
        with cupy.cuda.Device(device):
            self.kernels = CudaKernels(cupy)
        if count > 1:
            self._run_inside_the_device()

    def _run_inside_the_device(self) -> None:
        """Wrap the methods, so that this device is the current one while they run."""
        for name in dir(self):
            method = getattr(self, name)
            if callable(method) and not (inspect.isclass(method) or name.startswith("_") or name in ON_ANY_DEVICE):
                setattr(self, name, self._inside(method))

    def _inside(self, method: Callable[..., Any]) -> Callable[..., Any]:
        device, current, switch = self.device, cupy.cuda.runtime.getDevice, cupy.cuda.Device

        @functools.wraps(method)
        def call(*args: Any, **kwargs: Any) -> Any:
            if current() == device:
                return method(*args, **kwargs)
            with switch(device):
                return method(*args, **kwargs)

        return call

    # --- moving: the only ways in and out ---------------------------------------------------------------------------

    def asarray(self, data: Any, dtype: Any = None, copy: bool | None = None) -> Array:
        """`data` (nested lists, numbers, NumPy arrays, arrays of any device) on this device.

        Page-locked memory of the host is read when the GPU comes to it: do not change it before `synchronize`.
        """
        if isinstance(data, cupy.ndarray):
            if data.device.id != self.device:
                if copy is False:
                    raise ValueError(
                        f"data on device {data.device.id} cannot be on device {self.device} without a copy"
                    )
                data, copy = self._from_device(data), None
            if dtype is not None and data.dtype != dtype:
                if copy is False:
                    raise ValueError(f"cannot make {dtype} of {data.dtype} without a copy")
                return data.astype(dtype)
            return data.copy() if copy else data
        if copy is False:
            raise ValueError("data from the host cannot be on the GPU without a copy")
        # NumPy decides about types and shapes of Python data, so that backends agree.
        return cupy.asarray(np.asarray(data, dtype=dtype))

    def _from_device(self, x: Array) -> Array:
        """A copy of an array of another device, in the order of the work on both devices' current streams."""
        stream = cupy.cuda.get_current_stream
        with x.device:
            made = stream().record()
        stream().wait_event(made)
        out = x.copy()
        copied = stream().record()
        with x.device:  # whose memory may be used for something else after that
            stream().wait_event(copied)
        return out

    def to_numpy(self, x: Array) -> np.ndarray:
        """`x` as a NumPy array on the host. Waits for what it depends on.

        Raises IndexError if an operation before it was given an index out of range.
        """
        host = cupy.asnumpy(x)
        if self.noting:
            self.noting = False
            found = cupy.asnumpy(self.kernels.flags)[0]
            if found:
                self.kernels.flags.fill(0)
                raise IndexError(self.kernels.complaint(int(found)))
        return host

    # --- the device ---------------------------------------------------------------------------------------------------

    def activate(self) -> None:
        """Make the device the current one of this thread."""
        cupy.cuda.Device(self.device).use()

    def active(self) -> Any:
        """A context manager: inside it, the device is the current one."""
        return cupy.cuda.Device(self.device)

    def synchronize(self) -> None:
        """Wait until the device has done all its work, on all streams."""
        cupy.cuda.Device(self.device).synchronize()

    @contextmanager
    def stream(self, join: bool = True) -> Iterator[Any]:
        """Inside, work goes to a stream of its own, which can run at the same time as others; gives that CuPy stream.

        What was started on the current stream before is done before anything that is started inside. With `join`, what
        is started inside is done before anything that is started on the outer stream after the block; without it,
        call the stream's `synchronize()` before using the results outside, and keep what the block reads until then.
        The host waits in neither case.
        """
        with cupy.cuda.Device(self.device):
            outer = cupy.cuda.get_current_stream()
            inner = cupy.cuda.Stream(non_blocking=True)
            inner.wait_event(outer.record())
            with inner:
                yield inner
            if join:
                outer.wait_event(inner.record())

    def memory(self) -> dict[str, int]:
        """What arrays use now ("used_bytes"), and what CuPy's pool has taken from the device ("total_bytes")."""
        pool = cupy.get_default_memory_pool()
        return {"used_bytes": pool.used_bytes(), "total_bytes": pool.total_bytes()}

    def free_memory(self) -> None:
        """Give the memory that the pool keeps for arrays to come back to the device."""
        cupy.get_default_memory_pool().free_all_blocks()

    def device_count(self) -> int:
        """How many GPUs there are; each is a backend."""
        return cupy.cuda.runtime.getDeviceCount()

    def describe(self) -> dict[str, Any]:
        """The GPU and its software: name, memory_bytes, compute_capability, cuda, driver, cupy, tf32."""
        runtime = cupy.cuda.runtime
        facts = runtime.getDeviceProperties(self.device)
        name = facts["name"]
        return {
            "name": name.decode() if isinstance(name, bytes) else name,
            "memory_bytes": int(facts["totalGlobalMem"]),
            "compute_capability": f"{facts['major']}.{facts['minor']}",
            "cuda": cuda_version(runtime.runtimeGetVersion()),
            "driver": cuda_version(runtime.driverGetVersion()),
            "cupy": cupy.__version__,
            "tf32": self.tf32,
        }

    @property
    def tf32(self) -> bool:
        """Whether products of float32 matrices may be computed in TF32."""
        linalg = cupy._core._routines_linalg
        return linalg.get_compute_type(FLOAT32) == linalg.COMPUTE_TYPE_TF32

    def set_tf32(self, allowed: bool) -> None:
        """Whether products of two float32 matrices may read their operands with 10 bits of mantissa (TF32).

        That is several times faster on GPUs of compute capability 8.0 or higher. In the whole process, for all
        devices; off at the start, unless CUPY_TF32=1 is set in the environment. Batched products stay in float32.
        """
        linalg = cupy._core._routines_linalg
        kind = linalg.COMPUTE_TYPE_TF32 if allowed else linalg.COMPUTE_TYPE_DEFAULT
        linalg.set_compute_type(FLOAT32, kind)

    # --- 16-bit floats: accumulate in float32 -------------------------------------------------------------------------

    def sum(self, x: Array, axis: Any = None, keepdims: bool = False) -> Array:
        if is_half(x):  # CuPy may add up in 16 bits
            return x.sum(axis=axis, keepdims=keepdims, dtype=FLOAT32).astype(x.dtype)
        return x.sum(axis=axis, keepdims=keepdims)

    def matmul(self, x: Array, y: Array) -> Array:
        # cuBLAS accumulates in float32. A result of one element CuPy computes as a sum of products, in 16 bits.
        if is_half(x) and is_half(y) and x.size == x.shape[-1] and y.size == x.size:
            return super().matmul(x.astype(FLOAT32), y.astype(FLOAT32)).astype(cupy.result_type(x, y))
        return super().matmul(x, y)

    def for_rules(self, node: Any, g: Array, saved: tuple[Any, ...]) -> tuple[Array, tuple[Any, ...]]:
        """As on the host; but products run in 16 bits, which is what they are for, and so do rules of one step."""
        if node.primitive.name in ROUND_ONCE:
            return (g if g.dtype == node.dtype else g.astype(node.dtype)), saved
        return super().for_rules(node, g, saved)

    # --- bfloat16 where CuPy has no loop for it -----------------------------------------------------------------------

    def where(self, condition: Array, x: Array, y: Array) -> Array:
        out = cupy.where(condition, x, y)
        kinds = {a.dtype for a in (x, y) if hasattr(a, "dtype")}
        if len(kinds) == 1 and out.dtype == FLOAT32:
            (kind,) = kinds
            return out.astype(kind, copy=False) if kind.itemsize == 2 and kind.kind == "V" else out
        return out

    def tril(self, x: Array, k: int) -> Array:
        return cupy.tril(x, k).astype(x.dtype, copy=False)

    def triu(self, x: Array, k: int) -> Array:
        return cupy.triu(x, k).astype(x.dtype, copy=False)

    def argmax(self, x: Array, axis: int | None = None, keepdims: bool = False) -> Array:
        return cupy.argmax(comparable(x), axis=axis, keepdims=keepdims)

    def argmin(self, x: Array, axis: int | None = None, keepdims: bool = False) -> Array:
        return cupy.argmin(comparable(x), axis=axis, keepdims=keepdims)

    def argsort(self, x: Array, axis: int = -1, descending: bool = False) -> Array:
        return super().argsort(comparable(x), axis, descending)

    # --- what CuPy computes otherwise than NumPy ----------------------------------------------------------------------

    def remainder(self, x: Array, y: Array) -> Array:
        """What is left of x, with the sign of y: exact, as Python's %. CuPy's suffers from rounding and infinity."""
        if not has_floats(x, y):
            return cupy.remainder(x, y)
        rest = cupy.fmod(x, y)
        rest = self.where((rest != 0) & ((rest < 0) != (y < 0)), rest + y, rest)
        return self.where(rest == 0, cupy.copysign(rest, y), rest)

    def floor_divide(self, x: Array, y: Array) -> Array:
        """floor(x / y) for the exact quotient; with an infinite operand x / y itself, as the standard says."""
        if not has_floats(x, y):
            return cupy.floor_divide(x, y)
        rest = cupy.fmod(x, y)
        quotient = (x - rest) / y
        quotient = self.where((rest != 0) & ((rest < 0) != (y < 0)), quotient - 1, quotient)
        whole = cupy.floor(quotient)
        whole = self.where(quotient - whole > 0.5, whole + 1, whole)  # the division was rounded
        whole = self.where(quotient == 0, cupy.copysign(quotient, x / y), whole)
        return self.where(cupy.equal(y, 0) | cupy.isinf(x) | cupy.isinf(y), x / y, whole)

    def count_nonzero(self, x: Array, axis: Any = None, keepdims: bool = False) -> Array:
        return (x != 0).sum(axis=axis, keepdims=keepdims)

    def floor(self, x: Array) -> Array:
        return cupy.floor(x) if has_floats(x) else x.copy()  # CuPy 13 makes floats of integers

    def ceil(self, x: Array) -> Array:
        return cupy.ceil(x) if has_floats(x) else x.copy()

    def trunc(self, x: Array) -> Array:
        return cupy.trunc(x) if has_floats(x) else x.copy()

    def cross_entropy(self, x: Array, targets: Array, ignore_index: int, label_smoothing: float) -> Array:
        self.noting = True
        return super().cross_entropy(x, targets, ignore_index, label_smoothing)


def comparable(x: Array) -> Array:
    """`x` in a type that CuPy can sort: bfloat16 as float32."""
    return x.astype(FLOAT32) if x.dtype.kind == "V" else x


def has_floats(*xs: Any) -> bool:
    """Whether one of these arrays and Python numbers is real."""
    return any(isinstance(x, float) or (hasattr(x, "dtype") and x.dtype.kind in "fV") for x in xs)


def bfloat16() -> np.dtype | None:
    """The type of the package ml_dtypes; None where that is not installed."""
    try:
        import ml_dtypes
    except ImportError:
        return None
    return np.dtype(ml_dtypes.bfloat16)


def version_of(text: str) -> tuple[int, ...]:
    """The first two numbers of a version: "13.4.1" is (13, 4), "14.0.0rc1" is (14, 0)."""
    return tuple(int(part) for part in re.findall(r"\d+", text)[:2])


def cuda_version(number: int) -> str:
    """CUDA's 12040 as "12.4"."""
    return f"{number // 1000}.{number % 1000 // 10}"

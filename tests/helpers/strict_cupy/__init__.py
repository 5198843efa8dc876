"""A stand-in for CuPy where there is no GPU: its functions over the host's memory, and its refusals.

It offers only what the CuPy backend uses, with CuPy's signatures and types of results, and is stricter than CuPy in one
respect: where CuPy would make the host wait for the device without being asked (a truth value, a number, a NumPy array
among the indices), it raises HiddenTransfer. `to_numpy` of a backend is the one way out. What CuPy does otherwise than
NumPy, it does so too: reductions give arrays, indices out of range wrap around, which of several values assigned to one
place stays is not defined, 16-bit sums are rounded at each step, some functions have other formulas.

`register` makes the CuPy backend over it the backend "cupy" of minigrad.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as _np

from . import device as _device
from . import functions as _functions
from . import ufuncs as _ufuncs
from .arrays import counts as counts
from .arrays import ndarray as ndarray
from .device import HiddenTransfer as HiddenTransfer
from .device import StreamRace as StreamRace
from .device import get_default_memory_pool as get_default_memory_pool
from .ufuncs import ufunc as ufunc
from .ufuncs import where as where

__version__ = "14.2.0"

FUNCTIONS = (
    "all any arange argmax argmin argsort array asarray ascontiguousarray asnumpy broadcast_to concatenate copy "
    "count_nonzero cumprod cumsum dot einsum empty eye flatnonzero flip from_dlpack full linspace matmul max "
    "may_share_memory min nonzero pad prod reshape result_type roll searchsorted squeeze stack sum tril triu zeros "
    "zeros_like"
).split()
UFUNCS = [name for name in _ufuncs.ALL if name != "where"]
globals().update({name: getattr(_functions, name) for name in FUNCTIONS})
globals().update({name: _ufuncs.ALL[name] for name in UFUNCS})

# --- kernels ----------------------------------------------------------------------------------------------------------


def _load(name: str, path: Path, **replaced: Any) -> ModuleType:
    """A module from a file, under a name of its own; while it is imported, other modules may be replaced."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        outer = {key: sys.modules.get(key) for key in replaced}
        sys.modules.update(replaced)
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
        finally:
            for key, real in outer.items():
                if real is None:
                    del sys.modules[key]
                else:
                    sys.modules[key] = real
    return sys.modules[name]


class RawModule:
    """CUDA sources, compiled for the host by the emulator."""

    def __init__(self, code: str | None = None, *, options: tuple[str, ...] = (), **unknown: Any) -> None:
        if unknown:
            raise TypeError(f"the stand-in knows no {', '.join(unknown)}")
        emulator = _load("cuda_emulator", Path(__file__).parents[1] / "cuda" / "emulator.py")
        self._module = emulator.RawModule(code=code, options=options)

    def get_function(self, name: str) -> RawKernel:
        return RawKernel(self._module.get_function(name))


class RawKernel:
    """One function of CUDA sources. What it is given may be written by it."""

    def __init__(self, run: Any) -> None:
        self._run = run

    def __call__(self, grid: Any, block: Any, args: Any, *, shared_mem: int = 0) -> None:
        arrays = [a for a in args if isinstance(a, ndarray)]
        for a in arrays:
            a._memory.check()
        values = tuple(a._host if isinstance(a, ndarray) else a for a in args)
        self._run(grid, block, values, shared_mem=shared_mem)
        for a in arrays:
            a._memory.written()


# --- CuPy's other modules ---------------------------------------------------------------------------------------------

cuda = SimpleNamespace(
    Device=_device.Device,
    Stream=_device.Stream,
    Event=_device.Event,
    MemoryPool=_device.MemoryPool,
    MemoryPointer=_device.MemoryPointer,
    get_current_stream=_device.get_current_stream,
    runtime=_device.runtime,
)
_core = SimpleNamespace(
    _routines_linalg=SimpleNamespace(
        set_compute_type=_functions.set_compute_type,
        get_compute_type=_functions.get_compute_type,
        COMPUTE_TYPE_DEFAULT=_functions.COMPUTE_TYPE_DEFAULT,
        COMPUTE_TYPE_TF32=_functions.COMPUTE_TYPE_TF32,
    ),
)


def _scatter_add(a: ndarray, slices: Any, value: Any) -> None:
    a.scatter_add(slices, value)


cupyx = SimpleNamespace(scatter_add=_scatter_add)

# --- the backend over it ----------------------------------------------------------------------------------------------

BACKEND = "minigrad.backends.cupy.backend_over_the_stand_in"


def backend_module() -> ModuleType:
    """minigrad.backends.cupy.backend with this module in the place of CuPy. It has a name of its own."""
    import minigrad.backends.cupy

    path = Path(minigrad.backends.cupy.__file__).with_name("backend.py")
    return _load(BACKEND, path, cupy=sys.modules[__name__], cupyx=cupyx)


def register() -> None:
    """Make it the backend that minigrad knows as "cupy" ("cupy:1" for the second device)."""
    from minigrad import backends

    _, kind, advice = backends.REGISTRY["cupy"]
    backends.REGISTRY["cupy"] = (backend_module().__name__, kind, advice)


@contextmanager
def two_devices() -> Iterator[None]:
    """Inside, there are two GPUs, and the backends "cupy" and "cupy:1" of minigrad are new."""
    from minigrad import backends, random

    kept = {name: backends._loaded.pop(name) for name in list(backends._loaded) if name.startswith("cupy")}
    generators = {name: random._generators.pop(name) for name in list(random._generators) if name.startswith("cupy")}
    _device.devices[0] = 2
    try:
        yield
    finally:
        _device.devices[0] = 1
        _device.current.device = 0
        for table, old in ((backends._loaded, kept), (random._generators, generators)):
            for name in [name for name in table if name.startswith("cupy")]:
                del table[name]
            table.update(old)  # type: ignore[arg-type]


def host(x: Any) -> _np.ndarray:
    """The values of a stand-in array, for a test to look at."""
    return _np.array(x._host)

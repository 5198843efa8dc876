"""The backends that compute with arrays. This file is their registry, and says which one new tensors go to.

`base.py` says what a backend is and `numpy.py` is the reference: start there. `indexing.py`, `sums.py` and `special.py`
are parts of it. `fused.py` is what the folders `numba/` and `cupy/` share. `halves.py` says how 16-bit floats are
computed with, `deferred.py` which gradients wait for more of their kind.
"""

from __future__ import annotations

import copyreg
import importlib
from types import TracebackType
from typing import Any

from ..concurrency import LOCK, Entered, left
from .base import Backend, BackendUnavailable

# name -> (module, class, the extras one of which installs what it needs)
REGISTRY = {
    "numpy": ("minigrad.backends.numpy", "NumpyBackend", ()),
    "numba": ("minigrad.backends.numba", "NumbaBackend", ("numba",)),
    "cupy": ("minigrad.backends.cupy", "CupyBackend", ("cuda12", "cuda13")),
}

WITH_DEVICES = frozenset(("cupy",))  # a backend for each device: "cupy:0", "cupy:1", ...

_loaded: dict[str, Backend] = {}


class BackendError(RuntimeError):
    """A backend cannot be used here, or tensors of two backends met in one operation."""


def get_backend(name: str | Backend) -> Backend:
    """The backend called `name`, imported on first use.

    "cupy" is the first GPU; "cupy:1" is the second. Each GPU is a backend of its own, so a tensor knows its device. As
    in PyTorch "cuda" and "cuda:1" are these too, and "cpu" is the default backend if it is on the host, else numpy.

    Raises:
        ValueError: there is no backend of that name.
        BackendError: it cannot run here; the message says why and what to install.
    """
    if isinstance(name, Backend):
        return name
    if name == "cpu":
        return default if (default := default_backend()).place == "host" else get_backend("numpy")
    library, device = _parsed(name)
    name = library if not device else f"{library}:{device}"
    if name not in _loaded:
        module, kind, extras = REGISTRY[library]
        try:
            backend_type = getattr(importlib.import_module(module), kind)
            _loaded[name] = backend_type(device) if library in WITH_DEVICES else backend_type()
            copyreg.pickle(backend_type, _by_name)
            if _tf32:
                _loaded[name].set_tf32(_tf32[0])
        except ImportError as error:
            raise BackendError(
                f"backend {name!r} needs a package that is not installed ({error}): {_how_to_install(*extras)}"
            ) from error
        except BackendUnavailable as error:
            raise BackendError(f"backend {name!r} cannot be used here: {error}") from error
    return _loaded[name]


def _how_to_install(extra: str = "", *others: str) -> str:
    from ..extras import install  # for errors alone

    return install(extra) + (f" (or {', '.join(others)}, as the driver is)" if others else "")


def _by_name(backend: Backend) -> Any:
    """Copies of what holds a backend hold the same one, and in another process the one of that name."""
    return get_backend, (backend.name,)


def is_backend_name(name: Any) -> bool:
    """Whether `name` names a backend: one of the registry, a device of one ("cupy:1"), "cpu", "cuda", "cuda:1"."""
    return isinstance(name, str) and (name == "cpu" or name.partition(":")[0] in (*REGISTRY, "cuda"))


def _parsed(name: str) -> tuple[str, int]:
    """The library and the device's number in a backend's name."""
    library, colon, number = name.partition(":")
    library = "cupy" if library == "cuda" else library
    if library not in REGISTRY:
        raise ValueError(f"unknown backend {name!r}; there are {', '.join(REGISTRY)}")
    if not colon:
        return library, 0
    if library not in WITH_DEVICES or not number.isdecimal():
        raise ValueError(f"unknown backend {name!r}: devices are named like 'cupy:1'")
    return library, int(number)


def available_backends() -> list[str]:
    """The names of the backends that work here, each device of a library with several under its own."""
    missing, names = missing_backends(), []
    for name in REGISTRY:
        if name in WITH_DEVICES and name not in missing:
            library: Any = get_backend(name)
            names += [get_backend(f"{name}:{i}").name for i in range(library.device_count())]
        elif name not in missing:
            names.append(name)
    return names


def missing_backends() -> dict[str, str]:
    """Why each backend that cannot be used here cannot; for `minigrad info`."""
    reasons = {}
    for name in REGISTRY:
        try:
            get_backend(name)
        except BackendError as error:
            reasons[name] = str(error)
    return reasons


_tf32: list[bool] = []  # what was asked for last, if anything was


def set_float32_matmul_precision(precision: str) -> None:
    """How exactly GPUs multiply float32 matrices: "highest" in float32 (as at the start), "high" in TF32.

    TF32 reads operands with 10 bits of mantissa instead of 23 and is several times as fast on GPUs that have it. For
    the whole process; nothing changes on the host. Raises ValueError for another word.
    """
    if precision not in ("highest", "high"):
        raise ValueError(f"a precision of matrix products is 'highest' or 'high', not {precision!r}")
    _tf32[:] = [precision == "high"]
    for backend in _loaded.values():
        backend.set_tf32(_tf32[0])


_default: list[Backend] = [get_backend("numpy")]
_entered: list[Entered] = [()]


def default_backend() -> Backend:
    """The backend that new tensors go to."""
    return _default[0]


class use_backend:
    """Set where new tensors go, in the whole process, so in all threads and tasks; as a context manager, until its end.

    Where several of them overlap, the last to begin counts, and after all the first setting holds again.

    mg.use_backend("numba")

    with mg.use_backend("cupy"):
        ...

    Raises:
        ValueError, BackendError: as `get_backend`.
    """

    def __init__(self, name: str | Backend) -> None:
        self._outer = _default[0]
        _default[0] = get_backend(name)

    def __enter__(self) -> Backend:
        with LOCK:
            _entered[0] = (*_entered[0], (self, self._outer))
        return _default[0]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with LOCK:
            _entered[0], _default[0] = left(_entered[0], self, _default[0])

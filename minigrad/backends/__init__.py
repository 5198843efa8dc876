"""The registry of backends, and which one new tensors go to."""

from __future__ import annotations

import importlib
from types import TracebackType

from .base import Backend, BackendUnavailable

# name -> (module, class, how to install what it needs)
REGISTRY = {
    "numpy": ("minigrad.backends.numpy", "NumpyBackend", "pip install minigrad"),
    "numba": ("minigrad.backends.numba", "NumbaBackend", 'pip install "minigrad[numba]"'),
    "cupy": ("minigrad.backends.cupy", "CupyBackend", 'pip install "minigrad[cuda12]" (or cuda13, as the driver is)'),
}

_loaded: dict[str, Backend] = {}


class BackendError(RuntimeError):
    """A backend cannot be used here, or tensors of two backends met in one operation."""


def get_backend(name: str | Backend) -> Backend:
    """The backend called `name`, imported on first use.

    Raises:
        ValueError: there is no backend of that name.
        BackendError: it cannot run here; the message says why and what to install.
    """
    if isinstance(name, Backend):
        return name
    if name not in REGISTRY:
        raise ValueError(f"unknown backend {name!r}; there are {', '.join(REGISTRY)}")
    if name not in _loaded:
        module, kind, advice = REGISTRY[name]
        try:
            _loaded[name] = getattr(importlib.import_module(module), kind)()
        except ImportError as error:
            raise BackendError(f"backend {name!r} needs a package that is not installed ({error}): {advice}") from error
        except BackendUnavailable as error:
            raise BackendError(f"backend {name!r} cannot be used here: {error}") from error
    return _loaded[name]


def missing_backends() -> dict[str, str]:
    """Why each backend that cannot be used here cannot; for `minigrad info`."""
    reasons = {}
    for name in REGISTRY:
        try:
            get_backend(name)
        except BackendError as error:
            reasons[name] = str(error)
    return reasons


_default: list[Backend] = [get_backend("numpy")]


def default_backend() -> Backend:
    """The backend that new tensors go to."""
    return _default[0]


class use_backend:
    """Set where new tensors go, in the whole process; as a context manager, until its end.

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
        return _default[0]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _default[0] = self._outer

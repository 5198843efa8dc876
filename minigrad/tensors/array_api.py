"""What the Python array API standard (2024.12) asks for beyond functions and operators.

That is: how a tensor names its device and its namespace and hands its memory on, and what the namespace tells about
itself. https://data-apis.org/array-api/2024.12/
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from .. import dtypes
from ..backends import Backend, available_backends, default_backend, get_backend, is_backend_name
from ..engine.recorded import Recorded
from ..engine.tape import GraphError

VERSION = "2024.12"
UNDERSTOOD = ("2021.12", "2022.12", "2023.12", VERSION)  # each contains the one before, complex numbers apart


def backend_of_device(device: Any) -> Backend:
    """The backend that a device means.

    A tensor's device is its backend's name: "numpy", "numba", "cupy", "cupy:1", ... "cpu" stands for the default
    backend if that is on the host, else for numpy; "cuda" and "cuda:1" for the cupy backend of that number.

    Raises ValueError for another name, BackendError if the backend cannot be used here.
    """
    if isinstance(device, Backend) or is_backend_name(device):
        return get_backend(device)
    if device == "cpu":
        return default if (default := default_backend()).place == "host" else get_backend("numpy")
    library, _, number = str(device).partition(":")
    if library == "cuda" and (number.isdecimal() or device == "cuda"):
        return get_backend(f"cupy:{number or 0}")
    raise ValueError(f"unknown device {device!r}: a device is the name of a backend, or 'cpu', 'cuda', 'cuda:1', ...")


def where_to(backend: Any, device: Any) -> Any:
    """The place that a creation function was given, as `backend` or, in the standard's word, as `device`; or None."""
    if device is None:
        return backend
    found = backend_of_device(device)
    if backend is not None and get_backend(backend) is not found:
        raise ValueError(f"backend={backend!r} and device={device!r} are two places")
    return found


class Exchanged(Recorded):
    """How other libraries see a tensor."""

    __slots__ = ()

    @property
    def device(self) -> str:
        """Where the elements live, and who computes with them: the name of the backend."""
        return self.backend.name

    def to_device(self, device: Any, /, *, stream: Any = None) -> Any:
        """The tensor on another device, see `device`; differentiable. The same tensor if it is there already.

        Raises ValueError if a `stream` is given: work goes to the current stream of the backend.
        """
        if stream is not None:
            raise ValueError("to_device: streams are chosen by `with backend.stream():`, not here")
        tensor: Any = self
        return tensor.to(backend_of_device(device))

    def __array_namespace__(self, /, *, api_version: str | None = None) -> Any:
        """The module minigrad. Raises ValueError for a version of the standard that it does not follow."""
        if api_version is not None and api_version not in UNDERSTOOD:
            raise ValueError(f"minigrad follows version {VERSION} of the array API standard, not {api_version}")
        return sys.modules["minigrad"]

    def __dlpack__(
        self,
        *,
        stream: Any = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[Any, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        """A capsule through which another library reads a copy, or with `copy=False` the memory itself.

        DLPack lets its readers write, and nobody would tell us: results would change, and backward would go through
        values that operations never saw. So memory of our own is shared only where that is asked for. What others have
        in their hands already (see `asarray`) is shared by default. `numpy()` gives what cannot be written to.

        Raises GraphError if gradients are recorded for this tensor, which DLPack cannot carry; BufferError for another
        device, or where the array library cannot do what is asked.
        """
        if self.node is not None:
            raise GraphError("this tensor requires gradients, which DLPack cannot carry: detach() first")
        array, others = self.array, self.version is not None and self.version.foreign
        if copy or (copy is None and not others):
            array, copy = self.backend.copy(array), None
        given = {"stream": stream, "max_version": max_version, "dl_device": dl_device, "copy": copy}
        return array.__dlpack__(**{name: value for name, value in given.items() if value is not None})

    def __dlpack_device__(self) -> tuple[Any, int]:
        """The kind and the number of the device, as DLPack counts them."""
        return self.array.__dlpack_device__()

    def __complex__(self) -> complex:
        tensor: Any = self
        return complex(tensor.item())


class Info:
    """What `__array_namespace_info__()` returns: the standard's way to ask what a namespace can do."""

    def capabilities(self) -> dict[str, Any]:
        """Masks may index, shapes may depend on values, and a tensor has at most 64 axes, as many as NumPy allows."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}

    def default_device(self) -> str:
        """Where new tensors go: the name of the default backend, see `use_backend`."""
        return default_backend().name

    def devices(self) -> list[str]:
        """The names of the backends that work here; those with packages of their own are imported to know."""
        return available_backends()

    def default_dtypes(self, *, device: Any = None) -> dict[str, np.dtype]:
        """What Python's numbers become: the same everywhere. There are no complex numbers."""
        if device is not None:
            backend_of_device(device)
        return {"real floating": dtypes.DEFAULT_FLOAT, "integral": dtypes.DEFAULT_INT, "indexing": dtypes.DEFAULT_INT}

    def dtypes(self, *, device: Any = None, kind: Any = None) -> dict[str, np.dtype]:
        """The data types of the standard that tensors can have, by name; of one kind, or of a tuple of kinds.

        Tensors can also have float16, and bfloat16 on GPUs, which the standard does not know.
        """
        if device is not None:
            backend_of_device(device)
        names = ["bool", *(f"{sign}int{n}" for sign in ("", "u") for n in (8, 16, 32, 64)), "float32", "float64"]
        found = {name: np.dtype(name) for name in names}
        return {name: d for name, d in found.items() if kind is None or dtypes.isdtype(d, kind)}


def __array_namespace_info__() -> Info:
    """What this namespace can do, in the words of the array API standard."""
    return Info()

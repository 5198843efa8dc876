"""The CuPy backend: the NumPy backend's code over CuPy's library, and what differs on a GPU.

Imported only when asked for. Needs CuPy (extra `cuda12` or `cuda13`) and a CUDA GPU.
"""

from __future__ import annotations

from typing import Any

import cupy
import cupyx
import numpy as np
from cupyx.scipy import special

from .base import Array, BackendUnavailable, Shape
from .numpy import NumpyBackend, is_basic


class CupyBackend(NumpyBackend):
    """CuPy's arrays and functions on the current CUDA device. Memory comes from CuPy's pool.

    Raises BackendUnavailable if there is no GPU or its driver does not work.
    """

    name = "cupy"
    array_type = cupy.ndarray
    lib = cupy

    def __init__(self) -> None:
        try:
            count = cupy.cuda.runtime.getDeviceCount()
        except cupy.cuda.runtime.CUDARuntimeError as error:
            raise BackendUnavailable(f"CuPy is installed, but CUDA does not work here: {error}") from error
        if count == 0:
            raise BackendUnavailable("CuPy is installed, but there is no CUDA GPU")
        super().__init__()

    # --- moving: the only ways in and out ---------------------------------------------------------------------------

    def asarray(self, data: Any, dtype: Any = None, copy: bool | None = None) -> Array:
        if isinstance(data, cupy.ndarray):
            return cupy.array(data, dtype=dtype, copy=bool(copy))
        if copy is False:
            raise ValueError("data from the host cannot be on the GPU without a copy")
        # NumPy decides about types and shapes of Python data, so that backends agree.
        return cupy.asarray(np.asarray(data, dtype=dtype))

    def to_numpy(self, x: Array) -> np.ndarray:
        return cupy.asnumpy(x)

    def synchronize(self) -> None:
        cupy.cuda.get_current_stream().synchronize()

    # --- what CuPy spells otherwise -----------------------------------------------------------------------------------

    def erf(self, x: Array) -> Array:
        return special.erf(x)

    def einsum(self, *xs: Array, subscripts: str) -> Array:
        return cupy.einsum(subscripts, *xs)

    def argsort(self, x: Array, axis: int = -1, descending: bool = False) -> Array:
        # CuPy's argsort is stable on its own and takes no `kind`.
        if not descending:
            return cupy.argsort(x, axis=axis)
        order = cupy.flip(cupy.argsort(cupy.flip(x, axis=axis), axis=axis), axis=axis)
        return x.shape[axis] - 1 - order

    def count_nonzero(self, x: Array, axis: Any = None, keepdims: bool = False) -> Array:
        return (x != 0).sum(axis=axis, keepdims=keepdims)

    def add_at(self, x: Array, index: Any, values: Array) -> None:
        if is_basic(index):
            x[index] += values
        else:
            cupyx.scatter_add(x, index, values)

    # --- random numbers, made on the device ---------------------------------------------------------------------------

    def generator(self, seed: int | None) -> Any:
        return cupy.random.Generator(cupy.random.Philox4x3210(seed))

    def generator_state(self, generator: Any) -> Any:
        raise NotImplementedError("CuPy's generators do not give out their state; keep the seed instead")

    def set_generator_state(self, generator: Any, state: Any) -> None:
        raise NotImplementedError("CuPy's generators do not take a state; start again from a seed")

    def randint(self, generator: Any, low: int, high: int, shape: Shape, dtype: Any) -> Array:
        return generator.integers(low, high, shape).astype(dtype, copy=False)

    def permutation(self, generator: Any, n: int) -> Array:
        return cupy.argsort(generator.random(n))

    def bernoulli(self, generator: Any, p: float, shape: Shape) -> Array:
        return generator.random(shape, dtype=np.float32) < p

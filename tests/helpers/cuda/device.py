"""The part of CuPy that the CUDA kernels need, over NumPy arrays and the emulator, with a watch on memory."""

from __future__ import annotations

import shutil
from typing import Any

import numpy as np
import pytest

from minigrad.backends.cupy.kernels import CudaKernels

from . import emulator

needs_compiler = pytest.mark.skipif(
    shutil.which(emulator.COMPILER) is None, reason=f"needs a C++ compiler: install {emulator.COMPILER}"
)

# Before and after each array lie as many bytes of this value. As numbers of any float type they are between 0.0004 and
# 2, so that to read them, or to add to them, makes a difference that can be seen.
MARGIN, FILLING = 256, 0x3F


class Device:
    """Stands for the module `cupy`. Each array lies between two margins, which nobody may change.

    Args:
        backwards: run the threads of a block in the opposite order.
    """

    def __init__(self, backwards: bool = False) -> None:
        self.backwards = backwards
        self.memories: list[np.ndarray] = []

    def RawModule(self, *, code: str, options: tuple[str, ...] = ()) -> emulator.RawModule:
        return emulator.RawModule(code=code, options=options, backwards=self.backwards)

    def empty(self, shape: Any, dtype: Any) -> np.ndarray:
        """Full of bytes 0xFF, NaN as floats: what a kernel forgets to write shows."""
        dtype, count = np.dtype(dtype), int(np.prod(shape, dtype=int))
        memory = np.full(2 * MARGIN + count * dtype.itemsize, FILLING, np.uint8)
        self.memories.append(memory)
        inside = memory[MARGIN : len(memory) - MARGIN]
        inside[:] = 0xFF
        return inside.view(dtype).reshape(shape)

    def array(self, data: Any, dtype: Any = None) -> np.ndarray:
        data = np.asarray(data, dtype=dtype)
        out = self.empty(data.shape, data.dtype)
        out[...] = data
        return out

    def zeros(self, shape: Any, dtype: Any) -> np.ndarray:
        return self.array(np.zeros(shape, dtype))

    def argsort(self, x: np.ndarray) -> np.ndarray:
        return self.array(np.argsort(x, kind="stable"))

    def check(self) -> None:
        """Nobody has written into the margins."""
        for memory in self.memories:
            assert (memory[:MARGIN] == FILLING).all(), "a kernel wrote before the start of an array"
            assert (memory[-MARGIN:] == FILLING).all(), "a kernel wrote behind the end of an array"
        self.memories.clear()


DEVICES = [Device(), Device(backwards=True)]
KERNELS = [CudaKernels(device) for device in DEVICES]


def run(method: str, *arguments: Any, out: Any = None, flags: int = 0) -> Any:
    """Call a kernel method with copies of the arrays, threads forwards and backwards; both must give the same bits.

    Args:
        out: shape and type of the array to be written, the last argument. None: the arrays are changed in place.
        flags: what the call must leave in `flags`, which is cleared.

    Returns:
        `out`, or the list of arrays after the call.
    """
    results = []
    for device, kernels in zip(DEVICES, KERNELS):
        copies = [device.array(x) if isinstance(x, np.ndarray) else x for x in arguments]
        written = [device.empty(*out)] if out else []
        getattr(kernels, method)(*copies, *written)
        changed = written or [x for x in copies if isinstance(x, np.ndarray)]
        assert kernels.flags[0] == flags
        kernels.flags[0] = 0
        device.check()
        results.append([x.copy() for x in changed])
    for forwards, backwards in zip(*results):
        assert forwards.tobytes() == backwards.tobytes(), "the order of threads changes the result"
    return results[0][0] if out else results[0]

"""Run CUDA sources on a CPU: `RawModule` has the interface of CuPy's, and compiles with g++ behind `emulator.h`.

Arguments are checked more strictly than CuPy does: their number, the type of each scalar, and the type of the elements
of each array must be those of the kernel's parameters.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import threading
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

HEADER = Path(__file__).with_name("emulator.h")
COMPILER = "g++"
# No multiply-add where the source has two operations: the numbers are the same on every machine. longjmp() between
# stacks, which is how fibers are switched, is what the check of _FORTIFY_SOURCE forbids.
FLAGS = "-std=c++17 -O1 -ffp-contract=off -fno-math-errno -U_FORTIFY_SOURCE -fPIC -shared -w".split()
MOST_THREADS, MOST_BLOCKS = 1024, (2**31 - 1, 65535, 65535)

_lock = threading.RLock()  # a compiled module keeps the state of its one launch in global variables


class LaunchError(RuntimeError):
    """A launch that a GPU would refuse, or whose outcome it would leave undefined."""


class RawModule:
    """CUDA source text with kernels declared `extern "C" __global__ void` (or a macro KERNEL or ROW_KERNEL for that).

    Args:
        code: the source.
        options: compiler options; -std, -D and -I are passed on.
        backwards: run the threads of a block from the last to the first. Results must not change.
    """

    def __init__(self, *, code: str, options: tuple[str, ...] = (), backwards: bool = False) -> None:
        if not isinstance(options, tuple):
            raise TypeError(f"options must be a tuple, not {type(options).__name__}")
        self.code, self.options, self.backwards = code, options, backwards
        self._library: Any = None

    def get_function(self, name: str) -> Kernel:
        """The kernel of this name; KeyError if there is none. The first call compiles the source."""
        with _lock:
            if self._library is None:
                self._library = ctypes.CDLL(str(compiled(self.code, self.options)))
        if name not in kernel_names(self.code):
            raise KeyError(f"no kernel {name!r}; there are {', '.join(kernel_names(self.code))}")
        return Kernel(self._library, name, self.backwards)


class Kernel:
    """A compiled kernel: kernel(grid, block, arguments)."""

    def __init__(self, library: Any, name: str, backwards: bool) -> None:
        self.name, self.backwards = name, backwards
        self._launch = library[f"emulator_launch_{name}"]
        self._launch.restype = ctypes.c_char_p
        signature = library[f"emulator_signature_{name}"]
        signature.restype = ctypes.c_char_p
        self.parameters = signature().decode().split()

    def __call__(self, grid: tuple[int, ...], block: tuple[int, ...], args: Any, *, shared_mem: int = 0) -> None:
        """Run to the end. Raises LaunchError for sizes that no GPU takes, and for a barrier that is not met by all."""
        if shared_mem:
            raise LaunchError("dynamic shared memory is not emulated")
        sizes = (*_three(grid, MOST_BLOCKS, "grid"), *_three(block, (1024, 1024, 64), "block"))
        if int(np.prod(sizes[3:])) > MOST_THREADS:
            raise LaunchError(f"a block has at most {MOST_THREADS} threads, not {block}")
        if len(args) != len(self.parameters):
            raise TypeError(f"{self.name} takes {len(self.parameters)} arguments, not {len(args)}")
        cells = [self._cell(k, x, parameter) for k, (x, parameter) in enumerate(zip(args, self.parameters))]
        pointers = (ctypes.c_void_p * len(cells))(*(cell.ctypes.data for cell in cells))
        with _lock:
            message = self._launch((ctypes.c_uint * 6)(*sizes), pointers, int(self.backwards))
        if message:
            raise LaunchError(f"{self.name}: {message.decode()}")

    def _cell(self, k: int, x: Any, parameter: str) -> np.ndarray:
        """Memory that holds one argument as the kernel expects it."""
        where = f"{self.name}, argument {k}: expected {parameter}, got"
        if isinstance(x, np.generic):
            if x.dtype == np.uint64 and x == 0 and parameter.startswith("*"):
                return np.zeros(1, np.uint64)  # a null pointer
            if x.dtype.name != parameter:
                raise TypeError(f"{where} a scalar of {x.dtype.name}")
            return np.array([x])
        if isinstance(x, (bool, int, float, complex)) or x is None:
            raise TypeError(f"{where} the Python object {x!r}; pass a NumPy scalar of the exact type")
        if not (hasattr(x, "dtype") and hasattr(x, "flags")):
            raise TypeError(f"{where} {type(x).__name__}")
        if "*" + x.dtype.name != parameter:
            raise TypeError(f"{where} an array of {x.dtype.name}")
        if not x.flags.c_contiguous:
            raise TypeError(f"{where} an array that is not contiguous")
        return np.array([x.ctypes.data if isinstance(x, np.ndarray) else x.data.ptr], np.uint64)


def _three(sizes: tuple[int, ...], most: tuple[int, int, int], what: str) -> tuple[int, ...]:
    """Sizes of a grid or a block in three dimensions."""
    if not isinstance(sizes, tuple) or not all(isinstance(n, int) for n in sizes):
        raise TypeError(f"the {what} must be a tuple of integers, not {sizes!r}")
    full = (*sizes, 1, 1)[:3]
    if not all(1 <= n <= limit for n, limit in zip(full, most)):
        raise LaunchError(f"a {what} of {sizes} is not possible")
    return full


# --- compiling --------------------------------------------------------------------------------------------------------


def kernel_names(code: str) -> list[str]:
    """The names of the kernels in a source."""
    return re.findall(r'^(?:(?:ROW_)?KERNEL|extern "C" __global__ void)\s+(\w+)\(', code, re.MULTILINE)


def full_source(code: str) -> str:
    """The source behind the header, with what the Python side calls. CUDA's own headers are not included."""
    code = re.sub(r"^#include <cuda_\w+\.h>$", "", code, flags=re.MULTILINE)
    calls = [
        f'extern "C" const char* emulator_launch_{name}(const unsigned* sizes, void** arguments, int backwards) '
        f"{{ return emulator::launch({name}, sizes, arguments, backwards); }}\n"
        f'extern "C" const char* emulator_signature_{name}() {{ return emulator::signature({name}); }}\n'
        for name in kernel_names(code)
    ]
    return f'#include "{HEADER}"\n{code}\n' + "".join(calls)


def compiled(code: str, options: tuple[str, ...]) -> Path:
    """The shared library made from a source: from the cache, if it was made before."""
    flags = [*FLAGS, *(o for o in options if o.startswith(("-std=", "-D", "-I")))]
    source = full_source(code)
    key = "\0".join([source, HEADER.read_text(), *flags, compiler_version()])
    folder = cache_folder()
    library = folder / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.so"
    if not library.exists():
        with tempfile.TemporaryDirectory(dir=folder) as work:
            text, made = Path(work, "kernels.cpp"), Path(work, "kernels.so")
            text.write_text(source)
            command = [COMPILER, *flags, str(text), "-o", str(made)]
            result = subprocess.run(command, capture_output=True, text=True, check=False)
            if result.returncode:
                raise RuntimeError(f"{' '.join(command)} failed:\n{result.stderr}")
            os.replace(made, library)  # at once: another process may be making the same
    return library


@cache
def compiler_version() -> str:
    """What the compiler says about itself. Raises RuntimeError if there is none."""
    if shutil.which(COMPILER) is None:
        raise RuntimeError(f"CUDA kernels are tested on a CPU with {COMPILER}, which is not installed")
    return subprocess.run([COMPILER, "--version"], capture_output=True, text=True, check=True).stdout


@cache
def cache_folder() -> Path:
    """Where compiled libraries are kept, for this user alone."""
    folder = Path(tempfile.gettempdir()) / f"minigrad-cuda-emulator-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise RuntimeError(f"{folder} belongs to somebody else")
    return folder

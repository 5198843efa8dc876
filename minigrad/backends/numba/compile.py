"""How the kernels of the Numba backend are compiled: for which types, when, and where results are kept on disk.

A kernel is compiled for each float type when it is first called with it, never at import. Its argument types are
declared, so a layout that is met later compiles nothing, and a call goes straight to compiled code: Numba's own look at
the types of arguments takes longer than a small kernel runs.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numba import njit, types

from ... import threads

# Division by zero gives infinity, as in NumPy; multiply-add may be one instruction.
OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}

config: Any = numba.config

REALS: dict[Any, Any] = {np.dtype(np.float32): types.float32, np.dtype(np.float64): types.float64}

# The words in which kernels declare their arguments -> the type, given the float type. A grid is a matrix of any
# strides, which the kernel looks at itself; the other arrays are C-contiguous.
WORDS: dict[str, Callable[[Any], Any]] = {
    "grid": lambda real: types.Array(real, 2, "A"),
    "mask": lambda real: types.Array(types.boolean, 2, "A"),
    "matrix": lambda real: types.Array(real, 2, "C"),
    "vector": lambda real: types.Array(real, 1, "C"),
    "weight": lambda real: types.Array(real, 1, "C"),
    "index": lambda real: types.Array(types.int64, 1, "C"),
    "number": lambda real: types.float64,
    "count": lambda real: types.int64,
    "flag": lambda real: types.boolean,
}
# What is cut in parts when several threads share the work: along the first axis, all at the same places.
CUT = frozenset(("grid", "mask", "matrix", "vector", "index"))


def refuse(*arguments: Any) -> bool:
    """Stands in for a kernel where there is none for a type."""
    return False


class Kernel:
    """A function that Numba compiles for float32 and float64.

    Attributes:
        function: what is compiled, as Python.
        words: what the arguments are, in the words of `WORDS`.
        entries: the compiled function for each dtype of NumPy; for dtypes that there is none for, one that returns
            False. They take exactly the types declared: what they are given is not checked.
    """

    def __init__(self, function: Callable[..., Any], words: str, divisible: bool) -> None:
        self.function = function
        self.words = words.split()
        self.dispatcher = _jit(function)
        self.entries = _Entries(self)
        arrays = [i for kind in ("matrix", "grid", "index") for i, word in enumerate(self.words) if word == kind]
        self.takes_no_floats = not set(self.words) - {"index", "count"}
        self._main = arrays[0]  # the array whose size says how much work there is
        self._cut = [i for i, word in enumerate(self.words) if divisible and word in CUT]

    def signature(self, real: Any) -> tuple[Any, ...]:
        """The types of the arguments, for a float type of Numba."""
        return tuple(WORDS[word](real) for word in self.words)

    def __call__(self, *arguments: Any) -> Any:
        """Run on arrays of one float type, in several threads where that pays. Arrays must be as declared."""
        main = arguments[self._main]
        entry = self.entries[main.dtype]
        if main.size < threads.LARGE or not self._cut:
            return entry(*arguments)

        def run(part: slice) -> Any:
            mine = list(arguments)
            for i in self._cut:
                mine[i] = mine[i][part]
            return entry(*mine)

        return all(threads.run(run, threads.cut(len(main))))

    def __repr__(self) -> str:
        return f"<kernel {self.function.__name__}({', '.join(self.words)})>"


class _Entries(dict[Any, Callable[..., Any]]):
    """The compiled function for each dtype, compiled when first asked for."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    def __missing__(self, dtype: Any) -> Callable[..., Any]:
        real = REALS.get(dtype)
        known = real is not None or self._kernel.takes_no_floats
        entry = self._kernel.dispatcher.compile(self._kernel.signature(real)) if known else refuse
        self[dtype] = entry
        return entry


def kernel(words: str, divisible: bool = True) -> Callable[[Callable[..., Any]], Kernel]:
    """Make a function a `Kernel`. `divisible`: its work may be cut in parts along the first axis."""
    return lambda function: Kernel(function, words, divisible)


# --- keeping compiled code ------------------------------------------------------------------------------------------


def _digest() -> str:
    """A name for everything that compiled code depends on, but for what Numba looks at itself (its version, the CPU).

    Numba compiles a kernel again when the kernel's own file has changed, and when no other has. Kernels call functions
    of other files, so all of these files are in the name of the folder.
    """
    folder = Path(__file__).parent
    content = hashlib.sha256(f"{np.__version__} {sorted(OPTIONS.items(), key=str)}".encode())
    for path in sorted([*folder.glob("*.py"), folder.parent / "special.py"]):
        content.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return content.hexdigest()[:16]


def _places() -> list[Path]:
    """Where compiled code may be kept: where NUMBA_CACHE_DIR says, else in the user's cache, else beside this file.

    What is beside this file stays behind when the package is uninstalled. It is for users without a home of their own.
    """
    if config.CACHE_DIR:
        return [Path(config.CACHE_DIR)]
    home = Path.home()
    if sys.platform == "darwin":
        own = home / "Library" / "Caches"
    elif os.name == "nt":
        own = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    else:
        own = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    return [own / "minigrad", Path(__file__).parent / "__pycache__"]


UNUSED = 30 * 24 * 3600  # seconds after which compiled code of other states of the sources is removed


def _remove_unused(place: Path) -> None:
    """Every change of these sources begins a new folder. Each use of one sets its time."""
    for folder in place.glob("kernels-*"):
        with contextlib.suppress(OSError):  # another process removes it, too
            if time.time() - folder.stat().st_mtime > UNUSED:
                shutil.rmtree(folder, ignore_errors=True)


def _cache_folder() -> str | None:
    """A folder for this state of the sources that can be written to; None if there is none."""
    try:
        name = f"kernels-{_digest()}"
        places = _places()
    except (OSError, RuntimeError):  # sources that are not files; a user without a home
        return None
    for place in places:
        folder = place / name
        try:
            if not folder.is_dir():
                _remove_unused(place)
                folder.mkdir(parents=True, exist_ok=True)  # another process may have come first
            tempfile.TemporaryFile(dir=folder).close()
        except OSError:
            continue
        return str(folder)
    return None


FOLDER = _cache_folder()


def _jit(function: Callable[..., Any]) -> Any:
    """Numba's dispatcher of a function, which keeps its results in FOLDER."""
    if FOLDER is None:
        return njit(**OPTIONS)(function)
    before = config.CACHE_DIR  # a dispatcher looks at this setting once, when it is made
    config.CACHE_DIR = FOLDER
    try:
        return njit(cache=True, **OPTIONS)(function)
    except RuntimeError:  # Numba found the place unusable
        return njit(**OPTIONS)(function)
    finally:
        config.CACHE_DIR = before

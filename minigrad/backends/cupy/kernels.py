"""The kernels of the CuPy backend: CUDA sources in `cuda/`, compiled for each float type when first used.

The sources run on a real GPU through `cupy.RawModule`, and in tests also on a CPU, so this file knows no more of
CuPy than the object `lib` that it is given.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

Array = Any

FOLDER = Path(__file__).with_name("cuda")

# File -> the kernels in it, whose names there end in `_kernel`.
FILES = {
    "elementwise": "sigmoid sigmoid_vjp tanh_vjp erf dropout",
    "softmax": "softmax softmax_vjp log_softmax log_softmax_vjp logsumexp",
    "cross_entropy": "cross_entropy cross_entropy_vjp",
    "norm": "standardize layer_norm layer_norm_vjp",
    "indexing": "check_range one_hot rows_of_index gather add_short_runs add_long_runs",
    "updates": "sgd sgd_momentum adam",
    "random": "uniform normal bernoulli integers bits64",
}
FILE_OF = {kernel: file for file, kernels in FILES.items() for kernel in kernels.split()}

# Names of NumPy types that arrays of floats may have -> the type in which kernels compute, for their scalar arguments.
WIDE: dict[str, Any] = {"float16": np.float32, "bfloat16": np.float32, "float32": np.float32, "float64": np.float64}

# Bits that kernels set in `flags` (also in cuda/flags.cuh) -> what was out of range.
CLASS_OUT_OF_RANGE, ROW_OUT_OF_RANGE, INDEX_OUT_OF_RANGE = 1, 2, 4
OUT_OF_RANGE = {
    CLASS_OUT_OF_RANGE: "a class index of cross_entropy",
    ROW_OUT_OF_RANGE: "a row index of an addition in place",
    INDEX_OUT_OF_RANGE: "an index",
}

# Kernels that are launched as they are called -> what their arguments are:
#
#     vector, matrix   arrays (N,) or (N, C) of one float type: a thread for each element, or a warp or block for a row
#     array            another array: a truth value an element, an int64 or a float a row
#     row              an array (C,), or (0,) for none
#     number           a number in the type that the kernel computes in
#     count, flag      a whole number, a truth value
#     noting           no argument, but says that the kernel sets bits in `flags`
#
# What they compute is said in `fused.py` and `base.py`.
CALLS = {
    "sigmoid": "vector vector",  # x, out
    "sigmoid_vjp": "vector vector vector",  # g, y, out
    "tanh_vjp": "vector vector vector",  # g, y, out
    "erf": "vector vector",  # x, out
    "dropout": "vector array number vector",  # x, mask, scale, out
    "softmax": "matrix matrix",  # x, out
    "softmax_vjp": "matrix matrix matrix",  # g, y, out
    "log_softmax": "matrix matrix",  # x, out
    "log_softmax_vjp": "matrix matrix matrix",  # g, y, out
    "logsumexp": "matrix array",  # x, out
    "cross_entropy": "matrix array count number array noting",  # x, targets, ignore_index, smoothing, out
    "cross_entropy_vjp": "array matrix array count number matrix noting",  # g, x, targets, ignore_index, smoothing, out
    "standardize": "matrix number matrix",  # x, eps, out
    "layer_norm": "matrix row row number matrix",  # x, weight, bias, eps, out
    "layer_norm_vjp": "matrix matrix number matrix",  # g, x, eps, out
    "sgd": "vector vector number number",  # p, g, lr, weight_decay
    "sgd_momentum": "vector vector vector number number number flag number",  # p, g, velocity, and `sgd_step`'s numbers
    "adam": "vector vector vector vector" + 8 * " number",  # p, g, m, v, and the numbers of `adam_step`
}

# Launch sizes. Beyond MOST_BLOCKS, which is more than any GPU runs at once, each thread takes several elements.
THREADS, MOST_BLOCKS = 256, 8192
WARP = 32
NULL = np.uint64(0)  # a pointer to no array
LONG = 32  # also in cuda/indexing.cu


def source(file: str) -> str:
    """The text of a file in `cuda/` with the files that it includes from there, once each.

    The compiler gets one text, because CuPy keeps compiled kernels by their text: it would not notice a change in an
    included file.
    """
    seen: set[str] = set()

    def read(name: str) -> str:
        text = (FOLDER / name).read_text(encoding="utf-8")
        lines = [f'#line 1 "{name}"']
        for number, line in enumerate(text.splitlines(), 1):
            included = re.fullmatch(r'#include "(.+)"', line)
            if not included:
                lines.append(line)
            elif included[1] not in seen:
                seen.add(included[1])
                lines += [read(included[1]), f'#line {number + 1} "{name}"']
        return "\n".join(lines)

    return read(f"{file}.cu") + "\n"


def options(type_name: str) -> tuple[str, ...]:
    """The compiler's options for a float type."""
    return "-std=c++17", f"-D{type_name.upper()}"


def programs() -> Iterator[tuple[str, str, str, tuple[str, ...]]]:
    """Everything that is ever compiled: (file, float type, source, options)."""
    for file in FILES:
        for type_name in WIDE:
            yield file, type_name, source(file), options(type_name)


class CudaKernels:
    """The kernels as functions of device arrays, on the current device and stream: those of `CALLS`, and these.

    Arrays are C-contiguous and have elements. Where nothing else is said, they share one float type: float16, bfloat16,
    float32 or float64. The 16-bit types are computed with in float32. `out` is an array that the caller made.
    float32 numbers below 1.2e-38 count as zero, as in all that CuPy compiles.

    **Bad indices.** A GPU must not be waited for to find out whether indices are in range. So kernels that read indices
    set a bit in `flags`, an int32 array of one element on the device, and go on: cross-entropy gives NaN for the row,
    `add_rows` leaves the row out. Whoever next brings data to the host, and waits anyway, fetches `flags` along with
    it. If it is not zero, they set it back to zero and raise IndexError(`complaint(flags)`). The order of work on the
    stream guarantees that everything that led to the data is covered by then.

    **Random numbers** are functions of a key, an offset and the shape alone, the same on every GPU. The state of a
    generator is its key (0..2^64-1, the seed) and its offset (from 0). Each call returns by how much to advance the
    offset.

    Args:
        lib: CuPy, or an object with its `RawModule`, `empty`, `zeros` and (stable) `argsort`. `flags` is on the device
            that is current when the object is made, so there is one object for each device.
    """

    def __init__(self, lib: Any) -> None:
        self.lib = lib
        self.flags = lib.zeros(1, np.int32)
        self._modules: dict[tuple[str, str], Any] = {}
        self._functions: dict[tuple[str, str], Any] = {}

    @staticmethod
    def complaint(flags: int) -> str:
        """What to say about a value of `flags` that is not zero."""
        things = [thing for bit, thing in OUT_OF_RANGE.items() if flags & bit] or ["an index"]
        return f"{' and '.join(things)} was out of range in an earlier operation on the GPU"

    # --- indexing: index (N,) of int64 --------------------------------------------------------------------------------

    def check_range(self, index: Array, n: int, bit: int = INDEX_OUT_OF_RANGE) -> None:
        """Set `bit` in `flags` unless all of index are in -n..n-1."""
        arguments = index, np.int64(n), np.int32(bit), np.int64(index.size), self.flags
        self._function("check_range", "float32")(*spread(index.size), arguments)

    def in_range(self, index: Array, n: int) -> bool:
        """True, after `check_range`: what is out of range shows in `flags`."""
        self.check_range(index, n)
        return True

    def one_hot(self, index: Array, out: Array) -> None:
        """Write 1 at out[i, index[i]] where there is such a place, in out (N, C) full of zeros."""
        arguments = index, out, np.int64(index.size), np.int64(out.shape[1])
        self._function("one_hot", name_of(out.dtype))(*spread(index.size), arguments)

    def add_rows(self, x: Array, index: Array, values: Array) -> None:
        """x[index[i]] += values[i] for x (M, D), values (N, D); the same sums, bit for bit, whenever it is called.

        A negative index counts from the end. A row that does not exist shows in `flags`.
        """
        n, d = values.shape
        size, count = np.int64(x.shape[0]), np.int64(n)
        rows, in_order = self.lib.empty(n, np.int64), self.lib.empty(n, np.int64)
        launch = spread(n)
        self._function("rows_of_index", "float32")(*launch, (index, size, rows, count, self.flags))
        order = self.lib.argsort(rows)
        self._function("gather", "float32")(*launch, (rows, order, in_order, count))
        arguments = x, values, in_order, order, count, np.int64(d), size
        self._function("add_short_runs", name_of(x.dtype))(*spread(n * d), arguments)
        if n >= LONG:
            columns = min(power_of_two(d), WARP)
            grid = (n - 1) // LONG + 1, min((d - 1) // columns + 1, 64)
            self._function("add_long_runs", name_of(x.dtype))(grid, (columns, THREADS // columns), arguments)

    # --- random numbers -----------------------------------------------------------------------------------------------

    def uniform(self, key: int, offset: int, out: Array) -> int:
        """Multiples of 2^-53 (float64), 2^-24 (float32), 2^-11 (float16) or 2^-8 (bfloat16) in [0, 1)."""
        return self._random("uniform", key, offset, out, name_of(out.dtype))

    def normal(self, key: int, offset: int, out: Array) -> int:
        """Standard normal numbers; at most 6.7 in size, or 8.6 in float64."""
        return self._random("normal", key, offset, out, name_of(out.dtype))

    def bernoulli(self, key: int, offset: int, p: float, out: Array) -> int:
        """Truth values into a boolean array, true with probability p, which is rounded to a multiple of 2^-32."""
        return self._random("bernoulli", key, offset, out, "float32", np.uint64(round(p * 2**32)))

    def integers(self, key: int, offset: int, low: int, span: int, out: Array) -> int:
        """Numbers low..low+span-1 into an int64 array, with probabilities equal to 2^-64. Expects 1 <= span < 2^64."""
        return self._random("integers", key, offset, out, "float32", np.int64(low), np.uint64(span))

    def bits64(self, key: int, offset: int, out: Array) -> int:
        """Random bits into a uint64 array."""
        return self._random("bits64", key, offset, out, "float32")

    # --- compiling and launching --------------------------------------------------------------------------------------

    def _function(self, kernel: str, type_name: str) -> Any:
        """A compiled kernel. Kernels that have nothing to do with floats are taken from the module of float32."""
        function = self._functions.get((kernel, type_name))
        if function is None:
            key = FILE_OF[kernel], type_name
            if key not in self._modules:
                self._modules[key] = self.lib.RawModule(code=source(key[0]), options=options(type_name))
            function = self._modules[key].get_function(f"{kernel}_kernel")
            self._functions[kernel, type_name] = function
        return function

    def _random(self, kernel: str, key: int, offset: int, out: Array, type_name: str, *settings: Any) -> int:
        """Launch a kernel with a thread for each counter, and return the number of counters."""
        counters = -(-out.size // (4 if out.dtype.itemsize <= 4 else 2))
        if counters:
            arguments = np.uint64(key), np.uint64(offset), *settings, out, np.int64(out.size)
            self._function(kernel, type_name)(*spread(counters), arguments)
        return counters


# What an argument is turned into, given the type that the kernel computes in. All others stay as they are.
CONVERTED: dict[str, Callable[[Any, Any], Any]] = {
    "row": lambda x, wide: x if x.size else NULL,
    "number": lambda x, wide: wide(x),
    "count": lambda x, wide: np.int64(x),
    "flag": lambda x, wide: np.bool_(x),
}


def _launch(kernel: str, words: str) -> Callable[..., bool]:
    """The method that launches a kernel of `CALLS`. True: what is out of range shows in `flags`."""
    noting, kinds = "noting" in words, words.removesuffix(" noting").split()
    by_rows = "matrix" in kinds
    main = kinds.index("matrix" if by_rows else "vector")
    converted = [(i, CONVERTED[kind]) for i, kind in enumerate(kinds) if kind in CONVERTED]

    def launch(self: CudaKernels, *arguments: Any) -> bool:
        if len(arguments) != len(kinds):
            raise TypeError(f"the kernel {kernel} takes {len(kinds)} arguments ({words}), not {len(arguments)}")
        x, given = arguments[main], list(arguments)
        type_name = name_of(x.dtype)
        for i, convert in converted:
            given[i] = convert(given[i], WIDE[type_name])
        given += map(np.int64, x.shape)
        if noting:
            given.append(self.flags)
        self._function(kernel, type_name)(*(rows_of(*x.shape) if by_rows else spread(x.size)), tuple(given))
        return True

    return launch


for _kernel, _words in CALLS.items():
    setattr(CudaKernels, _kernel, _launch(_kernel, _words))


def rows_of(rows: int, n: int) -> tuple[tuple[int], tuple[int, int]]:
    """Grid and block for rows of n elements: a warp for a short row, a block for a long one."""
    if n <= 1024:
        return ((rows + 3) // 4,), (WARP, 4)
    return (rows,), (256 if n <= 16384 else 1024, 1)


@functools.cache
def name_of(dtype: Any) -> str:
    """`dtype.name`, which NumPy puts together anew each time: a third of a launch."""
    return dtype.name


def spread(n: int) -> tuple[tuple[int], tuple[int]]:
    """Grid and block for n elements, each thread taking one or, of many, several."""
    return (max(1, min(-(-n // THREADS), MOST_BLOCKS)),), (THREADS,)


def power_of_two(n: int) -> int:
    """The smallest power of two that is not below n."""
    return 1 << (n - 1).bit_length()

"""The Numba backend: NumPy's arrays, with compiled kernels in place of what takes NumPy several passes over memory.

Kernels run where arrays are plain ones of float32 or float64. Numba's own threads are not used: they would fight with
those of linear algebra. Kernels share large arrays among threads that sleep between calls (`minigrad.threads`).

Element-wise functions are called hundreds of times in a step of a small recurrent network, where a microsecond counts.
So they look at no more than types, and leave the rest to the kernel, which refuses what it cannot do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np

from ... import threads
from ..base import Array
from ..fused import FusedBackend
from ..halves import FLOAT32
from ..indexing import BOOL, is_basic
from ..numpy import NumpyBackend
from . import elementwise, indexing, norm, softmax, updates
from .compile import Kernel, refuse

# With fewer elements, two or three passes of NumPy take less time than a kernel with its checks.
SMALL_STEP, SMALL_TABLE = 1 << 13, 1 << 6
MANY_ROWS = 1 << 11  # beyond so many float32 terms, added one after the other, rounding is felt
MODULES = (elementwise, softmax, norm, indexing, updates)


class NumbaBackend(FusedBackend):
    """The NumPy backend with compiled kernels."""

    name = "numba"
    kernels = SimpleNamespace(
        **{name: value for module in MODULES for name, value in vars(module).items() if isinstance(value, Kernel)}
    )
    float_types = frozenset((np.dtype(np.float32), np.dtype(np.float64)))

    def __init__(self) -> None:
        super().__init__()
        kernels = self.kernels
        # As attributes, not methods: calling them is then a tenth of a microsecond shorter. NumPy's tanh is not beaten.
        self._replace("sigmoid", partial(unary, kernels.sigmoid))
        self._replace("erf", partial(unary, kernels.erf))
        self._replace("sigmoid_vjp", partial(binary, kernels.sigmoid_vjp))
        self._replace("tanh_vjp", partial(binary, kernels.tanh_vjp))

    def _replace(self, name: str, make: Callable[..., Callable[..., Array]]) -> None:
        setattr(self, name, make(fallback=partial(getattr(NumpyBackend, name), self)))

    # --- element-wise -------------------------------------------------------------------------------------------------

    def dropout(self, x: Array, mask: Array, scale: float) -> Array:
        """x * scale where `mask` is true, else 0."""
        if type(x) is np.ndarray and type(mask) is np.ndarray and mask.dtype == BOOL:
            out, kernel = np.empty(x.shape, x.dtype), self.kernels.dropout
            if x.ndim == 2 == mask.ndim and x.size < threads.LARGE and kernel.entries[x.dtype](x, mask, out, scale):
                return out
            if x.shape == mask.shape and on_grids(kernel, (x, mask, out), scale):
                return out
        return NumpyBackend.dropout(self, x, mask, scale)

    # --- rows ---------------------------------------------------------------------------------------------------------

    def cross_entropy_vjp(
        self, g: Array, x: Array, targets: Array, ignore_index: int, label_smoothing: float, losses: Array | None = None
    ) -> Array:
        """Gradient of cross_entropy for the logits x (N, C); in one pass over them where the losses (N,) are known."""
        if not (self.are_logits(x, targets) and self.is_plain(g) and g.dtype == x.dtype and g.shape == targets.shape):
            return NumpyBackend.cross_entropy_vjp(self, g, x, targets, ignore_index, label_smoothing)
        if losses is None or not self.are_alike(losses, g):
            losses = np.full(g.shape, np.inf, x.dtype)
        out = np.empty(x.shape, x.dtype)
        vectors = self.flat(g), self.flat(losses)
        settings = int(ignore_index), float(label_smoothing)
        self.kernels.cross_entropy_vjp(*vectors, self.rows(x), self.as_index(targets), *settings, out)
        return out

    # --- indexing -----------------------------------------------------------------------------------------------------

    def add_at(self, x: Array, index: Any, values: Array) -> None:
        """x[index] += values in place; see the base class."""
        if type(index) is not np.ndarray and is_basic(index):
            x[index] += values  # by far the most frequent, and short: the detour through super() would be felt
        else:
            super().add_at(x, index, values)

    def add_rows(self, x: Array, places: Array, values: Array) -> None:
        """x[places] += values, the kernel adding one row after the other: in float64 where a row may get many."""
        if x.dtype != FLOAT32 or places.size <= MANY_ROWS:
            self.kernels.add_rows(x, places, values)
        elif x.size <= values.size:
            total = np.zeros(x.shape, np.float64)
            self.kernels.add_rows(total, places, values.astype(np.float64))
            x += total
        elif np.bincount(np.where(places < 0, places + len(x), places)).max() > MANY_ROWS:
            self._add_rows(x, places, values)
        else:
            self.kernels.add_rows(x, places, values)

    def one_hot(self, x: Array, n: int, dtype: Any) -> Array:
        """(..., n): 1 at x, else 0; all 0 where x is not in 0..n-1."""
        if x.size * n < SMALL_TABLE:
            return (x[..., None] == np.arange(n)).astype(dtype)
        return super().one_hot(x, n, dtype)

    # --- optimizer steps ----------------------------------------------------------------------------------------------

    def run_step(self, kernel: str, arrays: tuple[Array, ...], numbers: tuple[Any, ...]) -> bool:
        if kernel == "sgd" and not numbers[1] and arrays[0].size < SMALL_STEP:
            return False  # without weight decay `p -= lr * g` is all there is to do
        compiled = getattr(self.kernels, kernel)
        p, g, *moments = arrays
        dtype, ndim = p.dtype, p.ndim
        for x in arrays:
            if type(x) is not np.ndarray or x.dtype != dtype or x.ndim != ndim or not (x is g or x.flags.writeable):
                return False
        if on_grids(compiled, arrays, *numbers):
            return True
        # The other arrays cannot be copied: they change in place.
        return not g.flags.carray and on_grids(compiled, (p, np.array(g, order="C"), *moments), *numbers)

    # --- what a kernel may be given -----------------------------------------------------------------------------------

    def is_plain(self, x: Any) -> bool:
        """Whether `x` is a NumPy array of float32 or float64, with elements, and cheap to copy where it must be."""
        return type(x) is np.ndarray and x.dtype in self.float_types and x.size > 0 and (x.flags.carray or is_near(x))

    def plain(self, x: Array) -> Array:
        """`x` if it is C-contiguous, aligned and writable, as kernels are compiled for; else such a copy."""
        return x if x.flags.carray else np.array(x, order="C")


def is_near(x: Array) -> bool:
    """Whether neighbours along the last axis lie within a cache line.

    A kernel reads a copy of what is not contiguous. To copy a transposed array costs more than a kernel gains, while
    NumPy works through it in the order in which it lies.
    """
    return x.ndim == 0 or abs(x.strides[-1]) <= 64


# --- calling kernels on grids -----------------------------------------------------------------------------------------

COPIED = 1 << 16  # elements; an array of no more, which lies in a cache, may be copied for a kernel that cannot read it


def unary(kernel: Kernel, fallback: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """The call of a function of one array: by the kernel if it can, else by `fallback`."""
    array_type, empty, entries, large = np.ndarray, np.empty, kernel.entries, threads.LARGE

    def call(x: Array) -> Array:
        if type(x) is not array_type or (entry := entries[x.dtype]) is refuse:
            return fallback(x)
        out = empty(x.shape, x.dtype)
        if x.size < large:
            if x.ndim == 2:
                if entry(x, out):
                    return out
                if x.size <= COPIED and not x.flags.f_contiguous and entry(np.array(x, order="C"), out):
                    return out
            elif x.ndim == 1 and entry(x[None], out[None]):
                return out
        found = unusual(kernel, (x,), out)
        return fallback(x) if found is None else found

    return call


def binary(kernel: Kernel, fallback: Callable[[Array, Array], Array]) -> Callable[[Array, Array], Array]:
    """The call of a function of a gradient and an output: by the kernel if it can, else by `fallback`."""
    array_type, empty, entries, large = np.ndarray, np.empty, kernel.entries, threads.LARGE

    def call(g: Array, y: Array) -> Array:
        if (
            type(g) is not array_type
            or type(y) is not array_type
            or g.dtype is not y.dtype
            or (entry := entries[y.dtype]) is refuse
        ):
            return fallback(g, y)
        out = empty(y.shape, y.dtype)
        if y.size < large:
            if y.ndim == 2 == g.ndim:
                if entry(g, y, out):
                    return out
                if not (g.flags.f_contiguous and y.flags.f_contiguous):
                    return fallback(g, y)
            elif y.ndim == 1 == g.ndim:
                if entry(g[None], y[None], out[None]):
                    return out
            elif (
                g.flags.carray
                and y.flags.carray
                and g.shape == y.shape
                and entry(g.reshape(1, -1), y.reshape(1, -1), out.reshape(1, -1))
            ):
                return out
        found = unusual(kernel, (g, y), out) if g.shape == y.shape else None
        return fallback(g, y) if found is None else found

    return call


def unusual(kernel: Kernel, inputs: Sequence[Array], out: Array) -> Array | None:
    """What a kernel makes of inputs of one shape that are large, or no matrices of rows; None if it cannot do it."""
    run = [*inputs, out]
    if out.size < threads.LARGE and all(x.flags.c_contiguous for x in inputs):
        return out if kernel.entries[out.dtype](*[x.reshape(1, -1) for x in run]) else None
    if out.ndim > 1 and all(x.flags.f_contiguous for x in inputs):
        out = np.empty(out.shape[::-1], out.dtype)
        return out.T if on_grids(kernel, [*[x.T for x in inputs], out]) else None
    return out if on_grids(kernel, run) else None


def on_grids(kernel: Kernel, arrays: Sequence[Array], *numbers: Any) -> bool:
    """Run a kernel on arrays that have the same number of axes, in several threads where that pays.

    Returns False, and has changed nothing, if it cannot.
    """
    main = arrays[0]
    entry, shape, size = kernel.entries[main.dtype], main.shape, main.size
    if size < threads.LARGE:
        if len(shape) == 2:
            return entry(*arrays, *numbers)
        if len(shape) == 1:
            return entry(*[x[None] for x in arrays], *numbers)
    if any(x.shape != shape for x in arrays):
        return False
    if all(x.flags.c_contiguous for x in arrays):
        vectors = [x.reshape(-1) for x in arrays]
        parts = threads.cut(size, threads.GRAIN) if size >= threads.LARGE else [slice(None)]
        return all(threads.run(lambda part: entry(*[x[None, part] for x in vectors], *numbers), parts))
    try:
        grids = [x.reshape(-1, shape[-1], copy=False) for x in arrays]
    except ValueError:
        return False
    parts = threads.cut(len(grids[0])) if size >= threads.LARGE else [slice(None)]
    return all(threads.run(lambda part: entry(*[x[part] for x in grids], *numbers), parts))

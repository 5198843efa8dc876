"""The reference backend: NumPy arrays on the host.

Everything that NumPy and CuPy spell alike is taken from `lib`, so that the CuPy backend is this class over another
library plus its differences.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .base import Array, Shape
from .deferred import ProductSum
from .halves import FLOAT32, half_type, is_half, once, rounds_once
from .indexing import Indexing
from .special import erf
from .sums import FEW, LONG, LONG_DOT, long_dot, long_sum

# Our name (the array API's) -> NumPy's, for functions that are called as they are.
DIRECT = {
    name: name
    for name in (
        "add subtract multiply divide negative remainder fmod hypot logaddexp copysign nextafter maximum "
        "minimum where "
        "square sqrt reciprocal exp expm1 log log1p log2 log10 sin cos tan sinh cosh tanh sign floor ceil trunc "
        "equal not_equal less less_equal greater greater_equal logical_and logical_or logical_xor logical_not "
        "bitwise_and bitwise_or bitwise_xor isnan isinf isfinite signbit zeros_like"
    ).split()
} | {
    "pow": "power",
    "atan2": "arctan2",
    "abs": "absolute",
    "asin": "arcsin",
    "acos": "arccos",
    "atan": "arctan",
    "asinh": "arcsinh",
    "acosh": "arccosh",
    "atanh": "arctanh",
    "bitwise_invert": "invert",
    "bitwise_left_shift": "left_shift",
    "bitwise_right_shift": "right_shift",
}

# The same, for functions that are not element-wise: their parameters have NumPy's names and places.
ALIKE = {
    name: name
    for name in (
        "from_dlpack empty zeros full any all count_nonzero argmax argmin searchsorted broadcast_to flip roll tril triu"
    ).split()
} | {"nonzero": "flatnonzero"}


class NumpyBackend(Indexing):
    """NumPy's arrays and functions."""

    name = "numpy"
    array_type = np.ndarray
    lib: Any = np
    narrow_products = False  # whether the library multiplies matrices of 16-bit floats with sums in float32

    def __init__(self) -> None:
        super().__init__()
        _keep_freed_memory()
        for ours, theirs in (DIRECT | ALIKE).items():
            if not hasattr(type(self), ours):
                setattr(self, ours, getattr(self.lib, theirs))

    # --- creation and moving ------------------------------------------------------------------------------------------

    def asarray(self, data: Any, dtype: Any = None, copy: bool | None = None) -> Array:
        if copy and hasattr(data, "__array__") and not isinstance(data, np.ndarray):
            return np.array(np.asarray(data, dtype=dtype))  # not every library's __array__ knows `copy`
        return np.array(data, dtype=dtype, copy=copy)

    def to_numpy(self, x: Array) -> np.ndarray:
        return x

    def copy(self, x: Array) -> Array:
        return self.lib.array(x, copy=True)

    def may_overlap(self, x: Array, y: Array) -> bool:
        """Whether two arrays may share memory."""
        return bool(self.lib.may_share_memory(x, y))

    def arange(self, start: float, stop: float, step: float, dtype: Any = None) -> Array:
        if dtype is None or dtype.kind not in "fV":
            return self.lib.arange(start, stop, step, dtype)
        # NumPy's step is the second number less the first, both rounded: 0.0996 in place of 0.1 from 10,000 on.
        n = max(0, math.ceil((stop - start) / step))
        return (self.lib.arange(n, dtype=np.float64) * step + start).astype(dtype)

    def linspace(self, start: float, stop: float, num: int, dtype: Any, endpoint: bool = True) -> Array:
        return self.lib.linspace(start, stop, num, endpoint=endpoint, dtype=dtype)

    def eye(self, n: int, m: int | None = None, k: int = 0, dtype: Any = None) -> Array:
        return self.lib.eye(n, m, k, dtype)

    def eye_like(self, x: Array, n: int) -> Array:
        """The boolean unit matrix (n, n), where `x` lives."""
        return self.lib.eye(n, dtype=bool)

    # --- element-wise -------------------------------------------------------------------------------------------------

    def astype(self, x: Array, dtype: Any) -> Array:
        return x.astype(dtype)

    def floor_divide(self, x: Array, y: Array) -> Array:
        """floor(x / y) for the exact quotient; with an infinite operand x / y itself, as the standard says."""
        lib = self.lib
        out = lib.floor_divide(x, y)
        if out.dtype.kind != "f":
            return out
        with np.errstate(all="ignore"):
            return lib.where(lib.isinf(x) | lib.isinf(y), lib.divide(x, y), out)

    def round(self, x: Array) -> Array:
        """The nearest integer, halves to the even one. NumPy's rint would make floats of integers."""
        return self.lib.rint(x) if x.dtype.kind in "fV" else x.copy()

    def clip(self, x: Array, low: Any, high: Any) -> Array:
        if low is not None:
            x = self.lib.maximum(x, low)
        return x if high is None else self.lib.minimum(x, high)

    def relu(self, x: Array) -> Array:
        return self.lib.maximum(x, 0)

    def sigmoid(self, x: Array) -> Array:
        """1 / (1 + exp(-x)), in place in one buffer. Where exp overflows to infinity the result is 0, as it should."""
        if is_half(x):
            return once(self.sigmoid, x.dtype, x)
        lib = self.lib
        out = lib.negative(x)
        if type(out) is not self.array_type:
            out = lib.asarray(out)
        with np.errstate(over="ignore"):
            lib.exp(out, out=out)
        out += 1
        lib.reciprocal(out, out=out)
        return out

    @rounds_once
    def erf(self, x: Array) -> Array:
        """The error function by W. J. Cody's rational approximations (Math. Comp. 1969), to full double precision."""
        return erf(self.lib, x)

    # --- reductions ---------------------------------------------------------------------------------------------------

    def sum(self, x: Array, axis: Any = None, keepdims: bool = False) -> Array:
        if x.dtype.itemsize == 2 and is_half(x):
            return once(self.sum, x.dtype, x, axis=axis, keepdims=keepdims)
        if x.size > LONG and x.dtype.kind == "f":
            return long_sum(x, axis, keepdims)
        return x.sum(axis=axis, keepdims=keepdims)

    @rounds_once
    def prod(self, x: Array, axis: Any = None, keepdims: bool = False) -> Array:
        return x.prod(axis=axis, keepdims=keepdims)

    def max(self, x: Array, axis: Any = None, keepdims: bool = False) -> Array:
        return x.max(axis=axis, keepdims=keepdims)

    def min(self, x: Array, axis: Any = None, keepdims: bool = False) -> Array:
        return x.min(axis=axis, keepdims=keepdims)

    def argsort(self, x: Array, axis: int = -1, descending: bool = False) -> Array:
        """Stable in both directions: equal elements keep their order."""
        if not descending:
            return self.lib.argsort(x, axis=axis, kind="stable")
        lib = self.lib
        order = lib.flip(lib.argsort(lib.flip(x, axis=axis), axis=axis, kind="stable"), axis=axis)
        return x.shape[axis] - 1 - order

    @rounds_once
    def cumulative_sum(self, x: Array, axis: int) -> Array:
        if x.dtype == FLOAT32 and x.shape[axis] > FEW:  # one term after the other, so with digits to spare
            return self.lib.cumsum(x, axis=axis, dtype=np.float64).astype(FLOAT32)
        return self.lib.cumsum(x, axis=axis)

    @rounds_once
    def cumulative_prod(self, x: Array, axis: int) -> Array:
        return self.lib.cumprod(x, axis=axis)

    @rounds_once
    def logsumexp(self, x: Array, axis: Any = None, keepdims: bool = False) -> Array:
        lib = self.lib
        top = lib.max(x, axis=axis, keepdims=True) if x.size else lib.zeros((1,) * x.ndim, x.dtype)
        finite = lib.where(lib.isfinite(top), top, 0)
        with np.errstate(divide="ignore"):  # log(0) is what a row of -inf, or of nothing, gives: -inf
            out = lib.log(self.sum(lib.exp(x - finite), axis=axis, keepdims=True)) + finite
        return out if keepdims else lib.squeeze(out, axis=axis)

    # --- products -----------------------------------------------------------------------------------------------------

    def matmul(self, x: Array, y: Array) -> Array:
        if x.dtype.itemsize == 2 and not self.narrow_products and (kind := half_type((x, y))):
            return once(self.matmul, kind, x, y)
        if y.ndim == 2:
            if x.ndim == 2:
                return x.dot(y)  # half the overhead of matmul
            if x.ndim > 2:  # one product of tall matrices instead of a batch of small ones
                rows = math.prod(x.shape[:-1])
                return x.reshape(rows, x.shape[-1]).dot(y).reshape(*x.shape[:-1], y.shape[1])
        elif y.ndim == 1 == x.ndim and x.size > LONG_DOT and x.shape == y.shape and x.dtype.kind == "f":
            return long_dot(self.lib, x, y)
        return self.lib.matmul(x, y)

    def linear(self, x: Array, weight: Array, bias: Array | None) -> Array:
        """x @ weight.T + bias, the bias added in the product's own memory."""
        if x.dtype.itemsize == 2 and not self.narrow_products and (kind := half_type((x, weight))):
            return once(self.linear, kind, x, weight, bias)
        out = self.matmul(x, weight.T)
        if bias is None:
            return out
        if bias.dtype != out.dtype:
            return out + bias
        out += bias
        return out

    def product_sum(self, x: Array, y: Array) -> Any:
        """x.T @ y, as a gradient that the sweep adds up with others of its kind."""
        return ProductSum(x, y) if x.dtype == y.dtype else self.matmul(x.T, y)

    @rounds_once
    def einsum(self, *xs: Array, subscripts: str) -> Array:
        if len(xs) == 1:
            (x,), (term, result) = xs, subscripts.split("->")
            kept = [c for c in term if c in result]
            if len(kept) < len(term):
                x = self.sum(x, axis=tuple(i for i, c in enumerate(term) if c not in result))
            return self.copy(x.transpose([kept.index(c) for c in result]))
        if len(xs) == 2 and xs[0].size > LONG_DOT and xs[0].dtype == FLOAT32 == xs[1].dtype:
            (x, y), (term, other) = xs, subscripts.split("->")[0].split(",")
            if set(term) == set(other):  # a sum of products alone, which BLAS would add up as it does in a dot product
                product = x * y.transpose([other.index(c) for c in term])
                return self.einsum(product, subscripts=f"{term}->{subscripts.split('->')[1]}")
        return self.lib.einsum(subscripts, *xs, optimize=True)

    @rounds_once
    def cross_entropy_vjp(
        self, g: Array, x: Array, targets: Array, ignore_index: int, label_smoothing: float, losses: Array | None = None
    ) -> Array:
        """As the base class writes it, in one buffer and without the table of target distributions."""
        kept = targets != ignore_index
        d = self.softmax(x, axis=-1)
        if label_smoothing:
            d -= label_smoothing / x.shape[-1]
        d[self.lib.arange(len(targets)), self.lib.where(kept, targets, 0)] -= 1 - label_smoothing
        d *= g[:, None]
        d[~kept] = 0
        return d

    # --- shape --------------------------------------------------------------------------------------------------------

    def reshape(self, x: Array, shape: Shape) -> Array:
        return x.reshape(shape)

    def permute_dims(self, x: Array, axes: tuple[int, ...]) -> Array:
        return x.transpose(axes)

    def pad(self, x: Array, widths: tuple[tuple[int, int], ...], value: float = 0) -> Array:
        return self.lib.pad(x, widths, constant_values=value) if widths else self.copy(x)

    def concat(self, *xs: Array, axis: int, ends: Any = None) -> Array:
        return self.lib.concatenate(xs, axis=axis)

    def stack(self, *xs: Array, axis: int) -> Array:
        return self.lib.stack(xs, axis=axis)

    # --- random numbers -----------------------------------------------------------------------------------------------

    def generator(self, seed: int | None) -> Any:
        return np.random.Generator(np.random.PCG64(seed))

    def generator_state(self, generator: Any) -> Any:
        """The state of a generator as plain data."""
        return generator.bit_generator.state

    def set_generator_state(self, generator: Any, state: Any) -> None:
        generator.bit_generator.state = state

    def normal(self, generator: Any, shape: Shape, dtype: Any) -> Array:
        """Standard normal numbers."""
        return self._draw(generator.standard_normal, shape, dtype)

    def uniform(self, generator: Any, shape: Shape, dtype: Any) -> Array:
        """Uniform numbers in [0, 1)."""
        if dtype.itemsize == 2:  # rounding would give a 1 now and then
            return (self.lib.floor(generator.random(shape, dtype=np.float32) * 2048) / 2048).astype(dtype)
        return self._draw(generator.random, shape, dtype)

    def _draw(self, draw: Any, shape: Shape, dtype: Any) -> Array:
        """Drawn as float32 or float64, which is what generators offer, and rounded to narrower types."""
        x = draw(shape, dtype=dtype if dtype.itemsize >= 4 else np.float32)
        return self.lib.asarray(x, dtype=dtype)

    def randint(self, generator: Any, low: int, high: int, shape: Shape, dtype: Any) -> Array:
        """Integers in low..high-1."""
        return generator.integers(low, high, shape, dtype=dtype)

    def permutation(self, generator: Any, n: int) -> Array:
        """The numbers 0..n-1 in random order."""
        return generator.permutation(n)

    def bernoulli(self, generator: Any, p: float, shape: Shape) -> Array:
        """Truth values, true with probability p."""
        return self.lib.asarray(generator.random(shape, dtype=np.float32) < p)


def _keep_freed_memory() -> None:
    """Make the C library keep some memory when a graph is freed, because the next training step needs as much again.

    Otherwise the system takes it back and hands it out anew page by page, filled with zeros: a fifth of the time of a
    small training step. glibc keeps twice the largest block, of up to 32 MB, that it has seen a program free. So this
    frees one, which is never written to and so takes no memory. Elsewhere it has no effect.
    """
    np.empty((32 << 20) - (1 << 13), np.uint8)

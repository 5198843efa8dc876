"""What the backends with kernels of their own share: which arrays a kernel is given, and where its result goes.

A backend with kernels is the NumPy backend's code, in which some calls run one kernel instead of several passes over
memory. This class makes those calls. Subclasses supply `kernels`, an object with a function for each of them (compiled
by Numba, or CUDA), and say which arrays kernels take. For all other arrays (integers, empty ones, other axes, unusual
shapes) the NumPy backend's own code runs, which also raises the errors.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from .base import Array
from .indexing import is_basic
from .numpy import NumpyBackend


def over_elements(name: str) -> Callable[..., Array]:
    """The call of an element-wise function of one or two arrays: by the kernel of its name, where that takes them."""
    plain = getattr(NumpyBackend, name)

    @functools.wraps(plain)
    def call(self: FusedBackend, *arrays: Array) -> Array:
        x = arrays[-1]
        if not (self.is_plain(x) if len(arrays) == 1 else self.are_alike(*arrays)):
            return plain(self, *arrays)
        out = self.lib.empty(x.shape, x.dtype)
        getattr(self.kernels, name)(*map(self.flat, arrays), out.reshape(-1))
        return out

    return call


def over_rows(name: str) -> Callable[..., Array]:
    """The call of a function of rows, or of a gradient of one (`..._vjp`): by the kernel of its name, likewise."""
    plain = getattr(NumpyBackend, name)

    def function(self: FusedBackend, x: Array, axis: int) -> Array:
        if not (self.is_plain(x) and is_last(axis, x)):
            return plain(self, x, axis)
        out = self.lib.empty(x.shape, x.dtype)
        getattr(self.kernels, name)(self.rows(x), matrix(out))
        return out

    def gradient(self: FusedBackend, g: Array, out: Array, axis: int) -> Array:
        if not (self.are_alike(g, out) and is_last(axis, out)):
            return plain(self, g, out, axis)
        d = self.lib.empty(g.shape, g.dtype)
        getattr(self.kernels, name)(self.rows(g), self.rows(out), matrix(d))
        return d

    return functools.wraps(plain)(gradient if name.endswith("_vjp") else function)


class FusedBackend(NumpyBackend):
    """Calls that run as one kernel.

    Attributes:
        kernels: the kernels. They take C-contiguous arrays of one float type and write to an array `out` of that type;
            rows have at least one element. Their names and arguments are those used below.
        float_types: the float types that kernels are made for.
    """

    kernels: Any
    float_types: frozenset[Any] = frozenset()

    # --- element-wise -------------------------------------------------------------------------------------------------

    sigmoid = over_elements("sigmoid")
    sigmoid_vjp = over_elements("sigmoid_vjp")
    tanh_vjp = over_elements("tanh_vjp")
    erf = over_elements("erf")

    def dropout(self, x: Array, mask: Array, scale: float) -> Array:
        """x * scale where `mask` is true, else 0."""
        if not (self.is_plain(x) and self.is_mask(mask, x)):
            return NumpyBackend.dropout(self, x, mask, scale)
        out = self.lib.empty(x.shape, x.dtype)
        self.kernels.dropout(self.flat(x), self.flat(mask), float(scale), out.reshape(-1))
        return out

    # --- softmax and its losses ---------------------------------------------------------------------------------------

    softmax = over_rows("softmax")
    softmax_vjp = over_rows("softmax_vjp")
    log_softmax = over_rows("log_softmax")
    log_softmax_vjp = over_rows("log_softmax_vjp")

    def logsumexp(self, x: Array, axis: Any = None, keepdims: bool = False) -> Array:
        """log(sum(exp(x))) along `axis`."""
        if not (self.is_plain(x) and is_last(axis, x)):
            return super().logsumexp(x, axis, keepdims)
        out = self.lib.empty(x.shape[:-1], x.dtype)
        self.kernels.logsumexp(self.rows(x), out.reshape(-1))
        return out[..., None] if keepdims else out

    def cross_entropy(self, x: Array, targets: Array, ignore_index: int, label_smoothing: float) -> Array:
        """Losses (N,) of logits x (N, C) for class indices (N,); see the base class."""
        if self.are_logits(x, targets):
            out = self.lib.empty(targets.shape, x.dtype)
            classes = self.as_index(targets)
            if self.kernels.cross_entropy(self.rows(x), classes, int(ignore_index), float(label_smoothing), out):
                return out
        return super().cross_entropy(x, targets, ignore_index, label_smoothing)

    def cross_entropy_vjp(
        self, g: Array, x: Array, targets: Array, ignore_index: int, label_smoothing: float, losses: Array | None = None
    ) -> Array:
        """Gradient of cross_entropy for the logits x (N, C), g being (N,). Ignored rows get zeros."""
        if not (self.are_logits(x, targets) and self.is_plain(g) and g.dtype == x.dtype and g.shape == targets.shape):
            return super().cross_entropy_vjp(g, x, targets, ignore_index, label_smoothing)
        out = self.lib.empty(x.shape, x.dtype)
        classes = self.as_index(targets)
        settings = int(ignore_index), float(label_smoothing)
        self.kernels.cross_entropy_vjp(self.flat(g), self.rows(x), classes, *settings, out)
        return out

    # --- layer norm ---------------------------------------------------------------------------------------------------

    def standardize(self, x: Array, eps: float) -> Array:
        """(x - mean) / sqrt(variance + eps) over the last axis."""
        if not (self.is_plain(x) and x.ndim):
            return super().standardize(x, eps)
        out = self.lib.empty(x.shape, x.dtype)
        self.kernels.standardize(self.rows(x), float(eps), matrix(out))
        return out

    def layer_norm(self, x: Array, weight: Array | None, bias: Array | None, eps: float) -> Array:
        """standardize(x) * weight + bias over the last axis."""
        fits = weight is not None and self.is_plain(x) and x.ndim and self.is_row(weight, x)
        if not (fits and (bias is None or self.is_row(bias, x))):
            return super().layer_norm(x, weight, bias, eps)
        out = self.lib.empty(x.shape, x.dtype)
        bias = self.lib.empty(0, x.dtype) if bias is None else self.flat(bias)  # (0,) stands for none
        self.kernels.layer_norm(self.rows(x), self.flat(weight), bias, float(eps), matrix(out))
        return out

    def layer_norm_vjp(self, g: Array, x: Array, eps: float) -> Array:
        """Gradient of `standardize` for x."""
        if not (self.are_alike(g, x) and x.ndim):
            return super().layer_norm_vjp(g, x, eps)
        d = self.lib.empty(x.shape, x.dtype)
        self.kernels.layer_norm_vjp(self.rows(g), self.rows(x), float(eps), matrix(d))
        return d

    # --- indexing -----------------------------------------------------------------------------------------------------

    def add_at(self, x: Array, index: Any, values: Array) -> None:
        """x[index] += values in place, adding up where positions repeat.

        A kernel does it for one integer array that picks rows of x: the gradient of an embedding. Raises IndexError for
        a row that is not there.
        """
        if type(index) is self.array_type and x.ndim > 1 and self.are_rows(values, index, x):
            places = self.as_index(index)
            if not self.kernels.in_range(places, len(x)):
                raise IndexError(f"a row index is out of range for an array of {len(x)} rows")
            self.add_rows(x.reshape(len(x), -1), places, self.plain(values).reshape(places.size, -1))
        elif is_basic(index):
            x[index] += values
        else:
            NumpyBackend.add_at(self, x, index, values)

    def add_rows(self, x: Array, places: Array, values: Array) -> None:
        """x[places] += values for matrices and places in range."""
        self.kernels.add_rows(x, places, values)

    def one_hot(self, x: Array, n: int, dtype: Any) -> Array:
        """(..., n): 1 at x, else 0; all 0 where x is not in 0..n-1."""
        if n < 1 or dtype not in self.float_types or not self.is_index(x):
            return super().one_hot(x, n, dtype)
        out = self.lib.zeros((*x.shape, n), dtype)
        self.kernels.one_hot(self.as_index(x), out.reshape(-1, n))
        return out

    # --- optimizer steps ----------------------------------------------------------------------------------------------

    def run_step(self, kernel: str, arrays: tuple[Array, ...], numbers: tuple[Any, ...]) -> bool:
        vectors = self.for_step(*arrays)
        if vectors is None:
            return False
        getattr(self.kernels, kernel)(*vectors, *numbers)
        return True

    # --- what a kernel may be given -----------------------------------------------------------------------------------

    def is_plain(self, x: Any) -> bool:
        """Whether `x` is an array of a type that kernels take, with elements, and cheap to copy where it must be."""
        return type(x) is self.array_type and x.dtype in self.float_types and x.size > 0

    def plain(self, x: Array) -> Array:
        """`x` itself if it lies in memory as kernels expect, else such a copy."""
        return self.lib.ascontiguousarray(x)

    def are_alike(self, x: Any, y: Any) -> bool:
        """Whether both are plain, with one type and one shape."""
        return self.is_plain(x) and self.is_plain(y) and x.dtype == y.dtype and x.shape == y.shape

    def is_mask(self, mask: Any, x: Array) -> bool:
        """Whether `mask` has a truth value for each element of x."""
        return type(mask) is self.array_type and mask.dtype.kind == "b" and mask.shape == x.shape

    def is_row(self, weight: Any, x: Array) -> bool:
        """Whether `weight` has the shape and type of one row of x."""
        return self.is_plain(weight) and weight.dtype == x.dtype and weight.shape == x.shape[-1:]

    def is_index(self, index: Any) -> bool:
        """Whether `index` is an array of integers that fit into int64, with elements."""
        if type(index) is not self.array_type or index.size == 0:
            return False
        return index.dtype.kind == "i" or (index.dtype.kind == "u" and index.dtype.itemsize < 8)

    def are_logits(self, x: Any, targets: Any) -> bool:
        """Whether `x` (N, C) and `targets` (N,) fit together."""
        return self.is_plain(x) and x.ndim == 2 and self.is_index(targets) and targets.shape == x.shape[:1]

    def are_rows(self, values: Any, index: Array, x: Array) -> bool:
        """Whether `values` has the shape and type of the rows x[index], and memory of its own."""
        return (
            self.is_index(index)
            and self.is_plain(values)
            and x.size > 0
            and x.dtype == values.dtype
            and self.plain(x) is x
            and values.shape == index.shape + x.shape[1:]
            and not self.may_overlap(values, x)
        )

    def flat(self, x: Array) -> Array:
        """The elements of x as a vector for a kernel."""
        return self.plain(x).reshape(-1)

    def rows(self, x: Array) -> Array:
        """`x` (..., C) as a matrix (N, C) for a kernel."""
        return matrix(self.plain(x))

    def as_index(self, x: Array) -> Array:
        """Integers of any shape as an int64 vector for a kernel."""
        return self.flat(x.astype("int64", copy=False))

    def for_step(self, p: Array, g: Array, *moments: Array) -> list[Array] | None:
        """A parameter, its gradient and its moments as vectors for a kernel; None where they do not allow that.

        What changes in place cannot be copied, so it must lie in memory in the order of its elements.
        """
        shape, dtype = p.shape, p.dtype
        if dtype not in self.float_types:
            return None
        vectors = []
        for x in (p, g, *moments):
            if type(x) is not self.array_type or x.dtype != dtype or x.shape != shape:
                return None
            contiguous = self.plain(x)
            if contiguous is not x and x is not g:
                return None
            vectors.append(contiguous.reshape(-1))
        return vectors


def matrix(x: Array) -> Array:
    """A contiguous array (..., C) as (N, C)."""
    return x if x.ndim == 2 else x.reshape(-1, x.shape[-1])


def is_last(axis: Any, x: Array) -> bool:
    """Whether `axis` is the last one of x."""
    return x.ndim > 0 and type(axis) is int and (axis == -1 or axis == x.ndim - 1)

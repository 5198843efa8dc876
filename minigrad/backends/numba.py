"""The Numba backend: NumPy's arrays, with kernels in place of what takes NumPy several passes over memory.

A kernel runs where its arrays are plain ones of float32 or float64. For everything else (other types, empty
arrays, other axes, unusual shapes) the NumPy backend's own code runs, which also raises the errors. Numba's
threads are not used: they would fight with those of BLAS.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import numba_kernels as kernels
from . import numba_norm as norm
from . import numba_updates as updates
from .base import Array
from .numpy import NumpyBackend, is_basic

FLOATS = frozenset((np.dtype(np.float32), np.dtype(np.float64)))

# With fewer elements, two passes of NumPy's take less time than one call of a kernel with its checks. Where it is
# that close, even super() is felt.
SMALL = 1024


class NumbaBackend(NumpyBackend):
    """The NumPy backend with compiled kernels."""

    name = "numba"

    # --- element-wise ---------------------------------------------------------------------------------------

    def sigmoid(self, x: Array) -> Array:
        """1 / (1 + exp(-x))."""
        if not is_plain(x):
            return super().sigmoid(x)
        out = np.empty(x.shape, x.dtype)
        kernels.sigmoid(flat(x), out.reshape(-1))
        return out

    def erf(self, x: Array) -> Array:
        """The error function."""
        if not is_plain(x):
            return super().erf(x)
        out = np.empty(x.shape, x.dtype)
        kernels.erf(flat(x), out.reshape(-1))
        return out

    def dropout(self, x: Array, mask: Array, scale: float) -> Array:
        """x * scale where `mask` is true, else 0."""
        if x.size < SMALL or not (is_plain(x) and is_mask(mask, x)):
            return NumpyBackend.dropout(self, x, mask, scale)
        out = np.empty(x.shape, x.dtype)
        updates.dropout(flat(x), flat(mask), float(scale), out.reshape(-1))
        return out

    # --- softmax and its losses -----------------------------------------------------------------------------

    def softmax(self, x: Array, axis: int) -> Array:
        """exp(x) / sum(exp(x)) along `axis`."""
        if not (is_plain(x) and is_last(axis, x)):
            return super().softmax(x, axis)
        out = np.empty(x.shape, x.dtype)
        kernels.softmax(rows(x), rows(out))
        return out

    def softmax_vjp(self, g: Array, out: Array, axis: int) -> Array:
        """Gradient of softmax: out * (g - <g, out>)."""
        if not (are_alike(g, out) and is_last(axis, out)):
            return super().softmax_vjp(g, out, axis)
        total = np.empty(g.shape, g.dtype)
        kernels.softmax_vjp(rows(g), rows(out), rows(total))
        return total

    def log_softmax(self, x: Array, axis: int) -> Array:
        """log(softmax(x)) along `axis`."""
        if not (is_plain(x) and is_last(axis, x)):
            return super().log_softmax(x, axis)
        out = np.empty(x.shape, x.dtype)
        kernels.log_softmax(rows(x), rows(out))
        return out

    def log_softmax_vjp(self, g: Array, out: Array, axis: int) -> Array:
        """Gradient of log_softmax: g - softmax * sum(g)."""
        if not (are_alike(g, out) and is_last(axis, out)):
            return super().log_softmax_vjp(g, out, axis)
        total = np.empty(g.shape, g.dtype)
        kernels.log_softmax_vjp(rows(g), rows(out), rows(total))
        return total

    def logsumexp(self, x: Array, axis: Any = None, keepdims: bool = False) -> Array:
        """log(sum(exp(x))) along `axis`."""
        if not (is_plain(x) and is_last(axis, x)):
            return super().logsumexp(x, axis, keepdims)
        out = np.empty(x.shape[:-1], x.dtype)
        kernels.logsumexp(rows(x), out.reshape(-1))
        return out[..., None] if keepdims else out

    def cross_entropy(self, x: Array, targets: Array, ignore_index: int, label_smoothing: float) -> Array:
        """Losses (N,) of logits x (N, C) for class indices (N,); see the base class."""
        if are_logits(x, targets):
            out = np.empty(targets.shape, x.dtype)
            classes = as_index(targets)
            if kernels.cross_entropy(rows(x), classes, int(ignore_index), float(label_smoothing), out):
                return out
        return super().cross_entropy(x, targets, ignore_index, label_smoothing)

    def cross_entropy_vjp(self, g: Array, x: Array, targets: Array, ignore_index: int, label_smoothing: float) -> Array:
        """Gradient of cross_entropy for the logits x (N, C), g being (N,). Ignored rows get zeros."""
        if not (are_logits(x, targets) and is_plain(g) and g.dtype == x.dtype and g.shape == targets.shape):
            return super().cross_entropy_vjp(g, x, targets, ignore_index, label_smoothing)
        out = np.empty(x.shape, x.dtype)
        classes = as_index(targets)
        kernels.cross_entropy_vjp(flat(g), rows(x), classes, int(ignore_index), float(label_smoothing), out)
        return out

    # --- layer norm -----------------------------------------------------------------------------------------

    def standardize(self, x: Array, eps: float) -> Array:
        """(x - mean) / sqrt(variance + eps) over the last axis."""
        if not (is_plain(x) and x.ndim):
            return super().standardize(x, eps)
        out = np.empty(x.shape, x.dtype)
        norm.standardize(rows(x), float(eps), rows(out))
        return out

    def layer_norm(self, x: Array, weight: Array | None, bias: Array | None, eps: float) -> Array:
        """standardize(x) * weight + bias over the last axis."""
        if weight is None or not (
            is_plain(x) and x.ndim and is_vector(weight, x) and (bias is None or is_vector(bias, x))
        ):
            return super().layer_norm(x, weight, bias, eps)
        out = np.empty(x.shape, x.dtype)
        bias = None if bias is None else flat(bias)
        norm.layer_norm(rows(x), flat(weight), bias, float(eps), rows(out))
        return out

    def layer_norm_vjp(self, g: Array, x: Array, eps: float) -> Array:
        """Gradient of `standardize` for x."""
        if not (are_alike(g, x) and x.ndim):
            return super().layer_norm_vjp(g, x, eps)
        out = np.empty(x.shape, x.dtype)
        norm.layer_norm_vjp(rows(g), rows(x), float(eps), rows(out))
        return out

    # --- indexing -------------------------------------------------------------------------------------------

    def add_at(self, x: Array, index: Any, values: Array) -> None:
        """x[index] += values in place, adding up where positions repeat.

        A kernel does it for one integer array that picks rows of x: the gradient of an embedding. For single
        elements NumPy's own loop is as fast. Raises IndexError for a row that is not there.
        """
        if type(index) is not np.ndarray:
            if is_basic(index):  # by far the most frequent, and short: the detour through super() would be felt
                x[index] += values
            else:
                np.add.at(x, index, values)
        elif x.ndim > 1 and are_rows(values, index, x) and is_index(index):
            places = as_index(index)
            if not updates.in_range(places, len(x)):
                raise IndexError(f"a row index is out of range for an array of {len(x)} rows")
            updates.add_rows(x.reshape(len(x), -1), places, plain(values).reshape(places.size, -1))
        else:
            NumpyBackend.add_at(self, x, index, values)

    def one_hot(self, x: Array, n: int, dtype: Any) -> Array:
        """(..., n): 1 at x, else 0; all 0 where x is not in 0..n-1."""
        if n < 1 or not (is_index(x) and np.dtype(dtype) in FLOATS):
            return super().one_hot(x, n, dtype)
        out = np.zeros((*x.shape, n), dtype)
        updates.one_hot(as_index(x), out.reshape(-1, n))
        return out

    # --- optimizer steps ------------------------------------------------------------------------------------

    def sgd_step(
        self,
        p: Array,
        g: Array,
        velocity: Array | None,
        *,
        lr: float,
        momentum: float,
        dampening: float,
        nesterov: bool,
        weight_decay: float,
        first: bool,
    ) -> None:
        """One step of SGD in place; see the base class."""
        if velocity is None:
            if p.size < SMALL and not weight_decay:
                p -= lr * g  # which is all that is left of the base class's step
                return None
            arrays = for_step(p, g)
            if arrays is not None:
                return updates.sgd(*arrays, float(lr), float(weight_decay))
        elif not first:  # the first step copies the gradient into `velocity`: left to the base class
            arrays = for_step(p, g, velocity)
            if arrays is not None:
                settings = float(lr), float(momentum), float(dampening), bool(nesterov), float(weight_decay)
                return updates.sgd_momentum(*arrays, *settings)
        return super().sgd_step(
            p,
            g,
            velocity,
            lr=lr,
            momentum=momentum,
            dampening=dampening,
            nesterov=nesterov,
            weight_decay=weight_decay,
            first=first,
        )

    def adam_step(
        self,
        p: Array,
        g: Array,
        m: Array,
        v: Array,
        *,
        lr: float,
        beta1: float,
        beta2: float,
        eps: float,
        weight_decay: float,
        decoupled: bool,
        step: int,
    ) -> None:
        """One step of Adam or AdamW in place; see the base class."""
        arrays = for_step(p, g, m, v)
        if arrays is None:
            return super().adam_step(
                p,
                g,
                m,
                v,
                lr=lr,
                beta1=beta1,
                beta2=beta2,
                eps=eps,
                weight_decay=weight_decay,
                decoupled=decoupled,
                step=step,
            )
        shrink = 1.0 - lr * weight_decay if decoupled else 1.0
        decay = 0.0 if decoupled else float(weight_decay)
        rate, correction = lr / (1.0 - beta1**step), (1.0 - beta2**step) ** -0.5
        settings = (
            float(beta1),
            float(beta2),
            float(eps),
            decay,
            float(shrink),
            float(rate),
            float(correction),
        )
        return updates.adam(*arrays, *settings)


# --- what a kernel may be given -----------------------------------------------------------------------------


def is_plain(x: Any) -> bool:
    """Whether `x` is a NumPy array of float32 or float64, with elements, and cheap to copy where it must be."""
    return type(x) is np.ndarray and x.dtype in FLOATS and x.size > 0 and (x.flags.carray or is_near(x))


def is_near(x: Array) -> bool:
    """Whether neighbours along the last axis lie within a cache line.

    A kernel reads a copy of what is not contiguous. To copy a transposed array costs more than a kernel gains,
    while NumPy works through it in the order in which it lies.
    """
    return x.ndim == 0 or abs(x.strides[-1]) <= 64


def are_alike(x: Any, y: Any) -> bool:
    """Whether both are plain, with one type and one shape."""
    return is_plain(x) and is_plain(y) and x.dtype == y.dtype and x.shape == y.shape


def is_mask(mask: Any, x: Array) -> bool:
    """Whether `mask` has a truth value for each element of x."""
    return type(mask) is np.ndarray and mask.dtype == np.bool_ and mask.shape == x.shape


def is_last(axis: Any, x: Array) -> bool:
    """Whether `axis` is the last one of x."""
    return x.ndim > 0 and type(axis) is int and (axis == -1 or axis == x.ndim - 1)


def is_vector(weight: Any, x: Array) -> bool:
    """Whether `weight` has the shape and type of one row of x."""
    return is_plain(weight) and weight.dtype == x.dtype and weight.shape == x.shape[-1:]


def is_index(index: Any) -> bool:
    """Whether `index` is an array of integers that fit into int64, with elements."""
    if type(index) is not np.ndarray or index.size == 0:
        return False
    return index.dtype.kind == "i" or (index.dtype.kind == "u" and index.dtype.itemsize < 8)


def are_logits(x: Any, targets: Any) -> bool:
    """Whether `x` (N, C) and `targets` (N,) fit together."""
    return is_plain(x) and x.ndim == 2 and is_index(targets) and targets.shape == x.shape[:1]


def are_rows(values: Any, index: Array, x: Array) -> bool:
    """Whether `values` has the shape and type of the rows x[index], and memory of its own."""
    return (
        is_plain(values)
        and is_plain(x)
        and x.dtype == values.dtype
        and x.flags.carray
        and values.shape == index.shape + x.shape[1:]
        and not np.may_share_memory(values, x)
    )


def plain(x: Array) -> Array:
    """`x` if it is C-contiguous, aligned and writable, as kernels are compiled for; else such a copy."""
    return x if x.flags.carray else np.array(x, order="C")


def flat(x: Array) -> Array:
    """The elements of x as a vector for a kernel."""
    return plain(x).ravel()


def rows(x: Array) -> Array:
    """`x` (..., C) as a matrix (N, C) for a kernel."""
    x = plain(x)
    return x if x.ndim == 2 else x.reshape(-1, x.shape[-1])


def as_index(x: Array) -> Array:
    """Integers of any shape as an int64 vector for a kernel."""
    return flat(x.astype(np.int64, copy=False))


def for_step(p: Array, g: Array, *moments: Array) -> list[Array] | None:
    """A parameter, its gradient and its moments as vectors for a kernel; None where they do not allow that.

    What changes in place cannot be copied, so it must lie in memory in the order of its elements.
    """
    shape, dtype = p.shape, p.dtype
    if dtype not in FLOATS:
        return None
    vectors = []
    for x in (p, g, *moments):
        if type(x) is not np.ndarray or x.dtype is not dtype or x.shape != shape:
            return None
        if not x.flags.carray:
            if x is not g:
                return None
            x = np.array(x, order="C")
        vectors.append(x.ravel())
    return vectors

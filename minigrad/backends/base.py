"""What a backend is: an object that turns primitive calls into array work, and knows nothing of gradients.

A backend supplies

- a method for each name in `REQUIRED`, most of them functions that its array library has already;
- the few calls below that create arrays, move them, draw random numbers and change them in place;
- and it *may* replace the composite calls (`softmax`, `cross_entropy`, `layer_norm`, the optimizer steps, ...) that
  this file writes out in terms of the others, with fused kernels.

Arrays have shape, dtype, ndim, operators and basic indexing. Keyword parameters always come by name.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

from .halves import rounds_once, widened

Array = Any
Shape = tuple[int, ...]

# What every backend has a method for, beside those spelled out in `Backend`.
REQUIRED = {
    "element-wise": "add subtract multiply divide negative pow remainder floor_divide fmod hypot atan2 logaddexp "
    "copysign nextafter maximum minimum where clip abs square sqrt reciprocal exp expm1 log log1p "
    "log2 log10 sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh sigmoid relu erf sign "
    "floor ceil trunc round equal not_equal less less_equal greater greater_equal logical_and "
    "logical_or logical_xor logical_not bitwise_and bitwise_or bitwise_xor bitwise_invert "
    "bitwise_left_shift bitwise_right_shift isnan isinf isfinite signbit astype",
    "reductions": "sum prod max min any all argmax argmin argsort searchsorted count_nonzero cumulative_sum "
    "cumulative_prod logsumexp",
    "products": "matmul linear einsum product_sum",
    "shape": "reshape permute_dims broadcast_to flip roll pad tril triu concat stack",
    "indexing": "getitem index_add index_set add_at partial nonzero one_hot",
    "creation": "asarray copy empty zeros zeros_like full arange linspace eye eye_like",
}


ANYWHERE: AbstractContextManager[None] = nullcontext()


class BackendUnavailable(RuntimeError):
    """A backend's packages are there, but it cannot work on this machine."""


class Composed:
    """Calls written in terms of others: for arrays (in backends) and for Tensors (in gradients of gradients)."""

    def sigmoid_vjp(self, g: Array, out: Array) -> Array:
        """Gradient of sigmoid: g * out * (1 - out)."""
        return g * (out * (1 - out))

    def tanh_vjp(self, g: Array, out: Array) -> Array:
        """Gradient of tanh: g * (1 - out^2)."""
        return g * (1 - out * out)

    def softmax_vjp(self, g: Array, out: Array, axis: int) -> Array:
        """Gradient of softmax: out * (g - <g, out>)."""
        xp: Any = self
        return out * (g - xp.sum(g * out, axis=axis, keepdims=True))

    def log_softmax_vjp(self, g: Array, out: Array, axis: int) -> Array:
        """Gradient of log_softmax: g - softmax * sum(g)."""
        xp: Any = self
        return g - xp.exp(out) * xp.sum(g, axis=axis, keepdims=True)

    def cross_entropy_vjp(
        self, g: Array, x: Array, targets: Array, ignore_index: int, label_smoothing: float, losses: Array | None = None
    ) -> Array:
        """Gradient of cross_entropy for the logits x (N, C): (softmax(x) - target distribution) * g, g being (N,).

        `losses` is what cross_entropy returned, (N,), for backends that save work by it.
        """
        xp: Any = self
        kept = targets != ignore_index
        n = x.shape[-1]
        hot = xp.one_hot(xp.where(kept, targets, 0), n=n, dtype=x.dtype)
        wanted = hot * (1 - label_smoothing) + label_smoothing / n
        return xp.where(kept[:, None], (xp.softmax(x, axis=-1) - wanted) * g[:, None], 0)

    def standardize(self, x: Array, eps: float) -> Array:
        """(x - mean) / sqrt(variance + eps) over the last axis."""
        xp: Any = self
        centred = x - self._mean(x)
        return centred / xp.sqrt(self._mean(centred * centred) + eps)

    def layer_norm_vjp(self, g: Array, x: Array, eps: float) -> Array:
        """Gradient of `standardize` for x."""
        xp: Any = self
        centred = x - self._mean(x)
        scale = xp.sqrt(self._mean(centred * centred) + eps)
        unit = centred / scale
        return (g - self._mean(g) - unit * self._mean(g * unit)) / scale

    def _mean(self, x: Array) -> Array:
        xp: Any = self
        return xp.sum(x, axis=-1, keepdims=True) / x.shape[-1]


class _Calls(dict[Any, Callable[..., Array]]):
    """For each primitive the function that computes it on a backend, looked up once."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def __missing__(self, primitive: Any) -> Callable[..., Array]:
        backend, forward = self._backend, primitive.forward
        if forward is None:
            function = getattr(backend, primitive.name)
        elif primitive.takes_xp:
            function = partial(forward, xp=backend)
        else:
            function = forward
        if not primitive.custom:  # those of a program may be made again and again, and are not to be kept
            self[primitive] = function
        return function


class Backend(Composed):
    """Base class of the backends. Subclasses set `name`, `array_type`, `place`, and supply the calls in `REQUIRED`."""

    name: str = ""
    array_type: type = object
    has_bfloat16 = False
    place = "host"  # where the arrays live; backends of one place share them

    if TYPE_CHECKING:  # the calls that REQUIRED lists

        def __getattr__(self, name: str) -> Callable[..., Any]: ...

    def __init__(self) -> None:
        self.calls = _Calls(self)

    def for_rules(self, node: Any, g: Array, saved: tuple[Any, ...]) -> tuple[Array, tuple[Any, ...]]:
        """What the derivative rules of a node of 16-bit floats compute with: its gradient and saved values in float32.

        A user's own rules get the types that they know from forward.
        """
        if node.primitive.custom:
            return g.astype(node.dtype), saved
        return widened(g), tuple([widened(x) for x in saved])

    # --- moving, and what only an array library can do ---------------------------------------------------------------

    def asarray(self, data: Any, dtype: Any = None, copy: bool | None = None) -> Array:
        """`data` (nested lists, numbers, NumPy arrays, this backend's arrays) as this backend's array."""
        raise NotImplementedError(f"backend {self.name} lacks asarray")

    def to_numpy(self, x: Array) -> Any:
        """`x` as a NumPy array on the host; the one way out."""
        raise NotImplementedError(f"backend {self.name} lacks to_numpy")

    def copy(self, x: Array) -> Array:
        """A fresh array with the values of `x`."""
        raise NotImplementedError(f"backend {self.name} lacks copy")

    def assign(self, x: Array, value: Array) -> None:
        """Overwrite the elements of `x` in place."""
        x[...] = value

    def generator(self, seed: int | None) -> Any:
        """A fresh source of random numbers; see `normal`, `uniform`, `randint`, `permutation`."""
        raise NotImplementedError(f"backend {self.name} lacks generator")

    def synchronize(self) -> None:
        """Wait until all work is done (for timing); nothing to do where calls are synchronous."""

    def activate(self) -> None:
        """Make operators on this backend's arrays compute where the arrays live; nothing to do on the host."""

    def active(self) -> AbstractContextManager[Any]:
        """The same inside a `with` block: after it, the device that was current before is so again."""
        return ANYWHERE

    def set_tf32(self, allowed: bool) -> None:
        """Whether float32 matrices may be multiplied in TF32; the host has no such thing."""

    # --- composite calls, which a backend may fuse -------------------------------------------------------------------

    @rounds_once
    def softmax(self, x: Array, axis: int) -> Array:
        """exp(x) / sum(exp(x)) along `axis`, computed without overflow."""
        xp: Any = self
        if not x.size:
            return self.copy(x)
        e = xp.exp(x - xp.max(x, axis=axis, keepdims=True))
        e /= xp.sum(e, axis=axis, keepdims=True)
        return e

    @rounds_once
    def log_softmax(self, x: Array, axis: int) -> Array:
        """log(softmax(x)) along `axis`, computed without overflow or cancellation."""
        xp: Any = self
        if not x.size:
            return self.copy(x)
        shifted = x - xp.max(x, axis=axis, keepdims=True)
        shifted -= xp.log(xp.sum(xp.exp(shifted), axis=axis, keepdims=True))
        return shifted

    @rounds_once
    def cross_entropy(self, x: Array, targets: Array, ignore_index: int, label_smoothing: float) -> Array:
        """Losses (N,) of logits x (N, C) for class indices (N,); zero where the target is `ignore_index`.

        With smoothing e the wanted distribution is 1 - e on the target plus e spread evenly (Szegedy et al. 2016).
        Raises IndexError for a target outside 0..C-1.
        """
        xp: Any = self
        kept = targets != ignore_index
        classes = xp.where(kept, targets, 0)
        n = x.shape[-1]
        self.check_indices(classes, n, "class index")
        logp = self.log_softmax(x, axis=-1)
        loss = -logp[xp.arange(0, len(classes), 1), classes]
        if label_smoothing:
            loss = (1 - label_smoothing) * loss - label_smoothing / n * xp.sum(logp, axis=-1)
        return xp.where(kept, loss, 0)

    def check_indices(self, indices: Array, n: int, what: str) -> None:
        """Raise IndexError unless all of `indices` are in 0..n-1."""
        if indices.size == 0:
            return
        low, high = int(indices.min()), int(indices.max())
        if low < 0 or high >= n:
            raise IndexError(f"{what} {low if low < 0 else high} is out of range: expected 0 to {n - 1}")

    @rounds_once
    def layer_norm(self, x: Array, weight: Array | None, bias: Array | None, eps: float) -> Array:
        """standardize(x) * weight + bias over the last axis (Ba et al. 2016)."""
        out = self.standardize(x, eps)
        if weight is not None:
            out = out * weight
        return out if bias is None else out + bias

    @rounds_once
    def dropout(self, x: Array, mask: Array, scale: float) -> Array:
        """x * scale where `mask` is true, else 0."""
        xp: Any = self
        return xp.where(mask, x * scale, 0)  # not x * mask, which is NaN where x is infinite

    softmax_vjp = rounds_once(Composed.softmax_vjp)
    log_softmax_vjp = rounds_once(Composed.log_softmax_vjp)
    standardize = rounds_once(Composed.standardize)
    layer_norm_vjp = rounds_once(Composed.layer_norm_vjp)

    # --- optimizer steps, in place ------------------------------------------------------------------------------------

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
        """p -= lr * v with v = momentum * v + (1 - dampening) * g (v = g in the `first` step); PyTorch's SGD.

        `velocity` is None without momentum.
        """
        if velocity is None:
            done = self.run_step("sgd", (p, g), (lr, weight_decay))
        else:  # in the first step `velocity` becomes a copy of the gradient: that is left to the lines below
            numbers = lr, momentum, 1 - dampening, nesterov, weight_decay
            done = not first and self.run_step("sgd_momentum", (p, g, velocity), numbers)
        if done:
            return
        if weight_decay:
            g = g + weight_decay * p
        if velocity is not None:
            if first:
                self.assign(velocity, g)
            else:
                velocity *= momentum
                velocity += (1 - dampening) * g
            g = g + momentum * velocity if nesterov else velocity
        p -= lr * g

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
        """One step of Adam (Kingma and Ba 2015), or of AdamW (Loshchilov and Hutter 2019) if `decoupled`.

        `step` counts from 1, for the bias correction of the moments m and v, which change in place like p.
        """
        xp: Any = self
        added, shrink = (0.0, 1.0 - lr * weight_decay) if decoupled else (weight_decay, 1.0)
        rate, correction = lr / (1.0 - beta1**step), (1.0 - beta2**step) ** -0.5
        share1, share2 = 1 - beta1, 1 - beta2
        if self.run_step("adam", (p, g, m, v), (share1, beta2, share2, eps, added, shrink, rate, correction)):
            return
        if shrink != 1:
            p *= shrink
        if added:
            g = g + added * p
        m += share1 * (g - m)
        v *= beta2
        v += share2 * (g * g)
        root = xp.sqrt(v)
        root *= correction
        root += eps
        p -= rate * (m / root)

    def run_step(self, kernel: str, arrays: tuple[Array, ...], numbers: tuple[Any, ...]) -> bool:
        """Take an optimizer's step by a kernel, for backends that have it. False if nothing was done.

        `kernel` is "sgd", "sgd_momentum" or "adam", `arrays` the parameter, its gradient and its moments.
        """
        return False

"""Activation functions that `minigrad.ops` lacks, by the names of `torch.nn.functional`."""

from __future__ import annotations

from typing import Any

from ..advice.missing import with_keywords
from ..engine.record import apply
from ..ops.arguments import as_tensor, normal_axis
from ..ops.elementwise import abs, clip, expm1, softplus, where
from ..ops.precision import in_float32
from ..primitives import PRIMITIVES
from ..tensors.tensor import Tensor


@with_keywords
def softmax(x: Any, axis: int = -1) -> Tensor:
    """exp(x) / sum(exp(x)) along `axis`, without overflow."""
    x = as_tensor(x)
    return apply(PRIMITIVES["softmax"], (x,), {"axis": normal_axis(axis, x.ndim, "softmax")})


@with_keywords
def log_softmax(x: Any, axis: int = -1) -> Tensor:
    """log(softmax(x)) along `axis`, without overflow or cancellation."""
    x = as_tensor(x)
    return apply(PRIMITIVES["log_softmax"], (x,), {"axis": normal_axis(axis, x.ndim, "log_softmax")})


def leaky_relu(x: Any, negative_slope: float = 0.01) -> Tensor:
    """x where it is positive, negative_slope * x elsewhere (Maas et al. 2013)."""
    x = as_tensor(x)
    return where(x > 0, x, x * negative_slope)


def elu(x: Any, alpha: float = 1.0) -> Tensor:
    """x where it is positive, alpha * (exp(x) - 1) elsewhere (Clevert et al. 2016)."""
    x = as_tensor(x)
    return where(x > 0, x, alpha * expm1(where(x > 0, 0, x)))


def selu(x: Any) -> Tensor:
    """The scaled `elu` whose outputs tend to mean 0 and variance 1 (Klambauer et al. 2017)."""
    return 1.0507009873554805 * elu(x, 1.6732632423543772)


def logsigmoid(x: Any) -> Tensor:
    """log(sigmoid(x)) without overflow."""
    return -softplus(-as_tensor(x))


@in_float32
def softsign(x: Any) -> Tensor:
    """x / (1 + |x|)."""
    x = as_tensor(x)
    return x / (1 + abs(x))


def hardtanh(x: Any, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """x, but at least min_val and at most max_val; at these its derivative is 0, as beyond them."""
    x = as_tensor(x)
    return where((x > min_val) & (x < max_val), x, clip(x.detach(), min_val, max_val))

"""Batch normalisation (Ioffe and Szegedy, Batch normalization, 2015), as `torch.nn.functional.batch_norm` has it."""

from __future__ import annotations

from typing import Any

from .. import dtypes
from ..backends.halves import widened
from ..engine.recorded import describe
from ..engine.recording import no_grad
from ..ops.arguments import as_tensor
from ..ops.elementwise import sqrt
from ..ops.reductions import mean
from ..ops.shaping import reshape
from ..tensors.tensor import Tensor


def batch_norm(
    x: Any,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """(x - mean) / sqrt(variance + eps) * weight + bias, for each channel.

    Args:
        x: (N, C, ...), real numbers; 16-bit ones are computed with in float32.
        running_mean, running_var: (C,). They are what x is normalised by, or in training what keeps the statistics of
            this batch, in place: running <- (1 - momentum) * running + momentum * new, the variance being that of a
            sample (divided by n - 1). None, both or neither: x is normalised by its own statistics.
        weight, bias: (C,), or None.
        training: normalise by the statistics of x, that is the mean and the variance (divided by n) of each channel
            over all other axes, which gradients flow through.
        momentum: how much the new statistics count.
        eps: added to the variance.

    Raises ValueError for shapes that do not fit, and in training for a channel with fewer than two values, which has no
    variance; TypeError for integers.
    """
    x = as_tensor(x)
    if x.ndim < 2:
        raise ValueError(f"batch_norm: expected (N, C, ...), not {describe(x)}")
    if not dtypes.is_float(x.dtype):
        raise TypeError(f"batch_norm: expected real numbers, not {describe(x)}")
    if (running_mean is None) != (running_var is None):
        raise ValueError("batch_norm: running_mean and running_var are given both, or neither")
    channels = x.shape[1]
    for name, t in (("running_mean", running_mean), ("running_var", running_var), ("weight", weight), ("bias", bias)):
        if t is not None and t.shape != (channels,):
            raise ValueError(f"batch_norm: {name} {describe(t)} does not fit {channels} channels of {describe(x)}")

    def along_channels(t: Tensor) -> Tensor:
        return reshape(t, (1, channels, *(1,) * (x.ndim - 2)))

    values = widened(x)
    if running_mean is None or running_var is None or training:
        away, variance = _of_batch(values, x, running_mean, running_var, momentum)
    else:
        away, variance = values - along_channels(running_mean), widened(along_channels(running_var))
    out = away / sqrt(variance + eps)
    if weight is not None:
        out = out * along_channels(weight)
    if bias is not None:
        out = out + along_channels(bias)
    return out.astype(x.dtype)


def _of_batch(
    values: Tensor, x: Tensor, running_mean: Tensor | None, running_var: Tensor | None, momentum: float
) -> tuple[Tensor, Tensor]:
    """How far the values are from the mean of their channel, and its variance, which the running ones follow."""
    n = x.size // x.shape[1] if x.shape[1] else 0
    if n < 2:
        raise ValueError(
            f"batch_norm: the statistics of a batch need two values or more of each channel, {describe(x)} has "
            f"{n}: take a larger batch, or switch to eval()"
        )
    axes = (0, *range(2, x.ndim))
    center = mean(values, axis=axes, keepdims=True)
    away = values - center
    variance = mean(away * away, axis=axes, keepdims=True)
    if running_mean is not None and running_var is not None:
        _follow(running_mean, center, momentum)
        _follow(running_var, variance.detach() * (n / (n - 1)), momentum)
    return away, variance


def _follow(running: Tensor, new: Tensor, momentum: float) -> None:
    with no_grad():
        new = reshape(new.detach(), running.shape)
        running.copy_((running.astype(new.dtype) * (1 - momentum) + new * momentum).astype(running.dtype))

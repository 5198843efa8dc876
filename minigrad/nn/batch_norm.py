"""Batch normalisation as a module, with the statistics that it follows."""

from __future__ import annotations

from typing import Any

from .. import functional as F
from ..engine.recorded import describe
from ..engine.recording import no_grad
from ..ops import creation
from ..tensors.tensor import Parameter, Tensor
from . import init
from .layers import check_size
from .module import Module


class BatchNorm1d(Module):
    """Each channel with mean 0 and variance 1 over the batch, then times weight, plus bias: (N, C) or (N, C, L).

    In training the statistics are those of the batch, and running means of them are kept; in evaluation those are used
    (Ioffe and Szegedy 2015). Time-major sequences (T, B, F) become (B, F, T) by `x.permute(1, 2, 0)`; where sequences
    differ in length, LayerNorm fits better.

    Parameters: weight (ones) and bias (zeros). Buffers: running_mean, running_var and num_batches_tracked.

    Args:
        num_features: C.
        eps: added to the variance.
        momentum: how much the statistics of a batch count in the running ones; None for the mean over all batches.
        affine: whether there are parameters.
        track_running_stats: whether there are running statistics; without them evaluation uses those of the batch, too.
        bias: whether there is the bias.

    Raises ValueError for inputs of another shape, and in training for a channel with fewer than two values.
    """

    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_features = check_size("BatchNorm1d", "num_features", num_features)
        self.eps, self.momentum, self.affine, self.track_running_stats = eps, momentum, affine, track_running_stats
        self.weight = Parameter(creation.ones((num_features,))) if affine else None
        self.bias = Parameter(creation.zeros((num_features,))) if affine and bias else None
        tracked = track_running_stats
        self.register_buffer("running_mean", creation.zeros((num_features,)) if tracked else None)
        self.register_buffer("running_var", creation.ones((num_features,)) if tracked else None)
        self.register_buffer("num_batches_tracked", creation.zeros((), dtype="int64") if tracked else None)

    def reset_running_stats(self) -> None:
        """Forget the running statistics: mean 0, variance 1, no batches."""
        if self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None:
            init.zeros_(self.running_mean)
            init.ones_(self.running_var)
            init.zeros_(self.num_batches_tracked)

    def reset_parameters(self) -> None:
        """Forget the running statistics; weight 1 and bias 0."""
        self.reset_running_stats()
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, x: Any) -> Tensor:
        ndim = getattr(x, "ndim", 0)
        if ndim not in (2, 3) or x.shape[1] != self.num_features:
            given = describe(x) if isinstance(x, Tensor) else f"a {type(x).__name__} of shape {getattr(x, 'shape', ())}"
            raise ValueError(
                f"BatchNorm1d: expected (N, {self.num_features}) or (N, {self.num_features}, L), not {given}"
            )
        momentum, tracked = self.momentum, self.num_batches_tracked
        if momentum is None:
            momentum = 0.0 if tracked is None else 1 / (tracked.item() + 1)
        out = F.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, self.training, momentum, self.eps
        )
        if self.training and tracked is not None:
            with no_grad():
                tracked.copy_(tracked + 1)
        return out

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps:g}, momentum={self.momentum}"
            + ("" if self.affine else ", affine=False")
            + ("" if self.track_running_stats else ", track_running_stats=False")
        )

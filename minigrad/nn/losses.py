"""Losses as modules, by PyTorch's names: each calls the function of `minigrad.functional` with its settings.

As there, classes are on the last axis, and all loss functions compute in the units of their inputs or in nats.
"""

from __future__ import annotations

from typing import Any

from .. import functional as F
from ..tensors.tensor import Tensor
from .module import Module


class Loss(Module):
    """Base class: `reduction` is "mean", "sum" or "none". Raises ValueError for another word."""

    reductions: tuple[str, ...] = ("mean", "sum", "none")

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__()
        if reduction not in self.reductions:
            *others, last = map(repr, self.reductions)
            raise ValueError(
                f"{type(self).__name__}: reduction is {', '.join(others)} or {last}, not {reduction!r}"
                + ("" if isinstance(reduction, str) else "; settings of losses are given by name")
            )
        self.reduction = reduction

    def extra_repr(self) -> str:
        settings = [
            f"{name}={value!r}"
            for name, value in vars(self).items()
            if isinstance(value, (bool, int, float, str)) and name != "training" and not name.startswith("_")
        ]
        return ", ".join(settings)

    def _buffer(self, name: str, value: Any) -> None:
        """Keep a tensor of factors, which moves with the module, and is stored with it."""
        plain = None if value is None else value.detach() if isinstance(value, Tensor) else Tensor(value, "float32")
        self.register_buffer(name, plain)


class CrossEntropyLoss(Loss):
    """`functional.cross_entropy` of logits (..., C) and classes (...), or probabilities (..., C).

    PyTorch has the classes on axis 1 of logits with more than two axes: permute those, as `logits.permute(0, 2, 1)`.
    """

    weight: Tensor | None

    def __init__(
        self,
        weight: Any = None,
        *,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(reduction)
        self._buffer("weight", weight)
        self.ignore_index, self.label_smoothing = ignore_index, label_smoothing

    def forward(self, logits: Any, targets: Any) -> Tensor:
        return F.cross_entropy(logits, targets, self.weight, self.ignore_index, self.reduction, self.label_smoothing)


class NLLLoss(Loss):
    """`functional.nll_loss` of log-probabilities (..., C) and classes (...)."""

    weight: Tensor | None

    def __init__(self, weight: Any = None, *, ignore_index: int = -100, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self._buffer("weight", weight)
        self.ignore_index = ignore_index

    def forward(self, log_probs: Any, targets: Any) -> Tensor:
        return F.nll_loss(log_probs, targets, self.weight, self.ignore_index, self.reduction)


class MSELoss(Loss):
    """`functional.mse_loss`: (x - target)**2."""

    def forward(self, x: Any, target: Any) -> Tensor:
        return F.mse_loss(x, target, reduction=self.reduction)


class L1Loss(Loss):
    """`functional.l1_loss`: |x - target|."""

    def forward(self, x: Any, target: Any) -> Tensor:
        return F.l1_loss(x, target, reduction=self.reduction)


class HuberLoss(Loss):
    """`functional.huber_loss`: quadratic up to a distance of `delta`, then linear."""

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction)
        self.delta = delta

    def forward(self, x: Any, target: Any) -> Tensor:
        return F.huber_loss(x, target, delta=self.delta, reduction=self.reduction)


class SmoothL1Loss(Loss):
    """`functional.smooth_l1_loss`: the Huber loss with delta = beta, divided by beta."""

    def __init__(self, *, reduction: str = "mean", beta: float = 1.0) -> None:
        super().__init__(reduction)
        self.beta = beta

    def forward(self, x: Any, target: Any) -> Tensor:
        return F.smooth_l1_loss(x, target, reduction=self.reduction, beta=self.beta)


class BCELoss(Loss):
    """`functional.binary_cross_entropy` of probabilities. `BCEWithLogitsLoss` is more exact and faster."""

    weight: Tensor | None

    def __init__(self, weight: Any = None, *, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self._buffer("weight", weight)

    def forward(self, probs: Any, target: Any) -> Tensor:
        return F.binary_cross_entropy(probs, target, self.weight, self.reduction)


class BCEWithLogitsLoss(Loss):
    """`functional.binary_cross_entropy_with_logits`: of what comes before a sigmoid."""

    weight: Tensor | None
    pos_weight: Tensor | None

    def __init__(self, weight: Any = None, *, reduction: str = "mean", pos_weight: Any = None) -> None:
        super().__init__(reduction)
        self._buffer("weight", weight)
        self._buffer("pos_weight", pos_weight)

    def forward(self, logits: Any, target: Any) -> Tensor:
        return F.binary_cross_entropy_with_logits(logits, target, self.weight, self.reduction, self.pos_weight)


class KLDivLoss(Loss):
    """`functional.kl_div` of log-probabilities and probabilities; "batchmean" is the mathematical definition."""

    reductions = ("mean", "batchmean", "sum", "none")

    def __init__(self, *, reduction: str = "mean", log_target: bool = False) -> None:
        super().__init__(reduction)
        self.log_target = log_target

    def forward(self, log_probs: Any, target: Any) -> Tensor:
        return F.kl_div(log_probs, target, reduction=self.reduction, log_target=self.log_target)


class CTCLoss(Loss):
    """`functional.ctc_loss` of log-probabilities (T, B, C) and label sequences, with the lengths of both."""

    def __init__(self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False) -> None:
        super().__init__(reduction)
        self.blank, self.zero_infinity = blank, zero_infinity

    def forward(self, log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any) -> Tensor:
        lengths = (input_lengths, target_lengths)
        return F.ctc_loss(log_probs, targets, *lengths, self.blank, self.reduction, self.zero_infinity)

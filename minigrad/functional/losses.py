"""Loss functions, by the names and arguments of `torch.nn.functional`.

`minigrad.functional` has them all. All are in the units of their inputs, or in nats.
"""

from __future__ import annotations

import math
from typing import Any

from .. import dtypes
from ..engine.record import apply
from ..engine.recorded import describe
from ..ops.arguments import as_tensor
from ..ops.elementwise import abs, clip, isinf, log1p, maximum, where
from ..ops.elementwise import exp as _exp
from ..ops.precision import in_float32
from ..ops.reductions import mean
from ..ops.reductions import sum as _sum
from ..ops.shaping import reshape
from ..primitives import PRIMITIVES
from ..tensors.tensor import Tensor
from .activations import log_softmax


def _reduced(losses: Tensor, reduction: str, what: str) -> Tensor:
    if reduction == "mean":
        return mean(losses)
    if reduction == "sum":
        return _sum(losses)
    if reduction == "none":
        return losses
    raise ValueError(f"{what}: reduction is 'mean', 'sum' or 'none', not {reduction!r}")


def _same_shape(x: Any, target: Any, what: str) -> tuple[Tensor, Tensor]:
    x = as_tensor(x)
    target = as_tensor(target, x)
    if x.shape != target.shape:
        raise ValueError(f"{what}: the input is {describe(x)}, the target {describe(target)}: shapes must agree")
    return x, target


@in_float32
def cross_entropy(
    logits: Any,
    targets: Any,
    weight: Any = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """The negative log-probability, in nats, that softmax(logits) gives to the target classes.

    Args:
        logits: (..., C), real numbers. The classes are on the last axis, also where PyTorch has them on axis 1.
        targets: (...), class indices 0..C-1; or (..., C), the wanted probabilities of all classes.
        weight: (C,), a factor for each class, or None. In the mean a position then counts as its class weighs.
        ignore_index: positions with this target do not count, in the mean neither.
        reduction: "mean" over the positions that count, "sum", or "none".
        label_smoothing: the part of the wanted probability that is spread evenly over all classes, 0 to 1
            (Szegedy et al. 2016).

    With probabilities as targets all positions count, and equally; `ignore_index` has no meaning.

    Raises IndexError for a target outside 0..C-1, TypeError for targets that are neither, ValueError for shapes that do
    not fit.
    """
    what = "cross_entropy"
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"{what}: label_smoothing is between 0 and 1, not {label_smoothing}")
    logits, at = _classes(logits, targets, what, probabilities=True)
    classes = logits.shape[-1]
    weight = _class_weight(weight, logits, what)
    if dtypes.is_float(at.dtype):
        return _soft_cross_entropy(log_softmax(logits), at, weight, label_smoothing, reduction)
    if weight is not None:
        log_probs = log_softmax(where((at != ignore_index)[..., None], logits, 0))  # ignored rows may hold NaN
        losses, counts = _picked(log_probs, at, weight, ignore_index, what)
        if label_smoothing:
            even = where(at != ignore_index, -_sum(log_probs * weight, axis=-1), 0)
            losses = (1 - label_smoothing) * losses + label_smoothing / classes * even
        return _class_reduced(losses, counts, reduction, what)
    flat = reshape(logits, (at.size, classes))
    params = {"ignore_index": ignore_index, "label_smoothing": label_smoothing}
    losses = apply(PRIMITIVES["cross_entropy"], (flat, reshape(at, (at.size,))), params)
    return _class_reduced(reshape(losses, at.shape), at != ignore_index, reduction, what)


@in_float32
def nll_loss(
    log_probs: Any, targets: Any, weight: Any = None, ignore_index: int = -100, reduction: str = "mean"
) -> Tensor:
    """The negative of the log-probabilities (..., C) of the target classes (...). Arguments as in `cross_entropy`."""
    log_probs, at = _classes(log_probs, targets, "nll_loss")
    weight = _class_weight(weight, log_probs, "nll_loss")
    losses, counts = _picked(log_probs, at, weight, ignore_index, "nll_loss")
    return _class_reduced(losses, counts, reduction, "nll_loss")


def _picked(
    log_probs: Tensor, at: Tensor, weight: Tensor | None, ignore_index: int, what: str
) -> tuple[Tensor, Tensor]:
    """The losses (...) of the target classes, 0 where ignored, and how much each position counts."""
    n, backend = log_probs.shape[-1], log_probs.backend
    flat, classes = reshape(log_probs, (at.size, n)), reshape(at, (at.size,))
    kept = classes != ignore_index
    safe = where(kept, classes, 0)
    backend.check_indices(safe.array, n, f"{what}: class index")
    rows: Any = backend
    losses = -flat[Tensor(rows.arange(0, at.size, 1), backend=backend), safe]
    counts = kept if weight is None else where(kept, weight[safe], 0)
    losses = where(kept, losses if weight is None else losses * counts, 0)
    return reshape(losses, at.shape), reshape(counts, at.shape)


def _soft_cross_entropy(
    log_probs: Tensor, wanted: Tensor, weight: Tensor | None, label_smoothing: float, reduction: str
) -> Tensor:
    if label_smoothing:
        wanted = (1 - label_smoothing) * wanted + label_smoothing / log_probs.shape[-1]
    terms = wanted * where(wanted == 0, 0, log_probs)  # not 0 * -inf, of a class that is masked out
    losses = -_sum(terms if weight is None else terms * weight, axis=-1)
    return _reduced(losses, reduction, "cross_entropy")


def _classes(scores: Any, targets: Any, what: str, probabilities: bool = False) -> tuple[Tensor, Tensor]:
    scores = as_tensor(scores)
    at = as_tensor(targets, scores)
    if probabilities and dtypes.is_float(at.dtype) and at.shape == scores.shape and scores.ndim:
        return scores, at
    if at.dtype.kind not in "iu":
        instead = f" {at.shape}; or probabilities {scores.shape}" if probabilities else ""
        raise TypeError(f"{what}: targets are class indices, so integers, not {at.dtype}{instead}")
    if scores.ndim < 1 or scores.shape[:-1] != at.shape:
        hint = ""
        if scores.ndim > 2 and (*scores.shape[:1], *scores.shape[2:]) == at.shape:
            hint = "; for classes on axis 1, where PyTorch has them, give moveaxis(scores, 1, -1)"
        elif at.shape == (*scores.shape[:-1], 1):
            hint = "; give targets[..., 0]"
        raise ValueError(
            f"{what}: scores {describe(scores)} and targets {describe(at)} do not fit: "
            f"expected (..., C) and (...){hint}"
        )
    return scores, at


def _class_weight(weight: Any, scores: Tensor, what: str) -> Tensor | None:
    if weight is None:
        return None
    weight = weight if isinstance(weight, Tensor) else Tensor(weight, scores.dtype, backend=scores.backend)
    if weight.shape != scores.shape[-1:]:
        raise ValueError(
            f"{what}: weight has one number for each of {scores.shape[-1]} classes, not {describe(weight)}"
        )
    return weight


def _class_reduced(losses: Tensor, counts: Tensor, reduction: str, what: str) -> Tensor:
    if reduction == "mean":
        return _sum(losses) / _sum(counts)
    return _reduced(losses, reduction, what)


@in_float32
def mse_loss(x: Any, target: Any, reduction: str = "mean") -> Tensor:
    """(x - target)**2, shapes being equal."""
    x, target = _same_shape(x, target, "mse_loss")
    away = x - target
    return _reduced(away * away, reduction, "mse_loss")


@in_float32
def l1_loss(x: Any, target: Any, reduction: str = "mean") -> Tensor:
    """|x - target|, shapes being equal."""
    x, target = _same_shape(x, target, "l1_loss")
    return _reduced(abs(x - target), reduction, "l1_loss")


@in_float32
def huber_loss(x: Any, target: Any, reduction: str = "mean", delta: float = 1.0) -> Tensor:
    """a**2 / 2 for a = |x - target| up to `delta` (> 0), beyond it delta * (a - delta / 2) (Huber 1964)."""
    if delta <= 0:
        raise ValueError(f"huber_loss: delta must be positive, not {delta}")
    x, target = _same_shape(x, target, "huber_loss")
    away = abs(x - target)
    near = clip(away, None, delta)  # not where(): an infinite square that is not chosen would still make a gradient NaN
    return _reduced(0.5 * near * near + delta * (away - near), reduction, "huber_loss")


@in_float32
def smooth_l1_loss(x: Any, target: Any, reduction: str = "mean", beta: float = 1.0) -> Tensor:
    """`huber_loss` with delta = beta, divided by beta; with beta = 0 |x - target| (Girshick, Fast R-CNN, 2015)."""
    if not beta >= 0:
        raise ValueError(f"smooth_l1_loss: beta must be >= 0, not {beta}")
    if beta == 0:
        return l1_loss(x, target, reduction)
    x, target = _same_shape(x, target, "smooth_l1_loss")
    away = abs(x - target)
    near = clip(away, None, beta)
    return _reduced(0.5 / beta * near * near + (away - near), reduction, "smooth_l1_loss")


@in_float32
def binary_cross_entropy(probs: Any, target: Any, weight: Any = None, reduction: str = "mean") -> Tensor:
    """-(t log x + (1 - t) log(1 - x)), in nats, of probabilities x, with logarithms that are -100 at least.

    `binary_cross_entropy_with_logits` takes what comes before the sigmoid, and is more exact and faster. This one reads
    a truth value from the device.

    Args:
        probs: x, from 0 to 1.
        target: probabilities t, of the same shape.
        weight: a factor for each loss, that broadcasts, or None.
        reduction: "mean", "sum" or "none".

    Raises ValueError for an x outside 0..1, NaN being one, and for shapes that differ.
    """
    x, t = _same_shape(probs, target, "binary_cross_entropy")
    inside = (x.detach() >= 0) & (x.detach() <= 1)
    if not inside.all().item():
        raise ValueError(
            "binary_cross_entropy: the probabilities must be between 0 and 1, and some are not: apply a sigmoid first, "
            "or take binary_cross_entropy_with_logits"
        )
    losses = -(t * _bounded_log(x) + (1 - t) * _bounded_log(1 - x))
    return _reduced(_weighted(losses, weight), reduction, "binary_cross_entropy")


def _bounded_log(x: Tensor) -> Tensor:
    """log(x), but at least -100, and with a derivative of at most 1e12: a sure mistake can still be learned from."""
    usual = x > 1e-12
    least = x.detach()
    value = where(least > 0, where(least > 0, least, 1).log(), -100.0)
    near_zero = clip(value, -100.0, None) + (x - least) * 1e12
    return where(usual, where(usual, x, 1).log(), near_zero)


def _weighted(losses: Tensor, weight: Any) -> Tensor:
    return losses if weight is None else losses * weight


@in_float32
def binary_cross_entropy_with_logits(
    logits: Any, target: Any, weight: Any = None, reduction: str = "mean", pos_weight: Any = None
) -> Tensor:
    """-(t log sigmoid(x) + (1 - t) log(1 - sigmoid(x))), in nats, without overflow.

    Args:
        logits: real numbers x.
        target: probabilities t, of the same shape.
        weight: a factor for each loss, that broadcasts, or None.
        reduction: "mean", "sum" or "none".
        pos_weight: a factor for the first term, a number or a tensor that broadcasts.
    """
    x, t = _same_shape(logits, target, "binary_cross_entropy_with_logits")
    yes, no = t if pos_weight is None else pos_weight * t, 1 - t
    tail = log1p(_exp(-abs(x)))  # -log sigmoid(x) is max(-x, 0) + tail, -log sigmoid(-x) is max(x, 0) + tail
    losses = yes * (_counted(yes, maximum(-x, 0)) + tail) + no * (_counted(no, maximum(x, 0)) + tail)
    return _reduced(_weighted(losses, weight), reduction, "binary_cross_entropy_with_logits")


def _counted(weight: Tensor, x: Tensor) -> Tensor:
    """x, but 0 where it is infinite and has weight 0: there the product is nothing, and not NaN."""
    return where(isinf(x) & (weight == 0), 0, x)


@in_float32
def kl_div(log_probs: Any, target: Any, reduction: str = "mean", log_target: bool = False) -> Tensor:
    """The Kullback-Leibler divergence, in nats, of `target` from exp(log_probs), element by element.

    Args:
        log_probs: log-probabilities.
        target: probabilities, or log-probabilities with `log_target`; where they are 0 the divergence is 0.
        reduction: "mean" (over all elements), "batchmean" (the sum over the first axis' size: the mathematical
            definition), "sum" or "none".
    """
    x, t = _same_shape(log_probs, target, "kl_div")
    nothing = t == -math.inf if log_target else t == 0
    x, t = where(nothing, 0, x), where(nothing, 0 if log_target else 1, t)
    away = t - x if log_target else t.log() - x
    losses = where(nothing, 0, (_exp(t) if log_target else t) * away)
    if reduction == "batchmean":
        return _sum(losses) / x.shape[0]
    return _reduced(losses, reduction, "kl_div")

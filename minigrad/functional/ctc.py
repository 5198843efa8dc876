"""Connectionist temporal classification (Graves et al. 2006): labels for a sequence whose alignment is not known.

A network gives probabilities for C classes in each of T frames, one of them the blank. A path names one class for each
frame; the labels that it stands for are what is left when repeated classes are merged and then blanks removed. The
loss of a label sequence is minus the logarithm of the probability of all its paths together.

Symbols: T frames, B sequences in a batch, C classes, S labels, L = 2 S + 1 labels with a blank around each.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import dtypes
from ..engine.recorded import describe
from ..engine.recording import gc_paused
from ..engine.scope import scope
from ..ops.arguments import as_tensor
from ..ops.elementwise import logaddexp, maximum, where
from ..ops.indexing import take_along_axis
from ..ops.reductions import mean
from ..ops.reductions import sum as _sum
from ..ops.shaping import pad
from ..tensors.tensor import Tensor

# The logarithm of what is impossible. It is finite because the gradient of logaddexp(-inf, -inf) is NaN, the quotient
# of two zeros. A path with one such term stays far below every real one: exp of the difference is exactly 0, and so is
# the gradient that reaches it. Sums over 10^8 frames still fit into float32.
IMPOSSIBLE = -1e30


def ctc_loss(
    log_probs: Any,
    targets: Any,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """Minus the log-probability, in nats, of label sequences under all their alignments (Graves et al. 2006).

    Args:
        log_probs: (T, B, C), logarithms of probabilities, as from `log_softmax`.
        targets: labels (B, S), of which the first `target_lengths` of each row count; or all labels in one vector, one
            sequence after the other. Targets and lengths are read on the host.
        input_lengths: (B,), how many frames of each sequence count, 0 to T.
        target_lengths: (B,), how many labels each sequence has.
        blank: the class that stands for no label; it is in no target.
        reduction: "mean" (each loss divided by its number of labels, at least 1, then the mean over the batch), "sum"
            or "none" (B,).
        zero_infinity: a loss of 0 in place of infinity, for labels that do not fit into their frames.

    Values and gradients of logits are those of `torch.nn.functional.ctc_loss`, with two differences: the gradient for
    `log_probs` is that of the loss itself (PyTorch's is right only for what comes out of `log_softmax`), and that of
    an infinite loss is 0, not NaN.

    Raises ValueError for shapes and lengths that do not fit, IndexError for a label outside 0..C-1 and for a blank
    among the labels, TypeError for labels and lengths that are not integers.
    """
    log_probs = as_tensor(log_probs)
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"ctc_loss: reduction is 'mean', 'sum' or 'none', not {reduction!r}")
    frames, batch, classes = _checked_scores(log_probs, blank, "ctc_loss")
    t_lengths = _lengths(input_lengths, batch, frames, "ctc_loss: input_lengths")
    s_lengths = _lengths(target_lengths, batch, None, "ctc_loss: target_lengths")
    labels = _with_blanks(targets, s_lengths, classes, blank)

    kind, xp = log_probs.dtype, log_probs.backend
    if dtypes.is_half(kind):
        log_probs = log_probs.astype(dtypes.float32)
    there = lambda values: Tensor(values, backend=xp)
    with scope("ctc_loss"):
        likelihood = _forward(log_probs, labels, blank, t_lengths, s_lengths, there)
    impossible = likelihood.detach() < IMPOSSIBLE / 2
    losses = where(impossible, 0.0 if zero_infinity else np.inf, -likelihood)
    if reduction == "sum":
        losses = _sum(losses)
    elif reduction == "mean":
        losses = mean(losses / there(np.maximum(s_lengths, 1)).astype(losses.dtype))
    return losses.astype(kind)


def _forward(
    log_probs: Tensor,
    labels: np.ndarray,
    blank: int,
    t_lengths: np.ndarray,
    s_lengths: np.ndarray,
    there: Callable[[np.ndarray], Tensor],
) -> Tensor:
    """The log-probabilities (B,) of the labels (B, L): the forward variables of Graves et al., section 4.1.

    alpha_t(s) is the log-probability of all paths of t frames that end in label s.
    """
    kind = log_probs.dtype
    positions = np.arange(labels.shape[1])
    # A label may follow the one before it without a blank between them, unless the two are equal.
    jump = (positions >= 2) & (labels != blank) & (labels != np.roll(labels, 2, axis=1))
    barred = there(np.where(jump, 0.0, IMPOSSIBLE).astype(kind))
    first = np.where(positions < 2, 0.0, IMPOSSIBLE)
    emissions = maximum(take_along_axis(log_probs, there(labels[None]), axis=2), IMPOSSIBLE)  # (T, B, L)

    alpha = there(np.broadcast_to(first, labels.shape).astype(kind))
    shortest = t_lengths.min(initial=len(log_probs))
    with gc_paused():
        for t in range(t_lengths.max(initial=0)):
            with scope(step=t):
                paths = alpha
                if t:
                    before = pad(alpha, ((0, 0), (2, 0)), IMPOSSIBLE)
                    paths = logaddexp(logaddexp(alpha, before[:, 1:-1]), before[:, :-2] + barred)
                new = paths + emissions[t]
                alpha = new if t < shortest else where(there((t < t_lengths)[:, None]), new, alpha)

    # A path ends in the last label or in the blank after it. Without labels there is only the blank.
    last = 2 * s_lengths[:, None] + np.array([[0, -1]])
    ends = take_along_axis(alpha, there(np.maximum(last, 0)), axis=1)
    second = where(there(s_lengths > 0), ends[:, 1], IMPOSSIBLE)
    of_no_frames = there(np.where(s_lengths == 0, 0.0, IMPOSSIBLE).astype(kind))
    return where(there(t_lengths == 0), of_no_frames, logaddexp(ends[:, 0], second))


def _with_blanks(targets: Any, lengths: np.ndarray, classes: int, blank: int) -> np.ndarray:
    """The labels (B, L) with a blank before, between and after them, filled up with blanks."""
    given = _integers(targets, "ctc_loss: targets")
    batch, longest = len(lengths), int(lengths.max(initial=0))
    counted = np.arange(longest) < lengths[:, None]
    if given.ndim == 1 and given.size == lengths.sum():
        rows = np.full((batch, longest), blank)
        rows[counted] = given
    elif given.ndim == 2 and given.shape[0] == batch and given.shape[1] >= longest:
        rows = np.where(counted, given[:, :longest], blank)
    else:
        raise ValueError(
            f"ctc_loss: targets of shape {given.shape} do not fit the target lengths {lengths.tolist()}: expected "
            f"({batch}, {longest} or more), or all {lengths.sum()} labels in a vector"
        )
    labels = rows[counted]
    wrong = labels[(labels < 0) | (labels >= classes) | (labels == blank)]
    if wrong.size:
        raise IndexError(f"ctc_loss: label {wrong[0]}: expected 0 to {classes - 1} without the blank {blank}")
    spread = np.full((batch, 2 * longest + 1), blank)
    spread[:, 1::2] = rows
    return spread


# --- decoding ---------------------------------------------------------------------------------------------------------


def ctc_greedy_decode(log_probs: Any, input_lengths: Any = None, blank: int = 0) -> list[np.ndarray]:
    """The labels of the likeliest path of each sequence ("best path decoding", Graves et al. 2006).

    Args:
        log_probs: (T, B, C); logits will do.
        input_lengths: (B,), all T frames if None.
        blank: the class that stands for no label.

    Returns one integer array for each sequence. Raises ValueError for shapes that do not fit.
    """
    scores, lengths = _on_host(log_probs, input_lengths, blank, "ctc_greedy_decode")
    best = scores.argmax(axis=2)
    change = np.ones(best.shape, dtype=bool)
    change[1:] = best[1:] != best[:-1]
    kept = change & (best != blank) & (np.arange(len(best))[:, None] < lengths)
    return [best[kept[:, b], b] for b in range(best.shape[1])]


def ctc_beam_decode(
    log_probs: Any,
    input_lengths: Any = None,
    blank: int = 0,
    width: int = 16,
    extend: Callable[[tuple[int, ...], int], float] | None = None,
    prune: float = -np.inf,
) -> list[list[tuple[tuple[int, ...], float]]]:
    """The likeliest label sequences, by prefix beam search (Hannun et al., First-pass large vocabulary ..., 2014).

    Unlike the labels of the best path, a label sequence counts with all its paths. Runs on the host.

    Args:
        log_probs: (T, B, C).
        input_lengths: (B,), all T frames if None.
        blank: the class that stands for no label.
        width: how many prefixes are kept after each frame.
        extend: a language model: `extend(prefix, label)` is added to the score when a label is appended to a prefix,
            for example weight * log p(label | prefix) + bonus.
        prune: labels with a smaller log-probability in a frame are not tried there.

    Returns for each sequence up to `width` pairs (labels, score), best first. The score is the log-probability of all
    paths that were followed, plus what `extend` gave. Raises ValueError for shapes that do not fit, and for a width
    below 1.
    """
    if width < 1:
        raise ValueError(f"ctc_beam_decode: width must be >= 1, not {width}")
    scores, lengths = _on_host(log_probs, input_lengths, blank, "ctc_beam_decode")
    frames = scores.astype(np.float64)
    return [_prefix_search(frames[:n, b], blank, width, extend, prune) for b, n in enumerate(lengths)]


def _prefix_search(
    frames: np.ndarray,
    blank: int,
    width: int,
    extend: Callable[[tuple[int, ...], int], float] | None,
    prune: float,
) -> list[tuple[tuple[int, ...], float]]:
    nothing = -np.inf
    # For each prefix: the log-probability of its paths that end in a blank, and of those that end in its last label.
    # What a language model adds is part of both.
    beam: dict[tuple[int, ...], list[float]] = {(): [0.0, nothing]}
    bonus: dict[tuple[int, ...], float] = {}
    for frame in frames:
        scores = frame.tolist()
        labels = [c for c in np.flatnonzero((frame >= prune) & (frame > nothing)).tolist() if c != blank]
        grown: defaultdict[tuple[int, ...], list[float]] = defaultdict(lambda: [nothing, nothing])
        for prefix, (in_blank, in_label) in beam.items():
            both = _log_sum(in_blank, in_label)
            _add(grown[prefix], 0, both + scores[blank])
            if prefix:
                _add(grown[prefix], 1, in_label + scores[prefix[-1]])
            for c in labels:
                longer = (*prefix, c)
                if extend is not None and longer not in bonus:
                    bonus[longer] = extend(prefix, c)
                # The same label again is a new one only after a blank.
                before = in_blank if prefix and prefix[-1] == c else both
                _add(grown[longer], 1, before + scores[c] + bonus.get(longer, 0.0))
        totals = {prefix: _log_sum(*ends) for prefix, ends in grown.items()}
        best = sorted((p for p in totals if totals[p] > nothing), key=lambda p: -totals[p])[:width]
        beam = {prefix: grown[prefix] for prefix in best}
    return [(prefix, _log_sum(*ends)) for prefix, ends in beam.items()]


def _add(ends: list[float], end: int, score: float) -> None:
    ends[end] = _log_sum(ends[end], score)


def _log_sum(a: float, b: float) -> float:
    """log(exp(a) + exp(b)); for two numbers far faster than NumPy's."""
    low, high = (a, b) if a < b else (b, a)
    return high + math.log1p(math.exp(low - high)) if low > -math.inf else high


# --- checks -----------------------------------------------------------------------------------------------------------


def _checked_scores(scores: Tensor, blank: int, what: str) -> Sequence[int]:
    if scores.ndim != 3:
        raise ValueError(f"{what}: log_probs must be (T, B, C), got {describe(scores)}")
    if not 0 <= blank < scores.shape[2]:
        raise ValueError(f"{what}: the blank is one of the {scores.shape[2]} classes, not {blank}")
    return scores.shape


def _on_host(log_probs: Any, input_lengths: Any, blank: int, what: str) -> tuple[np.ndarray, np.ndarray]:
    scores = as_tensor(log_probs).detach()
    frames, batch, _ = _checked_scores(scores, blank, what)
    if input_lengths is None:
        return scores.numpy(), np.full(batch, frames)
    return scores.numpy(), _lengths(input_lengths, batch, frames, f"{what}: input_lengths")


def _integers(values: Any, what: str) -> np.ndarray:
    array = values.numpy() if isinstance(values, Tensor) else np.asarray(values)
    if array.size == 0:  # an empty list has no type of its own
        return array.astype(np.int64)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{what} must be integers, not {array.dtype}")
    return array.astype(np.int64)


def _lengths(values: Any, batch: int, most: int | None, what: str) -> np.ndarray:
    lengths = _integers(values, what)
    if lengths.shape != (batch,):
        raise ValueError(f"{what} must be {batch} numbers, one for each sequence, not of shape {lengths.shape}")
    if batch and (lengths.min() < 0 or (most is not None and lengths.max() > most)):
        raise ValueError(f"{what} are >= 0{'' if most is None else f' and at most {most}'}, not {lengths.tolist()}")
    return lengths

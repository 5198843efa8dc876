"""Scheduled sampling (Bengio et al. 2015): a decoder sees less and less of the truth while it learns.

The three functions give the probability of showing the true token, after `step` updates of the weights: 1 is teacher
forcing, 0 is running free as after training. `mixed` makes the next inputs with it.
"""

from __future__ import annotations

import math
from typing import Any

from .. import random
from ..engine.recorded import describe
from ..engine.recording import no_grad
from ..functional import softmax
from ..ops.arguments import as_tensor
from ..ops.elementwise import where
from ..ops.reductions import argmax
from ..random import Generator
from ..tensors.tensor import Tensor


def linear_decay(step: int, steps: int, start: float = 1.0, end: float = 0.0) -> float:
    """From `start` to `end` in a straight line over `steps` updates, then `end`. Raises ValueError for steps < 1."""
    _check("linear_decay", step)
    if steps < 1:
        raise ValueError(f"linear_decay: steps must be >= 1, not {steps}")
    if not (0 <= end <= 1 and 0 <= start <= 1):
        raise ValueError(f"linear_decay: start and end are probabilities, not {start} and {end}")
    return start + (end - start) * min(step / steps, 1.0)


def exponential_decay(step: int, k: float) -> float:
    """k**step, for 0 < k < 1."""
    _check("exponential_decay", step)
    if not 0 < k < 1:
        raise ValueError(f"exponential_decay: k is between 0 and 1, not {k}")
    return k**step


def inverse_sigmoid_decay(step: int, k: float) -> float:
    """k / (k + exp(step / k)), for k >= 1: near 1 at first, 1/2 after about k * log(k) updates, then falling to 0."""
    _check("inverse_sigmoid_decay", step)
    if not k >= 1:
        raise ValueError(f"inverse_sigmoid_decay: k is at least 1, not {k}")
    x = math.log(k) - step / k
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))  # exp never overflows


def mixed(
    truth: Any, logits: Any, probability: float, sample: bool = True, generator: Generator | None = None
) -> Tensor:
    """The next inputs (B,): for each sequence the true token with this probability, else one that the model proposes.

    Args:
        truth: the true tokens (B,).
        logits: what the model said of them, (B, V). No gradient flows through the choice.
        probability: of showing the truth, from one of the functions above.
        sample: draw the proposal from softmax(logits), as in the paper; otherwise take the likeliest token.
        generator: the source of random numbers, the default one if None.

    Raises ValueError for a probability outside 0 to 1 and shapes that do not fit.
    """
    logits = as_tensor(logits).detach()
    truth = as_tensor(truth, logits)
    if logits.ndim != 2 or truth.shape != logits.shape[:1]:
        raise ValueError(f"mixed: expected tokens (B,) and logits (B, V), got {describe(truth)} and {describe(logits)}")
    with no_grad():
        shown = random.bernoulli(probability, truth.shape, generator, logits.backend)
        if probability == 1:
            return truth
        proposed = random.categorical(softmax(logits), generator) if sample else argmax(logits, axis=-1)
        return where(shown, truth, proposed.astype(truth.dtype))


def _check(what: str, step: int) -> None:
    if step < 0:
        raise ValueError(f"{what}: the number of updates is >= 0, not {step}")

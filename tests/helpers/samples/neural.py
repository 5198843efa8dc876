"""Samples of the primitives of neural networks: cross-entropy, layer norm, dropout."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from samples.row import SHAPES, Case, Generator, Row, normal, truth, whole

ROWS: dict[str, Row] = {}


def _cross_entropy(x: Any, targets: Any, ignore_index: int, label_smoothing: float) -> Any:
    losses = []
    for scores, target in zip(x, targets, strict=True):
        logp = scores - math.log(sum(math.exp(s) for s in scores)) if len(scores) else scores
        if target == ignore_index:
            losses.append(0.0)
        else:
            losses.append(-(1 - label_smoothing) * logp[target] - label_smoothing * logp.mean())
    return np.array(losses)


def _cross_entropies(rng: Generator) -> Iterator[Case]:
    for smoothing in (0.0, 0.2):
        for ignored in (-100, 1):
            yield Case(normal(rng, (4, 3)), np.array([2, 0, 1, 1]), ignore_index=ignored, label_smoothing=smoothing)
    yield Case(normal(rng, (2, 3)), np.array([-1, -1]), ignore_index=-1, label_smoothing=0.1)
    yield Case(normal(rng, (0, 3)), np.zeros(0, np.int64), ignore_index=-100, label_smoothing=0.0)
    yield Case(normal(rng, (2, 1)), np.array([0, 0], np.int32), ignore_index=-100, label_smoothing=0.0)


ROWS["cross_entropy"] = Row(
    _cross_entropies,
    lambda rng, s: Case(
        normal(rng, (math.prod(s), 5)), whole(rng, (math.prod(s),)), ignore_index=3, label_smoothing=0.1
    ),
    _cross_entropy,
)


def _layer_norm(x: Any, weight: Any, bias: Any, eps: float) -> Any:
    out = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + eps)
    return out * (1 if weight is None else weight) + (0 if bias is None else bias)


def _layer_norms(rng: Generator) -> Iterator[Case]:
    w, b = normal(rng, (3,)), normal(rng, (3,))
    for weight, bias in [(w, b), (w, None), (None, b), (None, None)]:
        yield Case(normal(rng, (2, 3)), weight, bias, eps=1e-3)
    yield Case(normal(rng, (3,)), w, b, eps=0.1)
    yield Case(normal(rng, (2, 2, 3)), w, b, eps=1e-2)
    yield Case(normal(rng, (0, 3)), w, b, eps=1e-2)


ROWS["layer_norm"] = Row(
    _layer_norms,
    lambda rng, s: Case(normal(rng, (*s, 3)), normal(rng, (3,)), normal(rng, (3,)), eps=1e-2),
    _layer_norm,
)
ROWS["dropout"] = Row(
    lambda rng: (Case(normal(rng, s), truth(rng, s), scale=1.25) for s in SHAPES),
    lambda rng, s: Case(normal(rng, s), truth(rng, s), scale=2.0),
    lambda x, mask, scale: np.where(mask, x * scale, 0),
)

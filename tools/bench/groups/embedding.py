"""The gradient of an embedding: rows added up where words repeat."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..frameworks import Settings, by_hand, on_minigrad
from ..harness import Contender, Row, compare, scaled

SIZES = ((10_000, 256, 4096), (50_000, 256, 4096))  # words, features, indices


LAZY_ZEROS = (
    "Large zeros of NumPy (minigrad, NumPy by hand) are pages that the system hands out when they are first touched: "
    "what is saved here for rows without a gradient is spent where the gradient is read"
)


def rows(settings: Settings) -> list[Row]:
    """A row a size, in milliseconds for forward and backward."""
    return [_row(settings, *size) for size in (SIZES[:1] if settings.quick else SIZES)]


def _row(settings: Settings, words: int, features: int, count: int) -> Row:
    weight, indices, gradient = data(words, features, count)
    contenders: dict[str, Contender] = {}
    for backend in on_minigrad.backends():
        contenders |= on_minigrad.embedding_gradient(weight, indices, gradient, backend)
    contenders |= settings.contenders("embedding_gradient", weight, indices, gradient)
    contenders["NumPy by hand"] = _by_hand(weight, indices, gradient)
    contenders["writing zeros into an array like the gradient"] = Contender(lambda: np.empty_like(weight).fill(0.0))
    figures, notes = compare(contenders, seconds=0.5 if settings.quick else 4.0)
    notes.append(LAZY_ZEROS)
    if "tinygrad" in settings.others:
        notes.append(
            "tinygrad: left out, one gradient takes seconds (its CPU device compares all indices with all words)"
        )
    different = len(np.unique(indices))
    name = f"gradient of an embedding, {words:,} words, {features} features, {count} indices ({different} different)"
    return Row("embedding", name, "ms", scaled(figures, 1e3), "PyTorch", [], notes)


def data(words: int, features: int, count: int) -> tuple[Any, Any, Any]:
    """A weight, indices of which the small ones repeat as words in a text do (Zipf's law), and a gradient."""
    rng = np.random.default_rng(0)
    share = 1 / np.arange(1, words + 1)
    indices = rng.choice(words, size=count, p=share / share.sum())
    weight = rng.standard_normal((words, features)).astype(np.float32)
    return weight, indices, rng.standard_normal((count, features)).astype(np.float32)


def _by_hand(weight: Any, indices: Any, gradient: Any) -> Contender:
    kept: dict[str, Any] = {}

    def run() -> None:
        weight[indices]
        kept["result"] = by_hand.summed_rows(gradient, indices, len(weight))

    return Contender(run, lambda: kept["result"])

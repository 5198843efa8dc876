"""The softmax cross-entropy of many classes: loss and gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..frameworks import Settings, by_hand, on_minigrad
from ..harness import Contender, Row, Target, compare, scaled

SIZES = ((128, 10_000), (64, 50_000))  # rows, classes


def rows(settings: Settings) -> list[Row]:
    """A row a size, in milliseconds for forward and backward."""
    return [_row(settings, *size) for size in (SIZES[:1] if settings.quick else SIZES)]


def _row(settings: Settings, count: int, classes: int) -> Row:
    logits, targets = data(count, classes)
    contenders: dict[str, Contender] = {}
    for backend in on_minigrad.backends():
        contenders |= on_minigrad.cross_entropy(logits, targets, backend)
    quick = ("tinygrad",) if settings.quick else ()
    contenders |= settings.contenders("cross_entropy", logits, targets, without=quick)
    contenders["NumPy by hand"] = _by_hand(logits, targets)
    twin = np.empty_like(logits)
    contenders["copying the logits once"] = Contender(lambda: np.copyto(twin, logits))
    figures, notes = compare(contenders, seconds=0.5 if settings.quick else 4.0)
    name = f"cross-entropy, forward + backward, {count} rows, {classes:,} classes"
    aims = [Target("minigrad (numba)", "PyTorch", 1.0)]
    return Row("cross-entropy", name, "ms", scaled(figures, 1e3), "PyTorch", aims, notes)


def data(count: int, classes: int) -> tuple[Any, Any]:
    """Logits (count, classes) of float32 and a class for each row."""
    rng = np.random.default_rng(0)
    return rng.standard_normal((count, classes)).astype(np.float32), rng.integers(0, classes, count)


def _by_hand(logits: Any, targets: Any) -> Contender:
    kept: dict[str, Any] = {}

    def run() -> None:
        _, kept["result"] = by_hand.cross_entropy(logits, targets)

    return Contender(run, lambda: kept["result"])

"""What recording costs: a chain of tiny operations, forward and backward, per operation."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..frameworks import Settings, by_hand, on_minigrad
from ..harness import Contender, Row, Target, compare, scaled

LENGTH = 250  # repetitions of the four operations in one chain
OPERATIONS = 4


def rows(settings: Settings) -> list[Row]:
    """One row: microseconds an operation for multiply, add, tanh, matmul on 8 x 8 float32."""
    values = arrays()
    contenders: dict[str, Contender] = {}
    for backend in on_minigrad.backends():
        contenders |= on_minigrad.chain(values, LENGTH, backend)
    contenders |= settings.contenders("chain", values, LENGTH) | by_hand.chain(values, LENGTH)
    figures, notes = compare(contenders, seconds=1.0 if settings.quick else 8.0, rounds=(5, 100))
    per_operation = scaled(figures, 1e6 / (LENGTH * OPERATIONS))
    name = "chain of 8x8 operations, forward + backward, per operation"
    if "tinygrad" in settings.others:
        notes.append("tinygrad executes nothing until a whole graph is compiled: it has no time per operation")
    targets = [Target("minigrad (numpy)", "PyTorch eager", 0.7)]
    return [Row("overhead", name, "us", per_operation, "PyTorch eager", targets, notes)]


def arrays() -> tuple[Any, ...]:
    """x, a, b, w (8, 8) for the chain x <- tanh(x * a + b) @ w, which forgets where it started."""
    rng = np.random.default_rng(0)
    x, a, b, w = (rng.standard_normal((8, 8)).astype(np.float32) for _ in range(4))
    return x, a / 2, b, w / (2 * 8**0.5)

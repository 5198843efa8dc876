"""How the ratio to PyTorch changes with the length, the batch and the hidden size: an LSTM around a middle size."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..frameworks import Settings, by_hand, on_minigrad
from ..harness import Contender, Row, compare, scaled
from ..language_model import LOSS_TOLERANCE, problem

MIDDLE = {"batch": 32, "steps": 64, "hidden": 128, "vocabulary": 96}
AXES = {"steps": (16, 256), "batch": (4, 128), "hidden": (32, 512)}  # beside the middle
ORDINARY = "PyTorch ordinary operations"


def rows(settings: Settings) -> Iterator[Row]:
    """A row a size, in milliseconds a training step."""
    sizes = [MIDDLE] if settings.quick else sorted_sizes()
    return (_row(settings, size) for size in sizes)


def sorted_sizes() -> list[dict[str, int]]:
    """The middle size, and those that differ from it in one number."""
    return [MIDDLE] + [MIDDLE | {axis: value} for axis, values in AXES.items() for value in values]


def _row(settings: Settings, size: dict[str, int]) -> Row:
    work = problem("LSTM", **size)
    backend = on_minigrad.backends()[-1]
    steps: dict[str, Any] = on_minigrad.training_steps(work, backend)
    steps |= settings.contenders("training_steps", work, without=("jax", "autograd", "tinygrad"))
    steps |= by_hand.products(work)
    wanted = (f"minigrad ({backend})", ORDINARY, "bare matrix products")
    contenders = {name: Contender(step) for name, step in steps.items() if name in wanted}
    figures, notes = compare(contenders, 0.5 if settings.quick else 6.0, tolerance=LOSS_TOLERANCE)
    return Row("scaling", f"LSTM training step, {work.size}", "ms", scaled(figures, 1e3), ORDINARY, [], notes)

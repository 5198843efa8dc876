"""A training step of a language model: embedding, recurrence, linear, loss, SGD.

All frameworks run the loop of `language_model`, line by line. Beside it stand their own modules, what their compilers
make of it, a step written by hand in NumPy, and the bare matrix products.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..frameworks import Settings, by_hand, on_minigrad
from ..harness import Contender, Row, Target, compare, scaled
from ..language_model import CELLS, LOSS_TOLERANCE, Problem, problem

SIZES = ((16, 32, 64, 64), (32, 64, 128, 96), (64, 128, 256, 96), (32, 35, 512, 1000))  # B, T, H, V
SHORT = (8, 8, 32, 64)  # short enough for those that take minutes to compile more time steps
ORDINARY = "PyTorch ordinary operations"


def rows(settings: Settings) -> Iterator[Row]:
    """A row a cell and size, in milliseconds a training step."""
    yield _row(settings, problem("LSTM", *SHORT), targets=False)
    for cell in CELLS if not settings.quick else ():
        for size in SIZES:
            yield _row(settings, problem(cell, *size))


def _row(settings: Settings, work: Problem, targets: bool = True) -> Row:
    seconds = 1.0 if settings.quick else 10.0
    figures, notes = compare(contenders(settings, work), seconds, tolerance=LOSS_TOLERANCE)
    name = f"{work.cell} training step, {work.size}"
    aims = [Target("minigrad (numba)", ORDINARY, 0.85), Target("minigrad (numba)", "HIPS Autograd", 0.25)]
    notes += left_out(settings, work)
    return Row("cells", name, "ms", scaled(figures, 1e3), ORDINARY, aims if targets else [], notes)


def contenders(settings: Settings, work: Problem) -> dict[str, Contender]:
    """Everything that can run this problem."""
    steps: dict[str, Any] = {}
    for backend in on_minigrad.backends():
        steps |= on_minigrad.training_steps(work, backend)
    steps |= settings.contenders("training_steps", work, without=("tinygrad",) if settings.quick else ())
    if not settings.quick:
        steps |= settings.contenders("compiled_steps", work)
    steps |= by_hand.training_steps(work) | by_hand.products(work)
    return {name: Contender(step) for name, step in steps.items()}


def left_out(settings: Settings, work: Problem) -> list[str]:
    """What was not run because compiling it may take longer than a minute."""
    notes = []
    for name, label in (("jax", "JAX unrolled"), ("tinygrad", "tinygrad")):
        module = settings.others.get(name)
        if module is not None and module.compiles_too_long(work):
            notes.append(f"{label}: left out, {work.steps} unrolled steps may take longer than a minute to compile")
    return notes

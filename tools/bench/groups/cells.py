"""A training step of a language model: embedding, recurrence, linear, loss, SGD.

All frameworks run the loop of `language_model`, line by line. Beside it stand their own modules, what their compilers
make of it, a step written by hand in NumPy, and the bare matrix products. `scaling` asks how the ratio to PyTorch
changes with the length, the batch and the hidden size.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..frameworks import Settings, by_hand, on_minigrad
from ..harness import Contender, Row, Target, compared
from ..language_model import CELLS, LOSS_TOLERANCE, Problem, problem

SIZES = ((16, 32, 64, 64), (32, 64, 128, 96), (64, 128, 256, 96), (32, 35, 512, 1000))  # B, T, H, V
SHORT = (8, 8, 32, 64)  # short enough for those that take minutes to compile more time steps
ORDINARY = "PyTorch ordinary operations"
MIDDLE = {"batch": 32, "steps": 64, "hidden": 128, "vocabulary": 96}
AXES = {"steps": (16, 256), "batch": (4, 128), "hidden": (32, 512)}  # beside the middle


def rows(settings: Settings) -> Iterator[Row]:
    """A row a cell and size, in milliseconds a training step."""
    yield _row(settings, problem("LSTM", *SHORT), targets=False)
    for cell in CELLS if not settings.quick else ():
        for size in SIZES:
            yield _row(settings, problem(cell, *size))


def _row(settings: Settings, work: Problem, targets: bool = True) -> Row:
    seconds = 1.0 if settings.quick else 10.0
    name = f"{work.cell} training step, {work.size}"
    aims = [Target("minigrad (numba)", ORDINARY, 0.85), Target("minigrad (numba)", "HIPS Autograd", 0.25)]
    options: dict[str, Any] = {"notes": left_out(settings, work), "tolerance": LOSS_TOLERANCE}
    return compared("cells", name, contenders(settings, work), seconds, ORDINARY, aims if targets else [], **options)


def contenders(settings: Settings, work: Problem) -> dict[str, Contender]:
    """Everything that can run this problem."""
    steps = settings.contenders("training_steps", work)
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


def scaling(settings: Settings) -> Iterator[Row]:
    """A row a size, in milliseconds a training step of an LSTM: the middle one, and those that differ in one number."""
    others = [MIDDLE | {axis: value} for axis, values in AXES.items() for value in values]
    backend = on_minigrad.backends()[-1]
    for size in [MIDDLE] if settings.quick else [MIDDLE, *others]:
        work = problem("LSTM", **size)
        steps: dict[str, Any] = on_minigrad.training_steps(work, backend)
        if "torch" in settings.others:
            steps |= settings.others["torch"].training_steps(work)
        steps |= by_hand.products(work)
        wanted = (f"minigrad ({backend})", ORDINARY, "bare matrix products")
        found = {name: Contender(step) for name, step in steps.items() if name in wanted}
        options: dict[str, Any] = {"tolerance": LOSS_TOLERANCE}
        seconds = 0.5 if settings.quick else 6.0
        yield compared("scaling", f"LSTM training step, {work.size}", found, seconds, ORDINARY, **options)

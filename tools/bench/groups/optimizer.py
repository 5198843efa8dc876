"""One step of an optimizer: on the parameters of an LSTM language model, and on one large matrix."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..frameworks import Settings, on_minigrad
from ..harness import Contender, Row, Target, compare, scaled

HIDDEN, WORDS = 256, 1000
LSTM = "two LSTM layers with embedding and output layer"
SHAPES: dict[str, list[tuple[int, ...]]] = {
    LSTM: [
        (WORDS, HIDDEN),
        *[(4 * HIDDEN, HIDDEN), (4 * HIDDEN, HIDDEN), (4 * HIDDEN,), (4 * HIDDEN,)] * 2,
        (WORDS, HIDDEN),
        (WORDS,),
    ],
    "one matrix of 2048 x 2048": [(2048, 2048)],
}
# How often an element is read or written: parameter, gradient, and the moments.
TOUCHES = {"SGD": 5, "Adam": 7, "AdamW": 7}
KINDS = tuple(TOUCHES)
TOLERANCE = 2e-3  # of the change in a few steps, of which float32 parameters keep four digits


def rows(settings: Settings) -> list[Row]:
    """A row an optimizer and set of parameters, in milliseconds a step."""
    kinds = ("Adam",) if settings.quick else KINDS
    shapes = list(SHAPES.items())[: 1 if settings.quick else None]
    return [_row(settings, kind, name, sizes) for name, sizes in shapes for kind in kinds]


def _row(settings: Settings, kind: str, what: str, shapes: list[tuple[int, ...]]) -> Row:
    arrays, gradients = data(shapes)
    contenders: dict[str, Contender] = {}
    for backend in on_minigrad.backends():
        contenders |= on_minigrad.optimizer_steps(kind, arrays, gradients, backend)
    quick = ("tinygrad",) if settings.quick else ()
    contenders |= settings.contenders("optimizer_steps", kind, arrays, gradients, without=quick)
    elements = sum(value.size for value in arrays)
    contenders["one pass over as many bytes"] = in_place(TOUCHES[kind] * elements // 2)
    figures, notes = compare(contenders, seconds=0.5 if settings.quick else 4.0, tolerance=TOLERANCE)
    label = "SGD with momentum" if kind == "SGD" else kind
    count = f"{len(shapes)} tensors, {elements / 1e6:.1f} million elements"
    aims = [Target("minigrad (numba)", "PyTorch fused", 1.0)] if kind != "SGD" else []
    return Row("optimizer", f"{label} step, {what} ({count})", "ms", scaled(figures, 1e3), "PyTorch fused", aims, notes)


def in_place(count: int) -> Contender:
    """Change `count` float32 in place: each is read once and written once."""
    x = np.ones(count, np.float32)

    def run() -> None:
        np.negative(x, out=x)

    return Contender(run)


def data(shapes: list[tuple[int, ...]]) -> tuple[list[Any], list[Any]]:
    """Parameters and gradients of these shapes, float32."""
    rng = np.random.default_rng(0)
    draws = [[rng.standard_normal(shape).astype(np.float32) for shape in shapes] for _ in range(2)]
    return draws[0], draws[1]

"""Whether the cost of a time step stays the same as sequences grow: time and saved bytes per step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import minigrad as mg

from ..frameworks import Settings
from ..harness import Figure, Row, per_step, single

LENGTHS, QUICK_LENGTHS = (64, 256, 1024, 4096), (64, 256)
BATCH, HIDDEN = 8, 32


def rows(settings: Settings) -> list[Row]:
    """Microseconds and saved bytes a step of an LSTM written as ordinary operations, forward and backward.

    Python's garbage collector is paused in the loop, as `nn.Recurrent` does it; one row shows what it costs otherwise.
    """
    lengths = QUICK_LENGTHS if settings.quick else LENGTHS
    runs = {steps: _unrolled(steps) for steps in lengths}
    rounds = 2 if settings.quick else 9
    plain = per_step(runs, rounds, name="T={}")
    paused = per_step({steps: _paused(run) for steps, run in runs.items()}, rounds, name="T={}")
    saved: dict[str, Figure] = {}
    for steps, run in runs.items():
        with mg.Tape() as tape:
            run()
        saved[f"T={steps}"] = single(tape.saved_bytes / steps)
    shape = f"B={BATCH} H={HIDDEN}"
    return [
        Row("length", f"LSTM forward + backward, {shape}, per step", "us", paused, "T=64"),
        Row("length", f"the same with the garbage collector running, {shape}, per step", "us", plain, "T=64"),
        Row("length", f"LSTM saved for backward, {shape}, per step", "bytes", saved, "T=64"),
    ]


def _paused(run: Callable[[], Any]) -> Callable[[], Any]:
    def quiet() -> None:
        with mg.gc_paused():
            run()

    return quiet


def _unrolled(steps: int) -> Callable[[], Any]:
    rng = np.random.default_rng(0)
    xs = mg.tensor(rng.standard_normal((steps, BATCH, 4 * HIDDEN)).astype(np.float32), requires_grad=True)
    W_hh = mg.Parameter((rng.standard_normal((HIDDEN, 4 * HIDDEN)) / HIDDEN**0.5).astype(np.float32))
    start = mg.zeros((BATCH, HIDDEN))

    def run() -> None:
        xs.grad = W_hh.grad = None
        h = c = start
        for x_t in xs:
            i, f, g, o = mg.split(x_t + h @ W_hh, 4, axis=-1)
            c = mg.sigmoid(f) * c + mg.sigmoid(i) * mg.tanh(g)
            h = mg.sigmoid(o) * mg.tanh(c)
        h.sum().backward()

    return run

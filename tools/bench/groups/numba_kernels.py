"""The kernels of the Numba backend beside the NumPy backend's calls, from one element to four millions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

import minigrad as mg

from ..frameworks import Settings, on_minigrad
from ..harness import Figure, Row, Target, check, measure, rounds_for, scaled

Call = Callable[[Any], Any]  # of a backend
Shape = tuple[int, int]

# (B, H) of recurrent cells, and larger and smaller ones.
ELEMENTS: list[Shape] = [(1, 1), (1, 16), (16, 64), (32, 128), (64, 256), (32, 512), (1024, 1024), (2048, 2048)]
ROWS: list[Shape] = [(1, 8), (64, 8), (64, 64), (64, 1000), (128, 10_000), (64, 50_000)]
QUICK = {(1, 16), (16, 64), (64, 64)}
SLOWER = 1.05  # a call that was replaced must not take more than this many times NumPy's time
ENOUGH = 200e-6  # seconds; shorter calls are repeated until a run takes as long


def rows(settings: Settings) -> list[Row]:
    """A row a call, shape, type and layout, in microseconds."""
    if "numba" not in on_minigrad.backends():
        return []
    return [_row(settings, name, call) for name, call in cases(settings.quick)]


def cases(quick: bool) -> Iterator[tuple[str, Call]]:
    """Names, and what to call."""
    for table, sizes in ((ELEMENTWISE, ELEMENTS), (OVER_ROWS, ROWS), (AT_INDICES, ROWS), (STEPS, ELEMENTS)):
        for call, make in table.items():
            for shape in sizes:
                if quick and shape not in QUICK:
                    continue
                for dtype in ("float32",) if quick else ("float32", "float64"):
                    for layout in LAYOUTS if table is ELEMENTWISE else ("contiguous",):
                        arrays = [LAYOUTS[layout](draw(shape, dtype, seed)) for seed in range(2)]
                        yield f"{call}, {shape[0]} x {shape[1]}, {dtype}, {layout}", make(*arrays)


def draw(shape: Shape, dtype: str, seed: int) -> Any:
    """Normal numbers."""
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def gate(x: Any) -> Any:
    """The numbers as the second of four slices of a wider array."""
    wide = np.concatenate([x] * 4, axis=1)
    return wide[:, x.shape[1] : 2 * x.shape[1]]


LAYOUTS: dict[str, Callable[[Any], Any]] = {"contiguous": lambda x: x, "gate slice": gate}
MAKES = Callable[[Any, Any], Call]


def dropout(x: Any, y: Any) -> Call:
    mask = y > 0
    return lambda b: b.dropout(x, mask, 2.0)


ELEMENTWISE: dict[str, MAKES] = {
    "sigmoid": lambda x, y: lambda b: b.sigmoid(x),
    "erf": lambda x, y: lambda b: b.erf(x),
    "sigmoid_vjp": lambda x, y: lambda b: b.sigmoid_vjp(x, y),
    "tanh_vjp": lambda x, y: lambda b: b.tanh_vjp(x, y),
    "dropout": dropout,
}


def cross_entropy(x: Any, y: Any) -> Call:
    """Forward and backward."""
    targets = np.random.default_rng(2).integers(0, x.shape[1], len(x))
    g = np.full(len(x), 1 / len(x), x.dtype)

    def call(b: Any) -> Any:
        losses = b.cross_entropy(x, targets, -100, 0.0)
        return b.cross_entropy_vjp(g, x, targets, -100, 0.0, losses)

    return call


OVER_ROWS: dict[str, MAKES] = {
    "softmax": lambda x, y: lambda b: b.softmax(x, -1),
    "softmax_vjp": lambda x, y: lambda b: b.softmax_vjp(x, y, -1),
    "log_softmax": lambda x, y: lambda b: b.log_softmax(x, -1),
    "log_softmax_vjp": lambda x, y: lambda b: b.log_softmax_vjp(x, y, -1),
    "logsumexp": lambda x, y: lambda b: b.logsumexp(x, axis=-1),
    "cross-entropy, forward and backward": cross_entropy,
    "standardize": lambda x, y: lambda b: b.standardize(x, 1e-5),
    "layer_norm": lambda x, y: lambda b: b.layer_norm(x, y[0], y[0], 1e-5),
    "layer_norm_vjp": lambda x, y: lambda b: b.layer_norm_vjp(y, x, 1e-5),
}


def add_rows(x: Any, y: Any) -> Call:
    """The gradient of an embedding of 1000 words."""
    index = np.random.default_rng(2).integers(0, 1000, len(x))
    totals = np.zeros((1000, x.shape[1]), x.dtype)
    return lambda b: b.add_at(totals, index, x)


def one_hot(x: Any, y: Any) -> Call:
    index = np.random.default_rng(2).integers(0, x.shape[1], len(x))
    return lambda b: b.one_hot(index, n=x.shape[1], dtype=x.dtype)


AT_INDICES: dict[str, MAKES] = {"add_at of rows": add_rows, "one_hot": one_hot}

RATE = 1e-9  # so small that parameters stay what they are, however often a step is repeated


def sgd(momentum: float) -> MAKES:
    """A step with or without momentum."""

    def make(x: Any, y: Any) -> Call:
        settings = {"lr": RATE, "momentum": momentum, "dampening": 0.0, "nesterov": False, "weight_decay": 0.0}
        p, velocity = x.copy(), np.zeros_like(x) if momentum else None
        return lambda b: b.sgd_step(p, y, velocity, first=False, **settings)

    return make


def adam(x: Any, y: Any) -> Call:
    settings = {"lr": RATE, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.0, "decoupled": False}
    p, m, v = x.copy(), np.zeros_like(x), np.zeros_like(x)
    return lambda b: b.adam_step(p, y, m, v, step=10, **settings)


STEPS: dict[str, MAKES] = {"SGD step": sgd(0.0), "SGD step with momentum": sgd(0.9), "Adam step": adam}


def _row(settings: Settings, name: str, call: Call) -> Row:
    contenders = {b: partial(call, mg.get_backend(b)) for b in ("numpy", "numba")}
    check({b: run() for b, run in contenders.items()}, tolerance=1e-4)
    repeats = max(1, int(ENOUGH / measure(contenders, 3)["numpy"].median))
    runs = {b: _repeated(run, repeats) for b, run in contenders.items()}
    seconds, rounds = (0.05, (5, 50)) if settings.quick else (0.2, (10, 200))
    figures: dict[str, Figure] = scaled(measure(runs, rounds_for(runs, seconds, rounds)), 1e6 / repeats)
    named = {f"minigrad ({b})": figure for b, figure in figures.items()}
    target = Target("minigrad (numba)", "minigrad (numpy)", SLOWER)
    return Row("numba-kernels", name, "us", named, "minigrad (numpy)", [target])


def _repeated(run: Callable[[], Any], repeats: int) -> Callable[[], None]:
    def many() -> None:
        for _ in range(repeats):
            run()

    return many

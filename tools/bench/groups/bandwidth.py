"""How fast memory is: the floor of everything that does little with each number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..frameworks import Settings
from ..harness import Figure, Row, measure

ELEMENTS = 16_000_000  # of float32: 64 MB an array, more than a cache holds


def rows(settings: Settings) -> list[Row]:
    """One row, in gigabytes a second, reading and writing counted."""
    count = ELEMENTS // 8 if settings.quick else ELEMENTS
    a, b, c = (np.full(count, value, np.float32) for value in (0.0, 1.0, 2.0))
    runs: dict[str, tuple[Callable[[], Any], int]] = {"copy": (lambda: np.copyto(a, b), 2)}
    triad = _triad(a, b, c, settings)
    if triad is not None:
        runs["triad (a = b + s c)"] = (triad, 3)
    times = measure({name: run for name, (run, _) in runs.items()}, 5 if settings.quick else 20)
    figures = {name: rate(times[name], touched * a.nbytes) for name, (_, touched) in runs.items()}
    return [Row("bandwidth", f"memory, arrays of {a.nbytes // 1_000_000} MB", "GB/s", figures)]


def rate(figure: Figure, moved: int) -> Figure:
    """Bytes a second, in gigabytes, from seconds. The fastest run becomes the highest figure."""
    median, low, high = (moved / t / 1e9 for t in (figure.median, figure.high, figure.low))
    return Figure(median, low, high, figure.runs)


def _triad(a: Any, b: Any, c: Any, settings: Settings) -> Callable[[], Any] | None:
    """One pass over three arrays, which NumPy cannot do; by PyTorch, or else by Numba."""
    if "torch" in settings.others:
        import torch

        x, y, z = (torch.from_numpy(value) for value in (a, b, c))
        return lambda: torch.add(y, z, alpha=0.5, out=x)
    try:
        import numba
    except ImportError:
        return None

    @numba.njit
    def kernel(a: Any, b: Any, c: Any) -> None:
        for i in range(a.size):
            a[i] = b[i] + np.float32(0.5) * c[i]

    return lambda: kernel(a, b, c)

"""Drawing an unrolled LSTM: whether the cost grows with the steps, and beside torchview and torchviz.

All draw the same cell, written as ordinary operations and unrolled by a loop. minigrad shows some steps (the cells
are boxes then, or opened), or one that stands for all; the others have every step in their pictures, torchview as a box
if asked for. (What it offers for rolling up repeated modules does not find the steps of this loop.)
"""

from __future__ import annotations

import gc
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from minigrad.tools.graph import build, view

from ..frameworks import Settings
from ..harness import Figure, Row, per_step, scaled, summary
from .drawers import BATCH, DRAWERS, FEATURES, HIDDEN, described, unrolled, why_absent

LENGTHS, QUICK_LENGTHS = (100, 1_000, 10_000), (20, 40)
DRAWN, QUICK_DRAWN = (10, 100, 1_000, 10_000), (3,)
LIMIT = 60.0  # seconds that one program has for one picture
OURS = "minigrad, 4 steps shown"
SHAPE = f"LSTM, B={BATCH} F={FEATURES} H={HIDDEN}"


def rows(settings: Settings) -> Iterator[Row]:
    """Microseconds a time step of each stage over T; then, for each T, milliseconds of DOT text and of the picture."""
    yield from _linear(settings.quick)
    names, absent = _taking_part(settings)
    stages = (_Stage("DOT text", _described, absent), _Stage("SVG picture of that text, by Graphviz", _rendered, []))
    for steps in QUICK_DRAWN if settings.quick else DRAWN:
        with tempfile.TemporaryDirectory() as folder:
            files = {name: Path(folder) / f"{i}.dot" for i, name in enumerate(names)}
            for stage in stages if shutil.which("dot") else stages[:1]:
                yield stage.row(steps, files)


def _linear(quick: bool) -> Iterator[Row]:
    """What it costs to make the graph of a recorded computation, and views of it."""
    lengths = QUICK_LENGTHS if quick else LENGTHS
    losses = {steps: unrolled(steps) for steps in lengths}
    graphs = {steps: build(loss) for steps, loss in losses.items()}
    stages: dict[str, dict[int, Callable[[], Any]]] = {
        "building the graph": {steps: partial(build, loss) for steps, loss in losses.items()},
        "its view with 4 steps": {steps: partial(view, graph, steps=4) for steps, graph in graphs.items()},
        "its view folded into 1 step": {steps: partial(view, graph, steps=1) for steps, graph in graphs.items()},
    }
    sizes = ", ".join(f"{len(graphs[steps].nodes):,} nodes for T={steps:,}" for steps in lengths)
    for stage, runs in stages.items():
        gc.collect()
        figures = per_step(runs, 2 if quick else 7, warm_up=1)
        yield Row("drawing", f"{stage}, {SHAPE}, per time step", "us", figures, length_text(lengths[0]), notes=[sizes])


def _taking_part(settings: Settings) -> tuple[list[str], list[str]]:
    """The names of those that can, and notes on those that cannot."""
    names, notes = [], []
    for name in DRAWERS:
        reason = why_absent(name)
        if reason is None and not name.startswith("minigrad") and "torch" not in settings.others:
            reason = f"PyTorch is {settings.absent.get('torch', 'not asked for')}"
        if reason is None:
            names.append(name)
        else:
            notes.append(f"{name}: {reason}")
    return names, notes


class _Stage:
    """One stage on the way to a picture, at all lengths. Who fails at one length is left out at greater ones.

    Args:
        title: of its rows.
        work: gives the seconds of each run, and a note, for a name, a number of steps and the file of the DOT text.
            Raises RuntimeError if that fails or takes too long.
        notes: for each row.
    """

    def __init__(self, title: str, work: Callable[[str, int, Path], tuple[list[float], str]], notes: list[str]) -> None:
        self.title, self.work, self.notes = title, work, notes
        self.failed: dict[str, str] = {}

    def row(self, steps: int, files: dict[str, Path]) -> Row:
        """Everyone who can, at this length."""
        figures: dict[str, Figure] = {}
        notes = [*self.notes]
        for name, path in files.items():
            if name in self.failed:
                notes.append(f"{name}: left out, it failed at {self.failed[name]}")
                continue
            try:
                seconds, note = self.work(name, steps, path)
            except RuntimeError as error:
                if name.startswith("minigrad"):
                    raise
                notes.append(f"{name} failed: {error}")
                self.failed[name] = length_text(steps)
                continue
            figures[name] = summary(seconds)
            if note:
                notes.append(f"{name}: {note}")
        title = f"{self.title}, {SHAPE}, {length_text(steps)}"
        return Row("drawing", title, "ms", scaled(figures, 1e3), OURS, notes=notes)


def _described(name: str, steps: int, path: Path) -> tuple[list[float], str]:
    seconds, nodes = described(name, steps, path, LIMIT)
    return seconds, f"{nodes:,} nodes in {path.stat().st_size / 1e3:,.0f} kB"


def _rendered(name: str, steps: int, path: Path) -> tuple[list[float], str]:
    if not path.exists():
        raise RuntimeError("there is no text")
    seconds: list[float] = []
    while len(seconds) < 3 and sum(seconds) < LIMIT / 3:
        begun = time.perf_counter()
        try:
            subprocess.run(["dot", "-Tsvg", str(path)], capture_output=True, check=True, timeout=LIMIT)
        except subprocess.TimeoutExpired:
            raise RuntimeError(f"not done after {LIMIT:.0f} s") from None
        except subprocess.CalledProcessError as error:
            raise RuntimeError(error.stderr.decode(errors="replace").strip()[:200] or "no message") from None
        seconds.append(time.perf_counter() - begun)
    return seconds, ""


def length_text(steps: int) -> str:
    """A number of time steps, as the rows show it."""
    return f"T={steps:,}"

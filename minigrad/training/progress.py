"""What a training program shows while it runs, and the curve that it leaves behind."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from minigrad.inspect.figure import figure

from .terminal import say, shown


class Progress:
    """A live progress bar on a terminal, by rich; plain lines elsewhere, or without rich. A context manager.

    Args:
        total: the number of steps.
        done: how many of them were taken before.
        lines: how many plain lines to write, spread over the steps.
    """

    def __init__(self, total: int, done: int = 0, lines: int = 10) -> None:
        self._total = total
        self._before = done
        self._every = max(1, total // lines)
        self._start = time.monotonic()
        self._bar = _Bar.make(total) if sys.stdout.isatty() else None

    def __enter__(self) -> Progress:
        self._start = time.monotonic()
        if self._bar is not None:
            self._bar.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.live.stop()

    def update(self, step: int, values: str) -> None:
        """Show that `step` steps are done, with the values of the last one (`loss 1.23 | ...`)."""
        if self._bar is not None:
            self._bar.update(step, values)
        elif step % self._every == 0 or step in (self._before + 1, self._total):
            left = (time.monotonic() - self._start) / (step - self._before) * (self._total - step)
            self.say(f"step {step}/{self._total} | {values} | {left:.0f} s left")

    def say(self, text: str) -> None:
        """Print a line, or several, above the bar."""
        if self._bar is not None:
            self._bar.say(text)
        else:
            say(text)


class _Bar:
    """The bar with the time left, and the values in a line below it."""

    def __init__(self, progress: Any, text: Any, live: Any, total: int) -> None:
        self.live = live
        self._stream = sys.stdout  # while the bar is there, rich has another in its place, which says of no encoding
        self._progress, self._text = progress, text
        self._task = progress.add_task("", total=total)

    @classmethod
    def make(cls, total: int) -> _Bar | None:
        """A bar; None without rich."""
        try:
            from rich import console, live, progress, text
        except ImportError:
            return None
        columns = (
            progress.BarColumn(bar_width=40),
            progress.MofNCompleteColumn(),
            progress.TimeRemainingColumn(compact=True),
            progress.TextColumn("left"),
        )
        bar, values = progress.Progress(*columns), text.Text()
        return cls(bar, values, live.Live(console.Group(bar, values), refresh_per_second=8), total)

    def update(self, step: int, values: str) -> None:
        self._progress.update(self._task, completed=step)
        self._text.plain = shown(values, self._stream)

    def say(self, text: str) -> None:
        self.live.console.print(shown(text, self._stream), markup=False, highlight=False)


def plot_curve(
    path: Path,
    steps: Sequence[int],
    values: Sequence[float],
    held_out: Sequence[tuple[int, float]],
    levels: Sequence[tuple[str, float]] = (),
    unit: str = "loss",
) -> None:
    """Draw a training curve, with a smoothed line, the held-out values and horizontal lines to compare with.

    Args:
        path: the PNG file to write.
        steps, values: the curve.
        held_out: (step, value) pairs.
        levels: (name, value) of the horizontal lines.
        unit: what the values are.

    Raises ImportError if matplotlib is not installed; the message says what to install.
    """
    drawn = figure(8, 4.5)
    axes = drawn.add_subplot()
    axes.plot(steps, values, color="#9DB7CF", linewidth=0.8, label="training, each batch")
    axes.plot(steps, smoothed(values), color="#1B4F72", linewidth=1.8, label="training, smoothed")
    if held_out:
        axes.plot(*zip(*held_out), "o--", color="#B9770E", markersize=5, label="held out")
    for name, value in levels:
        axes.axhline(value, color="#777777", linewidth=0.8, linestyle=":")
        axes.annotate(name, (0.995, value), xycoords=("axes fraction", "data"), ha="right", va="bottom", fontsize=8)
    lowest = min([*values, *(value for _, value in held_out)], default=0)  # likelihoods of real numbers exceed 1
    axes.set(xlabel="step", ylabel=unit, xlim=(0, max(steps, default=1)), ylim=(0 if lowest >= 0 else None, None))
    axes.grid(alpha=0.25)
    axes.legend(frameon=False, loc="best")
    drawn.savefig(path, format="png", dpi=150)


def smoothed(values: Sequence[float], weight: float = 0.95) -> list[float]:
    """Exponential moving averages, corrected for the beginning (as in Adam)."""
    averages = []
    average, total = 0.0, 0.0
    for value in values:
        average = weight * average + (1 - weight) * value
        total = weight * total + (1 - weight)
        averages.append(average / total)
    return averages

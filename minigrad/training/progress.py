"""What a training shows on the terminal while it runs, and the curve that it leaves behind."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from minigrad.inspect.figure import figure

from .terminal import say, shown
from .watchers import End, Step, Training, Validation, Watcher

LINES = 10  # where there is no bar, spread over the steps


class Display(Watcher):
    """A live progress bar on a terminal, by rich; plain lines elsewhere, or without rich. And what validations find."""

    _bar: _Bar | None = None

    def begin(self, training: Training) -> None:
        self._task, self._losses = training.task, training.losses
        self._before, self._total = training.step, training.settings.steps
        self._start = time.monotonic()
        if sys.stdout.isatty():
            self._bar = _Bar.make(self._total)
        if self._bar is not None:
            self._bar.live.start()

    def step(self, step: Step) -> None:
        values = self._task.values(smoothed(self._losses[-100:], 0.9)[-1], step.step / max(step.seconds, 1e-9))
        values += f" | grad norm {step.norm:.2f}"
        if self._bar is not None:
            self._bar.update(step.step, values)
        elif step.step % max(1, self._total // LINES) == 0 or step.step in (self._before + 1, self._total):
            left = (time.monotonic() - self._start) / (step.step - self._before) * (self._total - step.step)
            say(f"step {step.step}/{self._total} | {values} | {left:.0f} s left")

    def validation(self, validation: Validation) -> None:
        said = ", ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in validation.measures.items())
        example = validation.example.strip("\n")
        lines = "".join("\n    " + line for line in example.split("\n")) if example else ""
        self._say(f"step {validation.step}: {said} (held out){lines}")

    def end(self, end: End) -> None:
        if end.how == "stopped early":
            self._say(end.said)
        if self._bar is not None:
            with suppress(OSError):  # the terminal may have gone
                self._bar.live.stop()

    def _say(self, text: str) -> None:
        """Print a line, or several, above the bar."""
        (say if self._bar is None else self._bar.say)(text)


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
    path: str | Path,
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

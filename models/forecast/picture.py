"""The picture of forecasts: the held-out part, what was forecast, and how faults stand out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from minigrad.inspect.figure import figure

from .faults import FAULTS
from .observed import Observed

COLOURS = {"network": "#B9770E", "AR(9)": "#5B8DB8", "free": "#7D3C98", "truth": "#1C2833", "fault": "#F5B7B1"}


def picture(
    path: str | Path, seen: Observed, made: dict[str, np.ndarray], free_run: np.ndarray, faults: dict[str, Any] | None
) -> None:
    """Draw three panels over the test part: forecasts, a copy of it with faults, and its scores.

    Args:
        path: the PNG file to write.
        seen: the series.
        made: one-step forecasts by name: at each time that of the next value, (T,).
        free_run: the test part as the network continues what came before it.
        faults: "faulty", "what" and "scores" (T,) and the "threshold"; None draws the first panel alone.

    Raises ImportError if matplotlib is not installed; the message says what to install.
    """
    heights = [3, 2, 1.5] if faults else [3]
    drawn = figure(10, 2 + sum(heights))
    above, *others = drawn.subplots(len(heights), 1, sharex=True, height_ratios=heights, squeeze=False)[:, 0]
    test = slice(seen.test, None)
    before = max(seen.test - len(seen.times[test]) // 3, 1)
    times = seen.times if np.datetime_data(seen.times.dtype)[0] in "hms" else seen.times.astype("datetime64[D]")
    truth = np.where(seen.measured, seen.values, np.nan)
    above.plot(times[before:], truth[before:], ".-", color=COLOURS["truth"], linewidth=1, label="measured")
    for name in ("AR(9)", "network"):
        label = f"{name}, one step ahead"
        above.plot(times[test], made[name][seen.test - 1 : -1], color=COLOURS[name], linewidth=1.4, label=label)
    above.plot(
        times[test], free_run, "--", color=COLOURS["free"], linewidth=1.2, label="network, from the line on by itself"
    )
    above.axvline(times[seen.test], color="#777777", linewidth=0.8)
    above.set(title=f"{seen.name}: the test part", ylabel=seen.kind.unit)
    if faults:
        _faults(others, times, test, seen, truth, faults)
    for axes in (above, *others):
        axes.grid(alpha=0.25)
        axes.legend(frameon=False, fontsize=8, loc="best")
    drawn.savefig(path, format="png", dpi=130)


def _faults(
    panels: Any, times: np.ndarray, test: slice, seen: Observed, truth: np.ndarray, faults: dict[str, Any]
) -> None:
    """Draw a faulty copy of the test part on the first axes, and on the others the scores of its values."""
    middle, below = panels
    middle.plot(times[test], faults["faulty"][test], ".-", color=COLOURS["truth"], linewidth=1, label="with faults")
    middle.plot(times[test], truth[test], color="#999999", linewidth=0.8, label="as measured")
    middle.set(title="a copy with faults put in", ylabel=seen.kind.unit)
    below.plot(times[test], faults["scores"][test], color=COLOURS["network"], linewidth=1.2, label="score")
    below.axhline(faults["threshold"], color="#777777", linestyle=":", label="1 % false alarms in validation")
    below.set(title="how unexpected each value is", ylabel="standard deviations")
    for number, kind in enumerate(FAULTS, 1):
        at = np.flatnonzero(faults["what"] == number)
        step = (times[1] - times[0]) / 2
        for axes in (middle, below):
            axes.axvspan(times[at[0]] - step, times[at[-1]] + step, color=COLOURS["fault"], alpha=0.6, linewidth=0)
        height = ("data", "axes fraction")
        middle.annotate(kind, (times[at[0]], 0.04), xycoords=height, fontsize=8, color="#922B21")

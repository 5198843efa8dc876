"""Pictures of what an optimizer does to parameters: histograms of values and updates, and their ratios."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.inspect.figure import figure, finished

from .updates import Histogram, ParameterRecord, Update, UpdateHistory

USUAL_RATIO = 1e-3
LINES = 6  # more measured steps than these are not told apart in one panel


def plot_histograms(
    history: UpdateHistory | Mapping[str, Update], path: str | Path | None = None, title: str = ""
) -> Any:
    """Draw histograms of the parameters and of their updates, two panels for each parameter.

    Args:
        history: an `UpdateHistory`, of which up to six steps are drawn, evenly spread, later ones darker; or the
            updates of one step, as `Snapshot.updates` returns them.
        path: the PNG file to write, which is returned; without it, the figure is, which a notebook shows.
        title: a line above the picture.

    Each panel has a scale of its own; heights are densities, the tallest bin of each outline at the top. The panel
    of updates tells the ratio |update| / |parameter| of the last step that is drawn.

    Raises ValueError if there are no updates; ImportError if matplotlib is not installed.
    """
    if not isinstance(history, UpdateHistory):
        given, history = history, UpdateHistory()
        history.add(0, given)
        shown, named = [0], False
    else:
        last = len(history.steps) - 1
        shown, named = sorted({round(i * last / (LINES - 1)) for i in range(LINES)}), True
    if not history:
        raise ValueError("plot_histograms: no updates were added to the history")
    pairs = 1 if len(history) == 1 else 2
    down = math.ceil(len(history) / pairs)
    drawn = figure(6 * pairs, 1.0 + 1.55 * down)
    grid = drawn.subplots(down, 2 * pairs, squeeze=False)
    colours = _colours(len(shown))
    for i, (name, records) in enumerate(history.items()):
        values, changes = grid[i // pairs, 2 * (i % pairs) : 2 * (i % pairs) + 2]
        chosen = [records[k] for k in shown]
        _outlines(values, [record.values for record in chosen], colours)
        _outlines(changes, [record.changes for record in chosen], colours)
        values.set_title(_title(name, chosen[-1]), fontsize=9, loc="left")
        changes.set_title(f"update, ratio {chosen[-1].ratio:.1e}", fontsize=9, loc="left")
    for axes in grid.reshape(-1)[2 * len(history) :]:
        axes.remove()
    if named:
        lines = grid[0, 0].get_lines()
        labels = [f"step {history.steps[k]}" for k in shown]
        drawn.legend(lines, labels, loc="outside lower center", ncols=LINES, frameon=False, fontsize=9)
    drawn.suptitle(title)
    return finished(drawn, path, dpi=100)


def plot_ratios(history: UpdateHistory, path: str | Path | None = None, title: str = "") -> Any:
    """Draw |update| / |parameter| over the training steps, a line for each parameter. `path` as in `plot_histograms`.

    A dotted line is at 1e-3, the rule of thumb (see `minigrad.tools.gradflow.updates`). Ratios that are 0 or infinite
    leave gaps. Raises ValueError if nothing was added to the history; ImportError if matplotlib is not installed.
    """
    if not history:
        raise ValueError("plot_ratios: no updates were added to the history")
    drawn = figure(9, 4.5)
    axes = drawn.add_subplot()
    styles = ("-", "--", "-.", ":")
    for i, name in enumerate(history):
        ratios = history.ratios(name)
        drawable = np.where(np.isfinite(ratios) & (ratios > 0), ratios, np.nan)
        # Ten colours and four kinds of lines, so that each of forty parameters has a look of its own.
        axes.plot(history.steps, drawable, styles[i // 10 % len(styles)], marker=".", label=name)
    axes.axhline(USUAL_RATIO, color="#777777", linewidth=1, linestyle=":")
    axes.annotate("1e-3", (0.995, USUAL_RATIO), xycoords=("axes fraction", "data"), ha="right", va="bottom", fontsize=8)
    axes.set(xlabel="training step", ylabel="|update| / |parameter|", yscale="log")
    axes.set_title(title)
    axes.grid(alpha=0.25)
    drawn.legend(loc="outside right upper", frameon=False, fontsize=9)
    return finished(drawn, path)


def _outlines(axes: Any, histograms: Sequence[Histogram], colours: Sequence[Any]) -> None:
    """Densities as outlines, the last one filled."""
    for i, (histogram, colour) in enumerate(zip(histograms, colours, strict=True)):
        counts, edges = histogram
        density = counts / (max(counts.sum(), 1) * np.diff(edges))
        heights = density / max(density.max(), 1e-300)
        x, y = np.repeat(edges, 2), np.concatenate([[0], np.repeat(heights, 2), [0]])
        axes.plot(x, y, color=colour, linewidth=1.2)
        if i == len(histograms) - 1:
            axes.fill_between(x, y, color=colour, alpha=0.25, linewidth=0)
    axes.set(ylim=(0, 1.08), yticks=[])
    axes.tick_params(labelsize=8)
    axes.locator_params(axis="x", nbins=4)
    axes.ticklabel_format(axis="x", style="sci", scilimits=(-2, 3), useMathText=True)
    axes.xaxis.get_offset_text().set_fontsize(8)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)


def _title(name: str, record: ParameterRecord) -> str:
    return f"{name} ({', '.join(map(str, record.shape))})" if record.shape else f"{name} (one number)"


def _colours(count: int) -> list[Any]:
    """From yellow (the first) to dark blue (the last), as on a map of colours that all people can read."""
    import matplotlib

    return [matplotlib.colormaps["viridis_r"](0.05 + 0.95 * i / max(count - 1, 1)) for i in range(count)]

"""Pictures of the gradient flow: lines over time, and heat maps over time and training."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.inspect.figure import figure, finished

from .history import FlowHistory

DECADES = 16.0  # what float64 can tell apart: smaller norms are nothing beside the largest
MISSING = "#D5D5D5"
DOTS = 40  # a line of fewer time steps shows each


def plot_flow(
    flow: Mapping[str, Any],
    path: str | Path | None = None,
    title: str = "",
    linear: Mapping[str, float] | None = None,
    before: Mapping[str, Any] | None = None,
) -> Any:
    """Draw the norms over time on a logarithmic scale, one line a state.

    Args:
        flow: a `GradientFlow`, or arrays over time by name: several flows, to compare them.
        path: the PNG file to write, which is returned; without it, the figure is, which a notebook shows.
        title: a line above the picture.
        linear: for some of the states, the factor of one step back in a linear network: the spectral radius rho of its
            recurrent weights. A dashed line shows |dL/dh_T| rho^(T - t), in the colour of the state, from its last time
            step T back (Pascanu, Mikolov and Bengio 2013).
        before: for some of the states, the norms before training: a dotted line in the colour of the state.

    Norms of 0 have no place on the scale and leave gaps. Raises ValueError for a state in `linear` or `before` that is
    not in the flow; ImportError if matplotlib is not installed.
    """
    linear, before = dict(linear or {}), dict(before or {})
    if unknown := [name for name in (*linear, *before) if name not in flow]:
        raise ValueError(f"plot_flow: there is no state {unknown[0]!r}; there is {', '.join(flow)}")
    drawn = figure(8, 4.5)
    axes = drawn.add_subplot()
    for name, norms in flow.items():
        values = _positive(norms)
        (line,) = axes.plot(values, label=name, marker="." if len(values) < DOTS else None)
        if name in linear:
            line.set_label(f"{name} (dashed: linear, $\\rho$ = {linear[name]:.3g})")
            expected = _linear(values, linear[name], name in getattr(flow, "reverse", ()))
            axes.plot(expected, "--", color=line.get_color(), linewidth=1, alpha=0.8)
        if name in before:
            axes.plot(_positive(before[name]), ":", color=line.get_color())
    if before:
        axes.plot([], [], ":", color="#555555", label="dotted: before training")
    axes.set(xlabel="time step t", ylabel="norm of dL/dh_t (states h, c, ...)", yscale="log")
    measured = np.concatenate([_positive(norms) for norms in (*flow.values(), *before.values())])
    if linear and np.isfinite(measured).any():  # dashed lines may leave the picture, the measured ones fill it
        low, high = np.nanmin(measured), np.nanmax(measured)
        room = max((high / low) ** 0.08, 1.5)
        axes.set_ylim(low / room, high * room)
    axes.set_title(title)
    axes.grid(alpha=0.25)
    axes.legend(frameon=False, loc="best")
    return finished(drawn, path)


def plot_history(
    history: FlowHistory | Mapping[str, FlowHistory],
    path: str | Path | None = None,
    title: str = "",
    decades: float = DECADES,
) -> Any:
    """Draw the gradient flow during training, a heat map for each state.

    The time step t goes to the right, the training step upward. The colour is the decimal logarithm of the norm of
    dL/dh_t, on the same scale in all maps. Norms of 0 have the colour of the smallest; what was not measured is grey.

    Args:
        history: a `FlowHistory`, or several by name, to compare them.
        path: the PNG file to write, which is returned; without it, the figure is, which a notebook shows.
        title: a line above the picture.
        decades: how far below the largest norm the scale ends. What is smaller has the colour of its end.

    Raises ValueError if nothing was noted, or if the scale has no length; ImportError if matplotlib is not installed.
    """
    several = {"": history} if isinstance(history, FlowHistory) else dict(history)
    if not several or not all(each.steps for each in several.values()):
        raise ValueError("plot_history: no flow was added to the history")
    maps = {
        f"{run}: {name}" if run else name: (each[name], each.steps) for run, each in several.items() for name in each
    }
    scale = _scale([values for values, _ in maps.values()], decades)
    across = 1 if len(maps) == 1 else 2
    down = math.ceil(len(maps) / across)
    drawn = figure(5.2 * across if across > 1 else 7, 0.6 + 2.7 * down)
    grid = drawn.subplots(down, across, squeeze=False)
    for axes, (name, (values, steps)) in zip(grid.flat, maps.items(), strict=False):
        image = axes.pcolormesh(_edges(range(values.shape[1])), _edges(steps), _logarithm(values), **scale.colours)
        axes.set_title(name, fontsize=10)
        axes.set(xlabel="time step t", ylabel="training step")
        clean_axes(axes)
    for axes in grid.flat[len(maps) :]:
        axes.remove()
    used = list(grid.flat[: len(maps)])
    drawn.colorbar(image, ax=used, label="log10 of the norm of dL/dh_t", extend=scale.extend, aspect=15 * down + 5)
    drawn.suptitle(title)
    return finished(drawn, path)


def plot_layers(
    flow: Mapping[str, Any], path: str | Path | None = None, title: str = "", decades: float = DECADES
) -> Any:
    """Draw one gradient flow as a heat map with a row for each state of each layer.

    The rows are in the order of the flow, from below: what lies deeper in the network is lower. The time step t goes to
    the right. Other arguments, the colours, and what raises as in `plot_history`.
    """
    if not flow:
        raise ValueError("plot_layers: the flow has no state")
    rows = [np.asarray(norms, np.float64) for norms in flow.values()]
    longest = max(map(len, rows))
    values = np.stack([np.pad(row, (0, longest - len(row)), constant_values=np.nan) for row in rows])
    scale = _scale([values], decades)
    drawn = figure(8, max(2.6, 1.3 + 0.4 * len(rows)))
    axes = drawn.add_subplot()
    image = axes.pcolormesh(_edges(range(longest)), np.arange(len(rows) + 1) - 0.5, _logarithm(values), **scale.colours)
    clean_axes(axes)
    axes.set_yticks(range(len(rows)), list(flow))
    axes.tick_params(axis="y", length=0)
    axes.set(xlabel="time step t")
    axes.set_title(title)
    for boundary in range(1, len(rows)):
        axes.axhline(boundary - 0.5, color="white", linewidth=1)
    drawn.colorbar(image, ax=axes, label="log10 |dL/dh_t|", extend=scale.extend)
    return finished(drawn, path)


def clean_axes(axes: Any) -> None:
    """Axes of a heat map: grey where there is no value, whole numbers on the axes, no frame."""
    axes.set_facecolor(MISSING)
    axes.locator_params(integer=True, nbins=6)
    for side in axes.spines.values():
        side.set_visible(False)


class _Scale:
    """The colours of several heat maps: `colours` for matplotlib, `extend` for the bar beside them."""

    def __init__(self, low: float, high: float, cut: bool) -> None:
        self.colours = {"cmap": "viridis", "vmin": low, "vmax": high, "rasterized": True}
        self.extend = "min" if cut else "neither"


def _scale(maps: Sequence[np.ndarray], decades: float) -> _Scale:
    if not decades > 0:
        raise ValueError(f"the scale of colours is over 0 decades or more, not {decades}")
    logarithms = np.concatenate([np.log10(_positive(values)).reshape(-1) for values in maps])
    logarithms = logarithms[np.isfinite(logarithms)]
    if not logarithms.size:
        raise ValueError("all norms are 0 or missing: there is nothing to draw")
    high, lowest = float(logarithms.max()), float(logarithms.min())
    low = max(lowest, high - decades)
    cut = lowest < low or any((values == 0).any() for values in maps)
    return _Scale(low, high if high > low else low + 1, cut)


def _positive(norms: Any) -> np.ndarray:
    values = np.asarray(norms, np.float64)
    return np.where(values > 0, values, np.nan)


def _logarithm(values: np.ndarray) -> np.ndarray:
    """The decimal logarithm; that of 0 is the smallest number, not -inf, which would be drawn as missing."""
    with np.errstate(divide="ignore"):
        return np.ma.masked_invalid(np.nan_to_num(np.log10(values), nan=np.nan, neginf=-1e9))


def _linear(norms: np.ndarray, factor: float, reverse: bool) -> np.ndarray:
    """The norms in a linear network that has the same one at the last time step that was computed."""
    known = np.flatnonzero(np.isfinite(norms))
    if not known.size:
        return np.full(len(norms), np.nan)
    last = int(known[0] if reverse else known[-1])
    back = (np.arange(len(norms)) - last) * (1.0 if reverse else -1.0)
    with np.errstate(over="ignore", divide="ignore"):
        return np.where(back >= 0, _positive(norms[last] * factor**back), np.nan)


def _edges(centres: Sequence[int] | range) -> np.ndarray:
    """The edges between neighbours, and as far outside of the first and the last."""
    at = np.asarray(centres, np.float64)
    if len(at) == 1:
        return np.array([at[0] - 0.5, at[0] + 0.5])
    between = (at[1:] + at[:-1]) / 2
    return np.concatenate([[2 * at[0] - between[0]], between, [2 * at[-1] - between[-1]]])

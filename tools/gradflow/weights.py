"""Attention weights, and those by which a memory is read and written, as heat maps.

`WeightsOf` keeps what softmax computes in the scopes of a name; `plot_weights` draws such weights, wherever they come
from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import minigrad as mg
from minigrad.inspect.figure import figure, finished
from minigrad.inspect.observe import Observer

from .plots import clean_axes


class WeightsOf(Observer, Mapping[str, np.ndarray]):
    """The outputs of softmax in the scopes of a name, kept while they are computed, by the path of their scope.

        with WeightsOf("attention") as weights:
            model(x)
        plot_weights(weights["Decoder.attention"], "attention.png")

    A scope is entered by a module (its name is that of the attribute, or of its class) or by `mg.scope(name)`; it may
    be inside of others, and have others inside. Weights (B, N) of single time steps are stacked over time, in the order
    of the computation: (T, B, N), with NaN where later steps have more places N than earlier ones. Weights with more
    axes are stacked only if there are several. The axis of softmax comes last.

    Only what is recorded is seen: under `no_grad`, or if no input requires gradients, there is nothing. Leave the block
    before backward, if steps are recomputed there.

    Raises TypeError for a name that is no text, ValueError for one that is empty.
    """

    def __init__(self, scope: str) -> None:
        if not isinstance(scope, str):
            raise TypeError(f"WeightsOf takes the name of a scope, such as 'attention', not a {type(scope).__name__}")
        if not scope:
            raise ValueError("WeightsOf takes the name of a scope, such as 'attention'; it is empty")
        self.scope = scope
        self._found: dict[str, list[np.ndarray]] = {}

    def on_record(self, node: Any, inputs: Sequence[Any], out: Any) -> None:
        if node.name != "softmax" or node.scope.backward:
            return
        # The second of two modules of one name in a loop is called attention#2.
        if any((s.name or "").partition("#")[0] == self.scope for s in node.scope.chain()):
            kept = np.array(node.backend.to_numpy(out))
            self._found.setdefault(node.scope.path, []).append(np.moveaxis(kept, node.params["axis"], -1))

    def __getitem__(self, path: str) -> np.ndarray:
        if path not in self._found:
            raise KeyError(f"no softmax was recorded in {path!r}; there is {', '.join(self) or 'none at all'}")
        kept = self._found[path]
        if len(kept) == 1 and kept[0].ndim > 2:
            return kept[0]
        if len({values.shape[:-1] for values in kept}) > 1:
            raise ValueError(f"the weights in {path} differ in more than their places: {[v.shape for v in kept]}")
        places = max(values.shape[-1] for values in kept)
        return np.stack([_padded(values, places) for values in kept])

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def __repr__(self) -> str:
        return f"<WeightsOf {self.scope!r}: {', '.join(self) or 'none'}>"


def plot_weights(
    weights: Any,
    path: str | Path | None = None,
    rows: Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    title: str = "",
    *,
    sequence: int = 0,
    time: str = "rows",
    labels: tuple[str, str] | None = None,
) -> Any:
    """Draw weights from 0 to 1 as a heat map, or several maps above each other.

    Args:
        weights: (T_out, T_in): how much output t looks at each input (Bahdanau, Cho and Bengio, Neural machine
            translation by jointly learning to align and translate, 2015, figure 3). Also (T_out, B, T_in), or a
            list over the outputs of (B, T_in) or (T_in,), as tensors or arrays. A dict of such has a map for each
            entry, with its name above.
        path: the PNG file to write, which is returned; without it, the figure is, which a notebook shows.
        rows, columns: what stands beside the rows and below the columns, such as the words; numbers if left out.
        title: a line above the picture.
        sequence: which sequence of a batch to draw.
        time: "rows": a row for each time step, from top to bottom; "columns": a column for each, as is usual for a
            memory of N places that is read and written (Graves, Wayne and Danihelka, Neural Turing machines, 2014,
            figure 6). `rows` and `columns` name what is drawn there.
        labels: of the axes, (of rows, of columns); by default ("output", "input"), or ("place", "time step").

    NaN is drawn in grey. Raises ValueError for weights that are not between 0 and 1 or have other axes, and for names
    that are too few or too many; IndexError for a sequence that is not in the batch; ImportError without matplotlib.
    """
    if time not in ("rows", "columns"):
        raise ValueError(f"plot_weights: time goes along 'rows' or 'columns', not {time!r}")
    given = dict(weights) if isinstance(weights, Mapping) else {"": weights}
    if not given:
        raise ValueError("plot_weights: there are no weights to draw")
    maps = {name: _matrix(values, sequence, name) for name, values in given.items()}
    if time == "columns":
        maps = {name: values.T for name, values in maps.items()}
    width = max(values.shape[1] for values in maps.values())
    named = rows is not None or columns is not None
    cell = min(0.42 if named else 0.3, (11 if named else 8) / width)  # inches
    heights = [min(max(values.shape[0] * cell, 1.2), 11.0 if named else 6.0) for values in maps.values()]
    drawn = figure(max(width * cell, 3.0) + 1.8, sum(heights) + 0.45 * len(maps) + 1.0)
    grid = drawn.subplots(len(maps), 1, squeeze=False, sharex=True, gridspec_kw={"height_ratios": heights})[:, 0]
    row_label, column_label = labels or (("output", "input") if time == "rows" else ("place", "time step"))
    for axes, (name, values) in zip(grid, maps.items(), strict=True):
        image = axes.imshow(values, cmap="viridis", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
        axes.set(title=name, ylabel=row_label)
        clean_axes(axes)
        _name_ticks(axes.yaxis, rows, values.shape[0], "rows", cell)
    _name_ticks(grid[-1].xaxis, columns, width, "columns", cell)
    if columns is not None and max(map(len, columns), default=0) > 3:
        grid[-1].tick_params(axis="x", rotation=45)
        for text in grid[-1].get_xticklabels():
            text.set(ha="right", rotation_mode="anchor")
    grid[-1].set_xlabel(column_label)
    drawn.colorbar(image, ax=list(grid), label="weight", aspect=30, pad=0.02)
    drawn.suptitle(title)
    return finished(drawn, path)


def _matrix(weights: Any, sequence: int, name: str) -> np.ndarray:
    """The weights (T, N) of one sequence."""
    of = f"weights {name!r}" if name else "weights"
    if isinstance(weights, (list, tuple)):
        parts = [_host(part) for part in weights]
        if len({part.shape for part in parts}) > 1:
            raise ValueError(f"plot_weights: the {of} have other shapes in other steps: {[p.shape for p in parts]}")
        values = np.stack(parts) if parts else np.empty((0, 0))
    else:
        values = _host(weights)
    if values.ndim == 3:
        if not -values.shape[1] <= sequence < values.shape[1]:
            raise IndexError(f"plot_weights: there is no sequence {sequence} in a batch of {values.shape[1]}")
        values = values[:, sequence]
    if values.ndim != 2 or not values.size:
        raise ValueError(f"plot_weights: the {of} are (T, N) or (T, B, N), not of shape {values.shape}")
    if np.isinf(values).any() or np.nanmin(values, initial=0) < -1e-6 or np.nanmax(values, initial=0) > 1 + 1e-6:
        raise ValueError(
            f"plot_weights: the {of} go from {np.nanmin(values):g} to {np.nanmax(values):g}; weights are 0 to 1"
        )
    return values


def _name_ticks(axis: Any, names: Sequence[str] | None, count: int, what: str, cell: float) -> None:
    """Names at the ticks, in letters that fit into a cell of this size in inches."""
    if names is None:
        return
    if len(names) != count:
        raise ValueError(f"plot_weights: there are {count} {what} and {len(names)} names for them")
    axis.set_ticks(range(count), [str(name) for name in names], fontsize=max(5.0, min(10.0, 60 * cell)))


def _host(values: Any) -> np.ndarray:
    return np.asarray(values.detach().numpy() if isinstance(values, mg.Tensor) else values, np.float64)


def _padded(values: np.ndarray, places: int) -> np.ndarray:
    widths = [(0, 0)] * (values.ndim - 1) + [(0, places - values.shape[-1])]
    return np.pad(values, widths, constant_values=np.nan)

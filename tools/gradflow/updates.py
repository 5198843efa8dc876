"""What a step of an optimizer changes: `Snapshot` before it, and the history of such changes in a training.

A rule of thumb for the ratio of the norms |update| / |parameter| is about 1e-3: much more makes training unstable, much
less makes it slow (Karpathy, lecture notes of Stanford's course CS231n, Neural networks part 3, 2015).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from minigrad import nn
from minigrad.inspect.aligned import aligned

from .history import check_step

BINS = 40  # at most


class Update(NamedTuple):
    """A parameter before a step of an optimizer, and what the step added to it.

    Attributes:
        before, change: arrays of the parameter's shape, in float64.
    """

    before: np.ndarray
    change: np.ndarray

    @property
    def ratio(self) -> float:
        """|update| / |parameter|, of the Euclidean norms; infinite if the parameter was 0, NaN if both are."""
        size, change = float(np.linalg.norm(self.before)), float(np.linalg.norm(self.change))
        return change / size if size else math.inf if change else math.nan


class Snapshot:
    """The values of all parameters of a module, copied to the host.

        before = Snapshot(model)
        optimizer.step()
        updates = before.updates()

    Raises ValueError if the module has no parameters.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._values = _values(model)
        if not self._values:
            raise ValueError(f"Snapshot: this {type(model).__name__} has no parameters")

    def updates(self) -> dict[str, Update]:
        """How the parameters differ from what they were, by name.

        Raises ValueError for a parameter that is not finite, that has come or gone, or has another shape.
        """
        now = _values(self._model)
        if now.keys() != self._values.keys():
            raise ValueError(
                f"Snapshot: parameters came or went: {', '.join(sorted(now.keys() ^ self._values.keys()))}"
            )
        for name, values in now.items():
            if values.shape != self._values[name].shape:
                raise ValueError(f"Snapshot: {name} had shape {self._values[name].shape} and has now {values.shape}")
            if not (np.isfinite(values).all() and np.isfinite(self._values[name]).all()):
                raise ValueError(f"Snapshot: {name} has elements that are NaN or infinite")
        return {name: Update(before, now[name] - before) for name, before in self._values.items()}


class Histogram(NamedTuple):
    """How often values fall between edges[i] and edges[i + 1]: counts (n,), edges (n + 1,)."""

    counts: np.ndarray
    edges: np.ndarray


class ParameterRecord(NamedTuple):
    """What is kept of one parameter at one training step.

    Attributes:
        values, changes: the histograms of the parameter before the step, and of the update.
        ratio: |update| / |parameter|.
        shape: of the parameter.
    """

    values: Histogram
    changes: Histogram
    ratio: float
    shape: tuple[int, ...]


class UpdateHistory(Mapping[str, list[ParameterRecord]]):
    """Histograms of parameters and of their updates, by name, for each training step that was measured.

        history = UpdateHistory()
        ...
        before = Snapshot(model)
        optimizer.step()
        history.add(step, before.updates())
        ...
        plot_histograms(history, "histograms.png")

    Printed, it shows the ratios |update| / |parameter|. Only histograms are kept, not the parameters.

    Attributes:
        steps: the training steps, in rising order.
    """

    def __init__(self) -> None:
        self.steps: list[int] = []
        self._records: dict[str, list[ParameterRecord]] = {}

    def add(self, step: int, updates: Mapping[str, Update]) -> None:
        """Note the updates of one training step.

        Raises ValueError if the step does not come after those noted before, or if the parameters are others.
        """
        check_step(step, self.steps, type(self).__name__)
        if not updates:
            raise ValueError(f"UpdateHistory: there is no update in step {step}")
        if self.steps and updates.keys() != self._records.keys():
            others = ", ".join(sorted(updates.keys() ^ self._records.keys()))
            raise ValueError(f"UpdateHistory: step {step} has other parameters than those before: {others}")
        for name, update in updates.items():
            record = ParameterRecord(
                _histogram(update.before), _histogram(update.change), update.ratio, update[0].shape
            )
            self._records.setdefault(name, []).append(record)
        self.steps.append(step)

    def ratios(self, name: str) -> np.ndarray:
        """|update| / |parameter| (N,) of one parameter, for each of the N training steps."""
        return np.array([record.ratio for record in self._records[name]])

    def __getitem__(self, name: str) -> list[ParameterRecord]:
        return self._records[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._records)

    def __len__(self) -> int:
        return len(self._records)

    def __str__(self) -> str:
        return self.table()

    def table(self, width: int | None = None) -> str:
        """The table as text, in blocks of so many characters at most."""
        if not self.steps:
            return repr(self)
        shown = sorted({round(i * (len(self.steps) - 1) / 4) for i in range(5)})
        rows = [["|update| / |parameter|", *(f"step {self.steps[i]}" for i in shown)]]
        rows += [[name, *(f"{self[name][i].ratio:.1e}" for i in shown)] for name in self]
        return aligned(rows, width)

    def __repr__(self) -> str:
        return f"<UpdateHistory of {len(self)} parameters at {len(self.steps)} training steps>"


def _values(model: nn.Module) -> dict[str, np.ndarray]:
    return {name: np.array(p.detach().numpy(), np.float64) for name, p in model.named_parameters()}


def _histogram(values: np.ndarray) -> Histogram:
    """Bins of equal width. Values that are (nearly) all the same make one bin, narrow beside their size."""
    flat = values.reshape(-1)
    low, high = (float(flat.min()), float(flat.max())) if flat.size else (0.0, 0.0)
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        half = 0.05 * abs(low) or 1e-12
        return Histogram(np.array([flat.size]), np.array([low - half, high + half]))
    return Histogram(*np.histogram(flat, min(BINS, max(5, math.isqrt(flat.size)))))

"""Forecasts of measured series (sunspots, CO2 in the air, the sea's temperature), and faults found by what they miss.

    python -m minigrad.models.forecast --series sunspots
    python -m minigrad.models.forecast --series co2 --hidden 16
    python -m minigrad.models.forecast --series co2 --task vector --horizon 26
    python -m minigrad.models.forecast --series sales.csv --column units --season 12

In task `forecast` a recurrent network reads a series, and after each value it predicts the next one (sequence to
sequence, aligned). In task `vector` it reads a window and then predicts the next values all at once (sequence to
vector). Small networks from different initial weights, `--members` of them, are trained side by side, and what they
predict is averaged. Each forecast of the held-out end of the series is made from the true values before it, and is
compared with persistence (all stays as it is) and with a linear autoregression of order 9, fitted by least squares.

A measurement that is far from its forecast may be a fault. So faults (a spike, a value that sticks, a drift) are put
into copies of the held-out part at known places, and it is counted how well the forecast errors tell them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

import minigrad as mg
from minigrad import nn, optim, training
from minigrad.data import Series, given_files, read_series
from minigrad.data.inputs import about
from minigrad.training import setting
from minigrad.training.caller import given, named
from minigrad.training.cells import CELLS

from .faults import APART, FAULTS, detection, inject, unexpected
from .observed import (
    KINDS,
    Observed,
    Scaling,
    autoregression,
    by_month,
    filled,
    fit_autoregression,
    own_series,
    persistence,
    spacing,
)
from .picture import picture

Forecasts = Callable[[np.ndarray], np.ndarray]  # from values (T, B) to forecasts (T, B, K)

ORDER = 9  # of the linear autoregression
WARM_UP = 4  # the forecasts in the first quarter of a training sequence do not count
WINDOWS = 4096  # read side by side


@dataclass(frozen=True, kw_only=True)
class Settings(training.Settings):
    """Everything that decides what a training run does; see the base class."""

    out: Path = setting(Path("out/forecast"), "Directory for the results.")
    series: str = setting(
        "sunspots",
        f"What is forecast: {', '.join(KINDS)}; or a CSV file of your own, with times (1958, 1958-03, 1958-03-29, "
        "1958-03-29 12:00) in its first column and values in another, with a line of names or without.",
    )
    column: str | None = setting(
        None,
        "The column of your file that has the values, by name, or by number if it has no names (the time is in 1).",
    )
    season: int = setting(0, "Values in a year, for a file whose values have seasons, as 12 for months; 0: none.", 0)
    trailing: int = setting(
        0,
        "Measure the level from the mean of this many last values, for a file whose values grow; 0: from that of all.",
        0,
    )
    task: str = setting(
        "forecast", "A forecast after each value, or of many values at the end.", choices=("forecast", "vector")
    )
    horizon: int = setting(8, "Steps ahead, in task vector.", 1)
    steps: int = setting(300, "Batches to train on.", 1)
    cell: str = setting("gru", "The kind of recurrent network.", choices=tuple(CELLS))
    hidden: int = setting(8, "Features of the state.", 1)
    members: int = setting(5, "Networks whose forecasts are averaged.", 1)
    length: int = setting(80, "Values in a training sequence.", 8)
    batch: int = setting(16, "Sequences in a batch.", 1)
    decay: float = setting(0.1, "Weight decay.", 0.0)
    validations: int = setting(30, "How often to measure on held-out data, evenly spread.", 1)
    lr: float = setting(5e-3, "Highest learning rate of Adam.", 0.0)

    QUICK: ClassVar = {"steps": 60, "hidden": 8, "members": 1, "length": 40, "validations": 4, "lr": 2e-2}

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.series in KINDS:
            if self.column is not None or self.season or self.trailing:
                ours = ", ".join(map(named, ("column", "season", "trailing")))
                raise ValueError(f"{ours} are for a file of your own, not for {self.series}")
        elif not Path(self.series).is_file():
            kinds = f"{named('series')} is one of {', '.join(KINDS)}, or a CSV file"
            raise ValueError(f"{kinds}; there is no file {self.series!r}")


# --- the model --------------------------------------------------------------------------------------------------------


class Forecaster(nn.Module):
    """Recurrent networks side by side, each with a linear layer.

    Args:
        scaling: what is read and predicted; K is the number of steps ahead, F that of the numbers read at each step.
        cell: the kind of network, one of `CELLS`.
        hidden: features of the state.
        members: how many networks, M.
        length: how many values are read before a forecast; 0: all of them, and there is a forecast after each.
    """

    def __init__(
        self, scaling: Scaling, cell: str = "gru", hidden: int = 16, members: int = 5, length: int = 0
    ) -> None:
        super().__init__()
        self.scaling = scaling
        self.sizes: dict[str, Any] = {"cell": cell, "hidden": hidden, "members": members, "length": length}
        self.networks = nn.ModuleList(CELLS[cell](scaling.features, hidden) for _ in range(members))
        self.heads = nn.ModuleList(nn.Linear(hidden, len(scaling.changes)) for _ in range(members))

    def forward(self, x: mg.Tensor, states: list[Any] | None = None) -> tuple[mg.Tensor, list[Any]]:
        """Inputs x (T, B, F) to predicted changes (M, T, B, K), with `length` (M, 1, B, K) after the last step alone.

        `states` are those of the networks, as a call before this one returned them beside its predictions.
        """
        predicted, finals = [], []
        for network, head, state in zip(self.networks, self.heads, states or [None] * len(self.networks)):
            outputs, final = network(x, state)
            predicted.append(head(outputs[-1:] if self.sizes["length"] else outputs))
            finals.append(final)
        return mg.stack(predicted), finals

    def loss(self, x: mg.Tensor, y: mg.Tensor) -> mg.Tensor:
        """The mean squared error, over all members, of the forecasts from x (T, B, F); y (T, B, K) is what came.

        The first forecasts of a sequence do not count: too little was read before them.
        """
        predicted, _ = self(x)
        skipped = x.shape[0] - 1 if self.sizes["length"] else x.shape[0] // WARM_UP
        errors = predicted[:, skipped - x.shape[0] :] - y[skipped:]
        return (errors * errors).mean()

    @mg.no_grad()
    def changes(self, x: np.ndarray, states: list[Any] | None = None) -> tuple[np.ndarray, list[Any]]:
        """As `forward`, for arrays, the mean over the networks: (T, B, K) or (1, B, K)."""
        predicted, states = self(mg.tensor(np.ascontiguousarray(x)), states)
        return predicted.numpy().mean(axis=0), states

    def forecasts(self, times: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Forecasts (T, B, K) at each time, from the values (T, B) up to it; NaN where too few are known."""
        x, length = self.scaling.inputs(times, values), self.sizes["length"]
        if not length:
            return self.scaling.values(values, self.changes(x)[0])
        made = np.full((*values.shape, len(self.scaling.changes)), np.nan)
        rows = max(1, WINDOWS // values.shape[1])
        for start in range(length - 1, len(values), rows):
            ends = np.arange(start, min(start + rows, len(values)))
            windows = x[ends + np.arange(1 - length, 1)[:, None]]  # (length, windows, B, F)
            changes, _ = self.changes(windows.reshape(length, -1, x.shape[2]))
            made[ends] = changes.reshape(len(ends), values.shape[1], -1)
        return self.scaling.values(values, made)


def forecast(model: Forecaster, series: Series, steps: int) -> np.ndarray:
    """What the model expects after the end of a series: values (steps,). It reads its own forecasts in turn.

    Raises ValueError for a series with gaps, for uneven times where there are seasons, and for a series with fewer
    values than the model reads.
    """
    times, values, length = series.times, np.asarray(series.values, float), model.sizes["length"]
    if len(values) < max(2, length):
        raise ValueError(f"this model reads {max(2, length)} values before it forecasts; there are {len(values)}")
    if not np.isfinite(values).all():
        raise ValueError(f"there are {(~np.isfinite(values)).sum()} gaps in this series; fill them first")
    known = len(values)
    step = spacing(times) if model.scaling.season else times[1] - times[0]  # without seasons no time is read
    states, done = None, 0
    while len(values) < known + steps:
        x = model.scaling.inputs(times[0] + step * np.arange(len(values)), values[:, None])
        if length:
            changes, _ = model.changes(x[-length:])
        else:
            changes, states = model.changes(x[done:], states)
        done = len(values)
        values = np.concatenate([values, model.scaling.values(values[-1:], changes[-1])[0]])
    return values[known : known + steps]


def untrained(cell: str = "gru") -> Forecaster:
    """A small model of the usual shape, to look at."""
    return Forecaster(Scaling(True, 0, False, 0.0, 1.0, [1.0]), cell, hidden=8, members=1)


def unrolled(model: Forecaster, steps: int) -> mg.Tensor:
    """The loss on `steps` values, with its history, to be drawn."""
    x = np.zeros((steps, 1, model.scaling.features), np.float32)
    return model.loss(mg.tensor(x), mg.zeros((steps, 1, len(model.scaling.changes))))


# --- training ---------------------------------------------------------------------------------------------------------


class Task(training.Task):
    """Learning to forecast a series, whose end is held out for validation and test; see the base class."""

    format = "minigrad forecast 1"
    kept = ("rmse", "min")
    unit = "squared error of scaled changes"
    shown = None
    levels = [("no change", 1.0)]
    tries = ("predict {out} SERIES.csv", "graph {out}")

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        if settings.series in KINDS:
            self.observed = Observed(settings.series)
        else:
            self.observed = own_series(settings.series, settings.column, settings.season, settings.trailing)
        vector = settings.task == "vector"
        self.horizon = settings.horizon if vector else 1
        learned = self.observed.values[: self.observed.validation]
        self.last_start = len(learned) - settings.length - self.horizon
        if self.last_start < 0:
            ours = f"{given('length', settings.length)} and {self.horizon} steps ahead do not fit into"
            values = f"the {len(learned)} values of {self.observed.name} to train on"
            raise ValueError(f"{ours} {values}; give a smaller {named('length')}")
        scaling = Scaling.fit(self.observed.kind, learned, self.horizon)
        length = settings.length if vector else 0
        self.model: Forecaster = Forecaster(scaling, settings.cell, settings.hidden, settings.members, length)
        self.optimizer = optim.AdamW(optim.decay_groups(self.model, settings.decay), lr=settings.lr)
        self.schedule = optim.lr_scheduler.CosineAnnealingLR(self.optimizer, settings.steps)
        self.training = Series(self.observed.times[: len(learned)], learned)

    def introduction(self) -> str:
        seen = self.observed
        return (
            f"{seen.name}: {seen.validation} values to learn from, {seen.test - seen.validation} for validation, "
            f"{len(seen.values) - seen.test} for the test; {(~seen.measured).sum()} gaps filled with straight lines; "
            + super().introduction()
        )

    def batches(self, epoch: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """One batch, of sequences that begin anywhere in the training part."""
        rng = np.random.default_rng([self.settings.seed, epoch])
        count, stretch = self.settings.batch, np.log(self.observed.kind.stretch)
        values = self.training.values[:, None] * np.exp(rng.uniform(-stretch, stretch, count))
        starts = rng.integers(self.last_start + 1, size=count)
        at = starts + np.arange(self.settings.length)[:, None], np.arange(count)
        scaling = self.model.scaling
        yield scaling.inputs(self.training.times, values)[at], scaling.targets(values)[at]

    def loss(self, batch: tuple[np.ndarray, np.ndarray]) -> mg.Tensor:
        x, y = batch
        return self.model.loss(mg.tensor(x), mg.tensor(y))

    def validate(self) -> dict[str, float]:
        seen = self.observed
        made = self.model.forecasts(seen.times[: seen.test], seen.values[: seen.test, None])
        made = np.concatenate([made, np.full((len(seen.values) - seen.test, 1, self.horizon), np.nan)])
        return {"rmse": float(np.mean(seen.rmse(made, seen.validation, seen.test)))}

    @staticmethod
    def build(about: Any) -> Forecaster:
        return Forecaster(Scaling(**about["scaling"]), **about["sizes"])

    def about(self) -> dict[str, Any]:
        return {"sizes": self.model.sizes, "scaling": self.model.scaling.plain()}

    # --- what is reached ----------------------------------------------------------------------------------------------

    def forecasters(self) -> dict[str, Forecasts]:
        """The network and what it is compared with. The autoregressions learn from all before the test part.

        With seasons there is an autoregression over a whole year, too; for counts, one of the square roots.
        """
        seen, forward = self.observed, self.model.scaling.forward
        known = seen.values[: seen.test]
        found: dict[str, Forecasts] = {
            "network": lambda v: self.model.forecasts(seen.times, v),
            "persistence": lambda v: persistence(v, self.horizon),
        }
        for order in (ORDER, seen.kind.year) if 0 < seen.kind.year < len(known) // 2 else (ORDER,):
            found[f"AR({order})"] = partial(autoregression, fit_autoregression(known, order), horizon=self.horizon)
        if seen.kind.root:
            weights = fit_autoregression(forward(known), ORDER)
            found[f"AR({ORDER}) of roots"] = lambda v: np.square(autoregression(weights, forward(v), self.horizon))
        return found

    def results(self) -> dict[str, Any]:
        """The errors in the unit of the series, by steps ahead, and how faults are found."""
        seen, end = self.observed, len(self.observed.values)
        parts = {"validation": (seen.validation, seen.test), "test": (seen.test, end)}
        made = {name: f(seen.values[:, None]) for name, f in self.forecasters().items()}
        truth = np.where(seen.measured, seen.values, np.nan)[seen.test :]
        rmse = {part: {name: seen.rmse(f, *place) for name, f in made.items()} for part, place in parts.items()}
        return {
            "unit": seen.kind.unit,
            "rmse": rmse,
            "scored": {part: seen.scored(self.horizon, *place).sum(axis=0) for part, place in parts.items()},
            "gaps_filled": {"all": int((~seen.measured).sum()), "test": int((~seen.measured[seen.test :]).sum())},
            "free_running_rmse": float(np.sqrt(np.nanmean((self.free_run() - truth) ** 2))),
            "faults": self.faults()[0] if self.has_room_for_faults() else None,
        }

    def reached(self, results: Mapping[str, Any]) -> list[Any]:
        unit = f"{results['unit']}, root mean squared error"
        return [(f"test, {name}", float(np.mean(e)), unit) for name, e in results["rmse"]["test"].items()]

    def has_room_for_faults(self) -> bool:
        """Whether the test part is long enough to put faults into it, as that of a short series of one's own is not."""
        return len(self.observed.values) - self.observed.test >= len(FAULTS) * APART

    def free_run(self) -> np.ndarray:
        """The test part as the network continues what came before it."""
        seen = self.observed
        known = Series(seen.times[: seen.test], seen.values[: seen.test])
        return forecast(self.model, known, len(seen.values) - seen.test)

    def faults(self, copies: int = 30) -> tuple[dict[str, Any], dict[str, Any]]:
        """How well each forecaster finds faults, and the first faulty copy of the series with its scores."""
        seen = self.observed
        size = 3 * float(np.diff(seen.values[: seen.test]).std())
        rng = np.random.default_rng([self.settings.seed, 1])
        lowest = 0.0 if seen.kind.root else -np.inf
        pairs = [inject(seen.values, seen.test, size, rng, lowest) for _ in range(copies)]
        faulty, what = (np.stack(x, axis=1) for x in zip(*pairs))
        what[: seen.test] = -1
        report: dict[str, Any] = {"size": size, "copies": copies, "kinds": FAULTS}
        shown: dict[str, Any] = {}
        for name, f in self.forecasters().items():
            scores, threshold = self.scores(f, faulty)
            report[name] = {"threshold": threshold, **detection(scores, what, threshold)}
            if name == "network":
                shown = {"faulty": faulty[:, 0], "what": what[:, 0], "scores": scores[:, 0], "threshold": threshold}
        return report, shown

    def scores(self, forecaster: Forecasts, faulty: np.ndarray) -> tuple[np.ndarray, float]:
        """How unexpected each value (T, B) is, by the one-step forecasts, and a threshold.

        One in a hundred values of the validation part scores higher than that.
        """
        seen, forward = self.observed, self.model.scaling.forward

        def score(values: np.ndarray) -> np.ndarray:
            errors = np.full(values.shape, np.nan)
            errors[1:] = forward(values[1:]) - forward(forecaster(values)[:-1, :, 0])
            return unexpected(errors, np.arange(len(values)) < seen.validation)

        held_out = score(seen.values[:, None])[seen.validation : seen.test]
        return score(faulty), float(np.quantile(held_out, 0.99))

    def write(self, out: Path) -> list[Path]:
        made = {name: f(self.observed.values[:, None])[:, 0, 0] for name, f in self.forecasters().items()}
        faults = self.faults(copies=1)[1] if self.has_room_for_faults() else None
        return training.drawn(picture, out / "forecast.png", self.observed, made, self.free_run(), faults)


load = Task.load


def predict(
    model: Forecaster, inputs: Iterable[str | Path], *, steps: int = 12, column: str | None = None
) -> Iterator[training.Prediction]:
    """What comes after the end of the series in CSV files, of the kind that the model has learned.

    Args:
        model: the model.
        inputs: CSV files, as `data.read_series` takes them. Gaps are filled as in training, with straight lines.
        steps: how many values.
        column: that has the values.

    Raises OSError, ValueError for a file that has no such series, and one that is too short.
    """
    for path in given_files(inputs, (".csv",), "series of numbers"):
        series = read_series(path, column)
        gaps = int((~np.isfinite(series.values)).sum())
        known = Series(by_month(series.times), filled(series.values) if gaps < len(series.values) else series.values)
        with about(path):
            values = forecast(model, known, steps)
        even = np.unique(np.diff(known.times)).size == 1
        following = known.times[-1] + np.arange(1, steps + 1) * (known.times[-1] - known.times[-2])
        times = [str(time) for time in following] if even else [f"+{k + 1}" for k in range(steps)]
        told = [f"{time}  {value:.6g}" for time, value in zip(times, values, strict=True)]
        data = {"times": times, "values": values.tolist(), "gaps_filled": gaps}
        yield training.Prediction(str(path), "\n".join(told), data)


def train(settings: Settings) -> dict[str, Any]:
    """Train a model; see `training.fit`. It leaves a picture of forecasts, too.

    Raises also ValueError for settings that do not fit the series.
    """
    return training.fit(settings, Task)

"""A measured series as a forecasting network sees it, and the simple forecasts that it has to beat.

A network reads and predicts changes, in standard units, of the values or of their square roots. All forecasts have one
form: `f[t, b, k]` is made at time t, from what was known then, and is about time t + 1 + k.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.data import Series, fetch, read_series
from minigrad.data.inputs import about

SHORTEST = 50  # values of a series of one's own


@dataclass(frozen=True)
class Kind:
    """How a series is cut up and looked at.

    Attributes:
        unit: of its values.
        validation, test: held-out values at the end: how many, or a share of all.
        root: square roots are predicted, as is usual for counts, whose noise grows with their square root.
        trailing: the level is measured from the mean of so many last values, for series that grow; 0: from the mean of
            the training part.
        year: values in a year, for series with seasons: then the network knows the time of the year. 0: no seasons.
        stretch: training sequences are multiplied by random factors, from 1 / stretch to stretch: for series whose
            cycles differ in height, of which the training part has too few to learn that from.
    """

    unit: str
    validation: int | float
    test: int | float
    root: bool = False
    trailing: int = 0
    year: int = 0
    stretch: float = 1.0


KINDS = {
    "sunspots": Kind("sunspot number", 100, 67, root=True, stretch=1.5),
    "co2": Kind("ppm", 0.1, 0.1, trailing=52, year=52),
    "elnino": Kind("degrees Celsius", 0.1, 0.1, year=12),
}


class Observed:
    """A series: values without gaps, and its parts.

    A gap is filled with a straight line between its neighbours. Such values are read and learned from, but no forecast
    of one is scored, nor one made at one: the line knows of the value after the gap.

    Attributes:
        times: datetime64 (T,). values: float64 (T,). measured: bool (T,), False where there was a gap.
        validation, test: where these parts begin; the first ends where the second begins.
    """

    def __init__(self, name: str, series: Series | None = None, kind: Kind | None = None) -> None:
        self.name, self.kind = name, kind or KINDS[name]
        self.times, values = series or read_series(fetch(name))
        self.measured = np.isfinite(values)
        self.values = filled(values)
        count = [n if isinstance(n, int) else round(n * len(values)) for n in (self.kind.validation, self.kind.test)]
        self.test = len(values) - count[1]
        self.validation = self.test - count[0]

    def scored(self, horizon: int, begin: int, end: int) -> np.ndarray:
        """Which forecasts count, bool (T, horizon): those about times begin..end-1 with a true value there and at t."""
        about = np.arange(len(self.values))[:, None] + 1 + np.arange(horizon)
        inside = (about >= begin) & (about < end)
        return inside & self.measured[:, None] & self.measured[np.minimum(about, len(self.values) - 1)]

    def errors(self, forecasts: np.ndarray, begin: int, end: int) -> np.ndarray:
        """What was forecast (T, 1, K) minus what came (T, K); NaN where it does not count."""
        k = forecasts.shape[2]
        about = np.arange(len(self.values))[:, None] + 1 + np.arange(k)
        truth = self.values[np.minimum(about, len(self.values) - 1)]
        return np.where(self.scored(k, begin, end), forecasts[:, 0] - truth, np.nan)

    def rmse(self, forecasts: np.ndarray, begin: int, end: int) -> list[float]:
        """The root of the mean squared error by steps ahead, in the unit of the series, for forecasts (T, 1, K)."""
        return [float(x) for x in np.sqrt(np.nanmean(self.errors(forecasts, begin, end) ** 2, axis=0))]


def own_series(path: str | Path, column: str | None, season: int, trailing: int) -> Observed:
    """A series of a user's: the last tenth is for the test, the tenth before it for validation.

    Args:
        path, column: of a CSV file, as `data.read_series` takes them.
        season, trailing: `year` and `trailing` of a `Kind`.

    Raises OSError, ValueError for a file without such a series, for one that is too short or does not change, and for
    uneven times where there are seasons.
    """
    series = read_series(path, column)
    series = series._replace(times=by_month(series.times))
    with about(path):
        if np.isfinite(series.values).sum() < SHORTEST:
            raise ValueError(
                f"a series of {SHORTEST} values or more is needed, not of {np.isfinite(series.values).sum()}"
            )
        if np.nanstd(series.values) == 0:
            raise ValueError("all values of the series are the same: there is nothing to learn")
        if season:
            spacing(series.times)
    return Observed(Path(path).stem, series, Kind(column or "value", 0.1, 0.1, year=season, trailing=trailing))


def filled(values: np.ndarray) -> np.ndarray:
    """Values with straight lines in the gaps; before the first and after the last value there is that value."""
    measured, at = np.isfinite(values), np.arange(len(values))
    return np.interp(at, at[measured], values[measured])


def by_month(times: np.ndarray) -> np.ndarray:
    """Days as months, if they are the same day of one month after the other: those are evenly spaced."""
    months = times.astype("datetime64[M]")
    same_day = np.unique(times.astype("datetime64[D]") - months.astype("datetime64[D]")).size == 1
    each = len(times) > 1 and (np.diff(months).astype(int) == 1).all()
    return months if times.dtype == "datetime64[D]" and same_day and each else times


@dataclass(frozen=True)
class Scaling:
    """From values to what a network reads and predicts, and back. Fitted on the training part alone.

    Attributes:
        root, trailing: as in `Kind`. season: whether there are seasons.
        mean, deviation: of the level. changes: the standard deviations of changes over 1, 2, ... K steps.
    """

    root: bool
    trailing: int
    season: bool
    mean: float
    deviation: float
    changes: Sequence[float]

    @classmethod
    def fit(cls, kind: Kind, values: np.ndarray, horizon: int) -> Scaling:
        """Fit to the values (T,) of a training part, for forecasts up to `horizon` steps ahead."""
        u = np.sqrt(values) if kind.root else values
        unscaled = cls(kind.root, kind.trailing, kind.year > 0, float(u.mean()), 1.0, ())
        level = unscaled.level(values[:, None])
        changes = [float((u[k:] - u[:-k]).std()) for k in range(1, horizon + 1)]
        return cls(kind.root, kind.trailing, kind.year > 0, unscaled.mean, float(level.std()), changes)

    @property
    def features(self) -> int:
        """How many numbers the network reads at each step."""
        return 6 if self.season else 2

    def plain(self) -> dict[str, Any]:
        """As plain data, to store beside a model."""
        return {**vars(self), "changes": list(self.changes)}

    def forward(self, values: np.ndarray) -> np.ndarray:
        """Values on the scale that is predicted: their roots, or they themselves."""
        return np.sqrt(np.maximum(values, 0)) if self.root else values

    def level(self, values: np.ndarray) -> np.ndarray:
        """How high values (T, B) stand: above the mean, or above that of the last values."""
        u = self.forward(values)
        if not self.trailing:
            return (u - self.mean) / self.deviation
        total = np.concatenate([np.zeros((1, u.shape[1])), np.cumsum(u, axis=0)])
        at = np.arange(1, len(u) + 1)
        begin = np.maximum(at - self.trailing, 0)
        return (u - (total[at] - total[begin]) / (at - begin)[:, None]) / self.deviation

    def inputs(self, times: np.ndarray, values: np.ndarray) -> np.ndarray:
        """What the network reads, float32 (T, B, F): level, last change, and the season of the next time."""
        u = self.forward(values)
        change = np.diff(u, axis=0, prepend=u[:1]) / self.changes[0]
        parts = [self.level(values), change]
        if self.season:
            angle = 2 * np.pi * year_part(times + spacing(times))[:, None] * np.ones(u.shape[1])
            parts += [f(k * angle) for k in (1, 2) for f in (np.sin, np.cos)]
        return np.stack(parts, axis=2).astype(np.float32)

    def targets(self, values: np.ndarray) -> np.ndarray:
        """What it should predict at each time, float32 (T, B, K): the changes to come; NaN after the end."""
        u = self.forward(values)
        targets = np.full((*u.shape, len(self.changes)), np.nan, np.float32)
        for k, deviation in enumerate(self.changes):
            targets[: len(u) - k - 1, :, k] = (u[k + 1 :] - u[: -k - 1]) / deviation
        return targets

    def values(self, last: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        """Values, from the last known ones (..., ) and predicted changes (..., K)."""
        u = self.forward(last)[..., None] + predicted * np.asarray(self.changes)
        return np.maximum(u, 0) ** 2 if self.root else u


def spacing(times: np.ndarray) -> np.timedelta64:
    """The time from one value to the next. Raises ValueError if it is not always the same."""
    steps = np.unique(np.diff(times))
    if len(steps) != 1:
        raise ValueError(
            f"the times of a series are to be evenly spaced, not by {', '.join(map(str, steps)) or 'none'}"
        )
    return steps[0]


def year_part(times: np.ndarray) -> np.ndarray:
    """How much of its year is over at each time, 0 to 1."""
    days = times.astype("datetime64[D]")
    return (days - days.astype("datetime64[Y]").astype("datetime64[D]")).astype(float) / 365.25


# --- simple forecasts -------------------------------------------------------------------------------------------------


def persistence(values: np.ndarray, horizon: int) -> np.ndarray:
    """That all stays as it is: forecasts (T, B, K) from values (T, B)."""
    return np.repeat(values[:, :, None], horizon, axis=2)


def fit_autoregression(values: np.ndarray, order: int) -> np.ndarray:
    """Least squares of a value on the `order` values before it, the last one first, and a constant: (order + 1,)."""
    rows = np.lib.stride_tricks.sliding_window_view(values, order)[:-1, ::-1]
    rows = np.concatenate([rows, np.ones((len(rows), 1))], axis=1)
    return np.linalg.lstsq(rows, values[order:], rcond=None)[0]


def autoregression(weights: np.ndarray, values: np.ndarray, horizon: int) -> np.ndarray:
    """Forecasts (T, B, K) from values (T, B) by a fitted autoregression, which reads its own forecasts in turn.

    They are NaN where fewer than `order` values are known.
    """
    order = len(weights) - 1
    known = np.stack([np.roll(values, k, axis=0) for k in range(order)], axis=-1)  # the last value first
    known[: order - 1] = np.nan
    forecasts = []
    for _ in range(horizon):
        forecasts.append(known @ weights[:-1] + weights[-1])
        known = np.concatenate([forecasts[-1][..., None], known[..., :-1]], axis=-1)
    return np.stack(forecasts, axis=2)

"""Timing contenders fairly: first calls apart, results compared, then all in turn."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

UNITS = {"ms": 1e3, "us": 1e6}  # in a second


@dataclass
class Figure:
    """What one contender needed: the median of its runs, and the range that the middle half of them fell into.

    Attributes:
        first: seconds of the very first call, with compilation; None if it was not timed.
        cores: processor time over elapsed time. Above the number of threads, something was not pinned.
    """

    median: float
    low: float
    high: float
    runs: int
    first: float | None = None
    cores: float | None = None


@dataclass
class Target:
    """What a contender is to reach: at most `limit` times the reference's figure."""

    contender: str
    reference: str
    limit: float


@dataclass
class Contender:
    """Something to time.

    Attributes:
        run: does the work once, and is over when the work is.
        result: what the work amounted to, as an array or a number, to compare with the other contenders'; by default
            what `run` returned. None is not compared.
    """

    run: Callable[[], Any]
    result: Callable[[], Any] | None = None


def returning(work: Callable[[], Any], chosen: Callable[[Any], Any] = lambda found: found) -> Contender:
    """A contender whose result is what `work` returned last, or what `chosen` picks of it."""
    kept: dict[str, Any] = {}

    def run() -> None:
        kept["result"] = work()

    return Contender(run, lambda: chosen(kept["result"]))


def changes(before: Sequence[Any], after: Sequence[Any]) -> Any:
    """By how much the first elements of each array have changed: enough to see that optimizers do the same."""
    return np.concatenate([np.ravel(b)[:8].astype(np.float64) - np.ravel(a)[:8] for a, b in zip(before, after)])


def joined(gradients: Sequence[Any], *others: Any) -> Any:
    """Arrays as one vector, to see that contenders found the same."""
    return np.concatenate([np.ravel(array) for array in (*gradients, *others)])


@dataclass
class Row:
    """Contenders that did the same work. `reference` names the one that the others are compared with first."""

    group: str
    name: str
    unit: str
    figures: dict[str, Figure]
    reference: str = ""
    targets: list[Target] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def ratio(self, contender: str, reference: str | None = None) -> float | None:
        """The contender's median over the reference's; None if one of the two did not run."""
        wanted = self.reference if reference is None else reference
        if wanted not in self.figures or contender not in self.figures:
            return None
        return self.figures[contender].median / self.figures[wanted].median

    def references(self) -> list[str]:
        """What ratios are shown to: the row's reference and those of its targets, as far as they ran."""
        names = dict.fromkeys([self.reference, *(t.reference for t in self.targets)])
        return [name for name in names if name in self.figures]

    def outcomes(self) -> list[tuple[Target, float, bool]]:
        """Each target whose two contenders ran, with the ratio, and whether it was reached."""
        found = [(target, self.ratio(target.contender, target.reference)) for target in self.targets]
        return [(target, ratio, ratio <= target.limit) for target, ratio in found if ratio is not None]


class Disagreement(RuntimeError):
    """Two contenders computed different things."""


def compare(
    contenders: Mapping[str, Contender],
    seconds: float,
    rounds: tuple[int, int] = (7, 60),
    tolerance: float = 1e-4,
) -> tuple[dict[str, Figure], list[str]]:
    """Call each contender twice, make sure that the results agree, then time all in turn.

    Args:
        contenders: by name. The first one that has a result is what the others are compared with.
        seconds: how long the timing should take, roughly.
        rounds: the least and the most times that each contender is timed.
        tolerance: relative to the largest element of the result.

    Returns the figures in seconds a call, and a note for each contender that could not run. minigrad has to.
    Raises Disagreement if results differ.
    """
    notes: list[str] = []
    running: dict[str, Contender] = {}
    results: dict[str, Any] = {}
    first: dict[str, float] = {}
    for name, contender in contenders.items():
        try:
            begun = time.perf_counter()
            values = [contender.run()]
            first[name] = time.perf_counter() - begun
            values.append(contender.run())
            results[name] = values if contender.result is None else contender.result()
        except Exception as error:
            if name.startswith("minigrad"):
                raise
            notes.append(f"{name} failed: {type(error).__name__}: {_first_line(error)}")
            continue
        running[name] = contender
    check(results, tolerance)
    runs = {name: contender.run for name, contender in running.items()}
    figures = measure(runs, rounds_for(runs, seconds, rounds), warm_up=1)
    for name, figure in figures.items():
        figure.first = first[name]
    return figures, notes


def compared(
    group: str,
    name: str,
    contenders: Mapping[str, Contender],
    seconds: float,
    reference: str = "",
    targets: Sequence[Target] = (),
    notes: Sequence[str] = (),
    unit: str = "ms",
    count: float = 1,
    **how: Any,
) -> Row:
    """A row of contenders, timed by `compare`: milliseconds or microseconds (`unit`) for each of `count` things.

    `how` is for `compare`; `notes` come after its own.
    """
    figures, found = compare(contenders, seconds, **how)
    return Row(group, name, unit, scaled(figures, UNITS[unit] / count), reference, [*targets], [*found, *notes])


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), "")[:200]


def check(results: Mapping[str, Any], tolerance: float) -> None:
    """Raise Disagreement unless all results that are not None are the same within `tolerance`."""
    arrays = {name: np.asarray(value, np.float64) for name, value in results.items() if _is_result(value)}
    if not arrays:
        return
    first, expected = next(iter(arrays.items()))
    for name, found in arrays.items():
        if found.shape != expected.shape:
            raise Disagreement(f"{name} has results of shape {found.shape}, {first} of shape {expected.shape}")
        error = np.max(np.abs(found - expected), initial=0.0)
        if not error <= tolerance * np.max(np.abs(expected), initial=0.0):
            raise Disagreement(f"{name} differs from {first} by up to {error:.3g}, in results like {found.flat[:3]}")


def _is_result(value: Any) -> bool:
    return value is not None and not (isinstance(value, list) and None in value)


def rounds_for(runs: Mapping[str, Callable[[], Any]], seconds: float, rounds: tuple[int, int]) -> int:
    """How many rounds fit into `seconds`, within the bounds given; found with one round."""
    begun = time.perf_counter()
    for run in runs.values():
        run()
    least, most = rounds
    return min(most, max(least, int(seconds / (time.perf_counter() - begun))))


def measure(contenders: Mapping[str, Callable[[], Any]], rounds: int, warm_up: int = 2) -> dict[str, Figure]:
    """Time each contender `rounds` times, all in turn, so that a slow moment of the machine hits all of them.

    Each round has another order: who comes after a contender that leaves the caches full of its own would always be
    at a disadvantage. The orders are the same ones in every run.

    Figures are in seconds a call.
    """
    for run in contenders.values():
        for _ in range(warm_up):
            run()
    times: dict[str, list[float]] = {name: [] for name in contenders}
    busy = dict.fromkeys(contenders, 0.0)
    turns, order = list(contenders.items()), random.Random(0)
    for _ in range(rounds):
        order.shuffle(turns)
        for name, run in turns:
            used, start = time.process_time(), time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
            busy[name] += time.process_time() - used
    figures = {name: summary(t) for name, t in times.items()}
    for name, figure in figures.items():
        figure.cores = busy[name] / max(sum(times[name]), 1e-9)
    return figures


def per_step(
    runs: Mapping[int, Callable[[], Any]], rounds: int, warm_up: int = 2, name: str = "T={:,}"
) -> dict[str, Figure]:
    """Time runs over so many time steps, as `measure` does: microseconds a step, by `name` of the number of steps."""
    figures = measure({name.format(steps): run for steps, run in runs.items()}, rounds, warm_up)
    for steps in runs:
        figures |= scaled({name.format(steps): figures[name.format(steps)]}, 1e6 / steps)
    return figures


def summary(times: list[float]) -> Figure:
    """Median and quartiles of some times."""
    if len(times) == 1:
        return single(times[0])
    low, median, high = statistics.quantiles(times, n=4, method="inclusive")
    return Figure(median, low, high, len(times))


def single(value: float) -> Figure:
    """What is counted and not timed: one value, without a range."""
    return Figure(value, value, value, 1)


def scaled(figures: Mapping[str, Figure], factor: float) -> dict[str, Figure]:
    """The figures in another unit. First calls stay in seconds."""
    return {
        name: Figure(f.median * factor, f.low * factor, f.high * factor, f.runs, f.first, f.cores)
        for name, f in figures.items()
    }

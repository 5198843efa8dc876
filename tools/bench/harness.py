"""Timing contenders fairly, and writing the result down."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Figure:
    """What one contender needed: the median of its runs, and the range that the middle half of them fell into."""

    median: float
    low: float
    high: float
    runs: int


@dataclass
class Row:
    """One line of the table: contenders that did the same work.

    `reference` names the contender that the others are compared with; `target` is the ratio that minigrad is to reach.
    """

    group: str
    name: str
    unit: str
    figures: dict[str, Figure]
    reference: str = ""
    target: str = ""
    notes: dict[str, Any] = field(default_factory=dict)

    def ratio(self, contender: str) -> float | None:
        """The contender's median over the reference's; None if the reference did not run."""
        if self.reference not in self.figures:
            return None
        return self.figures[contender].median / self.figures[self.reference].median


def measure(contenders: dict[str, Callable[[], Any]], rounds: int, warm_up: int = 2) -> dict[str, Figure]:
    """Time each contender `rounds` times, all in turn, so that a slow moment of the machine hits all of them.

    Figures are in seconds a call.
    """
    for run in contenders.values():
        for _ in range(warm_up):
            run()
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    return {name: summary(t) for name, t in times.items()}


def summary(times: list[float]) -> Figure:
    """Median and quartiles of some times."""
    if len(times) == 1:
        return Figure(times[0], times[0], times[0], 1)
    low, median, high = statistics.quantiles(times, n=4, method="inclusive")
    return Figure(median, low, high, len(times))


def scaled(figures: dict[str, Figure], factor: float) -> dict[str, Figure]:
    """The figures in another unit."""
    return {name: Figure(f.median * factor, f.low * factor, f.high * factor, f.runs) for name, f in figures.items()}


def machine() -> dict[str, Any]:
    """What the figures depend on: processor, cores, versions, thread counts."""
    versions: dict[str, str | None] = {}
    for package in ("minigrad", "numpy", "numba", "torch"):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = None
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": versions,
        "threads": int(os.environ.get("OMP_NUM_THREADS", "0")) or None,
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }


def heading(about: dict[str, Any]) -> str:
    """Machine, threads and versions in a sentence."""
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items() if version)
    where = f"{about['processor']}, {about['cores']} cores, {about['threads']} thread(s)"
    return f"Measured on {where}, with Python {about['python']}, {versions}."


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def table(rows: list[Row]) -> str:
    """The rows as Markdown: a line a contender, with its ratio to the reference."""
    lines = ["| work | contender | median | middle half | ratio | target |", "| --- | --- | ---: | ---: | ---: | --- |"]
    for row in rows:
        for name, f in row.figures.items():
            ratio = row.ratio(name)
            shown = "" if ratio is None or name == row.reference else f"{ratio:.2f}"
            target = row.target if name.startswith("minigrad") and ratio is not None else ""
            span = f"{f.low:.3g} to {f.high:.3g}" if f.runs > 1 else ""
            lines.append(f"| {row.name} | {name} | {f.median:.3g} {row.unit} | {span} | {shown} | {target} |")
    return "\n".join(lines)


def write_json(path: str, rows: list[Row], about: dict[str, Any]) -> None:
    """Write machine, rows and ratios to a file."""
    data = [asdict(row) | {"ratios": {name: row.ratio(name) for name in row.figures}} for row in rows]
    Path(path).write_text(json.dumps({"machine": about, "rows": data}, indent=2) + "\n", encoding="utf-8")

"""Writing the result down: the machine, tables for people, JSON for programs."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any

from .harness import Figure, Row

PACKAGES = ("minigrad", "numpy", "numba", "torch", "jax", "autograd", "tinygrad", "torchview", "torchviz")
MANY = 50  # rows, or targets, of a group: more are put into one table, and into one line
LONG_START = 1.0  # seconds; where a first call took longer, the table has a column for it


def machine(threads: int, instructions: str = "all") -> dict[str, Any]:
    """What the figures depend on: processor, cores, versions, thread counts."""
    versions: dict[str, str | None] = {}
    for package in PACKAGES:
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
        "threads": threads,
        "instructions": instructions,
        "linear_algebra": _linear_algebra(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }


def heading(about: dict[str, Any], absent: dict[str, str] | None = None) -> str:
    """Machine, threads and versions in a sentence, and in another what could not take part."""
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items() if version)
    where = f"{about['processor']}, {about['cores']} cores, {about['threads']} thread(s)"
    text = f"Measured on {where}, with Python {about['python']}, {versions}."
    if about.get("linear_algebra"):
        text += f" NumPy's linear algebra: {about['linear_algebra']}."
    if about.get("instructions", "all") != "all":
        text += f" All libraries limited to {about['instructions'].upper()}."
    if about.get("load") is not None:
        text += f" Load average before the start: {about['load']:.1f}."
    if absent:
        text += " Not measured: " + "; ".join(f"{name} ({reason})" for name, reason in absent.items()) + "."
    return text


def _linear_algebra() -> str | None:
    """NumPy's library, its version, and the kind of processor that it has chosen its kernels for."""
    try:
        import threadpoolctl
    except ImportError:
        return None
    for info in threadpoolctl.threadpool_info():
        if info["user_api"] == "blas" and "numpy" in info["filepath"]:
            return " ".join(str(info[key]) for key in ("internal_api", "version", "architecture") if info.get(key))
    return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def report(rows: list[Row], threads: int | None = None) -> str:
    """All rows as Markdown: first the targets and whether they were reached, then the tables."""
    parts = [targets(rows)] if any(row.outcomes() for row in rows) else []
    for group, found in groupby(rows, key=lambda row: row.group):
        members = list(found)
        parts.append(f"## {group}")
        parts += [table(row, threads) for row in members] if len(members) <= MANY else [compact(members)]
    return "\n\n".join(parts)


def targets(rows: list[Row]) -> str:
    """A line for each target whose contenders both ran."""
    lines = [
        "## targets",
        "",
        "| work | contender | compared with | ratio | at most | reached |",
        "| --- | --- | --- | ---: | ---: | --- |",
    ]
    for group, found in groupby(rows, key=lambda row: row.group):
        outcomes = [(row.name, *outcome) for row in found for outcome in row.outcomes()]
        if len(outcomes) > MANY:
            name, target, ratio, reached = max(outcomes, key=lambda outcome: outcome[2])
            outcomes = [(f"{group}, the worst of {len(outcomes)}: {name}", target, ratio, reached)]
        for name, target, ratio, reached in outcomes:
            said = "yes" if reached else "no"
            limit = f"{target.limit:.2f}"
            lines.append(f"| {name} | {target.contender} | {target.reference} | {ratio:.2f} | {limit} | {said} |")
    return "\n".join(lines)


def compact(rows: list[Row]) -> str:
    """Many rows with the same contenders as one table: a line a row."""
    names = list(rows[0].figures)
    shown = [name for name in names if name != rows[0].reference]
    titles = ["work", *(f"{name}, {rows[0].unit}" for name in names), *(f"{name}, ratio" for name in shown)]
    lines = ["| " + " | ".join(titles) + " |", "| --- |" + " ---: |" * (len(titles) - 1)]
    for row in rows:
        medians = [f"{row.figures[name].median:.3g}" for name in names]
        ratios = [f"{row.ratio(name):.2f}" for name in shown]
        lines.append("| " + " | ".join([row.name, *medians, *ratios]) + " |")
    return "\n".join(lines)


def table(row: Row, threads: int | None = None) -> str:
    """One row as Markdown: a line a contender, a column for the ratio to each reference, notes below."""
    references = row.references()
    starts = any(f.first is not None and f.first > LONG_START for f in row.figures.values())
    titles = ["contender", "median", "middle half", *(f"ratio to {name}" for name in references)]
    marks = ["---", "---:", "---:", *("---:" for _ in references)]
    if starts:
        titles.append("first call")
        marks.append("---:")
    lines = [f"### {row.name}", "", _line(titles), _line(marks)]
    for name, figure in row.figures.items():
        cells = [name, f"{_number(figure.median)} {row.unit}", _span(figure)]
        cells += ["" if name == reference else f"{row.ratio(name, reference):.2f}" for reference in references]
        if starts:
            cells.append("" if figure.first is None else f"{figure.first:.1f} s")
        lines.append(_line(cells))
    notes = row.notes + _busy(row, threads)
    return "\n".join(lines + [""] + [f"- {note}" for note in notes] if notes else lines)


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _number(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def _span(figure: Figure) -> str:
    return f"{_number(figure.low)} to {_number(figure.high)}" if figure.runs > 1 else ""


def _busy(row: Row, threads: int | None) -> list[str]:
    """Who used more processor time than the threads it was given allow: its time is not comparable."""
    if threads is None:
        return []
    over = [(name, f.cores) for name, f in row.figures.items() if f.cores is not None and f.cores > threads + 0.15]
    return [f"{name} kept {cores:.1f} cores busy" for name, cores in over]


def write_json(path: str | Path, rows: list[Row], about: dict[str, Any], absent: dict[str, str] | None = None) -> None:
    """Write machine, rows, ratios and targets to a file."""
    data = []
    for row in rows:
        outcomes = [asdict(t) | {"ratio": ratio, "reached": reached} for t, ratio, reached in row.outcomes()]
        ratios = {name: {other: row.ratio(name, other) for other in row.references()} for name in row.figures}
        data.append(asdict(row) | {"ratios": ratios, "targets": outcomes})
    head = json.dumps({"machine": about, "not measured": absent or {}}, indent=1).removesuffix("\n}")
    body = ",\n  ".join(map(json.dumps, data))  # a line a row: readable side by side, and in a comparison of two files
    Path(path).write_text(f'{head},\n "rows": [\n  {body}\n ]\n}}\n', encoding="utf-8")


def write_markdown(path: str | Path, title: str, body: str) -> None:
    """Write a heading and tables to a file."""
    Path(path).write_text(f"{title}\n\n{body}\n", encoding="utf-8")

"""docs/results.md, written from the metrics of the runs."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from .table import RESULTS, Mark, Result, find

INTRODUCTION = """\
What the programs in `models/` reach on data that they have not seen. `make results` trains them all and writes this
page: it is not edited by hand. Each run uses one core; the times are those of its training steps. `MINIGRAD_DATA` names
a folder with the data sets; without it they are downloaded. All numbers are in [results.json](results.json).

Weights are chosen on validation parts. While the programs were written, the test numbers of some earlier settings were
seen: for sunspots (20.2, a miss, with a shorter validation part), sentiment (one seed had 74.9 %), speech, and the
clips (94.8 % with more noise in the frames, which made the task harder). So a small margin there means little. All
numbers are of one seed.
"""


def page(runs: Mapping[str, Any]) -> str:
    """The page, for the metrics of the runs that were made, by name."""
    parts = ["# Results", fill(INTRODUCTION), summary(runs)]
    parts += [section(name, RESULTS[name], runs) for name in RESULTS if name in runs and RESULTS[name].module is None]
    return "\n\n".join(parts) + "\n"


def summary(runs: Mapping[str, Any]) -> str:
    """The table: a line a mark."""
    lines = ["| program | what | reached | to reach | |", "| --- | --- | --- | --- | --- |"]
    for name, result in RESULTS.items():
        for mark in result.marks:
            if name not in runs:
                lines.append(f"| {name} | {mark.what} | not run | | |")
                continue
            value, limit = mark.value(runs[name]), mark.limit(runs)
            verdict = "reached" if mark.reached(value, limit) else "**missed**"
            wanted = f"{mark.compare} {shown(limit, mark)}, {mark.beside}"
            cells = (f"[{name}](#{anchor(result.title)})", mark.what, shown(value, mark), wanted, verdict)
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def section(name: str, result: Result, runs: Mapping[str, Any]) -> str:
    """What one run did: command, numbers, picture."""
    run = runs[name]
    seconds = run["seconds"]
    minutes = f"{seconds / 60:.1f} minutes" if seconds >= 60 else f"{seconds:.0f} s"
    settings = run["settings"]
    facts = f"Seed {settings['seed']}, backend {settings['backend']}, {run['parameters']:,} parameters; "
    facts += f"{run['steps']:,} batches in {minutes}; the weights of step {run['kept_step']:,} were kept."
    others = "; ".join(f"{label}: {number(find(run, path))}" for label, path in result.also)
    parts = [f"## {result.title}", fill(result.text), f"    minigrad train {' '.join(result.command)}", fill(facts)]
    parts += [fill(f"Also measured: {others}.")] if others else []
    suffix = result.picture.rpartition(".")[2]
    parts.append(f"![{result.caption}](images/results/{name}.{suffix})")
    return "\n\n".join(part for part in parts if part)


def shown(value: float, mark: Mark) -> str:
    """A number as the table has it."""
    return f"{100 * value:.1f} %" if mark.percent else number(value)


def number(value: Any) -> str:
    """Four digits that count, or the integer."""
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}" if isinstance(value, float) else str(value)


def anchor(title: str) -> str:
    """What a heading is linked by."""
    kept = "".join(c for c in title.lower() if c.isalnum() or c in " -_")
    return kept.replace(" ", "-")


def fill(text: str) -> str:
    """Text in lines of at most 120 characters; empty lines part paragraphs."""
    paragraphs = [" ".join(part.split()) for part in text.split("\n\n")]
    options: Any = {"width": 120, "break_long_words": False, "break_on_hyphens": False}
    return "\n\n".join("\n".join(textwrap.wrap(part, **options)) for part in paragraphs)

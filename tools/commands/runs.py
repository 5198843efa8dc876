"""`minigrad runs`: the runs in a folder, as a table or JSON, and their curves laid over each other."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from minigrad.training.live import report
from minigrad.training.live.saved import Run, find
from minigrad.training.terminal import say
from minigrad.writing import replace

GAP = "  "
HEAD = ("run", "began", "steps", "state", "best", "time")  # and the settings that differ


def runs(
    folder: Annotated[Path, typer.Argument(help="The folder of a run, or a folder with such folders inside.")] = Path(
        "out"
    ),
    out: Annotated[
        Path | None, typer.Option(help="Write a page that lays the curves over each other, or that of a single run.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON in place of a table.")] = False,
) -> None:
    """List runs, and compare them."""
    found = find(folder)
    if as_json:
        say(json.dumps([_plain(run) for run in found], indent=1))
    elif not found:
        say(f"there are no runs in {folder}")
    else:
        say("\n\n".join(_table(group, shutil.get_terminal_size((100, 24)).columns) for group in report.grouped(found)))
    if out is None:
        return
    if not found:
        raise FileNotFoundError(f"there are no runs in {folder}: {out} was not written")
    page = report.page(found[0]) if len(found) == 1 else report.overlay(found, f"Runs in {folder}", out)
    replace(out, page.encode())
    if not as_json:
        say(f"\n{out}")


def _plain(run: Run) -> dict[str, Any]:
    best = None if run.best is None else dict(zip(("value", "step"), run.best))
    names = "program began state said step steps seconds measure unit".split()
    known = {name: getattr(run, name) for name in names}
    return {"folder": str(run.folder), **known, "best": best, "settings": run.settings}


def _table(group: Sequence[Run], width: int) -> str:
    """The runs of one program, as a table, or one below the other where that is too wide."""
    differing = report.differing(group)
    head = [*HEAD, *differing]
    rows = [_cells(run, name, differing) for run, name in zip(group, report.names_of(group), strict=True)]
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    title = group[0].program or "of an unknown program"
    if sum(widths) + len(GAP) * (len(widths) - 1) <= width:
        lines = [GAP.join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in [head, *rows]]
        return "\n".join([title, lines[0], "-" * max(map(len, lines)), *lines[1:]])
    return "\n".join([title, *(_block(head, row, width) for row in rows)])


def _cells(run: Run, name: str, differing: Sequence[str]) -> list[str]:
    best = "-"
    if run.best is not None:
        best = f"{run.best[0]:.4g} {run.unit or run.measure.replace('_', ' ')}"
    steps = f"{run.step:,}" + (f" of {run.steps:,}" if run.steps else "")
    settings = [report.written(run.settings.get(name)) for name in differing]
    return [name, run.began[:16].replace("T", " ") or "-", steps, run.state, best, _time(run.seconds), *settings]


def _block(head: Sequence[str], row: Sequence[str], width: int) -> str:
    """A run in lines of this width: its name, and below it, indented, what it reached, and its settings."""
    setting = head[len(HEAD)] if len(head) > len(HEAD) else None  # the first one
    lines = [row[0]]
    for name, cell in zip(head[1:], row[1:], strict=True):
        part = f"{name} {cell}"
        if name != setting and lines[-1].startswith(GAP) and len(lines[-1]) + len(", ") + len(part) <= width:
            lines[-1] += f", {part}"
        else:
            lines.append(GAP + part)
    return "\n".join(lines)


def _time(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"

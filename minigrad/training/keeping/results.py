"""The end of a run: what was reached, the files, and what may be tried next, written and told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import minigrad as mg

from .. import files
from ..caller import given
from ..live import report
from ..progress import plot_curve
from ..task import Task
from ..terminal import say
from .folder import CURVE, METRICS, MODEL, REPORT
from .metrics import Metrics

Row = tuple[str, Any, str]  # a name, a value and its unit
_lacking: ContextVar[dict[str, list[str]] | None] = ContextVar("lacking", default=None)  # reasons: names of files


def drawn(draw: Callable[..., Any], path: Path, *arguments: Any) -> list[Path]:
    """Draw a picture, `draw(path, *arguments)`: its path in a list, which is empty if that fails.

    A picture is worth no training: what could not be drawn is told in a line at the end, with the reason.
    """
    try:
        draw(path, *arguments)
    except Exception as error:
        _failed(error, path.name)
        return []
    return [path]


def _failed(error: Exception, name: str) -> None:
    lacking = _lacking.get()
    foreseen = isinstance(error, OSError | ImportError | mg.GraphError)
    reason = " ".join(str(error).split()) if foreseen else _placed(error)
    if lacking is None:
        say(f"not drawn: {name}: {reason}")
    else:
        lacking.setdefault(reason, []).append(name)


def _placed(error: Exception) -> str:
    """An error that nobody has foreseen, with its place."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = "" if trace is None else f" ({Path(trace.tb_frame.f_code.co_filename).name}, line {trace.tb_lineno})"
    return f"{type(error).__name__}: {' '.join(str(error).split())}{place}"


def write(task: Task, out: Path, metrics: dict[str, Any], best: dict[str, Any] | None) -> Metrics:
    """Write the model, the metrics and what can be drawn, and tell it. Returns the metrics as plain data.

    Args:
        task: with the weights that are kept.
        out: the directory.
        metrics: what is known but for the results.
        best: of the validations, as in `State`.
    """
    files.save(task.model, out / MODEL, task.format, task.about())
    with mg.no_grad():
        reached = task.results()
    metrics = _plain(metrics | {"results": reached})
    _save(out, metrics)
    _tell(_rows(task, reached, best))
    lacking: dict[str, list[str]] = {}
    token = _lacking.set(lacking)
    try:
        pictures = [*_curve(task, out, metrics), *drawn(partial(report.write, out), out / REPORT)]
        made = [out / MODEL, out / METRICS, *pictures, *_written(task, out)]
    finally:
        _lacking.reset(token)
    metrics["files"] = [path.relative_to(out).as_posix() if path.is_relative_to(out) else str(path) for path in made]
    metrics["lacking"] = sorted(name for names in lacking.values() for name in names)
    _save(out, metrics)
    for path in made:
        say(path)
    for reason, names in lacking.items():
        say(f"not drawn: {', '.join(names)}: {reason}; then {given('resume')} draws what is lacking")
    return Metrics(metrics)


def _save(out: Path, metrics: dict[str, Any]) -> None:
    files.replace(out / METRICS, (json.dumps(metrics, indent=1) + "\n").encode())


def _curve(task: Task, out: Path, metrics: Mapping[str, Any]) -> list[Path]:
    curve = metrics["curve"]
    dots = [(v["step"], v[task.shown]) for v in metrics["validations"] if task.shown in v]
    return drawn(plot_curve, out / CURVE, range(1, len(curve) + 1), curve, dots, task.levels, task.unit)


def _written(task: Task, out: Path) -> list[Path]:
    """What the task writes; of an error, the reason is told, and what was written before it is there all the same."""
    try:
        return list(task.write(out))
    except Exception as error:
        _failed(error, f"what {type(task).__name__}.write makes")
        return []


def _rows(task: Task, results: Mapping[str, Any], best: Mapping[str, Any] | None) -> list[Row]:
    rows = [(str(name), value, str(unit)) for name, value, unit in task.reached(results)]
    if not results and best is not None:
        measure = (task.judged()[0] or "").replace("_", " ")
        rows.insert(0, (f"{measure}, held out", best["value"], task.unit if task.shown == task.judged()[0] else ""))
    return rows


def _tell(rows: Iterable[Row]) -> None:
    """A small table: names, values with their points one below the other, units."""
    cells = [(name, value if isinstance(value, str) else number(value), unit) for name, value, unit in rows]
    if not cells:
        return
    names = max(len(name) for name, _, _ in cells)
    before = max(len(value.partition(".")[0]) for _, value, _ in cells)
    after = max(len(value) - len(value.partition(".")[0]) for _, value, _ in cells)
    say("\nreached:")
    for name, value, unit in cells:
        whole = value.partition(".")[0]
        padded = " " * (before - len(whole)) + value + " " * (after - len(value) + len(whole))
        say(f"  {name:<{names}}  {padded}  {unit}".rstrip())
    say("")


def number(value: float) -> str:
    """Four digits that count, and no exponent where one can do without."""
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:#.4g}".rstrip(".") if value and not 1e-4 <= abs(value) < 1e4 else f"{value:.{_decimals(value)}f}"


def _decimals(value: float) -> int:
    """How many digits after the point make four that count."""
    digits = int(np.floor(np.log10(abs(value)))) if value and np.isfinite(value) else 0
    return max(0, 3 - digits)


def _plain(metrics: dict[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps(metrics, default=_simple))


def _simple(value: Any) -> Any:
    """NumPy's numbers and arrays, and paths, as plain data."""
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"metrics are plain data, not a {type(value).__name__}")

"""What the folder of a run tells of its training: from log.jsonl, and metrics.json once that is there.

Lines that were not written to their end, and files of something else, count for nothing.
"""

from __future__ import annotations

import json
import math
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..files import number
from ..keeping.folder import METRICS, OWNER
from ..watchers import LOG

MOST_POINTS = 4_000  # of a curve in a page that is kept
RUNNING, BROKEN_OFF = "running", "broken off"  # states beside those of an `End`


@dataclass(frozen=True)
class Run:
    """A run, as its folder tells.

    Attributes:
        folder: where it is.
        program: what ran, such as "char-lm"; empty if that is not known.
        began: when, as ISO 8601 has it; empty if that is not known.
        state: that of an `End`, "running", or "broken off", if nobody could say how it ended.
        said: the state in a sentence.
        step, steps: how many steps were taken, and of how many (0: not known).
        seconds: the time that the steps took.
        settings: by name, as plain data.
        measure: the one by which the run is judged; best: its best value, and after which step; None if it was not
            measured. unit: that of the best value; empty if it has none.
        page: the same and the curves, as the page takes it.
    """

    folder: Path
    program: str
    began: str
    state: str
    said: str
    step: int
    steps: int
    seconds: float
    settings: Mapping[str, Any]
    measure: str
    best: tuple[float, int] | None
    unit: str
    page: dict[str, Any]


def find(folder: str | Path) -> list[Run]:
    """All runs in a folder and in the folders inside, the oldest first. Raises OSError if there is no such folder."""
    folder = Path(folder)
    if not folder.is_dir():
        raise NotADirectoryError(f"there is no folder {folder} to look for runs in")
    homes = {path.parent for name in (LOG, METRICS) for path in folder.rglob(name)}
    runs = [run for home in sorted(homes) if (run := read(home)) is not None]
    return sorted(runs, key=lambda run: run.began)


def read(folder: str | Path) -> Run | None:
    """The run of a folder; None if it holds none."""
    folder = Path(folder)
    try:
        return _read(folder)
    except (TypeError, ValueError, KeyError, AttributeError):  # files of something else that look much like a run's
        return None


def _read(folder: Path) -> Run | None:
    entries, metrics = list(_entries(folder / LOG)), _metrics(folder / METRICS)
    first = entries[0] if entries and "began" in entries[0] else {}
    if not first and metrics is None:
        return None
    losses = [entry for entry in entries if _is_number(entry.get("loss"))]
    if metrics is not None and first and not _belong_together(losses, first, metrics):
        metrics = None  # of an older run in this folder
    return _run(folder, first, entries, losses, metrics)


def _run(folder: Path, first: Any, entries: list[Any], losses: list[Any], metrics: Any) -> Run:
    settings = first.get("settings") or (metrics or {}).get("settings") or {}
    validations = [_validation(entry) for entry in entries if isinstance(entry.get("validation"), dict)]
    if metrics is not None and not validations:
        validations = [_validation({"step": v.pop("step"), "validation": v}) for v in map(dict, metrics["validations"])]
    curves = _curves(first.get("scale", 1.0), losses, metrics)
    steps = first.get("steps") or settings.get("steps") or 0
    step = max([0, *(entry["step"] for entry in losses), *curves["steps"][-1:]])
    state, said = _state(folder, entries, metrics, step)
    seconds = (metrics or {}).get("seconds") or max([0.0, *(entry.get("seconds", 0.0) for entry in losses)])
    judged = first.get("judged") or ["loss", "min"]
    unit = first.get("unit") or (metrics or {}).get("unit") or "loss"
    about = {
        "program": first.get("program") or folder.name,
        "introduction": first.get("introduction", ""),
        "folder": str(folder),
        "steps": steps or step,
        "unit": unit,
        "scale": 1.0,  # what is here is in the unit
        "shown": first.get("shown", judged[0]),
        "levels": first.get("levels", []),
        "began": first.get("began", ""),
    }
    now = {"epoch": losses[-1].get("epoch", 0) if losses else 0, "seconds": seconds, "left": None}
    speed = {"speed": number(step / seconds) if seconds else None}
    page = {"run": None, "about": about, "state": state, "said": said, "more": False, **now, **speed, **curves}
    return Run(
        folder=folder,
        program=first.get("program", ""),
        began=about["began"],
        state=state,
        said=said,
        step=step,
        steps=steps,
        seconds=seconds,
        settings=settings,
        measure=str(judged[0] or ""),
        best=_best(judged, validations),
        unit=unit if judged[0] == about["shown"] else "",
        page=page | {"validations": validations},
    )


# --- reading ----------------------------------------------------------------------------------------------------------


def _entries(log: Path) -> Iterator[dict[str, Any]]:
    with suppress(OSError), log.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            with suppress(ValueError):
                entry = json.loads(line)
                if isinstance(entry, dict) and isinstance(entry.get("step"), int):
                    yield entry


def _metrics(path: Path) -> dict[str, Any] | None:
    """What metrics.json says; None if it is that of something else."""
    kinds = {"settings": dict, "validations": list, "curve": list, "gradient_norm": list, "steps": int}
    with suppress(OSError, ValueError):
        metrics = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(metrics, dict) and all(isinstance(metrics.get(name), kind) for name, kind in kinds.items()):
            return metrics
    return None


def _belong_together(losses: list[Any], first: Mapping[str, Any], metrics: Mapping[str, Any]) -> bool:
    """Whether the last loss of the log is in the metrics, which were written after it."""
    if not losses:
        return False
    step, value = losses[-1]["step"], losses[-1]["loss"] * first.get("scale", 1.0)
    return step == len(metrics["curve"]) and math.isclose(value, metrics["curve"][-1], rel_tol=1e-6)


def _is_number(x: Any) -> bool:
    return isinstance(x, (int, float)) and not isinstance(x, bool)


def _state(folder: Path, entries: list[Any], metrics: Any, step: int) -> tuple[str, str]:
    last = entries[-1] if entries else {}
    if "end" in last:
        return str(last["end"]), str(last.get("said", ""))
    if metrics is not None and not entries:
        how = "finished" if metrics.get("finished") else "interrupted"
        return ("stopped early" if metrics.get("stopped_early") else how), f"{how} after {step} steps"
    if _at_work(folder / OWNER):
        return RUNNING, f"running, {step} steps so far"
    return BROKEN_OFF, f"broken off after {step} steps or more: it could not say how"


def _at_work(owner: Path) -> bool:
    """Whether the process that has locked the folder of a run is there, as far as that can be known."""
    try:
        said = json.loads(owner.read_text(encoding="utf-8"))
        process, here = int(said["process"]), said["host"] == socket.gethostname()
    except (OSError, ValueError, KeyError, TypeError):
        return False
    if not here or os.name == "nt":  # where the question would end the process
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # of somebody else
        return True
    return True


# --- what pages show --------------------------------------------------------------------------------------------------


def _curves(scale: float, losses: list[Any], metrics: Any) -> dict[str, Any]:
    """Loss, norm and rate by step: of each step if they are known, though of so many points at most."""
    known = {entry["step"]: entry for entry in losses}
    if metrics is None:
        steps = sorted(known)
        values = [known[n]["loss"] * scale for n in steps]
        norms = [known[n].get("gradient_norm") for n in steps]
    else:
        count = len(metrics["curve"])
        steps = sorted({*range(1, count + 1, -(-count // MOST_POINTS) or 1), *(n for n in known if n <= count)})
        values = [metrics["curve"][n - 1] for n in steps]
        norms = [metrics["gradient_norm"][n - 1] for n in steps]
    rates = [known[n].get("lr") if n in known else None for n in steps]
    curves = {"loss": values, "norm": norms, "rate": rates}
    return {"steps": steps} | {name: [_finite(x) for x in numbers] for name, numbers in curves.items()}


def _validation(entry: Mapping[str, Any]) -> dict[str, Any]:
    flow = entry.get("flow")
    return {
        "step": entry["step"],
        "measures": {name: _finite(value) for name, value in entry["validation"].items()},
        "example": str(entry.get("example", "")),
        "flow": flow if isinstance(flow, list) else None,
        "note": flow if isinstance(flow, str) else "",
    }


def _finite(x: Any) -> float | None:
    return number(x) if _is_number(x) else None


def _best(judged: list[Any], validations: list[Any]) -> tuple[float, int] | None:
    found = [(value, v["step"]) for v in validations if (value := v["measures"].get(judged[0])) is not None]
    if not found:
        return None
    best = (min if judged[1] == "min" else max)(value for value, _ in found)
    return next((value, step) for value, step in found if value == best)

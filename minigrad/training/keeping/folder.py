"""The folder of a run: what it holds, who works in it, and what is removed for a new run.

One folder, one run. A folder with a run in it is gone on with or overwritten, and one of the two must be asked for.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from minigrad.extras import extra
from minigrad.writing import tidied

from .. import checkpoints
from ..caller import given, named
from ..settings import Settings, writable
from ..watchers import LOG

MODEL, METRICS, CURVE, REPORT = "model.safetensors", "metrics.json", "loss.png", "report.html"
LOCK, OWNER = ".lock", ".lock.json"


@dataclass(frozen=True)
class Found:
    """The run that a folder holds.

    Attributes:
        path: the folder.
        checkpoint: what its checkpoint says beside the state, if there is one: settings, step, and so on.
        metrics: what metrics.json says, if there is one; nothing for a file that cannot be read.
        files: those of the run that are there.
        damaged: what is wrong with the checkpoint, if it cannot be read.
    """

    path: Path
    checkpoint: dict[str, Any] | None
    metrics: dict[str, Any] | None
    files: tuple[Path, ...]
    damaged: ValueError | None = None

    @property
    def finished(self) -> bool:
        """Whether nothing is left to be learned with the run's own settings."""
        return bool((self.checkpoint or self.metrics or {}).get("finished"))

    @property
    def written(self) -> bool:
        """Whether all its results were written, pictures included, and are there."""
        metrics = self.metrics or {}
        if metrics.get("steps") != (self.checkpoint or {}).get("step") or metrics.get("lacking"):
            return False
        return bool(metrics.get("files")) and all((self.path / name).exists() for name in metrics["files"])

    def __str__(self) -> str:
        when = max(path.stat().st_mtime for path in self.files)
        date = f"({datetime.fromtimestamp(when):%Y-%m-%d %H:%M})"
        about = self.checkpoint or self.metrics
        if about is None:
            return f"a run that left no checkpoint {date}"
        step, steps = about.get("step", about.get("steps")), about.get("settings", {}).get("steps")
        if self.finished:
            return f"a run that has finished after {step} steps {date}"
        return f"a run after step {step} of {steps} {date}"


def look(path: Path) -> Found | None:
    """The run in a folder; None if it holds none. Raises OSError for one that cannot be read."""
    names = (checkpoints.NAME, METRICS, MODEL, LOG)
    files = tuple(path / name for name in names if (path / name).is_file())
    if not files:
        return None
    checkpoint = metrics = damaged = None
    try:
        checkpoint = checkpoints.about(path / checkpoints.NAME)
    except ValueError as error:
        damaged = error
    with suppress(OSError, ValueError):
        metrics = json.loads((path / METRICS).read_text(encoding="utf-8"))
    return Found(path, checkpoint, metrics if isinstance(metrics, dict) else None, files, damaged)


def refuse(found: Found | None, settings: Settings) -> None:
    """Raises FileExistsError if a folder holds a run, and nobody has said what is to become of it.

    Raises ValueError for a checkpoint that is damaged, if the run is to go on.
    """
    if found is None or settings.overwrite:
        return
    anew = f"{given('overwrite')} starts anew in its place"
    if not settings.resume:
        more = f" with more {named('steps')}" if found.finished else ""
        on = f"{given('resume')}{more} goes on with it, " if found.checkpoint else ""
        raise FileExistsError(f"{found.path} holds {found} already: {on}{anew}")
    if found.damaged is not None:
        raise found.damaged
    if found.checkpoint is None and found.files != (found.path / LOG,):
        raise FileExistsError(
            f"{found.path} has the results of a run, and no {checkpoints.NAME} to resume from: {anew}"
        )


def clear(path: Path) -> None:
    """Remove the files of the run that a folder holds; others stay."""
    names = [checkpoints.NAME, METRICS, MODEL, LOG, CURVE, REPORT]
    with suppress(OSError, ValueError, AttributeError, TypeError):
        names += map(str, json.loads((path / METRICS).read_text(encoding="utf-8")).get("files", []))
    for file in {path / name for name in names}:
        if file.parent == path and file.is_file():  # a name in metrics.json may say anything
            file.unlink()


@contextmanager
def opened(path: Path) -> Iterator[Path]:
    """Make a folder, and keep other runs out of it. Afterwards it is gone if nothing was written.

    Raises OSError for a folder that cannot be made or written to, or that another run works in; ImportError without
    filelock.
    """
    with ExitStack() as stack:
        stack.enter_context(made(path))
        stack.enter_context(_locked(path))
        for name in (checkpoints.NAME, METRICS, MODEL, LOG):
            for part in path.glob(f"{name}.*.part"):  # of a process that was killed while it wrote
                part.unlink(missing_ok=True)
        yield path


@contextmanager
def made(path: Path) -> Iterator[None]:
    """Make a folder that can be written to. Afterwards those that were made, and are empty, are gone."""
    with tidied(path):
        writable(path)
        yield


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """The system gives the lock back when the process ends, however it does."""
    filelock = extra("filelock", "a run keeps others out of its folder with filelock", "training")
    lock, owner = filelock.FileLock(path / LOCK), path / OWNER
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        raise BlockingIOError(
            f"another run works in {path}{_who(owner)}: wait for its end, or choose another folder with {named('out')}"
        ) from None
    try:
        now = f"{datetime.now():%Y-%m-%d %H:%M:%S}"
        owner.write_text(json.dumps({"process": os.getpid(), "host": socket.gethostname(), "since": now}))
        yield
    finally:
        for file in (owner, path / LOCK):  # as long as it is held
            with suppress(OSError):
                file.unlink()
        lock.release()


def _who(owner: Path) -> str:
    """Which process works in a folder, as far as it is known."""
    try:
        said = json.loads(owner.read_text())
        where = "" if said["host"] == socket.gethostname() else f" on {said['host']}"
        return f" (process {said['process']}{where}, since {said['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        return ""

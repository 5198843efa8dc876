"""Watchers: who is told what happens in a training. The log is one of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol

from . import files
from .flow import GradientFlow
from .settings import Settings
from .task import Task

LOG = "log.jsonl"
LOG_LINES = 200  # with the loss, spread over the steps


class Training(Protocol):
    """A training as its watchers see it: to be read, not to be changed. They are given a `View` of a `Trainer`.

    Attributes:
        task, settings: what is learned, and how.
        step, epoch: how many steps were taken, and the epoch, from 0.
        losses, norms: the loss and the norm of the whole gradient of each step.
        validations: what was measured: {"step": n, measure: value, ...}.
        seconds: the time that the steps took.
    """

    @property
    def task(self) -> Task: ...
    @property
    def settings(self) -> Settings: ...
    @property
    def step(self) -> int: ...
    @property
    def epoch(self) -> int: ...
    @property
    def losses(self) -> Sequence[float]: ...
    @property
    def norms(self) -> Sequence[float]: ...
    @property
    def validations(self) -> Sequence[Mapping[str, Any]]: ...
    @property
    def seconds(self) -> float: ...


class View:
    """What a `Training` has of a trainer, and no more; its lists cannot be changed, and follow the training."""

    def __init__(self, trainer: Training) -> None:
        self.__dict__["_trainer"] = trainer

    def __getattr__(self, name: str) -> Any:
        if not isinstance(vars(Training).get(name), property):
            raise AttributeError(f"watchers see no {name!r} of a training")
        value = getattr(self._trainer, name)
        return ReadOnly(value) if isinstance(value, list) else value

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"watchers only look: they cannot set {name!r} of a training")


class ReadOnly(Sequence[Any]):
    """A list that cannot be changed from here."""

    def __init__(self, values: list[Any]) -> None:
        self._values = values

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, index: Any) -> Any:
        return self._values[index]


@dataclass(frozen=True)
class Step:
    """What happened in one step.

    Attributes:
        step: its number, from 1.
        epoch: from 0.
        loss: of the batch, before the update.
        norm: of the whole gradient, before it was limited.
        rate: the learning rate of the update.
        seconds: the time that all steps took so far, validations not counted.
    """

    step: int
    epoch: int
    loss: float
    norm: float
    rate: float
    seconds: float


@dataclass(frozen=True)
class Validation:
    """What a validation found.

    Attributes:
        step: the step after which it took place.
        measures: on held-out data, by name.
        example: what the model makes now, as text; may be empty.
        flow: the gradient flow of the batch of this step; a sentence that says why there is none; None if no watcher
            wants it.
    """

    step: int
    measures: Mapping[str, float]
    example: str
    flow: GradientFlow | str | None = None


@dataclass(frozen=True)
class End:
    """How a training ended, in a word and in a sentence."""

    how: Literal["finished", "stopped early", "interrupted", "failed"]
    said: str


class Watcher:
    """Base class: is told everything, and does nothing.

    A watcher only looks: it draws no random numbers, and changes neither the task nor the training.

    Attributes:
        flow: whether it wants the gradient flow of the step before each validation, for which that step is recorded.
    """

    flow = False

    def begin(self, training: Training) -> None:
        """Training begins, or goes on after `training.step`."""

    def step(self, step: Step) -> None:
        """A step was taken."""

    def validation(self, validation: Validation) -> None:
        """The model was measured; this comes after the step."""

    def failed(self, step: int, reason: str) -> None:
        """A step could not be taken, because of its loss or its gradient."""

    def end(self, end: End) -> None:
        """No more steps follow. Comes last, however training ends, also if `begin` has failed."""

    def close(self) -> None:
        """Give back what is held open. The results have been written."""


def described(training: Training) -> dict[str, Any]:
    """What a training is that begins now, as plain data, for those who tell of it later: the log, and pages."""
    task = training.task
    return {
        "began": datetime.now().astimezone().isoformat(timespec="seconds"),
        "program": files.program_of(task.format) or task.format.rpartition(" ")[0] or task.format,
        "introduction": task.introduction(),
        "steps": training.settings.steps,
        "unit": task.unit,
        "scale": task.scale,
        "shown": task.shown,
        "judged": list(task.judged()),
        "levels": [[name, files.number(value)] for name, value in task.levels],
    }


class Log(Watcher):
    """A file of JSON lines: what the training is, a line for every so many steps and for each validation, and its end.

    The first line has what `described` tells, the settings, and when training began; the last one how it ended. A run
    that goes on has one first and one last line, too. A training without a step leaves no file.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._every = 1
        self._first: dict[str, Any] | None = None  # not written yet
        self._step: Step | None = None  # the last one, if it is not written yet
        self._taken = 0

    def begin(self, training: Training) -> None:
        self._every = max(1, training.settings.steps // LOG_LINES)
        first = {"step": 0, **described(training), "settings": training.settings.plain()}
        if training.step:
            _cut(self.path, training.step, first)
        else:
            self._first = first
        self._taken = training.step

    def step(self, step: Step) -> None:
        self._step, self._taken = step, step.step
        if step.step % self._every == 0:
            self._write(self._unwritten())
        elif self._first is not None:
            self._write([])

    def validation(self, validation: Validation) -> None:
        entry = {"step": validation.step, "validation": dict(validation.measures)}
        flow = validation.flow
        if validation.example.strip():
            entry["example"] = validation.example
        if flow is not None:
            entry["flow"] = flow if isinstance(flow, str) else flow.plain()
        self._write([entry])

    def failed(self, step: int, reason: str) -> None:
        if self._taken:  # otherwise there may be the log of an older run, which stays
            self._write([*self._unwritten(), {"step": step, "error": reason}])

    def end(self, end: End) -> None:
        if self._taken and self._first is None:
            self._write([*self._unwritten(), {"step": self._taken, "end": end.how, "said": end.said}])

    def _unwritten(self) -> list[dict[str, Any]]:
        """The entry of the last step, if there is none of it yet."""
        step, self._step = self._step, None
        if step is None:
            return []
        entry = {"step": step.step, "epoch": step.epoch, "loss": step.loss}
        return [entry | {"gradient_norm": step.norm, "lr": step.rate, "seconds": round(step.seconds, 3)}]

    def _write(self, entries: Sequence[Mapping[str, Any]]) -> None:
        first, self._first = self._first, None
        with self.path.open("a" if first is None else "w", encoding="utf-8") as file:
            file.write(_lines([*([] if first is None else [first]), *entries]))


def _lines(entries: Sequence[Mapping[str, Any]]) -> str:
    return "".join(json.dumps(entry, default=str) + "\n" for entry in entries)


def _cut(log: Path, step: int, first: dict[str, Any]) -> None:
    """Give a log this first line, and leave out how it ended and what comes after a step, as a line cut short does."""
    lines = log.read_text(encoding="utf-8").splitlines(keepends=True) if log.exists() else []
    try:
        entries = [json.loads(line) for line in lines if line.endswith("\n")]
        kept = [entry for entry in entries if entry["step"] <= step and "end" not in entry]
    except (ValueError, KeyError, TypeError):
        raise ValueError(f"{log} is not the log of a training: remove it, to go on") from None
    if kept and "began" in kept[0]:
        first["began"] = kept.pop(0)["began"]
    files.replace(log, _lines([first, *kept]).encode())

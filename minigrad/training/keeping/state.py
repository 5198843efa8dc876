"""Where a training stands: what a checkpoint has to hold for another process to go on as if nothing had happened."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import minigrad as mg
from minigrad import nn, optim
from minigrad.optim.lr_scheduler import LRScheduler

from .. import checks
from ..task import Task

HISTORY = ("losses", "norms", "validations", "best", "epoch", "position", "seconds")


class State:
    """A task, how far it is, and what has happened so far.

    Attributes:
        step: how many steps were taken. losses, norms: the loss and the gradient's norm of each.
        validations: what was measured: {"step": n, measure: value, ...}.
        best: of the validations, {"value", "step", "weights": arrays or None}.
        epoch, position: which batch is next.
        seconds: the time that the steps took.
    """

    def __init__(self, task: Task) -> None:
        checks.task(task)
        self.task, self.settings = task, task.settings
        self.losses: list[float] = []
        self.norms: list[float] = []
        self.validations: list[dict[str, Any]] = []
        self.best: dict[str, Any] | None = None
        self.epoch = self.position = 0
        self.seconds = 0.0
        self._batches: Iterator[Any] = checks.batches(task, 0)
        self._stopping = self._judged_so_far()

    @property
    def step(self) -> int:
        return len(self.losses)

    @property
    def stopped_early(self) -> bool:
        """Whether the last validations, `patience` of them, have brought no improvement."""
        return self._stopping.stop

    @property
    def finished(self) -> bool:
        """Whether nothing is left to be learned."""
        return self.step >= self.settings.steps or self.stopped_early

    def _judged_so_far(self) -> optim.EarlyStopping:
        measure, mode = self.task.judged()
        stopping = optim.EarlyStopping(self.settings.patience or math.inf, mode)
        for validation in self.validations:
            stopping.step(judgeable(validation.get(measure or "", math.nan)))
        return stopping

    def _next_batch(self) -> Any:
        while True:
            for batch in self._batches:
                self.position += 1
                return batch
            if not self.position:
                raise ValueError(f"{type(self.task).__name__}.batches({self.epoch}) gives no batch")
            self.epoch, self.position = self.epoch + 1, 0
            self._batches = checks.batches(self.task, self.epoch)

    # --- for checkpoints ----------------------------------------------------------------------------------------------

    def pack(self) -> dict[str, Any]:
        """A copy of all this, to be kept; between two steps."""
        task = self.task
        history = {name: getattr(self, name) for name in HISTORY}
        return {
            "about": task.about(),
            "model": weights(task.model),
            "optimizer": task.optimizer.state_dict(),
            "schedule": None if task.schedule is None else task.schedule.state_dict(),
            "carried": task.carried,
            "generators": {name: mg.random.default_generator(name).get_state() for name in _backends()},
            "history": {name: list(value) if isinstance(value, list) else value for name, value in history.items()},
            "kinds": _kinds(task),
        }

    def unpack(self, state: dict[str, Any], then: dict[str, Any] | None = None, where: Path | None = None) -> None:
        """Go on from there.

        Args:
            state: what `pack` gave.
            then: the plain settings of that time; None if they are the same.
            where: the folder of the checkpoint, for errors.

        Raises ValueError for a state of another task.
        """
        task, cannot = self.task, f"cannot resume from the checkpoint in {where}"
        if state["about"] != task.about():
            raise ValueError(f"{cannot}: it was made with other data")
        kinds = _kinds(task)
        for part, kind in state.get("kinds", {}).items():  # which older checkpoints do not have
            if kind != (now := kinds[part]):
                raise ValueError(f"{cannot}: its {part} was {kind}, not {now}")
        task.model.load_state_dict(state["model"])
        self._unpack_rates(state, then)
        task.carried = state["carried"]
        for name in HISTORY:
            setattr(self, name, state["history"][name])
        self._stopping = self._judged_so_far()
        self._batches = checks.batches(task, self.epoch)
        skipped = sum(1 for _ in itertools.islice(self._batches, self.position))  # they were learned from
        if skipped < self.position:
            raise ValueError(
                f"{cannot}: of epoch {self.epoch}, {self.position} batches were learned from, and now there are "
                f"{skipped}"
            )
        for name, generator in state["generators"].items():
            mg.random.default_generator(name).set_state(generator)

    def _unpack_rates(self, state: dict[str, Any], then: dict[str, Any] | None) -> None:
        """The optimizer and its schedule. With another `lr`, rates are as if they had begun with that."""
        optimizer, schedule = self.task.optimizer, self.task.schedule
        fresh: list[dict[str, Any]] = [
            {key: group[key] for key in ("lr", "initial_lr") if key in group} for group in optimizer.param_groups
        ]
        base = list(schedule.base_lrs) if isinstance(schedule, LRScheduler) else []
        optimizer.load_state_dict(state["optimizer"])
        if schedule is not None:
            schedule.load_state_dict(state["schedule"])
        if then is None or then.get("lr") == self.settings.lr:
            return
        for group, rates in zip(optimizer.param_groups, fresh):
            group.update(rates)
        if isinstance(schedule, LRScheduler):
            schedule.load_state_dict({**state["schedule"], "base_lrs": base})


def judgeable(value: float) -> float:
    """A measure as it counts for what is best: one that is not finite is none, in either direction."""
    return value if math.isfinite(value) else math.nan


def weights(model: nn.Module) -> dict[str, np.ndarray]:
    """A copy of the weights, on the host."""
    return {name: np.array(t.numpy()) for name, t in model.state_dict().items()}


def _kinds(task: Task) -> dict[str, str | None]:
    """The classes of what has a state; a state says little of whose it is."""
    parts = {"optimizer": task.optimizer, "schedule": task.schedule}
    return {name: None if part is None else type(part).__name__ for name, part in parts.items()}


def _backends() -> list[str]:
    """Those whose default generators a task uses."""
    return sorted({"numpy", mg.default_backend().name})

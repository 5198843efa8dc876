"""The training loop of all programs: steps, validation, keeping the best weights, early stopping, and checkpoints.

A program says what is to be learned, a `Task`; where a training stands is a `State`, and a `Trainer` moves it on.
Watchers are told what happens: the log, the display, and those that the settings ask for. `fitting` is around it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import minigrad as mg
from minigrad import nn, optim, tree
from minigrad.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from . import checkpoints, checks, divergence, files
from .caller import given, named
from .flow import GradientFlow, gradient_flow
from .keeping import folder, results
from .keeping.interrupts import Interrupts, Terminated
from .keeping.state import State, judgeable, weights
from .progress import Display
from .task import Task
from .terminal import say
from .watchers import LOG, End, Log, Step, Training, Validation, View, Watcher

NOTED = 1.0  # seconds between two notes of the state in memory, where an interrupt may come at any time


class Trainer(State):
    """Trains a task.

    Args:
        task: what is to be learned.
        out: the directory for the log and the checkpoints; None writes nothing.
        watchers: who else is told what happens, beside the log and the display.
        interrupts: where signals wait; None: KeyboardInterrupt may come at any time.

    Attributes are those of `State`, and `saved`: the step of the checkpoint that is there, None if there is none.

    Raises FileExistsError for a directory with a run in it that is neither to go on nor to be overwritten.
    """

    def __init__(
        self,
        task: Task,
        out: str | Path | None = None,
        watchers: Sequence[Watcher] = (),
        interrupts: Interrupts | None = None,
    ) -> None:
        super().__init__(task)
        self.out = None if out is None else Path(out)
        self.saved: int | None = None
        self._interrupts = Interrupts() if interrupts is None else interrupts
        self._saved_at = self._noted_at = -math.inf
        self._note: dict[str, Any] | None = None  # the state between two steps, to go back to
        self._between = True  # whether the state is that between two steps
        self._watchers: list[Watcher] = [*([] if self.settings.quiet else [Display()]), *checks.watchers(watchers)]
        if self.out is not None:
            self._watchers.insert(0, Log(self.out / LOG))
            files.library()  # what is missing should be missed now, not after hours of training
            files.entry(task.format, task.about())
            self._begin(self.out)

    def __repr__(self) -> str:
        return f"<Trainer of {repr(self.task).strip('<>')}, after {self.step} of {self.settings.steps} steps>"

    # --- learning -----------------------------------------------------------------------------------------------------

    def train(self) -> None:
        """Take the steps that are left. Raises ValueError for a loss or a gradient that is not finite.

        However it ends, the last state between two steps is in the checkpoint, unless numbers went wrong.
        """
        steps = self.settings.steps
        looks = {max(1, round(steps * i / self.settings.validations)) for i in range(1, self.settings.validations + 1)}
        self._saved_at = time.monotonic()
        with self._watched(), self._kept(), self._interrupts.held():
            if self.step in looks and self.step not in (v["step"] for v in self.validations[-1:]):
                self._validate()  # it was interrupted
            while self.step < steps and not self.stopped_early:
                self._interrupts.check()
                self._noted()
                looking = self.step + 1 in looks
                tape = mg.Tape() if looking and any(watcher.flow for watcher in self._watchers) else None
                self._learn(tape)
                if looking:
                    flow = None if tape is None else _flow(tape, self.task.model)
                    tape = None  # which holds on to all that was recorded
                    self._validate(flow)
                elif 0 < self.settings.checkpoint_seconds <= time.monotonic() - self._saved_at:
                    self._save()

    def _learn(self, tape: mg.Tape | None = None) -> None:
        """Learn from one batch, and hold on to what is recorded if there is a tape for it."""
        start = time.monotonic()
        task, settings = self.task, self.settings
        self._between = False
        batch = self._next_batch()
        task.model.train()
        with self._failing(f"in step {self.step + 1}", self.step + 1):
            with nullcontext() if tape is None else tape:
                loss = checks.loss(task, task.loss(batch))
                task.optimizer.zero_grad()
                loss.backward()
            if not self.losses:
                checks.learning(task)
            task.carried = tree.detach(task.carried)
            value = loss.item()
            if not math.isfinite(value):
                raise divergence.Diverged(f"the loss is {value}; {divergence.advice(batch)}")
            try:
                norm = optim.clip_grad_norm_(
                    task.model.parameters(), settings.clip or math.inf, error_if_nonfinite=True
                )
            except ValueError as error:
                raise divergence.Diverged(f"{error}; {divergence.advice(batch)}") from None
        rate = task.optimizer.param_groups[0]["lr"]
        task.optimizer.step()
        if isinstance(task.schedule, LRScheduler):
            task.schedule.step()
        self.losses.append(value)
        self.norms.append(float(norm))
        self.seconds += time.monotonic() - start
        self._between = True
        if self.step == 1 and self.out is not None:
            folder.clear(self.out)  # of an older run: now there is something in its place
        step = Step(self.step, self.epoch, value, float(norm), rate, self.seconds)
        for watcher in self._watchers:
            watcher.step(step)

    @contextmanager
    def _failing(self, when: str, step: int) -> Iterator[None]:
        """Tell the watchers if the training diverges inside, and raise ValueError that says when."""
        try:
            with divergence.explained(self.task.model):
                yield
        except divergence.Diverged as error:
            for watcher in self._watchers:
                watcher.failed(step, str(error))
            kept = ""
            if self.saved is not None:
                lower = f"{given('resume')} with a lower {named('lr')}"
                kept = f"; the checkpoint of step {self.saved} is kept: {lower} goes on from there"
            raise ValueError(f"training failed {when}: {error}{kept}") from None

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Tell the watchers when training begins, and how it ends, whatever happens."""
        steps = self.settings.steps
        end = End("failed", "failed")
        try:
            for watcher in self._watchers:
                watcher.begin(cast("Training", View(self)))
            yield
            end = End("finished", f"finished after {self.step} steps")
            if self.step < steps:
                looks = f"{self.settings.patience} looks without improvement"
                end = End("stopped early", f"stopped after {self.step} steps: {looks}")
        except (KeyboardInterrupt, Terminated) as error:
            said = error.said if isinstance(error, Terminated) else "interrupted"
            end = End("interrupted", f"{said} after {self.step} of {steps} steps")
            raise
        except Exception as error:
            end = End("failed", str(error) or type(error).__name__)
            raise
        finally:
            with ExitStack() as told:  # all are, also if one fails
                for watcher in reversed(self._watchers):
                    told.callback(watcher.end, end)

    # --- validation ---------------------------------------------------------------------------------------------------

    def _validate(self, flow: GradientFlow | str | None = None) -> None:
        """Measure, tell the watchers, and write a checkpoint. An interrupt need not wait for the measures."""
        self._noted(now=True)
        self._between = False
        with self._failing(f"after step {self.step}", self.step):
            with self._interrupts.at_once():
                measures, example = self._look()
            self.validations.append({"step": self.step, **measures})
            self._judge(measures)
        self._between, self._note, self._noted_at = True, None, -math.inf
        try:
            for watcher in self._watchers:
                watcher.validation(Validation(self.step, MappingProxyType(measures), example, flow))
        finally:  # what was learned is not lost for a watcher that fails
            self._save()

    @mg.no_grad()
    def _look(self) -> tuple[dict[str, float], str]:
        """Measures on held-out data, and what the model makes."""
        self.task.model.eval()
        divergence.check(self.task.model)
        measures = checks.measures(self.task)
        divergence.check_measures(self.task.model, measures)
        return measures, checks.example(self.task)

    def _judge(self, measures: dict[str, float]) -> None:
        """Keep the weights if they are the best so far, and tell the schedule, if it goes by what is measured."""
        task, value = self.task, checks.judged(self.task, measures)
        if value is None:
            return
        if isinstance(task.schedule, ReduceLROnPlateau):
            task.schedule.step(value)
        if self._stopping.step(judgeable(value)):
            self.best = {"value": value, "step": self.step, "weights": weights(task.model) if task.kept else None}

    # --- checkpoints --------------------------------------------------------------------------------------------------

    def _begin(self, out: Path) -> None:
        """Go on from the checkpoint, if that is asked for."""
        found = folder.look(out)
        folder.refuse(found, self.settings)
        if not self.settings.resume:
            return
        if found is None or found.checkpoint is None:
            what = f"run in {out} yet" if found is None else f"checkpoint in {out} to resume from"
            say(f"there is no {what}: starting from the beginning")
            return
        state = checkpoints.load(out / checkpoints.NAME, self.task.format)
        self.unpack(state, found.checkpoint["settings"], out)
        self.saved = self.step
        say(f"going on after step {self.step} of {self.settings.steps}")

    def _save(self) -> None:
        if self.out is None:
            return
        about = {"step": self.step, "finished": self.finished, "stopped_early": self.stopped_early}
        checkpoints.save(self.out / checkpoints.NAME, self.task.format, self.settings, self.pack(), **about)
        self.saved, self._saved_at = self.step, time.monotonic()

    def _noted(self, now: bool = False) -> None:
        """Note the state in memory, to go back to, where an interrupt may come in the middle of a step."""
        if self.out is None or (self._interrupts.sure and not now):
            return
        if now or time.monotonic() - self._noted_at >= NOTED:
            self._note, self._noted_at = self.pack(), time.monotonic()

    @contextmanager
    def _kept(self) -> Iterator[None]:
        """Write a checkpoint if something ends the training: of now, or of the last state that was noted."""
        try:
            yield
        except (KeyboardInterrupt, SystemExit, Exception) as error:
            if not self._between and self._note is not None and not isinstance(error, Exception):
                note, self._note = self._note, None
                self.unpack(note)
                self._between = True
            if self._between and self.step and self.saved != self.step:
                with suppress(*([Exception] if isinstance(error, Exception) else [])):  # the first is what to tell
                    self._save()
            raise

    # --- the end ------------------------------------------------------------------------------------------------------

    def finish(self, out: str | Path) -> dict[str, Any]:
        """Take the kept weights, write the results into a directory, and return the metrics as plain data."""
        task = self.task
        if self.best and self.best["weights"] is not None:
            task.model.load_state_dict(self.best["weights"])
        task.model.eval()
        with self._failing(f"after step {self.step}", self.step):
            divergence.check(task.model)
            return results.write(task, Path(out), self._metrics(), self.best)

    def _metrics(self) -> dict[str, Any]:
        task = self.task
        return {
            "settings": self.settings.plain(),
            "version": mg.__version__,
            "parameters": sum(p.size for p in task.model.parameters()),
            "steps": self.step,
            "finished": self.finished,
            "stopped_early": self.stopped_early and self.step < self.settings.steps,
            "kept_step": self.best["step"] if self.best and task.kept else self.step,
            "seconds": self.seconds,
            "unit": task.unit,
            "validations": self.validations,
            "curve": [loss * task.scale for loss in self.losses],
            "gradient_norm": self.norms,
        }


def _flow(tape: mg.Tape, model: nn.Module) -> GradientFlow | str:
    """The gradient flow of what is on a tape; or why there is none, as in a program without recurrence."""
    try:
        return gradient_flow(tape, model)
    except ValueError as error:
        return str(error)

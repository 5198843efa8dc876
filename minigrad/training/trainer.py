"""Training as all programs do it: a program says what is to be learned, a `Task`, and the `Trainer` does the rest.

The rest is: steps, validation, keeping the best weights, early stopping, checkpoints to go on from, Ctrl-C, and the
files at the end. Watchers are told what happens: the log, the display, and those that the settings ask for.
"""

from __future__ import annotations

import itertools
import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import numpy as np

import minigrad as mg
from minigrad import nn, optim, tree
from minigrad.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from . import checkpoints, checks, divergence, files
from .flow import GradientFlow, gradient_flow
from .progress import Display, plot_curve
from .settings import S, Settings, writable
from .task import Task
from .terminal import say
from .watchers import LOG, End, Log, Step, Training, Validation, View, Watcher

HISTORY = ("losses", "norms", "validations", "best", "epoch", "position", "seconds")  # of a Trainer, for checkpoints


class Trainer:
    """Trains a task.

    Args:
        task: what is to be learned.
        out: the directory for the log and the checkpoints; None writes nothing.
        watchers: who else is told what happens, beside the log and the display.

    Attributes:
        step: how many steps were taken. losses, norms: the loss and the gradient's norm of each.
        validations: what was measured: {"step": n, measure: value, ...}.
        epoch, position: which batch is next.
        seconds: the time that the steps took.
    """

    def __init__(self, task: Task, out: Path | None = None, watchers: Sequence[Watcher] = ()) -> None:
        checks.task(task)
        self.task, self.settings, self.out = task, task.settings, out
        self.losses: list[float] = []
        self.norms: list[float] = []
        self.validations: list[dict[str, Any]] = []
        self.best: dict[str, Any] | None = None  # of the validations: {"value", "step", "weights": arrays or None}
        self._stopping = optim.EarlyStopping(self.settings.patience or math.inf, task.judged()[1])
        self.epoch = self.position = 0
        self.seconds = 0.0
        self._batches: Iterator[Any] = checks.batches(task, 0)
        self._watchers: list[Watcher] = [Display(), *checks.watchers(watchers)]
        if out is not None:
            self._watchers.insert(0, Log(out / LOG))
            files.library()  # what is missing should be missed now, not after hours of training
            files.entry(task.format, task.about())
            self._begin(out)

    @property
    def step(self) -> int:
        return len(self.losses)

    # --- learning -----------------------------------------------------------------------------------------------------

    def train(self) -> None:
        """Take the steps that are left. Raises ValueError for a loss or a gradient that is not finite."""
        steps = self.settings.steps
        looks = {max(1, round(steps * i / self.settings.validations)) for i in range(1, self.settings.validations + 1)}
        with self._watched():
            while self.step < steps and not self.stopped_early:
                looking = self.step + 1 in looks
                tape = mg.Tape() if looking and any(watcher.flow for watcher in self._watchers) else None
                self._learn(tape)
                if looking:
                    flow = None if tape is None else _flow(tape, self.task.model)
                    tape = None  # which holds on to all that was recorded
                    with self._failing(f"after step {self.step}", self.step):
                        validation = self._look(flow)
                    try:
                        for watcher in self._watchers:
                            watcher.validation(validation)
                    finally:  # what was learned is not lost for a watcher that fails
                        self._save()

    def _learn(self, tape: mg.Tape | None = None) -> None:
        """Learn from one batch, and hold on to what is recorded if there is a tape for it."""
        start = time.monotonic()
        task, settings = self.task, self.settings
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
            raise ValueError(f"training failed {when}: {error}") from None

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
        except KeyboardInterrupt:
            end = End("interrupted", f"interrupted after {self.step} of {steps} steps")
            raise
        except Exception as error:
            end = End("failed", str(error) or type(error).__name__)
            raise
        finally:
            with ExitStack() as told:  # all are, also if one fails
                for watcher in reversed(self._watchers):
                    told.callback(watcher.end, end)

    def _next_batch(self) -> Any:
        while True:
            for batch in self._batches:
                self.position += 1
                return batch
            if not self.position:
                raise ValueError(f"{type(self.task).__name__}.batches({self.epoch}) gives no batch")
            self.epoch, self.position = self.epoch + 1, 0
            self._batches = checks.batches(self.task, self.epoch)

    # --- validation ---------------------------------------------------------------------------------------------------

    @property
    def stopped_early(self) -> bool:
        """Whether the last validations, `patience` of them, have brought no improvement."""
        return self._stopping.stop

    @mg.no_grad()
    def _look(self, flow: GradientFlow | str | None = None) -> Validation:
        """Measure on held-out data. The gradient flow of the last step goes with it."""
        self.task.model.eval()
        divergence.check(self.task.model)
        measures = checks.measures(self.task)
        divergence.check_measures(self.task.model, measures)
        self.validations.append({"step": self.step, **measures})
        self._judge(measures)
        return Validation(self.step, MappingProxyType(measures), checks.example(self.task), flow)

    def _judge(self, measures: dict[str, float]) -> None:
        """Keep the weights if they are the best so far, and tell the schedule, if it goes by what is measured."""
        task, value = self.task, checks.judged(self.task, measures)
        if value is None:
            return
        if isinstance(task.schedule, ReduceLROnPlateau):
            task.schedule.step(value)
        if self._stopping.step(_judgeable(value)):
            self.best = {"value": value, "step": self.step, "weights": _weights(task.model) if task.kept else None}

    # --- checkpoints --------------------------------------------------------------------------------------------------

    def _begin(self, out: Path) -> None:
        """Go on from the checkpoint, or remove what an older run has left, for nobody to go on from that."""
        checkpoint = out / checkpoints.NAME
        state = checkpoints.load(checkpoint, self.task.format, self.settings) if self.settings.resume else None
        if state is not None:
            self._restore(state)
            say(f"going on after step {self.step} of {self.settings.steps}")
            return
        if self.settings.resume:
            say(f"there is no checkpoint in {out} to resume from: starting from the beginning")
        checkpoint.unlink(missing_ok=True)

    def _save(self) -> None:
        if self.out is None:
            return
        task = self.task
        state = {
            "about": task.about(),
            "model": task.model.state_dict(),
            "optimizer": task.optimizer.state_dict(),
            "schedule": None if task.schedule is None else task.schedule.state_dict(),
            "carried": task.carried,
            "generators": {name: mg.random.default_generator(name).get_state() for name in _backends()},
            "history": {name: getattr(self, name) for name in HISTORY},
            "kinds": _kinds(task),
        }
        checkpoints.save(self.out / checkpoints.NAME, task.format, self.settings, state)

    def _restore(self, state: dict[str, Any]) -> None:
        task = self.task
        if state["about"] != task.about():
            raise ValueError(f"cannot resume from the checkpoint in {self.out}: it was made with other data")
        kinds = _kinds(task)
        for part, then in state.get("kinds", {}).items():  # which older checkpoints do not have
            if then != (now := kinds[part]):
                raise ValueError(f"cannot resume from the checkpoint in {self.out}: its {part} was {then}, not {now}")
        task.model.load_state_dict(state["model"])
        task.optimizer.load_state_dict(state["optimizer"])
        if task.schedule is not None:
            task.schedule.load_state_dict(state["schedule"])
        task.carried = state["carried"]
        for name in HISTORY:
            setattr(self, name, state["history"][name])
        for validation in self.validations:
            self._stopping.step(_judgeable(validation.get(task.judged()[0] or "", math.nan)))
        self._batches = checks.batches(task, self.epoch)
        skipped = sum(1 for _ in itertools.islice(self._batches, self.position))  # they were learned from
        if skipped < self.position:
            raise ValueError(
                f"cannot resume from the checkpoint in {self.out}: of epoch {self.epoch}, {self.position} batches were "
                f"learned from, and now there are {skipped}"
            )
        for name, generator in state["generators"].items():
            mg.random.default_generator(name).set_state(generator)

    # --- the end ------------------------------------------------------------------------------------------------------

    def finish(self, out: Path) -> dict[str, Any]:
        """Take the kept weights, write the results into a directory, and return the metrics as plain data."""
        task = self.task
        if self.best and self.best["weights"] is not None:
            task.model.load_state_dict(self.best["weights"])
        task.model.eval()
        with self._failing(f"after step {self.step}", self.step):
            divergence.check(task.model)
            return self._written(out)

    def _written(self, out: Path) -> dict[str, Any]:
        task = self.task
        paths = [out / name for name in ("model.safetensors", "metrics.json", "loss.png")]
        files.save(task.model, paths[0], task.format, task.about())
        with mg.no_grad():
            results = task.results()
        metrics = json.dumps(self._metrics() | {"results": results}, indent=1, default=_plain)
        files.replace(paths[1], (metrics + "\n").encode())
        curve = [loss * task.scale for loss in self.losses]
        dots = [(v["step"], v[task.shown]) for v in self.validations if task.shown in v]
        plot_curve(paths[2], range(1, self.step + 1), curve, dots, task.levels, task.unit)
        for path in [*paths, *task.write(out)]:
            say(path)
        return json.loads(metrics)

    def _metrics(self) -> dict[str, Any]:
        task = self.task
        early = self.stopped_early and self.step < self.settings.steps
        return {
            "settings": self.settings.plain(),
            "version": mg.__version__,
            "parameters": sum(p.size for p in task.model.parameters()),
            "steps": self.step,
            "finished": early or self.step == self.settings.steps,
            "stopped_early": early,
            "kept_step": self.best["step"] if self.best and task.kept else self.step,
            "seconds": self.seconds,
            "unit": task.unit,
            "validations": self.validations,
            "curve": [loss * task.scale for loss in self.losses],
            "gradient_norm": self.norms,
        }


def fit(settings: S, make: Callable[[S], Task], watchers: Sequence[Watcher] = ()) -> dict[str, Any]:
    """Make a task, train it, and write what comes of it; also when training is interrupted by Ctrl-C after some steps.

    Args:
        settings: how to train.
        make: makes the task: a subclass of `Task`, or a function. It is called on the backend of the settings, with the
            default generators seeded.
        watchers: who else is told what happens, beside the log, the display, and those that the settings ask for.

    Writes into `settings.out`: model.safetensors, metrics.json, loss.png (the curve), log.jsonl and
    checkpoint.safetensors, and what the task writes.

    Returns the metrics; after an interruption, `finished` is false in them. Raises what the task raises, ValueError for
    a loss that is not finite and for settings that do not fit the checkpoint, OSError (also for a port that is taken),
    ImportError for a package that is not installed, BackendError.
    """
    if not isinstance(settings, Settings):
        raise TypeError(f"fit takes Settings first, not {settings!r}")
    if not callable(make):
        raise TypeError(f"fit takes a function or class that makes a Task of the settings, not {make!r}")
    with mg.use_backend(settings.backend), mg.set_num_threads(settings.threads), ExitStack() as stack:
        # Numbers that are not finite end a training with a message; warnings from deep inside would only hide it.
        stack.enter_context(np.errstate(over="ignore", invalid="ignore"))
        mg.manual_seed(settings.seed)
        out = writable(settings.out)
        watching = [*_watchers(settings), *checks.watchers(watchers)]
        for watcher in watching:
            stack.callback(watcher.close)
        checks.task(task := make(settings))
        say(task.introduction())
        trainer = Trainer(task, out, watching)
        try:
            trainer.train()
        except KeyboardInterrupt:
            if not trainer.step:
                raise
            say(f"\ninterrupted after {trainer.step} of {settings.steps} steps; writing what there is")
        return trainer.finish(out)


def _watchers(settings: Settings) -> list[Watcher]:
    """Those that the settings ask for. What they need is loaded only then: a web server, a library for event files."""
    chosen: list[Watcher] = []
    if settings.tensorboard is not None:
        from .tensorboard import TensorBoard

        chosen.append(TensorBoard(settings.tensorboard))
    if settings.live:
        from .live import LivePage

        chosen.append(LivePage(settings.live_port))
    return chosen


def _flow(tape: mg.Tape, model: nn.Module) -> GradientFlow | str:
    """The gradient flow of what is on a tape; or why there is none, as in a program without recurrence."""
    try:
        return gradient_flow(tape, model)
    except ValueError as error:
        return str(error)


def _judgeable(value: float) -> float:
    """A measure as it counts for what is best: one that is not finite is none, in either direction."""
    return value if math.isfinite(value) else math.nan


def _weights(model: nn.Module) -> dict[str, np.ndarray]:
    """A copy of the weights, on the host."""
    return {name: np.array(t.numpy()) for name, t in model.state_dict().items()}


def _kinds(task: Task) -> dict[str, str | None]:
    """The classes of what has a state; a state says little of whose it is."""
    parts = {"optimizer": task.optimizer, "schedule": task.schedule}
    return {name: None if part is None else type(part).__name__ for name, part in parts.items()}


def _backends() -> list[str]:
    """Those whose default generators a task uses."""
    return sorted({"numpy", mg.default_backend().name})


def _plain(value: Any) -> Any:
    """NumPy's numbers and arrays, and paths, as plain data."""
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"metrics are plain data, not a {type(value).__name__}")

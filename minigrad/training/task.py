"""What is to be learned: the model, the batches, the loss, and what is measured and kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import minigrad as mg
from minigrad import nn, optim
from minigrad.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from . import divergence, files


class Task:
    """What is to be learned: a model, its loss and its batches; or a subclass that defines the methods it needs.

        def task(settings):
            model = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 1))
            return Task(settings, model, lambda x, y: F.mse_loss(model(x), y), batches, held_out)

        fit(Settings(steps=500, patience=3), task)

    `fit` calls such a function, or a subclass, on the backend of the settings, with the default generators seeded.
    `__init__` of a subclass may call that of this class with the settings alone, and then set `model` and `optimizer`.

    Args:
        settings: how to train.
        model: the parameters to learn.
        loss: of a batch, a tensor of shape (). A batch that is a tuple comes as several arguments, any other as one.
        batches: those of an epoch: a list, or another object to go through anew in each epoch; or a function of the
            epoch (0, 1, ...), which gives the same for the same epoch each time.
        held_out: batches alike. Validations give the mean of their losses as "loss", and the weights with which it was
            least are kept; with none, the last weights are.
        optimizer: Adam with the learning rate of the settings, if None.
        schedule: as the attribute.
        measure: further measures for validations, by name; a function without arguments.

    Attributes:
        format: the kind of model and its version, for files: "minigrad char-lm 1".
        kept: the measure of `validate` whose best weights are kept, and "min" or "max"; None keeps the last weights.
        unit: what the curve shows, for its axis and for messages.
        scale: a loss times this is in `unit`.
        shown: the measure of `validate` that is drawn beside the curve, in the same unit; None: none.
        levels: names and values of horizontal lines to compare the curve with.
        tries: commands that are worth trying with a trained model, without the name of the program that they begin
            with: "sample {out}". `{out}` is the directory of the run.
        schedule: of the learning rate, stepped after each update; `ReduceLROnPlateau` after each validation, with the
            measure that is kept, or else shown.
        carried: what goes from batch to batch: nested tensors, or None. Its history is cut off after each step.

    Raises TypeError for batches that can be gone through once only, ValueError for `held_out` without a batch.
    """

    format: str = "model 1"
    kept: tuple[str, str] | None = None
    unit: str = "loss"
    scale: float = 1.0
    shown: str | None = "loss"
    levels: Sequence[tuple[str, float]] = ()
    tries: Sequence[str] = ()
    schedule: LRScheduler | ReduceLROnPlateau | None = None
    carried: Any = None
    model: nn.Module
    optimizer: optim.Optimizer

    def __init__(
        self,
        settings: Any,
        model: nn.Module | None = None,
        loss: Callable[..., mg.Tensor] | None = None,
        batches: Iterable[Any] | Callable[[int], Iterable[Any]] | None = None,
        held_out: Iterable[Any] | None = None,
        *,
        optimizer: optim.Optimizer | None = None,
        schedule: LRScheduler | ReduceLROnPlateau | None = None,
        measure: Callable[[], Mapping[str, float]] | None = None,
    ) -> None:
        self.settings = settings
        self._loss, self._batches, self._measure = loss, batches, measure
        if isinstance(batches, Iterator):
            raise TypeError(
                "batches end after one epoch, if they are an iterator: give a list, or a function of the epoch"
            )
        if not isinstance(batches, Iterable | Callable | None):
            raise TypeError(f"batches are a list, or a function of the epoch, not {batches!r}")
        if not isinstance(held_out, Iterable | None):
            raise TypeError(f"held_out is a list of batches, not {held_out!r}")
        self._held_out = None if held_out is None else list(held_out)
        if self._held_out is not None:
            self.kept = ("loss", "min")
            if not self._held_out:
                raise ValueError("held_out has no batch to measure the loss on")
        if model is not None:
            if not isinstance(model, nn.Module):
                raise TypeError(f"a model is an nn.Module, not {model!r}")
            self.model = model
            self.optimizer = optim.Adam(model.parameters(), lr=settings.lr) if optimizer is None else optimizer
            self.schedule = schedule

    def __repr__(self) -> str:
        model = getattr(self, "model", None)
        return f"<{type(self).__name__} {self.format!r}: {'no model yet' if model is None else type(model).__name__}>"

    def introduction(self) -> str:
        """What is going to happen, in a line."""
        parameters = sum(p.size for p in self.model.parameters())
        return f"{parameters:,} parameters, {self.settings.steps} batches, on {self.settings.backend}"

    def batches(self, epoch: int) -> Iterable[Any]:
        """The batches of an epoch (0, 1, ...), in whatever form `loss` takes.

        The same epoch has the same batches each time; resuming relies on it. So shuffle with
        `np.random.default_rng([seed, epoch])`.
        """
        if self._batches is None:
            raise NotImplementedError(f"{type(self).__name__} does not define batches()")
        return self._batches(epoch) if callable(self._batches) else self._batches

    def loss(self, batch: Any) -> mg.Tensor:
        """The loss of one batch, a tensor of shape (); the model is in training mode."""
        if self._loss is None:
            raise NotImplementedError(f"{type(self).__name__} does not define loss()")
        return self._loss(*batch) if isinstance(batch, tuple) else self._loss(batch)

    def validate(self) -> dict[str, float]:
        """Measures on held-out data, by name. It leaves `carried` alone.

        The model is in evaluation mode and nothing is recorded, here and in the methods below but `write`.
        """
        losses = []
        for batch in self._held_out or ():
            losses.append(self.loss(batch).item())
            if not math.isfinite(losses[-1]) and divergence.lacking(batch):
                raise ValueError(f"the loss of held-out batch {len(losses) - 1} is {losses[-1]}; {divergence.LACKING}")
        measures = {"loss": sum(losses) / len(losses)} if losses else {}
        more = {} if self._measure is None else self._measure()
        if not isinstance(more, Mapping) or more.keys() & measures.keys():
            names = f"other names than {', '.join(measures)}" if measures else "name"
            raise TypeError(f"measure is to give numbers by {names}, as a dictionary, not {more!r}")
        return measures | dict(more)

    def judged(self) -> tuple[str | None, str]:
        """The measure of `validate` by which trainings are judged, and "min" or "max": that of `kept`, or `shown`."""
        return self.kept or (self.shown, "min")

    def example(self) -> str:
        """What the model makes now (text that it writes, say), to be shown after each validation; may be empty."""
        return ""

    def values(self, loss: float, speed: float) -> str:
        """The line of the progress bar, for a smoothed loss, and a speed in steps a second."""
        return f"{self.unit} {loss * self.scale:.4f} | {speed:.1f} steps/s"

    def results(self) -> dict[str, Any]:
        """What the kept weights reach at the end (on the test set, if there is one), as plain data."""
        return {}

    def reached(self, results: Mapping[str, Any]) -> Iterable[tuple[str, Any, str]]:
        """What is told of the results at the end, beside what to compare it with: names, values and units.

        By default all numbers of the results, and the levels.
        """
        for name, value in results.items():
            if isinstance(value, float | np.floating):
                yield name.replace("_", " "), float(value), self.unit if name == self.shown else ""
        yield from self.compared()

    def compared(self) -> Iterable[tuple[str, float, str]]:
        """The levels as rows for `reached`."""
        return [(name, value, self.unit) for name, value in self.levels]

    def about(self) -> dict[str, Any]:
        """Plain data that is needed to rebuild the model, such as its sizes and vocabulary."""
        return {}

    @staticmethod
    def build(about: Any) -> nn.Module:
        """The untrained model, from what `about` has said of it. Raises KeyError or TypeError if that is too little."""
        raise NotImplementedError("this Task does not define build()")

    @classmethod
    def load(cls, path: str | Path) -> Any:
        """Read a trained model; `path` is the file, or the directory of a training run.

        Raises OSError if there is none, ValueError for another kind of file.
        """
        return files.load(path, cls.format, cls.build)

    def write(self, out: Path) -> list[Path]:
        """Write something to look at or to listen to, made with the kept weights. Returns the paths.

        Operations are recorded, so that graphs can be drawn. An error ends no training, but what follows it is not
        written: so draw each picture with `training.drawn(draw, path, ...)`, which returns its path, or nothing.
        """
        return []

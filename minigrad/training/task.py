"""What a program says about its training: the model, the batches, the loss, and what is measured and kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import minigrad as mg
from minigrad import nn, optim


class Task:
    """What is to be learned. Base class: a program defines `batches`, `loss`, and as much of the rest as it needs.

    A task is made on the default backend, with the default generators seeded. `__init__` of the subclass calls that of
    this class and then sets `model` and `optimizer`.

    Attributes:
        format: the kind of model and its version, for files: "minigrad char-lm 1".
        kept: the measure of `validate` whose best weights are kept, and "min" or "max"; None keeps the last weights.
        unit: what the curve shows, for its axis and for messages.
        scale: a loss times this is in `unit`.
        shown: the measure of `validate` that is drawn beside the curve, in the same unit; None: none.
        levels: names and values of horizontal lines to compare the curve with.
        schedule: of the learning rate, stepped after each update.
        carried: what goes from batch to batch: nested tensors, or None. Its history is cut off after each step.
    """

    format: str
    kept: tuple[str, str] | None = None
    unit: str = "loss"
    scale: float = 1.0
    shown: str | None = "loss"
    levels: Sequence[tuple[str, float]] = ()
    schedule: optim.lr_scheduler.LRScheduler | None = None
    carried: Any = None
    model: nn.Module
    optimizer: optim.Optimizer

    def __init__(self, settings: Any) -> None:
        self.settings = settings

    def introduction(self) -> str:
        """What is going to happen, in a line."""
        parameters = sum(p.size for p in self.model.parameters())
        return f"{parameters:,} parameters, {self.settings.steps} batches, on {self.settings.backend}"

    def batches(self, epoch: int) -> Iterable[Any]:
        """The batches of an epoch (0, 1, ...), in whatever form `loss` takes.

        The same epoch has the same batches each time; resuming relies on it. So shuffle with
        `np.random.default_rng([seed, epoch])`.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define batches()")

    def loss(self, batch: Any) -> mg.Tensor:
        """The loss of one batch, a tensor of shape (); the model is in training mode."""
        raise NotImplementedError(f"{type(self).__name__} does not define loss()")

    def validate(self) -> dict[str, float]:
        """Measures on held-out data, by name. It leaves `carried` alone.

        The model is in evaluation mode and nothing is recorded, here and in the methods below but `write`.
        """
        return {}

    def example(self) -> str:
        """What the model makes now (text that it writes, say), to be shown after each validation; may be empty."""
        return ""

    def values(self, loss: float, speed: float) -> str:
        """The line of the progress bar, for a smoothed loss, and a speed in steps a second."""
        return f"{self.unit} {loss * self.scale:.4f} | {speed:.1f} steps/s"

    def results(self) -> dict[str, Any]:
        """What the kept weights reach at the end (on the test set, if there is one), as plain data."""
        return {}

    def about(self) -> dict[str, Any]:
        """Plain data that is needed to rebuild the model, such as its sizes and vocabulary."""
        return {}

    def write(self, out: Path) -> list[Path]:
        """Write something to look at or to listen to, made with the kept weights. Returns the paths.

        Operations are recorded, so that graphs can be drawn.
        """
        return []

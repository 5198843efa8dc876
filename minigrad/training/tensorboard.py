"""Event files for TensorBoard: curves, examples and histograms of a training, written by tensorboardX."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from minigrad import nn
from minigrad.extras import extra

from .keeping.folder import made
from .watchers import End, Step, Training, Validation, Watcher


class TensorBoard(Watcher):
    """Writes event files. `tensorboard --logdir DIRECTORY` shows them.

    - scalars: train/loss (times `task.scale`, in its unit), train/gradient_norm and train/lr of each step, and
      held_out/MEASURE of each validation
    - text: settings, at the beginning; example, at each validation
    - histograms, at each validation: parameters/NAME

    What older files in the directory hold of the steps that follow is not shown any more: a run that goes on continues
    its curves, and one that starts anew replaces them. Each of several runs to compare needs a directory of its own.

    Args:
        directory: for the files; it is made.

    Raises ImportError if tensorboardX is not installed, OSError.
    """

    def __init__(self, directory: str | Path) -> None:
        self.directory = Path(directory)
        self._make = extra("tensorboardX", "event files need tensorboardX", "tensorboard").SummaryWriter
        self._writer: Any = None
        self._made = made(self.directory)
        self._made.__enter__()

    def begin(self, training: Training) -> None:
        self._model: nn.Module = training.task.model
        self._scale = training.task.scale
        # The second is in a file's name, and readers go by the names: those of one second need a number.
        number = sum(1 for _ in self.directory.glob("events.out.tfevents.*"))
        suffix = f".{number:04d}"
        self._writer = self._make(str(self.directory), purge_step=training.step + 1, filename_suffix=suffix)
        if not training.step:
            rows = [f"    {name} = {value}" for name, value in training.settings.plain().items()]
            self._writer.add_text("settings", "\n".join(rows), 1)

    def step(self, step: Step) -> None:
        self._writer.add_scalar("train/loss", step.loss * self._scale, step.step)
        self._writer.add_scalar("train/gradient_norm", step.norm, step.step)
        self._writer.add_scalar("train/lr", step.rate, step.step)

    def validation(self, validation: Validation) -> None:
        for name, value in validation.measures.items():
            self._writer.add_scalar(f"held_out/{name}", value, validation.step)
        if validation.example:
            # TensorBoard reads Markdown, in which indented lines are shown as they are.
            indented = "\n".join("    " + line for line in validation.example.split("\n"))
            self._writer.add_text("example", indented, validation.step)
        for name, parameter in self._model.named_parameters():
            self._writer.add_histogram(f"parameters/{name}", parameter.detach().numpy(), validation.step)
        self._writer.flush()

    def end(self, end: End) -> None:
        if self._writer is not None:
            self._writer.close()

    def close(self) -> None:
        self._made.__exit__(None, None, None)

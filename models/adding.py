"""The adding problem: can a recurrent network carry two numbers over a hundred steps?

    python -m minigrad.models.adding --cell lstm

Each sequence has T pairs: a number between 0 and 1, and a mark, which is 1 at two places and 0 elsewhere. At the end
the network is to tell the sum of the two marked numbers (Hochreiter and Schmidhuber, Long short-term memory, 1997). Who
always says 1 has a mean squared error of 1/6. A plain recurrent network hardly gets below it for long sequences,
because the gradient vanishes on its way back to the marks; an LSTM or a GRU does.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

import minigrad as mg
import minigrad.functional as F
from minigrad import nn, optim, training
from minigrad.data import given_files, read_text
from minigrad.tools.pictures import draw_unrolled
from minigrad.training import setting
from minigrad.training.cells import CELLS

ALWAYS_ONE = 1 / 6  # the variance of the sum of two numbers spread evenly over 0..1


@dataclass(frozen=True, kw_only=True)
class Settings(training.Settings):
    """Everything that decides what a training run does; see the base class."""

    out: Path = setting(Path("out/adding"), "Directory for the results.")
    steps: int = setting(3000, "Batches to train on.", 1)
    cell: str = setting("lstm", "The kind of recurrent network.", choices=tuple(CELLS))
    length: int = setting(100, "Time steps of a sequence.", 2)
    hidden: int = setting(64, "Features of the state.", 1)
    batch: int = setting(64, "Sequences in a batch.", 1)
    lr: float = setting(3e-3, "Learning rate of Adam.", 0.0)

    QUICK: ClassVar = {"steps": 150, "length": 10, "hidden": 24, "batch": 32, "lr": 1e-2}


class Adder(nn.Module):
    """A recurrent network that is asked once, after the last step.

    Args:
        cell: the kind of network, one of `CELLS`.
        hidden: features of the state, H.
    """

    def __init__(self, cell: str = "lstm", hidden: int = 64) -> None:
        super().__init__()
        self.network = CELLS[cell](2, hidden)
        self.head = nn.Linear(hidden, 1)

    def forward(self, x: mg.Tensor) -> mg.Tensor:
        """Sequences x (T, B, 2) of (number, mark) to answers (B,)."""
        outputs, _ = self.network(x)
        return self.head(outputs[-1])[:, 0]

    def loss(self, x: mg.Tensor, y: mg.Tensor) -> mg.Tensor:
        """The mean squared error of the answers to x (T, B, 2), which should be y (B,)."""
        return F.mse_loss(self(x), y)


def problems(rng: np.random.Generator, length: int, batch: int) -> tuple[np.ndarray, np.ndarray]:
    """Sequences (T, B, 2), one mark in the first half of each and one in the second, and the sums (B,)."""
    numbers = rng.random((length, batch), dtype=np.float32)
    marks = np.zeros((length, batch), np.float32)
    columns = np.arange(batch)
    marks[rng.integers(0, length // 2, batch), columns] = 1
    marks[rng.integers(length // 2, length, batch), columns] = 1
    return np.stack([numbers, marks], axis=2), (numbers * marks).sum(axis=0)


def untrained(cell: str = "lstm") -> Adder:
    """A small model of the usual shape, to look at."""
    return Adder(cell, hidden=8)


def unrolled(model: Adder, steps: int) -> mg.Tensor:
    """The loss on `steps` pairs, with its history, to be drawn."""
    x, y = problems(np.random.default_rng(0), max(steps, 2), 1)
    return model.loss(mg.tensor(x[:steps]), mg.tensor(y))


class Task(training.Task):
    """Learning to add, from problems that are never the same; see the base class."""

    format = "minigrad adding 1"
    kept = ("squared_error", "min")
    unit = "squared error"
    shown = "squared_error"
    levels = [("always 1", ALWAYS_ONE)]
    tries = ("graph {out}", "gradflow {out}")

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.held_out, self.test = (self.fresh(1000, use) for use in ("held out", "test"))
        self.model: Adder = Adder(settings.cell, settings.hidden)
        self.optimizer = optim.Adam(self.model.parameters(), lr=settings.lr)

    def fresh(self, count: int, use: str, epoch: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """New problems."""
        seeds = [self.settings.seed, ("training", "held out", "test").index(use), epoch]
        return problems(np.random.default_rng(seeds), self.settings.length, count)

    def introduction(self) -> str:
        settings = self.settings
        return f"{settings.cell}, {settings.length} time steps, on {settings.backend}; always 1: {ALWAYS_ONE:.4f}"

    def batches(self, epoch: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """One batch: epochs have no meaning here."""
        yield self.fresh(self.settings.batch, "training", epoch)

    def loss(self, batch: tuple[np.ndarray, np.ndarray]) -> mg.Tensor:
        x, y = batch
        return self.model.loss(mg.tensor(x), mg.tensor(y))

    def validate(self) -> dict[str, float]:
        return {"squared_error": self.loss(self.held_out).item()}

    def results(self) -> dict[str, Any]:
        return {"squared_error": self.loss(self.test).item(), "always_one": ALWAYS_ONE}

    def reached(self, results: Mapping[str, Any]) -> list[Any]:
        return [("test", results["squared_error"], self.unit), *self.compared()]

    @staticmethod
    def build(about: Any) -> Adder:
        return Adder(**about)

    def about(self) -> dict[str, Any]:
        return {"cell": self.settings.cell, "hidden": self.settings.hidden}

    def write(self, out: Path) -> list[Path]:
        title = f"The adding problem, {self.settings.cell}, four steps"
        return draw_unrolled(unrolled, self.model, 4, out, title)


load = Task.load


def predict(model: Adder, inputs: Iterable[str | Path]) -> Iterator[training.Prediction]:
    """What the model takes for the sum of the marked numbers of each file, which has a line `number,mark` a step.

    Raises OSError, ValueError for a file with something else in it.
    """
    sequences = [(path, read_problem(path)) for path in given_files(inputs, (".csv",), "sequences of numbers")]
    for path, x in sequences:
        with mg.no_grad():
            answer = model(mg.tensor(x[:, None])).item()
        marked = float((x[:, 0] * x[:, 1]).sum())
        told = f"{answer:.3f}; the marked numbers add up to {marked:.3f}"
        yield training.Prediction(str(path), told, {"answer": answer, "sum": marked, "steps": len(x)})


def read_problem(path: str | Path) -> np.ndarray:
    """The sequence (T, 2) of a file: in each line a number and its mark, 0 or 1, after a line of names or without."""
    rows: list[tuple[float, float]] = []
    for number, line in enumerate(read_text(path).split("\n"), 1):
        fields = [field.strip() for field in line.split(",")]
        if fields == [""] or (not rows and fields == ["number", "mark"]):
            continue
        try:
            value, mark = map(float, fields)
        except ValueError:
            value, mark = math.nan, math.nan
        if not math.isfinite(value) or mark not in (0, 1):
            raise ValueError(f"{path}, line {number}: {line[:40]!r} is not a number and its mark, 0 or 1, as in 0.25,1")
        rows.append((value, mark))
    if not rows:
        raise ValueError(f"{path} has no numbers")
    return np.array(rows, np.float32)


def train(settings: Settings) -> dict[str, Any]:
    """Train a model; see `training.fit`. It leaves its graph, too."""
    return training.fit(settings, Task)


if __name__ == "__main__":
    from minigrad.tools.cli import main

    sys.exit(main(["train", "adding", *sys.argv[1:]]))

"""The adding problem: can a recurrent network carry two numbers over a hundred steps?

    python -m minigrad.models.adding --cell lstm

Each sequence has T pairs: a number between 0 and 1, and a mark, which is 1 at two places and 0 elsewhere. At the end
the network is to tell the sum of the two marked numbers (Hochreiter and Schmidhuber, Long short-term memory, 1997). Who
always says 1 has a mean squared error of 1/6. A plain recurrent network hardly gets below it for long sequences,
because the gradient vanishes on its way back to the marks; an LSTM or a GRU does.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

import minigrad as mg
import minigrad.functional as F
from minigrad import nn, optim
from minigrad.tools import draw

from .progress import Progress, plot_curve, smoothed
from .settings import BaseSettings, about, writable
from .training import conduct

CELLS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
ALWAYS_ONE = 1 / 6  # the variance of the sum of two numbers spread evenly over 0..1


@dataclass(frozen=True, kw_only=True)
class Settings(BaseSettings):
    """Everything that decides what a training run does; see the base class."""

    out: Path = field(default=Path("out/adding"), metadata=about("Directory for the results."))
    steps: int = field(default=3000, metadata=about("Batches to train on.", 1))
    cell: str = field(default="lstm", metadata=about("The kind of network: rnn, lstm or gru.", choices=tuple(CELLS)))
    length: int = field(default=100, metadata=about("Time steps of a sequence.", 2))
    hidden: int = field(default=64, metadata=about("Features of the state.", 1))
    batch: int = field(default=64, metadata=about("Sequences in a batch.", 1))
    lr: float = field(default=3e-3, metadata=about("Learning rate of Adam.", 0.0))
    clip: float = field(default=1.0, metadata=about("Largest norm of the gradient; larger ones are scaled down.", 0.0))

    QUICK: ClassVar = {"steps": 150, "length": 10, "hidden": 24, "batch": 32, "lr": 1e-2}


class Adder(nn.Module):
    """A recurrent network that is asked once, after the last step.

    Args:
        cell: "rnn", "lstm" or "gru".
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


def untrained() -> Adder:
    """A small model of the usual shape, to look at."""
    return Adder(hidden=8)


def unrolled(model: Adder, steps: int) -> mg.Tensor:
    """The loss on `steps` pairs, with its history, to be drawn."""
    x, y = problems(np.random.default_rng(0), max(steps, 2), 1)
    return model.loss(mg.tensor(x[:steps]), mg.tensor(y))


class Run:
    """One training run, on the default backend: the model, its optimizer, and the record of what happened."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.out = writable(settings.out)
        mg.manual_seed(settings.seed)
        self.rng = np.random.default_rng(settings.seed)
        self.held_out_problems = problems(np.random.default_rng([settings.seed, 1]), settings.length, 1000)
        self.model = Adder(settings.cell, settings.hidden)
        self.optimizer = optim.Adam(self.model.parameters(), lr=settings.lr)
        self.errors: list[float] = []
        self.gradient_norms: list[float] = []
        self.held_out: list[tuple[int, float]] = []

    def introduction(self) -> str:
        """What is going to happen, in a line."""
        settings = self.settings
        return f"{settings.cell}, {settings.length} time steps, on {settings.backend}; always 1: {ALWAYS_ONE:.4f}"

    def done(self) -> int:
        """How many steps were taken."""
        return len(self.errors)

    def learn(self) -> None:
        """Take all steps, and measure on the held-out problems now and then."""
        steps = self.settings.steps
        looks = {round(steps * part) for part in (0.1, 0.25, 0.5, 0.75, 1.0)}
        with Progress(steps) as progress:
            for step in range(1, steps + 1):
                self.step()
                progress.update(step, f"squared error {smoothed(self.errors[-100:], 0.9)[-1]:.4f}")
                if step in looks:
                    self.held_out.append((step, self.measure()))
                    progress.say(f"step {step}: squared error {self.held_out[-1][1]:.4f} on held-out problems")

    def step(self) -> None:
        """Learn from one batch."""
        x, y = problems(self.rng, self.settings.length, self.settings.batch)
        loss = self.model.loss(mg.tensor(x), mg.tensor(y))
        self.optimizer.zero_grad()
        loss.backward()
        self.gradient_norms.append(float(optim.clip_grad_norm_(self.model.parameters(), self.settings.clip)))
        self.optimizer.step()
        self.errors.append(loss.item())

    @mg.no_grad()
    def measure(self) -> float:
        """The mean squared error on the held-out problems."""
        x, y = self.held_out_problems
        return float(self.model.loss(mg.tensor(x), mg.tensor(y)).item())

    def metrics(self) -> dict[str, Any]:
        """What happened, as plain data."""
        return {
            "settings": self.settings.plain(),
            "version": mg.__version__,
            "parameters": sum(p.size for p in self.model.parameters()),
            "steps": len(self.errors),
            "finished": len(self.errors) == self.settings.steps,
            "always_one": ALWAYS_ONE,
            "held_out_squared_error": self.held_out[-1][1] if self.held_out else None,
            "held_out": [{"step": step, "squared_error": error} for step, error in self.held_out],
            "squared_error": self.errors,
            "gradient_norm": self.gradient_norms,
        }

    def write(self) -> list[Path]:
        """Write the results, and return their paths."""
        curve, graph, metrics = (self.out / name for name in ("loss.png", "graph.svg", "metrics.json"))
        metrics.write_text(json.dumps(self.metrics(), indent=1) + "\n", encoding="utf-8")
        levels = [("always 1", ALWAYS_ONE)]
        plot_curve(curve, range(1, len(self.errors) + 1), self.errors, self.held_out, levels, "squared error")
        draw(unrolled(self.model, 4), graph, title=f"The adding problem, {self.settings.cell}, four steps")
        return [curve, graph, metrics]


def train(settings: Settings) -> dict[str, Any]:
    """Train a model, show how it goes, and leave curve, graph and metrics in `settings.out`.

    Interrupted by Ctrl-C it writes what it has; then `finished` is false in the result.

    Returns the metrics. Raises OSError for files, BackendError.
    """
    return conduct(settings, Run)


if __name__ == "__main__":
    from minigrad.tools.cli import main

    sys.exit(main(["train", "adding", *sys.argv[1:]]))

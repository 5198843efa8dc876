"""What the recurrent modules are measured with: the same weights and data for all frameworks.

Symbols: T time steps, B sequences in a batch, H hidden units (and features of the inputs), D directions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minigrad import nn

# name in the tables -> the class in minigrad.nn, and its options
MODULES: dict[str, tuple[str, dict[str, Any]]] = {
    "RNN": ("RNN", {}),
    "LSTM": ("LSTM", {}),
    "LSTM, bidirectional": ("LSTM", {"bidirectional": True}),
    "LSTM, 2 layers": ("LSTM", {"num_layers": 2}),
    "PeepholeLSTM": ("PeepholeLSTM", {}),
    "GRU": ("GRU", {}),
    "GRU, reset before": ("GRU", {"reset_after": False}),
}


@dataclass(frozen=True)
class Batch:
    """Padded sequences, and what comes back from a loss on their outputs.

    Attributes:
        inputs: (T, B, H).
        gradient: (T, B, D * H), of the outputs; zeros where there is padding.
        lengths: the steps of each sequence; empty if all have T.
    """

    inputs: Any
    gradient: Any
    lengths: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Layer:
    """A module with weights to start from.

    Attributes:
        name: in MODULES.
        hidden: H.
        weights: by the names that minigrad and PyTorch share.
    """

    name: str
    hidden: int
    weights: dict[str, Any]

    @property
    def kind(self) -> str:
        """The name of the class."""
        return MODULES[self.name][0]

    @property
    def options(self) -> dict[str, Any]:
        """What the class is made with beside the sizes."""
        return MODULES[self.name][1]


def layer(name: str, hidden: int) -> Layer:
    """Draw weights, float32 and the same ones for the same arguments."""
    kind, options = MODULES[name]
    rng = np.random.default_rng(0)
    shapes = {key: p.shape for key, p in getattr(nn, kind)(hidden, hidden, **options).state_dict().items()}
    bound = 1 / math.sqrt(hidden)
    return Layer(name, hidden, {key: rng.uniform(-bound, bound, s).astype(np.float32) for key, s in shapes.items()})


def full_batch(work: Layer, batch: int, steps: int) -> Batch:
    """Sequences that all have T steps."""
    rng = np.random.default_rng(1)
    width = work.hidden * (2 if work.options.get("bidirectional") else 1)
    x, g = (rng.standard_normal((steps, batch, n)).astype(np.float32) for n in (work.hidden, width))
    return Batch(x, g)


def sentences(count: int, hidden: int, longest: int) -> list[tuple[Any, Any]]:
    """Inputs and gradients (n, H) of sentences whose lengths n vary as those of written sentences do.

    Lengths are log-normal around 19 words, with 21 as their mean, from 1 to `longest`.
    """
    rng = np.random.default_rng(2)
    lengths = np.clip(np.rint(rng.lognormal(math.log(19), 0.45, count)), 1, longest).astype(int)
    return [tuple(rng.standard_normal((2, n, hidden)).astype(np.float32)) for n in lengths]


def padded(pairs: list[tuple[Any, Any]], batch: int) -> list[Batch]:
    """Batches of so many sentences in the given order, each padded with zeros to its longest."""
    found = []
    for i in range(0, len(pairs), batch):
        chosen = pairs[i : i + batch]
        lengths = [len(x) for x, _ in chosen]
        arrays = [np.zeros((max(lengths), len(chosen), part.shape[1]), np.float32) for part in chosen[0]]
        for b, pair in enumerate(chosen):
            for array, part in zip(arrays, pair, strict=True):
                array[: len(part), b] = part
        found.append(Batch(arrays[0], arrays[1], lengths))
    return found

"""The program that the cells are measured in: a language model whose recurrence is written as ordinary operations.

It is written once. Each framework brings an `ops` object with its own functions under the names used here, so all of
them run the same lines:

    embedding(indices, weight), unstack(x), stack(list), split(x, n), sigmoid(x), tanh(x),
    cross_entropy(logits, targets)

Symbols: T time steps, B sequences in a batch, H hidden units, V words in the vocabulary; x_t (B, gates * H), h and c
(B, H).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

RATE = 1.0  # of the SGD step: large enough that the second loss shows whether the gradients are right
LOSS_TOLERANCE = 1e-5  # of the first two losses, relative: float32 keeps seven digits
OPTIMIZER_RATE = 1e-3  # where optimizers alone are measured
GATES = {"RNN": 1, "LSTM": 4, "GRU": 3}

Step = Callable[[], float]  # one training step; returns the loss


@dataclass(frozen=True)
class Problem:
    """Weights to start from, inputs and targets (T, B), for one cell and one size."""

    cell: str
    batch: int
    steps: int
    hidden: int
    vocabulary: int
    weights: dict[str, Any]
    inputs: Any
    targets: Any

    @property
    def states(self) -> int:
        """How many arrays (B, H) a cell hands on: h, and c in an LSTM."""
        return 2 if self.cell == "LSTM" else 1

    @property
    def size(self) -> str:
        """The size, as the table shows it."""
        return f"B={self.batch} T={self.steps} H={self.hidden} V={self.vocabulary}"


def problem(cell: str, batch: int, steps: int, hidden: int, vocabulary: int) -> Problem:
    """Draw weights and a text, the same ones for the same arguments. All float32."""
    rng = np.random.default_rng(0)
    width = GATES[cell] * hidden
    shapes = {
        "embedding": (vocabulary, hidden),
        "W_xh": (hidden, width),
        "W_hh": (hidden, width),
        "b_h": (width,),
        "W_hy": (hidden, vocabulary),
        "b_y": (vocabulary,),
    }
    weights = {name: (rng.standard_normal(s) / hidden**0.5).astype(np.float32) for name, s in shapes.items()}
    text = rng.integers(0, vocabulary, (steps + 1, batch))
    return Problem(cell, batch, steps, hidden, vocabulary, weights, text[:-1], text[1:])


def rnn(ops: Any, x_t: Any, state: Any, W_hh: Any) -> Any:
    """Elman's cell."""
    (h,) = state
    return (ops.tanh(x_t + h @ W_hh),)


def lstm(ops: Any, x_t: Any, state: Any, W_hh: Any) -> Any:
    """Long short-term memory, gates in the order i, f, g, o."""
    h, c = state
    i, f, g, o = ops.split(x_t + h @ W_hh, 4)
    c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g)
    return ops.sigmoid(o) * ops.tanh(c), c


def gru(ops: Any, x_t: Any, state: Any, W_hh: Any) -> Any:
    """The gated recurrent unit with the reset gate after the product, gates in the order r, z, n."""
    (h,) = state
    x_r, x_z, x_n = ops.split(x_t, 3)
    h_r, h_z, h_n = ops.split(h @ W_hh, 3)
    r, z = ops.sigmoid(x_r + h_r), ops.sigmoid(x_z + h_z)
    n = ops.tanh(x_n + r * h_n)
    return (n + z * (h - n),)


CELLS = {"RNN": rnn, "LSTM": lstm, "GRU": gru}


def loss(ops: Any, cell: Callable[..., Any], p: dict[str, Any], start: Any, inputs: Any, targets: Any) -> Any:
    """The mean cross-entropy of a text. The inputs of all steps are projected in one product."""
    projected = ops.embedding(inputs, p["embedding"]) @ p["W_xh"] + p["b_h"]
    state, outputs = start, []
    for x_t in ops.unstack(projected):
        state = cell(ops, x_t, state, p["W_hh"])
        outputs.append(state[0])
    return ops.cross_entropy(ops.stack(outputs) @ p["W_hy"] + p["b_y"], targets)


def trained(optimizer: Any, forward: Callable[[], Any], unused: Any = None) -> Step:
    """A training step with tensors and an optimizer as minigrad and PyTorch have them.

    `unused` is a tensor that gets a gradient and is not trained.
    """

    def step() -> float:
        optimizer.zero_grad()
        if unused is not None:
            unused.grad = None
        value = forward()
        value.backward()
        optimizer.step()
        return float(value.item())

    return step

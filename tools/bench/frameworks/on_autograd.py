"""HIPS Autograd: NumPy, traced."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import autograd.numpy as anp
from autograd import grad, value_and_grad
from autograd.core import make_vjp

from ..harness import Contender, returning
from ..language_model import CELLS, RATE, Problem, Step, loss


def _cross_entropy(logits: Any, targets: Any) -> Any:
    flat = anp.reshape(logits, (-1, logits.shape[-1]))
    shifted = flat - anp.max(flat, axis=1, keepdims=True)
    log_sum = anp.log(anp.sum(anp.exp(shifted), axis=1))
    return anp.mean(log_sum - shifted[anp.arange(len(targets)), targets])


OPS = SimpleNamespace(
    embedding=lambda indices, weight: weight[indices],
    # Indexing step by step would add each gradient into an array of all steps; `split` has a gradient in one piece.
    unstack=lambda x: [anp.reshape(x_t, x.shape[1:]) for x_t in anp.split(x, len(x))],
    stack=anp.stack,
    split=lambda x, n: anp.split(x, n, axis=-1),
    sigmoid=lambda x: 0.5 * (anp.tanh(0.5 * x) + 1.0),  # as its examples write it: NumPy has no sigmoid
    tanh=anp.tanh,
    cross_entropy=_cross_entropy,
)


def training_steps(problem: Problem) -> dict[str, Step]:
    """Ordinary operations."""
    p = {name: value.copy() for name, value in problem.weights.items()}
    targets = problem.targets.reshape(-1)
    start = (anp.zeros((problem.batch, problem.hidden), dtype=anp.float32),) * problem.states
    cell = CELLS[problem.cell]
    derivative = value_and_grad(lambda weights: loss(OPS, cell, weights, start, problem.inputs, targets))

    def step() -> float:
        value, gradients = derivative(p)
        for name, gradient in gradients.items():
            p[name] -= RATE * gradient
        return float(value)

    return {"HIPS Autograd": step}


def chain(arrays: tuple[Any, ...], length: int) -> dict[str, Contender]:
    """Multiply, add, tanh, matrix product, again and again."""

    def forward(values: tuple[Any, ...]) -> Any:
        h, a, b, w = values
        for _ in range(length):
            h = anp.tanh(h * a + b) @ w
        return h

    seed = anp.ones_like(arrays[0])
    return _timed(lambda: make_vjp(forward, arrays)[0](seed), lambda gradients: gradients[3])


def cross_entropy(logits: Any, targets: Any) -> dict[str, Contender]:
    """The loss of logits (N, C) and its gradient."""
    derivative = value_and_grad(lambda x: _cross_entropy(x, targets))
    return _timed(lambda: derivative(logits), lambda found: found[1])


def embedding_gradient(weight: Any, indices: Any, gradient: Any) -> dict[str, Contender]:
    """Picking rows (N, D) of a weight (V, D), and the weight's gradient."""
    derivative = grad(lambda w: anp.sum(w[indices] * gradient))
    return _timed(lambda: derivative(weight), lambda found: found)


def _timed(derivative: Callable[[], Any], chosen: Callable[[Any], Any]) -> dict[str, Contender]:
    return {"HIPS Autograd": returning(derivative, chosen)}

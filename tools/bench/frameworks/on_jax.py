"""JAX: compiled for the CPU by XLA, the time steps as a loop (`lax.scan`) or unrolled."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..harness import Contender, changes, returning
from ..language_model import CELLS, OPTIMIZER_RATE, RATE, Problem, Step, loss

LONGEST_UNROLLED = 64  # time steps; 64 of an LSTM compile in half a minute, 128 in four


def _cross_entropy(logits: Any, targets: Any) -> Any:
    chosen = jnp.take_along_axis(jax.nn.log_softmax(logits), targets[..., None], axis=-1)
    return -chosen.mean()


OPS = SimpleNamespace(
    embedding=lambda indices, weight: weight[indices],
    unstack=list,
    stack=jnp.stack,
    split=lambda x, n: jnp.split(x, n, axis=-1),
    sigmoid=jax.nn.sigmoid,
    tanh=jnp.tanh,
    cross_entropy=_cross_entropy,
)


def compiles_too_long(problem: Problem) -> bool:
    """Whether the unrolled loop is left out."""
    return problem.steps > LONGEST_UNROLLED


def training_steps(problem: Problem) -> dict[str, Step]:
    """Ordinary operations in one compiled function: the loop of the others unrolled by tracing, and with `lax.scan`."""
    cell = CELLS[problem.cell]
    start = (jnp.zeros((problem.batch, problem.hidden)),) * problem.states
    x, y = jnp.asarray(problem.inputs), jnp.asarray(problem.targets)

    def scanned(p: dict[str, Any]) -> Any:
        projected = OPS.embedding(x, p["embedding"]) @ p["W_xh"] + p["b_h"]

        def advance(state: Any, x_t: Any) -> Any:
            state = cell(OPS, x_t, state, p["W_hh"])
            return state, state[0]

        _, outputs = jax.lax.scan(advance, start, projected)
        return OPS.cross_entropy(outputs @ p["W_hy"] + p["b_y"], y)

    steps = {"JAX scan, jit": _trained(problem, scanned)}
    if not compiles_too_long(problem):
        steps["JAX unrolled, jit"] = _trained(problem, lambda p: loss(OPS, cell, p, start, x, y))
    return steps


def _trained(problem: Problem, forward: Callable[[dict[str, Any]], Any]) -> Step:
    @jax.jit
    def update(p: dict[str, Any]) -> Any:
        value, gradients = jax.value_and_grad(forward)(p)
        return value, jax.tree.map(lambda w, g: w - RATE * g, p, gradients)

    held = {name: jnp.asarray(value) for name, value in problem.weights.items()}

    def step() -> float:
        nonlocal held
        value, held = update(held)
        return float(jax.block_until_ready((value, held))[0])

    return step


def chain(arrays: tuple[Any, ...], length: int) -> dict[str, Contender]:
    """Multiply, add, tanh, matrix product, again and again; not compiled, as the other contenders are not."""

    def forward(h: Any, a: Any, b: Any, w: Any) -> Any:
        for _ in range(length):
            h = jnp.tanh(h * a + b) @ w
        return h

    held = [jnp.asarray(value) for value in arrays]
    seed = jnp.ones_like(held[0])

    def derivative() -> Any:
        _, backward = jax.vjp(forward, *held)
        return backward(seed)

    return _timed("JAX eager", derivative, lambda gradients: gradients[3])


def cross_entropy(logits: Any, targets: Any) -> dict[str, Contender]:
    """The loss of logits (N, C) and its gradient."""
    x, y = jnp.asarray(logits), jnp.asarray(targets)
    derivative = jax.jit(jax.value_and_grad(_cross_entropy))
    return _timed("JAX jit", lambda: derivative(x, y), lambda found: found[1])


def embedding_gradient(weight: Any, indices: Any, gradient: Any) -> dict[str, Contender]:
    """Picking rows (N, D) of a weight (V, D), and the weight's gradient."""
    w, index, g = jnp.asarray(weight), jnp.asarray(indices), jnp.asarray(gradient)
    derivative = jax.jit(lambda w, index, g: jax.vjp(lambda w: w[index], w)[1](g)[0])
    return _timed("JAX jit", lambda: derivative(w, index, g), lambda found: found)


def optimizer_steps(kind: str, arrays: list[Any], gradients: list[Any]) -> dict[str, Contender]:
    """One step of `SGD` with momentum, `Adam` or `AdamW` on all arrays: JAX brings none, so the formulas, compiled."""
    rate = OPTIMIZER_RATE
    held = [jnp.array(value) for value in arrays]  # copies: they are written over
    gs = [jnp.asarray(value) for value in gradients]
    zeros = [0 * value for value in held]
    state: list[Any] = [held, zeros, [0 * value for value in held], 0]

    def momentum(p: Any, g: Any, m: Any, v: Any, t: Any) -> Any:
        m = 0.9 * m + g
        return p - rate * m, m, v

    def adam(p: Any, g: Any, m: Any, v: Any, t: Any) -> Any:
        p = p * (1 - rate * 0.01) if kind == "AdamW" else p
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        return p - rate * (m / (1 - 0.9**t)) / (jnp.sqrt(v / (1 - 0.999**t)) + 1e-8), m, v

    def update(ps: Any, ms: Any, vs: Any, gs: Any, t: Any) -> Any:
        rule = momentum if kind == "SGD" else adam
        return zip(*[rule(p, g, m, v, t) for p, g, m, v in zip(ps, gs, ms, vs, strict=True)], strict=True)

    compiled = jax.jit(lambda *values: tuple(map(list, update(*values))), donate_argnums=(0, 1, 2))

    def run() -> None:
        state[3] += 1
        state[:3] = compiled(*state[:3], gs, float(state[3]))
        jax.block_until_ready(state[:3])

    return {"JAX jit": Contender(run, lambda: changes(arrays, [np.asarray(p) for p in state[0]]))}


def _timed(name: str, derivative: Callable[[], Any], chosen: Callable[[Any], Any]) -> dict[str, Contender]:
    return {name: returning(lambda: jax.block_until_ready(derivative()), lambda found: np.asarray(chosen(found)))}

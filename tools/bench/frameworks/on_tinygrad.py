"""tinygrad: a lazy framework, whose users capture a training step with TinyJit. Its CPU device needs clang."""

from __future__ import annotations

import os
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

os.environ.setdefault("DEV", "CPU")  # read when it is imported
os.environ.setdefault("NUM_CPU_THREADS", os.environ.get("OMP_NUM_THREADS", "1"))

from tinygrad import Context, Device, Tensor, TinyJit, nn

from ..harness import Contender, changes, returning
from ..language_model import CELLS, GATES, OPTIMIZER_RATE, RATE, Problem, Step, loss

LARGEST_GRAPH = 40  # time steps times gates; 32 steps of an LSTM compile in two minutes, of an RNN in half of one

OPS = SimpleNamespace(
    embedding=lambda indices, weight: weight[indices],
    unstack=lambda x: [x[t] for t in range(x.shape[0])],
    stack=lambda xs: xs[0].stack(*xs[1:]),
    split=lambda x, n: x.chunk(n, dim=-1),
    sigmoid=lambda x: x.sigmoid(),
    tanh=lambda x: x.tanh(),
    cross_entropy=lambda logits, targets: logits.flatten(0, 1).sparse_categorical_crossentropy(targets.flatten()),
)


def compiles_too_long(problem: Problem) -> bool:
    """Whether the training step is left out."""
    return problem.steps * GATES[problem.cell] > LARGEST_GRAPH


def training_steps(problem: Problem) -> dict[str, Step]:
    """Ordinary operations, captured once and replayed. None where capturing them takes longer than a minute."""
    if compiles_too_long(problem):
        return {}
    p = {name: Tensor(value).realize() for name, value in problem.weights.items()}
    optimizer = nn.optim.SGD(list(p.values()), lr=RATE)
    x, y = Tensor(problem.inputs.astype("int32")).realize(), Tensor(problem.targets.astype("int32")).realize()
    start = (Tensor.zeros(problem.batch, problem.hidden).contiguous().realize(),) * problem.states
    cell = CELLS[problem.cell]

    @TinyJit
    def update() -> Any:
        with Context(TRAINING=1):
            optimizer.zero_grad()
            value = loss(OPS, cell, p, start, x, y)
            value.backward()
            return value.realize(*optimizer.schedule_step())

    return {"tinygrad TinyJit": lambda: float(update().item())}


def cross_entropy(logits: Any, targets: Any) -> dict[str, Contender]:
    """The loss of logits (N, C) and its gradient."""
    x, y = Tensor(logits).realize(), Tensor(targets.astype("int32")).realize()
    return _captured(x, lambda: x.sparse_categorical_crossentropy(y))


def optimizer_steps(kind: str, arrays: list[Any], gradients: list[Any]) -> dict[str, Contender]:
    """One step of `SGD` with momentum, `Adam` or `AdamW` on all arrays; the gradients stay the same."""
    parameters = [Tensor(value).realize() for value in arrays]
    gs = [Tensor(value).realize() for value in gradients]
    momentum: dict[str, Any] = {"momentum": 0.9} if kind == "SGD" else {}
    optimizer = getattr(nn.optim, kind)(parameters, lr=OPTIMIZER_RATE, **momentum)

    @TinyJit
    def update() -> None:
        with Context(TRAINING=1):
            for p, g in zip(parameters, gs, strict=True):
                p.grad = g
            optimizer.step()

    def run() -> None:
        update()
        Device[Device.DEFAULT].synchronize()

    return {"tinygrad TinyJit": Contender(run, lambda: changes(arrays, [p.numpy() for p in parameters]))}


def _captured(x: Any, forward: Callable[[], Any]) -> dict[str, Contender]:
    """The gradient of `forward` for x, captured once and replayed."""

    @TinyJit
    def update() -> Any:
        x.grad = None
        forward().backward()
        return x.grad.realize()

    def run() -> Any:
        found = update()
        Device[Device.DEFAULT].synchronize()
        return found

    return {"tinygrad TinyJit": returning(run, lambda found: found.numpy())}

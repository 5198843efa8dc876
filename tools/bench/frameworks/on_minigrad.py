"""minigrad, on any of its backends."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import minigrad as mg
from minigrad import functional as F
from minigrad import nn

from ..harness import Contender, changes, joined
from ..language_model import CELLS, OPTIMIZER_RATE, RATE, Problem, Step, loss, trained
from ..layers import Batch, Layer

OPS = SimpleNamespace(
    embedding=F.embedding,
    unstack=mg.unstack,
    stack=mg.stack,
    split=lambda x, n: mg.split(x, n, axis=-1),
    sigmoid=mg.sigmoid,
    tanh=mg.tanh,
    cross_entropy=F.cross_entropy,
)


def backends() -> list[str]:
    """The backends on the host that work here."""
    missing = mg.backends.missing_backends()
    return [name for name in ("numpy", "numba") if name not in missing]


def training_steps(problem: Problem, backend: str) -> dict[str, Step]:
    """Ordinary operations, and minigrad's own module (which is the same operations in `nn.Recurrent`)."""
    return {f"minigrad ({backend})": _ordinary(problem, backend), f"minigrad nn ({backend})": _module(problem, backend)}


def _ordinary(problem: Problem, backend: str) -> Step:
    p = {name: mg.Parameter(value, backend=backend) for name, value in problem.weights.items()}
    x, y = mg.tensor(problem.inputs, backend=backend), mg.tensor(problem.targets, backend=backend)
    start = (mg.zeros((problem.batch, problem.hidden), backend=backend),) * problem.states
    cell = CELLS[problem.cell]
    return trained(mg.optim.SGD([*p.values()], lr=RATE), lambda: loss(OPS, cell, p, start, x, y))


def _module(problem: Problem, backend: str) -> Step:
    p = {name: mg.Parameter(problem.weights[name], backend=backend) for name in ("embedding", "W_hy", "b_y")}
    with mg.use_backend(backend):
        recurrent = getattr(nn, problem.cell)(problem.hidden, problem.hidden)
        weights = problem.weights
        recurrent.load_state_dict(
            {
                "weight_ih_l0": weights["W_xh"].T.copy(),
                "weight_hh_l0": weights["W_hh"].T.copy(),
                "bias_ih_l0": weights["b_h"],
                "bias_hh_l0": 0 * weights["b_h"],
            }
        )
    second_bias = recurrent.bias_hh_l0  # stays zero: the other contenders have one bias
    parameters = [t for t in (*p.values(), *recurrent.parameters()) if t is not second_bias]
    x, y = mg.tensor(problem.inputs, backend=backend), mg.tensor(problem.targets, backend=backend)

    def forward() -> Any:
        outputs, _ = recurrent(F.embedding(x, p["embedding"]))
        return F.cross_entropy(outputs @ p["W_hy"] + p["b_y"], y)

    return trained(mg.optim.SGD(parameters, lr=RATE), forward, second_bias)


def recurrent_layer(work: Layer, data: Batch, backend: str) -> dict[str, Contender]:
    """A recurrent module alone: the gradients of its weights and inputs."""
    module = _loaded(work, backend)
    x = mg.tensor(data.inputs, requires_grad=True, backend=backend)
    g = mg.tensor(data.gradient, backend=backend)

    def run() -> None:
        x.grad = None
        module.zero_grad()
        module(x)[0].backward(g)
        x.backend.synchronize()

    return {f"minigrad nn ({backend})": Contender(run, lambda: joined(_gradients(work, module), _host(x.grad)))}


def batches(work: Layer, data: list[Batch], lengths: bool, backend: str) -> Contender:
    """Batches one after the other: the gradients of the weights. The lengths are told to the module, or not."""
    module = _loaded(work, backend)
    tensors = [[mg.tensor(array, backend=backend) for array in (batch.inputs, batch.gradient)] for batch in data]

    def run() -> None:
        module.zero_grad()
        for batch, (x, g) in zip(data, tensors, strict=True):
            module(x, lengths=batch.lengths if lengths else None)[0].backward(g)
        g.backend.synchronize()

    return Contender(run, lambda: joined(_gradients(work, module)))


def _loaded(work: Layer, backend: str) -> Any:
    with mg.use_backend(backend):
        module = getattr(nn, work.kind)(work.hidden, work.hidden, **work.options)
    module.load_state_dict({name: mg.tensor(value, backend=backend) for name, value in work.weights.items()})
    return module


def _gradients(work: Layer, module: Any) -> list[Any]:
    return [_host(getattr(module, name).grad) for name in work.weights]


def chain(arrays: tuple[Any, ...], length: int, backend: str) -> dict[str, Contender]:
    """Multiply, add, tanh, matrix product, again and again."""
    x, a, b, w = (mg.tensor(v, requires_grad=True, backend=backend) for v in arrays)
    seed = mg.ones(x.shape, backend=backend)

    def run() -> None:
        for t in (x, a, b, w):
            t.grad = None
        h = x
        for _ in range(length):
            h = mg.tanh(h * a + b) @ w
        h.backward(seed)
        x.backend.synchronize()

    return {f"minigrad ({backend})": Contender(run, lambda: _host(w.grad))}


def cross_entropy(logits: Any, targets: Any, backend: str) -> dict[str, Contender]:
    """The loss of logits (N, C) and its gradient."""
    x, y = mg.tensor(logits, requires_grad=True, backend=backend), mg.tensor(targets, backend=backend)

    def run() -> None:
        x.grad = None
        F.cross_entropy(x, y).backward()
        x.backend.synchronize()

    return {f"minigrad ({backend})": Contender(run, lambda: _host(x.grad))}


def embedding_gradient(weight: Any, indices: Any, gradient: Any, backend: str) -> dict[str, Contender]:
    """Picking rows (N, D) of a weight (V, D), and the weight's gradient."""
    w, index = mg.tensor(weight, requires_grad=True, backend=backend), mg.tensor(indices, backend=backend)
    g = mg.tensor(gradient, backend=backend)

    def run() -> None:
        w.grad = None
        F.embedding(index, w).backward(g)
        w.backend.synchronize()

    return {f"minigrad ({backend})": Contender(run, lambda: _host(w.grad))}


def optimizer_steps(kind: str, arrays: list[Any], gradients: list[Any], backend: str) -> dict[str, Contender]:
    """One step of `SGD` with momentum, `Adam` or `AdamW` on all arrays; the gradients stay the same."""
    parameters = [mg.Parameter(value, backend=backend) for value in arrays]
    for p, g in zip(parameters, gradients, strict=True):
        p.grad = mg.tensor(g, backend=backend)
    momentum: dict[str, Any] = {"momentum": 0.9} if kind == "SGD" else {}
    optimizer = getattr(mg.optim, kind)(parameters, lr=OPTIMIZER_RATE, **momentum)

    def run() -> None:
        optimizer.step()
        parameters[0].backend.synchronize()

    return {f"minigrad ({backend})": Contender(run, lambda: changes(arrays, [_host(p) for p in parameters]))}


def _host(x: Any) -> Any:
    return x.detach().numpy()

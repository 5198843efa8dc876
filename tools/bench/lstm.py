"""A training step of an LSTM language model written as ordinary operations: embedding, LSTM, linear, loss, SGD.

minigrad and PyTorch run the same loop, line by line: the input products of all steps in one matrix product, the steps
taken apart with `unstack` / `unbind`, the gates with `split` / `chunk`. Beside it stand PyTorch's `nn.LSTM`, which has
no loop in Python, and the bare matrix products of the step in NumPy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import minigrad as mg
from minigrad import functional as F

from .harness import Row, measure, scaled

SIZES = ((16, 32, 64, 64), (32, 64, 128, 96), (64, 128, 256, 96))  # batch, time steps, hidden units, vocabulary
ROUNDS = (60, 24, 8)
RATE = 0.1

Step = Callable[[], float]


def rows(quick: bool, threads: int) -> list[Row]:
    """One row a size, in milliseconds a training step."""
    found = []
    for (batch, steps, hidden, vocabulary), rounds in list(zip(SIZES, ROUNDS, strict=True))[: 2 if quick else 3]:
        weights, inputs, targets = _data(batch, steps, hidden, vocabulary)
        contenders: dict[str, Callable[[], Any]] = {}
        for backend in ("numpy", "numba"):
            if backend not in mg.backends.missing_backends():
                contenders[f"minigrad ({backend})"] = _minigrad(weights, inputs, targets, hidden, backend)
        contenders |= _torch(weights, inputs, targets, hidden, threads)
        contenders["bare matrix products"] = _products(batch, steps, hidden, vocabulary)
        _same_losses(contenders)
        figures = scaled(measure(contenders, max(rounds // 4, 3) if quick else rounds), 1e3)
        name = f"LSTM training step, B={batch} T={steps} H={hidden} V={vocabulary}"
        found.append(Row("lstm", name, "ms", figures, "PyTorch ordinary operations", "<= 1.0"))
    return found


def _data(batch: int, steps: int, hidden: int, vocabulary: int) -> tuple[dict[str, Any], Any, Any]:
    rng = np.random.default_rng(0)
    shapes = {
        "embedding": (vocabulary, hidden),
        "W_xh": (hidden, 4 * hidden),
        "W_hh": (hidden, 4 * hidden),
        "b_h": (4 * hidden,),
        "W_hy": (hidden, vocabulary),
        "b_y": (vocabulary,),
    }
    weights = {name: (rng.standard_normal(s) / hidden**0.5).astype(np.float32) for name, s in shapes.items()}
    text = rng.integers(0, vocabulary, (steps + 1, batch))
    return weights, text[:-1], text[1:]


def _same_losses(contenders: dict[str, Callable[[], Any]]) -> None:
    """Make sure that all contenders compute the same thing: the loss of their first training steps."""
    losses = {name: [run() for _ in range(2)] for name, run in contenders.items() if name != "bare matrix products"}
    first = next(iter(losses.values()))
    for name, found in losses.items():
        if not np.allclose(found, first, rtol=1e-4):
            raise RuntimeError(f"the contenders disagree: {name} has losses {found}, expected {first}")


def _minigrad(weights: dict[str, Any], inputs: Any, targets: Any, hidden: int, backend: str) -> Step:
    p = {name: mg.Parameter(value, backend=backend) for name, value in weights.items()}
    optimizer = mg.optim.SGD(p.values(), lr=RATE)
    x, y = mg.tensor(inputs, backend=backend), mg.tensor(targets, backend=backend)
    start = mg.zeros((inputs.shape[1], hidden), backend=backend)

    def step() -> float:
        optimizer.zero_grad()
        projected = F.embedding(x, p["embedding"]) @ p["W_xh"] + p["b_h"]
        h = c = start
        outputs = []
        for x_t in mg.unstack(projected):
            i, f, g, o = mg.split(x_t + h @ p["W_hh"], 4, axis=-1)
            c = mg.sigmoid(f) * c + mg.sigmoid(i) * mg.tanh(g)
            h = mg.sigmoid(o) * mg.tanh(c)
            outputs.append(h)
        loss = F.cross_entropy(mg.stack(outputs) @ p["W_hy"] + p["b_y"], y)
        loss.backward()
        optimizer.step()
        return float(loss.item())

    return step


def _torch(weights: dict[str, Any], inputs: Any, targets: Any, hidden: int, threads: int) -> dict[str, Step]:
    try:
        import torch
    except ImportError:
        return {}
    torch.set_num_threads(threads)
    p = {name: torch.tensor(value, requires_grad=True) for name, value in weights.items()}
    optimizer = torch.optim.SGD(p.values(), lr=RATE)
    x, y = torch.tensor(inputs), torch.tensor(targets).flatten()
    start = torch.zeros(inputs.shape[1], hidden)

    def ordinary() -> float:
        optimizer.zero_grad()
        projected = torch.nn.functional.embedding(x, p["embedding"]) @ p["W_xh"] + p["b_h"]
        h = c = start
        outputs = []
        for x_t in projected.unbind(0):
            i, f, g, o = (x_t + h @ p["W_hh"]).chunk(4, dim=-1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            outputs.append(h)
        logits = torch.stack(outputs) @ p["W_hy"] + p["b_y"]
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), y)
        loss.backward()
        optimizer.step()
        return float(loss.item())

    fused: Any = torch.nn.LSTM(hidden, hidden)
    q = {name: torch.tensor(weights[name], requires_grad=True) for name in ("embedding", "W_hy", "b_y")}
    with torch.no_grad():
        fused.weight_ih_l0.copy_(torch.tensor(weights["W_xh"].T))
        fused.weight_hh_l0.copy_(torch.tensor(weights["W_hh"].T))
        fused.bias_ih_l0.copy_(torch.tensor(weights["b_h"]))
        fused.bias_hh_l0.zero_()
    fused.bias_hh_l0.requires_grad_(False)  # one bias, as in the other contenders
    trained = [t for t in (*q.values(), *fused.parameters()) if t.requires_grad]
    fused_optimizer = torch.optim.SGD(trained, lr=RATE)

    def module() -> float:
        fused_optimizer.zero_grad()
        outputs, _ = fused(torch.nn.functional.embedding(x, q["embedding"]))
        logits = outputs @ q["W_hy"] + q["b_y"]
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), y)
        loss.backward()
        fused_optimizer.step()
        return float(loss.item())

    return {"PyTorch ordinary operations": ordinary, "PyTorch nn.LSTM": module}


def _products(batch: int, steps: int, hidden: int, vocabulary: int) -> Callable[[], Any]:
    """The matrix products of one training step and nothing else, on arrays that are there already."""
    rng = np.random.default_rng(0)

    def draw(*shape: int) -> Any:
        return rng.standard_normal(shape).astype(np.float32)

    n = steps * batch
    x, h_t, h, W_x, W_h, W_y = (
        draw(n, hidden),
        draw(batch, hidden),
        draw(n, hidden),
        draw(hidden, 4 * hidden),
        draw(hidden, 4 * hidden),
        draw(hidden, vocabulary),
    )
    d_t, d, d_y = draw(batch, 4 * hidden), draw(n, 4 * hidden), draw(n, vocabulary)

    def run() -> None:
        x.dot(W_x)
        h.dot(W_y)
        for _ in range(steps):
            h_t.dot(W_h)
        h.T.dot(d_y)
        d_y.dot(W_y.T)
        for _ in range(steps):
            d_t.dot(W_h.T)
            h_t.T.dot(d_t)
        x.T.dot(d)
        d.dot(W_x.T)

    return run

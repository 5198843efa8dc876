"""One program that draws graphs, timed in a process of its own, which can be ended when it takes too long.

`python -m minigrad.tools.bench.groups.drawers NAME STEPS FILE` unrolls an LSTM cell, written as ordinary operations,
over so many time steps, and has it described in Graphviz's language again and again. It prints the seconds of each
time, and the number of nodes drawn; the last description is left in FILE.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import minigrad as mg
from minigrad import nn
from minigrad.tools import draw

BATCH, FEATURES, HIDDEN = 2, 4, 8
ENOUGH = 4.0  # seconds of repetitions

Drawn = tuple[str, int]  # the description, and how many nodes it has


class Cell(nn.Module):
    """An LSTM cell as ordinary operations."""

    def __init__(self) -> None:
        super().__init__()
        self.W_xh = nn.Parameter(_numbers(FEATURES, 4 * HIDDEN))
        self.W_hh = nn.Parameter(_numbers(HIDDEN, 4 * HIDDEN))
        self.b = nn.Parameter(_numbers(4 * HIDDEN))

    def forward(self, x_t: mg.Tensor, h: mg.Tensor, c: mg.Tensor) -> tuple[mg.Tensor, mg.Tensor]:
        i, f, g, o = mg.split(x_t @ self.W_xh + h @ self.W_hh + self.b, 4, axis=-1)
        c = mg.sigmoid(f) * c + mg.sigmoid(i) * mg.tanh(g)
        return mg.sigmoid(o) * mg.tanh(c), c


def unrolled(steps: int) -> mg.Tensor:
    """The sum of the last h of a cell over so many time steps, with its history."""
    cell = Cell()
    h = c = mg.zeros((BATCH, HIDDEN))
    with mg.gc_paused():
        for x_t in mg.tensor(_numbers(steps, BATCH, FEATURES)):
            h, c = cell(x_t, h, c)
    return h.sum()


def _numbers(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def _minigrad(shown: int, depth: int | None = None) -> Callable[[int], Callable[[], Drawn]]:
    def make(steps: int) -> Callable[[], Drawn]:
        loss = unrolled(steps)

        def run() -> Drawn:
            picture = draw(loss, depth=depth, steps=shown)
            return picture.dot, len(picture.view.nodes)

        return run

    return make


def _torchviz(steps: int) -> Callable[[], Drawn]:
    import torchviz

    model, x = torch_model(), torch_input(steps)
    loss = model(x)
    return lambda: _graphviz(torchviz.make_dot(loss, params=dict(model.named_parameters())))


def _torchview(operations: bool) -> Callable[[int], Callable[[], Drawn]]:
    def make(steps: int) -> Callable[[], Drawn]:
        import torchview

        model, x = torch_model(), torch_input(steps)
        options: dict[str, Any] = {
            "device": "cpu",
            "expand_nested": operations,
            "hide_module_functions": not operations,
        }
        return lambda: _graphviz(torchview.draw_graph(model, input_data=x, **options).visual_graph)

    return make


def _graphviz(graph: Any) -> Drawn:
    """The description of a `graphviz.Digraph`, and its nodes: what is neither an edge nor a frame or its settings."""
    lines = [line.strip() for line in graph.body]
    nodes = [line for line in lines if "[" in line and "->" not in line and not line.startswith(("graph", "node"))]
    return graph.source, len(nodes)


def torch_input(steps: int) -> Any:
    """What the cell reads: (steps, B, F)."""
    import torch

    return torch.from_numpy(_numbers(steps, BATCH, FEATURES))


def torch_model() -> Any:
    """The cell and its loop, line by line, as modules of PyTorch."""
    import torch

    class TorchCell(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.W_xh = torch.nn.Parameter(torch.from_numpy(_numbers(FEATURES, 4 * HIDDEN)))
            self.W_hh = torch.nn.Parameter(torch.from_numpy(_numbers(HIDDEN, 4 * HIDDEN)))
            self.b = torch.nn.Parameter(torch.from_numpy(_numbers(4 * HIDDEN)))

        def forward(self, x_t: Any, h: Any, c: Any) -> tuple[Any, Any]:
            i, f, g, o = torch.chunk(x_t @ self.W_xh + h @ self.W_hh + self.b, 4, dim=-1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            return torch.sigmoid(o) * torch.tanh(c), c

    class Unrolled(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell = TorchCell()

        def forward(self, x: Any) -> Any:
            h = c = torch.zeros(BATCH, HIDDEN)
            for x_t in x:
                h, c = self.cell(x_t, h, c)
            return h.sum()

    return Unrolled()


# What takes part: name -> (package that it needs beside PyTorch, how it is made for a number of steps)
DRAWERS: dict[str, tuple[str | None, Callable[[int], Callable[[], Drawn]]]] = {
    "minigrad, 4 steps shown": (None, _minigrad(4)),
    "minigrad, 4 steps opened": (None, _minigrad(4, depth=1)),
    "minigrad, folded into 1": (None, _minigrad(1)),
    "torchview": ("torchview", _torchview(operations=True)),
    "torchview, cells as boxes": ("torchview", _torchview(operations=False)),
    "torchviz": ("torchviz", _torchviz),
}


def why_absent(name: str) -> str | None:
    """Why this one cannot take part; None if it can."""
    package = DRAWERS[name][0]
    if package is None:
        return None
    missing = [module for module in ("torch", package) if importlib.util.find_spec(module) is None]
    return f"{missing[0]} is not installed" if missing else None


def described(name: str, steps: int, path: Path, limit: float) -> tuple[list[float], int]:
    """The seconds that each time took, and the number of nodes drawn, in a process that is ended after `limit` seconds.

    Raises RuntimeError, which says why, if it fails or takes too long. The description is in the file then, if not.
    """
    command = [sys.executable, "-m", f"{__package__}.drawers", name, str(steps), str(path)]
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"not done after {limit:.0f} s") from None
    if done.returncode:
        raise RuntimeError(next(reversed(done.stderr.strip().splitlines()), f"exit status {done.returncode}")[:200])
    found = json.loads(done.stdout.splitlines()[-1])
    return found["seconds"], found["nodes"]


def timed(run: Callable[[], Drawn]) -> tuple[list[float], Drawn]:
    """The seconds of each of several runs, the first one left out, and what the last one gave.

    What takes long runs once.
    """
    seconds: list[float] = []
    while True:
        begun = time.perf_counter()
        drawn = run()
        seconds.append(time.perf_counter() - begun)
        if sum(seconds) > ENOUGH or len(seconds) == 12:
            return seconds[1:] or seconds, drawn


def _main() -> None:
    parser = argparse.ArgumentParser(description="time one program that draws graphs")
    parser.add_argument("name", choices=DRAWERS)
    parser.add_argument("steps", type=int)
    parser.add_argument("file", type=Path)
    options = parser.parse_args()
    seconds, (description, nodes) = timed(DRAWERS[options.name][1](options.steps))
    options.file.write_text(description, encoding="utf-8")
    print(json.dumps({"seconds": seconds, "nodes": nodes}))


if __name__ == "__main__":
    _main()

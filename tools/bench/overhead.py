"""What recording costs: a chain of tiny operations, forward and backward, per operation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import minigrad as mg

from .harness import Row, measure, scaled

LENGTH = 250  # repetitions of the four operations in one chain
OPERATIONS = 4


def rows(quick: bool, threads: int) -> list[Row]:
    """One row: microseconds an operation for multiply, add, tanh, matmul on 8 x 8 float32."""
    rng = np.random.default_rng(0)
    start, factor, shift = (rng.standard_normal((8, 8)).astype(np.float32) for _ in range(3))
    weight = (rng.standard_normal((8, 8)) / 8**0.5).astype(np.float32)
    arrays = (start, factor, shift, weight)
    contenders = {"minigrad (numpy)": _minigrad(arrays), "NumPy by hand": _by_hand(arrays)}
    torch_chain = _torch(arrays, threads)
    if torch_chain is not None:
        contenders["PyTorch eager"] = torch_chain
    figures = measure(contenders, rounds=20 if quick else 100, warm_up=5)
    per_operation = scaled(figures, 1e6 / (LENGTH * OPERATIONS))
    name = "chain of 8x8 operations, forward + backward, per operation"
    return [Row("overhead", name, "us", per_operation, "PyTorch eager", "<= 0.7")]


def _minigrad(arrays: tuple[Any, ...]) -> Callable[[], Any]:
    x, a, b, w = (mg.tensor(v, requires_grad=True) for v in arrays)
    seed = np.ones((8, 8), np.float32)

    def chain() -> None:
        for t in (x, a, b, w):
            t.grad = None
        h = x
        for _ in range(LENGTH):
            h = mg.tanh(h * a + b) @ w
        h.backward(seed)

    return chain


def _torch(arrays: tuple[Any, ...], threads: int) -> Callable[[], Any] | None:
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(threads)
    x, a, b, w = (torch.tensor(v, requires_grad=True) for v in arrays)
    seed = torch.ones(8, 8)

    def chain() -> None:
        for t in (x, a, b, w):
            t.grad = None
        h = x
        for _ in range(LENGTH):
            h = torch.tanh(h * a + b) @ w
        h.backward(seed)

    return chain


def _by_hand(arrays: tuple[Any, ...]) -> Callable[[], Any]:
    """The same arithmetic in plain NumPy, without any framework: the floor."""
    x, a, b, w = arrays

    def chain() -> None:
        h, kept = x, []
        for _ in range(LENGTH):
            y = np.tanh(h * a + b)
            kept.append((h, y))
            h = y.dot(w)
        g = np.ones((8, 8), np.float32)
        da, db, dw = np.zeros_like(a), np.zeros_like(b), np.zeros_like(w)
        for h, y in reversed(kept):
            dw += y.T.dot(g)
            g = g.dot(w.T)
            g = g * (1 - y * y)
            db += g
            da += g * h
            g = g * a

    return chain

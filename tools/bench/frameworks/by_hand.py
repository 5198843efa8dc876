"""The floors: what a person would write in NumPy with derivatives worked out on paper, and the products alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..harness import Contender, returning
from ..language_model import GATES, RATE, Problem, Step


def training_steps(problem: Problem) -> dict[str, Step]:
    """The training step by hand: no framework, weight gradients of all time steps in one product."""
    p = {name: value.copy() for name, value in problem.weights.items()}
    run = {"RNN": _rnn, "LSTM": _lstm, "GRU": _gru}[problem.cell]
    inputs, targets = problem.inputs.reshape(-1), problem.targets.reshape(-1)
    shape = problem.steps, problem.batch, -1

    def step() -> float:
        x = p["embedding"][inputs]
        projected = x @ p["W_xh"] + p["b_h"]
        h, backward = run(projected.reshape(shape), p["W_hh"])  # h (T + 1, B, H), zeros first
        flat = h[1:].reshape(len(x), -1)
        value, d_logits = cross_entropy(flat @ p["W_hy"] + p["b_y"], targets)
        d_projected, d_product = backward((d_logits @ p["W_hy"].T).reshape(h[1:].shape))
        d_projected, d_product = d_projected.reshape(len(x), -1), d_product.reshape(len(x), -1)
        gradients = {
            "W_hy": flat.T @ d_logits,
            "b_y": d_logits.sum(axis=0),
            "W_hh": h[:-1].reshape(len(x), -1).T @ d_product,
            "W_xh": x.T @ d_projected,
            "b_h": d_projected.sum(axis=0),
            "embedding": summed_rows(d_projected @ p["W_xh"].T, inputs, len(p["embedding"])),
        }
        for name, gradient in gradients.items():
            gradient *= RATE
            p[name] -= gradient
        return value

    return {"NumPy by hand": step}


def cross_entropy(logits: Any, targets: Any) -> tuple[float, Any]:
    """The mean loss of logits (N, C), and its gradient."""
    rows = np.arange(len(targets))
    shifted = logits - logits.max(axis=1, keepdims=True)
    chosen = shifted[rows, targets]
    np.exp(shifted, out=shifted)
    total = shifted.sum(axis=1)
    value = float((np.log(total) - chosen).mean())
    shifted *= (1 / (total * len(targets)))[:, None]
    shifted[rows, targets] -= 1 / len(targets)
    return value, shifted


def summed_rows(values: Any, indices: Any, n: int) -> Any:
    """The gradient (n, D) of picking rows: the sum of `values` (N, D) by index."""
    order = np.argsort(indices, kind="stable")
    places = indices[order]
    firsts = np.flatnonzero(np.r_[True, places[1:] != places[:-1]])
    result = np.zeros((n, values.shape[1]), values.dtype)
    result[places[firsts]] = np.add.reduceat(values[order], firsts, axis=0)
    return result


def _sigmoid(x: Any) -> Any:
    x = np.negative(x)
    np.exp(x, out=x)
    x += 1
    return np.reciprocal(x, out=x)


# Each forward pass takes the projected inputs (T, B, gates * H) and returns all h (T + 1, B, H), the first being zeros,
# and its backward pass. That takes the gradients of h from outside and returns those of x_t and of h @ W_hh.


def _rnn(x: Any, W: Any) -> tuple[Any, Callable[[Any], tuple[Any, Any]]]:
    T, B, H = x.shape
    h = np.zeros((T + 1, B, H), x.dtype)
    for t in range(T):
        np.tanh(x[t] + h[t] @ W, out=h[t + 1])

    def backward(d_h: Any) -> tuple[Any, Any]:
        d = 1 - h[1:] * h[1:]
        carried = np.zeros((B, H), x.dtype)
        for t in reversed(range(T)):
            carried += d_h[t]
            d[t] *= carried
            carried = d[t] @ W.T
        return d, d

    return h, backward


def _lstm(x: Any, W: Any) -> tuple[Any, Callable[[Any], tuple[Any, Any]]]:
    T, B, width = x.shape
    H = width // 4
    h, c = np.zeros((T + 1, B, H), x.dtype), np.zeros((T + 1, B, H), x.dtype)
    gates, tanh_c = np.empty_like(x), np.empty((T, B, H), x.dtype)
    for t in range(T):
        a, s = x[t] + h[t] @ W, gates[t]
        s[:, : 2 * H] = _sigmoid(a[:, : 2 * H])
        np.tanh(a[:, 2 * H : 3 * H], out=s[:, 2 * H : 3 * H])
        s[:, 3 * H :] = _sigmoid(a[:, 3 * H :])
        i, f, g, o = np.split(s, 4, axis=1)
        c[t + 1] = f * c[t] + i * g
        np.tanh(c[t + 1], out=tanh_c[t])
        h[t + 1] = o * tanh_c[t]

    def backward(d_h: Any) -> tuple[Any, Any]:
        d = np.empty_like(gates)
        carried_h, carried_c = np.zeros((B, H), x.dtype), np.zeros((B, H), x.dtype)
        for t in reversed(range(T)):
            i, f, g, o = np.split(gates[t], 4, axis=1)
            d_i, d_f, d_g, d_o = np.split(d[t], 4, axis=1)
            carried_h += d_h[t]
            np.multiply(carried_h * tanh_c[t], o * (1 - o), out=d_o)
            carried_c += carried_h * o * (1 - tanh_c[t] * tanh_c[t])
            np.multiply(carried_c * g, i * (1 - i), out=d_i)
            np.multiply(carried_c * c[t], f * (1 - f), out=d_f)
            np.multiply(carried_c * i, 1 - g * g, out=d_g)
            carried_c *= f
            carried_h = d[t] @ W.T
        return d, d

    return h, backward


def _gru(x: Any, W: Any) -> tuple[Any, Callable[[Any], tuple[Any, Any]]]:
    T, B, width = x.shape
    H = width // 3
    h = np.zeros((T + 1, B, H), x.dtype)
    gates, news, products = np.empty((T, B, 2 * H), x.dtype), np.empty((T, B, H), x.dtype), np.empty((T, B, H), x.dtype)
    for t in range(T):
        a = h[t] @ W
        products[t] = a[:, 2 * H :]
        gates[t] = _sigmoid(x[t, :, : 2 * H] + a[:, : 2 * H])
        r, z = np.split(gates[t], 2, axis=1)
        np.tanh(x[t, :, 2 * H :] + r * products[t], out=news[t])
        h[t + 1] = news[t] + z * (h[t] - news[t])

    def backward(d_h: Any) -> tuple[Any, Any]:
        d_x, d_a = np.empty_like(x), np.empty_like(x)
        carried = np.zeros((B, H), x.dtype)
        for t in reversed(range(T)):
            r, z = np.split(gates[t], 2, axis=1)
            n = news[t]
            carried += d_h[t]
            d_n = carried * (1 - z) * (1 - n * n)
            d_x[t, :, 2 * H :] = d_n
            d_x[t, :, H : 2 * H] = carried * (h[t] - n) * z * (1 - z)
            d_x[t, :, :H] = d_n * products[t] * r * (1 - r)
            d_a[t, :, : 2 * H] = d_x[t, :, : 2 * H]
            d_a[t, :, 2 * H :] = d_n * r
            carried = carried * z + d_a[t] @ W.T
        return d_x, d_a

    return h, backward


def products(problem: Problem, lib: Any = np, wait: Callable[[], None] = lambda: None) -> dict[str, Callable[[], Any]]:
    """The matrix products of one training step and nothing else, on arrays that are there already.

    `lib` is NumPy or CuPy, `wait` waits for its work to be done.

    Those of the recurrence are made step by step, as they must be; the gradient of W_hh is one product of all steps.
    """
    rng = np.random.default_rng(0)

    def draw(*shape: int) -> Any:
        return lib.asarray(rng.standard_normal(shape).astype(np.float32))

    n, width = problem.steps * problem.batch, GATES[problem.cell] * problem.hidden
    hidden, vocabulary = problem.hidden, problem.vocabulary
    x, h_t, h = draw(n, hidden), draw(problem.batch, hidden), draw(n, hidden)
    W_x, W_h, W_y = draw(hidden, width), draw(hidden, width), draw(hidden, vocabulary)
    d_t, d, d_y = draw(problem.batch, width), draw(n, width), draw(n, vocabulary)

    def run() -> None:
        x.dot(W_x)
        for _ in range(problem.steps):
            h_t.dot(W_h)
        h.dot(W_y)
        h.T.dot(d_y)
        d_y.dot(W_y.T)
        for _ in range(problem.steps):
            d_t.dot(W_h.T)
        h.T.dot(d)
        x.T.dot(d)
        d.dot(W_x.T)
        wait()

    return {"bare matrix products": run}


def chain(arrays: tuple[Any, ...], length: int) -> dict[str, Contender]:
    """The arithmetic of the chain in plain NumPy, without any framework."""
    x, a, b, w = arrays

    def run() -> Any:
        h, saved = x, []
        for _ in range(length):
            y = np.tanh(h * a + b)
            saved.append((h, y))
            h = y.dot(w)
        g = np.ones_like(x)
        da, db, dw = np.zeros_like(a), np.zeros_like(b), np.zeros_like(w)
        for h, y in reversed(saved):
            dw += y.T.dot(g)
            g = g.dot(w.T)
            g = g * (1 - y * y)
            db += g
            da += g * h
            g = g * a
        return dw

    return {"NumPy by hand": returning(run)}

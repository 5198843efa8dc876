"""PyTorch, on the CPU or a GPU."""

from __future__ import annotations

import os
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import torch
from torch.nn import functional
from torch.nn.utils import rnn

from ..harness import Contender, changes, joined
from ..language_model import CELLS, OPTIMIZER_RATE, RATE, Problem, Step, loss, trained
from ..layers import Batch, Layer

OPS = SimpleNamespace(
    embedding=functional.embedding,
    unstack=lambda x: x.unbind(0),
    stack=torch.stack,
    split=lambda x, n: x.chunk(n, dim=-1),
    sigmoid=torch.sigmoid,
    tanh=torch.tanh,
    cross_entropy=lambda logits, targets: functional.cross_entropy(logits.flatten(0, 1), targets),
)


def pin(threads: int) -> None:
    """Use this many threads."""
    torch.set_num_threads(threads)


def training_steps(problem: Problem, device: str = "cpu") -> dict[str, Step]:
    """Ordinary operations, a loop over `nn.*Cell`, and the fused module `nn.*`."""
    return {
        "PyTorch ordinary operations": _ordinary(problem, device, CELLS[problem.cell]),
        f"PyTorch nn.{problem.cell}Cell in a loop": _cell_module(problem, device),
        f"PyTorch nn.{problem.cell}": _fused_module(problem, device),
    }


def compiled_steps(problem: Problem) -> dict[str, Step]:
    """The time step of the cell through torch.compile, in the same loop.

    None where PyTorch is limited to some instructions: what its compiler generates does not follow that, and then
    computes wrong numbers (seen with 2.13).
    """
    if "ATEN_CPU_CAPABILITY" in os.environ:
        return {}
    torch._dynamo.reset()  # otherwise it generalises over the sizes of earlier rows
    return {"PyTorch torch.compile, time step": _ordinary(problem, "cpu", torch.compile(CELLS[problem.cell]))}


def saved_bytes(problem: Problem) -> dict[str, int]:
    """What autograd keeps alive for backward in one training step, each piece of memory once, without parameters."""
    p = {name: torch.tensor(value, requires_grad=True) for name, value in problem.weights.items()}
    x, y = torch.tensor(problem.inputs), torch.tensor(problem.targets).flatten()
    start = (torch.zeros(problem.batch, problem.hidden),) * problem.states
    known = {value.untyped_storage().data_ptr() for value in (*p.values(), x, y)}
    found: dict[int, int] = {}

    def note(value: Any) -> Any:
        storage = value.untyped_storage()
        if storage.data_ptr() not in known:
            found[storage.data_ptr()] = storage.nbytes()
        return value

    with torch.autograd.graph.saved_tensors_hooks(note, lambda value: value):
        kept = loss(OPS, CELLS[problem.cell], p, start, x, y)  # while it lives, no address is used twice
    del kept
    return {"PyTorch ordinary operations": sum(found.values())}


def _ordinary(problem: Problem, device: str, cell: Callable[..., Any]) -> Step:
    p = {name: torch.tensor(value, device=device, requires_grad=True) for name, value in problem.weights.items()}
    x, y = torch.tensor(problem.inputs, device=device), torch.tensor(problem.targets, device=device).flatten()
    start = (torch.zeros(problem.batch, problem.hidden, device=device),) * problem.states
    return trained(torch.optim.SGD(list(p.values()), lr=RATE), lambda: loss(OPS, cell, p, start, x, y))


def _fused_module(problem: Problem, device: str) -> Step:
    module = getattr(torch.nn, problem.cell)(problem.hidden, problem.hidden)
    return _with_module(problem, device, module, "_l0", lambda x: module(x)[0])


def _cell_module(problem: Problem, device: str) -> Step:
    module = getattr(torch.nn, f"{problem.cell}Cell")(problem.hidden, problem.hidden)
    zeros = torch.zeros(problem.batch, problem.hidden, device=device)

    def unrolled(x: Any) -> Any:
        state = (zeros, zeros) if problem.states == 2 else zeros
        outputs = []
        for x_t in x.unbind(0):
            state = module(x_t, state)
            outputs.append(state[0] if problem.states == 2 else state)
        return torch.stack(outputs)

    return _with_module(problem, device, module, "", unrolled)


def _with_module(problem: Problem, device: str, module: Any, suffix: str, run: Callable[[Any], Any]) -> Step:
    """The language model around one of PyTorch's modules, with the weights of the problem."""
    weights = problem.weights
    names = ("embedding", "W_hy", "b_y")
    p = {name: torch.tensor(weights[name], device=device, requires_grad=True) for name in names}
    with torch.no_grad():
        getattr(module, f"weight_ih{suffix}").copy_(torch.tensor(weights["W_xh"].T))
        getattr(module, f"weight_hh{suffix}").copy_(torch.tensor(weights["W_hh"].T))
        getattr(module, f"bias_ih{suffix}").copy_(torch.tensor(weights["b_h"]))
        getattr(module, f"bias_hh{suffix}").zero_()
    module.to(device)
    x, y = torch.tensor(problem.inputs, device=device), torch.tensor(problem.targets, device=device).flatten()

    def forward() -> Any:
        outputs = run(functional.embedding(x, p["embedding"]))
        return functional.cross_entropy((outputs @ p["W_hy"] + p["b_y"]).flatten(0, 1), y)

    second_bias = getattr(module, f"bias_hh{suffix}")  # stays zero: the other contenders have one bias
    parameters = [t for t in (*p.values(), *module.parameters()) if t is not second_bias]
    return trained(torch.optim.SGD(parameters, lr=RATE), forward, second_bias)


def recurrent_layer(work: Layer, data: Batch) -> dict[str, Contender]:
    """A recurrent module alone, or ordinary operations where there is none: the gradients of weights and inputs."""
    if work.name in LOOPS:
        p = {name: torch.tensor(value, requires_grad=True) for name, value in work.weights.items()}
        name, forward = "PyTorch ordinary operations", lambda x: LOOPS[work.name](p, x)
    else:
        module = _loaded(work)
        p = dict(module.named_parameters())
        name, forward = f"PyTorch nn.{work.kind}", lambda x: module(x)[0]
    x, g = torch.tensor(data.inputs, requires_grad=True), torch.tensor(data.gradient)

    def run() -> None:
        for t in (x, *p.values()):
            t.grad = None
        forward(x).backward(g)

    return {name: Contender(run, lambda: joined([_host(p[key].grad) for key in work.weights], _host(x.grad)))}


def batches(work: Layer, data: list[Batch], lengths: bool) -> Contender:
    """Batches one after the other through the fused module: padded, or packed by the lengths."""
    module = _loaded(work)
    p = dict(module.named_parameters())
    tensors = [[torch.tensor(array) for array in (batch.inputs, batch.gradient)] for batch in data]

    def run() -> None:
        module.zero_grad()
        for batch, (x, g) in zip(data, tensors, strict=True):
            if lengths:
                packed = rnn.pack_padded_sequence(x, batch.lengths, enforce_sorted=False)
                outputs, _ = rnn.pad_packed_sequence(module(packed)[0])
            else:
                outputs, _ = module(x)
            outputs.backward(g)

    return Contender(run, lambda: joined([_host(p[key].grad) for key in work.weights]))


def _loaded(work: Layer) -> Any:
    module = getattr(torch.nn, work.kind)(work.hidden, work.hidden, **work.options)
    module.load_state_dict({name: torch.tensor(value) for name, value in work.weights.items()})
    return module


def _peephole_lstm(p: dict[str, Any], x: Any) -> Any:
    weight_hh, (p_i, p_f, p_o) = p["weight_hh_l0"].T, p["weight_peephole_l0"].unbind(0)
    projected = functional.linear(x, p["weight_ih_l0"], p["bias_ih_l0"] + p["bias_hh_l0"])
    h = c = torch.zeros(x.shape[1], len(weight_hh))
    outputs = []
    for x_t in projected.unbind(0):
        i, f, g, o = (x_t + h @ weight_hh).chunk(4, dim=-1)
        c = torch.sigmoid(f + p_f * c) * c + torch.sigmoid(i + p_i * c) * torch.tanh(g)
        h = torch.sigmoid(o + p_o * c) * torch.tanh(c)
        outputs.append(h)
    return torch.stack(outputs)


def _gru_reset_before(p: dict[str, Any], x: Any) -> Any:
    hidden = p["weight_hh_l0"].shape[1]
    weight_rz, weight_n = p["weight_hh_l0"].T.split([2 * hidden, hidden], dim=1)
    projected = functional.linear(x, p["weight_ih_l0"], p["bias_ih_l0"] + p["bias_hh_l0"])
    h = torch.zeros(x.shape[1], hidden)
    outputs = []
    for x_t in projected.unbind(0):
        x_r, x_z, x_n = x_t.chunk(3, dim=-1)
        h_r, h_z = (h @ weight_rz).chunk(2, dim=-1)
        r, z = torch.sigmoid(x_r + h_r), torch.sigmoid(x_z + h_z)
        n = torch.tanh(x_n + (r * h) @ weight_n)
        h = n + z * (h - n)
        outputs.append(h)
    return torch.stack(outputs)


LOOPS = {"PeepholeLSTM": _peephole_lstm, "GRU, reset before": _gru_reset_before}


def chain(arrays: tuple[Any, ...], length: int, device: str = "cpu") -> dict[str, Contender]:
    """Multiply, add, tanh, matrix product, again and again."""
    x, a, b, w = (torch.tensor(v, device=device, requires_grad=True) for v in arrays)
    seed = torch.ones_like(x)

    def run() -> None:
        for t in (x, a, b, w):
            t.grad = None
        h = x
        for _ in range(length):
            h = torch.tanh(h * a + b) @ w
        h.backward(seed)
        _synchronize(device)

    return {"PyTorch eager": Contender(run, lambda: _host(w.grad))}


def cross_entropy(logits: Any, targets: Any, device: str = "cpu") -> dict[str, Contender]:
    """The loss of logits (N, C) and its gradient."""
    x, y = torch.tensor(logits, device=device, requires_grad=True), torch.tensor(targets, device=device)

    def run() -> None:
        x.grad = None
        functional.cross_entropy(x, y).backward()
        _synchronize(device)

    return {"PyTorch": Contender(run, lambda: _host(x.grad))}


def embedding_gradient(weight: Any, indices: Any, gradient: Any, device: str = "cpu") -> dict[str, Contender]:
    """Picking rows (N, D) of a weight (V, D), and the weight's gradient, dense or (PyTorch's own kind) sparse."""
    index, g = torch.tensor(indices, device=device), torch.tensor(gradient, device=device)

    def contender(sparse: bool) -> Contender:
        w = torch.tensor(weight, device=device, requires_grad=True)

        def run() -> None:
            w.grad = None
            functional.embedding(index, w, sparse=sparse).backward(g)
            _synchronize(device)

        return Contender(run, lambda: _host(w.grad.to_dense() if sparse else w.grad))  # type: ignore[union-attr]

    return {"PyTorch": contender(False), "PyTorch, sparse gradient": contender(True)}


def optimizer_steps(kind: str, arrays: list[Any], gradients: list[Any], device: str = "cpu") -> dict[str, Contender]:
    """One step of `SGD` with momentum, `Adam` or `AdamW` on all arrays; the gradients stay the same."""

    def contender(**variant: bool) -> Contender:
        parameters = [torch.tensor(value, device=device, requires_grad=True) for value in arrays]
        for p, g in zip(parameters, gradients, strict=True):
            p.grad = torch.tensor(g, device=device)
        momentum: dict[str, Any] = {"momentum": 0.9} if kind == "SGD" else {}
        optimizer = getattr(torch.optim, kind)(parameters, lr=OPTIMIZER_RATE, **momentum, **variant)

        def run() -> None:
            optimizer.step()
            _synchronize(device)

        return Contender(run, lambda: changes(arrays, [_host(p) for p in parameters]))

    return {
        "PyTorch default": contender(),
        "PyTorch foreach": contender(foreach=True),
        "PyTorch fused": contender(fused=True),
    }


def _host(x: Any) -> Any:
    return x.detach().cpu().numpy()


def _synchronize(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize()

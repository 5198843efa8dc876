"""Recomputation: the memory and the time of an LSTM over sequences of growing length, with and without it.

The loss reads the final state. So nothing but the recurrence itself needs memory for backward.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import minigrad as mg
from minigrad import nn
from minigrad.engine.tape import ancestors

from .. import peak
from ..frameworks import Settings, on_minigrad
from ..harness import Contender, Row, compared, single

LENGTHS, QUICK_LENGTHS = (64, 256, 1024, 4096), (16, 64)
SIZE, QUICK_SIZE = (16, 8, 64), (2, 3, 4)  # B, F, H
HOW = {"kept": False, "recomputed": True}


def rows(settings: Settings) -> list[Row]:
    """Saved bytes and peaks over T, for each way, beside those of the shortest; then times for each T."""
    lengths = QUICK_LENGTHS if settings.quick else LENGTHS
    size = QUICK_SIZE if settings.quick else SIZE
    shape = "B={} F={} H={}".format(*size)
    first = f"T={lengths[0]}"
    found = []
    for how in HOW:
        saved = {f"T={steps}": single(saved_bytes(how, steps, size) / peak.MEGABYTE) for steps in lengths}
        found.append(Row("recompute", f"saved for backward, {how}, LSTM, {shape}", "MB", saved, first))
    for how in HOW if peak.available() and not settings.quick else ():
        peaks = {f"T={steps}": single(peak.in_a_process(step, how, steps, size)["peak"]) for steps in lengths}
        name = f"peak of the process above its start, {how}, LSTM, {shape}"
        notes = ["with the outputs of all steps, which forward returns"]
        found.append(Row("recompute", name, "MB", peaks, first, [], notes))
    for steps in lengths:
        contenders = {how: _contender(*_net(how, steps, size)) for how in HOW}
        seconds = 0.0 if settings.quick else 8.0
        found.append(compared("recompute", f"LSTM, {shape}, T={steps}", contenders, seconds, "kept"))
    return found


def _contender(net: Any, x: Any) -> Contender:
    return Contender(_step(net, x), lambda: net.weight_hh_l0.grad.numpy())


def step(how: str, steps: int, size: tuple[int, ...]) -> Callable[[], None]:
    """Forward and backward through so many time steps."""
    return _step(*_net(how, steps, size))


def _step(net: Any, x: Any) -> Callable[[], None]:
    def run() -> None:
        net.zero_grad()
        _loss(net, x).backward()

    return run


def _loss(net: Any, x: Any) -> Any:
    _, (h, _) = net(x)
    return h.sum()


def _net(how: str, steps: int, size: tuple[int, ...]) -> tuple[Any, Any]:
    batch, features, hidden = size
    x = np.random.default_rng(0).standard_normal((steps, batch, features)).astype(np.float32)
    with mg.use_backend(on_minigrad.backends()[-1]):
        mg.manual_seed(0)
        return nn.LSTM(features, hidden, recompute=HOW[how]), mg.tensor(x)


def saved_bytes(how: str, steps: int, size: tuple[int, ...]) -> int:
    """The memory that a graph keeps alive for backward, beside parameters and inputs.

    Found by going along the graph. A Tape would also count what is recorded within a segment and dropped at its end.
    """
    net, x = _net(how, steps, size)
    loss = _loss(net, x)
    known = {id(_owner(array)) for array in (x.array, *(p.array for p in net.parameters()))}
    kept = [_owner(array) for node in ancestors([loss.node]) for array in node.saved or () if hasattr(array, "nbytes")]
    return sum({id(array): array.nbytes for array in kept if id(array) not in known}.values())


def _owner(array: Any) -> Any:
    """The array whose memory a view shows."""
    while getattr(array, "base", None) is not None and hasattr(array.base, "nbytes"):
        array = array.base
    return array

"""What is measured on a GPU: minigrad beside PyTorch's CUDA, minigrad on the host, and CuPy's bare products.

The device is a parameter, so the same code runs on the host too. Every contender waits for the device before its time
is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from .frameworks import by_hand, on_minigrad
from .groups import cross_entropy, embedding, optimizer, overhead
from .groups.bandwidth import rate
from .groups.cells import ORDINARY, SIZES
from .harness import Contender, Row, compare, measure, scaled
from .language_model import CELLS, LOSS_TOLERANCE, problem


@dataclass
class Device:
    """Where to measure.

    Attributes:
        backend: minigrad's backend there.
        lib: the array library there, CuPy or NumPy.
        wait: waits until the device has done all its work.
        host: minigrad's backend on the host, to compare with; None for none.
        torch: the module of PyTorch's contenders; None without PyTorch for this device.
        torch_device: PyTorch's name of the device.
    """

    backend: str
    lib: Any
    wait: Callable[[], None]
    host: str | None = None
    torch: ModuleType | None = None
    torch_device: str = "cuda"

    def contenders(self, function: str, *arguments: Any) -> dict[str, Any]:
        """What `function` of minigrad's and PyTorch's modules returns, for the device and the host."""
        found = getattr(on_minigrad, function)(*arguments, self.backend)
        if self.host is not None:
            found |= getattr(on_minigrad, function)(*arguments, self.host)
        if self.torch is not None:
            found |= getattr(self.torch, function)(*arguments, self.torch_device)
        return found


def rows(device: Device, quick: bool = False) -> Iterator[Row]:
    """The rows, group by group. `quick` takes the smallest size of each and few repetitions."""
    count = 1 if quick else None
    seconds = 0.2 if quick else 5.0
    yield _bandwidth(device, 1_000_000 if quick else 256_000_000)
    yield _overhead(device, seconds)
    for cell in CELLS:
        for size in SIZES[:count]:
            yield _cells(device, cell, size, seconds)
    for logits in cross_entropy.SIZES[:count]:
        yield _cross_entropy(device, logits, seconds)
    for weight in embedding.SIZES[:count]:
        yield _embedding(device, weight, seconds)
    steps = [(kind, what) for what in optimizer.SHAPES for kind in optimizer.KINDS]
    for kind, what in steps[:count]:
        yield _optimizer(device, kind, what, seconds)


def _bandwidth(device: Device, count: int) -> Row:
    source, target = device.lib.ones(count, np.float32), device.lib.empty(count, np.float32)

    def copy() -> None:
        device.lib.copyto(target, source)
        device.wait()

    figure = measure({"copy": copy}, 10)["copy"]
    name = f"memory of the device, arrays of {source.nbytes // 1_000_000} MB"
    return Row("bandwidth", name, "GB/s", {"copy": rate(figure, 2 * source.nbytes)})


def _overhead(device: Device, seconds: float) -> Row:
    contenders = device.contenders("chain", overhead.arrays(), overhead.LENGTH)
    figures, notes = compare(contenders, seconds, rounds=(5, 100))
    per_operation = scaled(figures, 1e6 / (overhead.LENGTH * overhead.OPERATIONS))
    name = "chain of 8x8 operations, forward + backward, per operation"
    return Row("overhead", name, "us", per_operation, "PyTorch eager", [], notes)


def _cells(device: Device, cell: str, size: tuple[int, ...], seconds: float) -> Row:
    work = problem(cell, *size)
    steps = device.contenders("training_steps", work)
    steps |= by_hand.products(work, device.lib, device.wait)
    contenders = {name: Contender(step) for name, step in steps.items()}
    figures, notes = compare(contenders, seconds, tolerance=LOSS_TOLERANCE)
    return Row("cells", f"{cell} training step, {work.size}", "ms", scaled(figures, 1e3), ORDINARY, [], notes)


def _cross_entropy(device: Device, size: tuple[int, int], seconds: float) -> Row:
    figures, notes = compare(device.contenders("cross_entropy", *cross_entropy.data(*size)), seconds)
    name = f"cross-entropy, forward + backward, {size[0]} rows, {size[1]:,} classes"
    return Row("cross-entropy", name, "ms", scaled(figures, 1e3), "PyTorch", [], notes)


def _embedding(device: Device, size: tuple[int, int, int], seconds: float) -> Row:
    figures, notes = compare(device.contenders("embedding_gradient", *embedding.data(*size)), seconds)
    name = f"gradient of an embedding, {size[0]:,} words, {size[1]} features, {size[2]} indices"
    return Row("embedding", name, "ms", scaled(figures, 1e3), "PyTorch", [], notes)


def _optimizer(device: Device, kind: str, what: str, seconds: float) -> Row:
    arrays, gradients = optimizer.data(optimizer.SHAPES[what])
    contenders = device.contenders("optimizer_steps", kind, arrays, gradients)
    figures, notes = compare(contenders, seconds, tolerance=optimizer.TOLERANCE)
    label = "SGD with momentum" if kind == "SGD" else kind
    return Row("optimizer", f"{label} step, {what}", "ms", scaled(figures, 1e3), "PyTorch fused", [], notes)

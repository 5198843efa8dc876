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
from .groups import operations
from .groups.bandwidth import rate
from .groups.cells import ORDINARY, SIZES
from .harness import Contender, Row, compared, measure
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
    yield operations.chain(device.contenders("chain", operations.arrays(), operations.LENGTH), seconds)
    for cell in CELLS:
        for size in SIZES[:count]:
            yield _cells(device, cell, size, seconds)
    for n, classes in operations.LOGITS[:count]:
        name = f"cross-entropy, forward + backward, {n} rows, {classes:,} classes"
        contenders = device.contenders("cross_entropy", *operations.logits_and_targets(n, classes))
        yield compared("cross-entropy", name, contenders, seconds, "PyTorch")
    for words, features, indices in operations.WEIGHTS[:count]:
        name = f"gradient of an embedding, {words:,} words, {features} features, {indices} indices"
        data = operations.words_and_gradient(words, features, indices)
        yield compared("embedding", name, device.contenders("embedding_gradient", *data), seconds, "PyTorch")
    steps = [(kind, what) for what in operations.SHAPES for kind in operations.KINDS]
    for kind, what in steps[:count]:
        parameters = operations.parameters_and_gradients(operations.SHAPES[what])
        contenders = device.contenders("optimizer_steps", kind, *parameters)
        yield operations.optimizer_step(kind, what, contenders, seconds)


def _bandwidth(device: Device, count: int) -> Row:
    source, target = device.lib.ones(count, np.float32), device.lib.empty(count, np.float32)

    def copy() -> None:
        device.lib.copyto(target, source)
        device.wait()

    figure = measure({"copy": copy}, 10)["copy"]
    name = f"memory of the device, arrays of {source.nbytes // 1_000_000} MB"
    return Row("bandwidth", name, "GB/s", {"copy": rate(figure, 2 * source.nbytes)})


def _cells(device: Device, cell: str, size: tuple[int, ...], seconds: float) -> Row:
    work = problem(cell, *size)
    steps = device.contenders("training_steps", work)
    steps |= by_hand.products(work, device.lib, device.wait)
    contenders = {name: Contender(step) for name, step in steps.items()}
    name = f"{cell} training step, {work.size}"
    return compared("cells", name, contenders, seconds, ORDINARY, tolerance=LOSS_TOLERANCE)

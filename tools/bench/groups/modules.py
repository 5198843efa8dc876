"""Every recurrent module, forward and backward, beside PyTorch.

The module alone, without embedding, loss and optimizer, which are the same for all: a given gradient of the outputs
goes back to all weights and to the inputs. PyTorch has `nn.RNN`, `nn.LSTM` and `nn.GRU`; for the peephole LSTM and for
the GRU with the reset before the product its contender is a loop of ordinary operations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from .. import peak
from ..frameworks import Settings, load
from ..harness import Contender, Figure, Row, compare, scaled, single
from ..layers import MODULES, full_batch, layer

SIZES, QUICK_SIZES = ((32, 64, 128), (64, 128, 256)), ((8, 16, 32),)  # B, T, H


def rows(settings: Settings) -> Iterator[Row]:
    """A row a module and size in milliseconds; then the peak of the process at the largest size, in megabytes.

    With `quick`, the peak of the last module alone: each figure takes a process.
    """
    sizes = QUICK_SIZES if settings.quick else SIZES
    for name in MODULES:
        for size in sizes:
            yield _time(settings, name, size)
    if peak.available():
        for name in list(MODULES)[-1:] if settings.quick else MODULES:
            yield _memory(settings, name, sizes[-1])


def contenders(settings: Settings, name: str, size: tuple[int, ...]) -> dict[str, Contender]:
    """minigrad's module on each backend, and PyTorch's contender."""
    batch, steps, hidden = size
    work = layer(name, hidden)
    data = full_batch(work, batch, steps)
    return settings.contenders("recurrent_layer", work, data)


def _time(settings: Settings, name: str, size: tuple[int, ...]) -> Row:
    figures, notes = compare(contenders(settings, name, size), 0.0 if settings.quick else 8.0)
    tokens = size[0] * size[1]
    rates = ", ".join(f"{key} {tokens / figure.median:,.0f}" for key, figure in figures.items())
    notes.append(f"tokens/s: {rates}")
    return Row(
        "modules", f"{_title(name, size)}, forward + backward", "ms", scaled(figures, 1e3), _other(figures), [], notes
    )


def _memory(settings: Settings, name: str, size: tuple[int, ...]) -> Row:
    figures: dict[str, Figure] = {}
    for contender in contenders(settings, name, size):
        figures[contender] = single(peak.in_a_process(step, contender, name, size)["peak"])
    return Row("modules", f"{_title(name, size)}, peak of the process above its start", "MB", figures, _other(figures))


def step(contender: str, name: str, size: tuple[int, ...]) -> Callable[[], Any]:
    """What one contender runs. PyTorch is imported for its own alone."""
    wanted = [] if contender.startswith("minigrad") else ["torch"]
    return contenders(load(quick=False, threads=1, wanted=wanted), name, size)[contender].run


def _title(name: str, size: tuple[int, ...]) -> str:
    batch, steps, hidden = size
    return f"{name}, B={batch} T={steps} H={hidden}"


def _other(figures: dict[str, Figure]) -> str:
    """The contender that is not minigrad's; empty if it did not run."""
    return next((name for name in figures if not name.startswith("minigrad")), "")

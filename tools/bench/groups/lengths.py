"""What padding costs: sentences of varied lengths, forward and backward through an LSTM.

The same sentences are batched as they come, or sorted by length first. They are computed with their padding, or with
their lengths, which spares it. All contenders find the same gradients of the weights: none comes back from padding.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..frameworks import Settings, on_minigrad
from ..harness import Contender, Row, Target, compared
from ..layers import Batch, Layer, layer, padded, sentences

SIZE, QUICK_SIZE = (512, 64, 128, 56), (8, 4, 8, 56)  # sentences, B, H, the longest
PYTORCH = "PyTorch nn.LSTM, lengths"


def rows(settings: Settings) -> list[Row]:
    """Microseconds a real token, padding not counted."""
    count, batch, hidden, longest = QUICK_SIZE if settings.quick else SIZE
    work = layer("LSTM", hidden)
    found = sentences(count, hidden, longest)
    orders = {"": padded(found, batch), "sorted, ": padded(sorted(found, key=lambda pair: len(pair[0])), batch)}
    contenders: dict[str, Contender] = {}
    for order, batches in orders.items():
        for how in ("padded", "lengths"):
            for name, make in _makers(settings, work).items():
                contenders[f"{name}, {order}{how}"] = make(batches, how == "lengths")
    tokens = sum(len(x) for x, _ in found)
    as_they_come, after_sorting = (1 - tokens / _places(batches) for batches in orders.values())
    notes = [f"padding: {as_they_come:.0%} of the places as they come, {after_sorting:.0%} if sorted"]
    targets = [Target(f"minigrad nn ({b}), lengths", f"minigrad nn ({b}), padded", 1.0) for b in on_minigrad.backends()]
    name = f"LSTM over {count} sentences of {tokens / count:.0f} words, B={batch} H={hidden}, per real token"
    options: dict[str, Any] = {"unit": "us", "count": tokens}
    return [compared("lengths", name, contenders, 0.0 if settings.quick else 20.0, PYTORCH, targets, notes, **options)]


def _makers(settings: Settings, work: Layer) -> dict[str, Callable[[list[Batch], bool], Contender]]:
    """Who takes part: functions of the batches, and of whether their lengths are told."""
    found: dict[str, Any] = {}
    for backend in on_minigrad.backends():
        found[f"minigrad nn ({backend})"] = lambda batches, told, b=backend: on_minigrad.batches(work, batches, told, b)
    if "torch" in settings.others:
        torch = settings.others["torch"]
        found["PyTorch nn.LSTM"] = lambda batches, told: torch.batches(work, batches, told)
    return found


def _places(batches: list[Batch]) -> int:
    return sum(batch.inputs.shape[0] * batch.inputs.shape[1] for batch in batches)

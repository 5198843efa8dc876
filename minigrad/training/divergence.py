"""What to say when a training has lost its way: numbers that are not finite, and weights beyond all bounds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

import minigrad as mg
from minigrad import nn

ADVICE = "a lower lr or clip may help (--lr and --clip on the command line)"
LACKING = "the batch has numbers that are not finite, such as NaN for lacking values: leave them out, or fill them in"
HUGE = 1e4  # weights of models that learn stay far below; larger ones explain what went wrong
LOST = 1e12  # nothing can be learned with such weights, though they may still give numbers


class Diverged(ValueError):
    """The training cannot go on, or its model is of no use; says what may help."""


def advice(batch: Any) -> str:
    """What may help if the loss of a batch, or its gradient, is not finite."""
    return LACKING if lacking(batch) else ADVICE


def lacking(batch: Any) -> bool:
    """Whether a number of a batch is not finite."""
    return not all(np.isfinite(array).all() for array in _arrays(batch) if array.dtype.kind in "fc")


def _arrays(batch: Any) -> Iterator[np.ndarray]:
    """The arrays in a batch, also those of its tensors."""
    if isinstance(batch, mg.Tensor | np.ndarray):
        yield batch.detach().numpy() if isinstance(batch, mg.Tensor) else batch
    elif isinstance(batch, tuple | list | dict):
        for part in batch.values() if isinstance(batch, dict) else batch:
            yield from _arrays(part)


def check(model: nn.Module) -> None:
    """Raises Diverged if a weight is not finite, or beyond all bounds."""
    if (largest := largest_weight(model)) >= LOST:
        size = f"as large as {largest:.0e}" if math.isfinite(largest) else "that are not finite"
        raise Diverged(f"there are weights {size}; {ADVICE}")


def check_measures(model: nn.Module, measures: Mapping[str, float]) -> None:
    """Raises Diverged if a measure of the model is not finite and its weights are beyond all bounds.

    A measure alone may well be NaN, where there is nothing to count.
    """
    bad = [f"{name} is {value}" for name, value in measures.items() if not math.isfinite(value)]
    if bad and (largest := largest_weight(model)) >= HUGE:
        raise Diverged(f"{bad[0]}, and there are weights as large as {largest:.0e}; {ADVICE}")


@contextmanager
def explained(model: nn.Module) -> Iterator[None]:
    """Inside, an error about numbers that comes of weights beyond all bounds says so, and what may help."""
    try:
        yield
    except (ValueError, ArithmeticError) as error:
        largest = largest_weight(model)
        if isinstance(error, Diverged) or largest < HUGE:
            raise
        raise Diverged(f"{error}; there are weights as large as {largest:.0e}; {ADVICE}") from error


def largest_weight(model: nn.Module) -> float:
    """The largest absolute value among the weights of a model; infinite if one is not finite."""
    largest = 0.0
    for parameter in model.parameters():
        if parameter.size:
            value = float(np.abs(parameter.detach().numpy().astype(np.float64)).max())
            largest = max(largest, value if math.isfinite(value) else math.inf)
    return largest

"""Parameter groups: which parameters weight decay is for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol


class HasParameters(Protocol):
    """A module, which this floor does not know of."""

    def parameters(self) -> Iterator[Any]: ...


def decay_groups(module: HasParameters, weight_decay: float) -> list[dict[str, Any]]:
    """Two parameter groups for an optimizer: matrices with this weight decay, biases and the like without.

        optimizer = optim.AdamW(optim.decay_groups(model, 0.01), lr=1e-3)

    Decay keeps the products of weights and signals small. Parameters of one axis or none (biases, scales and shifts of
    normalisation) are in no such product and do not overfit, so they are left alone. A shared parameter counts once.
    Decay is decoupled in AdamW, and added to the gradient in all other optimizers.

    Raises ValueError for a negative weight decay, and for a module without parameters; TypeError for something else
    than a module.
    """
    if not callable(getattr(module, "parameters", None)):
        raise TypeError(
            f"decay_groups takes a module, not a {type(module).__name__}: decay_groups(model, weight_decay)"
        )
    if not weight_decay >= 0:
        raise ValueError(f"decay_groups: weight_decay must be >= 0, not {weight_decay!r}")
    params = list(module.parameters())
    if not params:
        raise ValueError(f"decay_groups: this {type(module).__name__} has no parameters")
    return [
        {"params": [p for p in params if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in params if p.ndim <= 1], "weight_decay": 0.0},
    ]

"""The one-cycle schedule."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..ops.arguments import one_of
from .optimizer import Optimizer
from .schedule import LRScheduler, check_count, check_one_each, for_group


class OneCycleLR(LRScheduler):
    """Up to `max_lr` and down to almost 0 in `total_steps` steps, momentum going the other way (Smith and Topin 2018).

    Args:
        optimizer: whose rates to set; the rates that it has do not matter.
        max_lr: the highest rate; a number, or one for each group.
        total_steps: the length of the cycle. Left out, it is `epochs` times `steps_per_epoch`.
        pct_start: the part of the cycle in which the rate rises.
        anneal_strategy: "cos" for half cosines, "linear" for straight lines.
        cycle_momentum: whether "momentum" (or the first of the "betas") falls while the rate rises.
        base_momentum, max_momentum: between which values; numbers, or one for each group.
        div_factor: the first rate is max_lr / div_factor.
        final_div_factor: the last rate is the first one / final_div_factor.
        three_phase: fall as fast as the rate has risen, and then from the first rate to the last one.
        last_epoch: see `LRScheduler`.

    Raises ValueError for arguments out of range, an optimizer without momentum where that is to be cycled, and steps
    beyond `total_steps`.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | Sequence[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.85,
        max_momentum: float | Sequence[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        if total_steps is None:
            if epochs is None or steps_per_epoch is None:
                raise ValueError("OneCycleLR needs total_steps, or both epochs and steps_per_epoch")
            total_steps = epochs * steps_per_epoch
        check_count("OneCycleLR", "total_steps", total_steps)
        if not 0 <= pct_start <= 1:
            raise ValueError(f"OneCycleLR: pct_start is between 0 and 1, not {pct_start!r}")
        one_of(anneal_strategy, ("cos", "linear"), "OneCycleLR: anneal_strategy")
        if cycle_momentum and isinstance(optimizer, Optimizer) and not {"momentum", "betas"} & set(optimizer.defaults):
            raise ValueError(
                f"OneCycleLR: {type(optimizer).__name__} has no momentum to be cycled: give cycle_momentum=False"
            )
        self.total_steps, self.anneal_strategy, self.cycle_momentum = total_steps, anneal_strategy, cycle_momentum
        self.max_lr = check_one_each(max_lr, optimizer, "OneCycleLR: max_lr")
        self.base_momentum = check_one_each(base_momentum, optimizer, "OneCycleLR: base_momentum")
        self.max_momentum = check_one_each(max_momentum, optimizer, "OneCycleLR: max_momentum")
        self.div_factor, self.final_div_factor = div_factor, final_div_factor
        peak = pct_start * total_steps - 1
        # A phase is the step in which it ends, and the names of the values between which it moves.
        self._phases = [(peak, "first", "top"), (total_steps - 1.0, "top", "last")]
        if three_phase:
            self._phases[1:] = [(2 * peak, "top", "first"), (total_steps - 1.0, "first", "last")]
        super().__init__(optimizer, last_epoch)

    def rate(self, base_lr: float, t: int, group: int) -> float:
        top = for_group(self.max_lr, group, "OneCycleLR: max_lr")
        first = top / self.div_factor
        return self._value({"first": first, "top": top, "last": first / self.final_div_factor}, t)

    def _set_rates(self) -> None:
        if self.last_epoch > self.total_steps:
            raise ValueError(f"OneCycleLR: step {self.last_epoch} is beyond the cycle of {self.total_steps} steps")
        super()._set_rates()
        if not self.cycle_momentum:
            return
        for i, group in enumerate(self.optimizer.param_groups):
            high = for_group(self.max_momentum, i, "OneCycleLR: max_momentum")
            low = for_group(self.base_momentum, i, "OneCycleLR: base_momentum")
            momentum = self._value({"first": high, "top": low, "last": high}, self.last_epoch)
            if "betas" in group:
                group["betas"] = (momentum, *group["betas"][1:])
            else:
                group["momentum"] = momentum

    def _value(self, values: dict[str, float], t: int) -> float:
        start = 0.0
        phase = 0
        while t > self._phases[phase][0] and phase + 1 < len(self._phases):
            start = self._phases[phase][0]
            phase += 1
        end, before, after = self._phases[phase]
        done = (t - start) / (end - start) if end != start else 1.0
        a, b = values[before], values[after]
        return a + (b - a) * (done if self.anneal_strategy == "linear" else (1 - math.cos(math.pi * done)) / 2)

"""A learning rate that falls when a metric stops to improve."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ..ops.arguments import one_of
from .optimizer import Optimizer
from .schedule import check_one_each, for_group


class ReduceLROnPlateau:
    """The rate times `factor` when a metric has not improved for more than `patience` steps.

    Args:
        optimizer: whose rates to change.
        mode: "min" if the metric should fall, "max" if it should rise.
        factor: below 1.
        patience: how many steps without improvement are tolerated.
        threshold: what counts as an improvement on the best value so far: more than this fraction of its size
            (threshold_mode "rel"), or more than this difference ("abs"). NaN never is one.
        cooldown: how many steps after a reduction are not judged.
        min_lr: rates do not go below it; a number, or one for each group (a group that the optimizer gets later needs
            one too).
        eps: changes of a rate that are not larger than this are not made.

    For metrics above 0 this is PyTorch's rule. PyTorch multiplies the best value by 1 - threshold (or 1 + threshold),
    which for one below 0 moves the bar the wrong way: there a metric that stands still improves for ever.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0.0,
        eps: float = 1e-8,
    ) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"ReduceLROnPlateau schedules an Optimizer, not a {type(optimizer).__name__}")
        one_of(mode, ("min", "max"), "ReduceLROnPlateau: mode")
        one_of(threshold_mode, ("rel", "abs"), "ReduceLROnPlateau: threshold_mode")
        if not factor < 1:
            raise ValueError(f"ReduceLROnPlateau: factor must be below 1, not {factor!r}")
        self.min_lr = check_one_each(min_lr, optimizer, "ReduceLROnPlateau: min_lr")
        self.optimizer = optimizer
        self.mode, self.factor, self.patience, self.eps = mode, factor, patience, eps
        self.threshold, self.threshold_mode, self.cooldown = threshold, threshold_mode, cooldown
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = self.cooldown_counter = self.last_epoch = 0

    def step(self, metrics: Any) -> None:
        """Judge a new value of the metric: a number, or a tensor with one element."""
        value = float(metrics)
        self.last_epoch += 1
        if self._improves(value):
            self.best, self.num_bad_epochs = value, 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
            for i, group in enumerate(self.optimizer.param_groups):
                least = for_group(self.min_lr, i, "ReduceLROnPlateau: min_lr")
                lower = max(group["lr"] * self.factor, least)
                if group["lr"] - lower > self.eps:
                    group["lr"] = lower

    def _improves(self, value: float) -> bool:
        better = self.best - value if self.mode == "min" else value - self.best
        if math.isinf(self.best):  # anything improves on what was before the first value, nothing on a true infinity
            return better > 0
        return better > self.threshold * (abs(self.best) if self.threshold_mode == "rel" else 1)

    def __repr__(self) -> str:
        rates = ", ".join(f"{rate:.6g}" for rate in self.get_last_lr())
        return f"<ReduceLROnPlateau: lr {rates}, best {self.best:.6g}, {self.num_bad_epochs} steps without improvement>"

    def get_last_lr(self) -> list[float]:
        """The rates of the groups now."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` needs to go on, as plain data. The rates are in the optimizer's state."""
        names = "best num_bad_epochs cooldown_counter last_epoch".split()
        return {name: getattr(self, name) for name in names}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on where `state_dict` was called."""
        self.best = float(state_dict["best"])
        self.num_bad_epochs = int(state_dict["num_bad_epochs"])
        self.cooldown_counter = int(state_dict["cooldown_counter"])
        self.last_epoch = int(state_dict["last_epoch"])

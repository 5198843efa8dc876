"""The base class of learning rate schedules."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from .optimizer import Optimizer


class LRScheduler:
    """Base class. A subclass defines `rate`.

    Args:
        optimizer: whose rates to set.
        last_epoch: go on after step `last_epoch` of an earlier schedule: the groups of the optimizer must have the
            rates from before that schedule as "initial_lr". -1 starts afresh.

    A group that is added to the optimizer later joins at the next step. The rate it was given is its rate at that time,
    and from there it goes the way of the schedule. (A schedule that is at 0 then tells nothing about the way up: the
    rate given counts as the initial one, as does an "initial_lr" in the group.)

    Attributes:
        last_epoch: how often `step` was called.
        base_lrs: the rates that the groups of the optimizer had before any schedule.
    """

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(self).__name__} schedules an Optimizer, not a {type(optimizer).__name__}")
        self.optimizer = optimizer
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise ValueError(
                    f"{type(self).__name__}: group {i} of the optimizer has no 'initial_lr', which going on after step "
                    f"{last_epoch} needs: load the optimizer's state first, or put the rate into the group"
                )
        self.base_lrs: list[float] = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch + 1
        self._set_rates()

    def rate(self, base_lr: float, t: int, group: int) -> float:
        """The rate after t calls of `step`, for a group with this number and initial rate."""
        raise NotImplementedError(f"{type(self).__name__} does not define rate()")

    def __repr__(self) -> str:
        rates = ", ".join(f"{group['lr']:.6g}" for group in self.optimizer.param_groups)
        return f"<{type(self).__name__} after {self.last_epoch} steps: lr {rates}>"

    def step(self) -> None:
        """Go on by one step."""
        self._take_in_new_groups()
        self.last_epoch += 1
        self._set_rates()

    def get_last_lr(self) -> list[float]:
        """The rates of the groups now."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def _set_rates(self) -> None:
        for i, (group, base_lr) in enumerate(zip(self.optimizer.param_groups, self.base_lrs)):
            group["lr"] = self.rate(base_lr, self.last_epoch, i)

    def _take_in_new_groups(self) -> None:
        for i in range(len(self.base_lrs), len(self.optimizer.param_groups)):
            group = self.optimizer.param_groups[i]
            if "initial_lr" not in group:
                group["initial_lr"] = self._initial_rate(group["lr"], i)
            self.base_lrs.append(group["initial_lr"])

    def _initial_rate(self, lr: float, group: int) -> float:
        """The initial rate that gives `lr` now. Schedules are straight lines in it: scale * base_lr + offset."""
        offset = self.rate(0.0, self.last_epoch, group)
        scale = self.rate(1.0, self.last_epoch, group) - offset
        base_lr = (lr - offset) / scale if scale else lr
        fits = base_lr >= 0 and math.isclose(self.rate(base_lr, self.last_epoch, group), lr, rel_tol=1e-6)
        return base_lr if fits else lr

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` needs to go on, as plain data. Settings are not part of it."""
        self._take_in_new_groups()
        return {"last_epoch": self.last_epoch, "base_lrs": list(self.base_lrs)}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on where `state_dict` was called; sets the rates. Raises ValueError for another number of groups."""
        self._take_in_new_groups()
        base_lrs = list(state_dict["base_lrs"])
        if len(base_lrs) != len(self.base_lrs):
            raise ValueError(
                f"{type(self).__name__}: there are {len(self.base_lrs)} groups here, {len(base_lrs)} in the given state"
            )
        self.last_epoch = int(state_dict["last_epoch"])
        self.base_lrs = base_lrs
        self._set_rates()


def for_group(setting: Any, group: int, what: str) -> Any:
    """One setting for all groups, or one of a list for each. Raises ValueError for a group that came later."""
    if not isinstance(setting, Sequence):
        return setting
    if group >= len(setting):
        raise ValueError(
            f"{what} has {len(setting)} values, and the optimizer has a group {group} since: append a value for it"
        )
    return setting[group]


def check_one_each(setting: Any, optimizer: Optimizer, what: str) -> Any:
    """A setting as `for_group` takes it, lists being copied. Raises ValueError unless there is one for each group."""
    if not isinstance(setting, Sequence):
        return setting
    n = len(optimizer.param_groups)
    if len(setting) != n:
        raise ValueError(f"{what}: {len(setting)} values for {n} groups")
    return list(setting)


def check_count(kind: str, name: str, value: int) -> None:
    if not value >= 1:
        raise ValueError(f"{kind}: {name} must be >= 1, not {value!r}")

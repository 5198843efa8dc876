"""Learning rate schedules, by the names of `torch.optim.lr_scheduler`.

A schedule is a function of the number of steps alone. So schedules compose (`SequentialLR`), and one is restored by
setting that number. Making a schedule sets the rate of step 0; `step()`, called after each `optimizer.step()` or after
each epoch, sets the next. One schedule works on an optimizer at a time.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .optimizers import Optimizer


class LRScheduler:
    """Base class. A subclass defines `rate`.

    Attributes:
        last_epoch: how often `step` was called.
        base_lrs: the rates that the groups of the optimizer had before any schedule.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(self).__name__} schedules an Optimizer, not a {type(optimizer).__name__}")
        self.optimizer = optimizer
        for group in optimizer.param_groups:
            group.setdefault("initial_lr", group["lr"])
        self.base_lrs: list[float] = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = 0
        self._set_rates()

    def rate(self, base_lr: float, t: int, group: int) -> float:
        """The rate after t calls of `step`, for a group with this number and initial rate."""
        raise NotImplementedError(f"{type(self).__name__} does not define rate()")

    def step(self) -> None:
        """Go on by one step."""
        self.last_epoch += 1
        self._set_rates()

    def get_last_lr(self) -> list[float]:
        """The rates of the groups now."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def _set_rates(self) -> None:
        for i, (group, base_lr) in enumerate(zip(self.optimizer.param_groups, self.base_lrs)):
            group["lr"] = self.rate(base_lr, self.last_epoch, i)

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` needs to go on, as plain data. Settings are not part of it."""
        return {"last_epoch": self.last_epoch, "base_lrs": list(self.base_lrs)}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on where `state_dict` was called; sets the rates. Raises ValueError for another number of groups."""
        base_lrs = list(state_dict["base_lrs"])
        if len(base_lrs) != len(self.base_lrs):
            raise ValueError(
                f"{type(self).__name__}: there are {len(self.base_lrs)} groups here, {len(base_lrs)} in the given state"
            )
        self.last_epoch = int(state_dict["last_epoch"])
        self.base_lrs = base_lrs
        self._set_rates()


class LambdaLR(LRScheduler):
    """The initial rate times a function of t; one function for all groups, or a list with one for each."""

    def __init__(
        self, optimizer: Optimizer, lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]]
    ) -> None:
        n = len(optimizer.param_groups)
        self.lr_lambdas = [lr_lambda] * n if callable(lr_lambda) else list(lr_lambda)
        if len(self.lr_lambdas) != n:
            raise ValueError(f"LambdaLR got {len(self.lr_lambdas)} functions for {n} groups")
        super().__init__(optimizer)

    def rate(self, base_lr: float, t: int, group: int) -> float:
        return base_lr * self.lr_lambdas[group](t)


class StepLR(LRScheduler):
    """The rate times `gamma` every `step_size` steps."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        _check_count("StepLR", "step_size", step_size)
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer)

    def rate(self, base_lr: float, t: int, group: int) -> float:
        return base_lr * self.gamma ** (t // self.step_size)


class MultiStepLR(LRScheduler):
    """The rate times `gamma` at each of the milestones, numbers of steps in any order."""

    def __init__(self, optimizer: Optimizer, milestones: Sequence[int], gamma: float = 0.1) -> None:
        self.milestones, self.gamma = sorted(milestones), gamma
        super().__init__(optimizer)

    def rate(self, base_lr: float, t: int, group: int) -> float:
        return base_lr * self.gamma ** bisect_right(self.milestones, t)


class ExponentialLR(LRScheduler):
    """The rate times `gamma` every step."""

    def __init__(self, optimizer: Optimizer, gamma: float) -> None:
        self.gamma = gamma
        super().__init__(optimizer)

    def rate(self, base_lr: float, t: int, group: int) -> float:
        return base_lr * self.gamma**t


class PolynomialLR(LRScheduler):
    """From the initial rate to 0 in `total_iters` steps, as (1 - t / total_iters)**power."""

    def __init__(self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0) -> None:
        _check_count("PolynomialLR", "total_iters", total_iters)
        self.total_iters, self.power = total_iters, power
        super().__init__(optimizer)

    def rate(self, base_lr: float, t: int, group: int) -> float:
        return base_lr * (1 - min(t, self.total_iters) / self.total_iters) ** self.power


class InverseSqrtLR(LRScheduler):
    """Up in a line over `warmup` steps to the initial rate, then down as sqrt(warmup / t).

    The schedule of Vaswani et al. (Attention is all you need, 2017), scaled to its highest value. PyTorch lacks it.
    The first step has the number 1 here, so that its rate is not 0.
    """

    def __init__(self, optimizer: Optimizer, warmup: int) -> None:
        _check_count("InverseSqrtLR", "warmup", warmup)
        self.warmup = warmup
        super().__init__(optimizer)

    def rate(self, base_lr: float, t: int, group: int) -> float:
        number = t + 1
        return base_lr * min(number / self.warmup, math.sqrt(self.warmup / number))


class LinearLR(LRScheduler):
    """From start_factor to end_factor times the initial rate in a straight line over `total_iters` steps: a warm-up."""

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
    ) -> None:
        _check_count("LinearLR", "total_iters", total_iters)
        if not 0 < start_factor <= 1 or not 0 <= end_factor <= 1:
            raise ValueError(
                f"LinearLR: factors are between 0 and 1, and the first is not 0; got {start_factor} and {end_factor}"
            )
        self.start_factor, self.end_factor, self.total_iters = start_factor, end_factor, total_iters
        super().__init__(optimizer)

    def rate(self, base_lr: float, t: int, group: int) -> float:
        done = min(t, self.total_iters) / self.total_iters
        return base_lr * (self.start_factor + (self.end_factor - self.start_factor) * done)


class CosineAnnealingLR(LRScheduler):
    """From the initial rate to `eta_min` in T_max steps along half a cosine, and on periodically.

    Loshchilov and Hutter, SGDR (2017), without the restarts.
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0) -> None:
        _check_count("CosineAnnealingLR", "T_max", T_max)
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer)

    def rate(self, base_lr: float, t: int, group: int) -> float:
        return self.eta_min + (base_lr - self.eta_min) * (1 + math.cos(math.pi * t / self.T_max)) / 2


class CosineAnnealingWarmRestarts(LRScheduler):
    """From the initial rate to `eta_min` along half a cosine, again and again (SGDR: Loshchilov and Hutter 2017).

    The first period takes T_0 steps, and each one T_mult times as many as the one before it.
    """

    def __init__(self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0) -> None:
        _check_count("CosineAnnealingWarmRestarts", "T_0", T_0)
        _check_count("CosineAnnealingWarmRestarts", "T_mult", T_mult)
        self.T_0, self.T_mult, self.eta_min = T_0, T_mult, eta_min
        super().__init__(optimizer)

    def rate(self, base_lr: float, t: int, group: int) -> float:
        if self.T_mult == 1:
            period, t = self.T_0, t % self.T_0
        else:
            period = self.T_0
            while t >= period:
                t, period = t - period, period * self.T_mult
        return self.eta_min + (base_lr - self.eta_min) * (1 + math.cos(math.pi * t / period)) / 2


class SequentialLR(LRScheduler):
    """One schedule after the other, each counting from 0: the next begins at each milestone.

        warmup = LinearLR(optimizer, 0.01, total_iters=100)
        decay = CosineAnnealingLR(optimizer, T_max=900)
        schedule = SequentialLR(optimizer, [warmup, decay], milestones=[100])

    Raises ValueError unless there is one milestone less than schedules, in rising order, all for this optimizer.
    """

    def __init__(self, optimizer: Optimizer, schedulers: Sequence[LRScheduler], milestones: Sequence[int]) -> None:
        for schedule in schedulers:
            if not isinstance(schedule, LRScheduler):
                raise TypeError(
                    f"SequentialLR joins schedules that depend on time alone, not {type(schedule).__name__}"
                )
            if schedule.optimizer is not optimizer:
                raise ValueError("SequentialLR: all schedules must be made for the same optimizer")
        if len(schedulers) != len(milestones) + 1 or list(milestones) != sorted(set(milestones)):
            raise ValueError(
                f"SequentialLR: {len(schedulers)} schedules need {len(schedulers) - 1} milestones in rising order, "
                f"got {list(milestones)}"
            )
        self.schedulers, self.milestones = list(schedulers), list(milestones)
        super().__init__(optimizer)

    def rate(self, base_lr: float, t: int, group: int) -> float:
        i = bisect_right(self.milestones, t)
        return self.schedulers[i].rate(base_lr, t - (self.milestones[i - 1] if i else 0), group)


class ReduceLROnPlateau:
    """The rate times `factor` when a metric has not improved for more than `patience` steps.

    Args:
        optimizer: whose rates to change.
        mode: "min" if the metric should fall, "max" if it should rise.
        factor: below 1.
        patience: how many steps without improvement are tolerated.
        threshold: what counts as an improvement on the best value so far: more than this fraction of it
            (threshold_mode "rel"), or more than this difference ("abs").
        cooldown: how many steps after a reduction are not judged.
        min_lr: rates do not go below it; a number, or one for each group.
        eps: changes of a rate that are not larger than this are not made.
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
        if mode not in ("min", "max"):
            raise ValueError(f"ReduceLROnPlateau: mode is 'min' or 'max', not {mode!r}")
        if threshold_mode not in ("rel", "abs"):
            raise ValueError(f"ReduceLROnPlateau: threshold_mode is 'rel' or 'abs', not {threshold_mode!r}")
        if not factor < 1:
            raise ValueError(f"ReduceLROnPlateau: factor must be below 1, not {factor!r}")
        n = len(optimizer.param_groups)
        self.min_lrs = [float(min_lr)] * n if isinstance(min_lr, (int, float)) else list(min_lr)
        if len(self.min_lrs) != n:
            raise ValueError(f"ReduceLROnPlateau got {len(self.min_lrs)} values of min_lr for {n} groups")
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
            for group, least in zip(self.optimizer.param_groups, self.min_lrs):
                lower = max(group["lr"] * self.factor, least)
                if group["lr"] - lower > self.eps:
                    group["lr"] = lower

    def _improves(self, value: float) -> bool:
        sign = -1 if self.mode == "min" else 1
        relative = self.threshold_mode == "rel"
        bar = self.best * (1 + sign * self.threshold) if relative else self.best + sign * self.threshold
        return value < bar if self.mode == "min" else value > bar

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


def _check_count(kind: str, name: str, value: int) -> None:
    if not value >= 1:
        raise ValueError(f"{kind}: {name} must be >= 1, not {value!r}")

"""Learning rate schedules, by the names of `torch.optim.lr_scheduler`.

A schedule is a function of the number of steps alone. So schedules compose (`SequentialLR`, `ChainedScheduler`), and
one is restored by setting that number. Making a schedule sets the rate of step 0; `step()`, called after each
`optimizer.step()` or after each epoch, sets the next. One schedule works on an optimizer at a time; it takes in the
groups that the optimizer gets later.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence

from ..advice.missing import on_missing
from .one_cycle import OneCycleLR
from .optimizer import Optimizer
from .plateau import ReduceLROnPlateau
from .schedule import LRScheduler, check_count, check_one_each, for_group

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "ExponentialLR",
    "InverseSqrtLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]


class LambdaLR(LRScheduler):
    """The initial rate times a function of t; one function for all groups, or a list with one for each."""

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:
        self.lr_lambdas = check_one_each(lr_lambda, optimizer, "LambdaLR: lr_lambda")
        super().__init__(optimizer, last_epoch)

    def rate(self, base_lr: float, t: int, group: int) -> float:
        return base_lr * for_group(self.lr_lambdas, group, "LambdaLR: lr_lambdas")(t)


class StepLR(LRScheduler):
    """The rate times `gamma` every `step_size` steps."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        check_count("StepLR", "step_size", step_size)
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, base_lr: float, t: int, group: int) -> float:
        return base_lr * self.gamma ** (t // self.step_size)


class MultiStepLR(LRScheduler):
    """The rate times `gamma` at each of the milestones, numbers of steps in any order."""

    def __init__(
        self, optimizer: Optimizer, milestones: Sequence[int], gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.milestones, self.gamma = sorted(milestones), gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, base_lr: float, t: int, group: int) -> float:
        return base_lr * self.gamma ** bisect_right(self.milestones, t)


class ExponentialLR(LRScheduler):
    """The rate times `gamma` every step."""

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, base_lr: float, t: int, group: int) -> float:
        return base_lr * self.gamma**t


class PolynomialLR(LRScheduler):
    """From the initial rate to 0 in `total_iters` steps, as (1 - t / total_iters)**power."""

    def __init__(self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1) -> None:
        check_count("PolynomialLR", "total_iters", total_iters)
        self.total_iters, self.power = total_iters, power
        super().__init__(optimizer, last_epoch)

    def rate(self, base_lr: float, t: int, group: int) -> float:
        return base_lr * (1 - min(t, self.total_iters) / self.total_iters) ** self.power


class InverseSqrtLR(LRScheduler):
    """Up in a line over `warmup` steps to the initial rate, then down as sqrt(warmup / t).

    The schedule of Vaswani et al. (Attention is all you need, 2017), scaled to its highest value. PyTorch lacks it.
    The first step has the number 1 here, so that its rate is not 0.
    """

    def __init__(self, optimizer: Optimizer, warmup: int, last_epoch: int = -1) -> None:
        check_count("InverseSqrtLR", "warmup", warmup)
        self.warmup = warmup
        super().__init__(optimizer, last_epoch)

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
        last_epoch: int = -1,
    ) -> None:
        check_count("LinearLR", "total_iters", total_iters)
        if not 0 < start_factor <= 1 or not 0 <= end_factor <= 1:
            raise ValueError(
                f"LinearLR: factors are between 0 and 1, and the first is not 0; got {start_factor} and {end_factor}"
            )
        self.start_factor, self.end_factor, self.total_iters = start_factor, end_factor, total_iters
        super().__init__(optimizer, last_epoch)

    def rate(self, base_lr: float, t: int, group: int) -> float:
        done = min(t, self.total_iters) / self.total_iters
        return base_lr * (self.start_factor + (self.end_factor - self.start_factor) * done)


class ConstantLR(LRScheduler):
    """`factor` times the initial rate for `total_iters` steps, then the initial rate."""

    def __init__(self, optimizer: Optimizer, factor: float = 1 / 3, total_iters: int = 5, last_epoch: int = -1) -> None:
        if not 0 <= factor <= 1:
            raise ValueError(f"ConstantLR: factor is between 0 and 1, not {factor!r}")
        self.factor, self.total_iters = factor, total_iters
        super().__init__(optimizer, last_epoch)

    def rate(self, base_lr: float, t: int, group: int) -> float:
        return base_lr * (self.factor if t < self.total_iters else 1.0)


class CosineAnnealingLR(LRScheduler):
    """From the initial rate to `eta_min` in T_max steps along half a cosine, and on periodically.

    Loshchilov and Hutter, SGDR (2017), without the restarts.
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        check_count("CosineAnnealingLR", "T_max", T_max)
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def rate(self, base_lr: float, t: int, group: int) -> float:
        return self.eta_min + (base_lr - self.eta_min) * (1 + math.cos(math.pi * t / self.T_max)) / 2


class CosineAnnealingWarmRestarts(LRScheduler):
    """From the initial rate to `eta_min` along half a cosine, again and again (SGDR: Loshchilov and Hutter 2017).

    The first period takes T_0 steps, and each one T_mult times as many as the one before it.
    """

    def __init__(
        self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        check_count("CosineAnnealingWarmRestarts", "T_0", T_0)
        check_count("CosineAnnealingWarmRestarts", "T_mult", T_mult)
        self.T_0, self.T_mult, self.eta_min = T_0, T_mult, eta_min
        super().__init__(optimizer, last_epoch)

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

    def __init__(
        self, optimizer: Optimizer, schedulers: Sequence[LRScheduler], milestones: Sequence[int], last_epoch: int = -1
    ) -> None:
        _check_schedules("SequentialLR", schedulers, optimizer)
        if len(schedulers) != len(milestones) + 1 or list(milestones) != sorted(set(milestones)):
            raise ValueError(
                f"SequentialLR: {len(schedulers)} schedules need {len(schedulers) - 1} milestones in rising order, "
                f"got {list(milestones)}"
            )
        self.schedulers, self.milestones = list(schedulers), list(milestones)
        super().__init__(optimizer, last_epoch)

    def rate(self, base_lr: float, t: int, group: int) -> float:
        i = bisect_right(self.milestones, t)
        return self.schedulers[i].rate(base_lr, t - (self.milestones[i - 1] if i else 0), group)


class ChainedScheduler(LRScheduler):
    """Several schedules at once: each changes the rate that the one before it gives, so that their factors multiply.

        ChainedScheduler([ConstantLR(optimizer, 0.1, total_iters=20), ExponentialLR(optimizer, 0.9)])

    Its `step` is the only one to be called. Raises ValueError for no schedules, and for those of several optimizers.
    """

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None) -> None:
        self.schedulers = list(schedulers)
        if not self.schedulers:
            raise ValueError("ChainedScheduler got no schedules")
        if optimizer is None:
            optimizer = self.schedulers[0].optimizer
        _check_schedules("ChainedScheduler", self.schedulers, optimizer)
        super().__init__(optimizer)

    def rate(self, base_lr: float, t: int, group: int) -> float:
        for schedule in self.schedulers:
            base_lr = schedule.rate(base_lr, t, group)
        return base_lr


def _check_schedules(kind: str, schedulers: Sequence[LRScheduler], optimizer: Optimizer) -> None:
    for schedule in schedulers:
        if not isinstance(schedule, LRScheduler):
            raise TypeError(f"{kind} joins schedules that depend on time alone, not {type(schedule).__name__}")
        if schedule.optimizer is not optimizer:
            raise ValueError(f"{kind}: all schedules must be made for the same optimizer")


on_missing(__name__)

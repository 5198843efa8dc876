"""What a `Trainer` asks of those who come with a model: an error says what was given, and what was expected."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import minigrad as mg
from minigrad import nn, optim
from minigrad.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from .caller import named
from .task import Task
from .watchers import Watcher


def task(given: Any) -> None:
    """Raises TypeError for what is no task, or lacks a part; ValueError for parts that do not belong together."""
    if not isinstance(given, Task):
        raise TypeError(f"what is trained is a Task, which `make` is to return, not {given!r}")
    name = type(given).__name__
    for part, kind in ("model", nn.Module), ("optimizer", optim.Optimizer):
        if not isinstance(found := getattr(given, part, None), kind):
            raise TypeError(f"{name}.{part} is to be of class {kind.__name__}, not {found!r}")
    if not isinstance(given.schedule, LRScheduler | ReduceLROnPlateau | None):
        raise TypeError(f"{name}.schedule is to be one of optim.lr_scheduler, or None, not {given.schedule!r}")
    if given.kept is not None and not (_pair(given.kept) and given.kept[1] in ("min", "max")):
        raise TypeError(f'{name}.kept is to be the name of a measure and "min" or "max", or None, not {given.kept!r}')
    if not all(map(_pair, given.levels)):
        raise TypeError(f"{name}.levels are to be pairs of a name and a value, not {given.levels!r}")
    updated = {id(p) for group in given.optimizer.param_groups for p in group["params"]}
    if not any(id(p) in updated for p in given.model.parameters()):
        raise ValueError(f"{name}.optimizer updates no parameter of {name}.model: make it of model.parameters()")
    if given.schedule is not None and given.schedule.optimizer is not given.optimizer:
        raise ValueError(f"{name}.schedule is that of another optimizer: give the task the one that it was made with")
    measure, best = given.judged()
    if isinstance(given.schedule, ReduceLROnPlateau) and given.schedule.mode != best:
        raise ValueError(f"{measure!r} is better when it is {best}; the schedule has mode {given.schedule.mode!r}")


def _pair(given: Any) -> bool:
    return isinstance(given, tuple | list) and len(given) == 2 and isinstance(given[0], str)


def watchers(given: Any) -> Sequence[Watcher]:
    """Those given. Raises TypeError if they are not a list of watchers."""
    if not isinstance(given, Sequence) or not all(isinstance(watcher, Watcher) for watcher in given):
        raise TypeError(f"watchers are to be a list of objects of subclasses of Watcher, not {given!r}")
    return given


def batches(task: Task, epoch: int) -> Iterator[Any]:
    """The batches of an epoch. Raises TypeError if they cannot be gone through."""
    given = task.batches(epoch)
    if not isinstance(given, Iterable):
        raise TypeError(f"{type(task).__name__}.batches({epoch}) is to give batches to go through, not {given!r}")
    return iter(given)


def loss(task: Task, given: Any) -> mg.Tensor:
    """The loss of a batch. Raises TypeError if it is no tensor, ValueError if it is not one number."""
    name = f"{type(task).__name__}.loss"
    if not isinstance(given, mg.Tensor):
        raise TypeError(f"{name} is to give a tensor of shape (), not a {type(given).__name__}")
    if given.size != 1:
        raise ValueError(f"{name} is to give a tensor of shape (), such as a mean, not one of shape {given.shape}")
    return given


def learning(task: Task) -> None:
    """Raises ValueError if a loss has given no parameter a gradient."""
    if all(p.grad is None for p in task.model.parameters()):
        name = type(task).__name__
        raise ValueError(f"{name}.loss depends on no parameter of {name}.model: was it computed with another model?")


def measures(task: Task) -> dict[str, float]:
    """What a validation measures. Raises TypeError if that is no dictionary of numbers by name."""
    given, name = task.validate(), f"{type(task).__name__}.validate"
    if not isinstance(given, Mapping):
        raise TypeError(f"{name} is to give numbers by name, as a dictionary, not {given!r}")
    numbers = {}
    for key, value in given.items():
        number: Any = value
        if getattr(value, "size", 0) == 1:  # of a tensor or an array
            number = number.item()
        if not isinstance(key, str) or key == "step" or not isinstance(number, int | float):
            raise TypeError(f"{name} is to give numbers by name (any but 'step'), not {key!r}: {value!r}")
        numbers[key] = float(number)
    return numbers


def judged(task: Task, measures: Mapping[str, float]) -> float | None:
    """The measure that decides something; None if nothing is to be decided. Raises ValueError if it is lacking."""
    uses = {
        "which weights to keep": task.kept is not None,
        f"when {named('patience')} ends": task.settings.patience > 0,
        "the learning rate": isinstance(task.schedule, ReduceLROnPlateau),
    }
    purpose = next((use for use, wanted in uses.items() if wanted), None)
    name, given = task.judged()[0], ", ".join(measures) or "nothing"
    if purpose is not None and name not in measures:
        raise ValueError(f"validate() is to give {name!r}, which decides {purpose}; it gives {given}")
    return None if purpose is None else measures[name or ""]


def example(task: Task) -> str:
    """What a model makes now. Raises TypeError if that is no text."""
    given = task.example()
    if not isinstance(given, str):
        raise TypeError(f"{type(task).__name__}.example is to give text, which may be empty, not {given!r}")
    return given

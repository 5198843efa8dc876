"""A run from beginning to end: its folder, its settings, the task, the training, and the results, whatever happens."""

from __future__ import annotations

import itertools
import os
import shlex
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

import minigrad as mg

from . import checks
from .caller import caller, given, named
from .keeping import folder
from .keeping.interrupts import Interrupts, Terminated
from .keeping.metrics import Metrics
from .live import report
from .settings import S, Settings, resumed
from .task import Task
from .terminal import say, silenced
from .trainer import Trainer
from .watchers import Watcher


def fit(settings: S, make: Callable[[S], Task], watchers: Sequence[Watcher] = ()) -> dict[str, Any]:
    """Make a task, train it, and write what comes of it; also when training is interrupted by Ctrl-C after some steps.

    Args:
        settings: how to train. With `quiet`, nothing is printed.
        make: makes the task: a subclass of `Task`, or a function. It is called on the backend of the settings, with the
            default generators seeded.
        watchers: who else is told what happens, beside the log, the display, and those that the settings ask for.

    Writes into `settings.out`: model.safetensors, metrics.json, loss.png (the curve), report.html (curves, measures and
    examples to look around in, also of a training that fails), log.jsonl and checkpoint.safetensors, and what the task
    writes. A picture that cannot be drawn is named in a line, and in
    "lacking" of the metrics.

    Where `settings.out` holds a run, `resume` goes on with it (with its own settings, where no others are given), and
    `overwrite` starts anew in its place, once the first step has been taken. A run that has finished is left as it is.

    Ctrl-C waits until the state is that between two steps, and a checkpoint is written there; a second one ends at
    once. After SIGTERM and SIGHUP, too, and then SystemExit is raised. In a notebook and in a thread, signals are left
    alone, and an interrupt goes back to a state of a second before.

    Returns the metrics; after an interruption, `finished` is false in them. Raises what the task raises, ValueError for
    a loss that is not finite and for settings that do not fit the run, FileExistsError for a folder with a run in it,
    OSError (also for a port that is taken, and for a folder that another run works in), ImportError for a package that
    is not installed, BackendError.
    """
    if not isinstance(settings, Settings):
        raise TypeError(f"fit takes Settings first, not {settings!r}")
    if not callable(make):
        raise TypeError(f"fit takes a function or class that makes a Task of the settings, not {make!r}")
    checks.watchers(watchers)
    with silenced(settings.quiet), Interrupts(settings.quiet) as interrupts, folder.opened(settings.out) as out:
        found = folder.look(out)
        folder.refuse(found, settings)
        if settings.resume and found is not None and found.checkpoint is not None:
            settings = _going_on(settings, found)
            if _has_finished(settings, found):
                return Metrics(found.metrics or {})
        with _prepared(settings, watchers) as watching:
            checks.task(task := make(settings))
            say(task.introduction())
            trainer = Trainer(task, out, watching, interrupts)
            with _kept_is_told(trainer), _page_of_what_failed(trainer, out):
                return _trained(trainer, out, interrupts)


@contextmanager
def _page_of_what_failed(trainer: Trainer, out: Path) -> Iterator[None]:
    """Leave a page of a training that ends without results; what ended it is what is to be told."""
    try:
        yield
    except BaseException:
        if trainer.step:
            with suppress(Exception):
                report.write(out)
        raise


def _trained(trainer: Trainer, out: Path, interrupts: Interrupts) -> dict[str, Any]:
    steps = trainer.settings.steps
    try:
        trainer.train()
    except KeyboardInterrupt:
        if not trainer.step or interrupts.count > 1:
            _tell_how_to_go_on(trainer)
            raise
        once_more = "; Ctrl-C leaves that out" if interrupts.count else ""
        say(f"\ninterrupted after {trainer.step} of {steps} steps; writing what there is{once_more}")
    except Terminated as error:
        with silenced(error.said == "hung up"):  # there is no terminal any more
            say(f"\n{error.said} after {trainer.step} of {steps} steps")
            _tell_how_to_go_on(trainer)
        raise
    try:
        metrics = trainer.finish(out)
    except (KeyboardInterrupt, Terminated):
        _tell_how_to_go_on(trainer)
        raise
    if trainer.finished:
        _tell_what_is_next(trainer.task, out)
    else:
        _tell_how_to_go_on(trainer)
    return metrics


@contextmanager
def _kept_is_told(trainer: Trainer) -> Iterator[None]:
    """An error of the system, such as a disk that is full, says that nothing is lost."""
    try:
        yield
    except OSError as error:
        if trainer.saved is None or isinstance(error, BrokenPipeError):
            raise
        kept = f"the checkpoint of step {trainer.saved} is kept: {given('resume')} goes on from there"
        told = type(error)(f"{error}; {kept}")
        told.errno = error.errno
        raise told from error


def _tell_how_to_go_on(trainer: Trainer) -> None:
    if trainer.saved is not None:
        say(f"go on after step {trainer.saved} with: {caller().again()}")


def _tell_what_is_next(task: Task, out: Path) -> None:
    if task.tries:
        say("\nnow try:")
    for command in task.tries:
        say(f"  {caller().command(command.format(out=shlex.quote(str(out))))}")


def _going_on(settings: S, found: folder.Found) -> S:
    """The settings of a run that goes on. Raises ValueError for some that do not fit it."""
    assert found.checkpoint is not None
    settings = resumed(settings, found.checkpoint["settings"], found.path)
    if found.checkpoint["step"] > settings.steps:
        raise ValueError(
            f"{given('steps', settings.steps)} is less than the {found.checkpoint['step']} steps that the run in "
            f"{found.path} has taken: give more, or start anew with {given('overwrite')}"
        )
    return settings


def _has_finished(settings: Settings, found: folder.Found) -> bool:
    """Whether nothing is left to be done, and say so."""
    about = found.checkpoint
    assert about is not None
    stopped = about["stopped_early"] and settings.patience == about["settings"]["patience"]
    if not found.written or not (about["step"] == settings.steps or stopped):
        return False
    more = named("patience") if stopped and about["step"] < settings.steps else named("steps")
    say(f"{found.path} holds {found}: more {more} with {given('resume')} goes on, {given('overwrite')} starts anew")
    return True


@contextmanager
def _prepared(settings: Settings, watchers: Sequence[Watcher]) -> Iterator[list[Watcher]]:
    """The backend, the threads and the random numbers that the settings ask for, and all watchers."""
    _warn_of_threads(settings.threads)
    with mg.use_backend(settings.backend), mg.set_num_threads(settings.threads), ExitStack() as stack:
        # Numbers that are not finite end a training with a message; warnings from deep inside would only hide it.
        stack.enter_context(np.errstate(over="ignore", invalid="ignore"))
        mg.manual_seed(settings.seed)
        watching = []
        for watcher in itertools.chain(_watchers(settings), checks.watchers(watchers)):
            stack.callback(watcher.close)
            watching.append(watcher)
        yield watching


def _warn_of_threads(threads: int) -> None:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or threads
    if threads > cores:
        warnings.warn(
            f"{given('threads', threads)} is more than the {cores} cores here: threads that wait for a core slow "
            "training down",
            stacklevel=5,
        )


def _watchers(settings: Settings) -> Iterator[Watcher]:
    """Those that the settings ask for. What they need is loaded only then: a web server, a library for event files."""
    if settings.tensorboard is not None:
        from .tensorboard import TensorBoard

        yield TensorBoard(settings.tensorboard)
    if settings.live:
        from .live import LivePage

        yield LivePage(settings.live_port)

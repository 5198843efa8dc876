"""Training, for anyone's model: steps, validation, checkpoints, early stopping, and who is told what happens.

A `Task` says what is to be learned, `Settings` how, and `fit` does the rest with a `Trainer`: start in `task`.
Watchers are told what happens: the log, the display, the live page, TensorBoard.
"""

from .files import load, save
from .settings import Settings, setting
from .task import Task
from .trainer import Trainer, fit
from .watchers import End, Step, Validation, Watcher

__all__ = ["End", "Settings", "Step", "Task", "Trainer", "Validation", "Watcher", "fit", "load", "save", "setting"]

"""Training, for anyone's model: steps, validation, checkpoints, early stopping, and who is told what happens.

A `Task` says what is to be learned, `Settings` how, and `fit` does the rest with a `Trainer`: start in `task`.
Watchers are told what happens: the log, the display, the live page, TensorBoard. Each is imported when it is asked for.
"""

from typing import TYPE_CHECKING

from ..advice.missing import on_missing

if TYPE_CHECKING:
    from .files import load, save
    from .fitting import fit
    from .keeping.results import drawn
    from .predictions import Prediction
    from .settings import Settings, setting
    from .task import Task
    from .trainer import Trainer
    from .watchers import End, Step, Training, Validation, Watcher

__all__ = [
    "End",
    "Prediction",
    "Settings",
    "Step",
    "Task",
    "Trainer",
    "Training",
    "Validation",
    "Watcher",
    "drawn",
    "fit",
    "load",
    "save",
    "setting",
]

LATER = {
    "files": "load save",
    "fitting": "fit",
    "keeping.results": "drawn",
    "predictions": "Prediction",
    "settings": "Settings setting",
    "task": "Task",
    "trainer": "Trainer",
    "watchers": "End Step Training Validation Watcher",
}

on_missing(__name__, LATER)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

"""Complete programs. This folder is installed as `minigrad.models`.

Each program is a module that offers what the command line needs:

- `Settings`, a dataclass on `settings.BaseSettings`; its fields are the options of `train`
- `Task(settings)`, a `training.Task`: the model, its batches, loss and measures, and what it leaves behind
- `train(settings)`, which trains a task with `training.conduct`, writes files, and returns the metrics as plain data
- `unrolled(model, steps)`, the loss on a few time steps, to be drawn
- `untrained()`, a small model to draw before there is a trained one
- `load(path)`, which reads a trained model
- `sample(model, length, temperature, prime, generator)`, which yields text, in those that write some

What they share: `settings`, `training` (the loop), `checkpoints`, `files` (of models), `progress` (bar and curve),
`cells`.

`PROGRAMS` is the table of them: name on the command line, module, what it does.
"""

from __future__ import annotations

import importlib
from typing import Any

PROGRAMS = {
    "char-lm": (
        "minigrad.models.char_lm",
        "A character language model: a recurrent network that learns to continue a text.",
    ),
    "adding": ("minigrad.models.adding", "The adding problem: numbers to remember over many steps."),
}


def program(name: str) -> Any:
    """The module of a program, imported on first use. Raises ValueError for an unknown name."""
    if name not in PROGRAMS:
        raise ValueError(f"there is no model {name!r}; there are {', '.join(PROGRAMS)}")
    return importlib.import_module(PROGRAMS[name][0])

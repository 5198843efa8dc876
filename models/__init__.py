"""Complete programs, installed as `minigrad.models`: a file each, or a folder with its pictures and data. Start in
`adding`.

Each program is a module that offers what the command line needs:

- `Settings`, a dataclass on `training.Settings`; its fields are the options of `train`
- `Task(settings)`, a `training.Task`: the model, its batches, loss and measures, and what it leaves behind
- `train(settings)`, which trains a task with `training.fit`, writes files, and returns the metrics as plain data
- `unrolled(model, steps)`, the loss on a few time steps, to be drawn
- `untrained()`, a small model to draw before there is a trained one; it may take a `cell`
- `load(path)`, which reads a trained model
- `predict(model, inputs)`, which yields a `training.Prediction` for each of some inputs, as users name them: texts,
  files, `-`; `minigrad.data.inputs` reads these. It may take more by keyword, which become options
- `sample(model, length, temperature, prime, generator, top_k, top_p)`, which yields text, in those that write some

What they share is in `minigrad.training` and, what is drawn, in `minigrad.tools.pictures`.

`PROGRAMS` is the table of them: name on the command line, module, what it does.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

PROGRAMS = {
    "char-lm": (
        "minigrad.models.char_lm",
        "A character language model: a recurrent network that learns to continue a text.",
    ),
    "caption": ("minigrad.models.caption", "Images of digits and their names, spelled letter by letter."),
    "video": ("minigrad.models.video", "Digits that move through a frame: which one, and where to?"),
    "sentiment": ("minigrad.models.sentiment", "Film reviews: is a sentence for or against the film?"),
    "forecast": ("minigrad.models.forecast", "Sunspots, CO2, the sea's temperature: forecasts, and faults found."),
    "adding": ("minigrad.models.adding", "The adding problem: numbers to remember over many steps."),
    "speech": ("minigrad.models.speech", "Spoken digits: told from recordings, or spelled letter by letter."),
    "music": ("minigrad.models.music", "A language model over chords, which continues Bach's chorales."),
}


def program_of(path: str | Path, instead: str = "PROGRAM") -> str:
    """The name of the program that a trained model is of; `path` is the file, or the directory of a training.

    `instead` is the program to advise if there is none.

    Raises OSError if there is none, ValueError for another kind of file.
    """
    name = importlib.import_module("minigrad.training.files").kind(path, instead)  # later: it needs the whole library
    if name not in PROGRAMS:
        raise ValueError(f"{path} is a model of {name!r}, which is none of the programs: {', '.join(PROGRAMS)}")
    return name


def chosen_model(name: str, model: str | Path | None) -> tuple[str, Path | None]:
    """The program and the trained model, if any, of words that name a program or a model, and of an option `--model`.

    Raises ValueError for what is neither, OSError for a model that is not there.
    """
    if name in PROGRAMS:
        return name, None if model is None else Path(model)
    if not Path(name).exists():
        raise ValueError(f"there is no model {name!r}; there are {', '.join(PROGRAMS)}, and no such file or directory")
    if model is not None:
        raise ValueError(f"{name} is a model already; --model names one beside a program")
    return program_of(name), Path(name)


def program(name: str) -> Any:
    """The module of a program, imported on first use. Raises ValueError for an unknown name."""
    if name not in PROGRAMS:
        raise ValueError(f"there is no model {name!r}; there are {', '.join(PROGRAMS)}")
    return importlib.import_module(PROGRAMS[name][0])

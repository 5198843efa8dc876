"""Checkpoints: nested data with arrays and tensors in it, kept in one file, from which a training run goes on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.saving import pack, unpack

from . import files
from .settings import Settings, option

NAME = "checkpoint.safetensors"
MAY_DIFFER = (
    "out",
    "threads",
    "resume",
    "live",
    "live_port",
    "tensorboard",
)  # settings that do not decide what is learned


def save(path: Path, format: str, settings: Settings, state: Any) -> None:
    """Write a checkpoint in place of an older one; whatever happens meanwhile, one of the two is there in full.

    Args:
        path: the file.
        format: of the program's model files.
        settings: those of the run; see `load`.
        state: dictionaries, lists, tuples, named tuples of tensors, arrays, numbers, strings, truth values and None.

    Raises OSError, ImportError without safetensors, TypeError for a state with something else in it, such as a named
    tuple whose class is not at the top of a module, where `load` would find it.
    """
    arrays: dict[str, np.ndarray] = {}
    packed = pack(state, "state", arrays)
    files.write(path, arrays, _format(format), {"settings": settings.plain(), "state": packed})


def load(path: Path, format: str, settings: Settings) -> Any:
    """The state that `save` was given, its tensors on the default backend; None if there is no such file.

    Raises OSError, ImportError without safetensors, and ValueError for another kind of file and if the settings are not
    those of the checkpoint: it names those that differ. So it is if a named tuple of the state is not defined any more.
    """
    if not path.exists():
        return None
    arrays, about = files.read(path, _format(format))
    then, now = about["settings"], json.loads(json.dumps(settings.plain()))
    differing = [
        f"{option(name)} was {then.get(name)}, not {now.get(name)}"
        for name in sorted(then.keys() | now.keys())
        if name not in MAY_DIFFER and then.get(name) != now.get(name)
    ]
    if differing:
        raise ValueError(
            f"cannot resume from {path}, which was made with other settings: {'; '.join(differing)}; "
            "give the same settings, or start anew without --resume"
        )
    return unpack(about["state"], arrays)


def _format(format: str) -> str:
    return f"{format} checkpoint"

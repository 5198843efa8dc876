"""Checkpoints: nested data with arrays and tensors in it, kept in one file, from which a training run goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from minigrad.saving import description, opened, pack, unpack

from . import files
from .settings import Settings

NAME = "checkpoint.safetensors"


def save(path: Path, format: str, settings: Settings, state: Any, **about: Any) -> None:
    """Write a checkpoint in place of an older one; whatever happens meanwhile, one of the two is there in full.

    Args:
        path: the file.
        format: of the program's model files.
        settings: those of the run.
        state: dictionaries, lists, tuples, named tuples of tensors, arrays, numbers, strings, truth values and None.
        about: plain data that says how far the run is, for `about`.

    Raises OSError, ImportError without safetensors, TypeError for a state with something else in it, such as a named
    tuple whose class is not at the top of a module, where `load` would find it.
    """
    arrays: dict[str, np.ndarray] = {}
    packed = pack(state, "state", arrays)
    files.write(path, arrays, _format(format), {"settings": settings.plain(), **about, "state": packed})


def load(path: Path, format: str) -> Any:
    """The state that `save` was given, its tensors on the default backend.

    Raises OSError, ImportError without safetensors, and ValueError for another kind of file, and if a named tuple of
    the state is not defined any more.
    """
    arrays, about = files.read(path, _format(format))
    return unpack(about["state"], arrays)


def about(path: Path) -> dict[str, Any] | None:
    """What a checkpoint says beside its state: "settings", and what `save` was told.

    None if there is no such file. Raises OSError, ValueError for a file that is no checkpoint.
    """
    if not path.exists():
        return None
    with opened(path) as file:
        said = description(path, file)
    found = said.get("about")
    if not isinstance(found, dict) or not str(said.get("format")).endswith(_format("")):
        raise ValueError(f"{path} is no checkpoint: its format is {said.get('format')!r}")
    return {name: value for name, value in found.items() if name != "state"}


def _format(format: str) -> str:
    return f"{format} checkpoint"

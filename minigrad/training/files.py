"""Files of trained models: weights, and plain data that is needed to rebuild the model, in the safetensors format."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from minigrad import nn
from minigrad.saving import contents, entry, library, write
from minigrad.writing import replace

__all__ = ["entry", "library", "load", "number", "program_of", "read", "replace", "save", "write"]

M = TypeVar("M", bound=nn.Module)


def save(model: nn.Module, path: str | Path, format: str, about: Mapping[str, Any]) -> None:
    """Write the weights of a model, with what is needed to rebuild it. The same model gives the same bytes.

    Args:
        model: the model.
        path: the file; it is replaced at once, so that no reader finds half of it.
        format: what kind of model it is, and which version: "minigrad char-lm 1".
        about: plain data (numbers, strings, lists, dictionaries), for `build` of `load`.

    Raises OSError, TypeError for data that is not plain, ImportError without safetensors.
    """
    write(path, {name: t.numpy() for name, t in model.state_dict().items()}, format, about)


def load(path: str | Path, format: str, build: Callable[[Any], M]) -> M:
    """Read a model that `save` wrote, onto the default backend.

    Args:
        path: the file, or the directory of a training run.
        format: what `save` was given.
        build: makes the untrained model from the data that `save` was given as `about`.

    Raises OSError if there is none, ValueError for another kind of file or damaged contents.
    """
    path = Path(path)
    path = path / "model.safetensors" if path.is_dir() else path
    if not path.is_file():
        program = program_of(format)
        raise FileNotFoundError(
            f"there is no model {path}" + (f"; make one with: minigrad train {program}" if program else "")
        )
    tensors, about = read(path, format)
    try:
        model = build(about)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} does not say what is needed to rebuild its model: {error!r}") from error
    model.load_state_dict(tensors)
    return model


def program_of(format: Any) -> str | None:
    """The program that writes a format: char-lm for "minigrad char-lm 1". None for a format of somebody else."""
    words = str(format).split()
    return words[1] if len(words) >= 3 and words[0] == "minigrad" else None


def read(path: str | Path, format: str) -> tuple[dict[str, np.ndarray], Any]:
    """The arrays and the plain data of a file. Raises OSError, ValueError for another kind of file, ImportError."""
    tensors, said = contents(path)
    found = said.get("format")
    if found != format:
        wanted, other = program_of(format), None if str(found).endswith(" checkpoint") else program_of(found)
        raise ValueError(
            f"{path} is not what {f'minigrad {wanted} writes' if wanted else 'it should be'}: its format is {found!r}, "
            f"not {format!r}" + (f"; minigrad {other} reads it" if other else "")
        )
    return tensors, said["about"]


def number(x: float) -> float | None:
    """A number with six digits; None for what JSON cannot hold."""
    return float(f"{x:.6g}") if math.isfinite(x) else None

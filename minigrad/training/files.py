"""Files of trained models: weights, and plain data that is needed to rebuild the model, in the safetensors format."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from minigrad import nn
from minigrad.saving import contents, description, entry, library, opened, write
from minigrad.writing import replace

from .caller import given

__all__ = ["entry", "kind", "library", "load", "located", "number", "program_of", "read", "replace", "save", "write"]

M = TypeVar("M", bound=nn.Module)
MODEL = "model.safetensors"  # in the directory of a training


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
    path = located(path, program_of(format))
    tensors, about = read(path, format)
    try:
        model = build(about)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} does not say what is needed to rebuild its model: {error!r}") from error
    model.load_state_dict(tensors)
    return model


def located(path: str | Path, program: str | None = "PROGRAM") -> Path:
    """The file of a model: as given, or in the directory that training left.

    Raises FileNotFoundError, which says how to make one with the program; with None it is for the caller to know.
    """
    path = Path(path)
    model = path / MODEL if path.is_dir() else path
    if model.exists():
        return model
    if (path / "checkpoint.safetensors").is_file():
        raise FileNotFoundError(
            f"there is no model {model} yet: the training has not ended; go on with {given('resume')}"
        )
    how = f"; make one with: minigrad train {program}" if program else ""
    raise FileNotFoundError(f"there is no model {model}{how}")


def kind(path: str | Path, program: str = "PROGRAM") -> str:
    """The program that a trained model is of, by the format that its file names; `path` as in `load`.

    `program` is one that makes such a model, for the error if there is none.

    Raises OSError if there is no such file, ValueError for a file of another kind and one that no program wrote.
    """
    path = located(path, program)
    with opened(path) as file:
        format = description(path, file).get("format")
    if format is None:
        raise ValueError(f"{path} is no model that minigrad trained: it does not say of which program it is")
    if str(format).endswith(" checkpoint"):
        raise ValueError(f"{path} is a checkpoint, from which a training goes on; the model is in {MODEL} beside it")
    found = program_of(format)
    if found is None:
        raise ValueError(f"{path} is a model of a task of your own ({format!r}): that loads it")
    return found


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

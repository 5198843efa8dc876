"""Files of tensors with plain data beside them, in the safetensors format: trained models, and what checkpoints use."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from minigrad import nn

M = TypeVar("M", bound=nn.Module)


def save(model: nn.Module, path: Path, format: str, about: Mapping[str, Any]) -> None:
    """Write the weights of a model, with what is needed to rebuild it. The same model gives the same bytes.

    Args:
        model: the model.
        path: the file; it is replaced at once, so that no reader finds half of it.
        format: what kind of model it is, and which version: "minigrad char-lm 1".
        about: plain data (numbers, strings, lists, dictionaries), for `build` of `load`.

    Raises OSError, TypeError for data that is not plain, ImportError without safetensors.
    """
    write(path, {name: t.numpy() for name, t in model.state_dict().items()}, format, about)


def load(path: Path, format: str, build: Callable[[Any], M]) -> M:
    """Read a model that `save` wrote, onto the default backend.

    Args:
        path: the file, or the directory of a training run.
        format: what `save` was given.
        build: makes the untrained model from the data that `save` was given as `about`.

    Raises OSError if there is none, ValueError for another kind of file or damaged contents.
    """
    path = path / "model.safetensors" if path.is_dir() else path
    if not path.is_file():
        raise FileNotFoundError(f"there is no model {path}; make one with: minigrad train {program_of(format)}")
    tensors, about = read(path, format)
    try:
        model = build(about)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} does not say what is needed to rebuild its model: {error!r}") from error
    model.load_state_dict(tensors)
    return model


def program_of(format: str) -> str:
    """The program that writes a format: char-lm for "minigrad char-lm 1"."""
    return format.split()[1]


def write(path: Path, tensors: Mapping[str, np.ndarray], format: str, about: Any) -> None:
    """Write arrays by name, and plain data, as `read` finds them. Raises as `save` does."""
    # One entry: safetensors writes several in any order, and the same contents should be the same file. C order: of
    # other arrays it writes the memory as it lies.
    entry = json.dumps({"format": format, "about": about})
    arrays = {name: np.asarray(array, order="C") for name, array in tensors.items()}
    replace(path, library().numpy.save(arrays, {"minigrad": entry}))


def read(path: Path, format: str) -> tuple[dict[str, np.ndarray], Any]:
    """The arrays and the plain data of a file. Raises OSError, ValueError for another kind of file, ImportError."""
    safetensors = library()
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            entry = json.loads((file.metadata() or {}).get("minigrad", "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except safetensors.SafetensorError as error:
        raise ValueError(f"{path} is not a safetensors file, or damaged: {error}") from None
    found = entry.get("format")
    if found != format:
        raise ValueError(
            f"{path} is not what minigrad {program_of(format)} writes: its format is {found!r}, not {format!r}"
            + (f"; minigrad {found.split()[1]} reads it" if len(str(found).split()) == 3 else "")
        )
    return tensors, entry["about"]


def replace(path: Path, content: bytes) -> None:
    """Write a file so that at any moment, a power cut included, the old contents or the new ones are there in full."""
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)


def library() -> Any:
    """The safetensors package. Raises ImportError, which says what to install."""
    try:
        import safetensors.numpy
    except ImportError as error:
        raise ImportError(f'model files need safetensors ({error}): pip install "minigrad[models]"') from error
    return safetensors

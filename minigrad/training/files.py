"""Files of tensors with plain data beside them, in the safetensors format: trained models, and what checkpoints use."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from minigrad import nn
from minigrad.extras import extra

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


def write(path: str | Path, tensors: Mapping[str, np.ndarray], format: str, about: Any) -> None:
    """Write arrays by name, and plain data, as `read` finds them. Raises as `save` does."""
    # One entry: safetensors writes several in any order, and the same contents should be the same file. C order: of
    # other arrays it writes the memory as it lies.
    arrays = {name: np.asarray(array, order="C") for name, array in tensors.items()}
    replace(Path(path), library().numpy.save(arrays, {"minigrad": entry(format, about)}))


def entry(format: str, about: Any) -> str:
    """What a file says beside its arrays. Raises TypeError for data that is not plain."""
    try:
        return json.dumps({"format": format, "about": about})
    except TypeError as error:
        raise TypeError(f"what a file tells about its model is plain data, not {about!r}: {error}") from None


def read(path: str | Path, format: str) -> tuple[dict[str, np.ndarray], Any]:
    """The arrays and the plain data of a file. Raises OSError, ValueError for another kind of file, ImportError."""
    safetensors = library()
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            said = json.loads((file.metadata() or {}).get("minigrad", "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except safetensors.SafetensorError as error:
        raise ValueError(f"{path} is not a safetensors file, or damaged: {error}") from None
    found = said.get("format")
    if found != format:
        wanted, other = program_of(format), None if str(found).endswith(" checkpoint") else program_of(found)
        raise ValueError(
            f"{path} is not what {f'minigrad {wanted} writes' if wanted else 'it should be'}: its format is {found!r}, "
            f"not {format!r}" + (f"; minigrad {other} reads it" if other else "")
        )
    return tensors, said["about"]


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
    extra("safetensors.numpy", "model files need safetensors", "models")
    return extra("safetensors", "model files need safetensors", "models")

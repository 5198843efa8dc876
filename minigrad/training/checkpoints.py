"""Checkpoints: nested data with arrays and tensors in it, kept in one file, from which a training run goes on."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

import minigrad as mg

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
    packed = _pack(state, "state", arrays)
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
    return _unpack(about["state"], arrays)


def _format(format: str) -> str:
    return f"{format} checkpoint"


# JSON knows neither tuples nor keys that are numbers, and holds no arrays: these become lists headed by their kind.
def _pack(value: Any, name: str, arrays: dict[str, np.ndarray]) -> Any:
    """Nested data as what JSON can hold; arrays and tensors go to `arrays` under their paths."""
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, mg.Tensor):
        arrays[name] = value.detach().numpy()
        return ["tensor", name]
    if isinstance(value, np.ndarray):
        arrays[name] = value
        return ["array", name]
    if type(value) in (tuple, list):
        return [type(value).__name__, *(_pack(part, f"{name}.{i}", arrays) for i, part in enumerate(value))]
    if isinstance(value, tuple) and _named_tuple(*_place(type(value))) is type(value):
        parts = [_pack(part, f"{name}.{key}", arrays) for key, part in value._asdict().items()]  # type: ignore[attr-defined]
        return ["namedtuple", *_place(type(value)), *parts]
    if type(value) is dict:
        parts = [[key, _pack(part, f"{name}.{key}", arrays)] for key, part in value.items()]
        return ["dict", *parts]
    raise TypeError(
        f"a checkpoint cannot hold {name}, a {type(value).__name__}: it holds tensors, arrays, numbers, strings, None, "
        "in lists, tuples, dictionaries, and named tuples whose class is at the top of a module"
    )


def _unpack(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """What `_pack` was given."""
    if not isinstance(value, list):
        return value
    kind, *parts = value
    if kind == "tensor":
        return mg.tensor(arrays[parts[0]])
    if kind == "array":
        return arrays[parts[0]]
    if kind == "dict":
        return {key: _unpack(part, arrays) for key, part in parts}
    if kind == "namedtuple":
        module, name, *parts = parts
        cls = _named_tuple(module, name)
        if cls is None or len(cls._fields) != len(parts):
            raise ValueError(f"the checkpoint has a {module}.{name} of {len(parts)} parts, and there is no such class")
        return cls(*(_unpack(part, arrays) for part in parts))
    unpacked = [_unpack(part, arrays) for part in parts]
    return tuple(unpacked) if kind == "tuple" else unpacked


def _place(cls: type) -> tuple[str, str]:
    return cls.__module__, cls.__qualname__


def _named_tuple(module: str, name: str) -> Any:
    """The class of named tuples of this name, in a module that is loaded: a file must not have others run."""
    cls = getattr(sys.modules.get(module), name, None)
    return cls if isinstance(cls, type) and issubclass(cls, tuple) and hasattr(cls, "_fields") else None

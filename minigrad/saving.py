"""Saving and loading tensors with plain data around them, in the safetensors format: never code, as in pickles.

`save` and `load` are for anyone; model files and checkpoints of trainings are written by the same functions.
"""

from __future__ import annotations

import json
import os
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from .advice.missing import with_keywords
from .backends import use_backend
from .extras import extra
from .ops.creation import tensor
from .tensors.tensor import Tensor
from .writing import replace

STATE = "minigrad state 1"  # the format of what `save` writes, and its version
ENTRY = "minigrad"  # of a file's metadata: what it says beside its arrays, as JSON
PLAIN = (bool, int, float, str)
HELD = (
    "tensors, arrays, numbers, strings, None, in lists, tuples, dictionaries, and named tuples whose class is at the "
    "top of a module"
)


@with_keywords
def save(state: Any, path: str | Path) -> None:
    """Write tensors, with plain data around them, into a safetensors file; an older file is replaced at once.

        mg.save(model, "model.safetensors")  # the same as mg.save(model.state_dict(), ...)
        mg.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": 7}, "run.safetensors")

    Args:
        state: a module, an optimizer or whatever has a `state_dict()`, which is taken; or dictionaries, lists, tuples,
            named tuples of tensors, NumPy's arrays and numbers, Python's numbers, strings, truth values and None. The
            keys of a dictionary may be numbers, strings, truth values, None, or tuples of these.
        path: the file.

    Tensors of any backend, shape, layout and type are written, by the names that lead to them: of a state_dict those of
    its parameters, so that other programs find them. Their values are kept, not gradients nor `requires_grad`; two that
    share memory are two afterwards.

    Raises TypeError for a state with something else in it, ValueError for one that holds itself, OSError, and
    ImportError without safetensors.
    """
    if callable(getattr(state, "state_dict", None)):
        state = state.state_dict()
    path = checked_path(path)
    arrays: dict[str, np.ndarray] = {}
    write(path, arrays, STATE, pack(state, "", arrays))


@with_keywords
def load(path: str | Path, backend: str | None = None) -> Any:
    """What `save` wrote, or the tensors by name of any other safetensors file, such as one that PyTorch wrote.

        model.load_state_dict(mg.load("model.safetensors"))

    Args:
        path: the file.
        backend: where the tensors go; the default backend if None.

    Nothing in a file is run. Raises OSError, ValueError for another kind of file and a damaged one, ImportError without
    safetensors, TypeError for a type of numbers that tensors do not have, such as complex ones.
    """
    path = checked_path(path)
    arrays, about = contents(path)
    form = str(about.get("format"))
    with use_backend(backend) if backend is not None else nullcontext():
        if form.startswith("minigrad state ") and form != STATE:
            raise ValueError(f"{path} was written by a newer minigrad: its format is {form!r}, not {STATE!r}")
        if form != STATE:
            return {name: _tensor(array, path, name) for name, array in arrays.items()}
        try:
            return unpack(about["about"], arrays)
        except (LookupError, AttributeError, TypeError, ValueError) as error:
            raise ValueError(f"{path} cannot be read: {error}") from error


def checked_path(path: Any) -> Path:
    """A path as such. Raises TypeError for what is none."""
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"the path of a file is a str or a Path, not a {type(path).__name__}")
    return Path(path)


# --- files ------------------------------------------------------------------------------------------------------------


def write(path: str | Path, tensors: Mapping[str, np.ndarray], format: str, about: Any) -> None:
    """Write arrays by name, and plain data, as `contents` finds them.

    Args:
        path: the file.
        tensors: the arrays.
        format: what kind of file it is, and which version.
        about: plain data.

    Raises OSError, TypeError for data that is not plain, ImportError without safetensors.
    """
    # One entry: safetensors writes several in any order, and the same contents should be the same file. C order: of
    # other arrays it writes the memory as it lies.
    arrays = {name: np.asarray(array, order="C") for name, array in tensors.items()}
    replace(path, library().numpy.save(arrays, {ENTRY: entry(format, about)}))


def entry(format: str, about: Any) -> str:
    """What a file says beside its arrays. Raises TypeError for data that is not plain."""
    try:
        return json.dumps({"format": format, "about": about})
    except TypeError as error:
        raise TypeError(f"what a file tells about its model is plain data, not {about!r}: {error}") from None


def contents(path: str | Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The arrays of a safetensors file by name, and what `entry` said; {} in a file of somebody else.

    Raises OSError, ValueError for another kind of file, ImportError without safetensors.
    """
    with opened(path) as file:
        arrays = {}
        for name in file.keys():  # noqa: SIM118
            kind = file.get_slice(name).get_dtype()
            if kind == "BF16":
                extra("ml_dtypes", f"{path} has numbers of type bfloat16, which need ml_dtypes", "bfloat16")
            try:
                arrays[name] = file.get_tensor(name)
            except AttributeError:  # NumPy has no such type
                raise ValueError(f"{path}: {name!r} has numbers of type {kind}, which NumPy does not know") from None
        return arrays, description(path, file)


def description(path: str | Path, file: Any) -> dict[str, Any]:
    """What an opened file says beside its arrays; {} in a file of somebody else."""
    try:
        found = json.loads((file.metadata() or {}).get(ENTRY, "{}"))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ValueError(f"{path} is damaged: its entry {ENTRY!r} is not what minigrad writes")
    return found


def opened(path: str | Path) -> Any:
    """A safetensors file, to be read from. Raises as `contents`."""
    safetensors, path = library(), Path(path)
    if os.path.isdir(path):
        raise IsADirectoryError(f"{path} is a folder, not a file")
    if not os.path.exists(path):
        raise FileNotFoundError(f"there is no file {path}")
    try:
        return safetensors.safe_open(path, framework="numpy")
    except safetensors.SafetensorError as error:
        raise ValueError(f"{path} is not a safetensors file, or damaged: {error}{_other(path)}") from None


def _other(path: Path) -> str:
    """What to do with a file of another kind that people save tensors in."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
        if any(name.endswith("data.pkl") for name in names):
            return (
                ". It is a file of torch.save, a pickle, which runs code when it is read; in PyTorch, write the state "
                "with safetensors.torch.save_file(model.state_dict(), NEW)"
            )
        if any(name.endswith(".npy") for name in names):
            return ". It is a file of numpy.savez: numpy.load reads it"
    with path.open("rb") as file:
        start = file.read(6)
    if start == b"\x93NUMPY":
        return ". It is a file of numpy.save: numpy.load reads it"
    if start[:1] == b"\x80":
        return ". It looks like a pickle, which runs code when it is read: minigrad reads none"
    return ""


def library() -> Any:
    """The safetensors package. Raises ImportError, which says what to install."""
    extra("safetensors.numpy", "model files need safetensors", "training")
    return extra("safetensors", "model files need safetensors", "training")


# --- nested data ------------------------------------------------------------------------------------------------------


# JSON knows neither tuples nor keys that are numbers, and holds no arrays: these become lists headed by their kind.
def pack(value: Any, name: str, arrays: dict[str, np.ndarray]) -> Any:
    """Nested data as what JSON can hold; arrays and tensors go to `arrays`, by the names that lead to them.

    Args:
        value: the data; see `save`.
        name: of the data itself, which the others begin with.
        arrays: those that are there already.

    Raises TypeError for data of another kind, ValueError for data that holds itself.
    """
    try:
        return _pack(value, name, arrays)
    except RecursionError:
        raise ValueError(f"what is saved is nested too deeply, or holds itself, in {name or 'it'}") from None


def _pack(value: Any, name: str, arrays: dict[str, np.ndarray]) -> Any:
    if value is None or type(value) in PLAIN:
        return value
    if isinstance(value, Tensor):
        return ["tensor", _put(value.detach().numpy(), name or "tensor", arrays)]
    if isinstance(value, np.ndarray | np.generic) and (value.dtype.kind in "biufc" or value.dtype.name == "bfloat16"):
        kind = "array" if isinstance(value, np.ndarray) else "number"
        return [kind, _put(np.asarray(value), name or kind, arrays)]
    if type(value) in (tuple, list):
        return [type(value).__name__, *(_pack(part, _joined(name, i), arrays) for i, part in enumerate(value))]
    if isinstance(value, tuple) and _named_tuple(*_place(type(value))) is type(value):
        parts = [_pack(part, _joined(name, key), arrays) for key, part in value._asdict().items()]  # type: ignore[attr-defined]
        return ["namedtuple", *_place(type(value)), *parts]
    if type(value) in (dict, OrderedDict):
        pairs = [[_key(key, name), _pack(part, _joined(name, key), arrays)] for key, part in value.items()]
        return [type(value).__name__, *pairs]
    advice = "; give its state_dict()" if callable(getattr(value, "state_dict", None)) else ""
    raise TypeError(f"a file cannot hold {name or 'this'}, a {type(value).__name__}{advice}: it holds {HELD}")


def _put(array: np.ndarray, name: str, arrays: dict[str, np.ndarray]) -> str:
    """Add an array under a name like this one, which is returned: two paths may read alike."""
    name = name.encode(errors="replace").decode()
    free, n = name, 1
    while free in arrays or free == "__metadata__":
        n += 1
        free = f"{name} ({n})"
    arrays[free] = array
    return free


def _joined(name: str, key: Any) -> str:
    return f"{name}.{key}" if name else str(key)


def _key(key: Any, name: str) -> Any:
    """A key of a dictionary, as JSON can hold it."""
    if key is None or type(key) in PLAIN:
        return key
    if type(key) is tuple:
        return ["tuple", *(_key(part, name) for part in key)]
    raise TypeError(
        f"a file cannot hold {key!r}, a {type(key).__name__}, as a key in {name or 'a dictionary'}: keys are numbers, "
        "strings, truth values, None, or tuples of these"
    )


def unpack(value: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    """What `pack` was given, its tensors on the default backend.

    Raises ValueError for what `pack` does not make, and if a named tuple is not defined any more.
    """
    if not isinstance(value, list):
        return value
    kind, *parts = value
    if kind == "tensor":
        return tensor(arrays[parts[0]])
    if kind == "array":
        return arrays[parts[0]]
    if kind == "number":
        return arrays[parts[0]][()]
    if kind in ("dict", "OrderedDict"):
        pairs = ((unpack(key, arrays), unpack(part, arrays)) for key, part in parts)
        return dict(pairs) if kind == "dict" else OrderedDict(pairs)
    if kind == "namedtuple":
        module, name, *parts = parts
        cls = _named_tuple(module, name)
        if cls is None or len(cls._fields) != len(parts):
            raise ValueError(f"the file has a {module}.{name} of {len(parts)} parts, and there is no such class")
        return cls(*(unpack(part, arrays) for part in parts))
    if kind not in ("tuple", "list"):
        raise ValueError(f"the file has a {kind!r}, which is nothing that minigrad saves")
    unpacked = [unpack(part, arrays) for part in parts]
    return tuple(unpacked) if kind == "tuple" else unpacked


def _place(cls: type) -> tuple[str, str]:
    return cls.__module__, cls.__qualname__


def _named_tuple(module: str, name: str) -> Any:
    """The class of named tuples of this name, in a module that is loaded: a file must not have others run."""
    cls = getattr(sys.modules.get(module), name, None)
    return cls if isinstance(cls, type) and issubclass(cls, tuple) and hasattr(cls, "_fields") else None


def _tensor(array: np.ndarray, path: Path, name: str) -> Tensor:
    try:
        return tensor(array)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{path}: {name!r} cannot be a tensor: {error}") from None

"""The settings that every program has: options of the command line, each with its help and its smallest value."""

from __future__ import annotations

import math
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np

S = TypeVar("S", bound="Settings")
# Types of settings that are checked, by name: what they take, and how that is called.
KINDS: dict[str, tuple[type, str]] = {
    "int": (int, "a whole number"),
    "float": (int | float, "a number"),  # type: ignore[dict-item]
    "bool": (bool, "True or False"),
    "str": (str, "text"),
    "Path": (Path, "a path"),
}


def setting(default: Any, help: str, minimum: float | None = None, choices: tuple[str, ...] = ()) -> Any:
    """A field of settings: its default, what the command line tells about it, its least value, the words it may be."""
    return field(default=default, metadata={"help": help, "minimum": minimum, "choices": choices})


def option(name: str) -> str:
    """A setting's option on the command line."""
    return "--" + name.replace("_", "-")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that decides what a training run does. The same settings give the same model.

    With `quick`, settings that are not given have the values of `QUICK`; those that are given have theirs.

    A path may be given as text. Raises TypeError for a value of another type than the setting's, ValueError for a
    number that is too small, and for a word that is none of the choices.

    A program of its own may have more settings, each a `setting`:

        @dataclass(frozen=True, kw_only=True)
        class MySettings(Settings):
            hidden: int = setting(64, "Features of the state.", 1)
    """

    out: Path = setting(Path("out"), "Directory for the results.")
    steps: int = setting(1000, "Batches to train on.", 1)
    seed: int = setting(0, "Seed of all random numbers.", 0)
    backend: str = setting("numpy", "Where to compute: numpy, numba, cupy, cupy:1, ...")
    threads: int = setting(1, "Threads of the BLAS library; more may help on an idle machine.", 1)
    lr: float = setting(1e-3, "Learning rate.", 0.0)
    clip: float = setting(1.0, "Largest norm of the gradient; larger ones are scaled down. 0: no limit.", 0.0)
    validations: int = setting(10, "How often to measure on held-out data, evenly spread.", 1)
    patience: int = setting(0, "Stop after so many of these measurements without improvement; 0: never.", 0)
    resume: bool = setting(False, "Go on from the checkpoint in --out, if there is one.")
    live: bool = setting(False, "Serve a page on this computer that shows the running training.")
    live_port: int = setting(0, "The port of that page; 0: any that is free.", 0)
    tensorboard: Path | None = setting(
        None, "Directory for event files that TensorBoard reads; by default, none are written."
    )
    quick: bool = setting(False, "A run of seconds, but for what other options say.")

    QUICK: ClassVar[dict[str, Any]] = {}  # defaults of a quick run, in place of the usual ones
    _given: ClassVar[frozenset[str]]  # of one settings; declared so that it is no setting itself

    def __new__(cls, **given: Any) -> Settings:
        # A value says nothing of whether it was asked for: someone may ask for the default.
        self = super().__new__(cls)
        object.__setattr__(self, "_given", frozenset(given))
        return self

    def __post_init__(self) -> None:
        for name in (self.QUICK.keys() - self._given) if self.quick else ():
            object.__setattr__(self, name, self.QUICK[name])
        for f in fields(self):
            object.__setattr__(self, f.name, _typed(f, getattr(self, f.name)))
            value, minimum, choices = getattr(self, f.name), f.metadata.get("minimum"), f.metadata.get("choices")
            if minimum is not None and not (value >= minimum and math.isfinite(value)):
                raise ValueError(f"{option(f.name)} must be at least {minimum:g}, not {value}")
            if choices and value not in choices:
                raise ValueError(f"{option(f.name)} is one of {', '.join(choices)}, not {value!r}")
        if self.live_port > 65535:
            raise ValueError(f"--live-port is a port, at most 65535, not {self.live_port}")
        if self.live_port and not self.live:
            raise ValueError("--live-port is the port of the page that --live serves: give --live, too")

    def plain(self) -> dict[str, Any]:
        """The settings as plain data."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: str(value) if isinstance(value, Path) else value for name, value in values.items()}


def _typed(f: Field[Any], value: Any) -> Any:
    """The value of a setting: paths and NumPy's numbers as Python's own. Raises TypeError for one of another type."""
    name = f.type if isinstance(f.type, str) else getattr(f.type, "__name__", str(f.type))
    plain = name.removesuffix(" | None").rpartition(".")[2]
    if plain not in KINDS or (value is None and plain != name):
        return value
    kind, called = KINDS[plain]
    value = Path(value) if plain == "Path" and isinstance(value, str) else value
    value = value.item() if isinstance(value, np.generic) else value
    if not isinstance(value, kind) or isinstance(value, bool) > (plain == "bool"):
        raise TypeError(f"{option(f.name)} is {called}, not {value!r}")
    return value


def writable(directory: Path) -> Path:
    """Make a directory and see that files can be written there: better now than after a minute of training.

    Raises OSError, which says so if there is a file in its place.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        taken = next(path for path in (directory, *directory.parents) if path.exists())
        raise NotADirectoryError(f"no directory {directory} can be made for the results: {taken} is a file") from None
    probe = directory / ".writable"
    probe.write_bytes(b"")
    probe.unlink()
    return directory

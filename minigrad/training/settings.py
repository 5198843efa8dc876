"""The settings that every program has: options of the command line, each with its help and its smallest value."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np

from minigrad.writing import explained, explanation

from .caller import given, named, option

__all__ = ["Settings", "option", "resumed", "setting", "writable"]

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
    checkpoint_seconds: float = setting(
        60.0, "Write a checkpoint after so many seconds, too. 0: after measurements, and when interrupted, alone.", 0.0
    )
    resume: bool = setting(False, "Go on with the run in --out, with its own settings where no others are given.")
    overwrite: bool = setting(False, "Start anew in place of the run in --out.")
    live: bool = setting(False, "Serve a page on this computer that shows the running training.")
    live_port: int = setting(0, "The port of that page; 0: any that is free.", 0)
    tensorboard: Path | None = setting(
        None, "Directory for event files that TensorBoard reads; by default, none are written."
    )
    quiet: bool = setting(False, "Print nothing.")
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
                raise ValueError(f"{named(f.name)} must be at least {minimum:g}, not {value}")
            if choices and value not in choices:
                raise ValueError(f"{named(f.name)} is one of {', '.join(choices)}, not {value!r}")
        if self.live_port > 65535:
            raise ValueError(f"{named('live_port')} is a port, at most 65535, not {self.live_port}")
        if self.live_port and not self.live:
            raise ValueError(
                f"{named('live_port')} is the port of the page that {named('live')} serves: give {given('live')}, too"
            )
        if self.resume and self.overwrite:
            raise ValueError(
                f"{given('resume')} goes on with the run in {named('out')}, {given('overwrite')} starts anew: "
                "give one of them"
            )

    def plain(self) -> dict[str, Any]:
        """The settings as plain data."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: str(value) if isinstance(value, Path) else value for name, value in values.items()}


# What may change when a run goes on: how long and how carefully it learns, and who watches it.
MAY_CHANGE = frozenset(
    "steps lr validations patience threads checkpoint_seconds tensorboard out resume overwrite live live_port quiet "
    "quick".split()
)
NOT_INHERITED = frozenset("out resume overwrite live live_port quiet".split())  # these are of a call, not of a run


def resumed(settings: S, then: Mapping[str, Any], where: str | Path) -> S:
    """The settings with which a run goes on: what was given now, and for the rest those that the run has.

    Args:
        settings: those that were given now.
        then: the plain settings of the run.
        where: its checkpoint, for errors.

    `quick` stands for its values: a run that was not quick is not gone on with as one. Raises ValueError for settings
    that were given and may not change; it names them.
    """
    asked = settings._given | (settings.QUICK.keys() if settings.quick and not then.get("quick") else set())
    now = json.loads(json.dumps(settings.plain()))
    own: dict[str, Any] = {
        name: tuple(then[name]) if isinstance(getattr(settings, name), tuple) else then[name]
        for name in now.keys() & then.keys() - asked - NOT_INHERITED
        if then[name] != now[name]
    }
    settings, given_now = replace(settings, **own), settings._given
    object.__setattr__(settings, "_given", given_now)  # a copy counts all as given
    now = json.loads(json.dumps(settings.plain()))
    differing = [
        f"{named(name)} was {then[name]}, not {now.get(name)}"
        for name in sorted(then.keys() - MAY_CHANGE)
        if then[name] != now.get(name)
    ]
    if differing:
        raise ValueError(
            f"cannot resume from {where}, which was made with other settings: {'; '.join(differing)}; leave them out "
            f"to go on as before, or start anew with {given('overwrite')}"
        )
    return settings


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
        raise TypeError(f"{named(f.name)} is {called}, not {value!r}")
    return value


def writable(directory: str | Path) -> Path:
    """Make a directory and see that files can be written there: better now than after a minute of training.

    Raises OSError, which says so if there is a file in its place.
    """
    directory = Path(directory)
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        taken = next(path for path in (directory, *directory.parents) if path.exists())
        raise NotADirectoryError(f"no directory {directory} can be made for the results: {taken} is a file") from None
    except OSError as error:
        raise explanation(error, directory) from error
    probe = directory / ".writable"
    with explained(directory):
        probe.write_bytes(b"")
        probe.unlink()
    return directory

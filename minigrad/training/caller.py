"""To whom messages speak: a setting is `steps=80` in Python, and `--steps 80` at the command line."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any


class Caller:
    """Someone who calls from Python, as in a notebook."""

    def name(self, setting: str) -> str:
        """A setting: `steps`."""
        return setting

    def given(self, setting: str, value: Any) -> str:
        """A setting with its value, as it is written: `steps=80`."""
        return f"{setting}={value!r}"

    def command(self, words: str) -> str:
        """A command of minigrad, as it is typed at the command line."""
        return f"minigrad {words}"

    def again(self) -> str:
        """What goes on with the run that has just ended."""
        return "the same call with resume=True in the settings"


@dataclass(frozen=True)
class CommandLine(Caller):
    """Someone at the command line.

    Attributes:
        program: the words that call minigrad from here: `minigrad`, or `python -m minigrad`.
        words: those of the command that runs, with the options that were given but for `--resume` and `--overwrite`.
    """

    program: tuple[str, ...] = ("minigrad",)
    words: tuple[str, ...] = ()

    def name(self, setting: str) -> str:
        return option(setting)

    def given(self, setting: str, value: Any) -> str:
        return option(setting) if value is True else f"{option(setting)} {value}"

    def command(self, words: str) -> str:
        return f"{shlex.join(self.program)} {words}"

    def again(self) -> str:
        return shlex.join([*self.program, *self.words, option("resume")])


def option(setting: str) -> str:
    """A setting's option on the command line."""
    return "--" + setting.replace("_", "-")


_caller: ContextVar[Caller] = ContextVar("caller", default=Caller())  # noqa: B039, it cannot be changed


def caller() -> Caller:
    """Who called."""
    return _caller.get()


def named(setting: str) -> str:
    """A setting, as the caller knows it."""
    return caller().name(setting)


def given(setting: str, value: Any = True) -> str:
    """A setting with a value, as the caller writes it."""
    return caller().given(setting, value)


@contextmanager
def called_by(someone: Caller) -> Iterator[None]:
    """Inside, messages speak to this caller."""
    token = _caller.set(someone)
    try:
        yield
    finally:
        _caller.reset(token)

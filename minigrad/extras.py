"""Packages that are used if they are there: minigrad itself needs NumPy alone."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def extra(module: str, purpose: str, name: str, instead: str = "") -> Any:
    """A module of a package that the extra `minigrad[name]` installs.

    Args:
        module: the module.
        purpose: what needs the package, as the error says it: "MIDI files need mido".
        name: the extra.
        instead: what can be done without it.

    Raises ImportError that says what needs the package, and how to install it.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise ImportError(f'{purpose} ({error}): pip install "minigrad[{name}]"{instead}', name=error.name) from error

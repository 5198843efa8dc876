"""Printing where the encoding, of a terminal, a file or a pipe, lacks some characters: these are escaped, as \\xfc."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

ESCAPED = "backslashreplace"
_silent: ContextVar[bool] = ContextVar("silent", default=False)


def say(text: Any) -> None:
    """Print a line at once."""
    if not _silent.get():
        print(shown(text), flush=True)


@contextmanager
def silenced(silent: bool = True) -> Iterator[None]:
    """Inside, `say` prints nothing."""
    token = _silent.set(silent or _silent.get())
    try:
        yield
    finally:
        _silent.reset(token)


def shown(text: Any, stream: Any = None) -> str:
    """A text with escapes for what a stream cannot show, by default standard output."""
    encoding = getattr(sys.stdout if stream is None else stream, "encoding", None) or "utf-8"
    return str(text).encode(encoding, ESCAPED).decode(encoding)


@contextmanager
def escaping() -> Iterator[None]:
    """Inside, whatever is printed by whomever is escaped, where it cannot be shown, and never an error."""
    changed = []
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)  # a stream that stands in for them may lack it
        if reconfigure is not None and stream.errors in ("strict", "surrogateescape"):
            changed.append((reconfigure, stream.errors))
            reconfigure(errors=ESCAPED)
    try:
        yield
    finally:
        for reconfigure, errors in changed:
            reconfigure(errors=errors)

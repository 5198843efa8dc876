"""Which line of the program called an operation: for tapes that are asked for details."""

from __future__ import annotations

import functools
import linecache
import os
import sys
from typing import NamedTuple

from ..primitives.table import GENERATED

CORE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "")
# Inside this package, but written in operations as any program is: their lines tell a reader something.
BUILT_ON_IT = tuple(os.path.join(CORE, name, "") for name in ("nn", "training", "models", "tools"))


class Source(NamedTuple):
    """A line of a program.

    Attributes:
        file: the path of the file, or `<stdin>` and the like.
        line: the line's number, from 1.
        function: the name of the function that it stands in.
    """

    file: str
    line: int
    function: str

    @property
    def text(self) -> str:
        """The line itself without its indentation; empty if the file is not there."""
        return linecache.getline(self.file, self.line).strip()

    def __str__(self) -> str:
        """The end of the path is enough for a reader: `recurrent/cells.py:88, in step`."""
        short = "/".join(self.file.replace("\\", "/").split("/")[-2:])
        return f"{short}:{self.line}, in {self.function}"


@functools.cache
def _in_core(file: str) -> bool:
    if file == GENERATED:
        return True
    path = os.path.abspath(file)
    return path.startswith(CORE) and not path.startswith(BUILT_ON_IT)


def calling_line() -> Source | None:
    """The line that this thread is at, outside of the core: the innermost one of a module or a program."""
    frame = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        if not _in_core(code.co_filename):
            return Source(code.co_filename, frame.f_lineno, code.co_name)
        frame = frame.f_back  # type: ignore[assignment]
    return None

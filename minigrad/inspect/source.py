"""Which line of the program called an operation: for tapes that are asked for details, and for anomalies."""

from __future__ import annotations

import functools
import linecache
import os
import sys
from itertools import islice
from types import FrameType
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
    frame = _calling_frame()
    return None if frame is None else _source(frame)


def calling_code() -> str:
    """What this thread is at, outside of the core, as it is written there, and where that is; empty if unknown.

    Of a line with several calls it is the one that is running: `mg.log(y - 100) (net.py:9, in forward)`.
    """
    frame = _calling_frame()
    if frame is None:
        return ""
    source = _source(frame)
    _, last, begin, end = next(islice(frame.f_code.co_positions(), frame.f_lasti // 2, None), (None,) * 4)
    code = source.text
    if last == source.line and begin is not None:  # columns count bytes
        code = linecache.getline(source.file, source.line).encode()[begin:end].decode(errors="replace")
    return f"{code} ({source})" if code else str(source)


def _source(frame: FrameType) -> Source:
    return Source(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)


def _calling_frame() -> FrameType | None:
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and _in_core(frame.f_code.co_filename):
        frame = frame.f_back
    return frame

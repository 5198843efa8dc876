"""Turn DOT text into an SVG, PNG or PDF picture, with or without a system Graphviz.

A `dot` program on PATH is used if there is one. Otherwise the work falls to pygraphviz, whose wheel carries
Graphviz's own libraries: layout, fonts and the three formats. Those libraries write their complaints straight
to the process's stderr, cannot be interrupted, and can end the process. So they run in a child process: this
same file, started as a script. It imports nothing from minigrad, so that the child starts fast.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys

FORMATS = ("svg", "png", "pdf")

TIME_LIMIT = 120  # seconds; some old versions of dot never finish with some graphs

# One error of Graphviz, with the lines that continue it. Its warnings and other libraries' are left out.
ERROR = re.compile(r"^Error: (.*(?:\n(?!Error:|Warning:|Traceback|\S+ warning:).+)*)", re.MULTILINE)


def render(source: str, format: str = "svg") -> bytes:
    """Draw a graph that is written in the DOT language.

    Args:
        source: DOT text, for example `digraph { a -> b }`.
        format: "svg", "png" or "pdf".

    Returns:
        The picture as the bytes of a file of that format.

    Raises:
        ValueError: the format is unknown, or Graphviz cannot draw the source; its own message is included.
        ImportError: the library that the drawing needs is not installed.
        RuntimeError: Graphviz stopped for another reason.
    """
    if format not in FORMATS:
        raise ValueError(f"unknown picture format {format!r}: choose one of {', '.join(FORMATS)}")
    if not source.strip():
        raise ValueError("cannot draw an empty DOT source")
    draw = _draw_with_dot if shutil.which("dot") else _draw_with_pygraphviz
    status, picture, messages = draw(source, format)
    errors = "; ".join(error.strip() for error in ERROR.findall(messages))
    if errors:
        raise ValueError(f"Graphviz cannot draw this DOT source: {errors}")
    if status != 0 or not picture:
        raise RuntimeError(f"Graphviz made no picture (exit status {status}): {messages.strip()[-1000:]}")
    return picture


def _draw_with_dot(source: str, format: str) -> tuple[int, bytes, str]:
    """Run the `dot` on PATH; return its exit status, its output and its messages.

    No engine is named (the graphviz package always names one): that would overrule the source's own `layout`, and dot
    would look for minutes for positions that the source states.
    """
    command = ["dot", f"-T{format}"]
    try:
        dot = subprocess.run(command, input=source.encode(), capture_output=True, check=False, timeout=TIME_LIMIT)
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"the dot program on PATH made no picture within {TIME_LIMIT} s") from None
    return dot.returncode, dot.stdout, dot.stderr.decode(errors="replace")


def _draw_with_pygraphviz(source: str, format: str) -> tuple[int, bytes, str]:
    """Run pygraphviz in a child process; return its exit status, its output and its messages."""
    _require("pygraphviz")
    # -P keeps this folder off the child's path: a neighbour could hide a module of the standard library.
    command = [sys.executable, "-P", __file__, format]
    child = subprocess.run(command, input=source.encode(), capture_output=True, check=False)
    return child.returncode, child.stdout, child.stderr.decode(errors="replace")


def _require(library: str) -> None:
    if importlib.util.find_spec(library) is None:
        from minigrad.extras import install  # the child process does without minigrad

        raise ImportError(f"drawing a graph needs {library}: {install('viz')}", name=library)


def _child(format: str) -> None:
    """Read DOT text from stdin and write the picture to stdout, by pygraphviz."""
    import pygraphviz
    from pygraphviz import graphviz as library

    # As in the dot program, a node without a label shows its name. The library alone would leave that node
    # empty as soon as another node has a label.
    library.agattr(None, library.AGNODE, b"label", b"\\N")
    source = sys.stdin.buffer.read().decode()
    try:
        picture = pygraphviz.AGraph(string=source).draw(format=format, prog="dot")
    except pygraphviz.DotError:
        sys.exit(1)  # Graphviz has said on stderr where the syntax error is
    sys.stdout.buffer.write(picture)


if __name__ == "__main__":
    _child(sys.argv[1])

"""`draw`: from a computed tensor, or a tape, to a picture in one call."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from pathlib import Path

from minigrad.observe import Tape
from minigrad.tensor import Tensor

from .dot import to_dot
from .fold import view
from .from_tape import build
from .model import Graph
from .render import FORMATS as RENDERED
from .render import render

FORMATS = (*RENDERED, "dot", "json")


class Picture:
    """A drawn graph. It shows itself in a notebook.

    Attributes:
        graph: the whole graph, as plain data.
        view: what of it is drawn.
        dot: the picture in Graphviz's DOT language, with positions.
    """

    def __init__(self, graph: Graph, view: Graph, dot: str) -> None:
        self.graph = graph
        self.view = view
        self.dot = dot

    def to_bytes(self, format: str = "svg") -> bytes:
        """The content of a file of this format: "svg", "png", "pdf", "dot", or "json" (the whole graph, not folded).

        Raises ValueError for another format, ImportError if the picture needs a library that is not installed.
        """
        if format == "dot":
            return self.dot.encode()
        if format == "json":
            return self.graph.to_json(indent=1).encode()
        if format not in FORMATS:
            raise ValueError(f"unknown picture format {format!r}: choose one of {', '.join(FORMATS)}")
        return render(self.dot, format)

    def save(self, path: str | Path, format: str | None = None) -> Path:
        """Write a file, and return its path. The format follows from the suffix if it is not given.

        Raises ValueError for an unknown format, OSError if the file cannot be written.
        """
        path = Path(path)
        content = self.to_bytes(_format_of(path, format))
        path.write_bytes(content)
        return path

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        """What a notebook shows: the picture, or why there is none."""
        try:
            return {"image/svg+xml": self.to_bytes("svg").decode(), "text/plain": repr(self)}
        except ImportError as error:
            return {"text/html": f"<pre>{html.escape(str(error))}</pre>", "text/plain": f"{self!r}: {error}"}

    def __repr__(self) -> str:
        return f"<Picture of {len(self.view.nodes)} nodes, from {self.graph!r}>"


def draw(
    source: Tensor | Tape | Graph | Iterable[Tensor],
    path: str | Path | None = None,
    format: str | None = None,
    *,
    depth: int | None = None,
    steps: int | None = 4,
    backward: bool = False,
    names: Mapping[str, Tensor] | None = None,
    title: str = "",
    legend: bool = True,
) -> Picture:
    """Draw the graph that computed a tensor, with time from left to right.

        draw(loss, "loss.svg")

    Args:
        source: the tensor, or several; or a `Tape`, which shows constants, too.
        path: where to write the picture; None writes nothing.
        format: "svg", "png", "pdf", "dot" or "json"; by default that of the path's suffix.
        depth: how many levels of modules are open, those inside them being boxes. 0 shows only boxes; None opens as
            much as stays readable.
        steps: how many time steps of a loop are shown: the first ones and the last, 2 or more. None shows all.
        backward: show what a backward pass with `create_graph=True` recorded, too.
        names: names for leaves that have none, such as the weights of a cell written without a module.
        title: a line above the picture.
        legend: explain shapes and colours below it.

    Returns:
        the Picture, which a notebook shows.

    Raises:
        TypeError: the source is nothing that can be drawn.
        ValueError: nothing was recorded for it, or a setting is out of range.
        ImportError: the format needs a library that is not installed; the message says which.
        OSError: the file cannot be written.
    """
    if path is not None:
        format = _format_of(Path(path), format)
    graph = build(source, names)
    shown = view(graph, depth, steps, backward)
    picture = Picture(graph, shown, to_dot(shown, title, legend))
    if path is not None:
        picture.save(path, format)
    return picture


def _format_of(path: Path, format: str | None) -> str:
    chosen = format or path.suffix.lstrip(".").lower()
    if chosen not in FORMATS:
        wrong = f"format {chosen!r}" if format else f"suffix {path.suffix!r} of {path.name!r}"
        raise ValueError(f"unknown picture {wrong}: choose one of {', '.join(FORMATS)}")
    return chosen

"""`draw`: from a computed tensor, a tape or a module to a picture in one call."""

from __future__ import annotations

import html
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from minigrad.inspect.graph.from_tape import build, ids_of
from minigrad.inspect.graph.model import Graph
from minigrad.inspect.graph.variables import variables_of
from minigrad.inspect.observe import Tape
from minigrad.nn import Module
from minigrad.tensors.tensor import Tensor
from minigrad.writing import replace

from .page import page
from .render.dot import to_dot
from .render.graphviz import FORMATS as RENDERED
from .render.graphviz import render
from .trace import record
from .views.fold import passes, view
from .views.path import parameter


class Picture:
    """A drawn graph. It shows itself in a notebook: as a picture, or as the page, if that is what was drawn.

    Attributes:
        graph: the whole graph, as plain data.
        view: what of it is drawn.
        dot: the picture in Graphviz's DOT language, with positions.
        title: the line above it.
        show: which passes are drawn.
        as_page: whether a notebook shows the page, and not the picture.
    """

    def __init__(
        self, graph: Graph, view: Graph, dot: str, title: str = "", show: str = "forward", as_page: bool = False
    ) -> None:
        self.graph = graph
        self.view = view
        self.dot = dot
        self.title = title
        self.show = show
        self.as_page = as_page

    def to_bytes(self, format: str = "svg") -> bytes:
        """The content of a file of this format: "svg", "png", "pdf" or "dot".

        Also "json", the whole graph as data, and "html", a page in which to look around in the whole graph.

        Raises ValueError for another format, ImportError if the picture needs a library that is not installed.
        """
        if format not in FORMATS:
            raise ValueError(f"unknown picture format {format!r}: choose one of {', '.join(FORMATS)}")
        return FORMATS[format](self)

    def save(self, path: str | Path, format: str | None = None) -> Path:
        """Write a file, and return its path. The format follows from the suffix if it is not given.

        Raises ValueError for an unknown format, OSError if the file cannot be written.
        """
        path = Path(path)
        content = self.to_bytes(_format_of(path, format))
        replace(path, content)
        return path

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        """What a notebook shows: the picture, no wider than the cell, or the page in a frame; or why there is none."""
        if self.as_page:
            return {"text/html": _framed(self.to_bytes("html").decode(), self.title), "text/plain": repr(self)}
        try:
            return {"image/svg+xml": _fitted(self.to_bytes("svg").decode()), "text/plain": repr(self)}
        except ImportError as error:
            return {"text/html": f"<pre>{html.escape(str(error))}</pre>", "text/plain": f"{self!r}: {error}"}

    def __repr__(self) -> str:
        return f"<Picture of {len(self.view.nodes)} nodes, from {self.graph!r}>"


# What each format makes of a picture.
FORMATS: dict[str, Callable[[Picture], bytes]] = {
    **{format: lambda picture, format=format: render(picture.dot, format) for format in RENDERED},  # type: ignore[misc]
    "dot": lambda picture: picture.dot.encode(),
    "json": lambda picture: picture.graph.to_json(indent=1).encode(),
    "html": lambda picture: page(passes(picture.graph, picture.show), picture.title).encode(),
}

NARROW = 500  # points; a wider picture may be wider than the cell of a notebook
FRAME = "width: 100%; height: 36rem; border: 1px solid #8888"

WHOLE = ("html", "json")  # what shows all that is known of a node


def draw(
    source: Tensor | Tape | Graph | Module | Iterable[Tensor],
    path: str | Path | None = None,
    format: str | None = None,
    *,
    depth: int | None = None,
    steps: int | Iterable[int] | None = 4,
    show: str = "forward",
    start: Tensor | str | None = None,
    end: Tensor | str | None = None,
    gradients: bool = False,
    inputs: Sequence[Any] | Tensor | None = None,
    names: Mapping[str, Tensor] | None = None,
    title: str = "",
    legend: bool = True,
) -> Picture:
    """Draw what computed a tensor, with time from left to right.

        draw(loss, "loss.svg")
        draw(loss, steps=1)  # each loop as one step that stands for all
        draw(nn.LSTM(8, 16), "lstm.png", show="both")

    Args:
        source: the tensor, or several; a `Tape`, which shows constants, too, and knows gradients; a module, which is
            run for this and stays as it is; or a Graph.
        path: where to write the picture; None writes nothing.
        format: "svg", "png", "pdf" or "dot"; "json", the whole graph, whatever is chosen below; or "html", an
            interactive page of all that `show` names. By default that of the path's suffix.
        depth: how many levels of modules are open, those inside them being boxes. 0 shows only boxes; None opens as
            much as stays readable.
        steps: how many time steps of a loop are shown: the first ones and the last. 1 folds them into one that stands
            for all. A collection of numbers shows those steps, negative ones counting from the end. None shows all.
        show: "forward"; "backward", the backward pass, which is derived from the forward pass unless it was recorded
            (`create_graph=True`); or "both" side by side.
        start, end: show only what lies on a path from one to the other: tensors, or names of parameters. None sets no
            limit.
        gradients: give edges the width and colour of the norm of the gradient that flows along them. It takes a Tape of
            what `backward` was called on; a module is differentiated for this: the sum of all its outputs.
        inputs: the arguments that a module is called with, as a tuple; by default zeros, if it is a module of
            `minigrad.nn` whose inputs are known.
        names: names for leaves that have none, such as the weights of a cell written without a module.
        title, legend: a line above the picture; whether shapes and colours are explained below it.

    Returns the Picture, which a notebook shows; of "html" it shows the page, with which one can play.

    Raises:
        TypeError: the source is nothing that can be drawn.
        ValueError: nothing was recorded for it, a setting is out of range, there is no path, or no gradient.
        ImportError: the format needs a library that is not installed; the message says which.
        OSError: the file cannot be written.
    """
    format = format if path is None else _format_of(Path(path), format)
    recorded = _recorded(source, inputs, gradients or show != "forward" or format == "html")
    graph = build(recorded, names, details=format in WHOLE, variables=variables_of(sys._getframe(1)))
    limits = _find(start, recorded, graph, "start"), _find(end, recorded, graph, "end")
    shown = view(graph, depth, steps, show, *limits)
    picture = Picture(graph, shown, to_dot(shown, title, legend, gradients), title, show, format == "html")
    if path is not None:
        picture.save(path, format)
    return picture


def _fitted(svg: str) -> str:
    """An SVG picture that is no wider than what is around it.

    A wide one has no width of its own but the largest that it may have: so it fits where the picture is an image of the
    page, too, whose inner styles do not tell the page how wide it is.
    """
    size = re.search(r'<svg width="([\d.]+)pt" height="[\d.]+pt"', svg)
    if size is None:
        return svg
    wide = float(size[1]) > NARROW
    fitted = (
        f'width="100%" style="max-width: {size[1]}pt; height: auto"'
        if wide
        else 'style="max-width: 100%; height: auto"'
    )
    return svg.replace(size[0], f"<svg {fitted}" if wide else f"{size[0]} {fitted}", 1)


def _framed(text: str, title: str) -> str:
    """A page inside of another, from whose document, cookies and origin it is kept apart."""
    name = html.escape(title or "Computation graph")
    return f'<iframe title="{name}" sandbox="allow-scripts" style="{FRAME}" srcdoc="{html.escape(text)}"></iframe>'


def _recorded(source: Any, inputs: Sequence[Any] | Tensor | None, gradients: bool) -> Any:
    """What a call of a module records; any other source as it is."""
    if not isinstance(source, Module):
        if inputs is not None:
            raise TypeError(f"inputs are for a module, not for a {type(source).__name__}")
        return source
    inputs = (inputs,) if isinstance(inputs, Tensor) else inputs
    if inputs is None or isinstance(inputs, (tuple, list)):
        return record(source, inputs, gradients)
    raise TypeError(f"inputs are the arguments of the module's call, as in inputs=(x,), not a {type(inputs).__name__}")


def _find(given: Tensor | str | None, source: Any, graph: Graph, word: str) -> list[int] | None:
    """The node of a tensor, or of the parameter of this name; None for no limit."""
    if given is None:
        return None
    if isinstance(given, str):
        return [parameter(graph, given).id]
    if not isinstance(given, Tensor):
        raise TypeError(f"{word} is a tensor or the name of a parameter, not a {type(given).__name__}")
    if isinstance(source, Graph):
        raise ValueError(f"a Graph does not know tensors: give {word} as the name of a parameter")
    (number,) = ids_of(source, [given])
    if number is None:
        raise ValueError(f"the tensor {word} has no part in what is drawn; only a Tape knows tensors without gradients")
    return [number]


def _format_of(path: Path, format: str | None) -> str:
    chosen = format or path.suffix.lstrip(".").lower()
    if chosen not in FORMATS:
        wrong = f"format {chosen!r}" if format else f"suffix {path.suffix!r} of {path.name!r}"
        raise ValueError(f"unknown picture {wrong}: choose one of {', '.join(FORMATS)}")
    return chosen

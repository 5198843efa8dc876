"""An interactive page of a graph: one HTML file that needs nothing else, not even a network.

The file holds the graph as compressed JSON (see `data`), and the styles and `scripts/` that stand beside this file, put
together. A content security policy in it forbids every request. Names from the program are data: they are never part
of the markup, and the scripts write them as text alone.
"""

from __future__ import annotations

import base64
import gzip
import json
from importlib.resources import files

from minigrad.engine.recording import gc_paused
from minigrad.inspect.graph.model import Graph

from ..render.looks import LOOKS, escape
from .data import page_data

# In the order in which they build on each other.
SCRIPTS = "graph tree visible layers layout routes paint viewport details light search play keys main".split()


def page(graph: Graph, title: str = "") -> str:
    """The text of an HTML file that shows a graph.

    Args:
        graph: one or both passes of a graph, as `fold.passes` gives them; the page does its own folding.
        title: for the head of the page; may be empty.

    The page opens in browsers of 2023 and later: they can decompress what it holds.
    """
    assets = files(__package__)
    with gc_paused():  # many small objects, and no cycles
        content = json.dumps(page_data(graph), separators=(",", ":"), allow_nan=False)
    fills = "".join(f" --{kind}: {look.fill};" for kind, look in LOOKS.items())  # those of the pictures
    parts = {
        "TITLE": escape(title) or "Computation graph",
        "STYLE": f":root {{{fills} }}\n" + assets.joinpath("page.css").read_text("utf-8"),
        "SCRIPT": "\n".join(assets.joinpath("scripts", f"{name}.js").read_text("utf-8") for name in SCRIPTS),
        "DATA": base64.b64encode(gzip.compress(content.encode(), 9, mtime=0)).decode(),
    }
    text = assets.joinpath("page.html").read_text("utf-8")
    for name, part in parts.items():
        # The title comes first: nothing that it contains can be taken for a place to fill in, as braces are escaped.
        part = part.replace("{{", "&#123;&#123;") if name == "TITLE" else part
        text = text.replace("{{" + name + "}}", part)
    return text

"""How nodes look: shapes, colours, the text in them and the room that it needs.

Kinds of nodes differ in shape as well as in colour, and fills differ in lightness as well as in hue.
"""

from __future__ import annotations

import html
import unicodedata
from dataclasses import dataclass, replace

from minigrad.inspect.graph.model import GraphNode, shape_text

FONT = "Helvetica,Arial,sans-serif"
INK = "#222222"
FAINT = "#5A5A5A"
TEXT, SMALL = 11, 8  # font sizes in points
CARD = 3.0  # how far each outline of folded steps stands behind the one before it, in points
CARDS = 2
QUIET = (1.0, 16.0, 5.0)  # the room of data that no gradient flows to, see `Look`
RING = 4.0  # how far the second border stands around the first, in points


@dataclass(frozen=True)
class Look:
    """How one kind of node is drawn.

    `room` is how much larger than its text a node is: a factor for what is round, then points of width and height.
    """

    shape: str
    fill: str
    border: str
    room: tuple[float, float, float]
    style: str = "filled"
    width: float = 1.0
    rings: int = 1
    meaning: str = ""


# Hues from Okabe and Ito's palette for colour-blind readers, tinted so that black text stays readable.
LOOKS = {
    "operation": Look("box", "#FFFFFF", "#555555", (1.0, 14.0, 7.0), "filled,rounded", meaning="operation"),
    "derivative": Look("hexagon", "#F5CFB8", "#8F3B00", (1.0, 32.0, 7.0), meaning="derivative"),
    "module": Look("box3d", "#D6E6F2", "#2F5D80", (1.0, 22.0, 14.0), meaning="module, folded"),
    "parameter": Look("note", "#F0BE5A", "#7A5200", (1.0, 16.0, 8.0), meaning="parameter"),
    "data": Look("parallelogram", "#E4E4E4", "#555555", (1.0, 32.0, 7.0), meaning="data"),
    "state": Look("ellipse", "#5FB598", "#004D38", (1.2, 10.0, 8.0), meaning="carried state"),
    "output": Look("box", "#F7EFA0", "#222222", (1.0, 16.0, 10.0), width=1.6, rings=2, meaning="output"),
    "ellipsis": Look("box", "none", "none", (1.0, 8.0, 6.0)),
}


def kind_of_look(node: GraphNode) -> str:
    """The key of LOOKS for a node."""
    return "derivative" if node.backward and node.kind == "operation" else node.kind


def look_of(node: GraphNode) -> Look:
    """How a node is drawn. What a backward pass recorded has dashed borders where it has no shape of its own."""
    look = LOOKS[kind_of_look(node)]
    if node.backward and node.kind in ("module", "state"):
        return replace(look, style=f"{look.style},dashed")
    return look


def size_of(node: GraphNode) -> tuple[float, float]:
    """The width and height that a node needs, in points."""
    lines = text_lines(node)
    width = max(text_width(text, size) for text, size in lines)
    height = sum(1.25 * size for _, size in lines)
    width = max([width, *(text_width(text, SMALL) + 6 for text in _badges(node))])
    height += 15 * len(_badges(node))
    look = look_of(node)
    stretch, extra_x, extra_y = QUIET if node.constant else look.room
    around = 2 * RING * (look.rings - 1)
    return max(28.0, width * stretch + extra_x) + around, height * stretch + extra_y + around


def text_lines(node: GraphNode) -> list[tuple[str, float]]:
    """The text of a node without its badges: lines with their font sizes."""
    shape = shape_text(node.shape)
    if node.kind == "parameter":
        return [(text, TEXT) for text in node.parameters or (f"{node.label} {shape}",)]
    if node.kind == "ellipsis":
        return [("⋯", 2 * TEXT), (node.label, TEXT)]
    if node.constant:
        return [(" ".join(part for part in (node.name, constant_text(node)) if part), SMALL)]
    if node.name and node.kind in ("output", "data"):
        said = (node.label, node.detail) if node.kind == "output" else (shape,)
        return [(node.name, TEXT), (shortened(" ".join(said).strip()), SMALL)]
    lines: list[tuple[str, float]] = [(node.label or "step", TEXT)]
    if node.detail:
        lines.append((shortened(node.detail), SMALL))
    elif node.kind in ("data", "state") and shape:
        lines.append((shape, SMALL))
    return lines


def constant_text(node: GraphNode) -> str:
    """The shape of data that no gradient flows to, and what it holds if that is not floats: `int64 16×32`."""
    shape = shape_text(node.shape)
    return shape if "float" in node.dtype else f"{node.dtype} {shape}".strip()


def _badges(node: GraphNode) -> tuple[str, ...]:
    return () if node.kind in ("parameter", "ellipsis") else node.parameters


# --- as DOT -----------------------------------------------------------------------------------------------------------


def node_line(node: GraphNode, center: tuple[float, float], size: tuple[float, float]) -> str:
    """A node of a picture in DOT."""
    look = look_of(node)
    around = 2 * RING * (look.rings - 1)
    inner = (size[0] - around, size[1] - around)
    return (
        f'  n{node.id} [label=<{_label(node)}>, {style(look)}, {geometry(center, inner)}, tooltip="{_tooltip(node)}"];'
    )


def cards(name: str, look: Look, center: tuple[float, float], size: tuple[float, float]) -> list[str]:
    """The outlines behind a node that stands for several steps."""
    x, y = center
    return [
        f'  card{k}_{name} [label="", {style(look)}, {geometry((x + k * CARD, y + k * CARD), size)}, tooltip=" "];'
        for k in range(CARDS, 0, -1)
    ]


def geometry(center: tuple[float, float], size: tuple[float, float]) -> str:
    """The attributes of a node's place and size, in points."""
    return f'pos="{center[0]:.1f},{center[1]:.1f}", width={size[0] / 72:.3f}, height={size[1] / 72:.3f}'


def style(look: Look) -> str:
    """The attributes of a node's look."""
    return (
        f'shape={look.shape}, style="{look.style}", fillcolor="{look.fill}", color="{look.border}", '
        f"penwidth={look.width}, peripheries={look.rings}"
    )


def plain_line(name: str, text: str, x: float, y: float) -> str:
    """A line of text without a border, given as an HTML-like label, at a place."""
    look = f'shape=plain, fixedsize=false, fontcolor="{FAINT}", tooltip=" "'
    return f'  {name} [label=<{text}>, {look}, pos="{x:.1f},{y:.1f}"];'


def _label(node: GraphNode) -> str:
    bold = node.kind == "module"
    text = "<br/>".join(f'<font point-size="{size:g}">{escape(line)}</font>' for line, size in text_lines(node))
    text = f"<b>{text}</b>" if bold else text
    if not _badges(node):
        return text
    look = LOOKS["parameter"]
    badges = "".join(
        f'<tr><td bgcolor="{look.fill}" border="1" color="{look.border}" cellpadding="1">'
        f'<font point-size="{SMALL}">{escape(badge)}</font></td></tr>'
        for badge in _badges(node)
    )
    return f'<table border="0" cellborder="0" cellspacing="2" cellpadding="0"><tr><td>{text}</td></tr>{badges}</table>'


def _tooltip(node: GraphNode) -> str:
    facts = [node.name or node.label]
    where = ".".join(p.name if p.step is None else f"t={p.step}" for p in node.scope)
    if where:
        facts.append(f"in {where}")
    if node.shape is not None:
        facts.append(f"{node.dtype} {shape_text(node.shape)}".strip())
    if node.repeats > 1:
        facts.append(f"{node.repeats} steps")
    if node.count > 1:
        facts.append(f"{node.count} operations")
    if node.saved_bytes:
        facts.append(f"{node.saved_bytes} bytes saved for backward")
    if node.grad_norm is not None:
        facts.append(f"gradient norm {node.grad_norm:.4g}")
    return quoted("; ".join(facts))


# --- text -------------------------------------------------------------------------------------------------------------


def text_width(text: str, size: float) -> float:
    """About how wide a line of text is, in points, in the wider ones of the usual sans-serif fonts."""
    return size * sum(1.05 if unicodedata.east_asian_width(c) in "WF" else 0.62 for c in text)


def shortened(text: str, limit: int = 28) -> str:
    """The text, or its beginning if it is long."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def escape(text: str) -> str:
    """Text for an HTML-like label: nothing in it is markup, and every character may stand in XML."""
    return html.escape(_printable(text))


def quoted(text: str) -> str:
    """Text for a quoted string of DOT: no character of it ends the string or starts an escape."""
    return _printable(text).replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;").replace("<", "&lt;")


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " if c.isspace() else "�" for c in text)

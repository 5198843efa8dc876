"""DOT text from a view of a graph.

Nodes and frames come with their positions (see `layout`): Graphviz draws the shapes and finds ways for the edges around
the nodes, no more. Kinds of nodes differ in shape as well as in colour.
"""

from __future__ import annotations

import html
import math
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from .layout import Frame, Layout, place
from .model import Chain, Graph, GraphEdge, GraphNode, shape_text

FONT = "Helvetica,Arial,sans-serif"
INK = "#222222"
FAINT = "#5A5A5A"
COLUMN = "#EFEFEF"
EDGE_OF_FRAME = "#8A8A8A"
TEXT, SMALL = 11, 8  # font sizes in points

ROUTABLE = 300  # with more nodes than this, edges are straight lines: finding ways around nodes would take too long


@dataclass(frozen=True)
class Look:
    """How one kind of node is drawn. Fills differ in lightness as well as in hue, and every kind has its own shape."""

    shape: str
    fill: str
    border: str
    style: str = "filled"
    width: float = 1.0
    rings: int = 1
    meaning: str = ""


# Hues from Okabe and Ito's palette for colour-blind readers, tinted so that black text stays readable.
LOOKS = {
    "operation": Look("box", "#FFFFFF", "#555555", "filled,rounded", meaning="operation"),
    "module": Look("box3d", "#D6E6F2", "#2F5D80", meaning="module, folded"),
    "parameter": Look("note", "#F0BE5A", "#7A5200", meaning="parameter"),
    "data": Look("parallelogram", "#E4E4E4", "#555555", meaning="data"),
    "state": Look("ellipse", "#5FB598", "#004D38", meaning="carried state"),
    "output": Look("box", "#F7EFA0", "#222222", width=1.6, rings=2, meaning="output"),
    "ellipsis": Look("box", "none", "none", "filled"),
}


def to_dot(graph: Graph, title: str = "", legend: bool = True) -> str:
    """The graph in the DOT language, with positions.

    Args:
        graph: a view, as `fold.view` makes it.
        title: a line above the picture.
        legend: explain shapes and colours below it.
    """
    sizes = {node.id: size_of(node) for node in graph.nodes}
    layout = place(graph, sizes, _title_widths(graph))
    # With Graphviz's own margin between nodes and edges (esep), version 2.43, which many systems still have, looks for
    # routes without end.
    routes = 'splines=true, sep="+5", esep="+4"' if len(graph.nodes) <= ROUTABLE else "splines=line"
    lines = [
        "digraph minigrad {",
        f'  graph [layout=nop, {routes}, outputorder=nodesfirst, pad=0.2, bgcolor=white, tooltip=" ",',
        f'    fontname="{FONT}", fontsize={TEXT}, fontcolor="{INK}"];',
        f'  node [fontname="{FONT}", fontsize={TEXT}, fontcolor="{INK}", margin=0, fixedsize=true];',
        f'  edge [fontname="{FONT}", fontsize={SMALL}, fontcolor="{FAINT}", color="{FAINT}", arrowsize=0.6];',
        *_frames(graph, layout),
        *(_node(node, layout.centers[node.id], sizes[node.id]) for node in graph.nodes),
        *_edges(graph, layout, sizes),
        *(_legend(graph, layout.width) if legend else ()),
        *((_line("title", f"<b>{escape(title)}</b>", layout.width / 2, layout.height + 24),) if title else ()),
        "}",
    ]
    return "\n".join(lines) + "\n"


# --- frames -----------------------------------------------------------------------------------------------------------


def _frames(graph: Graph, layout: Layout) -> Iterator[str]:
    """The scopes as nested clusters, and the line at the foot of each time step."""
    steps = _step_texts(graph)
    depth = 0
    for number, frame in enumerate(_outside_in(layout.frames)):
        chain = frame.chain
        yield from ("  " * k + "}" for k in range(depth, len(chain) - 1, -1))
        depth = len(chain)
        box = f'bb="{frame.left:.1f},{frame.bottom:.1f},{frame.right:.1f},{frame.top:.1f}"'
        yield "  " * depth + f"subgraph cluster_{number} {{ graph [{box}, {_frame_look(frame, steps)}];"
    yield from ("  " * k + "}" for k in range(depth, 0, -1))


def _frame_look(frame: Frame, steps: dict[Chain, str]) -> str:
    place = frame.chain[-1]
    if place.step is not None:
        # In the corner: edges arrive in the middle.
        x = frame.left + 9 + text_width(f"t = {steps[frame.chain]}", TEXT) / 2
        label = f'label=<<i>t</i> = {escape(steps[frame.chain])}>, lp="{x:.1f},{frame.bottom + 12:.1f}"'
        return f'style="rounded,filled", color="{COLUMN}", fillcolor="{COLUMN}", fontcolor="{FAINT}", {label}'
    x = frame.left + 6 + text_width(place.name, TEXT) / 2
    label = f'label=<{escape(place.name) or " "}>, lp="{x:.1f},{frame.top - 11:.1f}"'
    return f'style="rounded,filled", color="{EDGE_OF_FRAME}", fillcolor=white, fontcolor="{INK}", {label}'


def _outside_in(frames: list[Frame]) -> list[Frame]:
    """The frames in the order in which a reader opens them: each right after the one around it, from left to right."""
    order: dict[Chain, tuple[float, ...]] = {(): ()}
    for frame in frames:  # outer ones come first
        order[frame.chain] = (*order[frame.chain[:-1]], frame.left, frame.bottom)
    return sorted(frames, key=lambda frame: order[frame.chain])


def _step_texts(graph: Graph) -> dict[Chain, str]:
    """What stands at the foot of each column: the step, or the range of steps that are left out."""
    texts: dict[Chain, str] = {}
    for node in graph.nodes:
        for k, place_ in enumerate(node.scope):
            if place_.step is not None:
                texts.setdefault(node.scope[: k + 1], str(place_.step))
        if node.kind == "ellipsis":
            texts[node.scope] = node.detail
    return texts


def _title_widths(graph: Graph) -> dict[Chain, float]:
    """The widths of the lines that the frames must hold."""
    widths = {chain: text_width(f"t = {text}", TEXT) for chain, text in _step_texts(graph).items()}
    for node in graph.nodes:
        for k, place_ in enumerate(node.scope):
            if place_.step is None:
                # The title keeps to the left half: edges leave through the middle.
                widths[node.scope[: k + 1]] = 2 * text_width(place_.name, TEXT) + 12
    return widths


def _line(name: str, text: str, x: float, y: float) -> str:
    look = f'shape=plain, fixedsize=false, fontcolor="{FAINT}", tooltip=" "'
    return f'{name} [label=<{text}>, {look}, pos="{x:.1f},{y:.1f}"];'


# --- nodes ------------------------------------------------------------------------------------------------------------


def size_of(node: GraphNode) -> tuple[float, float]:
    """The width and height that a node needs, in points."""
    lines = _text_lines(node)
    width = max(text_width(text, size) for text, size in lines)
    height = sum(1.25 * size for _, size in lines)
    width = max([width, *(text_width(text, SMALL) + 6 for text in _badges(node))])
    height += 15 * len(_badges(node))
    stretch_x, stretch_y, extra_x, extra_y = ROOM[node.kind]
    return max(28.0, width * stretch_x + extra_x), height * stretch_y + extra_y


# How much larger than its text a node is: factors for what is round, then points. Every kind has its own shape.
ROOM = {
    "operation": (1.0, 1.0, 14.0, 7.0),
    "output": (1.0, 1.0, 16.0, 10.0),
    "module": (1.0, 1.0, 22.0, 14.0),
    "parameter": (1.0, 1.0, 16.0, 8.0),
    "data": (1.0, 1.0, 32.0, 7.0),
    "state": (1.2, 1.2, 10.0, 8.0),
    "ellipsis": (1.0, 1.0, 8.0, 6.0),
}


def _badges(node: GraphNode) -> tuple[str, ...]:
    return () if node.kind in ("parameter", "ellipsis") else node.parameters


def _text_lines(node: GraphNode) -> list[tuple[str, float]]:
    """The text of a node without its badges: lines with their font sizes."""
    shape = shape_text(node.shape)
    if node.kind == "parameter":
        return [(text, TEXT) for text in node.parameters or (f"{node.label} {shape}",)]
    if node.kind == "ellipsis":
        return [("⋯", 2 * TEXT), (node.label, TEXT)]
    lines: list[tuple[str, float]] = [(node.label or "step", TEXT)]
    if node.detail:
        lines.append((shortened(node.detail), SMALL))
    elif node.kind in ("data", "state") and shape:
        lines.append((shape, SMALL))
    return lines


def _node(node: GraphNode, center: tuple[float, float], size: tuple[float, float]) -> str:
    return (
        f"  n{node.id} [label=<{_label(node)}>, {_style(LOOKS[node.kind])}, {_geometry(center, size)}, "
        f'tooltip="{_tooltip(node)}"];'
    )


def _geometry(center: tuple[float, float], size: tuple[float, float]) -> str:
    return f'pos="{center[0]:.1f},{center[1]:.1f}", width={size[0] / 72:.3f}, height={size[1] / 72:.3f}'


def _style(look: Look) -> str:
    return (
        f'shape={look.shape}, style="{look.style}", fillcolor="{look.fill}", color="{look.border}", '
        f"penwidth={look.width}, peripheries={look.rings}"
    )


def _label(node: GraphNode) -> str:
    bold = node.kind == "module"
    text = "<br/>".join(f'<font point-size="{size:g}">{escape(line)}</font>' for line, size in _text_lines(node))
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
    if node.count > 1:
        facts.append(f"{node.count} operations")
    if node.saved_bytes:
        facts.append(f"{node.saved_bytes} bytes saved for backward")
    if node.grad_norm is not None:
        facts.append(f"gradient norm {node.grad_norm:.4g}")
    return quoted("; ".join(facts))


# --- edges ------------------------------------------------------------------------------------------------------------


def _edges(graph: Graph, layout: Layout, sizes: dict[int, tuple[float, float]]) -> Iterator[str]:
    nodes = graph.by_id()
    labelled: set[tuple[int, frozenset[int]]] = set()
    for edge in graph.edges:
        source = nodes[edge.source]
        attributes = _edge_look(edge, source)
        text = _edge_text(edge, source)
        if text and (edge.source, edge.values) not in labelled:
            labelled.add((edge.source, edge.values))
            attributes.append(_edge_label(text, edge, layout, sizes))
        tail, head = _ports(edge, layout)
        yield f"  n{edge.source}{tail} -> n{edge.target}{head} [{', '.join(attributes)}];"


def _edge_label(text: str, edge: GraphEdge, layout: Layout, sizes: dict[int, tuple[float, float]]) -> str:
    """A label near the beginning of an edge: right of it, or left of it where the edge leans to the right."""
    (x0, y0), (x1, y1) = layout.centers[edge.source], layout.centers[edge.target]
    rise = y1 - y0 - (sizes[edge.source][1] + sizes[edge.target][1]) / 2
    lean = (x1 - x0) / rise if rise > 0 else 0.0
    up = 10.0
    away = text_width(text, SMALL) / 2 + 2
    x = (up - SMALL / 2) * lean + (-away if lean > 0.05 else away)
    angle = math.degrees(math.atan2(up, x) - math.atan2(1.0, lean))
    return f'taillabel="{quoted(text)}", labeldistance={math.hypot(x, up) / 10:.2f}, labelangle={angle:.0f}'


def _ports(edge: GraphEdge, layout: Layout) -> tuple[str, str]:
    """Values flow from the top of a node to the bottom of the next, states from side to side."""
    (x0, y0), (x1, y1) = layout.centers[edge.source], layout.centers[edge.target]
    if edge.state:
        return (":e", ":w") if x1 > x0 else (":w", ":e")
    return (":n", ":s") if y1 > y0 else ("", "")


def _edge_look(edge: GraphEdge, source: GraphNode) -> list[str]:
    if edge.state:
        return [f'color="{LOOKS["state"].border}"', "penwidth=2"]
    if source.kind == "parameter":
        return [f'color="{LOOKS["parameter"].border}"', "style=dashed", "penwidth=0.8"]
    return ["penwidth=1"]


def _edge_text(edge: GraphEdge, source: GraphNode) -> str:
    """The shape of the values, where it does not stand in the node that they come from."""
    if source.kind in ("parameter", "data") or edge.shape is None:
        return ""
    if source.kind == "state" and not source.detail:
        return ""
    text = shape_text(edge.shape)
    return f"{len(edge.values)} × ({text})" if len(edge.values) > 1 else text


def _legend(graph: Graph, width: float) -> Iterator[str]:
    """One node of each kind in the picture, in a row below it, that says what it means."""
    kinds = {node.kind for node in graph.nodes}
    if any(node.parameters for node in graph.nodes):
        kinds.add("parameter")
    shown = [GraphNode(0, kind, look.meaning) for kind, look in LOOKS.items() if kind in kinds and look.meaning]
    sizes = [(text_width(node.label, SMALL) * ROOM[node.kind][0] + 16, 20.0) for node in shown]
    x = (width - sum(w + 22 for w, _ in sizes)) / 2
    for node, size in zip(shown, sizes, strict=True):
        label = f'<font point-size="{SMALL}">{escape(node.label)}</font>'
        at = _geometry((x + size[0] / 2, -32.0), size)
        yield f'  legend_{node.kind} [label=<{label}>, {_style(LOOKS[node.kind])}, {at}, tooltip=" "];'
        x += size[0] + 22


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

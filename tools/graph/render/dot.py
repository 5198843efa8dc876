"""DOT text from a view of a graph.

Everything comes with its position (see `layout` and `routes`): Graphviz draws the shapes and the text, no more.
"""

from __future__ import annotations

from collections.abc import Iterator

from minigrad.inspect.graph.chains import Chain, around
from minigrad.inspect.graph.model import Graph

from ..layout.lanes import Frame
from ..layout.place import Layout, place
from ..layout.routes import LOOP, is_loop
from .edges import edge_lines
from .gradients import Scale
from .legend import legend_lines
from .looks import (
    CARD,
    CARDS,
    FAINT,
    FONT,
    INK,
    SMALL,
    TEXT,
    cards,
    escape,
    look_of,
    node_line,
    plain_line,
    size_of,
    text_width,
)

COLUMN = "#EFEFEF"
EDGE_OF_FRAME = "#8A8A8A"


def to_dot(graph: Graph, title: str = "", legend: bool = True, gradients: bool = False) -> str:
    """The graph in the DOT language, with positions.

    Args:
        graph: a view, as `fold.view` makes it.
        title: a line above the picture.
        legend: explain shapes and colours below it.
        gradients: show the norms of gradients, as they were noted on a tape, by the widths and colours of the edges on
            which the values flow, on a logarithmic scale.

    Raises ValueError for `gradients` if the graph holds none of what was computed.
    """
    scale = Scale(graph) if gradients else None
    sizes = {node.id: size_of(node) for node in graph.nodes}
    titles = _titles(graph)
    layout = place(graph, _room(graph, sizes), _title_widths(titles))
    folded = [node for node in graph.nodes if node.repeats > 1]
    lines = [
        "digraph minigrad {",
        '  graph [layout=nop2, outputorder=nodesfirst, pad=0.2, bgcolor=white, tooltip=" ",',
        f'    fontname="{FONT}", fontsize={TEXT}, fontcolor="{INK}"];',
        f'  node [fontname="{FONT}", fontsize={TEXT}, fontcolor="{INK}", margin=0, fixedsize=true];',
        f'  edge [fontname="{FONT}", fontsize={SMALL}, fontcolor="{FAINT}", color="{FAINT}", arrowsize=0.6];',
        *_frames(layout, titles),
        *(
            line
            for node in folded
            for line in cards(f"n{node.id}", look_of(node), layout.centers[node.id], sizes[node.id])
        ),
        *(node_line(node, layout.centers[node.id], sizes[node.id]) for node in graph.nodes),
        *edge_lines(graph, layout, sizes, scale),
        *(legend_lines(graph, layout.width, scale) if legend else ()),
        *((plain_line("title", f"<b>{escape(title)}</b>", layout.width / 2, layout.height + 24),) if title else ()),
        "}",
    ]
    return "\n".join(lines) + "\n"


def _room(graph: Graph, sizes: dict[int, tuple[float, float]]) -> dict[int, tuple[float, float]]:
    """The room that each node takes, with what stands around it: loops, and the outlines of folded steps."""
    nodes = graph.by_id()
    looping = {i for edge in graph.edges if is_loop(edge, nodes) for i in (edge.source, edge.target)}
    room = {}
    for i, (width, height) in sizes.items():
        around = 2 * LOOP if i in looping else 0.0
        behind = 2 * CARD * CARDS if nodes[i].repeats > 1 else 0.0
        room[i] = (width + around + behind, height + 2 * around + behind)
    return room


# --- frames -----------------------------------------------------------------------------------------------------------


def _frames(layout: Layout, titles: dict[Chain, str]) -> Iterator[str]:
    """The scopes as nested clusters, with their titles."""
    depth = 0
    for number, frame in enumerate(_outside_in(layout.frames)):
        chain = frame.chain
        yield from ("  " * k + "}" for k in range(depth, len(chain) - 1, -1))
        depth = len(chain)
        box = f'bb="{frame.left:.1f},{frame.bottom:.1f},{frame.right:.1f},{frame.top:.1f}"'
        yield "  " * depth + f"subgraph cluster_{number} {{ graph [{box}, {_frame_look(frame, titles[chain])}];"
    yield from ("  " * k + "}" for k in range(depth, 0, -1))


def _frame_look(frame: Frame, title: str) -> str:
    if frame.chain[-1].step is not None:
        # In the corner: edges arrive in the middle.
        x = frame.left + 9 + text_width(f"t = {title}", TEXT) / 2
        label = f'label=<<i>t</i> = {escape(title)}>, lp="{x:.1f},{frame.bottom + 12:.1f}"'
        return f'style="rounded,filled", color="{COLUMN}", fillcolor="{COLUMN}", fontcolor="{FAINT}", {label}'
    x = frame.left + 6 + text_width(title, TEXT) / 2
    label = f'label=<{escape(title) or " "}>, lp="{x:.1f},{frame.top - 11:.1f}"'
    return f'style="rounded,filled", color="{EDGE_OF_FRAME}", fillcolor=white, fontcolor="{INK}", {label}'


def _outside_in(frames: list[Frame]) -> list[Frame]:
    """The frames in the order in which a reader opens them: each right after the one around it, from left to right."""
    order: dict[Chain, tuple[float, ...]] = {(): ()}
    for frame in frames:  # outer ones come first
        order[frame.chain] = (*order[frame.chain[:-1]], frame.left, frame.bottom)
    return sorted(frames, key=lambda frame: order[frame.chain])


def _titles(graph: Graph) -> dict[Chain, str]:
    """What stands in each frame: the name of a scope, the step of a column, or the range of steps left out in it."""
    titles: dict[Chain, str] = {}
    for node in graph.nodes:
        for chain in around(node.scope):
            name, step, last = chain[-1]
            titles.setdefault(chain, name if step is None else f"{step}" if last is None else f"{step} … {last}")
        if node.kind == "ellipsis":
            titles[node.scope] = node.detail
    return titles


def _title_widths(titles: dict[Chain, str]) -> dict[Chain, float]:
    """The widths that the frames must have at least. Names keep to the left half: edges leave through the middle."""
    return {
        chain: 2 * text_width(text, TEXT) + 12 if chain[-1].step is None else text_width(f"t = {text}", TEXT)
        for chain, text in titles.items()
    }

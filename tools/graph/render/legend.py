"""What shapes and colours mean, in a row below the picture."""

from __future__ import annotations

from collections.abc import Iterator

from minigrad.inspect.graph.model import Graph

from .gradients import Scale
from .looks import LOOKS, SMALL, cards, escape, geometry, kind_of_look, plain_line, style, text_width

GAP = 22.0
LINE = 30.0  # from one line of the legend to the next


def legend_lines(graph: Graph, width: float, scale: Scale | None) -> Iterator[str]:
    """One node of each kind in the picture that says what it means, and the scale of gradients."""
    kinds = {kind_of_look(node) for node in graph.nodes}
    if any(node.parameters for node in graph.nodes):
        kinds.add("parameter")
    if any(edge.state for edge in graph.edges):
        kinds.add("state")
    entries = [(kind, look.meaning) for kind, look in LOOKS.items() if kind in kinds and look.meaning]
    if any(node.repeats > 1 for node in graph.nodes):
        entries.append(("folded", "folded steps"))
    looks = {**LOOKS, "folded": LOOKS["operation"]}
    sizes = [(text_width(text, SMALL) * looks[kind].room[0] + 16, 20.0) for kind, text in entries]
    x = (width - sum(w + GAP for w, _ in sizes) + GAP) / 2
    for (kind, text), size in zip(entries, sizes, strict=True):
        center = (x + size[0] / 2, -32.0)
        if kind == "folded":
            yield from cards("legend", looks[kind], center, size)
        label = f'<font point-size="{SMALL}">{escape(text)}</font>'
        yield f'  legend_{kind} [label=<{label}>, {style(looks[kind])}, {geometry(center, size)}, tooltip=" "];'
        x += size[0] + GAP
    if scale is not None:
        yield plain_line("legend_gradients", scale.bar(), width / 2, -32.0 - LINE)

"""Gradients as widths and colours of edges, on a logarithmic scale."""

from __future__ import annotations

import math
from collections.abc import Iterator

from minigrad.inspect.graph.model import LEAVES, Graph

from .looks import FAINT, SMALL

# From small to large: part of viridis (S. van der Walt and N. Smith, 2015), which is perceptually even, safe for
# colour-blind readers, and darker the larger the number. Its light end is left out: it would vanish on white.
COLOURS = ("#B4DE2C", "#6DCD59", "#35B779", "#1F9E89", "#26828E", "#31688E", "#3E4A89", "#482878", "#440154")
STRANGE = "#D55E00"  # for what is infinite or no number
THIN, THICK = 0.7, 4.0  # widths in points
CELLS = 24  # of the scale bar


class Scale:
    """From norms to looks.

    Attributes:
        low, high: the norms at the ends of the scale, at least one power of ten apart.
        strange: whether a norm is infinite or no number.

    Raises ValueError if the graph holds no gradients, or only those of its leaves.
    """

    def __init__(self, graph: Graph) -> None:
        nodes = graph.by_id()
        leaf = {node.id for node in nodes.values() if node.kind in LEAVES}
        inner = [edge for edge in graph.edges if edge.source not in leaf]
        if inner and all(edge.grad_norm is None for edge in inner):
            raise ValueError(
                "no gradients to draw: compute the loss inside `with minigrad.Tape() as tape:`, call loss.backward(), "
                "and draw the tape; a tensor alone keeps only the gradients of its leaves"
            )
        norms = [edge.grad_norm for edge in graph.edges if edge.grad_norm is not None]
        self.strange = not all(map(math.isfinite, norms))
        sizes = [norm for norm in norms if math.isfinite(norm) and norm > 0]
        self.high = max(sizes, default=1.0)
        self.low = min(*sizes, self.high / 10) if sizes else 0.1

    def place(self, norm: float) -> float:
        """Where a norm stands on the scale, from 0 to 1; an infinite one, or none, at the upper end."""
        if not math.isfinite(norm):
            return 1.0
        if norm <= self.low:
            return 0.0
        return min(1.0, math.log(norm / self.low) / math.log(self.high / self.low))

    def look(self, norm: float | None) -> list[str]:
        """The attributes of an edge: thin, dotted and grey without a gradient."""
        if norm is None:
            return [f'color="{FAINT}80"', "penwidth=0.6", "style=dotted"]
        colour = colour_at(self.place(norm)) if math.isfinite(norm) else STRANGE
        return [f'color="{colour}"', f"penwidth={self.width(norm):.2f}"]

    def width(self, norm: float) -> float:
        """The width of an edge in points."""
        return THIN + (THICK - THIN) * self.place(norm)

    def bar(self) -> str:
        """The scale as an HTML-like label: colours with the numbers at their ends."""
        cells = "".join(f'<td bgcolor="{colour_at(k / (CELLS - 1))}" width="7" height="9"></td>' for k in range(CELLS))
        texts = [_small("gradient norm:"), _small(f"{self.low:.2g}")], [_small(f"{self.high:.2g}"), *self._remarks()]
        before, after = ("".join(f"<td>{text}</td>" for text in side) for side in texts)
        scale = f'<table border="0" cellborder="0" cellspacing="0" cellpadding="0"><tr>{cells}</tr></table>'
        row = f"<tr>{before}<td>{scale}</td>{after}</tr>"
        return f'<table border="0" cellborder="0" cellspacing="4" cellpadding="0">{row}</table>'

    def _remarks(self) -> Iterator[str]:
        yield _small("dotted: no gradient", FAINT)
        if self.strange:
            yield _small("infinite or NaN", STRANGE)


def _small(text: str, colour: str = "#222222") -> str:
    return f'<font point-size="{SMALL}" color="{colour}">{text}</font>'


def colour_at(where: float) -> str:
    """The colour at a place of the scale from 0 to 1, as `#RRGGBB`: linear between the nearest two of COLOURS."""
    position = min(max(where, 0.0), 1.0) * (len(COLOURS) - 1)
    k = min(int(position), len(COLOURS) - 2)
    ends = ([int(colour[n : n + 2], 16) for n in (1, 3, 5)] for colour in COLOURS[k : k + 2])
    return "#" + "".join(f"{round(a + (b - a) * (position - k)):02X}" for a, b in zip(*ends, strict=True))

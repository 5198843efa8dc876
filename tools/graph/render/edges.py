"""Edges of a picture in DOT: their lines, their looks, and the shapes written beside them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from minigrad.inspect.graph.chains import in_backward
from minigrad.inspect.graph.model import LEAVES, Graph, GraphEdge, GraphNode, shape_text

from ..layout.lines import Point, Route
from ..layout.place import Layout
from ..layout.routes import LOOP, Router, is_loop
from ..layout.rows import ROW_GAP
from .gradients import Scale
from .looks import CARD, CARDS, LOOKS, SMALL, quoted, text_width

FLAT = 40.0  # a line that goes farther to a side than this on the height of its label has the label above it


def edge_lines(
    graph: Graph, layout: Layout, sizes: dict[int, tuple[float, float]], scale: Scale | None
) -> Iterator[str]:
    """The edges of a picture in DOT.

    A shape stands beside one of the edges on which the same values flow.
    """
    nodes = graph.by_id()
    router = Router(graph, layout, sizes)
    routes = [router.route(edge) for edge in graph.edges]
    labelled = _labelled(graph, routes, layout)
    raised = defaultdict(float, {node.id: CARD * CARDS for node in graph.nodes if node.repeats > 1})
    raised.update((i, LOOP) for edge in graph.edges if is_loop(edge, nodes) for i in (edge.source, edge.target))
    values_of = Counter(edge.source for edge in graph.edges if not edge.state)
    for n, (edge, route) in enumerate(zip(graph.edges, routes, strict=True)):
        source, target = nodes[edge.source], nodes[edge.target]
        attributes = _look(edge, source, target, scale)
        if edge.grad_norm is not None:
            attributes.append(f'edgetooltip="gradient norm {edge.grad_norm:.4g}"')
        text = _text(edge, source) if n in labelled else ""
        back = 0.0 if scale is None or edge.grad_norm is None else scale.width(edge.grad_norm) * 0.8
        attributes.append(f'pos="{route.spline(back)}"')
        if text:
            alone = values_of[edge.source] == 1
            x, y = _beside(text, edge, route, layout, labelled[n], alone)
            y += raised[edge.source] if alone else 0.0
            where = _above_loop(route) if is_loop(edge, nodes) else (x, y)
            attributes.append(f'label="{quoted(text)}", lp="{where[0]:.1f},{where[1]:.1f}"')
        yield f"  n{edge.source} -> n{edge.target} [{', '.join(attributes)}];"


def _labelled(graph: Graph, routes: list[Route], layout: Layout) -> dict[int, tuple[float, float]]:
    """Which edges have a label, and the room beside them: of those with the same values, the steepest one."""
    groups: dict[tuple[int, frozenset[int], bool], list[tuple[float, int]]] = defaultdict(list)
    for n, (edge, route) in enumerate(zip(graph.edges, routes, strict=True)):
        groups[edge.source, edge.values, edge.state].append((route.at(_between_rows(edge, layout)), n))
    found = {}
    for (source, _, _), group in groups.items():
        x, n = min(group, key=lambda member: abs(member[0] - layout.centers[source][0]))
        left = min((x - other for other, _ in group if other < x - 0.5), default=float("inf"))
        right = min((other - x for other, _ in group if other > x + 0.5), default=float("inf"))
        found[n] = left, right
    return found


def _between_rows(edge: GraphEdge, layout: Layout) -> float:
    return layout.strips[layout.rows[edge.source]][1] + ROW_GAP / 2


def _above_loop(route: Route) -> Point:
    """Above the highest part of a loop, left of the values that flow up."""
    (x0, y), (x1, _) = route.corners[2:4]
    return (x0 + 3 * x1) / 4, y + LOOP / 2


def _beside(text: str, edge: GraphEdge, route: Route, layout: Layout, room: tuple[float, float], alone: bool) -> Point:
    """Beside an edge: at its beginning, on the side that it does not turn to, or farther up if there are several."""
    start, end = route.corners[0], route.corners[-1]
    away = text_width(text, SMALL) / 2 + 3
    if edge.state:
        return (start[0] + end[0]) / 2, start[1] + 7
    if alone:
        return (start[0] - away if route.turns() > 0.5 else start[0] + away), start[1] + 7
    y = _between_rows(edge, layout)
    low, high = route.at(y - SMALL / 2 - 1), route.at(y + SMALL / 2 + 1)
    if abs(high - low) > FLAT:
        return route.at(y), y + 6
    to_the_left = room[0] > room[1] or (room[0] == room[1] and route.turns() > 0.5)
    return (min(low, high) - away if to_the_left else max(low, high) + away), y


def _look(edge: GraphEdge, source: GraphNode, target: GraphNode, scale: Scale | None) -> list[str]:
    across = in_backward(source.scope) != in_backward(target.scope)
    dashed = ["style=dashed"] if across or source.kind == "parameter" else []
    if scale is not None:
        return scale.look(edge.grad_norm) + (dashed if edge.grad_norm is not None else [])
    if across:
        return [f'color="{LOOKS["derivative"].border}"', *dashed]
    if edge.state:
        return [f'color="{LOOKS["state"].border}"', "penwidth=2"]
    if source.kind == "parameter":
        return [f'color="{LOOKS["parameter"].border}"', "penwidth=0.8", *dashed]
    return ["penwidth=1"]


def _text(edge: GraphEdge, source: GraphNode) -> str:
    """The shape of the values, where it does not stand in the node that they come from."""
    if source.kind in LEAVES or edge.shape is None:
        return ""
    if source.kind == "state" and not source.detail:
        return ""
    text = shape_text(edge.shape)
    return f"{len(edge.values)} × ({text})" if len(edge.values) > 1 else text

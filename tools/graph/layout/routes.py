"""Where edges run: lines with a few bends that no node stands in the way of.

Values flow from the top of a node to the bottom of the next, states from side to side. Between two rows is room for
lines of any slope, between two columns for vertical ones. For each edge a few simple ways are tried, the straightest
first. The first one is taken if none is free.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from heapq import nsmallest

from minigrad.inspect.graph.chains import Chain, common, in_backward, outermost_column, step_from
from minigrad.inspect.graph.model import Graph, GraphEdge, GraphNode

from .lanes import LANE_GAP, Frame
from .place import COLUMN_GAP, Layout

Point = tuple[float, float]

ARROW = 6.0  # the length of an arrow head
CLEAR = 4.0  # how near lines may come to nodes
ROUND = 7.0  # the radius of bends
STUB = 9.0  # the straight end of a line that arrives between two rows, with its arrow head
TRACKS = (0.0, -5.0, 5.0)  # where vertical lines run between two columns, from the middle
INSIDE = (4.0, -4.5)  # where those of a folded step run, from the right side of its column
NEIGHBOURS = 4  # nodes of a row, on each side of an end, beside which a vertical line may run
NEAREST = 40  # vertical lines that are tried
FAR = 200  # edges over more rows than this take the first way, and nobody looks what is in it
LOOP = 12.0  # how far a loop stands off its node; labels need as much above it


@dataclass(slots=True)
class Route:
    """The way of an edge: the corners of a line, from its start to the tip of its arrow, in points."""

    corners: list[Point]

    def turns(self) -> float:
        """How far the line first goes to the right; negative to the left, 0 if it goes to no side."""
        return next((x - self.corners[0][0] for x, _ in self.corners if abs(x - self.corners[0][0]) > 0.5), 0.0)

    def at(self, y: float) -> float:
        """The x where the line first has this height; that of its start if it never has."""
        for (x0, y0), (x1, y1) in itertools.pairwise(self.corners):
            if y0 <= y <= y1 and y0 < y1:
                return x0 + (x1 - x0) * (y - y0) / (y1 - y0)
        return self.corners[0][0]

    def spline(self, back: float = 0.0) -> str:
        """The value of DOT's attribute `pos`: the tip, and Bézier curves that end where the arrow head begins.

        A wide line has a wide arrow head, whose tip must stay `back` points off the node.
        """
        tip = _towards(self.corners[-1], self.corners[-2], back)
        line = [*self.corners[:-1], _towards(tip, self.corners[-2], ARROW)]
        points = [line[0]]
        for before, corner, after in zip(line, line[1:], line[2:], strict=False):
            radius = min(ROUND, _distance(before, corner) / 2, _distance(corner, after) / 2)
            start, end = _towards(corner, before, radius), _towards(corner, after, radius)
            points += [*_straight(points[-1], start), _between(start, corner, 0.55), _between(end, corner, 0.55), end]
        points += _straight(points[-1], line[-1])
        return f"e,{tip[0]:.1f},{tip[1]:.1f} " + " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def is_loop(edge: GraphEdge, nodes: Mapping[int, GraphNode]) -> bool:
    """Whether a state goes back to the box that it comes from: directly, or from the node of the state behind it."""
    source, target = nodes[edge.source], nodes[edge.target]
    behind = source.kind == "state" and source.count == 0
    return edge.state and (edge.source == edge.target or (behind and source.scope == target.scope))


class Router:
    """Finds the ways of the edges of a picture.

    Args:
        graph: what is drawn.
        layout: where its nodes stand.
        sizes: how large they are drawn, by id.
    """

    def __init__(self, graph: Graph, layout: Layout, sizes: Mapping[int, tuple[float, float]]) -> None:
        self._nodes = graph.by_id()
        self._layout = layout
        self._sizes = sizes
        self._frames: dict[Chain, Frame] = {frame.chain: frame for frame in layout.frames}
        self._rights: list[list[tuple[float, int]]] = [[] for _ in layout.bands]
        for i, row in layout.rows.items():
            self._rights[row].append((layout.centers[i][0] + sizes[i][0] / 2, i))
        for row_rights in self._rights:
            row_rights.sort()
        self._tracks: dict[float, list[int]] = defaultdict(list)
        self._tops = [top for _, top in layout.bands]

    def route(self, edge: GraphEdge) -> Route:
        """The way of an edge: of a few simple ones the first that no node is in the way of."""
        ways = self._ways(edge)
        first = next(ways)
        if abs(self._layout.rows[edge.source] - self._layout.rows[edge.target]) > FAR:
            return Route(first)
        return Route(next((way for way in itertools.chain((first,), ways) if self.is_free(way, edge)), first))

    def _ways(self, edge: GraphEdge) -> Iterator[list[Point]]:
        source, target = self._nodes[edge.source], self._nodes[edge.target]
        if is_loop(edge, self._nodes):
            yield self._loop(edge)
        elif in_backward(source.scope) != in_backward(target.scope):
            yield self._across(edge)
        elif edge.state:
            yield from self._sideways(edge)
        elif self._layout.rows[edge.target] > self._layout.rows[edge.source]:
            yield from self._upwards(edge)
        else:
            yield from self._around(edge)

    def _box(self, i: int) -> tuple[float, float, float, float]:
        """The left, bottom, right and top of a node."""
        (x, y), (width, height) = self._layout.centers[i], self._sizes[i]
        return x - width / 2, y - height / 2, x + width / 2, y + height / 2

    def _loop(self, edge: GraphEdge) -> list[Point]:
        """Out on the right, over the node, and back on the left."""
        _, y = self._layout.centers[edge.source]
        right, top = self._box(edge.source)[2:]
        left, _, _, target_top = self._box(edge.target)
        over = max(top, target_top) + LOOP
        out = [(right, y), (right + LOOP, y), (right + LOOP, over)]
        y = self._layout.centers[edge.target][1]
        return [*out, (left - LOOP, over), (left - LOOP, y), (left, y)]

    def _across(self, edge: GraphEdge) -> list[Point]:
        """From the forward to the backward pass, or back: up and down between the two, else along the rows."""
        backward = next(frame for frame in self._layout.frames if in_backward(frame.chain))
        return self._by_way_of(edge, backward.left - LANE_GAP / 2)

    def _sideways(self, edge: GraphEdge) -> Iterator[list[Point]]:
        """From side to side: straight, or up and down between the columns. If nodes are in the way, above or below."""
        (x0, y0), (x1, y1) = self._layout.centers[edge.source], self._layout.centers[edge.target]
        half0, half1 = self._sizes[edge.source][0] / 2, self._sizes[edge.target][0] / 2
        side = 1 if x1 > x0 else -1
        within = self._within_a_step(edge)
        out, into = (1, 1) if within else (side, -side)  # what a folded step hands back goes in where it comes out
        x = self._beside_column(edge, out)
        start, end = (x0 + out * half0, y0), (x1 + into * half1, y1)
        if abs(y0 - y1) < 0.5 and not within:
            yield [start, end]
        if x is not None:
            leave = [(x0 + out * half0 / 2, y0 + self._shoulder(edge.source))]
            leave += [(leave[0][0], self._above(edge.source)), (x, self._above(edge.source))]
            enter = [(x, self._below(edge.target)), (x1 + into * half1 / 2, self._below(edge.target))]
            enter.append((enter[1][0], y1 - self._shoulder(edge.target)))
            ahead, straight = (x - start[0]) * out > 0, (x - end[0]) * into > ARROW
            if ahead and straight and abs(y0 - y1) >= 0.5:
                yield [start, (x, y0), (x, y1), end]
            if ahead:
                yield [start, (x, y0), *enter]
            if straight:
                yield [*leave, (x, y1), end]
            yield [*leave, *enter]
        yield [start, end]
        yield from self._around(edge)

    def _within_a_step(self, edge: GraphEdge) -> bool:
        """Whether what receives a state is in the same column, and not the node of the state behind a box."""
        source, target = self._nodes[edge.source], self._nodes[edge.target]
        behind = target.kind == "state" and target.count == 0
        k = common(source.scope, target.scope)
        return step_from(source.scope, k) is None and step_from(target.scope, k) is None and not behind

    def _shoulder(self, i: int) -> float:
        """How high a node is, from its middle, half-way between its middle and its side."""
        half = self._sizes[i][1] / 2
        return half * 0.866 if self._nodes[i].kind == "state" else half

    def _beside_column(self, edge: GraphEdge, side: int) -> float | None:
        """The x of a line beside the column of the source, on one side of it; None outside columns."""
        source = self._nodes[edge.source].scope
        k = step_from(source, common(source, self._nodes[edge.target].scope))
        steps = [n for n, place in enumerate(source) if place.step is not None and (k is None or n <= k)]
        if not steps:
            return None
        frame = self._frames[source[: steps[-1] + 1]]
        x = frame.right + COLUMN_GAP / 2 if side > 0 else frame.left - COLUMN_GAP / 2
        sources = self._tracks[x]
        if edge.source not in sources:
            sources.append(edge.source)
        track = sources.index(edge.source)
        return (
            frame.right + INSIDE[track % len(INSIDE)] if self._within_a_step(edge) else x + TRACKS[track % len(TRACKS)]
        )

    def _upwards(self, edge: GraphEdge) -> Iterator[list[Point]]:
        """From top to bottom: straight between the rows, or vertical through rows and slanting between two of them."""
        source, target = self._layout.rows[edge.source], self._layout.rows[edge.target]
        x0, x1 = self._layout.centers[edge.source][0], self._arrival(edge)
        start, end = (x0, self._box(edge.source)[3]), (x1, self._box(edge.target)[1])
        if abs(x0 - x1) < 1.0:
            yield [start, (x0, end[1])]
        slant = [start, (x0, self._above(edge.source)), (x1, self._below(edge.target)), end]
        late, early = (
            [start, (x0, self._strip(row)[1]), (x1, self._strip(row + 1)[0]), end] for row in (target - 1, source)
        )
        # The lines of a parameter to all the steps stay together as long as they can.
        yield from (late, slant) if self._nodes[edge.source].kind == "parameter" else (slant, late)
        yield early
        yield from self._around(edge)

    def _around(self, edge: GraphEdge) -> Iterator[list[Point]]:
        """By a vertical line beside a node of the rows between that is near one of the ends, the shortest way first.

        Between a column and what is outside it, the line is near the end in the column.
        """
        x0, x1 = self._layout.centers[edge.source][0], self._layout.centers[edge.target][0]
        columns = [outermost_column(self._nodes[i].scope) for i in (edge.source, edge.target)]
        weights = [0.1 if own is None and other is not None else 1.0 for own, other in (columns, columns[::-1])]
        rows = sorted((self._layout.rows[edge.source], self._layout.rows[edge.target]))
        beside = {x0, x1}
        for row in range(rows[0], rows[1] + 1):
            rights = self._rights[row]
            for end in (x0, x1):
                n = bisect_left(rights, (end, -1))
                for right, i in rights[max(0, n - NEIGHBOURS) : n + NEIGHBOURS]:
                    beside.update((right + CLEAR + 1, right - self._sizes[i][0] - CLEAR - 1))
        ways = ((weights[0] * abs(x - x0) + weights[1] * abs(x - x1), x) for x in beside)
        for _, x in nsmallest(NEAREST, ways):
            yield self._by_way_of(edge, x)

    def _by_way_of(self, edge: GraphEdge, x: float) -> list[Point]:
        """Out at the top, along the row to this x, up or down, along the row below the target, and in at the bottom."""
        x0, x1 = self._layout.centers[edge.source][0], self._arrival(edge)
        out = [(x0, self._box(edge.source)[3]), (x0, self._above(edge.source)), (x, self._above(edge.source) + 4)]
        return [
            *out,
            (x, self._below(edge.target) - 4),
            (x1, self._below(edge.target)),
            (x1, self._box(edge.target)[1]),
        ]

    def _strip(self, row: int) -> tuple[float, float]:
        """Below and above a row, where slanting lines begin and end."""
        bottom, top = self._layout.strips[row]
        return bottom - STUB, top + CLEAR + 1

    def _above(self, i: int) -> float:
        return self._strip(self._layout.rows[i])[1]

    def _below(self, i: int) -> float:
        return self._strip(self._layout.rows[i])[0]

    def _arrival(self, edge: GraphEdge) -> float:
        """Where an edge arrives: in the middle, but parameters beside the values."""
        x0, x1 = self._layout.centers[edge.source][0], self._layout.centers[edge.target][0]
        straight = self._nodes[edge.target].kind in ("operation", "module", "output")
        if self._nodes[edge.source].kind != "parameter" or not straight or abs(x0 - x1) < 1.0:
            return x1
        offset = self._sizes[edge.target][0] / 4
        return x1 - offset if x0 < x1 else x1 + offset

    def is_free(self, corners: list[Point], edge: GraphEdge) -> bool:
        """Whether no node but the two ends is near the line."""
        ends = (edge.source, edge.target)
        return all(self._free_piece(a, b, ends) for a, b in itertools.pairwise(corners))

    def _free_piece(self, a: Point, b: Point, ends: tuple[int, int]) -> bool:
        low, high = min(a[1], b[1]) - CLEAR, max(a[1], b[1]) + CLEAR
        for row in range(bisect_left(self._tops, low), len(self._tops)):
            if self._layout.bands[row][0] > high:
                break
            rights = self._rights[row]
            left, right = _reach(a, b, *self._layout.bands[row])
            for n in range(bisect_left(rights, (left - CLEAR, -1)), len(rights)):
                i = rights[n][1]
                box = self._box(i)
                if box[0] > right + CLEAR:
                    break
                near = _reach(a, b, box[1], box[3])
                if i not in ends and near[0] < box[2] + CLEAR and near[1] > box[0] - CLEAR:
                    return False
        return True


def _reach(a: Point, b: Point, bottom: float, top: float) -> tuple[float, float]:
    """From where to where, in x, a line is between two heights or near them; an empty range if it is not."""
    (x0, y0), (x1, y1) = (a, b) if a[1] <= b[1] else (b, a)
    bottom, top = max(bottom - CLEAR, y0), min(top + CLEAR, y1)
    if bottom > top:
        return float("inf"), float("-inf")
    if y1 - y0 < 0.5:
        return min(x0, x1), max(x0, x1)
    slope = (x1 - x0) / (y1 - y0)
    found = x0 + slope * (bottom - y0), x0 + slope * (top - y0)
    return min(found), max(found)


def _distance(a: Point, b: Point) -> float:
    return float(((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2) ** 0.5)


def _between(a: Point, b: Point, part: float) -> Point:
    return a[0] + (b[0] - a[0]) * part, a[1] + (b[1] - a[1]) * part


def _towards(a: Point, b: Point, length: float) -> Point:
    """The point at this distance from a on the way to b."""
    whole = _distance(a, b)
    return _between(a, b, min(1.0, length / whole) if whole else 0.0)


def _straight(a: Point, b: Point) -> list[Point]:
    """The control points after the first of a straight Bézier curve."""
    return [_between(a, b, 1 / 3), _between(a, b, 2 / 3), b]

"""Where edges run: lines with a few bends that no node stands in the way of.

Values flow from the top of a node to the bottom of the next, states from side to side. Between two rows is room for
lines of any slope, between two columns for vertical ones. For each edge a few simple ways are tried, the straightest
first. The first one is taken if none is free.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from heapq import nsmallest

from minigrad.inspect.graph.chains import Chain, common, in_backward, outermost_column, step_from, steps_of
from minigrad.inspect.graph.model import Graph, GraphEdge, GraphNode

from .lanes import LANE_GAP, Frame
from .lines import ARROW, Point, Route
from .obstacles import CLEAR, Box, Obstacles
from .place import COLUMN_GAP, Layout

STUB = 9.0  # the straight end of a line that arrives between two rows, with its arrow head
TRACKS = (0.0, -5.0, 5.0)  # where vertical lines run between two columns, from the middle
INSIDE = (4.0, -4.5)  # where those of a folded step run, from the right side of its column
NEAREST = 40  # vertical lines that are tried
FAR = 200  # edges over more rows than this take the first way, and nobody looks what is in it
LOOP = 12.0  # how far a loop stands off its node; labels need as much above it


def is_loop(edge: GraphEdge, nodes: Mapping[int, GraphNode]) -> bool:
    """Whether a state goes back to the box that it comes from: directly, or from the node of the state behind it."""
    source, target = nodes[edge.source], nodes[edge.target]
    return edge.state and (edge.source == edge.target or (source.behind_box and source.scope == target.scope))


class Router:
    """Finds the ways of the edges of a picture.

    Args:
        graph: what is drawn.
        layout: where its nodes stand.
        sizes: how large they are drawn, by id.
    """

    def __init__(self, graph: Graph, layout: Layout, sizes: Mapping[int, tuple[float, float]]) -> None:
        self.obstacles = Obstacles(layout, sizes)
        self._nodes = graph.by_id()
        self._rows = layout.rows
        # Below and above each row, where slanting lines begin and end.
        self._strips = [(bottom - STUB, top + CLEAR + 1) for bottom, top in layout.strips]
        self._frames: dict[Chain, Frame] = {frame.chain: frame for frame in layout.frames}
        self._tracks: dict[float, list[int]] = defaultdict(list)
        self._fed = {edge.target for edge in graph.edges if self._nodes[edge.source].constant}

    def route(self, edge: GraphEdge) -> Route:
        """The way of an edge: of a few simple ones the first that no node is in the way of."""
        ways = self._ways(edge)
        first = next(ways)
        if abs(self._rows[edge.source] - self._rows[edge.target]) > FAR:
            return Route(first)
        tried = itertools.chain((first,), ways)
        return Route(next((way for way in tried if self.obstacles.is_free(way, edge)), first))

    def _ways(self, edge: GraphEdge) -> Iterator[list[Point]]:
        source, target = self._nodes[edge.source], self._nodes[edge.target]
        rows = self._rows[edge.source], self._rows[edge.target]
        above, below = self._strips[rows[0]][1], self._strips[rows[1]][0]
        boxes = self.obstacles.boxes
        ends = Ends(
            source, target, boxes[edge.source], boxes[edge.target], rows, above, below, edge.target in self._fed
        )
        if is_loop(edge, self._nodes):
            yield ends.loop()
        elif in_backward(source.scope) != in_backward(target.scope):  # up and down between the two passes
            backward = next(frame for frame in self._frames.values() if in_backward(frame.chain))
            yield ends.by_way_of(backward.left - LANE_GAP / 2)
        else:
            if edge.state:
                yield from sideways(ends, self._track(ends))
            elif rows[1] > rows[0]:
                yield from upwards(ends, self._strips)
            yield from around(ends, self.obstacles)

    def _track(self, ends: Ends) -> float | None:
        """The x of a line beside the column of the source, on the side where it leaves; None outside columns."""
        scope = ends.source.scope
        k = step_from(scope, common(scope, ends.target.scope))
        steps = [n for n in steps_of(scope) if k is None or n <= k]
        if not steps:
            return None
        frame = self._frames[scope[: steps[-1] + 1]]
        x = frame.right + COLUMN_GAP / 2 if ends.sides[0] > 0 else frame.left - COLUMN_GAP / 2
        sources = self._tracks[x]
        if ends.source.id not in sources:
            sources.append(ends.source.id)
        track = sources.index(ends.source.id)
        return frame.right + INSIDE[track % len(INSIDE)] if ends.in_one_step else x + TRACKS[track % len(TRACKS)]


@dataclass(slots=True)
class Ends:
    """The two ends of an edge.

    Attributes:
        source, target: the nodes.
        here, there: their boxes.
        rows: theirs.
        above, below: heights at which no node stands: above the row of the source, and below that of the target.
        fed: whether data stands right below the target, as a rule: lines of parameters pass beside it.
    """

    source: GraphNode
    target: GraphNode
    here: Box
    there: Box
    rows: tuple[int, int]
    above: float
    below: float
    fed: bool

    @property
    def in_one_step(self) -> bool:
        """Whether what receives a state is in the same column, and not the node of the state behind a box."""
        scopes = self.source.scope, self.target.scope
        return all(step_from(scope, common(*scopes)) is None for scope in scopes) and not self.target.behind_box

    @property
    def sides(self) -> tuple[int, int]:
        """On which sides a state leaves and arrives: 1 is the right, -1 the left.

        What a folded step hands back goes in where it comes out.
        """
        side = 1 if self.there.x > self.here.x else -1
        return (1, 1) if self.in_one_step else (side, -side)

    @property
    def arrival(self) -> float:
        """Where values arrive: in the middle, but parameters beside the values."""
        x0, x1 = self.here.x, self.there.x
        straight = self.target.kind in ("operation", "module", "output")
        if self.source.kind != "parameter" or not straight or (abs(x0 - x1) < 1.0 and not self.fed):
            return x1
        offset = self.there.width * (0.375 if self.fed else 0.25)
        return x1 - offset if x0 < x1 else x1 + offset

    def loop(self) -> list[Point]:
        """Out on the right, over the node, and back on the left."""
        right, left, over = self.here.right + LOOP, self.there.left - LOOP, max(self.here.top, self.there.top) + LOOP
        out = [(self.here.right, self.here.y), (right, self.here.y), (right, over)]
        return [*out, (left, over), (left, self.there.y), (self.there.left, self.there.y)]

    def by_way_of(self, x: float) -> list[Point]:
        """Out at the top, along the row to this x, up or down, along the row below the target, and in at the bottom."""
        out = [(self.here.x, self.here.top), (self.here.x, self.above), (x, self.above + 4)]
        return [*out, (x, self.below - 4), (self.arrival, self.below), (self.arrival, self.there.bottom)]


def sideways(ends: Ends, track: float | None) -> Iterator[list[Point]]:
    """From side to side: straight, or up and down on a track between columns, past nodes in the way above or below."""
    here, there = ends.here, ends.there
    out, into = ends.sides
    start, end = (here.x + out * here.width / 2, here.y), (there.x + into * there.width / 2, there.y)
    level = abs(here.y - there.y) < 0.5
    if level and not ends.in_one_step:
        yield [start, end]
    if track is not None:
        x0, x1 = here.x + out * here.width / 4, there.x + into * there.width / 4
        leave = [(x0, here.y + _shoulder(ends.source, here)), (x0, ends.above), (track, ends.above)]
        enter = [(track, ends.below), (x1, ends.below), (x1, there.y - _shoulder(ends.target, there))]
        ahead, straight = (track - start[0]) * out > 0, (track - end[0]) * into > ARROW
        if ahead and straight and not level:
            yield [start, (track, here.y), (track, there.y), end]
        if ahead:
            yield [start, (track, here.y), *enter]
        if straight:
            yield [*leave, (track, there.y), end]
        yield [*leave, *enter]
    yield [start, end]


def _shoulder(node: GraphNode, box: Box) -> float:
    """How high a node is, from its middle, half-way between its middle and its side."""
    return box.height / 2 * (0.866 if node.kind == "state" else 1.0)


def upwards(ends: Ends, strips: list[tuple[float, float]]) -> Iterator[list[Point]]:
    """From top to bottom: straight between the rows, or vertical through rows and slanting between two of them."""
    x0, x1 = ends.here.x, ends.arrival
    start, end = (x0, ends.here.top), (x1, ends.there.bottom)
    low, high = ends.rows
    if abs(x0 - x1) < 1.0:
        yield [start, (x0, end[1])]
    slant, late, early = (
        [start, (x0, strips[below][1]), (x1, strips[above][0]), end]
        for below, above in ((low, high), (high - 1, high), (low, low + 1))
    )
    # The lines of a parameter to all the steps stay together as long as they can, and go up beside what stands below.
    yield from (late, early, slant) if ends.source.kind == "parameter" else (slant, late, early)


def around(ends: Ends, obstacles: Obstacles) -> Iterator[list[Point]]:
    """By a vertical line beside a node of the rows between that is near one of the ends, the shortest way first.

    Between a column and what is outside it, the line is near the end in the column.
    """
    x0, x1 = ends.here.x, ends.there.x
    columns = [outermost_column(node.scope) for node in (ends.source, ends.target)]
    weights = [0.1 if own is None and other is not None else 1.0 for own, other in (columns, columns[::-1])]
    rows = range(min(ends.rows), max(ends.rows) + 1)
    beside = {x0, x1, *(x for row in rows for end in (x0, x1) for x in obstacles.beside(row, end))}
    for _, x in nsmallest(NEAREST, ((weights[0] * abs(x - x0) + weights[1] * abs(x - x1), x) for x in beside)):
        yield ends.by_way_of(x)

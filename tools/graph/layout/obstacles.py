"""The nodes of a picture as what lines keep clear of."""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from minigrad.inspect.graph.model import GraphEdge

from .lines import Point
from .place import Layout

CLEAR = 4.0  # how near lines may come to nodes
NEIGHBOURS = 4  # nodes of a row, on each side of a place, beside which a vertical line may run


class Box(NamedTuple):
    """A node as it is drawn: its middle and its size, in points."""

    x: float
    y: float
    width: float
    height: float

    @property
    def left(self) -> float:
        return self.x - self.width / 2

    @property
    def right(self) -> float:
        return self.x + self.width / 2

    @property
    def bottom(self) -> float:
        return self.y - self.height / 2

    @property
    def top(self) -> float:
        return self.y + self.height / 2


class Obstacles:
    """All nodes with their places and sizes; `boxes` has them by id."""

    def __init__(self, layout: Layout, sizes: Mapping[int, tuple[float, float]]) -> None:
        self.boxes = {i: Box(*layout.centers[i], *sizes[i]) for i in layout.rows}
        self._bands = layout.bands
        self._tops = [top for _, top in layout.bands]
        self._rights: list[list[tuple[float, int]]] = [[] for _ in layout.bands]  # of the nodes of each row, in order
        for i, row in layout.rows.items():
            self._rights[row].append((self.boxes[i].right, i))
        for rights in self._rights:
            rights.sort()

    def beside(self, row: int, x: float) -> Iterator[float]:
        """Where a vertical line passes right beside one of the nodes of a row that are near a place."""
        rights = self._rights[row]
        n = bisect_left(rights, (x, -1))
        for right, i in rights[max(0, n - NEIGHBOURS) : n + NEIGHBOURS]:
            yield right + CLEAR + 1
            yield right - self.boxes[i].width - CLEAR - 1

    def is_free(self, corners: list[Point], edge: GraphEdge) -> bool:
        """Whether no node but the two ends of an edge is near the line."""
        return not any(
            i not in (edge.source, edge.target) for a, b in itertools.pairwise(corners) for i in self._near(a, b)
        )

    def _near(self, a: Point, b: Point) -> Iterator[int]:
        """The nodes near a straight line."""
        low, high = min(a[1], b[1]) - CLEAR, max(a[1], b[1]) + CLEAR
        for row in range(bisect_left(self._tops, low), len(self._tops)):
            if self._bands[row][0] > high:
                return
            rights = self._rights[row]
            left, right = _reach(a, b, *self._bands[row])
            for n in range(bisect_left(rights, (left - CLEAR, -1)), len(rights)):
                box = self.boxes[rights[n][1]]
                if box.left > right + CLEAR:
                    break
                start, end = _reach(a, b, box.bottom, box.top)
                if start < box.right + CLEAR and end > box.left - CLEAR:
                    yield rights[n][1]


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

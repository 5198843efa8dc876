"""Lines with a few bends: where they are at a height, and what curve they are drawn as."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

Point = tuple[float, float]

ARROW = 6.0  # the length of an arrow head
ROUND = 7.0  # the radius of bends


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

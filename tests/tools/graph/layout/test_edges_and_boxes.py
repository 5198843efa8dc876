"""No edge passes behind a box that it does not belong to: looked at in the finished pictures, curve by curve."""

import re

import pytest
from graph_examples import EXAMPLES

from minigrad.tools.graph import build, view
from minigrad.tools.graph.render.dot import to_dot

NODE = re.compile(r'^  n(\d+) \[.*pos="([-\d.]+),([-\d.]+)", width=([\d.]+), height=([\d.]+)', re.MULTILINE)
EDGE = re.compile(r'^  n(\d+) -> n(\d+) \[.*?pos="e,([-\d.]+,[-\d.]+) ([-\d., ]+)"', re.MULTILINE)
POINTS = 12  # looked at, of each curve
INCH = 72


def behind(dot):
    """Edges and nodes, as pairs of texts, of which the first passes behind the second."""
    boxes = {}
    for number, *place in NODE.findall(dot):
        x, y, width, height = map(float, place)
        half = width * INCH / 2 - 0.5, height * INCH / 2 - 0.5
        boxes[number] = (x - half[0], x + half[0], y - half[1], y + half[1])
    found = []
    for source, target, tip, curve in EDGE.findall(dot):
        points = [tuple(map(float, point.split(","))) for point in curve.split()]
        points = [p for k in range(0, len(points) - 1, 3) for p in bezier(*points[k : k + 4])]
        points.append(tuple(map(float, tip.split(","))))
        xs, ys = zip(*points, strict=True)
        for number, (left, right, bottom, top) in boxes.items():
            if right < min(xs) or left > max(xs) or top < min(ys) or bottom > max(ys):
                continue
            if number not in (source, target) and any(left < x < right and bottom < y < top for x, y in points):
                found.append((f"{source} -> {target}", number))
    return found


def bezier(a, b, c, d):
    for k in range(POINTS + 1):
        t = k / POINTS
        w = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
        yield tuple(sum(weight * point[i] for weight, point in zip(w, (a, b, c, d), strict=True)) for i in (0, 1))


def test_the_checker_sees_what_is_behind_a_box():
    nodes = '  n1 [pos="0,0", width=0.5, height=0.5];\n  n2 [pos="0,50", width=0.5, height=0.5];\n'
    edge = '  n3 -> n4 [pos="e,0,100 0,-50 0,0 0,50 0,90"];\n'
    assert behind(nodes + edge) == [("3 -> 4", "1"), ("3 -> 4", "2")]
    assert behind(nodes + edge.replace("n3", "n1").replace("n4", "n2")) == []


@pytest.mark.parametrize("steps", [1, 3, None])
@pytest.mark.parametrize("name", EXAMPLES)
def test_no_edge_passes_behind_a_box(name, steps):
    graph = build(EXAMPLES[name]())
    wrong = {}
    for show, depth in (("forward", 0), ("forward", 2), ("forward", 4), ("both", 1)):
        dot = to_dot(view(graph, depth, steps, show))
        assert len(NODE.findall(dot)) > 1
        assert EDGE.findall(dot)
        wrong[show, depth] = behind(dot)
    assert {where: found for where, found in wrong.items() if found} == {}

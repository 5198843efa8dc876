"""How a picture shows folded steps, derivatives and gradients."""

import itertools
import math
import re

import pytest

import minigrad as mg
from minigrad import nn
from minigrad.inspect.graph.chains import BACKWARD, Place
from minigrad.inspect.graph.model import Graph, GraphEdge, GraphNode
from minigrad.tools.graph import build, view
from minigrad.tools.graph.render.dot import to_dot
from minigrad.tools.graph.render.gradients import COLOURS, STRANGE, THICK, THIN, Scale, colour_at
from minigrad.tools.graph.render.looks import CARDS
from minigrad.tools.graph.views.contract import contract


def vanishing(steps=30, size=8):
    """The tape of a tanh network with small weights, after backward."""
    mg.manual_seed(0)
    w = mg.random.normal((size, size), std=0.1).requires_grad_()
    with mg.Tape() as tape:
        h = mg.zeros((2, size))
        for t in range(steps):
            with mg.scope("cell", step=t):
                h = mg.tanh(h @ w + 0.5)
        loss = (h * h).sum()
    loss.backward()
    return tape


def edges(dot):
    """The attributes of the edges of a picture, by their ends."""
    found = {}
    for source, target, attributes in re.findall(r"^  n(\d+) -> n(\d+) \[(.*)\];$", dot, re.MULTILINE):
        found[int(source), int(target)] = dict(re.findall(r'(\w+)=("[^"]*"|[^,]+)', attributes))
    return found


def lightness(colour):
    """CIE L* of `#RRGGBB`, 0 to 100."""
    linear = [(c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4) for c in channels(colour)]
    y = sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
    return 116 * y ** (1 / 3) - 16 if y > 0.008856 else 903.3 * y


def channels(colour):
    return [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]


def steps_with(*norms):
    """A chain of nodes whose edges have these gradient norms."""
    nodes = [GraphNode(i, "operation", "tanh", (), (2,)) for i in range(len(norms) + 1)]
    return Graph(nodes, [GraphEdge(i, i + 1, (2,), frozenset((i,)), grad_norm=norm) for i, norm in enumerate(norms)])


# --- folded steps and derivatives -------------------------------------------------------------------------------------


def test_folded_steps_are_a_stack_of_cards_and_in_the_legend():
    nodes = [GraphNode(0, "module", "cell × 9", (Place("cell", 0),), repeats=9), GraphNode(1, "output", "sum")]
    dot = to_dot(Graph(nodes, [GraphEdge(0, 1, (2,))]))
    assert sum(line.lstrip().startswith("card") and "_n0 " in line for line in dot.splitlines()) == CARDS
    assert "folded steps" in dot
    assert "folded steps" not in to_dot(Graph([GraphNode(0, "output", "sum")], []))


def test_a_loop_is_labelled_with_the_shape_and_explained():
    cell = GraphNode(0, "module", "cell × 9", (Place("cell", 0),), repeats=9)
    dot = to_dot(Graph([cell], [GraphEdge(0, 0, (2, 4), frozenset((0,)), state=True)]))
    assert edges(dot)[0, 0]["label"] == '"2×4"'
    assert "carried state" in dot


def test_derivatives_have_a_shape_of_their_own():
    nodes = [GraphNode(k, "operation", "tanh", (Place(BACKWARD, None),) * k, (2,), backward=k > 0) for k in range(2)]
    lines = to_dot(Graph(nodes, [])).splitlines()
    assert "shape=box" in next(line for line in lines if line.startswith("  n0 "))
    assert "shape=hexagon" in next(line for line in lines if line.startswith("  n1 "))
    assert any("legend_derivative" in line for line in lines)


def test_every_edge_says_where_it_runs():
    dot = to_dot(view(build(nn.LSTM(3, 4, 2)(mg.ones((9, 2, 3)))[0].sum()), depth=9))
    assert edges(dot)
    assert all("pos" in attributes for attributes in edges(dot).values())


# --- gradients --------------------------------------------------------------------------------------------------------


def test_edges_know_the_gradient_of_what_flows_along_them():
    graph = build(vanishing(3))
    nodes = graph.by_id()
    assert all(edge.grad_norm == nodes[edge.source].grad_norm for edge in graph.edges)
    assert any(edge.grad_norm for edge in graph.edges)
    assert '"grad_norm"' in graph.to_json()


def test_the_norm_of_joined_edges_is_that_over_their_different_values():
    nodes = [GraphNode(i, "operation", "tanh", (), (2,)) for i in range(4)]
    both = [GraphEdge(i, target, (2,), frozenset((i,)), grad_norm=3.0 + i) for i in (0, 1) for target in (2, 3)]
    (edge,) = contract(Graph(nodes, both), {0: 0, 1: 0, 2: 2, 3: 2}, [nodes[0], nodes[2]]).edges
    assert edge.grad_norm == pytest.approx(5.0)


def test_the_colours_become_darker_without_a_break():
    lights = [lightness(colour_at(k / 100)) for k in range(101)]
    assert all(b < a for a, b in itertools.pairwise(lights))
    assert lights[0] - lights[-1] > 60
    assert (colour_at(0.0), colour_at(1.0)) == (COLOURS[0], COLOURS[-1])


def test_equal_steps_of_the_scale_look_about_equally_large():
    lights = [lightness(colour_at(k / 8)) for k in range(9)]
    steps = [a - b for a, b in itertools.pairwise(lights)]
    assert max(steps) < 1.7 * min(steps)


def test_the_scale_is_logarithmic():
    scale = Scale(steps_with(1e-6, 1e-3, 1.0))
    assert (scale.low, scale.high) == (1e-6, 1.0)
    assert [scale.place(norm) for norm in (1e-6, 1e-3, 1.0)] == pytest.approx([0.0, 0.5, 1.0])
    assert (scale.width(1e-6), scale.width(1.0)) == (THIN, THICK)


def test_a_scale_spans_at_least_a_power_of_ten():
    scale = Scale(steps_with(2.0, 2.0))
    assert (scale.low, scale.high) == (0.2, 2.0)


def test_a_gradient_of_zero_is_at_the_low_end():
    scale = Scale(steps_with(0.0, 1e-3, 1.0))
    assert scale.low == 1e-3
    assert scale.place(0.0) == 0.0


def test_gradients_that_vanish_are_thin_and_light():
    graph = view(build(vanishing()), depth=0, steps=None)
    looks = edges(to_dot(graph, gradients=True))
    along = sorted((e for e in graph.edges if e.state), key=lambda e: (graph.by_id()[e.source].scope[0].step, e.source))
    widths = [float(looks[e.source, e.target]["penwidth"]) for e in along]
    lights = [lightness(looks[e.source, e.target]["color"].strip('"')) for e in along]
    assert widths == sorted(widths)
    assert widths[-1] > 4 * widths[0]
    assert lights == sorted(lights, reverse=True)
    assert lights[0] > lights[-1] + 50


def test_edges_without_a_gradient_are_thin_dotted_and_grey():
    look = edges(to_dot(steps_with(1.0, None), gradients=True))[1, 2]
    assert look["style"] == "dotted"
    assert float(look["penwidth"]) < THIN
    red, green, blue = channels(look["color"].strip('"'))
    assert red == green == blue


@pytest.mark.parametrize("strange", [math.inf, math.nan])
def test_what_is_infinite_or_no_number_stands_out(strange):
    dot = to_dot(steps_with(1.0, strange), gradients=True)
    assert edges(dot)[1, 2]["color"] == f'"{STRANGE}"'
    assert "infinite or NaN" in dot
    assert "infinite or NaN" not in to_dot(steps_with(1.0, 2.0), gradients=True)


def test_the_legend_has_a_scale_with_numbers_at_its_ends():
    dot = to_dot(steps_with(1.5e-4, 32.0), gradients=True)
    assert {"gradient norm:", "0.00015", "32"} <= set(re.findall(r">([^<>]+)</font>", dot))
    assert "gradient norm:" not in to_dot(steps_with(1.5e-4, 32.0))


def test_without_gradients_the_message_says_what_to_do():
    graph = view(build(nn.RNN(3, 4)(mg.ones((5, 2, 3)))[0].sum()))
    with pytest.raises(ValueError, match=r"loss.backward\(\)"):
        to_dot(graph, gradients=True)


def test_gradients_of_leaves_alone_are_not_enough():
    w = mg.ones((2, 2)).requires_grad_()
    loss = (mg.ones((1, 2)) @ w).tanh().sum()
    loss.backward()
    with pytest.raises(ValueError, match="leaves"):
        to_dot(build(loss, {"w": w}), gradients=True)

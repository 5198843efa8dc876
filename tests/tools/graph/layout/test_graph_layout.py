"""Where things stand in a picture: rows, lanes, columns, and the ways of edges. Geometry only, no picture is drawn."""

import itertools

import pytest
from graph_examples import EXAMPLES, encoder_and_decoder, recurrent
from graphs import rnn

import minigrad as mg
from minigrad import nn
from minigrad.inspect.graph.chains import BACKWARD, FORWARD, Place
from minigrad.inspect.graph.model import Graph, GraphEdge, GraphNode
from minigrad.tools.graph import build, view
from minigrad.tools.graph.layout.lanes import LANE_GAP
from minigrad.tools.graph.layout.place import place
from minigrad.tools.graph.layout.routes import Router
from minigrad.tools.graph.layout.rows import ROW_GAP, levels
from minigrad.tools.graph.render.looks import size_of

WIDE, TALL = 50.0, 20.0


def laid_out(graph, sizes=None):
    return place(graph, sizes or {n.id: (WIDE, TALL) for n in graph.nodes}, {})


def columns(layout):
    """The frames of time steps, by the scope around them: (step, left, right)."""
    found = {}
    for frame in layout.frames:
        if frame.chain[-1].step is not None:
            where = (*(p.name for p in frame.chain[:-1]), frame.chain[-1].name)
            found.setdefault(where, []).append((frame.chain[-1].step, frame.left, frame.right))
    return {where: sorted(steps) for where, steps in found.items()}


def overlapping(graph, layout, sizes):
    """Pairs of nodes that overlap."""
    boxes = []
    for node in graph.nodes:
        (x, y), (width, height) = layout.centers[node.id], sizes[node.id]
        boxes.append((x - width / 2, x + width / 2, y - height / 2, y + height / 2, node.label))
    return [
        (a[-1], b[-1])
        for a, b in itertools.combinations(boxes, 2)
        if a[0] < b[1] and b[0] < a[1] and a[2] < b[3] and b[2] < a[3]
    ]


# --- rows -------------------------------------------------------------------------------------------------------------


def test_the_same_operation_stands_in_the_same_row_of_every_step():
    with mg.Tape() as tape:  # constants too: the first step has another input than the others
        _, names = rnn(9)
    graph = view(build(tape, names), depth=1)
    rows = levels(graph)
    for label in ("tanh", "add"):
        assert len({rows[n.id] for n in graph.nodes if n.label == label}) == 1


def test_what_flows_into_the_first_step_alone_lifts_all_steps():
    w = mg.ones((3, 3)).requires_grad_()
    h = (mg.ones((2, 3)) @ w).exp().tanh() + 1.0
    for t in range(4):
        with mg.scope("cell", step=t):
            h = mg.sin(h @ w)
    graph = view(build(h.sum()), depth=0)
    rows = levels(graph)
    assert len({rows[n.id] for n in graph.nodes if n.label == "cell"}) == 1


def test_rows_rise_from_inputs_to_outputs():
    graph = view(build(recurrent(nn.LSTM, 2, 9)), depth=9)
    rows = levels(graph)
    assert min(rows.values()) == 0
    assert all(rows[e.source] < rows[e.target] for e in graph.edges if not e.state)


def test_rows_of_steps_that_do_things_in_another_order_still_rise():
    x = mg.ones(3).requires_grad_()
    for t in range(4):
        with mg.scope("cell", step=t):
            x = x.exp().sin() if t % 2 else x.sin().exp()
    graph = view(build(x), depth=9, steps=None)
    rows = levels(graph)
    assert all(rows[e.source] < rows[e.target] for e in graph.edges if not e.state)


def test_left_out_steps_stand_out_of_the_way_of_states_that_pass_by():
    graph = view(build(recurrent(nn.LSTM, steps=20)), depth=9)
    rows = levels(graph)
    (ellipsis,) = (n.id for n in graph.nodes if n.kind == "ellipsis")
    assert rows[ellipsis] not in {rows[n.id] for n in graph.nodes if n.kind == "state" and n.count == 0}


# --- columns ----------------------------------------------------------------------------------------------------------


def test_time_runs_from_left_to_right_in_columns_of_the_same_height():
    graph = view(build(rnn(7)[0]), depth=1)
    layout = laid_out(graph)
    steps = sorted((f for f in layout.frames if f.chain[-1].step is not None), key=lambda f: f.chain[-1].step)
    assert [f.chain[-1].step for f in steps] == [0, 1, 2, 3, 6]
    assert all(a.right < b.left for a, b in itertools.pairwise(steps))
    assert len({(f.bottom, f.top) for f in steps}) == 1


@pytest.mark.parametrize("depth", [3, 9])
@pytest.mark.parametrize("name", ["lstm", "uneven"])
def test_layers_above_each_other_have_the_same_columns(name, depth):
    graph = view(build(EXAMPLES[name]()), depth=depth)
    found = list(columns(laid_out(graph, {n.id: size_of(n) for n in graph.nodes})).values())
    assert len(found) == (2 if name == "lstm" else 3)
    for other in found[1:]:
        assert [pytest.approx(step) for step in found[0]] == other


def test_axes_with_different_steps_keep_their_own_columns():
    short, long = nn.RNN(3, 4), nn.RNN(3, 40)
    loss = long(mg.ones((5, 2, 3)) * short(mg.ones((3, 2, 3)))[0].sum())[0].sum()
    found = columns(laid_out(view(build(loss), depth=9)))
    assert sorted(len(steps) for steps in found.values()) == [3, 5]


def test_both_directions_stand_side_by_side_the_forward_one_first():
    graph = view(build(recurrent(nn.GRU, bidirectional=True)), depth=2)
    forward, reverse = (next(f for f in laid_out(graph).frames if f.chain[-1].name == n) for n in ("l0", "l0_reverse"))
    assert forward.right < reverse.left
    assert (forward.bottom, forward.top) == (reverse.bottom, reverse.top)


@pytest.mark.parametrize("reverse", [False, True])
def test_a_state_stands_on_the_side_of_its_box_to_which_it_goes(reverse):
    graph = view(build(recurrent(nn.GRU, bidirectional=True)), depth=2, steps=None)
    layout, nodes = laid_out(graph), graph.by_id()
    here = [e for e in graph.edges if e.state and (nodes[e.source].scope[1].name == "l0_reverse") is reverse]
    assert len(here) == 10
    for edge in here:  # from box to state, and from state to box: always in the same direction, and level
        (x0, y0), (x1, y1) = layout.centers[edge.source], layout.centers[edge.target]
        assert (x1 < x0) is reverse
        assert y0 == y1


def test_a_decoder_stands_right_of_its_encoder_in_the_same_row():
    graph = view(build(encoder_and_decoder()), depth=1)
    layout, rows = laid_out(graph), levels(graph)
    cells = {
        name: [n.id for n in graph.nodes if n.kind == "module" and n.label == name] for name in ("encoder", "decoder")
    }
    assert len({rows[i] for found in cells.values() for i in found}) == 1
    assert max(layout.centers[i][0] for i in cells["encoder"]) < min(layout.centers[i][0] for i in cells["decoder"])


def test_the_last_state_of_an_encoder_is_handed_to_the_decoder():
    graph = view(build(encoder_and_decoder()), depth=1)
    nodes = graph.by_id()
    part = {i: {p.name for p in node.scope} & {"encoder", "decoder"} for i, node in nodes.items()}
    handed = [e for e in graph.edges if (part[e.source], part[e.target]) == ({"encoder"}, {"decoder"})]
    assert [(nodes[e.source].kind, nodes[e.target].label, e.state) for e in handed] == [("state", "decoder", True)]


def test_layers_that_feed_every_step_hand_nothing_over():
    xs = [mg.ones((2, 3)).requires_grad_() for _ in range(3)]
    for layer in ("lower", "upper"):
        h = mg.zeros((2, 3))
        for t in range(3):
            with mg.scope(layer, step=t):
                xs[t] = h = mg.tanh(xs[t] + h)
    graph = view(build(h.sum()), depth=0)
    nodes = graph.by_id()
    between = [e for e in graph.edges if {nodes[e.source].label, nodes[e.target].label} == {"lower", "upper"}]
    assert len(between) == 3
    assert not any(e.state for e in between)


# --- nothing on top of each other -------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [0, 2, 9])
@pytest.mark.parametrize("name", EXAMPLES)
def test_nodes_do_not_overlap_and_lie_inside_their_frames(name, depth):
    graph = view(build(EXAMPLES[name]()), depth=depth)
    sizes = {n.id: size_of(n) for n in graph.nodes}
    layout = laid_out(graph, sizes)
    assert overlapping(graph, layout, sizes) == []
    frames = {f.chain: f for f in layout.frames}
    for node in graph.nodes:
        (x, y), (width, height) = layout.centers[node.id], sizes[node.id]
        for k in range(1, len(node.scope) + 1):
            frame = frames[node.scope[:k]]
            assert frame.left <= x - width / 2
            assert x + width / 2 <= frame.right
            assert frame.bottom <= y - height / 2
            assert y + height / 2 <= frame.top


def test_what_only_the_loss_reads_stands_beside_it_and_not_beside_the_wide_network_below():
    lstm = nn.LSTM(3, 4)
    with mg.Tape() as tape:
        outputs = lstm(mg.ones((6, 2, 3)))[0]
        (outputs.sum() - mg.ones(())) ** 2
    graph = view(build(tape), depth=2)
    sizes = {n.id: size_of(n) for n in graph.nodes}
    layout = laid_out(graph, sizes)
    (subtract,) = (n for n in graph.nodes if n.label == "subtract")
    (target,) = (e.source for e in graph.edges if e.target == subtract.id and graph.by_id()[e.source].kind == "data")
    away = abs(layout.centers[target][0] - layout.centers[subtract.id][0])
    assert away < 2 * sizes[target][0]
    assert layout.width > 8 * sizes[target][0]


def test_frames_overlap_only_if_one_lies_in_the_other():
    graph = view(build(EXAMPLES["uneven"]()), depth=9)
    frames = laid_out(graph, {n.id: size_of(n) for n in graph.nodes}).frames
    for a, b in itertools.combinations(frames, 2):
        nested = a.chain[: len(b.chain)] == b.chain or b.chain[: len(a.chain)] == a.chain
        apart = a.right <= b.left or b.right <= a.left or a.top <= b.bottom or b.top <= a.bottom
        assert nested or apart, (a, b)


def test_between_two_rows_is_a_strip_without_frames():
    graph = view(build(EXAMPLES["uneven"]()), depth=9)
    layout = laid_out(graph)
    for (_, top), (bottom, _) in itertools.pairwise(layout.strips):
        assert bottom - top == pytest.approx(ROW_GAP)
        assert not any(top < line < bottom for f in layout.frames for line in (f.bottom, f.top))


# --- the backward pass ------------------------------------------------------------------------------------------------


def both_passes(steps=3):
    """A chain of steps, and a chain back: states flow from later steps to earlier ones."""
    last = 2 * steps
    nodes = [GraphNode(t, "state", "tanh", (Place(FORWARD, None), Place("cell", t)), (2,)) for t in range(steps)]
    nodes.append(GraphNode(steps, "output", "sum", (Place(FORWARD, None),), ()))
    nodes += [
        GraphNode(last - t, "state", "∂tanh", (Place(BACKWARD, None), Place("cell", t)), (2,), backward=True)
        for t in reversed(range(steps))
    ]
    nodes.append(GraphNode(last + 1, "operation", "∂add", (Place(BACKWARD, None),), (2,), backward=True))
    edges = [GraphEdge(t, t + 1, (2,), frozenset((t,)), state=True) for t in range(steps - 1)]
    edges.append(GraphEdge(steps - 1, steps, (2,), frozenset((steps - 1,))))
    edges.append(GraphEdge(steps, steps + 1, (), frozenset((steps,))))
    edges += [GraphEdge(i, i + 1, (2,), frozenset((i,)), state=True) for i in range(steps + 1, last)]
    edges.append(GraphEdge(last, last + 1, (2,), frozenset((last,))))
    return Graph(nodes, edges)


def test_forward_and_backward_stand_side_by_side_and_are_equally_high():
    layout = laid_out(both_passes())
    forward, backward = (next(f for f in layout.frames if f.chain == (Place(n, None),)) for n in (FORWARD, BACKWARD))
    assert forward.right + LANE_GAP <= backward.left + 1e-9
    assert (forward.bottom, forward.top) == (backward.bottom, backward.top)


def test_both_passes_begin_in_the_lowest_row():
    graph = both_passes()
    rows = levels(graph)
    assert rows[0] == rows[4] == 0  # the first step of the one, the last step of the other


def test_time_runs_to_the_right_in_the_backward_pass_too():
    graph = both_passes()
    layout = laid_out(graph)
    for edge in graph.edges:
        if edge.state:
            leads_right = layout.centers[edge.target][0] > layout.centers[edge.source][0]
            assert leads_right is (not graph.by_id()[edge.source].backward)


def test_the_edge_between_the_passes_runs_between_them():
    graph = both_passes()
    layout = laid_out(graph)
    corners = Router(graph, layout, {n.id: (WIDE, TALL) for n in graph.nodes}).route(graph.edges[3]).corners
    forward, backward = (next(f for f in layout.frames if f.chain == (Place(n, None),)) for n in (FORWARD, BACKWARD))
    assert any(forward.right < x < backward.left for x, _ in corners)


# --- the ways of edges ------------------------------------------------------------------------------------------------


def routed(graph):
    sizes = {n.id: size_of(n) for n in graph.nodes}
    router = Router(graph, place(graph, sizes, {}), sizes)
    return router, [(edge, router.route(edge)) for edge in graph.edges]


@pytest.mark.parametrize("depth", [0, 2, 9])
@pytest.mark.parametrize("name", EXAMPLES)
def test_no_edge_runs_through_a_node(name, depth):
    router, routes = routed(view(build(EXAMPLES[name]()), depth=depth))
    assert [edge for edge, route in routes if not router.obstacles.is_free(route.corners, edge)] == []


def test_values_flow_from_the_top_of_a_node_to_the_bottom_of_the_next():
    graph = view(build(recurrent()), depth=9)
    sizes = {n.id: size_of(n) for n in graph.nodes}
    layout = place(graph, sizes, {})
    router = Router(graph, layout, sizes)
    for edge in graph.edges:
        if not edge.state:
            start, end = (router.route(edge).corners[k] for k in (0, -1))
            assert start == (layout.centers[edge.source][0], layout.centers[edge.source][1] + sizes[edge.source][1] / 2)
            assert end[1] == layout.centers[edge.target][1] - sizes[edge.target][1] / 2


@pytest.mark.parametrize("bidirectional", [False, True])
def test_states_behind_boxes_flow_straight(bidirectional):
    _, routes = routed(view(build(recurrent(nn.GRU, bidirectional=bidirectional)), depth=2))
    states = [route.corners for edge, route in routes if edge.state]
    assert states
    assert all(len(corners) == 2 and corners[0][1] == corners[1][1] for corners in states)


def folded(state_node):
    """A cell that stands for 100 steps, with its state going back to it."""
    at = (Place("cell", 0),)
    nodes = [
        GraphNode(0, "data", "x", (), (100, 2, 4)),
        GraphNode(1, "module", "cell × 100", at, repeats=100),
        GraphNode(2, "output", "stack", (), (100, 2, 4)),
    ]
    edges = [GraphEdge(0, 1, (100, 2, 4)), GraphEdge(1, 2, (2, 4), frozenset((1,)))]
    if state_node:
        nodes.append(GraphNode(3, "state", "state", at, (2, 4), count=0))
        edges += [GraphEdge(1, 3, None, state=True), GraphEdge(3, 1, None, state=True)]
    else:
        edges.append(GraphEdge(1, 1, (2, 4), frozenset((1,)), state=True))
    return Graph(nodes, edges)


@pytest.mark.parametrize("state_node", [False, True])
def test_a_loop_goes_out_on_the_right_over_the_box_and_back_on_the_left(state_node):
    graph = folded(state_node)
    sizes = {n.id: size_of(n) for n in graph.nodes}
    layout = place(graph, {i: (w + 24, h + 48) for i, (w, h) in sizes.items()}, {})
    corners = Router(graph, layout, sizes).route(graph.edges[-1]).corners
    (x, y), (width, height) = layout.centers[1], sizes[1]
    assert corners[-1] == (x - width / 2, y)
    assert corners[0][0] >= x + width / 2
    assert max(corner[1] for corner in corners) > y + height / 2
    assert corners[-2][0] < corners[-1][0]  # the arrow points to the right, into the box


def test_what_a_folded_step_hands_back_goes_out_and_in_on_the_right():
    at = (Place("cell", 0),)
    nodes = [
        GraphNode(0, "operation", "linear", at, (2,), repeats=9),
        GraphNode(1, "state", "tanh", at, (2,), repeats=9),
    ]
    graph = Graph(nodes, [GraphEdge(0, 1, (2,)), GraphEdge(1, 0, (2,), state=True)])
    layout = laid_out(graph)
    corners = Router(graph, layout, {0: (WIDE, TALL), 1: (WIDE, TALL)}).route(graph.edges[1]).corners
    assert corners[0] == (layout.centers[1][0] + WIDE / 2, layout.centers[1][1])
    assert corners[-1] == (layout.centers[0][0] + WIDE / 2, layout.centers[0][1])


def test_a_route_is_a_bezier_curve_that_ends_where_its_arrow_begins():
    _, routes = routed(view(build(recurrent()), depth=9))
    for _, route in routes:
        tip, *points = ([*map(float, p.removeprefix("e,").split(","))] for p in route.spline().split())
        assert len(points) % 3 == 1
        assert tip == pytest.approx(route.corners[-1], abs=0.06)
        assert abs(tip[0] - points[-1][0]) + abs(tip[1] - points[-1][1]) < 9


# --- size -------------------------------------------------------------------------------------------------------------


def test_a_chain_of_ten_thousand_nodes_needs_no_recursion():
    x = mg.tensor(1.0, requires_grad=True)
    for t in range(5_000):
        with mg.scope(step=t):
            x = x * 1.0 + 0.0
    graph = view(build(x), depth=3, steps=None)
    layout = laid_out(graph)
    assert len(layout.centers) == len(graph.nodes) >= 10_000
    assert len(layout.frames) == 5_000

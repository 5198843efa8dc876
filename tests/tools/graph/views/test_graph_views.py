"""Views of the graph: repeats folded, steps chosen, the path between two tensors, the backward pass."""

import itertools

import numpy as np
import pytest
from graphs import rnn

pytest.importorskip("hypothesis")
from hypothesis import given, settings
from hypothesis import strategies as st

import minigrad as mg
from minigrad import nn
from minigrad.inspect.graph.chains import BACKWARD, FORWARD, Place
from minigrad.inspect.graph.timeline import columns
from minigrad.tools.graph import build, view
from minigrad.tools.graph.views.path import between, parameter
from minigrad.tools.graph.views.repeats import fold_repeats
from minigrad.tools.graph.views.steps import keep_steps

LEAVES = ("parameter", "data")


def taped(make):
    """The tape of a loss, after backward."""
    with mg.Tape(details=True) as tape:
        loss = make()
    loss.backward()
    return tape


def one(graph, **attributes):
    """The node with these attributes."""
    (node,) = (n for n in graph.nodes if all(getattr(n, name) == value for name, value in attributes.items()))
    return node


def edges(graph):
    """The edges as pairs of labels."""
    nodes = graph.by_id()
    return {(nodes[e.source].label, nodes[e.target].label) for e in graph.edges}


def operations(graph):
    return sum(n.count for n in graph.nodes if n.kind not in LEAVES)


# --- repeats ----------------------------------------------------------------------------------------------------------


def test_a_loop_becomes_one_box_that_hands_its_state_to_itself():
    loss, names = rnn(100)
    graph = view(build(loss, names), depth=0, steps=1)
    cell = one(graph, kind="module")
    assert (cell.label, cell.repeats, cell.count) == ("cell × 100", 100, 400)
    assert cell.scope == (Place("cell", 0, 99),)
    (loop,) = (e for e in graph.edges if e.state)
    assert (loop.source, loop.target, loop.shape, len(loop.values)) == (cell.id, cell.id, (2, 3), 1)
    given, flows = ("constant", "cell × 100"), {("cell × 100", "multiply"), ("multiply", "sum")}
    assert edges(graph) == {given, ("cell × 100", "cell × 100"), *flows}
    assert cell.parameters == ("W_xh 3×3", "W_hh 3×3")


def test_an_open_loop_shows_each_operation_once():
    graph = view(build(rnn(50)[0]), depth=1, steps=1)
    assert {n.repeats for n in graph.nodes if n.scope} == {50}
    tanh = one(graph, label="tanh")
    assert tanh.kind == "state"
    assert [(graph.by_id()[e.target].label, e.shape) for e in graph.edges if e.state] == [("matmul", (2, 3))]


def test_shared_weights_have_one_edge_to_the_loop():
    w = mg.ones((3, 3)).requires_grad_()
    h = mg.ones((2, 3))
    for t in range(5):
        with mg.scope("cell", step=t):
            h = mg.tanh(h @ w)
    graph = view(build((h @ w).sum(), {"W": w}), depth=0, steps=1)
    weight = one(graph, kind="parameter")
    assert sorted(graph.by_id()[e.target].label for e in graph.edges if e.source == weight.id) == ["cell × 5", "matmul"]


def test_what_flows_into_the_first_step_and_out_of_the_last_stays():
    h0 = mg.ones((2, 3)).requires_grad_().exp()
    graph = view(build(rnn(9, h=h0)[0]), depth=0, steps=1)
    assert {("exp", "cell × 9"), ("cell × 9", "multiply")} <= edges(graph)


def test_an_initial_state_stands_outside_the_loop_and_inputs_inside():
    cell = nn.RNNCell(3, 3)  # inputs and states have the same shape
    xs = [mg.ones((2, 3)) for _ in range(6)]

    def loss():
        h = mg.zeros((2, 3))
        for x in xs:
            h, _ = cell(x, h)
        return h.sum()

    with mg.Tape() as tape:
        loss()
    graph = view(build(tape), depth=0, steps=1)
    data = [(n.scope, n.repeats) for n in graph.nodes if n.kind == "data"]
    assert sorted(data) == [((), 1), ((Place("RNNCell", 0, 5),), 6)]


def test_the_outputs_of_all_steps_leave_on_one_edge():
    graph = view(build(nn.LSTM(3, 4)(mg.ones((7, 2, 3)))[0].sum()), depth=2, steps=1)
    stack = one(graph, label="stack")
    (edge,) = (e for e in graph.edges if e.target == stack.id)
    assert graph.by_id()[edge.source].label == "cell × 7"
    assert len(edge.values) == 7
    (loop,) = (e for e in graph.edges if e.state)
    assert len(loop.values) == 2  # h and c of one step


def test_loops_inside_loops_are_folded():
    w = mg.ones((3, 3)).requires_grad_()
    h = mg.ones((2, 3))
    for epoch in range(4):
        with mg.scope("epoch", step=epoch):
            for t in range(2 + epoch):  # not all of them are equally long
                with mg.scope("cell", step=t):
                    h = mg.tanh(h @ w)
            h = h.exp()
    graph = view(build(h.sum(), {"W": w}), depth=1, steps=1)
    cell = one(graph, kind="module")
    assert (cell.label, cell.count) == ("cell × 14", 28)
    assert [p for p in cell.scope if p.step is not None] == [Place("epoch", 0, 3), Place("cell", 0, 4)]
    flows = {("cell × 14", "exp"), ("exp", "cell × 14"), ("cell × 14", "cell × 14"), ("exp", "sum")}
    assert edges(graph) == {("constant", "cell × 14"), *flows}


def test_what_only_some_steps_do_stands_for_fewer():
    w = mg.ones((3, 3)).requires_grad_()
    h = mg.ones((2, 3))
    for t in range(10):
        with mg.scope("cell", step=t):
            h = h @ w
            h = mg.relu(h) if t == 4 else mg.tanh(h)
            h = h.exp() if t % 2 else h
    graph = view(build(h.sum()), depth=9, steps=1)
    assert {n.label: n.repeats for n in graph.nodes if n.kind not in LEAVES} == {
        "matmul": 10,
        "tanh × 9": 9,
        "exp × 5": 5,
        "relu": 1,
        "sum": 1,
    }
    assert one(graph, label="relu").detail == "only t = 4"


def test_a_network_in_both_directions_has_two_loops():
    graph = view(build(nn.GRU(3, 4, bidirectional=True)(mg.ones((8, 2, 3)))[0].sum()), depth=2, steps=1)
    cells = [n for n in graph.nodes if n.label == "cell × 8"]
    assert len(cells) == 2
    assert {(e.source, e.target) for e in graph.edges if e.state} == {(n.id, n.id) for n in cells}


def test_folded_steps_add_up_bytes_and_join_norms():
    tape = taped(lambda: rnn(5)[0])
    graph = build(tape)
    folded = view(graph, depth=1, steps=1)
    tanh, single = one(folded, label="tanh"), [n for n in graph.nodes if n.label == "tanh"]
    assert tanh.grad_norm == pytest.approx(np.linalg.norm([n.grad_norm for n in single]))
    assert tanh.saved_bytes == sum(n.saved_bytes for n in single)
    assert tanh.value.min == min(n.value.min for n in single)
    assert tanh.value.mean == pytest.approx(np.mean([n.value.mean for n in single]))
    assert tanh.value.std == pytest.approx(np.sqrt(np.mean([n.value.mean**2 for n in single]) - tanh.value.mean**2))


def test_one_step_alone_is_no_repeat():
    graph = view(build(rnn(1)[0]), depth=0, steps=1)
    assert one(graph, kind="module").label == "cell"
    assert not any(e.state for e in graph.edges)


# --- steps ------------------------------------------------------------------------------------------------------------


def test_chosen_steps_stay_and_each_gap_has_its_own_ellipsis():
    graph = keep_steps(columns(build(rnn(100)[0])), {0, 1, 50, -1})
    assert sorted({n.scope[0].step for n in graph.nodes if n.scope and n.kind != "ellipsis"}) == [0, 1, 50, 99]
    ellipses = [n for n in graph.nodes if n.kind == "ellipsis"]
    assert [(n.label, n.detail) for n in ellipses] == [("48 steps", "2 … 49"), ("48 steps", "51 … 98")]


def test_a_range_of_steps():
    graph = view(build(rnn(20)[0]), depth=0, steps=range(5, 8))
    assert [n.scope[0].step for n in graph.nodes if n.kind == "module"] == [5, 6, 7]
    assert [n.detail for n in graph.nodes if n.kind == "ellipsis"] == ["0 … 4", "8 … 19"]
    states = [n for n in graph.nodes if n.kind == "state"]
    assert len(states) == 4  # from gap to step, twice from step to step, and from step to gap


def test_negative_steps_count_from_the_end_of_each_axis():
    h = mg.ones(2).requires_grad_()
    for name, length in (("encoder", 6), ("decoder", 3)):
        for t in range(length):
            with mg.scope(name, step=t):
                h = h.tanh()
    graph = keep_steps(columns(build(h)), [-1])
    kept = {(n.scope[0].name, n.scope[0].step) for n in graph.nodes if n.kind in ("operation", "output")}
    assert kept == {("encoder", 5), ("decoder", 2)}


@pytest.mark.parametrize(
    ("steps", "error", "message"),
    [
        ({3}, ValueError, "there is no time step 3: they go from 0 to 2"),
        ({-4}, ValueError, "there is no time step -4"),
        ([], ValueError, "steps is empty"),
        ("all", TypeError, "not 'all'"),
        (2.0, TypeError, "not 2.0"),
        (True, TypeError, "not True"),
        ([0, "1"], TypeError, "collection of the numbers"),
    ],
)
def test_steps_that_cannot_be_kept(steps, error, message):
    with pytest.raises(error, match=message):
        view(build(rnn(3)[0]), steps=steps)


def test_steps_of_what_has_none():
    with pytest.raises(ValueError, match="nothing here has time steps"):
        view(build(mg.ones(2).requires_grad_().sum()), steps={0})


# --- paths ------------------------------------------------------------------------------------------------------------


def test_only_what_lies_between_two_nodes():
    a, b = mg.ones(2).requires_grad_(), mg.ones(2).requires_grad_()
    graph = build((mg.tanh(a) * mg.exp(b)).sum() + b.sum(), {"a": a, "b": b})
    start, end = parameter(graph, "a").id, graph.nodes[-1].id
    assert [n.label for n in between(graph, [start], [end]).nodes] == ["a", "tanh", "multiply", "sum", "add"]
    assert [n.label for n in between(graph, [start], None).nodes] == ["a", "tanh", "multiply", "sum", "add"]
    exp = one(graph, label="exp").id
    assert [n.label for n in between(graph, None, [exp]).nodes] == ["b", "exp"]
    with pytest.raises(ValueError, match="there is no path"):
        between(graph, [start], [exp])


def test_a_long_path_needs_no_recursion():
    x = mg.tensor(1.0, requires_grad=True)
    y = x
    for _ in range(20_000):
        y = y * 1.0
    assert len(between(build(y), [0], [20_000]).nodes) == 20_001


def test_parameters_by_name():
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    graph = build(model(mg.ones((1, 3))).sum())
    assert parameter(graph, "Sequential.0.weight").shape == (4, 3)
    assert parameter(graph, "1.weight").shape == (2, 4)
    with pytest.raises(ValueError, match=r"several parameters are called 'weight': .*0.weight, Sequential.1.weight"):
        parameter(graph, "weight")
    with pytest.raises(ValueError, match=r"no parameter '2.weight' was used; there are: Sequential.0.bias"):
        parameter(graph, "2.weight")


# --- passes -----------------------------------------------------------------------------------------------------------


def test_the_backward_pass_is_the_mirror_image_of_the_forward_pass():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    graph = view(build((mg.tanh(x) * 2.0).sum(), {"x": x}), show="backward")
    assert [(n.label, n.shape) for n in graph.nodes] == [("∂sum", ()), ("∂multiply", (2,)), ("∂tanh", (2,))]
    assert graph.nodes[-1].parameters == ("∂x 2",)
    assert [(e.source, e.target, e.shape) for e in graph.edges] == [
        (a.id, b.id, (2,)) for a, b in itertools.pairwise(graph.nodes)
    ]
    assert all(n.backward and n.scope[0] == Place(BACKWARD, None) for n in graph.nodes)


def test_states_flow_back_in_time():
    tape = taped(lambda: rnn(5)[0])
    graph = view(build(tape), depth=1, steps=None, show="backward")
    nodes = graph.by_id()
    carried = [(nodes[e.source].scope[1].step, nodes[e.target].scope[1].step) for e in graph.edges if e.state]
    assert carried == [(4, 3), (3, 2), (2, 1), (1, 0)]
    assert all((nodes[e.source].label, nodes[e.target].label) == ("∂matmul", "∂tanh") for e in graph.edges if e.state)


def test_gradients_of_a_parameter_meet_in_one_node():
    loss, names = rnn(4)
    graph = view(build(loss, names), depth=0, steps=None, show="backward")
    gradient = one(graph, kind="parameter")
    assert sorted(gradient.parameters) == ["∂W_hh 3×3", "∂W_xh 3×3"]
    assert sum(e.target == gradient.id for e in graph.edges) == 4


def test_derivatives_have_the_norms_of_the_tape():
    with mg.Tape() as tape:
        loss, names = rnn(4)
    loss.backward()
    graph = build(tape, names)
    norms = sorted(n.grad_norm for n in graph.nodes if n.label == "tanh")
    derived = view(graph, depth=9, steps=None, show="backward")
    assert sorted(n.grad_norm for n in derived.nodes if n.label == "∂tanh") == norms
    assert not any("constant" in n.label for n in derived.nodes)


def test_gradients_begin_where_backward_began():
    with mg.Tape() as tape:
        x = mg.ones(2).requires_grad_()
        loss = mg.exp(x).sum()
        _shown = loss * 100.0
        _unused = mg.tanh(x)
    loss.backward()
    labels = [n.label for n in view(build(tape), show="backward").nodes]
    assert labels == ["∂sum", "∂exp", "∂leaf"]


def test_both_passes_stand_in_frames_of_their_own():
    graph = view(build(rnn(6)[0]), depth=0, show="both")
    assert {n.scope[0].name for n in graph.nodes} == {FORWARD, BACKWARD}
    nodes = graph.by_id()
    across = [(nodes[e.source].label, nodes[e.target].label) for e in graph.edges if _crosses(e, nodes)]
    assert across == [("sum", "∂sum")]
    assert sum(n.kind == "module" and n.backward for n in graph.nodes) == 4


def _crosses(edge, nodes):
    return nodes[edge.source].backward != nodes[edge.target].backward


def test_a_recorded_backward_pass_is_shown_as_it_is():
    loss, names = rnn(12)
    loss.backward(create_graph=True)
    grads = [p.grad for p in names.values()]

    def count(graph):
        return sum(n.backward and n.label != "permute_dims" for n in graph.nodes)  # a transposed weight is the weight

    graph = build([loss, *grads], names)
    recorded = count(graph)
    both = view(graph, depth=9, steps=None, show="both")
    assert count(both) == recorded > 0
    nodes = both.by_id()
    across = [e for e in both.edges if _crosses(e, nodes) and nodes[e.source].kind not in LEAVES]
    assert len(across) == 1  # where it begins; not all the values that it reads
    alone = view(graph, depth=9, steps=None, show="backward")
    assert all(n.backward or n.kind in LEAVES for n in alone.nodes)


def test_repeats_of_the_backward_pass():
    graph = view(build(rnn(100)[0]), depth=0, steps=1, show="both")
    cells = [n for n in graph.nodes if n.kind == "module"]
    assert [(n.label, n.backward) for n in cells] == [("cell × 100", False), ("cell × 100", True)]
    assert [e.target for e in graph.edges if e.source == e.target] == [n.id for n in cells]


def test_unknown_passes():
    with pytest.raises(ValueError, match="show is one of forward, backward, both, not 'sideways'"):
        view(build(rnn(2)[0]), show="sideways")


# --- what all views have in common ------------------------------------------------------------------------------------


@st.composite
def networks(draw):
    """The loss of some network: loops in modules, loops by hand, with or without a tape."""
    steps, layers = draw(st.integers(1, 7)), draw(st.integers(1, 2))
    kind = draw(st.sampled_from((nn.RNN, nn.GRU, nn.LSTM)))
    network = kind(3, 3, layers, bidirectional=draw(st.booleans()))
    again = draw(st.integers(0, 3))
    width = network.output_size

    def loss():
        y, _ = network(mg.ones((steps, 2, 3)))
        w = mg.ones((width, width)).requires_grad_()
        h = y[-1]
        for t in range(again):
            with mg.scope("decoder", step=t):
                h = mg.tanh(h @ w) + (y[t] if t < steps and t % 2 else 0.0)
        return h.sum() + y.sum()

    return build(taped(loss) if draw(st.booleans()) else loss())


VIEWS = {
    "depth": st.one_of(st.none(), st.integers(0, 5)),
    "steps": st.one_of(st.none(), st.integers(1, 5), st.sampled_from(([0], [-1], [0, -1]))),
    "show": st.sampled_from(("forward", "backward", "both")),
}


@settings(deadline=None, max_examples=60)
@given(networks(), st.fixed_dictionaries(VIEWS))
def test_every_view_is_a_graph_that_stands_for_all_operations(graph, chosen):
    shown = view(graph, **chosen)
    ids = [n.id for n in shown.nodes]
    assert len(ids) == len(set(ids))
    assert {i for e in shown.edges for i in (e.source, e.target)} <= set(ids)
    assert all(e.state for e in shown.edges if e.source == e.target)
    assert all(n.kind in ("state", "ellipsis") or n.count > 0 for n in shown.nodes if n.kind not in LEAVES)
    whole = view(graph, depth=9, steps=None, show=chosen["show"])
    assert operations(shown) == operations(whole)
    if chosen["show"] == "forward":
        rearranged = sum(n.label in ("permute_dims", "reshape") for n in graph.nodes)
        assert operations(graph) - rearranged <= operations(whole) <= operations(graph)


@settings(deadline=None, max_examples=40)
@given(networks(), st.fixed_dictionaries(VIEWS))
def test_no_edge_between_operations_that_are_shown_is_lost(graph, chosen):
    shown = view(graph, **chosen)
    whole = view(graph, depth=9, steps=None, show=chosen["show"])
    own = {n.id for n in shown.nodes if n.count == 1 and n.kind in ("operation", "output", "state")}
    pairs = {(e.source, e.target) for e in shown.edges}
    folded = chosen["steps"] == 1
    for e in whole.edges:
        if {e.source, e.target} <= own and not (folded and e.state):
            assert (e.source, e.target) in pairs


@settings(deadline=None, max_examples=25)
@given(networks(), st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_path_is_what_start_reaches_and_what_reaches_the_end(graph, a, b):
    start, end = sorted((graph.nodes[a % len(graph.nodes)].id, graph.nodes[b % len(graph.nodes)].id))
    users, inputs = {}, {}
    for e in graph.edges:
        users.setdefault(e.source, set()).add(e.target)
        inputs.setdefault(e.target, set()).add(e.source)
    after, before = {start}, {end}
    for i in range(len(graph.nodes)):  # ids rise from inputs to outputs
        after |= {i} if inputs.get(i, set()) & after else set()
    for i in reversed(range(len(graph.nodes))):
        before |= {i} if users.get(i, set()) & before else set()
    if after & before:
        found = between(graph, [start], [end])
        assert {n.id for n in found.nodes} == after & before
        assert len(found.edges) == sum({e.source, e.target} <= after & before for e in graph.edges)
    else:
        with pytest.raises(ValueError, match="no path"):
            between(graph, [start], [end])


def test_views_leave_the_graph_as_it_was():
    graph = build(taped(lambda: rnn(6)[0]))
    before = graph.to_json()
    for show, steps in itertools.product(("forward", "backward", "both"), (None, 1, 3, [0])):
        view(graph, depth=1, steps=steps, show=show)
    fold_repeats(columns(graph))
    assert graph.to_json() == before

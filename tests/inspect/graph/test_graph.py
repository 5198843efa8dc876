"""The model of a graph, and the views of it: what is there, what is folded, which row and lane things get."""

import json

import pytest
from graphs import rnn

import minigrad as mg
from minigrad import nn
from minigrad.inspect.graph.chains import Place
from minigrad.inspect.graph.from_tape import index_text
from minigrad.inspect.graph.model import KINDS, shape_text
from minigrad.inspect.graph.timeline import columns
from minigrad.tools.graph import build, view
from minigrad.tools.graph.views.fold import fold
from minigrad.tools.graph.views.steps import keep_steps


def kinds(graph):
    """How many nodes there are of each kind."""
    return {kind: n for kind in KINDS if (n := sum(node.kind == kind for node in graph.nodes))}


def labels(graph, kind):
    return [node.label for node in graph.nodes if node.kind == kind]


# --- building ---------------------------------------------------------------------------------------------------------


def test_a_tensor_s_history():
    a, b = mg.tensor([1.0, 2.0], requires_grad=True), mg.tensor([3.0, 4.0], requires_grad=True)
    graph = build((a * b).sum())
    assert [(n.kind, n.label, n.shape) for n in graph.nodes] == [
        ("data", "leaf", (2,)),
        ("data", "leaf", (2,)),
        ("operation", "multiply", (2,)),
        ("output", "sum", ()),
    ]
    assert [(e.source, e.target, e.shape) for e in graph.edges] == [(0, 2, (2,)), (1, 2, (2,)), (2, 3, (2,))]


def test_parameters_are_leaves_with_a_label_and_have_full_names():
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    graph = build(model(mg.ones((1, 3))).sum())
    names = [node.name for node in graph.nodes if node.kind == "parameter"]
    assert names == ["Sequential.0.weight", "Sequential.0.bias", "Sequential.1.weight", "Sequential.1.bias"]


def test_names_for_leaves_without_a_label():
    loss, names = rnn(2)
    graph = build(loss, names)
    assert [node.name for node in graph.nodes if node.kind == "parameter"] == ["cell.W_xh", "cell.W_hh"]


def test_inputs_have_smaller_ids_and_leaves_stand_where_they_are_read():
    graph = build(rnn(5)[0])
    assert [node.id for node in graph.nodes] == list(range(len(graph.nodes)))
    assert all(edge.source < edge.target for edge in graph.edges)
    first_use = {}
    for edge in graph.edges:
        first_use.setdefault(edge.source, edge.target)
    assert all(first_use[n.id] - n.id <= 2 for n in graph.nodes if n.kind == "data")


def test_a_tape_knows_constants_bytes_and_gradients():
    with mg.Tape() as tape:
        loss, names = rnn(2)
    loss.backward()
    graph = build(tape, names)
    assert "constant" in labels(graph, "data")
    assert sum(node.saved_bytes for node in graph.nodes) == tape.saved_bytes > 0
    output = next(node for node in graph.nodes if node.kind == "output")
    assert output.grad_norm == pytest.approx(1.0)


def test_the_same_value_used_twice_has_two_edges():
    x = mg.tensor(2.0, requires_grad=True)
    assert len(build(x * x).edges) == 2


def test_scopes_with_the_same_name_and_step_stay_apart():
    x = mg.tensor(1.0, requires_grad=True)
    for _ in range(2):
        for t in range(2):
            with mg.scope("loop", step=t):
                x = x.tanh()
    scopes = [node.scope for node in build(x).nodes if node.label == "tanh"]
    assert scopes == [
        (Place("loop", 0),),
        (Place("loop", 1),),
        (Place("loop#2", 0),),
        (Place("loop#2", 1),),
    ]


def test_a_tape_with_details_tells_source_lines_values_and_gradients():
    with mg.Tape(details=True) as tape:
        loss, _ = rnn(2)
    loss.backward()
    tanh = next(n for n in build(tape).nodes if n.label == "tanh")
    assert tanh.source.startswith("helpers/graphs.py:")
    assert tanh.source.endswith("in rnn")
    assert tanh.code == "h = mg.tanh(x[t] @ w_xh + h @ w_hh)"
    assert tanh.value.mean == pytest.approx(0.995055, rel=1e-5)
    assert tanh.grad.max >= tanh.grad.min > 0
    assert build(loss).nodes[-1].value is None  # a graph alone knows none of it


@pytest.mark.parametrize(
    "make", [lambda: nn.LSTM(3, 4, 2), lambda: nn.GRU(3, 4, bidirectional=True), lambda: nn.RNN(3, 4)]
)
def test_a_graph_alone_knows_what_it_keeps_for_backward(make):
    module = make()
    with mg.Tape(details=True) as tape:
        loss = (module(mg.ones((5, 2, 3)))[0] ** 2).sum()
    graph = build(loss, details=True)
    assert sum(node.saved_bytes for node in graph.nodes) == tape.saved_bytes
    of_tape = [(n.label, n.scope, n.value) for n in build(tape).nodes]
    kept = [(n.label, n.scope, n.value) for n in graph.nodes if n.kind == "operation" and n.value is not None]
    assert len(kept) > 5
    assert all(node in of_tape for node in kept)
    loss.backward()
    assert all(n.saved_bytes == 0 and n.value is None for n in build(loss, details=True).nodes)


def test_json_round_trip():
    with mg.Tape() as tape:
        loss, _ = rnn(2)
    loss.backward(mg.tensor(float("nan")))
    data = json.loads(build(tape).to_json())
    assert data["format"] == "minigrad graph"
    assert {len(data["nodes"]), len(data["edges"])} == {len(build(tape).nodes), len(build(tape).edges)}
    assert data["nodes"][-1]["grad_norm"] is None
    assert {tuple(place.values()) for node in data["nodes"] for place in node["scope"]} == {("cell", 0), ("cell", 1)}


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: mg.ones(3), ValueError, "nothing was recorded"),
        (lambda: mg.Tape(), ValueError, "tape is empty"),
        (lambda: "loss", TypeError, "not from str"),
        (lambda: [1.0], TypeError, "not from list"),
    ],
)
def test_what_cannot_be_drawn(make, error, message):
    with pytest.raises(error, match=message):
        build(make())


def test_building_and_folding_need_no_recursion():
    x = mg.tensor(1.0, requires_grad=True)
    for t in range(20_000):
        with mg.scope(step=t):
            x = x * 1.0 + 0.0
    graph = view(build(x), depth=3, steps=3)
    assert labels(graph, "ellipsis") == ["19997 steps"]


@pytest.mark.parametrize(
    ("index", "text"), [(3, "[3]"), ((slice(None), slice(0, 5), ...), "[:, 0:5, ...]"), (None, "[newaxis]")]
)
def test_an_index_as_text(index, text):
    assert index_text(index) == text


def test_shapes_as_text():
    assert [shape_text(s) for s in ((2, 3), (4,), (), None)] == ["2×3", "4", "scalar", ""]


# --- time -------------------------------------------------------------------------------------------------------------


def test_a_step_becomes_a_place_of_its_own():
    graph = columns(build(rnn(3)[0]))
    assert {n.scope for n in graph.nodes if n.label == "tanh"} == {
        (Place("cell", t), Place("cell", None)) for t in range(3)
    }


def test_cells_of_one_loop_share_columns_and_take_in_what_stands_between():
    w = mg.ones((3, 3)).requires_grad_()
    xs = mg.ones((4, 2, 3)) * w.sum()
    h = g = mg.zeros((2, 3))
    total = mg.zeros(())
    for t in range(4):
        with mg.scope("lower", step=t):
            h = mg.tanh(xs[t] + h @ w)
        x = h.exp()
        with mg.scope("upper", step=t):
            g = mg.tanh(x + g @ w)
        total = total + g.sum()
    graph = columns(build(total / 4))
    for label in ("exp", "tanh", "add"):
        steps = [n.scope[0] for n in graph.nodes if n.label == label]
        assert {place.step for place in steps} == {0, 1, 2, 3}, label
        assert len({place.name for place in steps}) == 1
    sums = [n for n in graph.nodes if n.label == "sum"]
    assert [n.scope for n in sums if not n.scope] == [()]  # only the one before the loop stays outside
    assert next(n for n in graph.nodes if n.kind == "output").scope == ()


def test_an_encoder_and_its_decoder_have_time_axes_of_their_own():
    h = mg.ones(2).requires_grad_()
    for name in ("encoder", "decoder"):
        for t in range(3):
            with mg.scope(name, step=t):
                h = h.tanh()
    assert {n.scope[0].name for n in columns(build(h)).nodes if n.scope} == {"encoder", "decoder"}


def test_keeping_the_first_steps_and_the_last():
    graph = keep_steps(columns(build(rnn(100)[0])), 4)
    assert sorted({n.scope[0].step for n in graph.nodes if n.scope and n.kind != "ellipsis"}) == [0, 1, 2, 99]
    (ellipsis,) = (n for n in graph.nodes if n.kind == "ellipsis")
    assert (ellipsis.label, ellipsis.detail) == ("96 steps", "3 … 98")
    into = [e for e in graph.edges if e.target == ellipsis.id]
    out = [e for e in graph.edges if e.source == ellipsis.id]
    assert any(graph.by_id()[e.source].label == "tanh" for e in into)
    assert len(out) == 1
    assert graph.by_id()[out[0].target].scope[0].step == 99


def test_one_step_is_not_left_out():
    graph = columns(build(rnn(5)[0]))
    assert kinds(keep_steps(graph, 4)) == kinds(graph)


# --- folding ----------------------------------------------------------------------------------------------------------


def test_depth_zero_leaves_boxes_in_their_steps():
    loss, names = rnn(4)
    graph = view(build(loss, names), depth=0)
    assert labels(graph, "module") == ["cell"] * 4
    assert labels(graph, "state") == ["state"] * 3
    (weights,) = (n for n in graph.nodes if n.kind == "parameter")
    assert weights.parameters == ("W_xh 3×3", "W_hh 3×3")
    assert sum(e.source == weights.id for e in graph.edges) == 4  # drawn once, with an edge to each step


def test_depth_opens_one_level_at_a_time():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(3, 4, 2)

        def forward(self, x):
            return self.lstm(x)[0]

    graph = build(Model()(mg.ones((6, 2, 3))).sum())
    assert labels(view(graph, depth=0), "module") == ["Model"]
    assert labels(view(graph, depth=1), "module") == ["lstm"]
    assert labels(view(graph, depth=2), "module") == ["l0", "l1"]
    assert set(labels(view(graph, depth=3), "module")) == {"cell"}
    assert labels(view(graph, depth=4), "module") == []
    boxes = view(graph, depth=2).nodes
    assert all(len(n.parameters) == 4 for n in boxes if n.kind == "module")


def test_folding_adds_up_and_keeps_edges_once():
    graph = fold(columns(build(rnn(3)[0])), 0)
    boxes = [n for n in graph.nodes if n.kind == "module"]
    assert [n.count for n in boxes] == [4, 4, 4]
    pairs = [(e.source, e.target) for e in graph.edges]
    assert len(pairs) == len(set(pairs))


def test_many_uses_become_badges():
    loss, names = rnn(20)
    graph = view(build(loss, names), depth=1, steps=None)
    assert labels(graph, "parameter") == []
    assert sum("W_hh 3×3" in n.parameters for n in graph.nodes) == 20


def test_a_transposed_parameter_counts_as_the_parameter():
    w = mg.ones((2, 3)).requires_grad_()
    graph = view(build((mg.ones((1, 3)) @ w.T).sum(), {"W": w}))
    assert [n.label for n in graph.nodes] == ["constant", "matmul", "sum"]
    assert graph.nodes[1].parameters == ("W 2×3",)


def test_what_is_carried_is_a_state_in_the_last_step_too():
    graph = view(build(rnn(4)[0]), depth=1)
    assert labels(graph, "state") == ["tanh"] * 4
    assert sum(e.state for e in graph.edges) == 3


def test_two_states_pass_the_left_out_steps_on_lines_of_their_own():
    lstm = nn.LSTM(3, 4)
    graph = view(build(lstm(mg.ones((9, 2, 3)))[0].sum()), depth=9)
    hidden = {n.id for n in graph.nodes if n.kind == "state" and n.count == 0}
    assert len(hidden) == 2
    assert all(sum(e.target == i for e in graph.edges) == 1 for i in hidden)
    assert not any(e.state and graph.by_id()[e.target].kind == "ellipsis" for e in graph.edges)


def test_the_backward_pass_is_shown_only_when_asked_for():
    x = mg.tensor(2.0, requires_grad=True)
    (x * x * x).backward(create_graph=True)
    y = x.grad * x
    assert any(n.backward for n in build(y).nodes)
    assert not any(n.backward for n in view(build(y)).nodes)
    assert any(n.backward for n in view(build(y), show="both").nodes)
    assert not any(n.label == "∂multiply" for n in view(build(y), show="both").nodes)  # recorded, not derived


def test_a_graph_of_backward_nodes_alone_is_shown():
    x = mg.tensor(2.0, requires_grad=True)
    (x * x * x).backward(create_graph=True)
    assert view(build(x.grad)).nodes


def test_the_chosen_depth_keeps_the_picture_small():
    lstm = nn.LSTM(3, 4, 3)
    loss = lstm(mg.ones((50, 2, 3)))[0].sum()
    assert len(view(build(loss)).nodes) < 120
    assert "sigmoid" in labels(view(build(nn.LSTMCell(3, 4)(mg.ones((1, 3)))[0].sum())), "operation")


@pytest.mark.parametrize("settings", [{"depth": -1}, {"steps": 0}, {"steps": -1}])
def test_settings_out_of_range(settings):
    with pytest.raises(ValueError, match=r"cannot be"):
        view(build(rnn(3)[0]), **settings)

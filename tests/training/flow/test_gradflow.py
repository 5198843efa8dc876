"""Gradients through time: the norm of dL/dh_t for every step, found on a tape; vanishing, exploding, clipping."""

import io
import math
from xml.etree import ElementTree

import numpy as np
import pytest
from cell_helpers import sequence

import minigrad as mg
from minigrad import nn, optim
from minigrad.models import adding
from minigrad.tools import gradflow
from minigrad.tools.gradflow import gradient_flow

T, B, F, H = 7, 3, 4, 5
STACKS = {"RNN": nn.RNN, "LSTM": nn.LSTM, "PeepholeLSTM": nn.PeepholeLSTM, "GRU": nn.GRU}
NAMES = {"RNN": ["h"], "LSTM": ["h", "c"], "PeepholeLSTM": ["h", "c"], "GRU": ["h"]}


def loss_of(outputs):
    """A loss that is not the same in any two steps."""
    weights = np.random.default_rng(1).normal(size=outputs.shape)
    return (outputs * outputs * weights).sum()


def norm(g):
    return float(np.linalg.norm(g.numpy()))


def double(module):
    return module.to("float64")


def looped(cell, x, lengths, reverse):
    """What `Recurrent` does, in a loop: the outputs and the states by time. States keep their gradients."""
    lengths = np.full(x.shape[1], len(x)) if lengths is None else np.asarray(lengths)
    outputs, states = [None] * len(x), [None] * len(x)
    state = cell.initial_state(x.shape[1])
    for t in reversed(range(len(x))) if reverse else range(len(x)):
        going = mg.tensor((t < lengths)[:, None])
        output, new = cell(x[t], state)
        states[t] = mg.tree.leaves(new)
        for part in states[t]:
            part.retain_grad()
        state = mg.tree.map(lambda a, b, going=going: mg.where(going, a, b), new, state)
        outputs[t] = mg.where(going, output, mg.zeros_like(output))
    return outputs, states


@pytest.mark.parametrize("lengths", [None, [7, 7, 3], [1, 4, 6]], ids=["whole", "one ends", "all end"])
@pytest.mark.parametrize("recompute", [False, True, 3])
@pytest.mark.parametrize("kind", STACKS)
def test_norms_are_those_of_retained_gradients(kind, recompute, lengths):
    model = double(STACKS[kind](F, H, bidirectional=True, merge="sum", recompute=recompute))
    x = sequence(T, B, F)
    with mg.Tape() as tape:
        loss_of(model(x, lengths=lengths)[0]).backward()
    flow = gradient_flow(tape, model)
    forward, backward = model.cells()
    summed = [looped(forward, x, lengths, False), looped(backward, x, lengths, True)]
    loss_of(mg.stack(summed[0][0]) + mg.stack(summed[1][0])).backward()
    assert len(flow) == 2 * len(NAMES[kind])
    lengths = lengths or [T] * B
    for layer, reverse, (_, states) in zip(("l0", "l0_reverse"), (False, True), summed, strict=True):
        # In reverse, all sequences are processed side by side from the last step of each.
        shift = [max(lengths) - n if reverse else 0 for n in lengths]
        for i, name in enumerate(NAMES[kind]):
            g = np.array([parts[i].grad.numpy() for parts in states])  # (T, B, H), 0 after a sequence's end
            rows = [[g[t - s, b] for b, s in enumerate(shift) if t >= s] for t in range(max(lengths))]
            np.testing.assert_allclose(flow[f"{kind}.{layer} {name}"], list(map(np.linalg.norm, rows)), rtol=1e-9)


def test_layers_have_states_of_their_own():
    model = double(nn.GRU(F, H, 2, residual=True))
    with mg.Tape() as tape:
        loss = model(sequence(T, B, F))[0][-1].sum()
    loss.backward()
    flow = gradient_flow(tape)
    assert list(flow) == ["GRU.l0 h", "GRU.l1 h"]
    assert all(len(norms) == T and (norms > 0).all() for norms in flow.values())


def test_a_hand_written_loop():
    cell = double(nn.LSTMCell(F, H))
    norms = {"h": [], "c": []}
    with mg.Tape() as tape:
        state = None
        for x_t in sequence(T, B, F):
            h, state = cell(x_t, state)
            for part, values in zip(state, norms.values(), strict=True):
                part.register_hook(lambda g, values=values: values.insert(0, norm(g)))
        loss = (h**2).sum()
    loss.backward()
    flow = gradient_flow(tape, cell)
    np.testing.assert_allclose(flow["LSTMCell h"], norms["h"], rtol=1e-12)
    np.testing.assert_allclose(flow["LSTMCell c"], [*norms["c"]], rtol=1e-12)


def test_two_cells_that_take_turns_and_work_between_them():
    first, second = double(nn.LSTMCell(F, H)), double(nn.GRUCell(H, H))
    kept = []
    with mg.Tape() as tape:
        state, h = None, None
        for x_t in sequence(T, B, F):
            below, state = first(x_t, state)
            h, _ = second(below, h)
            h = h * 0.5
            h.retain_grad()
            kept.append(h)
        loss = h.sum()
    loss.backward()
    flow = gradient_flow(tape, first)
    assert list(flow) == ["LSTMCell h", "LSTMCell c", "loop h"]
    np.testing.assert_allclose(flow["loop h"], [norm(h.grad) for h in kept], rtol=1e-12)


def test_a_declared_scope_is_enough():
    w = mg.tensor([[0.5, 0.1], [-0.3, 0.4]], requires_grad=True)
    kept = []
    with mg.Tape() as tape:
        h = mg.ones((1, 2))
        for t in range(4):
            with mg.scope("cell", step=t):
                h = mg.tanh(h @ w)
            h.retain_grad()
            kept.append(h)
        loss = h.sum()
    loss.backward()
    flow = gradient_flow(tape)
    np.testing.assert_allclose(flow["cell h"], [norm(h.grad) for h in kept], rtol=1e-6)


class Nested(nn.Module):
    """A cell with a nested state; its first step computes the state in another way."""

    def __init__(self):
        super().__init__()
        self.inner = nn.GRUCell(F, H)

    def forward(self, x_t, state):
        h, _ = self.inner(x_t, None if state is None else state["h"])
        total = h * 2.0 if state is None else state["sum"][0] + h
        return total, {"h": h, "sum": (total,), "steps": 1}


def test_nested_states_of_users_cells():
    kept = []

    class Watched(Nested):
        def forward(self, x_t, state):
            output, state = super().forward(x_t, state)
            kept.append((state["h"], state["sum"][0]))
            for part in kept[-1]:
                part.retain_grad()
            return output, state

    with mg.Tape() as tape:
        loss = loss_of(double(nn.Recurrent(Watched()))(sequence(T, B, F))[0])
    loss.backward()
    flow = gradient_flow(tape)
    assert list(flow) == ["Recurrent.inner h", "Recurrent h"]
    np.testing.assert_allclose(flow["Recurrent.inner h"], [norm(h.grad) for h, _ in kept], rtol=1e-12)
    np.testing.assert_allclose(flow["Recurrent h"], [norm(total.grad) for _, total in kept], rtol=1e-12)


def test_a_network_that_is_called_twice():
    model = double(nn.LSTM(F, H))
    x = sequence(T, B, F)
    with mg.Tape() as tape:
        _, state = model(x)
        outputs, _ = model(x, state)
        loss = outputs[-1].sum()
    loss.backward()
    flow = gradient_flow(tape, model)
    assert [name for name in flow if "l0" in name] == [f"LSTM[{i}].LSTM.l0 {s}" for i in (0, 1) for s in "hc"]
    assert flow["LSTM h"][0] == pytest.approx(flow["LSTM[0].LSTM.l0 h"][-1])  # what the first call hands on


def test_what_the_loss_does_not_depend_on_is_zero():
    model = double(nn.RNN(F, H))
    with mg.Tape() as tape:
        loss = model(sequence(T, B, F))[0][2].sum()
    loss.backward()
    norms = gradient_flow(tape)["RNN.l0 h"]
    assert (norms[:3] > 0).all()
    assert (norms[3:] == 0).all()


def test_gradients_of_gradients_do_not_disturb():
    model = double(nn.RNN(F, H))
    x = sequence(T, B, F)
    with mg.Tape() as tape:
        loss = model(x)[0][-1].sum()
        mg.differentiate(loss, list(model.parameters()), create_graph=True)
    with mg.Tape() as plain:
        loss = model(x)[0][-1].sum()
    loss.backward()
    np.testing.assert_allclose(gradient_flow(tape)["RNN.l0 h"], gradient_flow(plain)["RNN.l0 h"], rtol=1e-12)


def test_norms_too_small_for_squares_of_float32(backend):
    x = mg.tensor([3e-30, 4e-30], requires_grad=True)
    y = mg.tensor([1e-20, 1e-20], requires_grad=True)
    with mg.Tape() as tape:
        small, large = x * 1.0, y * 1.0
        loss = (small * mg.tensor([3e-30, 4e-30])).sum() + (large * mg.tensor([3e25, 4e25])).sum()
    loss.backward()
    norms = {e.inputs[0]: e.grad_norm for e in tape if e.node.name == "multiply" and e.inputs[1] is None}
    assert sorted(norms.values()) == pytest.approx([5e-30, 5e25], rel=1e-6)


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (lambda: mg.tensor([1.0], requires_grad=True).sum().backward(), "no time step .* hands a state on"),
        (lambda: nn.RNN(F, H)(sequence(1, B, F))[0].sum().backward(), "no time step .* hands a state on"),
        (lambda: nn.RNN(F, H)(sequence(T, B, F))[0].sum(), "no state on this tape has a gradient"),
        (lambda: None, "the tape is empty"),
    ],
)
def test_tapes_that_tell_nothing(run, message):
    with mg.Tape() as tape:
        run()
    with pytest.raises(ValueError, match=message):
        gradient_flow(tape)


def test_recomputed_steps_need_the_tape_in_backward():
    model = nn.LSTM(F, H, recompute=True)
    with mg.Tape() as tape:
        loss = model(mg.zeros((T, B, F)))[0].sum()
    loss.backward()
    with pytest.raises(ValueError, match=r"steps of LSTM\.l0 are recomputed .* while the tape is open"):
        gradient_flow(tape)


def test_only_tapes_are_looked_at():
    with pytest.raises(TypeError, match="looks at a Tape, not at a Tensor"):
        gradient_flow(mg.zeros(3))


# --- reports ----------------------------------------------------------------------------------------------------------


def test_the_table_and_the_factor():
    flow = gradflow.GradientFlow(
        {"a h": 0.5 ** np.arange(100.0, -1, -1), "b h": np.array([1.0, 2.0, 4.0]), "c": np.zeros(3)}, frozenset(["b h"])
    )
    assert flow.per_step("a h") == pytest.approx(0.5)
    assert flow.per_step("b h") == pytest.approx(2)  # it reads in reverse: the last step was computed first
    assert math.isnan(flow.per_step("c"))
    assert str(flow).splitlines() == [
        "|dL/dh_t|       t=0      t=25      t=50      t=75     t=100  each step back",
        "a h        7.89e-31  2.65e-23  8.88e-16  2.98e-08  1.00e+00        x 0.5000",
        "b h        1.00e+00                                                x 2.0000",
        "c          0.00e+00",
    ]


def test_the_picture(tmp_path):
    image = pytest.importorskip("matplotlib.image")
    path = gradflow.plot_flow({"h": np.geomspace(1e-20, 1, 50), "zero": np.zeros(5)}, tmp_path / "flow.png", "title")
    assert image.imread(path).ndim == 3


# --- vanishing and exploding ------------------------------------------------------------------------------------------


def flow_of(cell, steps, forget_bias=None, hidden=32):
    """dL/dh_t on the adding problem, by name of the state, in float64; the model is not trained yet."""
    mg.manual_seed(0)
    model = double(adding.Adder(cell, hidden))
    if forget_bias is not None:
        nn.init.recurrent_(model, forget_bias)
    x, y = (mg.tensor(a.astype(np.float64)) for a in adding.problems(np.random.default_rng(0), steps, 16))
    with mg.Tape() as tape:
        loss = model.loss(x, y)
    loss.backward()
    return {name.rpartition(" ")[2]: norms for name, norms in gradient_flow(tape, model).items()}


@pytest.mark.parametrize("steps", [100, 200, 400])
def test_gradients_vanish_in_a_tanh_network(steps):
    h = flow_of("rnn", steps)["h"]
    assert h[0] < 0.6**steps * h[-1]  # 23, 45 and 89 orders of magnitude


@pytest.mark.parametrize("steps", [100, 200, 400])
def test_gradients_do_not_vanish_in_an_lstm_that_remembers_long_enough(steps):
    # A forget gate of s(b) lets a memory last for about exp(b) steps (Tallec and Ollivier 2018).
    c = flow_of("lstm", steps, forget_bias=math.log(steps))["c"]
    assert c.min() > 0.5 * c[-1]
    assert c[0] > c[-1]
    assert c.max() < 1000 * c[-1]


@pytest.mark.parametrize("steps", [100, 200, 400])
def test_a_forget_bias_of_one_makes_them_vanish_later(steps):
    without, one = (flow_of("lstm", steps, b)["c"] for b in (None, 1))
    assert without[0] < 0.7**steps * without[-1]
    assert one[0] > 0.93**steps * one[-1]


def unstable(scale, steps=100):
    """A tanh network near its linear range, with orthogonal recurrent weights times `scale`: the flow and the model."""
    mg.manual_seed(0)
    model = double(adding.Adder("rnn", 16))
    nn.init.recurrent_(model)
    with mg.no_grad():
        for p in model.parameters():
            p.copy_(p * (scale if p.shape == (16, 16) else 0.0 if p.shape == (16, 2) else 1.0))
    x, y = (mg.tensor(a.astype(np.float64)) for a in adding.problems(np.random.default_rng(0), steps, 8))
    with mg.Tape() as tape:
        loss = model.loss(x, y)
    loss.backward()
    return gradient_flow(tape, model), model


@pytest.mark.parametrize("scale", [0.9, 1.0, 1.1])
def test_gradients_grow_with_the_recurrent_weights(scale):
    flow, _ = unstable(scale)
    assert flow.per_step("Adder.network.l0 h") == pytest.approx(scale, rel=1e-9)


def test_clipping_limits_what_exploded():
    flow, model = unstable(2.0)
    h = flow["Adder.network.l0 h"]
    assert h[0] > 1e29 * h[-1]
    before = optim.clip_grad_norm_(model.parameters(), 1.0)
    assert before > 1e10
    assert math.sqrt(sum(norm(p.grad) ** 2 for p in model.parameters())) == pytest.approx(1.0)


def test_a_model_may_call_its_list_of_modules_cells():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.cells = nn.ModuleList([nn.LSTMCell(2, 3)])

        def forward(self, x):
            state = None
            for x_t in x:
                h, state = self.cells[0](x_t, state)
            return h

    model = Model()
    with mg.Tape() as tape:
        loss = (model(mg.ones((4, 1, 2))) ** 2).sum()
    loss.backward()
    assert [name.split()[-1] for name in gradient_flow(tape, model)] == ["h", "c"]


def test_a_notebook_shows_the_table_that_print_shows():
    flow = gradflow.GradientFlow({"h <b>": np.array([0.25, 0.5, 1.0]), "c": np.array([np.nan, 1.0])})
    rows = [[cell.text or "" for cell in row] for row in ElementTree.fromstring(flow._repr_html_()).iter("tr")]
    assert rows[0] == ["|dL/dh_t|", "t=0", "t=1", "t=2", "each step back"]
    assert rows[1] == ["h <b>", "2.50e-01", "5.00e-01", "1.00e+00", "x 0.5000"]
    assert " ".join(rows[2]).split() == str(flow).splitlines()[2].split()


def test_without_a_path_a_picture_is_a_figure_that_a_notebook_shows():
    image = pytest.importorskip("matplotlib.image")
    drawn = gradflow.plot_flow({"h": np.geomspace(1e-3, 1, 50)}, title="title")
    assert image.imread(io.BytesIO(drawn._repr_png_())).ndim == 3
    assert drawn.axes[0].get_title() == "title"

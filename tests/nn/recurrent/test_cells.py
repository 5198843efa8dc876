"""Cells called by hand: the protocol, agreement with PyTorch, time steps of a loop, and errors."""

import numpy as np
import pytest
from cell_helpers import CELLS, B, F, H, T, close, double, flat, sequence

import minigrad as mg
from minigrad import nn

# --- cells ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CELLS)
def test_a_cell_starts_from_zeros(name):
    cell = double(CELLS[name](F, H))
    x = sequence(B, F)
    zeros = cell.initial_state(B)
    assert {(z.shape, z.dtype) for z in flat(zeros)} == {((B, H), mg.float64)}
    output, state = cell(x)
    assert output.shape == (B, H)
    assert output.tolist() == cell(x, zeros)[0].tolist()
    assert flat(state)[0] is output


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    ("name", "options"),
    [("RNNCell", {}), ("RNNCell", {"nonlinearity": "relu"}), ("LSTMCell", {}), ("GRUCell", {})],
)
def test_weights_of_pytorchs_cells_load_and_give_the_same(name, options, bias, backend):
    torch = pytest.importorskip("torch")
    theirs = getattr(torch.nn, name)(F, H, bias=bias, **options).double()
    ours = double(CELLS[name](F, H, bias=bias, **options))
    ours.load_state_dict(theirs.state_dict())
    x = sequence(B, F, requires_grad=True)
    state = tuple(sequence(B, H, seed=i, requires_grad=True) for i in range(1, 3 if name == "LSTMCell" else 2))
    their_x, *their_state = (torch.tensor(t.detach().numpy().copy(), requires_grad=True) for t in (x, *state))
    output, final = ours(x, state if len(state) == 2 else state[0])
    expected = theirs(their_x, tuple(their_state) if len(state) == 2 else their_state[0])
    expected = expected if isinstance(expected, tuple) else (expected,)
    for a, b in zip(flat(final), expected, strict=True):
        close(a, b)
    close(output, expected[0])
    sum((s * s).sum() for s in flat(final)).backward()
    sum((s * s).sum() for s in expected).backward()
    for a, b in zip((x, *state), (their_x, *their_state), strict=True):
        close(a.grad, b.grad)
    for key, p in theirs.named_parameters():
        close(getattr(ours, key).grad, p.grad)


@pytest.mark.parametrize("name", CELLS)
def test_gradients_of_gradients_pass_finite_differences(name):
    cell = double(CELLS[name](2, 3))

    def loss(x, w):
        cell.__dict__["weight_hh"] = w  # past the registration: w is no Parameter
        (y, state), total = cell(x), 0
        for _ in range(2):
            y, state = cell(x, state)
            total = total + (y * y).sum()
        return total

    w = mg.tensor(cell.weight_hh.detach().numpy(), requires_grad=True)
    assert mg.gradgradcheck(loss, (sequence(2, 2, requires_grad=True), w))


def test_initial_values_are_pytorchs():
    mg.manual_seed(0)
    for kind in CELLS.values():
        for p in kind(30, 100).parameters():
            assert 0.09 < float(np.abs(p.detach().numpy()).max()) <= 0.1


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def parts(cell):
    """Weights and inputs of one step as arrays, and a function that gives gate k before its nonlinearity."""
    p = {name: p.detach().numpy() for name, p in cell.named_parameters()}
    x, h, c = (sequence(*shape, seed=i).numpy() for i, shape in enumerate([(B, F), (B, H), (B, H)]))

    def gate(k, state=h):
        rows = slice(k * H, (k + 1) * H)
        return x @ p["weight_ih"][rows].T + p["bias_ih"][rows] + state @ p["weight_hh"][rows].T + p["bias_hh"][rows]

    return p, x, h, c, gate


def test_the_peephole_lstm_is_its_equations():
    cell = double(nn.PeepholeLSTMCell(F, H))
    p, x, h, c, gate = parts(cell)
    p_i, p_f, p_o = p["weight_peephole"]
    new_c = sigmoid(gate(1) + p_f * c) * c + sigmoid(gate(0) + p_i * c) * np.tanh(gate(2))
    new_h = sigmoid(gate(3) + p_o * new_c) * np.tanh(new_c)
    output, state = cell(mg.tensor(x), (mg.tensor(h), mg.tensor(c)))
    for ours, expected in ((output, new_h), (state[0], new_h), (state[1], new_c)):
        np.testing.assert_allclose(ours.detach().numpy(), expected, rtol=1e-12)


def test_a_peephole_lstm_without_peepholes_is_an_lstm():
    peephole, lstm = double(nn.PeepholeLSTM(F, H)), double(nn.LSTM(F, H))
    state = peephole.state_dict()
    nn.init.zeros_(peephole.weight_peephole_l0)
    lstm.load_state_dict({name: p for name, p in state.items() if "peephole" not in name})
    x = sequence(T, B, F)
    close(peephole(x)[0], lstm(x)[0])


def test_the_gru_with_the_reset_before_the_product_is_its_equations():
    cell = double(nn.GRUCell(F, H, reset_after=False))
    _, x, h, _, gate = parts(cell)
    r, z = sigmoid(gate(0)), sigmoid(gate(1))
    expected = (1 - z) * np.tanh(gate(2, r * h)) + z * h
    output, state = cell(mg.tensor(x), mg.tensor(h))
    assert output is state
    np.testing.assert_allclose(output.detach().numpy(), expected, rtol=1e-12)
    assert "reset_after=False" in repr(cell)


@pytest.mark.parametrize("name", CELLS)
def test_recurrent_dropout_drops_weights_once_for_a_sequence(name):
    mg.manual_seed(0)
    cell = CELLS[name](F, H, recurrent_dropout=0.5)
    recurrent = nn.Recurrent(cell)
    x = mg.ones((T, B, F))
    with mg.Tape() as tape:
        first = recurrent(x)[0]
    dropped = [entry.node for entry in tape if entry.node.primitive is not None and entry.node.name == "dropout"]
    assert [node.shape for node in dropped] == [cell.weight_hh.shape]
    assert first.tolist() != recurrent(x)[0].tolist()
    recurrent.eval()
    plain = CELLS[name](F, H)
    plain.load_state_dict(cell.state_dict())
    assert recurrent(x)[0].tolist() == nn.Recurrent(plain)(x)[0].tolist()
    assert "recurrent_dropout=0.5" in repr(cell)


def test_wrong_inputs_and_states_are_refused():
    lstm, gru = nn.LSTMCell(F, H), nn.GRUCell(F, H)
    x = mg.ones((B, F))
    with pytest.raises(ValueError, match=r"LSTMCell takes the input \(B, F\) of one time step, not float32\[5, 3, 4\]"):
        lstm(mg.ones((T, B, F)))
    with pytest.raises(ValueError, match=r"expected 4 input features, got float32\[3, 5\]"):
        lstm(mg.ones((B, 5)))
    with pytest.raises(ValueError, match=r"of shape \(3, 6\), got float32\[1, 6\]"):
        gru(x, mg.ones((1, H)))  # would broadcast
    with pytest.raises(ValueError, match=r"pair \(h, c\), not a Tensor"):
        lstm(x, mg.ones((B, H)))
    with pytest.raises(ValueError, match="got a float"):
        gru(x, 0.0)
    with pytest.raises(ValueError, match="'tanh' or 'relu', not 'sin'"):
        nn.RNNCell(F, H, nonlinearity="sin")


# --- a loop written by hand -------------------------------------------------------------------------------------------


def test_a_loop_written_by_hand_has_numbered_time_steps():
    cell = nn.LSTMCell(F, H)
    xs = mg.ones((T, B, F))

    def scopes():
        state, found = None, []
        for x_t in xs:
            h, state = cell(x_t, state)
            found.append(h.node.scope)
        h.sum().backward()
        return [(s.path, s.steps) for s in found]

    assert scopes() == scopes() == [("LSTMCell", (t,)) for t in range(T)]


def test_two_cells_in_one_loop_and_one_model():
    class Stacked(nn.Module):
        def __init__(self):
            super().__init__()
            self.lower, self.upper = nn.GRUCell(F, H), nn.GRUCell(H, H)

        def forward(self, xs):
            a = b = None
            outputs = []
            for x_t in xs:
                _, a = self.lower(x_t, a)
                _, b = self.upper(a, b)
                outputs.append(b)
            return outputs

    outputs = Stacked()(mg.ones((T, B, F)))
    assert [str(y.node.scope) for y in outputs] == [f"Stacked.upper @ t={t}" for t in range(T)]
    outputs[-1].sum().backward()

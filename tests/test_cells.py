"""Cells called by hand: the protocol, agreement with PyTorch, time steps of a loop, and errors."""

import numpy as np
import pytest
from cell_helpers import CELLS, B, F, H, T, close, double, flat, sequence

import minigrad as mg
from minigrad import nn

pytestmark = pytest.mark.usefixtures("unnumbered")

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

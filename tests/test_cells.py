"""Cells and their unrolling: the protocol, scopes, agreement with PyTorch, and errors."""

import copy
import itertools

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.scope import local

T, B, F, H = 5, 3, 4, 6
CELLS = {"RNNCell": nn.RNNCell, "LSTMCell": nn.LSTMCell, "GRUCell": nn.GRUCell}
LAYERS = {"RNN": nn.RNN, "LSTM": nn.LSTM, "GRU": nn.GRU}


def sequence(*shape, seed=0, requires_grad=False):
    return mg.tensor(np.random.default_rng(seed).normal(size=shape), requires_grad=requires_grad)


def flat(state):
    return list(itertools.chain(*map(flat, state))) if isinstance(state, tuple) else [state]


@pytest.fixture(autouse=True)
def unnumbered():
    """Forget the calls of tests before this one that did not go backward."""
    local.now.restart_counts()


def nodes(tape):
    """The operations on a tape, without parameters and constants."""
    return [entry.node for entry in tape.entries if entry.node.primitive is not None]


def close(ours, theirs):
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-10, atol=1e-12)


def double(module):
    return module.to("float64")


class Leaky(nn.Module):
    """A user's cell that knows nothing of `Cell`: h_t = (1 - a) h_{t-1} + a tanh(W x_t). Its state has two parts."""

    def __init__(self):
        super().__init__()
        self.inputs = nn.Linear(F, H)
        self.rate = nn.Parameter(mg.full((H,), 0.3))

    def forward(self, x_t, state):
        h, (count,) = (mg.zeros((x_t.shape[0], H), dtype=x_t.dtype), (0,)) if state is None else state
        h = h + self.rate * (self.inputs(x_t).tanh() - h)
        return h, (h, (count + 1,))


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


# --- Recurrent --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("make", [*CELLS.values(), None], ids=[*CELLS, "a user's"])
def test_recurrent_is_the_loop(make, reverse):
    cell = double(make(F, H) if make else Leaky())
    twin = copy.deepcopy(cell)
    x = sequence(T, B, F, requires_grad=True)
    same_x = sequence(T, B, F, requires_grad=True)
    outputs, final = nn.Recurrent(cell, reverse=reverse)(x)
    expected, state = [None] * T, None
    for t in reversed(range(T)) if reverse else range(T):
        expected[t], state = twin(same_x[t], state)
    assert outputs.shape == (T, B, H)
    close(outputs, mg.stack(expected))
    close(flat(final)[0], flat(state)[0])
    (outputs * outputs).sum().backward()
    (mg.stack(expected) ** 2).sum().backward()
    close(x.grad, same_x.grad)
    for p, q in zip(cell.parameters(), twin.parameters(), strict=True):
        close(p.grad, q.grad)


def test_a_nested_state_goes_through_unchanged():
    recurrent = nn.Recurrent(Leaky())
    _, (h, (count,)) = recurrent(mg.ones((T, B, F)), (mg.ones((B, H)), (10,)))
    assert count == 10 + T
    assert h.shape == (B, H)


def test_a_long_sequence_may_be_cut_in_pieces():
    recurrent = double(nn.Recurrent(nn.LSTMCell(F, H)))
    x = sequence(T, B, F)
    whole, final = recurrent(x)
    first, state = recurrent(x[:2])
    second, state = recurrent(x[2:], state)
    close(mg.concat([first, second]), whole)
    close(state[1], final[1])


def test_batch_first():
    cell = double(nn.GRUCell(F, H))
    x = sequence(B, T, F)
    y, final = nn.Recurrent(cell, batch_first=True)(x)
    expected, same = nn.Recurrent(cell)(x.permute_dims((1, 0, 2)))
    assert y.shape == (B, T, H)
    close(y, expected.permute_dims((1, 0, 2)))
    close(final, same)


@pytest.mark.parametrize(("make", "inner"), [(lambda: nn.LSTMCell(F, H), ""), (Leaky, ".inputs")])
def test_scopes_go_from_model_to_layer_to_time_step_to_cell(make, inner):
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.decoder = nn.Recurrent(make(), reverse=True)

        def forward(self, x):
            return self.decoder(x)

    with mg.Tape() as tape:
        Model()(mg.ones((2, B, F), requires_grad=True))
    places = list(dict.fromkeys(str(node.scope) for node in nodes(tape)))
    assert next(p for p in places if "@" in p) == "Model.decoder @ t=1"  # where x_t is read
    assert places[-1] == "Model.decoder"  # where the outputs are joined
    deepest = next(n.scope for n in nodes(tape) if str(n.scope) == f"Model.decoder.cell{inner} @ t=0")
    chain = [(s.name, s.step) for s in deepest.chain()]
    assert chain[:4] == [("Model", None), ("decoder", None), (None, 0), ("cell", None)]


def test_a_cell_in_two_parts_is_projected_once():
    recurrent = nn.Recurrent(nn.LSTMCell(F, H))
    with mg.Tape() as tape:
        recurrent(mg.ones((T, B, F)))
    linear = [n for n in nodes(tape) if n.name == "linear"]
    assert [n.shape for n in linear] == [(T, B, 4 * H)] + [(B, 4 * H)] * T


def test_a_cell_that_overrides_forward_or_is_watched_is_called_as_a_whole():
    class Doubled(nn.GRUCell):
        def forward(self, x_t, state=None):
            h, state = super().forward(x_t, state)
            return h * 2, state

    cell = Doubled(F, H)
    x = mg.ones((T, B, F))
    plain = nn.GRUCell(F, H)
    plain.load_state_dict(cell.state_dict())
    expected = nn.Recurrent(plain)(x)[0]
    close(nn.Recurrent(cell)(x)[0], expected * 2)

    shapes = []
    handle = plain.register_forward_hook(lambda module, args, output: shapes.append(args[0].shape))
    np.testing.assert_allclose(nn.Recurrent(plain)(x)[0].detach(), expected.detach(), rtol=1e-5, atol=1e-6)
    assert shapes == [(B, F)] * T
    handle.remove()


def test_a_users_cell_in_two_parts():
    class Minimal(nn.Cell):
        def __init__(self):
            super().__init__()
            self.inputs = nn.Linear(F, H)
            self.calls = 0

        def project(self, x):
            self.calls += 1
            return self.inputs(x)

        def step(self, projected_t, state):
            h = projected_t if state is None else (projected_t + state).tanh()
            return h, h

    cell = Minimal()
    y, _ = nn.Recurrent(cell)(mg.ones((T, B, F)))
    assert cell.calls == 1
    state = None
    for x_t in mg.ones((T, B, F)):
        h, state = cell(x_t, state)
    np.testing.assert_allclose(h.detach(), y[-1].detach(), rtol=1e-6)


def test_recurrent_errors():
    recurrent = nn.Recurrent(nn.LSTMCell(F, H))
    with pytest.raises(ValueError, match=r"axes \(T, B, F\), got float32\[3, 4\]"):
        recurrent(mg.ones((B, F)))
    with pytest.raises(ValueError, match=r"no time step in an input \(T, B, F\) of shape \(0, 3, 4\)"):
        recurrent(mg.ones((0, B, F)))
    with pytest.raises(ValueError, match=r"axes \(B, T, F\)"):
        nn.Recurrent(nn.LSTMCell(F, H), batch_first=True)(mg.ones((B, F)))
    with pytest.raises(TypeError, match=r"Linear must return a pair \(output, state\), not a Tensor"):
        nn.Recurrent(type("Linear", (nn.Module,), {"forward": lambda self, x, s: x})())(mg.ones((2, 2, 2)))
    with pytest.raises(TypeError, match="unrolls a cell"):
        nn.Recurrent(3)


def test_the_scope_is_left_when_a_step_raises():
    class Late(nn.Module):
        def forward(self, x_t, t):
            if t == 2:
                raise RuntimeError(str(mg.current_scope()))
            return x_t, (t or 0) + 1

    with pytest.raises(RuntimeError, match=r"Recurrent.cell @ t=2"):
        nn.Recurrent(Late())(mg.ones((T, B, F)))
    assert str(mg.current_scope()) == "top level"


# --- RNN, LSTM, GRU ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("given", [False, True], ids=["zeros", "initial state"])
@pytest.mark.parametrize(("name", "options"), [("RNN", {"nonlinearity": "relu"}), ("LSTM", {}), ("GRU", {})])
def test_weights_of_pytorchs_layers_load_and_give_the_same(name, options, bidirectional, batch_first, given):
    torch = pytest.importorskip("torch")
    options = {**options, "num_layers": 2, "bidirectional": bidirectional, "batch_first": batch_first}
    theirs = getattr(torch.nn, name)(F, H, **options).double()
    ours = double(LAYERS[name](F, H, **options))
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict())
    x = sequence(*((B, T, F) if batch_first else (T, B, F)), requires_grad=True)
    their_x = torch.tensor(x.detach().numpy().copy(), requires_grad=True)
    state, their_state, shape = None, None, (4 if bidirectional else 2, B, H)
    if given:
        state = tuple(sequence(*shape, seed=i, requires_grad=True) for i in ((1, 2) if name == "LSTM" else (1,)))
        their_state = tuple(torch.tensor(s.detach().numpy().copy(), requires_grad=True) for s in state)
        starts = [*zip(state, their_state, strict=True)]
        if name != "LSTM":
            (state,), (their_state,) = state, their_state
    output, final = ours(x, state)
    expected, their_final = theirs(their_x, their_state)
    close(output, expected)
    their_final = their_final if name == "LSTM" else (their_final,)
    for a, b in zip(flat(final), their_final, strict=True):
        close(a, b)
    ((output**2).sum() + sum((s**3).sum() for s in flat(final))).backward()
    ((expected**2).sum() + sum((s**3).sum() for s in their_final)).backward()
    close(x.grad, their_x.grad)
    for a, b in starts if given else ():
        close(a.grad, b.grad)
    for key, p in theirs.named_parameters():
        close(getattr(ours, key).grad, p.grad)


def test_parameters_are_registered_once_under_flat_names():
    layer = nn.LSTM(F, H, num_layers=2, bidirectional=True, bias=False)
    assert [name for name, _ in layer.named_parameters()] == [
        f"weight_{kind}_l{i}{way}" for i in (0, 1) for way in ("", "_reverse") for kind in ("ih", "hh")
    ]
    assert layer.weight_ih_l1.shape == (4 * H, 2 * H)
    assert list(layer.children()) == []
    assert layer.weight_hh_l0.node.label == "weight_hh_l0"
    assert repr(nn.GRU(F, H, num_layers=3, dropout=0.1)).startswith("GRU(4, 6, num_layers=3, dropout=0.1)  ")


def test_a_replaced_parameter_is_used():
    one, two = nn.GRU(F, H), nn.GRU(F, H)
    for name, p in one.named_parameters():
        setattr(two, name, p)
    x = mg.ones((T, B, F))
    close(two(x)[0], one(x)[0])
    assert two.weight_hh_l0 is one.weight_hh_l0
    with pytest.raises(TypeError, match="is a Parameter"):
        two.weight_hh_l0 = mg.zeros((3 * H, H))


def test_copies_and_conversions_keep_cells_and_layers_together():
    layer = copy.deepcopy(nn.RNN(F, H)).to("float64")
    with mg.no_grad():
        for p in layer.parameters():
            p.copy_(np.zeros(p.shape))
    assert not layer(sequence(T, B, F))[0].detach().numpy().any()


def test_layers_appear_in_scopes():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = nn.LSTM(F, H, num_layers=2, bidirectional=True)

        def forward(self, x):
            return self.encoder(x)

    with mg.Tape() as tape:
        Model()(mg.ones((T, B, F)))
    places = {str(node.scope) for node in nodes(tape)}
    for layer in ("l0", "l0_reverse", "l1", "l1_reverse"):
        assert {f"Model.encoder.{layer}.cell @ t={t}" for t in range(T)} < places


def test_dropout_is_between_layers_and_in_training_alone():
    mg.manual_seed(0)
    one, two = nn.RNN(F, H, dropout=0.5), nn.RNN(F, H, num_layers=2, dropout=0.5)
    x = mg.ones((T, B, F))
    assert one(x)[0].tolist() == one(x)[0].tolist()
    assert two(x)[0].tolist() != two(x)[0].tolist()
    two.eval()
    assert two(x)[0].tolist() == two(x)[0].tolist()


def test_layer_errors():
    lstm, gru = nn.LSTM(F, H), nn.GRU(F, H, num_layers=2)
    x = mg.ones((T, B, F))
    with pytest.raises(ValueError, match=r"LSTM: the input must have the axes \(T, B, F\)"):
        lstm(mg.ones((B, F)))
    with pytest.raises(ValueError, match="LSTM: there is no time step"):
        lstm(mg.ones((0, B, F)))
    with pytest.raises(ValueError, match=r"GRU: the initial state must be h_0 of shape \(2, 3, 6\); got float32"):
        gru(x, mg.ones((1, B, H)))
    with pytest.raises(ValueError, match=r"LSTM: the initial state must be the pair \(h_0, c_0\), each of shape"):
        lstm(x, mg.ones((1, B, H)))
    with pytest.raises(ValueError, match="expected 4 input features"):
        lstm(mg.ones((T, B, 5)))
    with pytest.raises(ValueError, match="between 0 and 1"):
        nn.LSTM(F, H, dropout=2.0)

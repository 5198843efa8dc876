"""Cells unrolled over a sequence: Recurrent, and RNN, LSTM and GRU; scopes, agreement with PyTorch, and errors."""

import copy

import numpy as np
import pytest
from cell_helpers import CELLS, B, F, H, T, close, double, flat, sequence

import minigrad as mg
from minigrad import nn

LAYERS = {"RNN": nn.RNN, "LSTM": nn.LSTM, "GRU": nn.GRU}


def nodes(tape):
    """The operations on a tape, without parameters and constants."""
    return [entry.node for entry in tape.entries if entry.node.primitive is not None]


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


def test_a_cell_in_parts_is_asked_for_its_first_state_once():
    asked = []

    class Sum(nn.Cell):
        def first_state(self, state, batch_size):
            asked.append(batch_size)
            return mg.ones((batch_size, F)) if state is None else state

        def project(self, x):
            return x

        def step(self, projected_t, h):
            return h + projected_t, h + projected_t

    cell, x = Sum(), mg.ones((T, B, F))
    _, last = nn.Recurrent(cell)(x)
    _, again = nn.Recurrent(cell, recompute=2)(x, mg.ones((B, F)))
    assert asked == [B, B]
    assert last.tolist() == again.tolist() == mg.full((B, F), T + 1.0).tolist()
    assert cell(x[0])[1].tolist() == mg.full((B, F), 2.0).tolist()


def test_a_state_that_does_not_fit_is_refused_before_the_first_step():
    recurrent = nn.Recurrent(nn.GRUCell(F, H))
    for lengths in (None, [T] * B):
        with pytest.raises(ValueError, match=r"of shape \(3, 6\), got float32\[1, 6\]"):
            recurrent(mg.ones((T, B, F)), mg.ones((1, H)), lengths)


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


@pytest.mark.parametrize("name", LAYERS)
def test_weights_saved_by_pytorch_as_safetensors_load(name, tmp_path):
    torch = pytest.importorskip("torch")
    numpy_files = pytest.importorskip("safetensors.numpy")
    theirs = getattr(torch.nn, name)(F, H, num_layers=2, bidirectional=True)
    pytest.importorskip("safetensors.torch").save_model(theirs, str(tmp_path / "model.safetensors"))
    ours = LAYERS[name](F, H, num_layers=2, bidirectional=True)
    ours.load_state_dict(numpy_files.load_file(tmp_path / "model.safetensors"))
    x = np.random.default_rng(0).normal(size=(T, B, F)).astype(np.float32)
    expected, output = theirs(torch.tensor(x))[0], ours(mg.tensor(x))[0]
    np.testing.assert_allclose(output.detach().numpy(), expected.detach().numpy(), rtol=1e-5, atol=1e-6)
    output.sum().backward()
    expected.sum().backward()
    for key, p in theirs.named_parameters():
        np.testing.assert_allclose(getattr(ours, key).grad.numpy(), p.grad.numpy(), rtol=1e-4, atol=1e-5)


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


def test_the_sum_of_two_directions():
    joined, summed = double(nn.GRU(F, H, bidirectional=True)), double(nn.GRU(F, H, bidirectional=True, merge="sum"))
    summed.load_state_dict(joined.state_dict())
    x = sequence(T, B, F)
    outputs = joined(x)[0]
    close(summed(x)[0], outputs[:, :, :H] + outputs[:, :, H:])
    assert (joined.output_size, summed.output_size) == (2 * H, H)
    assert nn.LSTM(F, H, 2, bidirectional=True, merge="sum").weight_ih_l1.shape == (4 * H, H)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_residual_connections_go_around_all_layers_but_the_first(bidirectional):
    stack = double(nn.LSTM(F, H, 3, residual=True, bidirectional=bidirectional))
    x = sequence(T, B, F)
    expected = x
    for i, directions in enumerate(stack._layers):
        outputs = mg.concat([layer(expected)[0] for layer in directions], axis=2)
        expected = outputs + expected if i else outputs
    close(stack(x)[0], expected)


def test_variational_dropout_has_one_mask_for_all_steps():
    mg.manual_seed(0)
    stack = nn.RNN(F, H, 2, dropout=0.5, variational=True)
    with mg.Tape() as tape:
        stack(mg.ones((T, B, F)))
    (mask,) = [entry.node.saved[2] for entry in tape if entry.node.primitive and entry.node.name == "dropout"]
    assert mask.shape == (1, B, H)
    assert 0 < mask.sum() < mask.size


def test_dropout_of_recurrent_weights_follows_train_and_eval():
    net = nn.Sequential(nn.Identity(), nn.GRU(F, H, recurrent_dropout=0.5))
    x = mg.ones((T, B, F))
    assert net(x)[0].tolist() != net(x)[0].tolist()
    net.eval()
    assert net(x)[0].tolist() == net(x)[0].tolist()


class LeakyCell(nn.Module):
    """A user's cell for stacks: made from sizes, with parameters deeper inside and a state in a dict."""

    def __init__(self, input_size, hidden_size, rate=0.5):
        super().__init__()
        self.inputs, self.hidden, self.rate = nn.Linear(input_size, hidden_size), nn.LayerNorm(hidden_size), rate

    def forward(self, x_t, state):
        x_t = self.inputs(x_t)
        h = (1 - self.rate) * (mg.zeros_like(x_t) if state is None else state["h"]) + self.rate * self.hidden(x_t)
        return h, {"h": h}


class Leaks(nn.RecurrentStack):
    cell_type = LeakyCell


def test_a_stack_of_a_users_cells():
    stack = double(Leaks(F, H, 2, bidirectional=True, rate=0.3))
    assert "l1_reverse.cell.inputs.weight" in stack.state_dict()
    assert stack.cells()[3] is stack.l1_reverse.cell
    x = sequence(T, B, F)
    outputs, final = stack(x, lengths=[T, 2, 3])
    assert outputs.shape == (T, B, 2 * H)
    assert final["h"].shape == (4, B, H)
    close(outputs[1, 1, :H], final["h"][2, 1])
    again, _ = stack(x, final)
    assert again.tolist() != outputs.tolist()
    with pytest.raises(ValueError, match=r"Leaks: the initial state must be tensors whose first axes are \(4, 3\)"):
        stack(x, {"h": mg.zeros((1, B, H), "float64")})


def test_layer_errors():
    with pytest.raises(ValueError, match="merge is 'concat' or 'sum', not 'mean'"):
        nn.GRU(F, H, merge="mean")
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

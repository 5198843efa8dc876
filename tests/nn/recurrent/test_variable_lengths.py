"""Sequences of different lengths in one batch: outputs, states and gradients are those of each sequence alone."""

import copy

import numpy as np
import pytest
from cell_helpers import F, H, double, flat, sequence

import minigrad as mg
from minigrad import nn, tree
from minigrad.nn.recurrent.packing import Packing

LENGTHS = [3, 7, 1, 5, 7]
B, T = len(LENGTHS), 8  # one step is padding for all
CELLS = {
    "RNN": lambda: nn.RNNCell(F, H),
    "LSTM": lambda: nn.LSTMCell(F, H),
    "peephole": lambda: nn.PeepholeLSTMCell(F, H),
    "GRU": lambda: nn.GRUCell(F, H),
    "GRU, reset before": lambda: nn.GRUCell(F, H, reset_after=False),
    "a user's": lambda: Counter(),
}


class Counter(nn.Module):
    """A cell with a nested state, one part of which is no tensor."""

    def __init__(self):
        super().__init__()
        self.inner = nn.GRUCell(F, H)

    def forward(self, x_t, state):
        if state is None:
            state = {"h": None, "sum": (mg.zeros((x_t.shape[0], F, 2), x_t.dtype),), "steps": 0}
        h, _ = self.inner(x_t, state["h"])
        total = state["sum"][0] + mg.stack([x_t, x_t * x_t], axis=2)
        return h * mg.mean(total, axis=(1, 2))[:, None], {"h": h, "sum": (total,), "steps": state["steps"] + 1}


def close(ours, theirs):
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-10, atol=1e-12)


def alone(layer, x, state=None):
    """Outputs and final states of each sequence by itself, unpadded."""
    found = []
    for b, n in enumerate(LENGTHS):
        start = None if state is None else tree.map(lambda s, b=b: s[b : b + 1], state)
        found.append(layer(x[:n, b : b + 1], start))
    return found


@pytest.mark.parametrize("recompute", [False, True, 3])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("make", CELLS.values(), ids=CELLS)
def test_a_padded_batch_is_its_sequences(make, reverse, recompute):
    layer = double(nn.Recurrent(make(), reverse=reverse, recompute=recompute))
    twin = copy.deepcopy(layer)
    twin.recompute = False
    x, same_x = sequence(T, B, F, requires_grad=True), sequence(T, B, F, requires_grad=True)
    outputs, final = layer(x, lengths=LENGTHS)
    loss, expected_loss = (outputs**2).sum(), mg.zeros((), "float64")
    for leaf in tree.leaves(final):
        loss = loss + (leaf**3).sum()
    for b, (expected, state) in enumerate(alone(twin, same_x)):
        n = LENGTHS[b]
        close(outputs[:n, b], expected[:, 0])
        assert not outputs.detach().numpy()[n:, b].any()
        for mine, theirs in zip(tree.leaves(final), tree.leaves(state), strict=True):
            close(mine[b], theirs[0])
            expected_loss = expected_loss + (theirs**3).sum()
        expected_loss = expected_loss + (expected**2).sum()
    loss.backward()
    expected_loss.backward()
    close(x.grad, same_x.grad)
    for p, q in zip(layer.parameters(), twin.parameters(), strict=True):
        close(p.grad, q.grad)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_layers_and_initial_states(bidirectional):
    layer = double(nn.LSTM(F, H, 2, bidirectional=bidirectional))
    x = sequence(T, B, F)
    start = tuple(sequence(2 * (1 + bidirectional), B, H, seed=s) for s in (1, 2))
    outputs, final = layer(x, start, lengths=LENGTHS)
    for b, n in enumerate(LENGTHS):
        expected, state = layer(x[:n, b : b + 1], tree.map(lambda s, b=b: s[:, b : b + 1], start))
        close(outputs[:n, b], expected[:, 0])
        close(final[0][:, b], state[0][:, 0])
        close(final[1][:, b], state[1][:, 0])


def test_padding_has_no_effect_whatever_it_is():
    layer = nn.Recurrent(nn.LSTMCell(F, H))
    values = np.full((T, B, F), np.nan, np.float32)
    for b, n in enumerate(LENGTHS):
        values[:n, b] = b
    outputs, (h, _) = layer(mg.tensor(values, requires_grad=True), lengths=LENGTHS)
    (outputs.sum() + h.sum()).backward()
    assert all(np.isfinite(p.grad.numpy()).all() for p in layer.parameters())
    assert np.isfinite(outputs.detach().numpy()).all()


def test_nothing_is_computed_for_padding():
    rows = []

    class Watched(nn.Module):
        def forward(self, x_t, state):
            rows.append(len(x_t))
            return x_t, x_t

    nn.Recurrent(Watched())(sequence(T, B, F), lengths=LENGTHS)
    assert rows == [5, 4, 4, 3, 3, 2, 2]


def test_full_lengths_change_nothing(backend):
    with mg.use_backend(backend):
        layer = nn.GRU(F, H, bidirectional=True, batch_first=True)
        x = mg.random.normal((B, T, F))
        plain, state = layer(x)
        packed, packed_state = layer(x, lengths=[T] * B)
        again, _ = layer(x, lengths=np.array(LENGTHS, np.int32))
    np.testing.assert_allclose(packed.to("numpy").detach().numpy(), plain.to("numpy").detach().numpy(), atol=1e-6)
    np.testing.assert_allclose(packed_state.to("numpy").detach().numpy(), state.to("numpy").detach().numpy(), atol=1e-6)
    assert not again.to("numpy").detach().numpy()[0, LENGTHS[0] :].any()


def test_it_agrees_with_packed_sequences_of_pytorch():
    torch = pytest.importorskip("torch")
    theirs = torch.nn.LSTM(F, H, 2, bidirectional=True, dtype=torch.float64)
    ours = double(nn.LSTM(F, H, 2, bidirectional=True))
    ours.load_state_dict({name: p.detach().numpy() for name, p in theirs.state_dict().items()})
    x = np.random.default_rng(0).normal(size=(T, B, F))
    packed = torch.nn.utils.rnn.pack_padded_sequence(torch.tensor(x), torch.tensor(LENGTHS), enforce_sorted=False)
    expected, (h, c) = theirs(packed)
    expected, _ = torch.nn.utils.rnn.pad_packed_sequence(expected, total_length=T)
    outputs, final = ours(mg.tensor(x), lengths=LENGTHS)
    for mine, other in zip([outputs, *flat(final)], [expected, h, c], strict=True):
        np.testing.assert_allclose(mine.detach().numpy(), other.detach().numpy(), rtol=1e-10, atol=1e-12)
    (outputs**2).sum().backward()
    (expected**2).sum().backward()
    for name, p in theirs.named_parameters():
        np.testing.assert_allclose(getattr(ours, name).grad.numpy(), p.grad.numpy(), rtol=1e-9, atol=1e-12)


def test_steps_are_numbered_in_time():
    for reverse, expected in ((False, [0, 1, 2]), (True, [2, 1, 0])):
        with mg.Tape() as tape:
            nn.Recurrent(nn.RNNCell(F, H), reverse=reverse)(sequence(3, 2, F, requires_grad=True), lengths=[3, 2])
        steps = [entry.node.scope.steps for entry in tape if entry.node.primitive and entry.node.name == "tanh"]
        assert steps == [(t,) for t in expected]


@pytest.mark.parametrize(
    ("lengths", "error", "message"),
    [
        ([3, 7, 0, 5, 7], ValueError, r"lengths are from 1 to 8.*lengths\[2\] is 0"),
        ([3, 9, 1, 5, 7], ValueError, r"lengths\[1\] is 9"),
        ([3, 7], ValueError, "there are 5 sequences, so 5 lengths"),
        ([3.0, 7.0, 1.0, 5.0, 7.0], TypeError, "lengths are integers"),
    ],
)
def test_lengths_that_do_not_fit(lengths, error, message):
    with pytest.raises(error, match=message):
        nn.Recurrent(nn.RNNCell(F, H))(sequence(T, B, F), lengths=lengths)


def test_lengths_on_a_gpu_are_refused(cupy):
    with mg.use_backend("cupy"), pytest.raises(TypeError, match="on the host"):
        nn.LSTM(F, H)(mg.zeros((T, B, F)), lengths=mg.tensor(LENGTHS))


def test_a_state_without_a_row_for_each_sequence_is_refused():
    class Shared(nn.Module):
        def forward(self, x_t, state):
            return x_t, mg.zeros((1, 2))

    with pytest.raises(ValueError, match="each tensor of a state has the batch first: expected 5 rows"):
        nn.Recurrent(Shared())(sequence(T, B, F), lengths=LENGTHS)


def test_a_packing_puts_back_what_it_packs():
    packing = Packing(LENGTHS, T, B)
    x = sequence(T, B, F)
    rows = packing.pack(x)
    assert rows.shape == (sum(LENGTHS), F)
    expected = x.numpy().copy()
    for b, n in enumerate(LENGTHS):
        expected[n:, b] = 0
    np.testing.assert_array_equal(packing.unpack(rows).numpy(), expected)

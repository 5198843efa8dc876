"""Truncated backpropagation through time: k1 steps between updates, gradients k2 steps back."""

import math
import tracemalloc

import numpy as np
import pytest
from cell_helpers import F, H, sequence

import minigrad as mg
from minigrad import nn, optim, tree
from minigrad.nn import truncated_bptt

T, B = 12, 2
CELLS = {"RNN": nn.RNN, "LSTM": nn.LSTM, "GRU": nn.GRU}


def model(kind="LSTM"):
    mg.manual_seed(0)
    return CELLS[kind](F, H).to("float64")


def weights(shape):
    return mg.tensor(np.random.default_rng(7).normal(size=(T, *shape[1:])))


def loss_of(outputs, steps):
    return (outputs * weights(outputs.shape)[steps]).sum()


def gradients(net):
    found = [p.grad.numpy().copy() for p in net.parameters()]
    net.zero_grad()
    return found


def directly(net, x, k1, k2):
    """The gradients of each piece by definition: step by step, states detached everywhere but in the last k2 steps."""
    found = []
    for a in range(0, T, k1):
        b = min(a + k1, T)
        outputs, state = [], None
        for t in range(b):
            if t <= b - k2:
                state = tree.detach(state)
            if t < b - k2:
                with mg.no_grad():
                    output, state = net(x[t : t + 1], state)
            else:
                output, state = net(x[t : t + 1], state)
            outputs.append(output)
        loss_of(mg.concat(outputs[a:b]), slice(a, b)).backward()
        found.append(gradients(net))
    return found


@pytest.mark.parametrize(
    ("k1", "k2"), [(1, 1), (1, 4), (2, 6), (3, 3), (3, 7), (4, 6), (5, 8), (5, 2), (4, 1), (6, 100), (100, 3), (12, 12)]
)
@pytest.mark.parametrize("kind", CELLS)
def test_gradients_are_those_of_the_definition(kind, k1, k2):
    net, x = model(kind), sequence(T, B, F)
    expected = directly(net, x, k1, k2)
    found = []
    for steps, outputs, _ in truncated_bptt(net, x, k1, k2):
        loss_of(outputs, steps).backward()
        found.append(gradients(net))
    assert len(found) == len(expected) == math.ceil(T / k1)
    for ours, theirs in zip(found, expected, strict=True):
        for mine, other in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(mine, other, rtol=1e-9, atol=1e-12)


def test_one_piece_is_full_backpropagation():
    net, x = model(), sequence(T, B, F)
    outputs, (h, c) = net(x)
    loss_of(outputs, slice(0, T)).backward()
    expected = gradients(net)
    ((steps, outputs, state),) = truncated_bptt(net, x, T)
    assert steps == slice(0, T)
    loss_of(outputs, steps).backward()
    for mine, other in zip(gradients(net), expected, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-12)
    np.testing.assert_array_equal(state[0].numpy(), h.detach().numpy())
    np.testing.assert_array_equal(state[1].numpy(), c.detach().numpy())


@pytest.mark.parametrize(("k1", "k2"), [(5, 5), (5, 8), (5, 11), (5, 2)])
def test_pieces_put_together_are_the_whole(k1, k2):
    net, x, start = model("GRU"), sequence(T, B, F), sequence(1, B, H, seed=3)
    expected, final = net(x, start)
    pieces = list(truncated_bptt(net, x, k1, k2, start))
    assert [steps for steps, _, _ in pieces] == [slice(0, 5), slice(5, 10), slice(10, 12)]
    np.testing.assert_allclose(mg.concat([o for _, o, _ in pieces]).detach().numpy(), expected.detach().numpy())
    np.testing.assert_allclose(pieces[-1][2].numpy(), final.detach().numpy())
    assert all(state.node is None for _, _, state in pieces)
    with mg.no_grad():
        assert all(outputs.node is None for _, outputs, _ in truncated_bptt(net, x, k1, k2))


@pytest.mark.parametrize("k2", [3, 4, 10, 2])
def test_parameters_may_change_between_pieces(k2):
    net, x = model(), sequence(T, B, F)
    optimizer = optim.SGD(net.parameters(), lr=0.1)
    for steps, outputs, _ in truncated_bptt(net, x, 3, k2):
        optimizer.zero_grad()
        loss_of(outputs, steps).backward()
        optimizer.step()


def test_what_runs_again_runs_with_the_parameters_as_they_are():
    w = nn.Parameter(mg.tensor([1.0], dtype="float64"))

    def count(x, h):
        outputs = []
        for x_t in x:
            h = x_t * w if h is None else h + x_t * w
            outputs.append(h)
        return mg.stack(outputs), h

    found = []
    for steps, outputs, state in truncated_bptt(count, mg.ones((6, 1), "float64"), 2, 4):
        found.append((steps.start, outputs.tolist(), state.tolist()))
        with mg.no_grad():
            w.copy_(w * 10)
    assert found == [
        (0, [[1.0], [2.0]], [2.0]),
        (2, [[30.0], [40.0]], [40.0]),  # from the beginning, since there are only 4 steps so far
        (4, [[320.0], [420.0]], [420.0]),  # from the 20 of the last time before step 2
    ]


@pytest.mark.parametrize(("k1", "k2"), [(4, 4), (4, 10), (8, 3), (1000, None)])
def test_memory_does_not_grow_with_the_text(k1, k2, without_gc):
    net = nn.LSTM(8, 64)

    def peak(steps):
        x = np.zeros((steps, 32, 8), np.float32)
        tracemalloc.start()
        for _, outputs, state in truncated_bptt(net, x, k1, k2):
            loss = (outputs**2).mean()
            loss.backward()
            net.zero_grad()
            del outputs, state, loss
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(20)
    grown = peak(200) / peak(20)
    assert grown > 5 if k2 is None else grown < 1.1  # one piece as long as the text shows the difference


def test_trees_and_arrays():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell = nn.Recurrent(nn.GRUCell(F, H))

        def forward(self, x, state):
            h, state = self.cell(mg.tensor(x["x"]) * x["gain"][0], state)
            return {"h": h, "marks": (mg.tensor(x["marks"]),)}, state

    x = {"x": sequence(T, B, F).numpy(), "marks": np.arange(T), "gain": [2.0]}
    net = Model().to("float64")
    pieces = list(truncated_bptt(net, x, 5, 7))
    assert mg.concat([o["marks"][0] for _, o, _ in pieces]).tolist() == list(range(T))
    expected, _ = net(x, None)
    np.testing.assert_allclose(
        mg.concat([o["h"] for _, o, _ in pieces]).detach().numpy(), expected["h"].detach().numpy()
    )


@pytest.mark.parametrize(
    ("x", "k1", "k2", "error", "message"),
    [
        (np.zeros((4, 1, F)), 0, None, ValueError, "k1 must be at least 1, not 0"),
        (np.zeros((4, 1, F)), 2, 0, ValueError, "k2 must be at least 1, not 0"),
        (np.zeros((4, 1, F)), 2.0, None, TypeError, "k1 is a number of steps, not 2.0"),
        (np.zeros((4, 1, F)), 2, True, TypeError, "k2 is a number of steps, not True"),
        (np.zeros((0, 1, F)), 2, None, ValueError, "there is no time step in x"),
        (np.zeros(()), 2, None, ValueError, "the first axis is time, and x has none"),
        ((np.zeros(3), {"y": np.zeros(4)}), 2, None, ValueError, r"there are x\[0\] 3, x\[1\]\['y'\] 4"),
        (None, 2, None, TypeError, "x is a tensor, an array or a tree of them, not a NoneType"),
    ],
)
def test_what_makes_no_sense_is_refused_at_once(x, k1, k2, error, message):
    with pytest.raises(error, match=message):
        truncated_bptt(nn.RNN(F, H), x, k1, k2)


def test_a_model_must_return_a_pair():
    with pytest.raises(TypeError, match=r"must return a pair \(outputs, state\), not a Tensor"):
        next(truncated_bptt(lambda x, state: x, mg.zeros((4, 1, F)), 2))


def test_on_every_backend(backend):
    net = nn.GRU(F, H)
    x = mg.random.normal((T, B, F))
    for _, outputs, _ in truncated_bptt(net, x, 5, 7):
        outputs.sum().backward()
    assert all(p.grad.backend is x.backend for p in net.parameters())

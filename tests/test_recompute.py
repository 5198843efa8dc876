"""Recomputation: the same results and gradients, in less memory."""

import copy
import tracemalloc

import numpy as np
import pytest
from cell_helpers import B, F, H, double, sequence

import minigrad as mg
from minigrad import nn
from minigrad.nn import functional


def both(function, *args):
    """(value, gradients of args) of a function as it is, and recomputed."""
    found = []
    for call in (function, lambda *a: mg.recompute(function, *a)):
        inputs = [mg.tensor(a.detach().numpy(), requires_grad=True) for a in args]
        out = call(*inputs)
        out.sum().backward()
        found.append((out.detach().numpy(), [x.grad.numpy() for x in inputs]))
    return found


def test_values_and_gradients_are_the_same():
    x, y = sequence(3, 4), sequence(4, 2, seed=1)
    (value, grads), (again, recomputed) = both(lambda x, y: mg.tanh(x @ y) * mg.exp(x[:, :2]), x, y)
    np.testing.assert_array_equal(value, again)
    for g, r in zip(grads, recomputed, strict=True):
        np.testing.assert_allclose(r, g, rtol=1e-12)


def test_gradients_of_all_orders():
    inputs = [sequence(3, 4, requires_grad=True), sequence(4, 2, seed=1, requires_grad=True)]
    function = lambda x, y: mg.recompute(lambda x, y: mg.tanh(x @ y) * mg.sin(x)[:, :2], x, y)
    assert mg.gradcheck(function, inputs)
    assert mg.gradgradcheck(function, inputs)
    third = lambda f: mg.grad(mg.grad(mg.grad(f)))(mg.tensor(0.7, dtype="float64")).item()
    assert third(lambda x: mg.recompute(lambda x: mg.exp(2 * x), x)) == pytest.approx(8 * np.exp(1.4))


def test_parameters_inside_get_their_gradients_once():
    layer = double(nn.Linear(4, 4))
    twin = copy.deepcopy(layer)
    x, same = sequence(3, 4, requires_grad=True), sequence(3, 4, requires_grad=True)
    middle = mg.recompute(lambda x: layer(x).tanh(), x)
    loss = (mg.recompute(lambda h: layer(h).sigmoid(), middle) ** 2).sum()
    g = mg.differentiate(loss, [layer.weight, x], create_graph=True)
    (loss + (g[0] ** 2).sum() + g[1].sum()).backward()
    other = (twin(twin(same).tanh()).sigmoid() ** 2).sum()
    g = mg.differentiate(other, [twin.weight, same], create_graph=True)
    (other + (g[0] ** 2).sum() + g[1].sum()).backward()
    for mine, theirs in ((layer.weight, twin.weight), (layer.bias, twin.bias), (x, same)):
        np.testing.assert_allclose(mine.grad.numpy(), theirs.grad.numpy(), rtol=1e-10, atol=1e-12)


def test_trees_of_arguments_and_results():
    x, h = sequence(2, 3, requires_grad=True), mg.ones((2, 3), dtype="float32", requires_grad=True)
    count = mg.tensor([1, 2])
    function = lambda x, state, name: {"out": (x * state["h"][0], name), "sum": [x.sum(), state["count"]]}
    result = mg.recompute(function, x, {"h": [h], "count": count}, "name")
    assert result["out"][1] == "name"
    assert result["sum"][1] is count
    (result["out"][0].sum() + 3 * result["sum"][0]).backward()
    np.testing.assert_allclose(x.grad.numpy(), np.full((2, 3), 4.0))
    np.testing.assert_allclose(h.grad.numpy(), x.detach().numpy(), rtol=1e-6)
    assert h.grad.dtype == mg.float32


def test_an_argument_may_be_the_result():
    x = sequence(3, requires_grad=True)
    y, z = mg.recompute(lambda x: (x, x * x), x)
    (y.sum() + z.sum()).backward()
    np.testing.assert_allclose(x.grad.numpy(), 1 + 2 * x.detach().numpy())


def test_dropout_is_replayed(backend):
    with mg.use_backend(backend):
        own = mg.random.Generator(3)

        def function(x):
            return functional.dropout(x, 0.5) * functional.dropout(x, 0.5, generator=own)

        mg.manual_seed(0)
        x = mg.ones((50, 50), requires_grad=True)
        y = mg.recompute(function, x)
        follows = mg.random.uniform((3,)).to("numpy").numpy()
        y.sum().backward()
        after = mg.random.uniform((3,)).to("numpy").numpy()
        np.testing.assert_allclose(x.grad.to("numpy").numpy(), 2 * y.detach().to("numpy").numpy())
        mg.manual_seed(0)
        own.manual_seed(3)
        function(x)
        np.testing.assert_array_equal(mg.random.uniform((3,)).to("numpy").numpy(), follows)
        np.testing.assert_array_equal(mg.random.uniform((3,)).to("numpy").numpy(), after)  # backward drew nothing more


def test_two_backward_passes_with_a_retained_graph():
    x = sequence(3, requires_grad=True)
    y = mg.recompute(mg.exp, x).sum()
    y.backward(retain_graph=True)
    y.backward()
    np.testing.assert_allclose(x.grad.numpy(), 2 * np.exp(x.detach().numpy()))
    with pytest.raises(mg.GraphError, match="freed"):
        y.backward()


def test_changes_in_place_are_found():
    weight = nn.Parameter(mg.ones(3))
    y = mg.recompute(lambda x: x * weight, mg.ones(3, requires_grad=True)).sum()
    with mg.no_grad():
        weight.copy_(mg.zeros(3))
    with pytest.raises(mg.GraphError, match="changed in place"):
        y.backward()


def test_what_is_computed_outside_must_be_an_argument():
    x = sequence(3, requires_grad=True)
    outside = x * 2
    with pytest.raises(mg.GraphError, match="give it as an argument"):
        mg.recompute(lambda x: x * outside, x)


def test_without_recording_it_is_a_call():
    calls = []
    with mg.no_grad():
        assert mg.recompute(lambda x: calls.append(1) or x, 5) == 5
    assert calls == [1]


# --- over the segments of a sequence ----------------------------------------------------------------------------------


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("recompute", [True, 1, 4, 100])
@pytest.mark.parametrize("make", [nn.LSTMCell, nn.PeepholeLSTMCell, nn.GRUCell])
def test_a_recurrent_net_recomputed(make, recompute, reverse):
    mg.manual_seed(0)
    layer = double(nn.Recurrent(make(F, H, recurrent_dropout=0.3), reverse=reverse, recompute=recompute))
    twin = copy.deepcopy(layer)
    twin.recompute = False
    x, same = sequence(11, B, F, requires_grad=True), sequence(11, B, F, requires_grad=True)
    losses = []
    for net, inputs in ((layer, x), (twin, same)):
        mg.manual_seed(1)
        outputs, state = net(inputs)
        loss = (outputs**2).sum() + mg.tree.leaves(state)[-1].sum()
        loss.backward()
        losses.append(loss.item())
    assert losses[0] == losses[1]
    np.testing.assert_allclose(x.grad.numpy(), same.grad.numpy(), rtol=1e-10)
    for p, q in zip(layer.parameters(), twin.parameters(), strict=True):
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-10)


def test_recurrent_layers_with_dropout_and_lengths():
    mg.manual_seed(0)
    nets = [double(nn.GRU(F, H, 2, dropout=0.5, bidirectional=True, recompute=r)) for r in (False, True)]
    nets[1].load_state_dict(nets[0].state_dict())
    found = []
    for net in nets:
        mg.manual_seed(1)
        outputs, _ = net(sequence(10, 3, F), lengths=[10, 2, 7])
        (outputs**2).sum().backward()
        found.append([p.grad.numpy() for p in net.parameters()])
    for g, r in zip(*found, strict=True):
        np.testing.assert_allclose(r, g, rtol=1e-9, atol=1e-12)


def kept(recompute, steps):
    """Bytes that an LSTM over so many steps keeps for backward, beside its outputs."""
    net, x = nn.LSTM(4, 64, recompute=recompute), mg.zeros((steps, 16, 4))
    tracemalloc.start()
    try:
        outputs, _ = net(x)
        return tracemalloc.get_traced_memory()[0] - outputs.array.nbytes
    finally:
        tracemalloc.stop()


def test_memory_grows_with_the_square_root():
    plain, less = ([kept(recompute, steps) for steps in (64, 256, 1024)] for recompute in (False, True))
    assert plain[2] > 15 * plain[0]
    assert less[2] < 5.5 * less[0]
    assert less[2] < plain[2] / 50


def test_settings():
    assert "recompute=True" in repr(nn.Recurrent(nn.RNNCell(1, 1), recompute=True))
    with pytest.raises(ValueError, match="recompute is True, False or the steps of a segment"):
        nn.Recurrent(nn.RNNCell(1, 1), recompute=0)

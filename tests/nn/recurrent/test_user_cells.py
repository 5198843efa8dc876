"""The cells of docs/cells.md, as they stand there: short, equal to their formulas, and first-class citizens."""

import ast
import copy
import re
from types import SimpleNamespace

import numpy as np
import pytest
from cell_helpers import F, H, double, sequence
from project import ROOT

import minigrad as mg
from minigrad import nn, optim, tree

PAGE = ROOT / "docs" / "cells.md"
T, B = 6, 3
CELLS = ["MinimalGatedCell", "LightGRUCell", "LayerNormLSTMCell"]


def classes():
    """The source of each class on the page, by name."""
    found = {}
    for text in re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        for node in ast.parse(text).body:
            if isinstance(node, ast.ClassDef):
                found[node.name] = ast.get_source_segment(text, node)
    return found


@pytest.fixture(scope="module")
def page():
    """The classes of the page."""
    names = {"mg": mg, "nn": nn, "__name__": "page"}
    for source in classes().values():
        exec(source, names)
    return SimpleNamespace(**{name: names[name] for name in classes()})


def make(page, name, seed=0):
    """A cell in float64 whose parameters are all different from what normalisations begin with."""
    mg.manual_seed(seed)
    cell = double(getattr(page, name)(F, H))
    with mg.no_grad():
        for p in cell.parameters():
            p.copy_(p + 0.3 * mg.random.normal(p.shape, dtype="float64"))
    return cell


def stack_of(page, name):
    class Stack(nn.RecurrentStack):
        cell_type = getattr(page, name)

    return Stack


# --- the formulas, in NumPy -------------------------------------------------------------------------------------------


def s(x):
    return 1 / (1 + np.exp(-x))


def norm(x, weight, bias):
    centred = x - x.mean(axis=-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-5) * weight + bias


def minimal_gated(p, x, h):
    f = s(np.hstack([h, x]) @ p["W_f.weight"].T + p["W_f.bias"])
    n = np.tanh(np.hstack([f * h, x]) @ p["W_h.weight"].T + p["W_h.bias"])
    return (1 - f) * h + f * n


def light_gru(p, x, h):
    z = s(norm(x @ p["W_z.weight"].T, p["norm_z.weight"], p["norm_z.bias"]) + h @ p["U.weight"][:H].T)
    n = norm(x @ p["W_h.weight"].T, p["norm_h.weight"], p["norm_h.bias"]) + h @ p["U.weight"][H:].T
    return z * h + (1 - z) * np.maximum(n, 0)


def layer_norm_lstm(p, x, state):
    h, c = state
    gates = norm(x @ p["W_x.weight"].T, p["norm_x.weight"], p["norm_x.bias"])
    gates = gates + norm(h @ p["W_h.weight"].T, p["norm_h.weight"], p["norm_h.bias"])
    i, f, g, o = (gates[:, k * H : (k + 1) * H] for k in range(4))
    c = s(f) * c + s(i) * np.tanh(g)
    return s(o) * np.tanh(norm(c, p["norm_c.weight"], p["norm_c.bias"])), c


FORMULAS = {"MinimalGatedCell": minimal_gated, "LightGRUCell": light_gru, "LayerNormLSTMCell": layer_norm_lstm}


@pytest.mark.parametrize("name", CELLS)
def test_less_than_twenty_lines(name):
    assert len(classes()[name].splitlines()) < 20


@pytest.mark.parametrize("name", CELLS)
def test_a_cell_is_its_formula(page, name):
    cell = make(page, name)
    p = {key: value.detach().numpy() for key, value in cell.state_dict().items()}
    x = sequence(T, B, F)
    outputs, final = nn.Recurrent(cell)(x)
    state = (np.zeros((B, H)),) * 2 if name == "LayerNormLSTMCell" else np.zeros((B, H))
    one_by_one = None
    for t in range(T):
        state = FORMULAS[name](p, x.numpy()[t], state)
        h = state[0] if isinstance(state, tuple) else state
        output, one_by_one = cell(x[t], one_by_one)
        np.testing.assert_allclose(outputs[t].detach().numpy(), h, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(output.detach().numpy(), h, rtol=1e-10, atol=1e-12)
    for ours, theirs in zip(tree.leaves(final), state if isinstance(state, tuple) else [state], strict=True):
        np.testing.assert_allclose(ours.detach().numpy(), theirs, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", CELLS)
def test_gradients_are_right(page, name):
    cell = make(page, name)
    names = [key for key, _ in cell.named_parameters()]

    def run(x, *values):
        """Two steps of a cell with these parameters."""
        twin = copy.deepcopy(cell)
        for key, value in zip(names, values, strict=True):
            owner = twin
            *path, last = key.split(".")
            for part in path:
                owner = getattr(owner, part)
            vars(owner)[last] = value
        return nn.Recurrent(twin)(x)[0]

    values = [p.detach() for p in cell.parameters()]
    assert mg.gradcheck(run, [sequence(2, 2, F), *values])
    opened = [p.requires_grad_() for p in values]
    gradients = mg.differentiate((run(sequence(2, 2, F), *opened) ** 2).sum(), opened)
    assert all(g.numpy().any() for g in gradients)


@pytest.mark.parametrize("options", [{}, {"reverse": True}, {"recompute": True}], ids=["plain", "reverse", "recompute"])
@pytest.mark.parametrize("name", CELLS)
def test_a_padded_batch_is_its_sequences(page, name, options):
    layer = nn.Recurrent(make(page, name), **options)
    twin = nn.Recurrent(copy.deepcopy(layer.cell), reverse=layer.reverse)
    x, lengths = sequence(T, B, F), [3, 6, 1]
    outputs, final = layer(x, lengths=lengths)
    (outputs**2).sum().backward()
    for b, n in enumerate(lengths):
        expected, state = twin(x[:n, b : b + 1])
        np.testing.assert_allclose(outputs[:n, b].detach().numpy(), expected[:, 0].detach().numpy(), rtol=1e-10)
        assert not outputs[n:, b].detach().numpy().any()
        for ours, theirs in zip(tree.leaves(final), tree.leaves(state), strict=True):
            np.testing.assert_allclose(ours[b].detach().numpy(), theirs[0].detach().numpy(), rtol=1e-10)
        (expected**2).sum().backward()
    for p, q in zip(layer.parameters(), twin.parameters(), strict=True):
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("name", CELLS)
def test_stacks_in_both_directions(page, name):
    mg.manual_seed(0)
    net = stack_of(page, name)(F, H, 2, bidirectional=True, residual=True).to("float64")
    x = sequence(T, B, F)
    outputs, final = net(x)
    assert outputs.shape == (T, B, 2 * H)
    assert all(part.shape == (4, B, H) for part in tree.leaves(final))
    first, reverse = (nn.Recurrent(cell, reverse=bool(d)) for d, cell in enumerate(net.cells()[:2]))
    below = mg.concat([first(x)[0], reverse(x)[0]], axis=2)
    third, fourth = (nn.Recurrent(cell, reverse=bool(d)) for d, cell in enumerate(net.cells()[2:]))
    expected = below + mg.concat([third(below)[0], fourth(below)[0]], axis=2)
    np.testing.assert_allclose(outputs.detach().numpy(), expected.detach().numpy(), rtol=1e-10)
    again, _ = net(x, tree.map(mg.zeros_like, final))
    np.testing.assert_allclose(again.detach().numpy(), outputs.detach().numpy(), rtol=1e-10)


@pytest.mark.parametrize("name", CELLS)
def test_a_cell_learns_to_remember(page, name):
    """Which sign did the first number have? Steps of noise come after it."""
    mg.manual_seed(0)
    rng = np.random.default_rng(0)
    net, head = nn.Recurrent(getattr(page, name)(1, 16)), nn.Linear(16, 1)
    optimizer = optim.Adam([*net.parameters(), *head.parameters()], lr=2e-2)

    def loss():
        x = rng.uniform(-1, 1, (8, 64, 1)).astype(np.float32)
        x[0] = np.sign(x[0])
        return ((head(net(x)[0][-1]) - mg.tensor(x[0])) ** 2).mean()

    before = loss().item()
    for _ in range(120):
        optimizer.zero_grad()
        value = loss()
        value.backward()
        optimizer.step()
    with mg.no_grad():
        assert loss().item() < 0.1 < 0.5 < before


@pytest.mark.parametrize("name", CELLS)
def test_on_every_backend(page, name, backend):
    net = stack_of(page, name)(F, H, bidirectional=True)
    x = mg.random.normal((T, B, F))
    outputs, _ = net(x, lengths=[6, 2, 4])
    outputs.sum().backward()
    assert outputs.backend is x.backend
    assert all(p.grad.backend is x.backend for p in net.parameters())

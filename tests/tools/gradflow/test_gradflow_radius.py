"""The spectral radius of recurrent weights, and what theory says of the gradients of linear networks."""

import math

import numpy as np
import pytest
from cell_helpers import sequence

import minigrad as mg
from minigrad import nn
from minigrad.tools import gradflow
from minigrad.tools.gradflow import gradient_flow, recurrent_weights, scale_radius_, spectral_radius


def test_it_is_the_largest_absolute_value_of_an_eigenvalue():
    matrix = np.random.default_rng(0).normal(size=(30, 30))  # most of its eigenvalues are complex
    expected = max(abs(value) for value in np.linalg.eigvals(matrix))
    assert spectral_radius(matrix) == pytest.approx(expected, rel=1e-12)
    assert spectral_radius(mg.tensor(matrix, dtype="float64", requires_grad=True)) == pytest.approx(expected, rel=1e-12)
    assert spectral_radius([[0.0, 2.0], [-2.0, 0.0]]) == pytest.approx(2)  # a rotation: eigenvalues +-2i


@pytest.mark.parametrize(("n", "seed"), [(1, 0), (2, 1), (7, 2), (40, 3)])
def test_that_of_an_orthogonal_matrix_is_one(n, seed):
    weight = mg.zeros((n, n), dtype="float64")
    nn.init.orthogonal_(weight, generator=mg.random.Generator(seed))
    assert spectral_radius(weight) == pytest.approx(1, rel=1e-12)


def test_powers_of_a_matrix_grow_with_it():
    matrix = np.random.default_rng(1).normal(size=(6, 6))
    power = np.linalg.matrix_power(matrix / spectral_radius(matrix), 4000)
    assert np.linalg.norm(power, 2) ** (1 / 4000) == pytest.approx(1, abs=1e-2)  # Gelfand's formula


@pytest.mark.parametrize(
    ("what", "message"),
    [
        (np.zeros((2, 3)), r"square matrix \(n, n\), not an array of shape \(2, 3\)"),
        (np.zeros(4), "square matrix"),
        (np.zeros((0, 0)), "square matrix"),
        ([[1.0, np.inf], [0.0, 1.0]], "NaN or infinite"),
        (nn.Linear(2, 2), "no RNN, LSTM or GRU, nor a cell of one, in this Linear: give the matrix itself"),
    ],
)
def test_what_has_no_spectral_radius(what, message):
    with pytest.raises(ValueError, match=message):
        spectral_radius(what)


# --- modules ----------------------------------------------------------------------------------------------------------


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.lower = nn.LSTM(3, 4, 2, bidirectional=True)
        self.upper = nn.Recurrent(nn.RNNCell(8, 5))
        self.gru = nn.GRUCell(5, 2)


def test_recurrent_weights_go_by_parameter_and_gate():
    model = Model()
    layers = ["l0", "l0_reverse", "l1", "l1_reverse"]
    names = [f"lower.weight_hh_{layer} {gate}" for layer in layers for gate in "ifgo"]
    names += ["upper.cell.weight_hh", *(f"gru.weight_hh {gate}" for gate in "rzn")]
    found = recurrent_weights(model)
    assert list(found) == list(spectral_radius(model)) == names
    forget = model.lower.weight_hh_l1.detach().numpy()[4:8]
    np.testing.assert_array_equal(found["lower.weight_hh_l1 f"], forget)
    assert spectral_radius(model)["lower.weight_hh_l1 f"] == pytest.approx(spectral_radius(forget))


def gated(kind, **openings):
    """A cell whose gates are open (50) or shut (-50), by name."""
    cell = kind(2, 3)
    openness = [np.full(3, openings.get(name, 0)) for name in cell.gate_names]
    with mg.no_grad():
        cell.bias_ih.copy_(np.concatenate(openness))
    return cell


@pytest.mark.parametrize("kind", [nn.LSTMCell, nn.PeepholeLSTMCell])
def test_the_names_of_gates_are_those_of_the_formulas(kind):
    x, state = mg.ones((1, 2)), (mg.full((1, 3), 0.1), mg.full((1, 3), 0.2))
    _, (_, c) = gated(kind, f=50, i=-50)(x, state)
    np.testing.assert_allclose(c.detach().numpy(), state[1].numpy(), rtol=1e-5)  # all is remembered
    _, (h, c) = gated(kind, f=-50, i=50, g=50, o=-50)(x, state)
    np.testing.assert_allclose(c.detach().numpy(), 1, rtol=1e-5)  # what is new replaces it
    np.testing.assert_allclose(h.detach().numpy(), 0, atol=1e-5)  # and nothing goes out
    assert kind.gate_names[kind.forget_gate] == "f"


def test_the_names_of_gates_are_those_of_the_formulas_of_a_gru():
    x, h = mg.ones((1, 2)), mg.full((1, 3), 0.1)
    np.testing.assert_allclose(gated(nn.GRUCell, z=50)(x, h)[0].detach().numpy(), h.numpy(), rtol=1e-5)
    np.testing.assert_allclose(gated(nn.GRUCell, z=-50, n=50)(x, h)[0].detach().numpy(), 1, rtol=1e-5)
    assert nn.GRUCell.gate_names == ("r", "z", "n")


def test_gates_without_names_are_numbered():
    class Plain(nn.RNNCell):
        gates = 2

    assert list(recurrent_weights(Plain(2, 3))) == ["weight_hh 0", "weight_hh 1"]


@pytest.mark.parametrize("radius", [0.0, 0.5, 1.7])
def test_scaling_gives_each_gate_this_radius(radius, backend):
    model = scale_radius_(Model(), radius)
    assert list(spectral_radius(model).values()) == pytest.approx([radius] * 20, rel=1e-5)


def test_scaling_refuses_what_cannot_be_scaled():
    with pytest.raises(ValueError, match="a number from 0 on, not -1"):
        scale_radius_(nn.RNN(2, 2), -1)
    zero = nn.RNN(2, 2)
    with mg.no_grad():
        zero.weight_hh_l0.copy_(np.zeros((2, 2)))
    with pytest.raises(ValueError, match="weight_hh_l0 has spectral radius 0, and cannot be scaled to 1"):
        scale_radius_(zero, 1)
    with pytest.raises(ValueError, match="no RNN, LSTM or GRU"):
        scale_radius_(nn.Linear(2, 2), 1)


# --- theory -----------------------------------------------------------------------------------------------------------


def linear_flow(weight, steps):
    """dL/dh_t of h_t = W h_{t-1}, where the loss is a sum over the last h_t."""
    w = mg.tensor(weight, dtype="float64", requires_grad=True)
    h = mg.ones((1, len(weight)), dtype="float64")
    with mg.Tape() as tape:
        for t in range(steps):
            with mg.scope("cell", step=t):
                h = h @ w.T
        loss = h.sum()
    loss.backward()
    return gradient_flow(tape)


@pytest.mark.parametrize("radius", [0.8, 1.0, 1.2])
def test_in_a_linear_network_one_step_back_is_a_factor_of_the_radius(radius):
    weight = np.random.default_rng(3).normal(size=(8, 8))
    weight *= radius / spectral_radius(weight)
    assert linear_flow(weight, 400).per_step("cell h") == pytest.approx(radius, rel=0.01)


def test_with_real_eigenvalues_the_ratio_of_neighbours_approaches_the_radius():
    weight = np.random.default_rng(4).normal(size=(8, 8))
    weight = (weight + weight.T) / 5
    norms = linear_flow(weight, 200)["cell h"]
    assert norms[0] / norms[1] == pytest.approx(spectral_radius(weight), rel=1e-9)


def test_a_tanh_makes_gradients_smaller_than_theory():
    mg.manual_seed(0)
    model = nn.RNN(2, 16).to("float64")
    nn.init.recurrent_(model)
    with mg.Tape() as tape:
        loss = model(sequence(60, 4, 2))[0][-1].sum()
    loss.backward()
    assert spectral_radius(model)["weight_hh_l0"] == pytest.approx(1)
    assert gradient_flow(tape, model).per_step("RNN.l0 h") < 0.99


def test_the_picture_with_the_line_of_theory(tmp_path):
    image = pytest.importorskip("matplotlib.image")
    flow = gradflow.GradientFlow({"h": 0.5 ** np.arange(30.0, -1, -1), "r": np.ones(5)}, frozenset(["r"]))
    path = gradflow.plot_flow(flow, tmp_path / "flow.png", linear={"h": 0.6, "r": 2.0}, before={"h": np.ones(31)})
    assert image.imread(path).ndim == 3


def test_the_line_of_theory_begins_at_the_last_step_computed():
    linear = gradflow.plots._linear
    np.testing.assert_allclose(linear(np.array([9.0, 9.0, 2.0, math.nan]), 0.5, False), [0.5, 1, 2, math.nan])
    np.testing.assert_allclose(linear(np.array([4.0, 9.0, 9.0]), 0.5, True), [4, 2, 1])

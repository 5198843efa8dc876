"""Initial values for recurrent nets: orthogonal gates, identity for relu, the bias of forget gates."""

import math

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.nn import init
from minigrad.random import Generator


def values(p):
    return p.detach().numpy().astype("float64")


def check_gates(weight_ih, weight_hh, gates):
    for block in np.split(values(weight_hh), gates):
        assert block @ block.T == pytest.approx(np.eye(len(block)), abs=1e-5)
    bound = math.sqrt(6 / (weight_ih.shape[1] + weight_ih.shape[0] // gates))
    assert 0.9 * bound < np.abs(values(weight_ih)).max() <= bound * (1 + 1e-6)


@pytest.mark.parametrize(
    ("cell", "gates"), [(nn.RNNCell, 1), (nn.LSTMCell, 4), (nn.PeepholeLSTMCell, 4), (nn.GRUCell, 3)]
)
def test_gates_are_orthogonal_one_by_one(cell, gates, backend):
    c = cell(20, 12)
    assert init.recurrent_(c, forget_bias=2.0) is c
    check_gates(c.weight_ih, c.weight_hh, gates)
    bias = (values(c.bias_ih) + values(c.bias_hh)).reshape(gates, 12)
    assert bias.tolist() == [[2.0 if gates == 4 and gate == 1 else 0.0] * 12 for gate in range(gates)]


def test_a_new_lstm_remembers():
    """With a large bias the forget gate is open, and a cell state outlives many steps."""
    kept = []
    for forget_bias in (0.0, 5.0):
        cell = init.recurrent_(nn.LSTMCell(3, 8), forget_bias, Generator(0))
        with mg.no_grad():
            _, (_, c) = nn.Recurrent(cell)(mg.zeros((30, 1, 3)), (mg.zeros((1, 8)), mg.ones((1, 8))))
        kept.append(float(c.abs().mean()))
    assert kept[0] < 0.1
    assert kept[1] > 0.5


def test_all_cells_within_a_module_are_found():
    lstm = nn.LSTM(6, 5, num_layers=2, bidirectional=True)
    model = nn.Sequential(nn.Embedding(9, 6), lstm, nn.ModuleList([nn.Recurrent(nn.GRUCell(7, 4))]), nn.Linear(4, 2))
    others = [values(model[0].weight).copy(), values(model[3].weight).copy()]
    init.recurrent_(model)
    for suffix in ("l0", "l0_reverse", "l1", "l1_reverse"):
        check_gates(getattr(lstm, f"weight_ih_{suffix}"), getattr(lstm, f"weight_hh_{suffix}"), 4)
        assert values(getattr(lstm, f"bias_ih_{suffix}")).tolist() == [0.0] * 5 + [1.0] * 5 + [0.0] * 10
        assert not values(getattr(lstm, f"bias_hh_{suffix}")).any()
    check_gates(model[2][0].cell.weight_ih, model[2][0].cell.weight_hh, 3)
    assert [values(model[0].weight).tolist(), values(model[3].weight).tolist()] == [x.tolist() for x in others]


def test_a_net_of_rectifiers_starts_as_the_identity():
    rnn = init.recurrent_(nn.RNN(3, 4, nonlinearity="relu"))
    assert values(rnn.weight_hh_l0).tolist() == np.eye(4).tolist()


def test_cells_without_biases_and_seeds():
    one, two = (init.recurrent_(nn.LSTM(3, 4, bias=False), generator=Generator(7)) for _ in range(2))
    assert one.weight_hh_l0.tolist() == two.weight_hh_l0.tolist()
    assert one.weight_ih_l0.tolist() == two.weight_ih_l0.tolist()


def test_a_module_without_recurrence_is_refused():
    with pytest.raises(ValueError, match="no RNN, LSTM or GRU, nor a cell of one, in this Linear"):
        init.recurrent_(nn.Linear(2, 2))


def test_the_unit_matrix(backend):
    w = nn.Parameter(mg.zeros((2, 3)))
    assert init.eye_(w) is w
    assert w.tolist() == [[1, 0, 0], [0, 1, 0]]
    with pytest.raises(ValueError, match="needs a matrix"):
        init.eye_(mg.zeros(3))

"""Attention weights: kept while they are computed, and drawn as heat maps."""

import numpy as np
import pytest

import minigrad as mg
import minigrad.functional as F
from minigrad import nn
from minigrad.inspect.figure import figure
from minigrad.tools.gradflow import WeightsOf, plot_weights, weights

H, T_IN, T_OUT, B = 5, 7, 4, 3


class Attention(nn.Module):
    """Additive attention (Bahdanau, Cho and Bengio 2015): h (B, H) and memory (T, B, H) to a context (B, H)."""

    def __init__(self):
        super().__init__()
        self.query, self.key, self.energy = nn.Linear(H, H), nn.Linear(H, H), nn.Linear(H, 1)
        self.kept = []

    def forward(self, h, memory):
        energies = self.energy(mg.tanh(self.query(h) + self.key(memory)))[:, :, 0]
        weights = F.softmax(energies, axis=0)
        self.kept.append(weights.detach().numpy().T)
        return (weights[:, :, None] * memory).sum(axis=0)


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention, self.cell, self.head = Attention(), nn.GRUCell(H, H), nn.Linear(H, 2)

    def forward(self, memory):
        h = mg.zeros(memory.shape[1:])
        for _ in range(T_OUT):
            h, _ = self.cell(self.attention(h, memory), h)
        return F.softmax(self.head(h))  # not one of the weights


def test_weights_are_kept_by_the_scope_that_computes_them(backend):
    decoder = Decoder()
    with WeightsOf("attention") as kept:
        answer = decoder(mg.random.normal((T_IN, B, H)))
    assert list(kept) == ["Decoder.attention"]
    found = kept["Decoder.attention"]
    assert found.shape == (T_OUT, B, T_IN)  # the axis of softmax is the last one
    np.testing.assert_array_equal(found, np.stack(decoder.attention.kept))
    np.testing.assert_allclose(found.sum(axis=2), 1, rtol=1e-5)
    answer.sum().backward()  # which is not disturbed


def test_outer_scopes_and_declared_ones_count_too():
    x = mg.zeros((2, 3), requires_grad=True)
    with WeightsOf("attention") as kept:
        for name in ("attention", "other"):
            with mg.scope(name):
                F.softmax(x)
        with mg.scope("attention"), mg.scope("head"):
            F.softmax(x)
    F.softmax(x)
    assert list(kept) == ["attention", "attention.head"]
    assert len(kept) == 2


def test_the_second_module_of_a_name_counts():
    first, second = Attention(), Attention()
    memory = mg.random.normal((T_IN, B, H))
    with WeightsOf("Attention") as kept:
        for _ in range(2):
            first(memory[0], memory)
            second(memory[0], memory)
    assert list(kept) == ["Attention", "Attention#2"]
    np.testing.assert_array_equal(kept["Attention#2"], np.stack(second.kept))


def test_a_memory_that_grows_leaves_nan():
    x = mg.random.normal((4, 2, 3)).detach()
    x.requires_grad_(True)
    with WeightsOf("attention") as kept:
        for t in range(1, 4):
            with mg.scope("attention", step=t):
                F.softmax(x[:t].sum(axis=2).T)
    found = kept["attention"]
    assert found.shape == (3, 2, 3)
    np.testing.assert_array_equal(np.isnan(found).sum(axis=2), [[2, 2], [1, 1], [0, 0]])


def test_weights_of_all_steps_at_once_are_not_stacked():
    x = mg.zeros((4, 2, 3), requires_grad=True)
    with WeightsOf("attention") as kept, mg.scope("attention"):
        F.softmax(x)
    assert kept["attention"].shape == (4, 2, 3)


def test_what_is_not_there():
    with WeightsOf("attention") as kept:
        pass
    assert not kept
    with pytest.raises(KeyError, match="no softmax was recorded in 'attention'; there is none at all"):
        kept["attention"]
    with pytest.raises(TypeError, match="takes the name of a scope, such as 'attention', not a Attention"):
        WeightsOf(Attention())
    with pytest.raises(ValueError, match="it is empty"):
        WeightsOf("")


# --- pictures ---------------------------------------------------------------------------------------------------------


def uniform(*shape):
    return np.full(shape, 1 / shape[-1])


@pytest.fixture
def drawn(monkeypatch):
    """The figures that were drawn."""
    pytest.importorskip("matplotlib")
    figures = []
    monkeypatch.setattr(weights, "figure", lambda *size: figures.append(figure(*size)) or figures[-1])
    return figures


def shown(axes):
    return np.asarray(axes.get_images()[0].get_array())


FORMS = {
    "array": lambda w: w[:, 1],
    "batch": lambda w: w,
    "tensor": mg.tensor,
    "list of arrays": list,
    "list of tensors": lambda w: [mg.tensor(step, requires_grad=True) for step in w],
    "list of rows": lambda w: list(w[:, 1]),
}


@pytest.mark.parametrize("form", FORMS)
def test_many_forms_of_the_same_weights(tmp_path, drawn, form):
    given = np.random.default_rng(0).dirichlet(np.ones(T_IN), (T_OUT, B))
    path = plot_weights(FORMS[form](given), tmp_path / "weights.png", title="title", sequence=1)
    np.testing.assert_allclose(shown(drawn[0].axes[0]), given[:, 1], rtol=1e-6)
    assert path.stat().st_size > 1000


def test_words_stand_beside_rows_and_columns(tmp_path, drawn):
    rows, columns = [f"r{i}" for i in range(12)], [f"a long word {i}" for i in range(15)]
    plot_weights(uniform(12, 15), tmp_path / "weights.png", rows, columns)
    axes = drawn[0].axes[0]
    assert [text.get_text() for text in axes.get_yticklabels()] == rows
    assert [text.get_text() for text in axes.get_xticklabels()] == columns


def test_a_memory_is_drawn_over_time(tmp_path, drawn):
    write, read = np.eye(30, 8), np.roll(np.eye(30, 8), 2, axis=0)
    plot_weights({"write": write, "read": read}, tmp_path / "memory.png", time="columns")
    first, second = drawn[0].axes[:2]
    np.testing.assert_array_equal(shown(first), write.T)
    np.testing.assert_array_equal(shown(second), read.T)
    assert first.get_xlim() == second.get_xlim()
    assert (first.get_title(), second.get_title(), second.get_xlabel()) == ("write", "read", "time step")


@pytest.mark.parametrize(
    ("given", "options", "error", "message"),
    [
        (np.full((2, 2), 1.5), {}, ValueError, "go from 1.5 to 1.5; weights are 0 to 1"),
        (np.full((2, 2), np.inf), {}, ValueError, "weights are 0 to 1"),
        (uniform(4), {}, ValueError, r"\(T, N\) or \(T, B, N\), not of shape \(4,\)"),
        ([], {}, ValueError, "not of shape"),
        ({}, {}, ValueError, "no weights to draw"),
        ([uniform(2), uniform(3)], {}, ValueError, "other shapes in other steps"),
        (uniform(2, 3, 4), {"sequence": 3}, IndexError, "no sequence 3 in a batch of 3"),
        (uniform(2, 3), {"rows": ["a"]}, ValueError, "2 rows and 1 names"),
        (uniform(2, 3), {"columns": list("abcd")}, ValueError, "3 columns and 4 names"),
        (uniform(2, 3), {"time": "up"}, ValueError, "'rows' or 'columns', not 'up'"),
    ],
)
def test_what_cannot_be_drawn(tmp_path, drawn, given, options, error, message):
    with pytest.raises(error, match=message):
        plot_weights(given, tmp_path / "weights.png", **options)
    assert not (tmp_path / "weights.png").exists()

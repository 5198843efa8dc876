"""Measuring during training: the history of the gradient flow, updates and their ratios, and the pictures of them."""

import math

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.inspect.figure import figure
from minigrad.tools import gradflow
from minigrad.tools.gradflow import FlowHistory, GradientFlow, Snapshot, Update, UpdateHistory, gradient_flow


@pytest.fixture
def image():
    return pytest.importorskip("matplotlib.image")


# --- the flow ---------------------------------------------------------------------------------------------------------


def test_a_history_is_fed_in_an_ordinary_loop():
    mg.manual_seed(0)
    model = nn.RNN(2, 3)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    history = FlowHistory()
    x = mg.random.normal((5, 4, 2))
    for step in range(4):
        with mg.Tape() as tape:
            loss = (model(x)[0][-1] ** 2).sum()
        optimizer.zero_grad()
        loss.backward()
        if step % 2 == 0:
            history.add(step, gradient_flow(tape, model))
        optimizer.step()
    assert history.steps == [0, 2]
    assert list(history) == ["RNN.l0 h"]
    assert history["RNN.l0 h"].shape == (2, 5)
    np.testing.assert_array_equal(history["RNN.l0 h"][1], history.flows[1]["RNN.l0 h"])
    assert (history["RNN.l0 h"][0] != history["RNN.l0 h"][1]).all()


def test_what_was_not_measured_is_nan():
    history = FlowHistory()
    history.add(1, {"h": [1.0, 2.0]})
    history.add(5, GradientFlow({"h": np.array([3.0]), "c": np.array([4.0])}, frozenset(["c"])))
    np.testing.assert_array_equal(history["h"], [[1, 2], [3, np.nan]])
    np.testing.assert_array_equal(history["c"], [[np.nan], [4]])
    assert history.reverse == {"c"}
    assert len(history) == 2
    with pytest.raises(KeyError):
        history["nothing"]


@pytest.mark.parametrize("kind", [FlowHistory, UpdateHistory])
def test_steps_must_rise(kind):
    history = kind()
    entry = {"h": [1.0]} if kind is FlowHistory else {"w": Update(np.ones(2), np.ones(2))}
    history.add(3, entry)
    with pytest.raises(ValueError, match="step 3 comes after step 3"):
        history.add(3, entry)
    with pytest.raises(ValueError, match=r"the flow of step 4 has no state|no update in step 4"):
        history.add(4, {})


# --- updates ----------------------------------------------------------------------------------------------------------


def test_a_snapshot_tells_what_a_step_changed(backend):
    model = nn.Linear(3, 2)
    before = {name: p.detach().numpy().copy() for name, p in model.named_parameters()}
    optimizer = optim.SGD(model.parameters(), lr=0.5)
    model(mg.ones((4, 3))).sum().backward()
    snapshot = Snapshot(model)
    optimizer.step()
    updates = snapshot.updates()
    assert list(updates) == ["weight", "bias"]
    for name, p in model.named_parameters():
        np.testing.assert_array_equal(updates[name].before, before[name])
        np.testing.assert_allclose(updates[name].change, -0.5 * p.grad.numpy(), rtol=1e-5)
        expected = np.linalg.norm(updates[name].change) / np.linalg.norm(before[name])
        assert updates[name].ratio == pytest.approx(expected)


def test_the_ratio_of_a_parameter_that_was_zero():
    assert Update(np.zeros(2), np.ones(2)).ratio == math.inf
    assert math.isnan(Update(np.zeros(2), np.zeros(2)).ratio)
    assert Update(np.full(4, 2.0), np.full(4, -0.002)).ratio == pytest.approx(1e-3)


def test_a_snapshot_refuses_what_it_cannot_compare():
    with pytest.raises(ValueError, match="this Module has no parameters"):
        Snapshot(nn.Module())
    model = nn.Linear(2, 2)
    snapshot = Snapshot(model)
    with mg.no_grad():
        model.weight.copy_(np.full((2, 2), np.nan))
    with pytest.raises(ValueError, match="weight has elements that are NaN"):
        snapshot.updates()
    model.more = nn.Parameter(mg.zeros(1))
    with pytest.raises(ValueError, match="parameters came or went: more"):
        snapshot.updates()


def test_histograms_count_all_elements():
    values = np.random.default_rng(0).normal(size=(50, 60))
    history = UpdateHistory()
    history.add(1, {"w": Update(values, 1e-3 * values), "constant": Update(np.ones(7), np.zeros(7))})
    (record,) = history["w"]
    counts, edges = np.histogram(values, len(record.values.counts))
    np.testing.assert_array_equal(record.values.counts, counts)
    np.testing.assert_allclose(record.changes.edges, 1e-3 * edges, rtol=1e-12)
    assert record.shape == (50, 60)
    (constant,) = history["constant"]
    assert constant.values.counts.tolist() == constant.changes.counts.tolist() == [7]
    assert constant.changes.edges[0] < 0 < constant.changes.edges[1]


def test_the_history_of_updates_prints_the_ratios():
    history = UpdateHistory()
    for step in range(3):
        history.add(10 * step, {"w": Update(np.ones(4), np.full(4, 10.0 ** -(step + 1)))})
    np.testing.assert_allclose(history.ratios("w"), [0.1, 0.01, 0.001])
    assert str(history).splitlines() == [
        "|update| / |parameter|   step 0  step 10  step 20",
        "w                       1.0e-01  1.0e-02  1.0e-03",
    ]
    with pytest.raises(ValueError, match="step 30 has other parameters than those before: v, w"):
        history.add(30, {"v": Update(np.ones(1), np.ones(1))})


# --- pictures ---------------------------------------------------------------------------------------------------------


def test_pictures_of_the_flow_in_training(tmp_path, image):
    history = FlowHistory()
    for step in (0, 10, 15):
        history.add(step, {"a h": 0.5 ** np.arange(20.0), "b h": np.zeros(12), "c h": [np.nan, 1.0]})
    pictures = [
        gradflow.plot_history(history, tmp_path / "one.png", "title"),
        gradflow.plot_history({"rnn": history, "lstm": history}, tmp_path / "two.png"),
        gradflow.plot_layers(history.flows[0], tmp_path / "layers.png", "title"),
    ]
    assert all(image.imread(path).ndim == 3 for path in pictures)


def test_one_training_step_and_one_time_step_are_enough_to_draw(tmp_path, image):
    history = FlowHistory()
    history.add(7, {"h": [2.0]})
    assert image.imread(gradflow.plot_history(history, tmp_path / "one.png")).ndim == 3
    assert image.imread(gradflow.plot_layers(history.flows[0], tmp_path / "layers.png")).ndim == 3


def test_all_layers_have_their_names(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    drawn = []
    monkeypatch.setattr(gradflow.plots, "figure", lambda *size: drawn.append(figure(*size)) or drawn[-1])
    names = [f"layer {i} h" for i in range(12)]
    gradflow.plot_layers({name: np.full(5, i + 1.0) for i, name in enumerate(names)}, tmp_path / "layers.png")
    assert [text.get_text() for text in drawn[0].axes[0].get_yticklabels()] == names


def test_pictures_of_updates(tmp_path, image):
    history = UpdateHistory()
    rng = np.random.default_rng(0)
    for step in range(9):
        updates = {f"layer.{i}.weight": Update(rng.normal(size=(8, 9)), rng.normal(size=(8, 9))) for i in range(5)}
        history.add(step, updates | {"scale": Update(np.array(1.0), np.array(0.0))})
    pictures = [
        gradflow.plot_histograms(history, tmp_path / "many.png", "title"),
        gradflow.plot_histograms({"w": Update(np.ones(3), np.ones(3))}, tmp_path / "one.png"),
        gradflow.plot_ratios(history, tmp_path / "ratios.png", "title"),
    ]
    assert all(image.imread(path).ndim == 3 for path in pictures)


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda path: gradflow.plot_history(FlowHistory(), path), "no flow was added"),
        (lambda path: gradflow.plot_layers({}, path), "the flow has no state"),
        (lambda path: gradflow.plot_layers({"h": np.zeros(3)}, path), "all norms are 0 or missing"),
        (lambda path: gradflow.plot_layers({"h": np.ones(3)}, path, decades=0), "scale of colours"),
        (lambda path: gradflow.plot_histograms(UpdateHistory(), path), "no updates were added"),
        (lambda path: gradflow.plot_ratios(UpdateHistory(), path), "no updates were added"),
        (lambda path: gradflow.plot_flow({"h": np.ones(3)}, path, linear={"c": 1.0}), "there is no state 'c'"),
    ],
)
def test_there_must_be_something_to_draw(tmp_path, image, draw, message):
    with pytest.raises(ValueError, match=message):
        draw(tmp_path / "nothing.png")
    assert not (tmp_path / "nothing.png").exists()

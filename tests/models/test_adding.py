"""The adding problem: its data, a quick run, and what it leaves."""

import json

import numpy as np
import pytest

import minigrad as mg
from minigrad.models import adding
from minigrad.training.cells import CELLS
from minigrad.training.trainer import Trainer

pytest.importorskip("safetensors")
image = pytest.importorskip("matplotlib.image")


def test_the_problems_are_what_they_should_be():
    x, y = adding.problems(np.random.default_rng(0), 10, 5000)
    numbers, marks = x[..., 0], x[..., 1]
    assert x.shape == (10, 5000, 2)
    assert (marks[:5].sum(axis=0) == 1).all()
    assert (marks[5:].sum(axis=0) == 1).all()
    np.testing.assert_allclose(y, (numbers * marks).sum(axis=0))
    assert np.var(y) == pytest.approx(adding.ALWAYS_ONE, rel=0.05)
    assert (marks.sum(axis=1) > 800).all()  # every place is as likely as the others: 1000 of 5000


def test_a_quick_run(tmp_path, backend):
    settings = adding.Settings(quick=True, out=tmp_path / "new", backend=backend)
    metrics = adding.train(settings)
    assert metrics["finished"]
    assert metrics["steps"] == adding.Settings.QUICK["steps"]
    assert metrics["settings"]["backend"] == backend
    assert metrics["results"]["squared_error"] < 1.2 * adding.ALWAYS_ONE  # from more than five times that
    assert metrics["curve"][0] > 3 * adding.ALWAYS_ONE
    assert metrics["validations"][-1]["squared_error"] < 1.2 * adding.ALWAYS_ONE
    assert json.loads((tmp_path / "new" / "metrics.json").read_text()) == metrics
    assert image.imread(tmp_path / "new" / "loss.png").ndim == 3
    assert "</svg>" in (tmp_path / "new" / "graph.svg").read_text()


@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_learns(cell):
    settings = adding.Settings(cell=cell, quick=True)
    mg.manual_seed(0)
    trainer = Trainer(adding.Task(settings))
    trainer.train()
    assert type(trainer.task.model.network) is CELLS[cell]
    assert trainer.validations[-1]["squared_error"] < 1.2 * adding.ALWAYS_ONE < 0.5 * trainer.losses[0]


def test_the_same_settings_give_the_same_model(tmp_path):
    settings = adding.Settings(quick=True, steps=5, out=tmp_path, overwrite=True)
    first, second = adding.train(settings), adding.train(settings)
    assert first["curve"] == second["curve"]


def test_problems_for_training_and_for_tests_are_never_the_same():
    task = adding.Task(adding.Settings(length=6, batch=1000))
    sets = [task.held_out, task.test, *next(zip(task.batches(0), task.batches(1)))]
    numbers = np.concatenate([x[..., 0].ravel() for x, _ in sets])
    assert len(numbers) == 4 * 6000
    assert len(np.unique(numbers)) > 0.99 * len(numbers)
    x, _ = next(task.batches(0))
    np.testing.assert_array_equal(x, sets[2][0])


def test_the_model_comes_back(tmp_path):
    settings = adding.Settings(quick=True, steps=5, cell="gru", out=tmp_path)
    metrics = adding.train(settings)
    task = adding.Task(settings)
    task.model = adding.load(tmp_path)
    with mg.no_grad():
        assert task.results() == metrics["results"]
    with pytest.raises(FileNotFoundError, match="minigrad train adding"):
        adding.load(tmp_path / "nowhere")


def test_settings_that_make_no_sense():
    with pytest.raises(ValueError, match=r"^cell is one of rnn, lstm, peephole, gru, not 'cnn'"):
        adding.Settings(cell="cnn")
    with pytest.raises(ValueError, match=r"^length must be at least 2"):
        adding.Settings(length=1)


def test_it_can_be_drawn():
    assert adding.unrolled(adding.untrained(), 3).shape == ()
    with mg.Tape() as tape:
        adding.unrolled(adding.untrained(), 1)
    assert len(tape)

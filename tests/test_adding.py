"""The adding problem: its data, a quick run, and what it leaves."""

import json

import numpy as np
import pytest

import minigrad as mg
from minigrad.models import adding

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


@pytest.mark.parametrize("cell", adding.CELLS)
def test_a_quick_run(cell, tmp_path, backend):
    settings = adding.Settings(cell=cell, quick=True, out=tmp_path / "new", backend=backend)
    metrics = adding.train(settings)
    assert metrics["finished"]
    assert metrics["steps"] == adding.Settings.QUICK["steps"]
    assert metrics["settings"]["cell"] == cell
    assert metrics["held_out_squared_error"] < 1.2 * adding.ALWAYS_ONE  # from more than five times that
    assert metrics["squared_error"][0] > 3 * adding.ALWAYS_ONE
    assert json.loads((tmp_path / "new" / "metrics.json").read_text()) == metrics
    assert image.imread(tmp_path / "new" / "loss.png").ndim == 3
    assert "</svg>" in (tmp_path / "new" / "graph.svg").read_text()


def test_the_same_settings_give_the_same_model(tmp_path):
    settings = adding.Settings(quick=True, steps=5, out=tmp_path)
    first, second = adding.train(settings), adding.train(settings)
    assert first["squared_error"] == second["squared_error"]


def test_settings_that_make_no_sense():
    with pytest.raises(ValueError, match="--cell is one of rnn, lstm, gru, not 'cnn'"):
        adding.Settings(cell="cnn")
    with pytest.raises(ValueError, match="--length must be at least 2"):
        adding.Settings(length=1)


def test_it_can_be_drawn():
    assert adding.unrolled(adding.untrained(), 3).shape == ()
    with mg.Tape() as tape:
        adding.unrolled(adding.untrained(), 1)
    assert len(tape)

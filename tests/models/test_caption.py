"""Captions: a quick run, what it leaves, and what counts as correct."""

import json

import numpy as np
import pytest

import minigrad as mg
from minigrad.models import caption
from minigrad.training.cells import CELLS
from minigrad.training.trainer import Trainer

pytest.importorskip("safetensors")
pytest.importorskip("sklearn")
image = pytest.importorskip("matplotlib.image")


def test_a_quick_run(tmp_path):
    settings = caption.Settings(quick=True, out=tmp_path)
    metrics = caption.train(settings)
    assert metrics["finished"]
    assert metrics["results"]["images"] == 200
    assert metrics["results"]["exact_greedy"] > 0.5
    assert metrics["results"]["exact_beam"] > 0.5
    assert metrics["results"]["nats_per_letter"] < 0.5 < np.log(16)
    assert json.loads((tmp_path / "metrics.json").read_text()) == metrics
    for name in ("loss.png", "captions.png"):
        assert image.imread(tmp_path / name).ndim == 3

    lines = (tmp_path / "captions.txt").read_text(encoding="utf-8").splitlines()[1:]
    rows = [line.split() for line in lines]
    assert all((row[-1] == "wrong") == (row[1] != row[2]) for row in rows)
    for place, kind in ((2, "exact_greedy"), (3, "exact_beam")):
        assert sum(row[1] == row[place] for row in rows) / 200 == pytest.approx(metrics["results"][kind])

    task = caption.Task(settings)
    task.model = caption.load(tmp_path).eval()
    with mg.no_grad():
        assert task.results() == metrics["results"]
    with pytest.raises(FileNotFoundError, match="minigrad train caption"):
        caption.load(tmp_path / "nowhere")


@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_learns(cell):
    settings = caption.Settings(quick=True, cell=cell)
    mg.manual_seed(0)
    trainer = Trainer(caption.Task(settings))
    trainer.train()
    assert type(trainer.task.model.decoder.network) is CELLS[cell]
    assert trainer.validations[-1]["nats_per_letter"] < 1 < trainer.losses[0]


def test_scheduled_sampling_runs_on_every_backend(backend):
    mg.manual_seed(0)
    task = caption.Task(caption.Settings(quick=True, backend=backend, teacher_forcing=0.0))
    _, images, labels = next(task.batches(0))
    for step in (0, 50, 1000):
        assert np.isfinite(task.loss((step, images[:8], labels[:8])).item())


def test_the_names_are_spelled_letter_by_letter():
    model = caption.untrained()
    letters, lengths = model.spelled(np.array([7, 2]))
    assert letters.shape == (6, 2)
    assert lengths.tolist() == [6, 4]
    assert model.vocabulary.decode(letters[:6, 0]) == "seven\n"
    assert model.vocabulary.decode(letters[:4, 1]) == "two\n"


def test_a_caption_is_right_if_every_letter_is():
    labels = np.array([7, 2, 0, 1])
    assert caption.exact(["seven", "two", "zero", "one"], labels) == 1
    assert caption.exact(["seven", "twoo", "zero...", "onn"], labels) == 0.25


def test_a_caption_without_an_end_says_so():
    model = caption.untrained()
    with mg.no_grad():
        model.decoder.head.bias[model.decoder.end].copy_(mg.tensor(-1000.0))
    images = np.zeros((3, 8, 8), np.float32)
    for width in (1, 2):
        assert all(text.endswith("...") for text in caption.captions(model, images, width))


def test_no_image_is_held_out_and_learned_from():
    task = caption.Task(caption.Settings(quick=True, noise=0.0))
    learned = {x.tobytes() for _, images, _ in task.batches(0) for x in images}
    assert sum(len(labels) for _, _, labels in task.batches(0)) == 1397
    for split in ("valid", "test"):
        assert not learned & {x.tobytes() for x in task.data[split][0]}


def test_the_batches_of_an_epoch_are_the_same_each_time():
    task = caption.Task(caption.Settings(quick=True))
    (_, first, _), (_, again, _), (_, other, _) = (next(task.batches(epoch)) for epoch in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert [step for step, _, _ in task.batches(1)] == list(range(22, 44))


def test_settings_that_make_no_sense():
    with pytest.raises(ValueError, match=r"^teacher_forcing is a probability, at most 1"):
        caption.Settings(teacher_forcing=1.5)
    with pytest.raises(ValueError, match=r"^cell is one of rnn, lstm, peephole, gru, not 'cnn'"):
        caption.Settings(cell="cnn")


def test_it_can_be_drawn():
    for steps in (1, 3, 8):
        assert caption.unrolled(caption.untrained(), steps).shape == ()

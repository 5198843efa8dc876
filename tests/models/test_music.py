"""Chorales: what is counted, the pieces that are written, and a quick run."""

import json

import numpy as np
import pytest
from real_data import path, provide

import minigrad as mg
from minigrad.data import read_midi
from minigrad.models import music
from minigrad.models.music import piano
from minigrad.training.cells import CELLS
from minigrad.training.trainer import Trainer

wavfile = pytest.importorskip("scipy.io.wavfile")
image = pytest.importorskip("matplotlib.image")
pytest.importorskip("mido")
pytest.importorskip("safetensors")

C_MAJOR, G_MAJOR = (48, 64, 67, 72), (43, 62, 67, 71)


@pytest.fixture
def data(tmp_path):
    """A file of short pieces that go from chord to chord and back."""
    rng = np.random.default_rng(0)
    splits = {}
    for split, count in (("train", 24), ("valid", 5), ("test", 4)):
        splits[split] = [[C_MAJOR, G_MAJOR] * int(n) for n in rng.integers(2, 7, count)]
    file = tmp_path / "pieces.json"
    file.write_text(json.dumps(splits))
    return file


def rolls(*lengths, seed=0):
    rng = np.random.default_rng(seed)
    return [(rng.random((n, 88)) < 0.05).astype(np.float32) for n in lengths]


def says_always(model, logits):
    """Make a model that has the same logits (88,) for each next chord."""
    with mg.no_grad():
        model.head.weight.copy_(mg.zeros(model.head.weight.shape))
        model.head.bias.copy_(mg.tensor(logits.astype(np.float32)))


# --- what is counted --------------------------------------------------------------------------------------------------


def test_the_loss_of_a_step_is_the_sum_over_the_keys():
    torch = pytest.importorskip("torch")
    model = music.ChordLM("gru", 8)
    (roll,) = rolls(6)
    logits, _ = model(mg.tensor(np.concatenate([np.zeros((1, 88), np.float32), roll[:-1]])[:, None]))
    bernoulli = torch.distributions.Bernoulli(logits=torch.tensor(logits.detach().numpy()[:, 0]))
    expected = -bernoulli.log_prob(torch.tensor(roll)).sum(1)
    np.testing.assert_allclose(model.nll(roll[:, None]).detach().numpy()[:, 0], expected.numpy(), rtol=1e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_each_piece_counts_as_if_it_were_alone(cell):
    model = music.ChordLM(cell, 8)
    pieces = rolls(5, 12, 1, 7)
    together = music.step_nll(model, pieces, batch=3)
    for piece, nll in zip(pieces, together):
        np.testing.assert_allclose(nll, model.nll(piece[:, None]).detach().numpy()[:, 0], rtol=1e-5)


def test_no_chord_is_seen_before_it_is_predicted():
    model = music.ChordLM("lstm", 8)
    (roll,) = rolls(9)
    other = roll.copy()
    other[5:] = 1 - other[5:]
    np.testing.assert_array_equal(
        model.nll(roll[:, None]).detach().numpy()[:5], model.nll(other[:, None]).detach().numpy()[:5]
    )


def test_the_measures_differ_in_what_they_count():
    measures = music.measures([np.array([9.0, 1, 1, 1]), np.array([6.0, 2])])
    assert measures == {"nll": 20 / 6, "nll_without_first": 5 / 4, "nll_by_piece": 3.5}


def test_padding_changes_neither_loss_nor_gradient(data):
    task = music.Task(music.Settings(data=data, hidden=8, dropout=0, recurrent_dropout=0))
    padded, lengths = next(task.batches(0))
    assert len(set(lengths.tolist())) > 1
    loss = task.loss((padded, lengths))
    loss.backward()
    gradient = task.model.head.weight.grad.numpy().copy()
    longer = np.concatenate([padded, np.zeros((3, *padded.shape[1:]), np.float32)])
    task.optimizer.zero_grad()
    again = task.loss((longer, lengths))
    again.backward()
    assert again.item() == pytest.approx(loss.item(), rel=1e-6)
    np.testing.assert_allclose(task.model.head.weight.grad.numpy(), gradient, rtol=1e-4, atol=1e-7)


def test_the_real_chorales_by_the_frequency_of_each_key(monkeypatch):
    """A model that gives each key its frequency has 11.06 nats a step on the test pieces, computed here by hand."""
    provide(monkeypatch, "music/jsb-chorales-quarter.json")
    task = music.Task(music.Settings(hidden=2))
    assert {split: len(pieces) for split, pieces in task.pieces.items()} == {"train": 229, "valid": 76, "test": 77}
    train, test = (np.concatenate(task.pieces[split]) for split in ("train", "test"))
    frequency = (train.sum(axis=0) + 1) / (13807 + 2)
    expected = -(test * np.log(frequency) + (1 - test) * np.log1p(-frequency)).sum() / 4725
    with mg.no_grad():
        task.model.head.weight.copy_(mg.zeros((88, 2)))
        assert task.results()["test_nll"] == pytest.approx(expected, rel=1e-5)
    assert expected == pytest.approx(11.06, abs=0.005)


# --- training ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_learns(cell, data):
    settings = music.Settings(data=data, cell=cell, lr=3e-2, steps=60, hidden=16, batch=8, validations=2)
    mg.manual_seed(0)
    trainer = Trainer(music.Task(settings))
    trainer.train()
    assert type(trainer.task.model.network) is CELLS[cell]
    assert trainer.validations[-1]["nll"] < 1.5 < 4 < trainer.losses[0]  # 7 keys, each in half of the chords: 7 ln 2


def test_a_quick_run(tmp_path, host_backend, data):
    settings = music.Settings(quick=True, data=data, out=tmp_path / "new", backend=host_backend)
    metrics = music.train(settings)
    assert metrics["finished"]
    assert metrics["results"]["test_pieces"] == 4
    assert metrics["results"]["published_test_nll"] == 8.54
    assert metrics["results"]["test_nll"] < metrics["curve"][0]
    assert image.imread(tmp_path / "new" / "rolls.png").ndim == 3
    assert "</svg>" in (tmp_path / "new" / "graph.svg").read_text()
    chorale, sample = (read_midi(tmp_path / "new" / f"{name}.mid") for name in ("chorale", "sample"))
    np.testing.assert_array_equal(sample[: music.PRIME], chorale[: music.PRIME])
    rate, samples = wavfile.read(tmp_path / "new" / "sample.wav")
    assert len(samples) / rate >= len(sample) * 60 / piano.TEMPO


def test_a_quick_run_on_the_real_chorales(tmp_path):
    settings = music.Settings(quick=True, data=path("music/jsb-chorales-quarter.json"), out=tmp_path)
    metrics = music.train(settings)
    assert metrics["results"]["test_nll"] < 11.06  # what the frequencies of the keys give


def test_the_same_settings_give_the_same_model(data):
    curves = []
    for _ in range(2):
        mg.manual_seed(0)
        trainer = Trainer(music.Task(music.Settings(data=data, quick=True, steps=4)))
        trainer.train()
        curves.append(trainer.losses)
    assert curves[0] == curves[1]


def test_the_model_comes_back(tmp_path, data):
    settings = music.Settings(quick=True, data=data, steps=3, cell="peephole", out=tmp_path)
    metrics = music.train(settings)
    assert metrics["results"]["published_test_nll"] is None
    task = music.Task(settings)
    task.model = music.load(tmp_path)
    with mg.no_grad():
        assert task.results() == metrics["results"]
    with pytest.raises(FileNotFoundError, match="minigrad train music"):
        music.load(tmp_path / "nowhere")


def test_it_can_be_drawn():
    assert music.unrolled(music.untrained("rnn"), 3).shape == ()


# --- writing music ----------------------------------------------------------------------------------------------------


def chords(model, count, **options):
    return music.compose(model, count, generator=mg.random.Generator(1), **options)


def test_a_piece_begins_with_the_prime_and_follows_the_probabilities():
    model = music.ChordLM(hidden=4)
    logits = np.full(88, -30.0)
    logits[[10, 20]] = 0, 30
    says_always(model, logits)
    (prime,) = rolls(3)
    piece = chords(model, 400, prime=prime)
    np.testing.assert_array_equal(piece[:3], prime)
    assert piece.shape == (403, 88)
    assert piece[3:, 20].all()
    assert 0.4 < piece[3:, 10].mean() < 0.6
    assert piece[3:].sum() == piece[3:, [10, 20]].sum()
    assert chords(model, 5, temperature=0)[:, 20].all()
    assert not chords(model, 5, temperature=0)[:, 10].any()


def test_each_chord_is_drawn_from_what_the_chords_before_it_predict():
    model = music.ChordLM("lstm", 8)
    piece = chords(model, 7, temperature=0)
    logits, _ = model(mg.tensor(np.concatenate([np.zeros((1, 88), np.float32), piece[:-1]])[:, None]))
    np.testing.assert_array_equal(piece, logits.detach().numpy()[:, 0] > 0)


def test_the_same_generator_gives_the_same_piece():
    model = music.ChordLM(hidden=4)
    np.testing.assert_array_equal(chords(model, 6), chords(model, 6))
    assert chords(model, 0).shape == (0, 88)


def test_what_cannot_be_continued():
    model = music.ChordLM(hidden=4)
    with pytest.raises(ValueError, match="at least 0, not -1"):
        music.compose(model, 3, temperature=-1)
    with pytest.raises(ValueError, match=r"shape \(T, 88\), not of shape \(3, 12\)"):
        music.compose(model, 3, prime=np.zeros((3, 12)))


# --- pictures and sound -----------------------------------------------------------------------------------------------


def test_steps_in_a_row_are_one_held_note():
    roll = np.zeros((4, 88))
    roll[[0, 1, 3], 40] = roll[2:, 44] = 1
    assert list(piano.notes(roll)) == [(40, 0, 2), (40, 3, 4), (44, 2, 4)]


def test_a_key_sounds_at_its_frequency():
    roll = np.zeros((2, 88))
    roll[:, 69 - 21] = 1  # the A of 440 Hz
    samples = piano.sound(roll, tempo=60, rate=8000)
    assert samples.dtype == np.float32
    assert len(samples) == pytest.approx((2 + piano.RELEASE) * 8000, abs=2)
    assert np.abs(samples).max() == pytest.approx(0.9)
    spectrum = np.abs(np.fft.rfft(samples[:16000]))
    assert np.argmax(spectrum) / 2 == pytest.approx(440, abs=1)  # two seconds: bins of half a hertz
    assert spectrum[1760] > 20 * spectrum[1500]  # the octave above it is there, what lies between is not


def test_silence_is_silent():
    assert not piano.sound(np.zeros((3, 88))).any()
    with pytest.raises(ValueError, match=r"shape \(T, 88\), not \(3, 12\)"):
        piano.sound(np.zeros((3, 12)))


@pytest.mark.parametrize("split", ["train", "valid", "test"])
def test_each_part_of_the_data_needs_a_piece(split, tmp_path):
    splits = {"train": [[[60]]], "valid": [[[60]]], "test": [[[60]]]} | {split: []}
    (tmp_path / "data.json").write_text(json.dumps(splits))
    with pytest.raises(ValueError, match=rf"data\.json has no pieces in '{split}'"):
        music.Task(music.Settings(quick=True, data=tmp_path / "data.json"))

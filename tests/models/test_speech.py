"""Spoken digits: recordings and what becomes of them, both tasks, and what a run leaves.

Most tests use tones: each digit is two notes of its own. One uses the real recordings, where they are.
"""

import itertools
import json

import numpy as np
import pytest
import real_data

import minigrad as mg
from minigrad.data import read_wav
from minigrad.models import speech
from minigrad.training.cells import CELLS
from minigrad.training.trainer import Trainer

pytest.importorskip("safetensors")
image = pytest.importorskip("matplotlib.image")
wavfile = pytest.importorskip("scipy.io.wavfile")

TINY = {"steps": 3, "hidden": 8, "layers": 1, "batch": 8, "validations": 1}


def notes(digit, seconds):
    """Two tones that stand for a digit."""
    t = np.arange(round(seconds * speech.RATE)) / speech.RATE
    pitch = np.where(t < seconds / 2, 300 + 100 * digit, 2500 - 150 * digit)
    return 0.3 * np.sin(2 * np.pi * pitch * t)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Tones in files named as spoken digits are: 7 of each."""
    path = tmp_path_factory.mktemp("tones")
    rng = np.random.default_rng(0)
    for digit in range(10):
        for index in (0, 4, 5, 9, 10, 11, 12):
            sound = notes(digit, rng.uniform(0.25, 0.4))
            sound = (sound + rng.normal(0, 0.002, sound.shape)) * rng.uniform(0.5, 1)
            wavfile.write(path / f"{digit}_flute_{index}.wav", speech.RATE, (sound * 32767).astype(np.int16))
    return path


@pytest.fixture(scope="module", params=["digit", "spell"])
def trained(request, folder, tmp_path_factory):
    """The settings, the metrics and the directory of a short run."""
    out = tmp_path_factory.mktemp("out") / "new"
    settings = speech.Settings(task=request.param, folder=folder, out=out, **TINY | {"steps": 60, "lr": 0.02})
    return settings, speech.train(settings), out


def made(task, **settings):
    """A task from tones, with the same random numbers each time."""
    mg.manual_seed(0)
    return speech.Task(speech.Settings(task=task, **TINY | settings))


# --- recordings -------------------------------------------------------------------------------------------------------


def test_the_index_says_what_a_recording_is_for(folder):
    sets = speech.read_recordings(folder, 2)
    indices = {use: {int(r.file.split("_")[2][:-4]) for r in recordings} for use, recordings in sets.items()}
    assert indices == {"test": {0, 4}, "held_out": {5, 9}, "train": {10, 11}}
    assert all(len(recordings) == 20 for recordings in sets.values())
    assert [r.label for r in sets["test"]] == sorted([*range(10)] * 2)
    first = sets["test"][0]
    np.testing.assert_array_equal(first.samples, read_wav(folder / first.file)[1])
    assert first.frames.shape == (-(-len(first.samples) // 60), 40)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([], "no recording with an index of 10 and more"),
        (["1_a_10"], "no recording with an index of 5 to 9"),
        (["1_a_10", "1_a_5"], "no recording with an index of 0 to 4"),
        (["one_a_10"], "one_a_10.wav is not named digit_speaker_index.wav"),
    ],
)
def test_folders_without_what_is_needed(files, message, tmp_path):
    for name in files:
        wavfile.write(tmp_path / f"{name}.wav", 8000, np.zeros(2000, np.int16))
    with pytest.raises(ValueError, match=message):
        speech.read_recordings(tmp_path, 40)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(NotADirectoryError, match="nowhere"):
        speech.read_recordings(tmp_path / "nowhere", 40)


def test_a_damaged_recording(tmp_path):
    (tmp_path / "1_a_10.wav").write_bytes(b"RIFF and nothing else")
    with pytest.raises(ValueError, match=r"1_a_10\.wav is not a whole WAV file"):
        speech.read_recordings(tmp_path, 40)


@pytest.mark.parametrize("rate", [16000, 11025, 44100])
def test_sound_of_another_rate_has_the_same_features(rate):
    def sweep(rate):
        t = np.arange(round(0.3 * rate)) / rate
        return 0.3 * np.sin(2 * np.pi * (300 + 2000 * t) * t)

    samples, frames = speech.features(sweep(speech.RATE), speech.RATE)
    resampled, same = speech.features(sweep(rate), rate)
    assert abs(len(resampled) - len(samples)) <= 1
    assert abs(len(same) - len(frames)) <= 1
    count = min(len(same), len(frames)) - 3  # at the end sound stops in another place
    loud = frames[:count] > frames.max() - 5
    np.testing.assert_allclose(same[:count][loud], frames[:count][loud], atol=0.2)


def test_changes_hide_parts_and_keep_the_rest():
    frames = np.arange(1, 51, dtype=np.float32)[:, None].repeat(40, axis=1)
    filling = np.full(40, -1, np.float32)
    rng = np.random.default_rng(0)
    counts, hidden = [], []
    for _ in range(200):
        new = speech.changed(frames, rng, filling)
        counts.append(len(new))
        away = new == -1
        hidden.append(away.mean())
        steps, bands = away.all(axis=1), away.all(axis=0)
        np.testing.assert_array_equal(away, steps[:, None] | bands)  # nothing else is hidden
        assert bands.sum() <= 14
        assert steps.mean() <= 0.4
        times = np.broadcast_to(np.linspace(1, 50, len(new))[:, None], new.shape)
        np.testing.assert_allclose(new[~away], times[~away], rtol=1e-5)  # the same from beginning to end
    assert min(counts) in (40, 41)
    assert max(counts) in (62, 63)
    assert 0.1 < np.mean(hidden) < 0.4
    assert (frames[:, 0] == np.arange(1, 51)).all()  # the recording itself is as it was


@pytest.mark.parametrize("count", [1, 2, 3])
def test_hardly_any_frames_can_be_changed(count):
    rng = np.random.default_rng(0)
    for _ in range(20):
        assert speech.changed(np.ones((count, 40), np.float32), rng, np.ones(40, np.float32)).min() == 1


# --- the model --------------------------------------------------------------------------------------------------------


def test_steps_are_long_enough_to_spell():
    needed = [len(name) + sum(a == b for a, b in itertools.pairwise(name)) for name in speech.NAMES]
    assert max(needed) == speech.shortest(speech.NAMES)
    model = speech.untrained()
    x, lengths = model.steps([np.ones((3, 40)), np.zeros((25, 40))])
    assert x.shape == (13, 2, 80)
    assert lengths.tolist() == [6, 13]
    np.testing.assert_array_equal(x.numpy()[:6, 0], 1)  # the last frame, again and again
    np.testing.assert_array_equal(x.numpy()[6:, 0], 0)
    three = [speech.NAMES.index("three")]
    assert np.isfinite(model.loss(*model.steps([np.zeros((1, 40))]), three).item())


def test_features_are_normalised(folder):
    task = made("digit", folder=folder)
    x, lengths = task.model.steps([r.frames[: len(r.frames) // 2 * 2] for r in task.train])
    inside = x.numpy()[np.arange(len(x))[:, None] < lengths].reshape(-1, 40)
    np.testing.assert_allclose(inside.mean(axis=0), 0, atol=0.05)
    np.testing.assert_allclose(inside.std(axis=0), 1, atol=0.05)


@pytest.mark.parametrize("task", ["digit", "spell"])
@mg.no_grad()
def test_a_recording_is_understood_alike_alone_and_among_others(task):
    mg.manual_seed(0)
    model = speech.Recogniser(task, [0.0] * 40, [1.0] * 40, hidden=8).eval()
    recordings = [np.random.default_rng(n).normal(size=(n, 40)) for n in (31, 12, 50)]
    x, lengths = model.steps(recordings)
    logits = model(x, lengths).numpy()
    for b, frames in enumerate(recordings):
        alone = model(*model.steps([frames])).numpy()
        if task == "digit":
            np.testing.assert_allclose(logits[b], alone[0], atol=1e-5)
        else:
            np.testing.assert_allclose(logits[: lengths[b], b], alone[:, 0], atol=1e-5)
    losses = [model.loss(*model.steps([frames]), [digit]).item() for frames, digit in zip(recordings, (1, 3, 7))]
    assert model.loss(x, lengths, [1, 3, 7]).item() == pytest.approx(np.mean(losses), rel=1e-5)


@pytest.mark.parametrize("task", ["digit", "spell"])
def test_it_can_be_drawn(task):
    model = speech.Recogniser(task, [0.0] * 40, [1.0] * 40, hidden=8, layers=1)
    for steps in (1, 3, 7):
        assert np.isfinite(speech.unrolled(model, steps).item())
    assert speech.unrolled(speech.untrained(), 2).shape == ()


# --- training ---------------------------------------------------------------------------------------------------------


def test_it_learns(trained):
    settings, metrics, _ = trained
    curve, results = metrics["curve"], metrics["results"]
    assert metrics["finished"]
    assert np.mean(curve[-5:]) < 0.5 * np.mean(curve[:5])
    assert results["recordings"] == 30
    assert results["test_recordings"] == results["held_out_recordings"] == 20
    if settings.task == "digit":
        assert results["accuracy"] > 0.8
    else:
        # So few steps teach hardly a letter, but what is written is a part of the names.
        assert results["letter_error_rate"] <= 1
        assert results["letter_error_rate_of_beam_search"] <= 1
    assert len(results["wrong"]) == round(20 * (1 - results["accuracy"]))
    assert np.sum(results["confusion"]) == 20


def test_the_files_are_there_and_valid(trained):
    settings, metrics, out = trained
    made = {"model.safetensors", "metrics.json", "loss.png", "probabilities.png", "confusion.png", "heard.wav"}
    assert {path.name for path in out.iterdir()} == made | {
        "graph.svg",
        "graph.html",
        "log.jsonl",
        "report.html",
        "checkpoint.safetensors",
    }
    assert json.loads((out / "metrics.json").read_text()) == metrics
    for name in ("loss.png", "probabilities.png", "confusion.png"):
        assert image.imread(out / name).ndim == 3
    rate, samples = read_wav(out / "heard.wav")
    assert rate == speech.RATE
    assert 10 * 0.75 < len(samples) / rate < 10 * 0.95
    wrong = [*metrics["results"]["wrong"], "0_flute_0.wav"][0]  # misunderstood recordings come first
    _, first = read_wav(settings.folder / wrong)
    np.testing.assert_allclose(samples[: len(first)], first, atol=1e-4)


def test_the_model_comes_back_and_listens(trained):
    settings, metrics, out = trained
    model = speech.load(out)
    task = speech.Task(settings)
    task.model = model.eval()
    with mg.no_grad():
        assert task.results() == metrics["results"]
    model.train()
    for recording in task.test[::4]:
        text, probability = speech.recognise(model, recording.samples, speech.RATE)
        assert 0 < probability <= 1 + 1e-6
        if settings.task == "digit":
            assert text == metrics["results"]["wrong"].get(recording.file, str(recording.label))
        else:
            assert set(text) <= set("".join(speech.NAMES))
    assert model.training  # as before
    with pytest.raises(FileNotFoundError, match="minigrad train speech"):
        speech.load(out / "nowhere")


def test_what_recognise_refuses():
    for samples in (np.zeros(0), np.zeros((100, 2)), np.array([0.0, np.nan])):
        with pytest.raises(ValueError, match="sound is a vector of finite samples"):
            speech.recognise(speech.untrained(), samples, 16000)
    with pytest.raises(ValueError, match="at 0 Hz"):
        speech.recognise(speech.untrained(), np.zeros(100), 0)


@pytest.mark.parametrize("task", ["digit", "spell"])
def test_it_trains_on_every_backend(task, backend, folder):
    trainer = Trainer(made(task, folder=folder, backend=backend))
    trainer.train()
    assert trainer.task.model.head.weight.backend.name == backend
    assert 0 <= trainer.validations[-1]["accuracy"] <= 1
    text, probability = speech.recognise(trainer.task.model, notes(1, 0.2), speech.RATE)
    assert set(text) <= set("".join(trainer.task.model.classes))
    assert 0 < probability <= 1


@pytest.mark.parametrize("cell", CELLS)
def test_it_trains_with_every_cell(cell, folder):
    task = made("digit", cell=cell, folder=folder)
    trainer = Trainer(task)
    trainer.train()
    assert type(task.model.network) is CELLS[cell]
    assert trainer.validations[-1]["loss"] < trainer.losses[0]


def test_an_epoch_has_every_recording_once_and_the_same_batches_each_time(folder):
    task = made("digit", folder=folder)
    first, again, other = (list(task.batches(epoch)) for epoch in (0, 0, 1))
    assert sorted(digit for _, _, digits in first for digit in digits) == sorted([*range(10)] * 3)
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a[0].numpy(), b[0].numpy())
        assert a[2] == b[2]
    assert [digits for _, _, digits in first] != [digits for _, _, digits in other]


def test_settings_that_make_no_sense():
    with pytest.raises(ValueError, match=r"^task is one of digit, spell, not 'shout'"):
        speech.Settings(task="shout")
    with pytest.raises(ValueError, match="task is 'digit' or 'spell', not 'shout'"):
        speech.Recogniser("shout", [0.0] * 40, [1.0] * 40)
    with pytest.raises(ValueError, match=r"^learned must be at least 1"):
        speech.Settings(learned=0)


def test_a_quick_run_on_real_recordings(tmp_path, monkeypatch):
    real_data.provide(monkeypatch, "speech/fsdd")
    metrics = speech.train(speech.Settings(quick=True, out=tmp_path))
    assert metrics["results"]["test_recordings"] == 200
    assert metrics["results"]["accuracy"] > 0.4  # by chance 0.1

"""The programs on data of one's own: a series, texts with labels, recordings of words, pieces, pictures."""

import wave
from pathlib import Path

import numpy as np
import pytest

import minigrad as mg
from minigrad.data import write_midi
from minigrad.models import caption, forecast, music, sentiment, speech
from minigrad.training import files
from minigrad.training.trainer import Trainer

pytest.importorskip("safetensors")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def learned(program, steps=2, **settings):
    """A task after a few steps, its results, and its model as it comes back from a file."""
    mg.manual_seed(0)
    task = program.Task(program.Settings(quick=True, steps=steps, validations=1, **settings))
    Trainer(task).train()
    task.model.eval()
    files.save(task.model, "model.safetensors", task.format, task.about())
    with mg.no_grad():
        return task, task.results(), program.load("model.safetensors")


# --- a series ---------------------------------------------------------------------------------------------------------


def months(count, start="2000-01"):
    return np.datetime64(start) + np.arange(count)


def series(times, values, header="month,sales\n"):
    path = Path("sales.csv")
    path.write_text(header + "".join(f"{t},{v:.3f}\n" for t, v in zip(times, values, strict=True)))
    return str(path)


@pytest.mark.parametrize("days", [False, True])
def test_a_series_with_seasons(days):
    times = months(180)
    values = 50 + np.arange(180) / 5 + 10 * np.sin(np.arange(180) * np.pi / 6)
    path = series(times.astype("datetime64[D]") if days else times, values)
    task, results, model = learned(forecast, series=path, season=12, trailing=12)
    assert task.observed.name == "sales"
    assert {"network", "AR(9)", "AR(12)"} < results["rmse"]["test"].keys()
    assert results["faults"] is None, "the test part is too short to put faults into it"
    (found,) = forecast.predict(model, [path], steps=3)
    assert found.data["times"] == ["2015-01", "2015-02", "2015-03"]
    assert np.isfinite(found.data["values"]).all()


def test_uneven_times_have_no_seasons():
    times = np.array([t for t in np.arange("2020-01-01", "2021-01-01", dtype="datetime64[D]") if np.is_busday(t)])
    path = series(times, np.cumsum(np.random.default_rng(0).normal(size=len(times))), "")
    _, results, model = learned(forecast, series=path)
    assert np.isfinite(results["rmse"]["test"]["network"]).all()
    (found,) = forecast.predict(model, [path], steps=2)
    assert found.data["times"] == ["+1", "+2"]
    with pytest.raises(ValueError, match=r"sales\.csv: the times of a series are to be evenly spaced"):
        forecast.Task(forecast.Settings(series=path, season=52))


@pytest.mark.parametrize("steps", [60, 700])
def test_the_picture_of_a_series_has_faults_where_there_is_room(steps):
    pytest.importorskip("sklearn")
    path = series(months(steps), np.sin(np.arange(steps) / 3))
    task, results, _ = learned(forecast, series=path)
    assert (results["faults"] is None) == (steps == 60)
    (drawn,) = task.write(Path())
    assert drawn.stat().st_size > 10_000


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.arange(20.0), r"sales\.csv: a series of 50 values or more is needed, not of 20"),
        (np.ones(60), r"sales\.csv: all values of the series are the same"),
    ],
)
def test_series_that_cannot_be_learned(values, words):
    path = series(months(len(values)), values)
    with pytest.raises(ValueError, match=words):
        forecast.Task(forecast.Settings(series=path))


def test_settings_of_a_series():
    with pytest.raises(
        ValueError, match=r"^series is one of sunspots, co2, elnino, or a CSV file; there is no file 'a\.csv'"
    ):
        forecast.Settings(series="a.csv")
    with pytest.raises(ValueError, match=r"^column, season, trailing are for a file of your own, not for co2"):
        forecast.Settings(series="co2", season=52)


# --- texts with labels ------------------------------------------------------------------------------------------------


def test_texts_with_labels():
    rows = [
        f"{'warm sunny day' if i % 2 else 'cold rainy night'} number {i},{'good' if i % 2 else 'bad'}\n"
        for i in range(40)
    ]
    Path("weather.csv").write_text("text,label\n" + "".join(rows))
    task, results, model = learned(sentiment, steps=30, data="weather.csv")
    assert model.labels == ("bad", "good")
    assert results["test"]["accuracy"] == 1
    found = list(sentiment.predict(model, ["a sunny day", "a cold night"]))
    assert [each.data["label"] for each in found] == ["good", "bad"]
    pytest.importorskip("matplotlib")
    lines = task.write(Path())[1].read_text()
    assert "the label is good" in lines


@pytest.mark.parametrize(
    ("labels", "words"),
    [("abc", "should have two labels, and has 3: a, b, c"), ("aab", "has 4 texts with the label 'b'; 10 are needed")],
)
def test_labels_that_do_not_do(labels, words):
    Path("a.tsv").write_text("text\tlabel\n" + "".join(f"word\t{labels[i % 3]}\n" for i in range(14)))
    with pytest.raises(ValueError, match=words):
        sentiment.Task(sentiment.Settings(data="a.tsv"))


# --- recordings -------------------------------------------------------------------------------------------------------


def tones(folder, rate=16000, channels=2):
    """Recordings of two "words", of which the label is the folder, in stereo, at another rate."""
    rng = np.random.default_rng(0)
    for word, pitch in (("yes", 300), ("hello", 1200)):
        Path(folder, word).mkdir(parents=True)
        for i in range(12):
            t = np.arange(int(rng.integers(3000, 5000))) / rate
            sound = (9000 * np.sin(2 * np.pi * pitch * t) + rng.normal(0, 300, t.shape)).astype(np.int16)
            with wave.open(str(Path(folder, word, f"{i:02}.wav")), "wb") as file:
                file.setparams((channels, 2, rate, 0, "NONE", ""))
                file.writeframes(np.repeat(sound, channels).tobytes())


@pytest.mark.parametrize("task", ["digit", "spell"])
def test_recordings_of_words(task):
    pytest.importorskip("scipy")
    tones("words")
    made, results, model = learned(speech, steps=25 if task == "digit" else 2, folder="words", task=task, learned=99)
    assert model.labels == ("hello", "yes")
    assert results["recordings"] == 16
    assert np.sum(results["confusion"]) == results["test_recordings"] == 4
    found = list(speech.predict(model, ["words/yes/00.wav", "words/hello"]))
    assert len(found) == 13
    if task == "digit":
        assert results["accuracy"] == 1
        assert [each.data["text"] for each in found] == ["yes"] + ["hello"] * 12
        pytest.importorskip("matplotlib")
        assert all(path.exists() for path in made.write(Path()))
    else:
        assert model.classes == ("", *"ehlosy")
        assert model.shortest == 6, "five letters, and a blank between the two l"


def test_all_own_recordings_are_learned_unless_a_limit_is_given():
    pytest.importorskip("scipy")
    for word in ("up", "down"):
        Path("words", word).mkdir(parents=True)
        for i in range(60):
            with wave.open(f"words/{word}/{i}.wav", "wb") as file:
                file.setparams((1, 2, 8000, 0, "NONE", ""))
                file.writeframes(bytes(400))
    for learned_from, expected in ((40, 96), (5, 10)):
        assert len(speech.Task(speech.Settings(folder="words", learned=learned_from)).train) == expected


# --- pieces and pictures ----------------------------------------------------------------------------------------------


def test_pieces_of_midi():
    pytest.importorskip("mido")
    Path("pieces").mkdir()
    for i in range(12):
        roll = np.zeros((6, 88))
        roll[:, 30 + i] = 1
        write_midi(f"pieces/{i:02}.mid", roll)
    task, _, model = learned(music, data="pieces")
    assert [len(task.pieces[split]) for split in ("train", "valid", "test")] == [8, 2, 2]
    (found,) = music.predict(model, ["pieces/03.mid"], steps=2)
    assert found.data["chords"] == 6


def test_pictures():
    for k, word in enumerate(("cross", "rectangle")):
        Path("data", word).mkdir(parents=True)
        for i in range(12):
            image = np.zeros((10, 10))
            image[2 + k : 4 + k, i % 5 : 6] = 1
            np.save(Path("data", word, f"{i:02}.npy"), image)
    task, results, model = learned(caption, folder="data")
    assert (model.names, model.side) == (("cross", "rectangle"), 10)
    assert results["images"] == 4
    assert model.longest == 11
    (found,) = caption.predict(model, ["data/cross/00.npy"])
    assert set(found.data["text"]) <= set("crossrectangle.")
    assert caption.unrolled(model, 3).shape == ()
    pytest.importorskip("matplotlib")
    assert "rectangle" in task.write(Path())[1].read_text()

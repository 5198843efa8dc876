"""`minigrad predict`: every program answers, as text and as JSON, and says by name what is wrong with an input."""

import io
import json
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

import minigrad as mg
from minigrad.data import write_midi
from minigrad.models import PROGRAMS, program, program_of
from minigrad.tools import cli
from minigrad.training import files

pytest.importorskip("typer")
pytest.importorskip("safetensors")


def described(name, model):
    """What the program's task says of a model."""
    return {
        "adding": lambda: {"cell": "lstm", "hidden": 8},
        "caption": lambda: model.sizes,
        "char-lm": lambda: {"sizes": model.sizes, "vocabulary": model.vocabulary.to_dict()},
        "forecast": lambda: {"sizes": model.sizes, "scaling": model.scaling.plain()},
        "music": lambda: {"cell": "gru", "hidden": 16},
        "sentiment": lambda: {"sizes": model.sizes, "vocabulary": model.vocabulary.to_dict()},
        "speech": lambda: model.about,
        "video": lambda: model.sizes,
    }[name]()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An untrained model of every program, and files to ask them about."""
    path = tmp_path_factory.mktemp("predict")
    mg.manual_seed(0)
    for name in PROGRAMS:
        chosen = program(name)
        model = chosen.untrained()
        (path / name).mkdir()
        files.save(model, path / name / "model.safetensors", chosen.Task.format, described(name, model))
    (path / "reviews.txt").write_text("a fine film\n\nsuch a bore\n", encoding="utf-8")
    (path / "series.csv").write_text("year,x\n" + "".join(f"{1900 + i},{i % 7 + 1}\n" for i in range(40)))
    (path / "sums.csv").write_text("number,mark\n0.25,1\n0.5,0\n0.5,1\n")
    with wave.open(str(path / "tone.wav"), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes((9000 * np.sin(np.arange(8000) / 5)).astype(np.int16).tobytes())
    np.save(path / "image.npy", np.eye(8, dtype="float32"))
    np.save(path / "clip.npy", np.zeros((3, 16, 16), "float32"))
    return path


@pytest.fixture
def ask(folder, monkeypatch, capsys):
    """Ask a model in the folder: what is printed, with the exit status it should have."""

    def asked(*arguments, status=0):
        monkeypatch.chdir(folder)
        found = cli.main(["predict", *map(str, arguments)])
        out, err = capsys.readouterr()
        assert found == status, err
        return err if status else out

    return asked


INPUTS = {
    "adding": ["sums.csv"],
    "caption": ["image.npy"],
    "char-lm": ["the quick", "brown fox"],
    "forecast": ["series.csv"],
    "sentiment": ["a good film", "reviews.txt"],
    "speech": ["tone.wav"],
    "video": ["clip.npy"],
}
KEYS = {
    "adding": {"answer", "sum", "steps"},
    "caption": {"text"},
    "char-lm": {"characters", "bits_per_character", "next"},
    "forecast": {"times", "values", "gaps_filled"},
    "music": {"chords", "nats_per_chord", "next", "going_on"},
    "sentiment": {"text", "label", "probability"},
    "speech": {"text", "probability", "seconds"},
    "video": {"digit", "digit_probability", "direction", "direction_probability", "frames"},
}


def test_every_program_says_what_it_predicts():
    assert KEYS.keys() == PROGRAMS.keys()


@pytest.mark.parametrize("name", INPUTS)
def test_a_model_answers_for_people_and_for_programs(ask, name):
    told = ask(name, *INPUTS[name])
    assert INPUTS[name][0] in told
    lines = [json.loads(line) for line in ask(name, *INPUTS[name], "--json").splitlines()]
    assert len(lines) >= len(INPUTS[name])
    assert all(line.keys() == {"input", *KEYS[name]} for line in lines)
    assert ask(Path(name) / "model.safetensors", *INPUTS[name]) == told


def test_pieces_of_music(ask, folder):
    pytest.importorskip("mido")
    roll = np.zeros((4, 88), "float32")
    roll[:, [39, 43, 46]] = 1
    write_midi(folder / "piece.mid", roll)
    (line,) = ask("music", "piece.mid", "--json", "--steps", 3).splitlines()
    found = json.loads(line)
    assert found.keys() == {"input", *KEYS["music"]}
    assert (found["chords"], len(found["going_on"]), len(found["next"])) == (4, 3, 5)
    assert "nats each" in ask("music", "piece.mid")


@pytest.mark.parametrize("name", INPUTS)
def test_a_model_answers_on_every_backend(folder, monkeypatch, backend, name):
    monkeypatch.chdir(folder)

    def answered():
        chosen = program(name)
        return list(chosen.predict(chosen.load(folder / name), INPUTS[name]))

    here = answered()
    with mg.use_backend("numpy"):
        expected = answered()
    assert [each.input for each in here] == [each.input for each in expected]
    for one, other in zip(here, expected, strict=True):
        assert one.data.keys() == other.data.keys()
        for key, value in one.data.items():
            if isinstance(value, float):
                assert value == pytest.approx(other.data[key], rel=1e-3, abs=1e-5)


def test_what_the_adding_model_is_told_with_the_truth(ask):
    found = json.loads(ask("adding", "sums.csv", "--json"))
    assert (found["sum"], found["steps"]) == (0.75, 3)
    assert ask("adding", "sums.csv") == f"sums.csv: {found['answer']:.3f}; the marked numbers add up to 0.750\n"


def test_each_line_of_a_file_is_a_sentence(ask):
    lines = [json.loads(line) for line in ask("sentiment", "reviews.txt", "--json").splitlines()]
    assert [(line["input"], line["text"]) for line in lines] == [
        ("reviews.txt:1", "a fine film"),
        ("reviews.txt:3", "such a bore"),
    ]
    assert ": a fine film" in ask("sentiment", "reviews.txt").splitlines()[0]


def test_a_batch_is_answered_as_one_by_one(ask):
    sentences = ["a film", "good", "a film that is good and not bad"]
    together = ask("sentiment", *sentences, "--json").splitlines()
    for line, alone in zip(together, sentences, strict=True):
        one, many = json.loads(ask("sentiment", alone, "--json")), json.loads(line)
        assert one == many | {"probability": pytest.approx(many["probability"], abs=1e-6)}


def test_bits_per_character_are_those_of_the_model(ask, folder):
    model = program("char-lm").load(folder / "char-lm")
    text = "abcdefgh" * 300  # longer than what is read at once
    with mg.no_grad():
        numbers = mg.tensor(model.vocabulary.encode(text)[:, None])
        bits = model.loss(numbers[:-1], numbers[1:])[0].item() / np.log(2)
    found = json.loads(ask("char-lm", text, "--json"))
    assert found["bits_per_character"] == pytest.approx(bits, rel=1e-5)
    assert found["input"].endswith("...")
    assert json.loads(ask("char-lm", "a", "--json"))["bits_per_character"] is None


@pytest.mark.parametrize(("name", "content"), [("char-lm", b"abc\n"), ("sentiment", b"a film\na bore\n")])
def test_standard_input(ask, monkeypatch, name, content):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    lines = [json.loads(line) for line in ask(name, "-", "--json").splitlines()]
    assert len(lines) == (1 if name == "char-lm" else 2)
    assert lines[0].get("characters", 3) == 3, "the line end at the end is no part of the text"


def test_files_come_through_standard_input(ask, monkeypatch, folder):
    content = (folder / "tone.wav").read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert json.loads(ask("speech", "-", "--json"))["seconds"] == 0.5


def test_a_folder_stands_for_its_files(ask, folder):
    (folder / "tones").mkdir(exist_ok=True)
    for name in ("b.wav", "a.WAV"):
        (folder / "tones" / name).write_bytes((folder / "tone.wav").read_bytes())
    assert [line.partition(":")[0] for line in ask("speech", "tones").splitlines()] == ["tones/a.WAV", "tones/b.wav"]


def test_how_far_to_go_on_and_which_column(ask, folder):
    (folder / "two.csv").write_text("month,a,b\n" + "".join(f"2020-{i:02},{i},{i * i}\n" for i in range(1, 13)))
    found = json.loads(ask("forecast", "two.csv", "--column", "b", "--steps", 2, "--json"))
    assert found["times"] == ["2021-01", "2021-02"]
    assert np.isfinite(found["values"]).all()
    assert "say which one has the values" in ask("forecast", "two.csv", status=1)
    assert "--column means nothing to a model of char-lm" in ask("char-lm", "a", "--column", "b", status=1)


def test_gaps_are_filled_as_in_training_and_days_of_months_are_months(ask, folder):
    rows = "".join(f"2020-{i:02}-01,{'' if i == 5 else i}\n" for i in range(1, 13))
    (folder / "gaps.csv").write_text(f"day,x\n{rows}")
    found = json.loads(ask("forecast", "gaps.csv", "--steps", 1, "--json"))
    assert (found["gaps_filled"], found["times"]) == (1, ["2021-01"])
    (folder / "whole.csv").write_text("day,x\n" + rows.replace(",\n", ",5\n"))
    whole = json.loads(ask("forecast", "whole.csv", "--steps", 1, "--json"))
    assert (whole["values"], whole["gaps_filled"]) == (found["values"], 0)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["sentiment", ""], "an input is an empty text"),
        (["sentiment", "missing.txt"], "there is no file missing.txt"),
        (["sentiment", "./missing"], "there is no file ./missing"),
        (["char-lm", "Z"], "Z: the character 'Z'"),
        (["speech", "missing.wav"], "there is no file missing.wav; this model reads recordings"),
        (["speech", "reviews.txt"], "reviews.txt is not a whole WAV file"),
        (["speech", "char-lm"], "char-lm has no recordings: files that end in .wav"),
        (["forecast", "reviews.txt"], "reviews.txt"),
        (["forecast", "short.csv"], "short.csv: this model reads 2 values before it forecasts; there are 1"),
        (["adding", "series.csv"], "series.csv, line 1: 'year,x' is not a number and its mark"),
        (["caption", "clip.npy"], "clip.npy has 3 pictures, not one"),
        (["caption", "odd.npy"], "odd.npy has 9 x 9 pixels; pictures of 8 x 8 are read"),
        (["caption", "dark.npy"], "dark.npy is mostly dark"),
        (["video", "image.npy"], "image.npy has 8 x 8 pixels"),
        (["nowhere", "x"], "there is no model nowhere; make one with: minigrad train PROGRAM"),
        (["reviews.txt", "x"], "reviews.txt is not a safetensors file"),
        (["state.safetensors", "x"], "is a model of 'state', which is none of the programs"),
        (["strange.safetensors", "x"], "strange.safetensors is no model that minigrad trained"),
        (["own.safetensors", "x"], "is a model of a task of your own ('rhyme 1')"),
        (
            ["unfinished", "x"],
            "there is no model unfinished/model.safetensors yet: the training has not ended; go on with --resume",
        ),
        (["unfinished/checkpoint.safetensors", "x"], "is a checkpoint, from which a training goes on"),
    ],
)
def test_what_is_wrong_is_said_by_name(ask, folder, arguments, words):
    import safetensors.numpy

    (folder / "short.csv").write_text("year,x\n1900,1\n")
    np.save(folder / "odd.npy", np.zeros((9, 9)))
    np.save(folder / "dark.npy", np.ones((8, 8)))
    mg.save(mg.ones(2), folder / "state.safetensors")
    safetensors.numpy.save_file({"x": np.ones(2)}, folder / "strange.safetensors")
    files.save(program("adding").untrained(), folder / "own.safetensors", "rhyme 1", {})
    (folder / "unfinished").mkdir(exist_ok=True)
    files.save(
        program("adding").untrained(),
        folder / "unfinished" / "checkpoint.safetensors",
        "minigrad adding 1 checkpoint",
        {},
    )
    err = ask(*arguments, status=1)
    assert words in err
    assert err.count("\n") == 1
    assert "Errno" not in err


def test_a_midi_file_that_is_none(ask, folder):
    pytest.importorskip("mido")
    assert "reviews.txt is not a whole MIDI file" in ask("music", "reviews.txt", status=1)


def test_pictures_are_shrunk_as_the_data_were(ask, folder):
    image = pytest.importorskip("PIL.Image")
    small = np.tri(8, dtype="float32") * 0.8
    np.save(folder / "small.npy", small)
    image.fromarray(np.uint8(255 * (1 - np.kron(small, np.ones((4, 4)))))).save(folder / "large.png")
    first, second = ask("caption", "small.npy", "large.png").splitlines()
    assert first.partition(": ")[2] == second.partition(": ")[2]


def test_the_program_is_known_by_the_file(folder):
    assert [program_of(folder / name) for name in PROGRAMS] == list(PROGRAMS)


def test_graph_and_sample_know_the_program_too(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    assert cli.main(["graph", "adding", "--format", "dot", "--out", "a.dot", "--length", "2"]) == 0
    assert cli.main(["graph", "music/model.safetensors", "--out", "b.dot", "--length", "2"]) == 0
    assert cli.main(["graph", "nothing"]) == 1
    assert "there is no model 'nothing'; there are char-lm, " in capsys.readouterr().err
    assert cli.main(["sample", "char-lm", "--length", "5", "--seed", "0", "--prime", "ab"]) == 0
    assert len(capsys.readouterr().out) == 8
    assert cli.main(["sample", "music"]) == 1
    assert "music is a model of music, which writes no text" in capsys.readouterr().err

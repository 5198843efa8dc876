"""The character model: a tiny run from text to files, and sampling from what it left."""

import json
import math
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

import minigrad as mg
from minigrad import models
from minigrad.data import Vocabulary
from minigrad.models import char_lm
from minigrad.models.char_lm import Settings
from minigrad.training.cells import CELLS

pytest.importorskip("safetensors")
image = pytest.importorskip("matplotlib.image")

TEXT = "the quick brown fox jumps over the lazy dog.\n" * 40
TINY = {"steps": 60, "hidden": 24, "embedding": 8, "batch": 4, "length": 16, "lr": 0.02}


@pytest.fixture(autouse=True)
def brief(monkeypatch):
    """Runs inside of tests write little: what they write at full length, `trained` has."""
    monkeypatch.setattr(char_lm, "EXAMPLE", 20)
    monkeypatch.setattr(char_lm, "SAMPLE", 20)


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def trained(text, tmp_path_factory):
    """The settings, the metrics and the directory of a tiny run."""
    settings = Settings(text=text, out=tmp_path_factory.mktemp("out") / "new" / "folder", **TINY)
    return settings, char_lm.train(settings), settings.out


def test_it_learns(trained):
    _, metrics, _ = trained
    bits, results = metrics["curve"], metrics["results"]
    assert len(bits) == metrics["steps"] == 60
    assert metrics["finished"]
    assert metrics["unit"] == "bits per character"
    assert np.mean(bits[:5]) > math.log2(results["vocabulary"]) - 1
    assert np.mean(bits[-5:]) < 0.5 * np.mean(bits[:5])
    assert results["bits_per_character"] < 0.5 * math.log2(results["vocabulary"])
    assert results["bits_per_character"] == pytest.approx(results["nats_per_character"] / math.log(2))
    assert results["bits_per_character"] == min(v["bits_per_character"] for v in metrics["validations"])
    assert (results["characters"], results["held_out_characters"]) == (len(TEXT) * 9 // 10, len(TEXT) // 10)
    assert all(norm > 0 for norm in metrics["gradient_norm"])


def test_it_trains_on_every_backend(backend, text, tmp_path):
    settings = Settings(text=text, out=tmp_path, backend=backend, **TINY | {"steps": 20, "validations": 1})
    metrics = char_lm.train(settings)
    bits, results = metrics["curve"], metrics["results"]
    assert np.mean(bits[-3:]) < 0.9 * np.mean(bits[:3])
    assert metrics["settings"]["backend"] == backend
    assert results["bits_per_character"] < math.log2(results["vocabulary"])
    assert char_lm.load(tmp_path).head.weight.backend.name == backend  # the default backend during this test


@pytest.mark.parametrize("cell", char_lm.CELLS)
def test_it_trains_with_every_cell(cell, text, tmp_path):
    metrics = char_lm.train(
        Settings(text=text, out=tmp_path, cell=cell, layers=2, **TINY | {"steps": 30, "validations": 1})
    )
    assert np.mean(metrics["curve"][-3:]) < 0.9 * np.mean(metrics["curve"][:3])
    assert type(char_lm.load(tmp_path).network) is CELLS[cell]
    assert len(list(char_lm.sample(char_lm.load(tmp_path), 9))) == 9


def test_the_files_are_there_and_valid(trained):
    _, metrics, out = trained
    results = {"model.safetensors", "metrics.json", "loss.png", "graph.svg", "graph.html", "sample.txt"}
    assert {path.name for path in out.iterdir()} == results | {"log.jsonl", "report.html", "checkpoint.safetensors"}
    assert len((out / "sample.txt").read_text(encoding="utf-8")) == 1000
    assert image.imread(out / "loss.png").ndim == 3
    svg = ElementTree.parse(out / "graph.svg").getroot()
    shown = {element.text for element in svg.iter() if element.tag.endswith("}text")}
    assert {"CharLM", "network", "embedding", "cross_entropy"} <= shown
    assert json.loads((out / "metrics.json").read_text()) == metrics


def test_the_model_comes_back(trained):
    _, metrics, out = trained
    model = char_lm.load(out)
    assert model.vocabulary == Vocabulary(TEXT)
    held_out = model.vocabulary.encode(TEXT)[-(len(TEXT) // 10) :]
    assert char_lm.nats_per_character(model, held_out) == metrics["results"]["nats_per_character"]


def test_the_same_seed_gives_the_same_model_and_another_seed_another(text, tmp_path):
    runs = {}
    for seed in (0, 1):
        again = Settings(text=text, out=tmp_path / str(seed), seed=seed, **TINY | {"steps": 3, "validations": 1})
        runs[seed] = char_lm.train(again)["curve"]
    first = Settings(text=text, out=tmp_path / "again", **TINY | {"steps": 3, "validations": 1})
    assert char_lm.train(first)["curve"] == runs[0] != runs[1]
    files = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("0", "1", "again")]
    assert files[0] == files[2] != files[1]


def test_sampling(trained):
    model = char_lm.load(trained[2] / "model.safetensors")

    def write(seed=3, **settings):
        return "".join(char_lm.sample(model, 80, generator=mg.random.Generator(seed), **settings))

    assert write() == write()
    assert len(write()) == 80
    assert write(4, temperature=2.0) != write(5, temperature=2.0)
    assert write(4, temperature=0) == write(5, temperature=0)
    assert "the" in write(temperature=0.3, prime="dog.\n")


def test_sampling_refuses(trained):
    model = char_lm.load(trained[2])
    for settings, message in (
        ({"temperature": -1}, "at least 0"),
        ({"temperature": math.nan}, "at least 0"),
        ({"prime": ""}, "at least one character"),
        ({"prime": "Ω"}, "'Ω'"),
    ):
        with pytest.raises(ValueError, match=message):
            next(char_lm.sample(model, 5, **settings))


def test_the_state_is_carried_on_until_the_text_begins_anew(text):
    task = char_lm.Task(Settings(text=text, **TINY))
    batches = list(task.batches(0))
    assert [anew for anew, _, _ in batches] == [True] + [False] * (len(batches) - 1)
    with mg.no_grad():
        carried = [task.loss(batch).item() for batch in batches[:2]]
        x, y = (np.concatenate([batch[i] for batch in batches[:2]]) for i in (1, 2))
        whole, _ = task.model.loss(mg.tensor(x), mg.tensor(y))
        assert np.mean(carried) == pytest.approx(whole.item(), rel=1e-5)
        assert task.loss(batches[0]).item() == carried[0]


def test_the_learning_rate_rises_and_falls():
    rates = [char_lm.rate(step, 1000) for step in range(1000)]
    top = rates.index(max(rates))
    assert max(rates) == 1.0
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert 0.01 < rates[-1] < 0.03
    assert all(0 < char_lm.rate(step, steps) <= 1 for steps in (1, 2, 9) for step in range(steps))


def test_an_interrupted_run_writes_what_it_has(text, tmp_path, monkeypatch, capsys):
    loss, calls = char_lm.Task.loss, iter(range(60))

    def interrupted(self, batch):
        if next(calls) == 4:
            raise KeyboardInterrupt
        return loss(self, batch)

    monkeypatch.setattr(char_lm.Task, "loss", interrupted)
    metrics = char_lm.train(Settings(text=text, out=tmp_path, **TINY))
    assert not metrics["finished"]
    assert metrics["steps"] == 4
    assert "interrupted after 4 of 60 steps" in capsys.readouterr().out
    assert char_lm.load(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 0}, "steps must be at least 1"),
        ({"cell": "cnn"}, "cell is one of rnn, lstm, peephole, gru, not 'cnn'"),
        ({"hidden": -3}, "hidden must be at least 1"),
        ({"lr": math.nan}, "lr must be"),
        ({"batch": 400}, "too short"),
        ({"backend": "abacus"}, "unknown backend"),
    ],
)
def test_settings_that_cannot_be(text, tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        char_lm.train(Settings(text=text, out=tmp_path, **TINY | changes))


@pytest.mark.parametrize("content", ["a", "ab"])
def test_a_text_of_hardly_anything(tmp_path, content):
    (tmp_path / "text").write_text(content)
    with pytest.raises(ValueError, match="too short"):
        char_lm.train(Settings(text=tmp_path / "text", out=tmp_path / "out", **TINY))


def test_a_directory_that_cannot_be_made(text, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        char_lm.train(Settings(text=text, out=tmp_path / "file" / "out", **TINY))


def test_files_that_are_no_model(tmp_path):
    with pytest.raises(FileNotFoundError, match="train char-lm"):
        char_lm.load(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0{}      ")
    with pytest.raises(ValueError, match="not what minigrad char-lm writes"):
        char_lm.load(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"something else")
    with pytest.raises(ValueError, match="not a safetensors file"):
        char_lm.load(tmp_path)


def test_the_default_text_is_python_s_documentation():
    text = char_lm.default_text()
    assert 200_000 < len(text) < 5_000_000
    assert "assignment" in text


def test_every_program_offers_what_the_command_line_needs():
    for name in models.PROGRAMS:
        module = models.program(name)
        for needed in ("Settings", "Task", "train", "unrolled", "untrained", "load"):
            assert hasattr(module, needed), (name, needed)
        assert module.Task.format.split()[:2] == ["minigrad", name]
    with pytest.raises(ValueError, match="char-lm"):
        models.program("nothing")

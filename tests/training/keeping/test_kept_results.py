"""What a training tells at its end, and what happens if something cannot be drawn or written."""

import errno
import json
import os
import sys

import numpy as np
import pytest
from watched import Remember, settings

from minigrad import nn, training
from minigrad.models import PROGRAMS, adding, char_lm, program
from minigrad.tools import cli
from minigrad.training import Settings, Task, fit
from minigrad.training.caller import CommandLine, called_by
from minigrad.training.keeping.results import number

pytest.importorskip("typer")
pytest.importorskip("safetensors")
pytest.importorskip("filelock")

TINY = ["train", "adding", "--steps", "2", "--length", "3", "--hidden", "2", "--batch", "2"]


@pytest.fixture
def undrawn(monkeypatch):
    monkeypatch.setattr("minigrad.training.keeping.results.plot_curve", lambda path, *_: path.touch())


# --- what was reached -------------------------------------------------------------------------------------------------


def test_results_stand_beside_what_to_compare_them_with(undrawn, tmp_path, capsys):
    class Told(Remember):
        levels = [("always 0", 1.0), ("a coin", 12.345678)]

        def results(self):
            return {"error": 0.25, "right_answers": np.float32(97.5), "count": 3, "table": [1]}

    fit(settings(tmp_path), Told)
    said = capsys.readouterr().out.partition("reached:\n")[2].split("\n\n")[0]
    assert said.splitlines() == [
        "  error           0.2500  error",
        "  right answers  97.50",
        "  always 0        1.000   error",
        "  a coin         12.35    error",
    ]


def test_without_results_the_best_validation_is_told(undrawn, tmp_path, capsys):
    metrics = fit(settings(tmp_path), Remember)
    best = min(v["error"] for v in metrics["validations"])
    assert f"error, held out  {best:#.4g}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0.000"), (1.0, "1.000"), (97.5, "97.50"), (1234.5, "1234"), (0.012345, "0.01235"), (1e-7, "1.000e-07"),
     (-0.5, "-0.5000"), (float("nan"), "nan"), (1234567, "1,234,567"), (12345678.0, "1.235e+07")],
)  # fmt: skip
def test_numbers_have_four_digits_that_count(value, text):
    assert number(value) == text


@pytest.mark.parametrize("name", PROGRAMS)
def test_each_program_says_what_to_try(name):
    tries = program(name).Task.tries
    assert len(tries) == 2
    assert all("{out}" in command for command in tries)


def test_the_files_and_the_next_commands_are_told(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("minigrad.tools.pictures.draw", lambda tape, path, **_: path.touch())
    with called_by(CommandLine(("python", "-m", "minigrad"))):
        adding.train(adding.Settings(out=tmp_path / "o u t", steps=1, length=3))
    said = capsys.readouterr().out
    for file in ("model.safetensors", "metrics.json", "loss.png", "graph.svg", "graph.html"):
        assert str(tmp_path / "o u t" / file) in said
    assert f"\n  python -m minigrad graph '{tmp_path}/o u t'\n" in said
    files = json.loads((tmp_path / "o u t" / "metrics.json").read_text())["files"]
    assert files == ["model.safetensors", "metrics.json", "loss.png", "report.html", "graph.svg", "graph.html"]


# --- what cannot be drawn or written ----------------------------------------------------------------------------------


def test_without_what_draws_a_training_is_as_good(tmp_path, capsys, monkeypatch):
    with monkeypatch.context() as patch:
        for name in ("matplotlib", "graphviz", "pygraphviz"):
            patch.setitem(sys.modules, name, None)
        patch.setitem(sys.modules, "matplotlib.figure", None)
        patch.setenv("PATH", "")
        assert cli.main([*TINY, "--out", str(tmp_path)]) == 0
        said, error = capsys.readouterr()
        assert "not drawn: loss.png" in said
        assert "pip install" in said
        assert error == ""
        assert (tmp_path / "model.safetensors").exists()
        assert "loss.png" in json.loads((tmp_path / "metrics.json").read_text())["lacking"]
    assert cli.main([*TINY[:2], "--out", str(tmp_path), "--resume"]) == 0
    assert (tmp_path / "loss.png").exists()
    assert json.loads((tmp_path / "metrics.json").read_text())["lacking"] == []


def test_one_picture_that_fails_costs_no_other(tmp_path, capsys, monkeypatch):
    def broken(path, *_):
        raise ZeroDivisionError("no room")

    monkeypatch.setattr("minigrad.training.keeping.results.plot_curve", broken)
    monkeypatch.setattr("minigrad.tools.pictures.draw", lambda tape, path, **_: path.touch())
    metrics = adding.train(adding.Settings(out=tmp_path, steps=1, length=3))
    assert metrics["finished"]
    assert metrics["lacking"] == ["loss.png"]
    assert (tmp_path / "graph.html").exists()
    assert "not drawn: loss.png: ZeroDivisionError: no room (test_kept_results.py, line" in capsys.readouterr().out


def test_a_task_that_cannot_write_ends_no_training(undrawn, tmp_path, capsys):
    class Fails(Remember):
        def write(self, out):
            raise OSError("no space is left")

    metrics = fit(settings(tmp_path), Fails)
    assert metrics["finished"]
    assert "what Fails.write makes: no space is left; then resume=True draws" in capsys.readouterr().out


def test_drawn_by_itself_says_what_failed(tmp_path, capsys):
    def broken(path):
        raise ImportError("it needs a pencil: pip install pencil")

    assert training.drawn(broken, tmp_path / "a.png") == []
    assert training.drawn(lambda path, n: path.touch(), tmp_path / "b.png", 3) == [tmp_path / "b.png"]
    assert capsys.readouterr().out == "not drawn: a.png: it needs a pencil: pip install pencil\n"


@pytest.mark.parametrize("file", ["checkpoint.safetensors", "model.safetensors", "metrics.json"])
def test_a_full_disk_is_told_with_the_path_and_the_checkpoint_that_is_kept(file, undrawn, tmp_path, monkeypatch):
    replace, count = os.replace, []

    def full(source, target):
        if os.path.basename(target) == file:
            count.append(1)
            if file != "checkpoint.safetensors" or len(count) > 2:
                raise OSError(errno.ENOSPC, "No space left on device")
        replace(source, target)

    with (
        monkeypatch.context() as patch,
        pytest.raises(OSError, match=f"cannot write .*{file}: no space is left") as told,
    ):
        patch.setattr(os, "replace", full)
        fit(settings(tmp_path), Remember)
    step = 12 if file == "checkpoint.safetensors" else 24
    assert f"the checkpoint of step {step} is kept: resume=True goes on from there" in str(told.value)
    assert not list(tmp_path.glob("*.part"))
    resumed = fit(settings(tmp_path, resume=True), Remember)
    assert resumed["curve"] == fit(settings(tmp_path / "whole"), Remember)["curve"]


def test_rows_of_the_character_model(undrawn, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(char_lm.Task, "write", lambda self, out: [])
    (tmp_path / "text").write_text("abcd efgh\n" * 40)
    sizes = {"steps": 1, "hidden": 4, "embedding": 2, "batch": 2, "length": 4}
    char_lm.train(char_lm.Settings(text=tmp_path / "text", out=tmp_path / "out", **sizes))
    said = capsys.readouterr().out
    assert "held-out text         " in said
    assert "all characters alike  3.322  bits per character" in said
    assert f"minigrad sample {tmp_path / 'out'}" in said


def test_a_plain_task_tells_its_loss(undrawn, tmp_path, capsys):
    def task(settings):
        model = nn.Linear(1, 1)
        ones = np.ones((2, 1), np.float32)
        return Task(settings, model, lambda x: (model(training.task.mg.tensor(x)) ** 2).mean(), [ones], [ones])

    fit(Settings(out=tmp_path, steps=1), task)
    said = capsys.readouterr().out
    assert "loss, held out" in said
    assert "now try" not in said

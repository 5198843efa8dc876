"""Terminals, files and pipes that cannot show every character: nothing ends in a UnicodeEncodeError."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

import minigrad as mg
from minigrad import nn
from minigrad.models import char_lm
from minigrad.tools import cli
from minigrad.training import Settings, Task, Trainer
from minigrad.training.terminal import escaping, say, shown

pytest.importorskip("typer")
pytest.importorskip("safetensors")
pytest.importorskip("matplotlib")

TEXT = "grün Ω žluť → 東京 🎵\n"
TINY = ["--steps", "2", "--hidden", "8", "--embedding", "4", "--batch", "2", "--length", "8", "--validations", "1"]


@pytest.fixture
def terminal(monkeypatch):
    """Standard output in an encoding; returns what was written there."""

    def use(encoding):
        stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, write_through=True)
        monkeypatch.setattr(sys, "stdout", stream)
        return lambda: stream.buffer.getvalue().decode(encoding)

    return use


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        ("ascii", r"gr\xfcn \u03a9 \u017elu\u0165 \u2192 \u6771\u4eac \U0001f3b5"),
        ("cp1252", "grün \\u03a9 žlu\\u0165 \\u2192 \\u6771\\u4eac \\U0001f3b5"),
        ("utf-8", "grün Ω žluť → 東京 🎵"),
    ],
)
def test_what_cannot_be_shown_is_escaped(encoding, expected, terminal):
    written = terminal(encoding)
    say(TEXT.strip())
    assert written() == expected + "\n"
    with escaping():
        print(TEXT.strip())
    assert written() == 2 * (expected + "\n")
    assert shown("\udcc3") == r"\udcc3", "half of a character, from the arguments of a process"


def test_streams_are_as_they_were_afterwards(terminal):
    terminal("ascii")
    with escaping():
        assert sys.stdout.errors == "backslashreplace"
    assert sys.stdout.errors == "strict"
    with pytest.raises(UnicodeEncodeError):
        print("Ω")
    sys.stdout = io.StringIO()  # which shows all there is, and cannot be changed
    with escaping():
        print("Ω")
    sys.stdout = None  # a program without a terminal
    with escaping():
        assert shown("Ω") == "Ω"


def test_training_from_python_prints_what_it_can(tmp_path, terminal, monkeypatch):
    """Without the command line: the examples of a model, and the paths that it writes."""
    monkeypatch.setattr(char_lm.Task, "write", lambda self, out: [])
    written = terminal("ascii")
    (tmp_path / "text").write_text(TEXT * 20, encoding="utf-8")
    sizes = {"steps": 2, "hidden": 8, "embedding": 4, "batch": 2, "length": 8, "validations": 1}
    char_lm.train(char_lm.Settings(text=tmp_path / "text", out=tmp_path / "ö", **sizes))
    assert "\\u6771" in written()
    assert os.path.join("\\xf6", "loss.png") in written()


def test_the_bar_of_a_terminal(terminal, monkeypatch):
    pytest.importorskip("rich")
    written = terminal("ascii")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    model = nn.Linear(1, 1)
    task = Task(Settings(steps=1, validations=1), model, lambda x: model(x).sum(), [mg.ones((1, 1))])
    task.unit, task.shown, task.example = "Ω", None, lambda: "東京"
    Trainer(task).train()
    assert r"\u6771\u4eac" in written()
    assert r"\u03a9" in written()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("grün")
    (path / "text").write_text(TEXT * 20, encoding="utf-8")
    settings = char_lm.Settings(text=path / "text", out=path / "ö", steps=2, hidden=8, embedding=4, batch=2, length=8)
    char_lm.train(settings)
    return path


ASCII = {"PYTHONIOENCODING": "ascii"}
C_LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.mark.parametrize(
    ("arguments", "status", "expected", "variables"),
    [
        (["train", "char-lm", "--text", "text", "--out", "new", *TINY], 0, "loss.png", ASCII),
        (["sample", "ö", "--temperature", "2"], 0, r"\U0001f3b5", ASCII),
        (["sample", "ö", "--temperature", "2"], 0, r"\U0001f3b5", C_LOCALE),
        (["graph", "char-lm", "--model", "ö", "--title", "Ω", "--out", "Ω.dot"], 0, r"\u03a9.dot", ASCII),
        (["gradflow", "char-lm", "--model", "ö", "--steps", "3", "--out", "flow.png"], 0, "flow.png", ASCII),
        (["sample", "ö", "--prime", "ж"], 1, "is not among the 15 characters", ASCII),
        (["sample", "ж"], 1, "there is no model", C_LOCALE),
        (["info"], 0, "NumPy", ASCII),
        (["train", "char-lm", "--help"], 0, "--text", ASCII),
        (["ж"], 2, "Usage", ASCII),
    ],
)
def test_commands_in_ascii(folder, arguments, status, expected, variables):
    command = [sys.executable, "-m", "minigrad.tools.cli", *arguments]
    result = subprocess.run(command, cwd=folder, capture_output=True, check=False, env=os.environ | variables)
    said = (result.stdout + result.stderr).decode("ascii", "replace")
    assert result.returncode == status, said
    assert "Traceback" not in said
    assert expected in said


def test_the_streams_of_the_command_line_are_left_alone(terminal):
    terminal("ascii")
    assert cli.main(["graph", "ж"]) == 1
    assert sys.stdout.errors == "strict"
    assert Path(cli.__file__).is_file()

"""What the command line says: in the width that there is, of files that cannot be written, and to shells."""

import errno
import os
import shutil
import subprocess
import sys

import pytest

pytest.importorskip("typer")

from minigrad.inspect.aligned import aligned
from minigrad.models import PROGRAMS
from minigrad.tools import cli
from minigrad.tools.commands import COMMANDS, EXAMPLES, beside


@pytest.fixture
def said(tmp_path, monkeypatch, capfd):
    """Run a command in an empty folder: its status, and what it printed on both streams."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "60")

    def run(*arguments):
        status = cli.main(list(map(str, arguments)))
        return (status, *capfd.readouterr())

    return run


# --- width ------------------------------------------------------------------------------------------------------------


def test_names_stand_beside_texts_that_are_wrapped(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    assert beside(
        "name", "a text that is longer than what is left\nhttps://example.org/" + "x" * 40, 10
    ).splitlines() == [
        "name       a text that is longer than",
        "           what is left",
        "           https://example.org/" + "x" * 40,
    ]
    assert beside("a name that is too long", "text", 10) == "a name that is too long text"
    assert beside("name", "", 10) == "name"


def test_columns_that_do_not_fit_follow_below():
    rows = [["state", "t=0", "t=1", "t=2"], ["h", "1.0", "22.0", "3.0"]]
    assert aligned(rows) == "state  t=0   t=1  t=2\nh      1.0  22.0  3.0"
    assert aligned(rows, 21) == aligned(rows)
    assert aligned(rows, 20) == "state  t=0   t=1\nh      1.0  22.0\n\nstate  t=2\nh      3.0"
    assert aligned(rows, 1).count("\n\n") == 2, "a column at least stands beside the first"
    assert aligned([["a"], ["b"]]) == "a\nb"


@pytest.mark.parametrize("command", ["info", "data"])
def test_tables_keep_to_the_width(said, command):
    status, out, _ = said(command)
    assert status == 0
    long = [line.split()[-1] for line in out.splitlines() if len(line) > 60]
    assert all(len(word) > 35 for word in long), "but for paths and addresses, which are not cut up"


def test_tables_of_gradients_keep_to_the_width(said):
    pytest.importorskip("matplotlib")
    status, out, _ = said("gradflow", "adding", "--steps", 8, "--out", "new/flow.png")
    assert status == 0
    assert out.splitlines()[-1] == os.path.join("new", "flow.png")
    assert max(map(len, out.splitlines())) <= 60


# --- help -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command", ["", "train", *sorted(COMMANDS.keys() - {"bench"}), *(f"train {name}" for name in PROGRAMS)]
)
def test_help_shows_examples_and_no_types_of_flags(said, command):
    status, out, _ = said(*command.split(), "--help")
    assert status == 0
    assert "<bool>" not in out
    for example in EXAMPLES.get(command, ()):
        assert "".join(example.split()) in "".join(out.split())


def test_examples_are_of_commands_that_exist():
    for command, lines in EXAMPLES.items():
        assert not command or command == "train" or command.removeprefix("train ") in {*COMMANDS, *PROGRAMS}
        assert all("minigrad " in line for line in lines)


def test_training_comes_first(said):
    out = said("--help")[1]
    assert out.index("Train a model") < min(out.index(f"│ {name} ") for name in COMMANDS)


# --- files ------------------------------------------------------------------------------------------------------------


def test_a_graph_goes_to_standard_output(said, tmp_path):
    status, out, _ = said("graph", "adding", "--length", 2, "--format", "dot", "--out", "-")
    assert status == 0
    assert out.startswith("digraph")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["graph", "gradflow"])
def test_graph_and_gradflow_treat_paths_alike(said, tmp_path, command):
    pytest.importorskip("matplotlib")
    (tmp_path / "file").write_text("")
    for out in ("file/a.png", "file/b/a.png"):
        status, _, err = said(command, "adding", "--out", out)
        assert (status, err) == (1, f"minigrad: cannot write {os.path.dirname(out)}: {err.rpartition(': ')[2]}")
        assert "a file, not a folder" in err
    status, _, err = said(command, "adding", "--model", "nowhere", "--out", "new/folder/a.png")
    assert (status, err) == (1, "minigrad: there is no model nowhere; make one with: minigrad train adding\n")
    status, _, err = said(command, "nonsense")
    assert status == 1
    assert "there is no model 'nonsense'; there are char-lm, " in err
    assert [path.name for path in tmp_path.iterdir()] == ["file"], "no empty folder is left"


def test_folders_for_a_picture_are_made(said, tmp_path):
    assert said("graph", "adding", "--length", 2, "--out", "new/folder/a.dot")[0] == 0
    assert (tmp_path / "new" / "folder" / "a.dot").exists()


@pytest.mark.parametrize(("number", "words"), [(errno.ENOSPC, "no space is left"), (errno.EROFS, "mounted read-only")])
def test_a_disk_that_refuses(said, monkeypatch, tmp_path, number, words):
    def refuse(descriptor):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    status, _, err = said("graph", "adding", "--length", 2, "--out", "new/a.dot")
    assert status == 1
    assert err.startswith(f"minigrad: cannot write {tmp_path / 'new' / 'a.dot'}: ")
    assert words in err
    assert not list(tmp_path.iterdir())


def test_other_errors_of_the_system_name_the_file_and_no_number(said, monkeypatch):
    from minigrad import models

    def refuse(name):
        raise PermissionError(errno.EACCES, "Permission denied", "secret.txt")

    monkeypatch.setattr(models, "PROGRAMS", models.PROGRAMS | {"adding": ("minigrad.models.adding", "")})
    monkeypatch.setattr("minigrad.tools.commands.graph.program", refuse)
    assert said("graph", "adding")[::2] == (1, "minigrad: secret.txt: permission denied\n")


# --- shells -----------------------------------------------------------------------------------------------------------


def completed(words, shell="bash"):
    """What a shell is offered after these words."""
    environment = {
        "_MINIGRAD_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": words,
        "COMP_CWORD": str(words.count(" ")),
        "_TYPER_COMPLETE_ARGS": words,
    }
    code = "import sys; from minigrad.tools.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("minigrad ", ["train", *COMMANDS]),
        ("minigrad train s", ["sentiment", "speech"]),
        ("minigrad train adding --le", ["--length"]),
        ("minigrad train adding --cell ls", ["lstm"]),
        ("minigrad graph ad", ["adding"]),
        ("minigrad predict --co", ["--column"]),
    ],
)
def test_bash_completes_commands_and_options(words, offered):
    assert completed(words).split() == offered


def test_zsh_completes_commands():
    assert '"speech":"Spoken digits' in completed("minigrad train s", "zsh")


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
def test_the_completion_of_bash_is_a_script_that_runs():
    code = "import sys; from minigrad.tools.cli import main; sys.exit(main())"
    environment = os.environ | {"_MINIGRAD_COMPLETE": "source_bash"}
    script = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    done = subprocess.run(
        ["bash", "-c", f"{script.stdout}\ncomplete -p minigrad"], capture_output=True, text=True, check=False
    )
    assert "minigrad" in done.stdout
    assert done.returncode == 0

"""`minigrad runs`: the table, JSON, and the pages."""

import json

import pytest
from watched import Remember, settings

from minigrad.tools import cli
from minigrad.training.fitting import fit

pytest.importorskip("typer")
pytest.importorskip("safetensors")
pytest.importorskip("matplotlib")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with two runs, of which the second was broken off."""
    out = tmp_path_factory.mktemp("out")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("minigrad.training.keeping.results.plot_curve", lambda path, *_: path.touch())
        fit(settings(out / "one"), Remember)
        fit(settings(out / "two", lr=0.03), Remember)
    lines = (out / "two" / "log.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (out / "two" / "log.jsonl").write_text("".join(lines[:8]), encoding="utf-8")
    (out / "two" / "metrics.json").unlink()
    return out


@pytest.fixture
def said(capsys, monkeypatch):
    """Runs the command and gives what it prints."""

    def run(*arguments, columns=120, status=0):
        monkeypatch.setenv("COLUMNS", str(columns))
        assert cli.main(["runs", *map(str, arguments)]) == status
        return capsys.readouterr()

    return run


def test_runs_are_listed(folder, said):
    title, head, line, one, two = said(folder).out.rstrip("\n").split("\n")
    assert title == "remember"
    assert head.split() == ["run", "began", "steps", "state", "best", "time", "lr"]
    assert set(line) == {"-"}
    assert "  24 of 24  finished    " in one
    assert one.endswith("  0.01")
    assert "  6 of 24   broken off  " in two
    assert two.endswith("  0.03")
    assert " error  " in one


def test_a_narrow_terminal_has_runs_below_each_other(folder, said):
    lines = said(folder, columns=60).out.rstrip("\n").split("\n")
    assert max(map(len, lines)) <= 60
    assert lines[:2] == ["remember", "one"]
    assert "  lr 0.03" in lines
    assert "steps 6 of 24" in " ".join(lines)


def test_runs_as_data(folder, said):
    one, two = json.loads(said(folder, "--json").out)
    assert (one["program"], one["state"], one["step"], one["steps"], one["unit"]) == (
        "remember",
        "finished",
        24,
        24,
        "error",
    )
    assert one["best"].keys() == {"value", "step"}
    assert one["settings"]["lr"] == 0.01
    assert two["state"] == "broken off"


def test_pages_of_runs(folder, said, tmp_path):
    assert said(folder, "--out", tmp_path / "runs.html").out.endswith(f"\n{tmp_path / 'runs.html'}\n")
    assert "<title>Runs</title>" in (tmp_path / "runs.html").read_text(encoding="utf-8")
    said(folder / "one", "--out", tmp_path / "one.html")  # of a single run
    assert 'id="progress"' in (tmp_path / "one.html").read_text(encoding="utf-8")


def test_a_page_that_cannot_be_written(folder, said, tmp_path):
    error = said(folder, "--out", tmp_path / "no" / "runs.html", status=1).err
    assert error.count("\n") == 1
    assert str(tmp_path / "no") in error
    assert "Errno" not in error


def test_where_there_is_nothing(said, tmp_path):
    assert said(tmp_path).out == f"there are no runs in {tmp_path}\n"
    assert said(tmp_path, "--json").out == "[]\n"
    error = said(tmp_path, "--out", tmp_path / "runs.html", status=1).err
    assert error.startswith(f"minigrad: there are no runs in {tmp_path}: ")
    assert "there is no folder" in said(tmp_path / "nowhere", status=1).err

"""One run, one folder: what is there is not lost, two do not get in each other's way, and nothing empty is left."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from forked import Process, needs_fork
from project import ROOT
from watched import Remember, settings

from minigrad.tools import cli
from minigrad.training import Watcher, fit
from minigrad.training.keeping import folder

pytest.importorskip("typer")
pytest.importorskip("safetensors")
pytest.importorskip("filelock")


@pytest.fixture(autouse=True)
def _no_pictures(monkeypatch):
    monkeypatch.setattr("minigrad.training.keeping.results.plot_curve", lambda path, *_: path.touch())


class Stop(BaseException):
    """What ends a run in the middle, as a power cut would."""


class Cut(Watcher):
    def __init__(self, step):
        self.at = step

    def step(self, step):
        if step.step == self.at:
            raise Stop


def contents(path):
    return {file.name: file.read_bytes() for file in path.iterdir()}


def never(settings):
    pytest.fail("the task was made")


# --- a folder that holds a run ----------------------------------------------------------------------------------------


def test_a_finished_run_is_not_overwritten_unasked(tmp_path):
    fit(settings(tmp_path), Remember)
    before = contents(tmp_path)
    said = (
        r"holds a run that has finished after 24 steps \(\d{4}-\d\d-\d\d \d\d:\d\d\) already: resume=True with more "
        "steps goes on with it, overwrite=True starts anew in its place"
    )
    with pytest.raises(FileExistsError, match=said):
        fit(settings(tmp_path), never)
    assert contents(tmp_path) == before


@pytest.mark.parametrize(("cut", "said"), [(3, "a run that left no checkpoint"), (9, "a run after step 6 of 24")])
def test_nor_is_one_that_was_cut_short(cut, said, tmp_path):
    with pytest.raises(Stop):
        fit(settings(tmp_path), Remember, [Cut(cut)])
    with pytest.raises(FileExistsError, match=said):
        fit(settings(tmp_path), never)
    assert fit(settings(tmp_path, resume=True), Remember)["finished"]


def test_the_command_line_is_told_of_its_options(tmp_path, capsys):
    command = ["train", "adding", "--quick", "--steps", "2", "--length", "4", "--out", str(tmp_path / "out")]
    assert cli.main(command) == 0
    capsys.readouterr()
    assert cli.main([*command, "--steps", "1"]) == 1
    said = capsys.readouterr().err
    assert "--resume with more --steps goes on with it, --overwrite starts anew in its place" in said
    assert said.count("\n") == 1
    assert cli.main([*command, "--resume", "--overwrite"]) == 1
    assert "--resume goes on with the run in --out, --overwrite starts anew: give one" in capsys.readouterr().err
    assert cli.main([*command, "--resume"]) == 0
    assert "more --steps with --resume goes on, --overwrite starts anew" in capsys.readouterr().out
    assert cli.main([*command, "--overwrite", "--seed", "1"]) == 0


def test_overwriting_removes_what_the_older_run_has_written_and_no_more(tmp_path):
    class Writes(Remember):
        def write(self, out):
            (out / "sample.txt").write_text("a sample")
            return [out / "sample.txt"]

    fit(settings(tmp_path), Writes)
    (tmp_path / "notes.txt").write_text("mine")
    fit(settings(tmp_path, seed=1, overwrite=True), Remember)
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert not (tmp_path / "sample.txt").exists()
    assert json.loads((tmp_path / "metrics.json").read_text())["settings"]["seed"] == 1


@pytest.mark.parametrize("fails", ["settings", "task", "first step"])
def test_a_run_that_cannot_begin_costs_the_older_one_nothing(fails, tmp_path):
    class Wrong(Remember):
        def __init__(self, settings):
            if fails == "task":
                raise ValueError("wrong")
            super().__init__(settings)

        def loss(self, batch):
            return super().loss(batch) * float("nan")

    fit(settings(tmp_path), Remember)
    before = contents(tmp_path)
    with pytest.raises((ValueError, RuntimeError)):
        fit(settings(tmp_path, overwrite=True, backend="abacus" if fails == "settings" else "numpy"), Wrong)
    assert contents(tmp_path) == before


def test_a_name_in_the_metrics_of_a_file_elsewhere_is_not_removed(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "out" / "metrics.json").write_text('{"files": ["../mine", "/etc/hostname", 3]}')
    fit(settings(tmp_path / "out", overwrite=True), Remember)
    assert (tmp_path / "mine").exists()


def test_results_without_a_checkpoint_are_not_resumed_from(tmp_path):
    fit(settings(tmp_path), Remember)
    (tmp_path / "checkpoint.safetensors").unlink()
    with pytest.raises(FileExistsError, match=r"no checkpoint.safetensors to resume from: overwrite=True starts anew"):
        fit(settings(tmp_path, resume=True), never)


def test_a_damaged_checkpoint_can_be_overwritten_and_not_resumed(tmp_path):
    fit(settings(tmp_path), Remember)
    (tmp_path / "checkpoint.safetensors").write_bytes(b"nonsense")
    with pytest.raises(FileExistsError):
        fit(settings(tmp_path), never)
    with pytest.raises(ValueError, match="damaged"):
        fit(settings(tmp_path, resume=True), never)
    assert fit(settings(tmp_path, overwrite=True), Remember)["finished"]


def test_what_a_killed_process_has_half_written_is_swept_up(tmp_path):
    (tmp_path / "checkpoint.safetensors.1-2.part").touch()
    fit(settings(tmp_path), Remember)
    assert not list(tmp_path.glob("*.part"))


# --- two at once ------------------------------------------------------------------------------------------------------


@needs_fork
def test_a_second_run_is_kept_out_and_the_first_goes_on(tmp_path):
    class Slow(Remember):
        def loss(self, batch):
            print("going", flush=True)
            while not (tmp_path / "go").exists():
                time.sleep(0.01)
            return super().loss(batch)

    first = Process(tmp_path, lambda: fit(settings("out"), Slow))
    first.until("going")
    for options in ({}, {"resume": True}, {"overwrite": True}):
        said = rf"another run works in .*out \(process {first.pid}, since .*: wait for its end, or .* with out"
        with pytest.raises(BlockingIOError, match=said):
            fit(settings(tmp_path / "out", **options), never)
    (tmp_path / "go").touch()
    assert first.wait() == 0, first.said()
    whole = fit(settings(tmp_path / "whole"), Remember)
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["curve"] == whole["curve"]


@needs_fork
def test_a_killed_process_lets_go_of_its_folder(tmp_path):
    class Slow(Remember):
        def loss(self, batch):
            print("going", flush=True)
            time.sleep(30)

    first = Process(tmp_path, lambda: fit(settings("out"), Slow))
    first.until("going")
    first.send(9)
    assert first.wait() == -9
    assert fit(settings(tmp_path / "out"), Remember)["finished"]
    assert not list((tmp_path / "out").glob(".lock*"))


# --- nothing empty is left --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_run_that_fails_before_it_begins_leaves_no_folder(error, tmp_path):
    def make(settings):
        raise error("no data")

    (tmp_path / "there").mkdir()
    for path in ("a/b", "there/a", "there"):
        with pytest.raises(error):
            fit(settings(tmp_path / path, tensorboard=tmp_path / "a" / "events"), make)
    assert [path.name for path in tmp_path.rglob("*")] == ["there"]


def test_nor_does_one_whose_first_step_fails(tmp_path):
    class Wrong(Remember):
        def loss(self, batch):
            return super().loss(batch) * float("nan")

    with pytest.raises(ValueError, match="step 1: the loss is nan"):
        fit(settings(tmp_path / "out"), Wrong)
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(sys.platform == "win32" or not hasattr(os, "geteuid"), reason="permissions of Unix")
def test_folders_that_cannot_be_made_are_named(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(NotADirectoryError, match=r"no directory .*out can be made for the results: .*file is a file"):
        fit(settings(tmp_path / "file" / "out"), never)
    assert (tmp_path / "file").read_text() == "mine"


def test_without_filelock_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "filelock", None)
    with pytest.raises(ImportError, match=r"with filelock .*: .*pip install .*\[training\]"):
        fit(settings(tmp_path / "out"), never)
    assert not (tmp_path / "out").exists()


def test_looking_at_what_is_there(tmp_path):
    assert folder.look(tmp_path) is None
    assert folder.look(Path("nowhere")) is None
    fit(settings(tmp_path), Remember)
    found = folder.look(tmp_path)
    assert found.finished
    assert found.written
    assert found.checkpoint["step"] == 24
    (tmp_path / "loss.png").unlink()
    assert not folder.look(tmp_path).written


@pytest.mark.parametrize("module", ["numpy", "minigrad.models.adding"])
def test_an_early_interrupt_prints_no_traceback(module, tmp_path, interruptible):
    code = (
        "import sys, signal\n"
        "class Interrupting:\n"
        "    def find_spec(self, name, *_):\n"
        f"        if name == {module!r}:\n"
        "            signal.raise_signal(signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupting())\n"
        "sys.argv = ['minigrad', 'train', 'adding', '--out', 'out']\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        "from minigrad_command import main\n"
        "sys.exit(main())"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "minigrad: interrupted\n")
    assert not list(tmp_path.iterdir())

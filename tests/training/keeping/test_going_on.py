"""What may change when a run goes on, and what may not; options that are not given are those of the run."""

import dataclasses
import json
import re
import subprocess
import sys

import pytest
from watched import Remember, settings

from minigrad import optim
from minigrad.models import adding
from minigrad.tools import cli
from minigrad.training import Watcher, checkpoints, fit
from minigrad.training.settings import Settings, resumed

pytest.importorskip("typer")
pytest.importorskip("safetensors")
pytest.importorskip("filelock")


@pytest.fixture(autouse=True)
def _no_pictures(monkeypatch):
    monkeypatch.setattr("minigrad.training.keeping.results.plot_curve", lambda path, *_: path.touch())
    monkeypatch.setattr(adding.Task, "write", lambda self, out: [])


class Rates(Watcher):
    def __init__(self):
        self.rates = []

    def step(self, step):
        self.rates.append(step.rate)


class Cosine(Remember):
    def __init__(self, settings):
        super().__init__(settings)
        self.schedule = optim.lr_scheduler.CosineAnnealingLR(self.optimizer, settings.steps)


# --- settings ---------------------------------------------------------------------------------------------------------


def test_a_longer_run_goes_on_as_if_it_had_been_asked_for_at_first(tmp_path):
    whole = fit(settings(tmp_path / "whole", steps=36, validations=6), Remember)
    fit(settings(tmp_path / "parts", steps=18, validations=3), Remember)
    longer = fit(Settings(out=tmp_path / "parts", steps=36, validations=6, resume=True), Remember)
    assert longer["curve"] == whole["curve"]
    assert longer["validations"] == whole["validations"]
    assert longer["settings"]["lr"] == 0.01
    contents = [(tmp_path / out / "model.safetensors").read_bytes() for out in ("whole", "parts")]
    assert contents[0] == contents[1]


def test_a_schedule_is_that_of_the_new_settings_from_there_on(tmp_path):
    whole, then, other = Rates(), Rates(), Rates()
    fit(settings(tmp_path / "whole", steps=20), Cosine, [whole])
    fit(settings(tmp_path / "out", steps=10), Cosine)
    fit(settings(tmp_path / "out", steps=20, resume=True), Cosine, [then])
    assert then.rates == whole.rates[10:]
    fit(Settings(out=tmp_path / "out", steps=30, lr=0.1, resume=True), Cosine, [other])
    expected = Rates()
    fit(settings(tmp_path / "lr", steps=30, lr=0.1), Cosine, [expected])
    assert other.rates == expected.rates[20:]


def test_a_learning_rate_without_a_schedule_counts_from_there_on(tmp_path):
    first, then, again = Rates(), Rates(), Rates()
    fit(settings(tmp_path, steps=3), Remember, [first])
    fit(Settings(out=tmp_path, steps=6, lr=0.5, resume=True), Remember, [then])
    fit(Settings(out=tmp_path, steps=9, resume=True), Remember, [again])
    assert (first.rates, then.rates, again.rates) == ([0.01] * 3, [0.5] * 3, [0.5] * 3)


def test_what_is_not_given_is_that_of_the_run(tmp_path, capsys):
    command = ["train", "adding", "--out", str(tmp_path)]
    assert cli.main([*command, "--hidden", "5", "--quick", "--steps", "4", "--length", "3", "--lr", "0.5"]) == 0
    assert cli.main([*command, "--resume", "--steps", "6"]) == 0
    then = json.loads((tmp_path / "metrics.json").read_text())["settings"]
    assert {name: then[name] for name in ("hidden", "steps", "length", "lr", "batch", "quick")} == {
        "hidden": 5, "steps": 6, "length": 3, "lr": 0.5, "batch": 32, "quick": True
    }  # fmt: skip
    assert cli.main([*command, "--resume", "--quick", "--steps", "7"]) == 0
    capsys.readouterr()
    assert cli.main([*command, "--resume", "--hidden", "128", "--steps", "8"]) == 1
    assert "--hidden was 5, not 128; leave them out to go on as before" in capsys.readouterr().err
    assert cli.main([*command, "--resume", "--seed", "8"]) == 1
    assert "--seed was 0, not 8" in capsys.readouterr().err


def test_quick_stands_for_its_values(tmp_path):
    then = adding.Settings(out=tmp_path).plain()
    with pytest.raises(ValueError, match="batch was 64, not 32; hidden was 64, not 24; length was 100, not 10"):
        resumed(adding.Settings(quick=True, resume=True), then, tmp_path)
    ours = adding.Settings(quick=True, hidden=64, length=100, batch=64, resume=True)
    assert resumed(ours, then, tmp_path).steps == 150
    quick = adding.Settings(quick=True, hidden=9).plain()
    assert resumed(adding.Settings(resume=True), quick, tmp_path).hidden == 9
    assert resumed(adding.Settings(resume=True, quick=True), quick, tmp_path).hidden == 9


def test_settings_of_ones_own_are_those_of_the_run_too(tmp_path):
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Mine(Settings):
        sizes: tuple = (1, 2)
        name: str = "a"

    then = json.loads(json.dumps(Mine(sizes=(3, 4), name="b").plain()))
    assert resumed(Mine(resume=True, name="b"), then, tmp_path).sizes == (3, 4)
    with pytest.raises(ValueError, match="name was b, not c"):
        resumed(Mine(resume=True, name="c"), then, tmp_path)


def test_who_watches_is_of_a_call_and_not_of_a_run(tmp_path):
    then = Settings(live=True, live_port=5000, quiet=True, threads=3, tensorboard=tmp_path).plain()
    now = resumed(Settings(resume=True), then, tmp_path)
    assert (now.live, now.live_port, now.quiet, now.resume, now.overwrite) == (False, 0, False, True, False)
    assert (now.threads, now.tensorboard) == (3, tmp_path)


def test_fewer_steps_than_were_taken_are_refused(tmp_path):
    fit(settings(tmp_path), Remember)
    with pytest.raises(ValueError, match=r"steps=20 is less than the 24 steps that the run in .* has taken: give more"):
        fit(Settings(out=tmp_path, steps=20, resume=True), Remember)


# --- finished ---------------------------------------------------------------------------------------------------------


def test_a_finished_run_is_left_as_it_is(tmp_path, capsys):
    first = fit(settings(tmp_path), Remember)
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    capsys.readouterr()
    again = fit(Settings(out=tmp_path, resume=True), lambda _: pytest.fail("the task was made"))
    assert again == first
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before
    said = capsys.readouterr().out
    assert "has finished after 24 steps" in said
    assert "more steps with resume=True goes on, overwrite=True starts anew" in said


def test_one_that_stopped_early_says_what_goes_on(tmp_path, capsys):
    class Worse(Remember):
        count = 0

        def validate(self):
            Worse.count += 1
            return {"error": float(Worse.count)}

    stopped = settings(tmp_path, patience=1, validations=12)
    assert fit(stopped, Worse)["steps"] == 4
    capsys.readouterr()
    assert fit(Settings(out=tmp_path, resume=True), Worse)["stopped_early"]
    assert "more patience with resume=True goes on" in capsys.readouterr().out
    assert fit(Settings(out=tmp_path, resume=True, patience=3), Worse)["steps"] == 8


# --- checkpoints ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("seconds", "steps"), [(1e-9, range(1, 25)), (0.0, [6, 12, 18, 24]), (60.0, [6, 12, 18, 24])])
def test_checkpoints_between_validations(seconds, steps, tmp_path, monkeypatch):
    saved = []
    save = checkpoints.save
    monkeypatch.setattr(
        checkpoints, "save", lambda *given, **about: (saved.append(about["step"]), save(*given, **about))
    )
    fit(settings(tmp_path, checkpoint_seconds=seconds), Remember)
    assert saved == list(steps)


def test_a_failure_of_a_watcher_between_two_steps_loses_no_step(tmp_path):
    class Fails(Watcher):
        def step(self, step):
            if step.step == 9:
                raise RuntimeError("the watcher broke")

    with pytest.raises(RuntimeError, match="the watcher broke"):
        fit(settings(tmp_path), Remember, [Fails()])
    assert checkpoints.about(tmp_path / "checkpoint.safetensors")["step"] == 9
    whole = fit(settings(tmp_path / "whole"), Remember)
    assert fit(settings(tmp_path, resume=True), Remember)["curve"] == whole["curve"]


def test_a_run_that_diverges_keeps_its_last_checkpoint_and_says_so(tmp_path):
    class Diverges(Remember):
        count = 0

        def loss(self, batch):
            self.count += 1
            return super().loss(batch) * (float("nan") if self.count == 9 else 1)

    said = "step 9: the loss is nan.*; the checkpoint of step 6 is kept: resume=True with a lower lr goes on from there"
    with pytest.raises(ValueError, match=said):
        fit(settings(tmp_path), Diverges)
    assert fit(Settings(out=tmp_path, resume=True, lr=0.001), Remember)["finished"]


# --- threads ----------------------------------------------------------------------------------------------------------


def test_more_threads_than_cores_are_warned_of(tmp_path):
    with pytest.warns(UserWarning, match="threads=5000 is more than the .* cores here"):
        fit(settings(tmp_path / "a", threads=5000, steps=1), Remember)
    command = ["train", "adding", "--steps", "1", "--length", "3", "--threads", "5000", "--out", str(tmp_path / "b")]
    code = f"import sys; from minigrad.tools.cli import main; sys.exit(main({command}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert re.fullmatch(r"minigrad: --threads 5000 is more than the \d+ cores here: .*\n", done.stderr)


def test_quiet_is_quiet(tmp_path, capfd):
    fit(settings(tmp_path, quiet=True), Remember)
    fit(settings(tmp_path, quiet=True, resume=True), Remember)
    assert capfd.readouterr() == ("", "")

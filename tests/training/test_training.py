"""The training loop of all programs: resuming, validation, best weights, early stopping, the log, and failures."""

import dataclasses
import json
import math
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.models import char_lm
from minigrad.training import checkpoints, divergence, watchers
from minigrad.training.caller import CommandLine, called_by
from minigrad.training.fitting import fit
from minigrad.training.settings import Settings
from minigrad.training.trainer import Task, Trainer

pytest.importorskip("safetensors")
pytest.importorskip("matplotlib")


@pytest.fixture(autouse=True)
def _no_pictures(monkeypatch):
    """Curves take longer to draw than these runs take."""
    monkeypatch.setattr("minigrad.training.keeping.results.plot_curve", lambda path, *_: path.touch())


class Stop(BaseException):
    """What ends a run in the middle, as a power cut would."""


class Memory(NamedTuple):
    h: mg.Tensor
    steps: int


class Toy(Task):
    """A recurrent network with dropout that learns to add up, with everything that a checkpoint has to hold."""

    format = "minigrad toy 1"
    kept = ("error", "min")
    shown = "error"
    stop_in = None  # the step that never ends
    measures = None  # what is "measured", one after the other
    per_epoch = 7

    def __init__(self, settings):
        super().__init__(settings)
        self.model = nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.3), nn.Linear(8, 1))
        self.optimizer = optim.Adam(self.model.parameters(), lr=settings.lr)
        self.schedule = optim.lr_scheduler.StepLR(self.optimizer, 4, 0.8)
        self.count, self.modes, self.seen = 0, set(), []

    def batches(self, epoch):
        rng = np.random.default_rng([self.settings.seed, epoch])
        return (rng.normal(size=(5, 3)).astype(np.float32) for _ in range(self.per_epoch))

    def loss(self, batch):
        self.count += 1
        if self.count == self.stop_in:
            raise Stop
        self.modes.add(("training", self.model.training, mg.is_grad_enabled()))
        self.seen.append(float(batch.sum()))
        x = mg.tensor(batch)
        y = self.model(x)
        mean = y.mean() if self.carried is None else 0.5 * self.carried["mean"][0].h + 0.5 * y.mean()
        self.carried = {"mean": (Memory(mean, self.count),), "nothing": None}
        return ((y[:, 0] - x.sum(axis=1)) ** 2).mean() + 0.1 * mean**2

    def validate(self):
        self.modes.add(("validation", self.model.training, mg.is_grad_enabled()))
        if self.measures:
            return {"error": self.measures.pop(0)}
        mg.random.normal((3,))  # validation may use random numbers
        x = mg.tensor(np.eye(3, dtype=np.float32))
        return {"error": ((self.model(x)[:, 0] - 1) ** 2).mean().item()}

    def results(self):
        self.modes.add(("results", self.model.training, mg.is_grad_enabled()))
        return {"error": np.float32(self.validate()["error"])}

    def about(self):
        return {"inputs": 3, "shape": (8, 1)}


def toy(**attributes):
    """A toy with other attributes."""
    return type("Toy", (Toy,), attributes)


def settings(out, **changes):
    return Settings(**{"out": out, "steps": 30, "lr": 0.03, "validations": 5} | changes)


def weights(out):
    return (out / "model.safetensors").read_bytes()


def log(out):
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


def without_times(data):
    """Without what differs between two runs that compute the same."""
    return {key: value for key, value in data.items() if key not in ("seconds", "settings", "began")}


# --- resuming ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stop", [1, 6, 7, 8, 13, 20, 30])
def test_a_resumed_run_is_one_that_was_never_interrupted(stop, backend, tmp_path):
    whole = fit(settings(tmp_path / "whole", backend=backend), Toy)
    with pytest.raises(Stop):
        fit(settings(tmp_path / "cut", backend=backend), toy(stop_in=stop))
    resumed = fit(settings(tmp_path / "cut", backend=backend, resume=True), Toy)
    assert without_times(resumed) == without_times(whole)
    assert weights(tmp_path / "cut") == weights(tmp_path / "whole")
    assert list(map(without_times, log(tmp_path / "cut"))) == list(map(without_times, log(tmp_path / "whole")))


def test_it_can_be_interrupted_again_and_again(tmp_path):
    whole = fit(settings(tmp_path / "whole"), Toy)
    for _ in range(3):
        with pytest.raises(Stop):
            fit(settings(tmp_path / "cut", resume=True), toy(stop_in=9))
    assert without_times(fit(settings(tmp_path / "cut", resume=True), Toy)) == without_times(whole)


def test_a_checkpoint_of_before_the_kinds_of_its_parts_were_kept_is_gone_on_from(tmp_path, monkeypatch):
    whole = fit(settings(tmp_path / "whole"), Toy)
    save = checkpoints.save

    def older(path, format, settings, state, **about):
        save(path, format, settings, {name: part for name, part in state.items() if name != "kinds"}, **about)

    with monkeypatch.context() as patch, pytest.raises(Stop):
        patch.setattr(checkpoints, "save", older)
        fit(settings(tmp_path / "cut"), toy(stop_in=9))
    assert without_times(fit(settings(tmp_path / "cut", resume=True), Toy)) == without_times(whole)


KILLED = """
import os, signal, sys
from pathlib import Path
from minigrad.models import char_lm

where, text, out, resume = sys.argv[1:]
char_lm.EXAMPLE = char_lm.SAMPLE = 20
kill = lambda: os.kill(os.getpid(), signal.SIGKILL)
if where == "in a step":
    rate = char_lm.rate
    char_lm.rate = lambda step, steps: kill() if step == 16 else rate(step, steps)
if where == "while a checkpoint is written":
    replace, count = os.replace, iter(range(100))
    os.replace = lambda *paths: kill() if next(count) == 2 else replace(*paths)
sizes = dict(steps=24, validations=4, hidden=12, embedding=4, batch=3, length=8, layers=2)
char_lm.train(char_lm.Settings(text=Path(text), out=Path(out), resume=bool(resume), **sizes))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL on Windows")
@pytest.mark.parametrize("where", ["in a step", "while a checkpoint is written"])
def test_a_killed_process_is_resumed_to_the_bit(where, tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("the quick brown fox jumps over the lazy dog.\n" * 30)

    def run(out, where="", resume=""):
        command = [sys.executable, "-c", KILLED, where, str(text), str(tmp_path / out), resume]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    assert run("cut", where).returncode == -signal.SIGKILL
    assert not (tmp_path / "cut" / "model.safetensors").exists()
    resumed = run("cut", resume="yes")
    assert resumed.returncode == 0, resumed.stderr
    assert "going on after step 12 of 24" in resumed.stdout
    assert run("whole").returncode == 0
    assert weights(tmp_path / "cut") == weights(tmp_path / "whole")
    curves = [json.loads((tmp_path / name / "metrics.json").read_text())["curve"] for name in ("cut", "whole")]
    assert curves[0] == curves[1]


def test_without_a_checkpoint_resuming_is_beginning(tmp_path, capsys):
    fresh = fit(settings(tmp_path / "a"), Toy)
    resumed = fit(settings(tmp_path / "b", resume=True), Toy)
    assert without_times(fresh) == without_times(resumed)
    assert "starting from the beginning" in capsys.readouterr().out


def test_a_finished_run_that_is_resumed_writes_its_results_again(tmp_path):
    first = fit(settings(tmp_path), Toy)
    content = weights(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    again = fit(settings(tmp_path, resume=True), Toy)
    assert without_times(first) == without_times(again)
    assert weights(tmp_path) == content


def test_a_run_that_starts_anew_leaves_nothing_of_the_old_one_to_resume_from(tmp_path):
    fit(settings(tmp_path), Toy)
    with pytest.raises(Stop):
        fit(settings(tmp_path, seed=1, overwrite=True), toy(stop_in=2))
    assert not (tmp_path / checkpoints.NAME).exists()
    assert [list(line)[1] for line in log(tmp_path)] == ["began", "epoch", "end"]


def test_other_settings_cannot_be_resumed_with(tmp_path):
    fit(settings(tmp_path), Toy)
    with pytest.raises(ValueError, match=r"clip was 1\.0, not 2\.0; seed was 0, not 3; leave them out"):
        fit(settings(tmp_path, resume=True, clip=2.0, seed=3), Toy)
    moved = tmp_path / "moved"
    moved.mkdir()
    (tmp_path / checkpoints.NAME).rename(moved / checkpoints.NAME)
    fit(settings(moved, resume=True, threads=2), Toy)  # these two do not decide what is learned


def test_other_data_cannot_be_resumed_with(tmp_path):
    fit(settings(tmp_path), Toy)
    with pytest.raises(ValueError, match="other data"):
        fit(settings(tmp_path, resume=True, steps=31), toy(about=lambda self: {"inputs": 4}))


def test_other_files_cannot_be_resumed_from(tmp_path):
    fit(settings(tmp_path), Toy)
    with pytest.raises(ValueError, match="not what minigrad other writes"):
        fit(settings(tmp_path, resume=True, steps=31), toy(format="minigrad other 1"))
    (tmp_path / checkpoints.NAME).write_bytes(b"nonsense")
    with pytest.raises(ValueError, match="not a safetensors file"):
        fit(settings(tmp_path, resume=True), Toy)


# --- checkpoints ------------------------------------------------------------------------------------------------------


def test_a_checkpoint_gives_back_nested_data(tmp_path, backend):
    state = {
        "carried": (mg.tensor([[1.0, 2.0]]), [mg.tensor(3, dtype="int64"), None], {"x": mg.tensor(True)}),
        "numbers": {0: 1, "big": 2**130, "pi": math.pi, "nothing": math.inf},
        "arrays": [np.array(2.5), np.zeros((0, 3), "float16"), np.arange(6.0).reshape(2, 3).T],
        "text": "ä",
        "empty": ((), [], {}),
    }
    path = tmp_path / "file"
    checkpoints.save(path, "minigrad toy 1", settings(tmp_path), state)
    back = checkpoints.load(path, "minigrad toy 1")
    for name in ("numbers", "text", "empty"):
        assert back[name] == state[name]
    vector, (number, nothing), inner = back["carried"]
    assert vector.backend.name == backend
    assert vector.tolist() == [[1.0, 2.0]]
    assert (number.dtype, number.shape, number.item(), nothing) == (mg.int64, (), 3, None)
    assert inner["x"].dtype == mg.bool
    for array, original in zip(back["arrays"], state["arrays"]):
        assert array.dtype == original.dtype
        np.testing.assert_array_equal(array, original, strict=True)


def test_a_checkpoint_gives_named_tuples_back(tmp_path, monkeypatch):
    path, form = tmp_path / "file", "minigrad toy 1"
    checkpoints.save(path, form, settings(tmp_path), {"carried": [Memory(mg.tensor([1.0]), 3)]})
    (back,) = checkpoints.load(path, form)["carried"]
    assert type(back) is Memory
    assert (back.h.tolist(), back.steps) == ([1.0], 3)
    monkeypatch.delattr(sys.modules[__name__], "Memory")
    with pytest.raises(ValueError, match=r"test_training\.Memory of 2 parts, and there is no such class"):
        checkpoints.load(path, form)


def test_a_checkpoint_refuses_a_named_tuple_that_it_would_not_find(tmp_path):
    class Hidden(NamedTuple):
        x: int

    with pytest.raises(TypeError, match=r"cannot hold state\.a, a Hidden"):
        checkpoints.save(tmp_path / "file", "minigrad toy 1", settings(tmp_path), {"a": Hidden(1)})


def test_a_checkpoint_names_what_it_cannot_hold(tmp_path):
    with pytest.raises(TypeError, match=r"state\.a\.1, a set"):
        checkpoints.save(tmp_path / "file", "minigrad toy 1", settings(tmp_path), {"a": [1, {2}]})


def test_a_checkpoint_that_fails_leaves_the_one_before(tmp_path, monkeypatch):
    checkpoints.save(tmp_path / "file", "minigrad toy 1", settings(tmp_path), {"a": 1})

    def full(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="no space"):
        checkpoints.save(tmp_path / "file", "minigrad toy 1", settings(tmp_path), {"a": 2})
    assert checkpoints.load(tmp_path / "file", "minigrad toy 1") == {"a": 1}


# --- validation -------------------------------------------------------------------------------------------------------


def test_validation_is_spread_over_the_steps_and_happens_in_evaluation_mode():
    task = Toy(settings(Path(), steps=10, validations=4))
    trainer = Trainer(task)
    trainer.train()
    assert [v["step"] for v in trainer.validations] == [2, 5, 8, 10]
    assert task.modes == {("training", True, True), ("validation", False, False)}


def test_there_are_no_more_validations_than_steps():
    trainer = Trainer(Toy(settings(Path(), steps=2, validations=9)))
    trainer.train()
    assert [v["step"] for v in trainer.validations] == [1, 2]


@pytest.mark.parametrize(("mode", "best"), [("min", 18), ("max", 24), (None, 30)])
def test_the_best_weights_are_kept(mode, best, tmp_path):
    task = toy(measures=[2.0, 1.0, 0.5, 3.0, 1.0, 7.0], kept=mode and ("error", mode))
    metrics = fit(settings(tmp_path / "all"), task)
    shorter = fit(settings(tmp_path / "part", steps=best, validations=best // 6), toy(kept=None, measures=[1.0] * 9))
    assert metrics["kept_step"] == best == shorter["steps"]
    assert weights(tmp_path / "all") == weights(tmp_path / "part")
    assert metrics["results"]["error"] == 7.0
    assert [v["error"] for v in metrics["validations"]] == [2.0, 1.0, 0.5, 3.0, 1.0]


def test_what_is_no_number_is_not_the_best():
    trainer = Trainer(toy(measures=[math.nan, 2.0, -math.inf, 1.0, math.nan])(settings(Path())))
    trainer.train()
    assert (trainer.best["step"], trainer.best["value"]) == (24, 1.0)


@pytest.mark.parametrize(("patience", "steps"), [(0, 30), (1, 18), (2, 24), (3, 30)])
def test_training_stops_early_after_looks_without_improvement(patience, steps, tmp_path, capsys):
    metrics = fit(settings(tmp_path, patience=patience), toy(measures=[2.0, 1.0, 1.0, 1.5, 0.5, 9.0]))
    assert metrics["steps"] == steps
    assert metrics["finished"]
    assert metrics["stopped_early"] == (steps < 30)
    assert ("looks without improvement" in capsys.readouterr().out) == (steps < 30)


def test_a_run_that_stopped_early_stays_stopped(tmp_path):
    measures = [2.0, 1.0, 1.0, 9.0, 9.0]
    fit(settings(tmp_path, patience=1), toy(measures=list(measures)))
    assert fit(settings(tmp_path, patience=1, resume=True), Toy)["steps"] == 18


def test_patience_needs_something_to_watch():
    with pytest.raises(ValueError, match="'other'"):
        Trainer(toy(kept=("other", "min"))(settings(Path()))).train()
    with pytest.raises(ValueError, match="when patience ends"):
        Trainer(toy(kept=None, shown=None)(settings(Path(), patience=2))).train()


# --- the log and the metrics ------------------------------------------------------------------------------------------


def test_the_log_has_a_line_for_steps_and_for_validations(tmp_path):
    metrics = fit(settings(tmp_path), Toy)
    lines = log(tmp_path)
    steps, validations = ([line for line in lines if key in line] for key in ("loss", "validation"))
    assert [line["loss"] for line in steps] == metrics["curve"]
    assert [line["gradient_norm"] for line in steps] == metrics["gradient_norm"]
    assert [line["epoch"] for line in steps] == [(line["step"] - 1) // 7 for line in steps]
    assert steps[0]["lr"] == 0.03 > steps[4]["lr"]
    assert [{"step": line["step"], **line["validation"]} for line in validations] == metrics["validations"]


def test_a_long_run_logs_some_of_its_steps_and_the_last(tmp_path):
    fit(settings(tmp_path, steps=3 * watchers.LOG_LINES + 1), Toy)
    assert [line["step"] for line in log(tmp_path) if "loss" in line] == [*range(3, 601, 3), 601]


def test_the_log_says_what_it_is_of_and_how_it_ended(tmp_path):
    fit(settings(tmp_path), toy(format="minigrad toy 1", levels=[("nothing", 2)]))
    first, *_, last = log(tmp_path)
    assert (first["program"], first["steps"], first["unit"], first["shown"]) == ("toy", 30, "loss", "error")
    assert (first["judged"], first["levels"]) == (["error", "min"], [["nothing", 2.0]])
    assert first["settings"] == settings(tmp_path).plain()
    assert last == {"step": 30, "end": "finished", "said": "finished after 30 steps"}
    more = settings(tmp_path, steps=36, resume=True)
    fit(more, toy(format="minigrad toy 1"))
    introduction = first["introduction"].replace("30", "36")
    expected = first | {"levels": [], "steps": 36, "settings": more.plain(), "introduction": introduction}
    assert log(tmp_path)[0] == expected
    assert sum("end" in line for line in log(tmp_path)) == 1


def test_the_metrics_are_those_in_the_file(tmp_path):
    metrics = fit(settings(tmp_path), toy(scale=2.0, unit="doubles"))
    assert metrics == json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["settings"]["steps"] == metrics["steps"] == len(metrics["curve"]) == 30
    assert metrics["unit"] == "doubles"
    assert metrics["parameters"] == 41
    losses = [line["loss"] for line in log(tmp_path) if "loss" in line]
    assert metrics["curve"] == [2 * loss for loss in losses]
    files = {"model.safetensors", "metrics.json", "loss.png", "report.html", "log.jsonl", checkpoints.NAME}
    assert {path.name for path in tmp_path.iterdir()} == files


def test_without_a_folder_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Trainer(Toy(settings(Path("out")))).train()
    assert not list(tmp_path.iterdir())


# --- steps ------------------------------------------------------------------------------------------------------------


def test_each_epoch_has_its_own_batches():
    task = Toy(settings(Path(), steps=16))
    Trainer(task).train()
    expected = [float(batch.sum()) for epoch in range(3) for batch in task.batches(epoch)]
    assert task.seen == expected[:16]


def test_gradients_are_limited_unless_clip_is_0():
    curves = []
    for clip in (1e-9, 0.0, 1e9):
        mg.manual_seed(0)
        task = Toy(settings(Path(), clip=clip))
        task.optimizer = optim.SGD(task.model.parameters(), lr=0.01)
        task.schedule = None
        trainer = Trainer(task)
        trainer.train()
        curves.append(trainer.losses)
        assert min(trainer.norms) > 1e-3  # as they were before
    assert curves[0] != curves[1] == curves[2]


def test_the_history_of_what_is_carried_is_cut_off():
    task = Toy(settings(Path(), steps=3))
    Trainer(task).train()
    assert not task.carried["mean"][0].h.requires_grad
    assert task.carried["mean"][0].steps == 3


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_ends_the_run(bad, tmp_path):
    class Bad(Toy):
        def loss(self, batch):
            return super().loss(batch) + (bad if self.count == 9 else 0.0)

    with pytest.raises(ValueError, match=f"failed in step 9: the loss is {bad}"):
        fit(settings(tmp_path), Bad)
    assert [line["step"] for line in log(tmp_path) if "loss" in line] == list(range(1, 9))
    assert log(tmp_path)[-2] == {"step": 9, "error": f"the loss is {bad}; {divergence.ADVICE}"}
    assert (log(tmp_path)[-1]["step"], log(tmp_path)[-1]["end"]) == (8, "failed")
    resumed = fit(settings(tmp_path, resume=True), Toy)
    assert resumed["finished"]
    assert not any("error" in line for line in log(tmp_path))


def test_a_gradient_that_is_not_finite_ends_the_run_and_names_the_parameter():
    class Bad(Toy):
        def loss(self, batch):
            return super().loss(batch) + mg.sqrt(self.model[2].bias * 0).sum()

    with np.errstate(all="ignore"), pytest.raises(ValueError, match=r"step 1: .*norm.*nan.*bias.*a lower lr"):
        Trainer(Bad(settings(Path()))).train()


def test_an_epoch_without_batches_is_an_error():
    with pytest.raises(ValueError, match=r"batches\(0\) gives no batch"):
        Trainer(toy(per_epoch=0)(settings(Path()))).train()


def test_interrupted_before_the_first_step_there_is_nothing_to_write(tmp_path):
    class Interrupted(Toy):
        def loss(self, batch):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(settings(tmp_path), Interrupted)
    assert not list(tmp_path.iterdir())


def test_settings_that_cannot_be():
    for name, value in (("validations", 0), ("patience", -1), ("lr", -1.0), ("clip", math.nan), ("steps", 0)):
        with pytest.raises(ValueError, match=f"^{name} must be at least"):
            settings(Path(), **{name: value})


def test_names_of_two_words_have_a_hyphen_on_the_command_line():
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Wide(Settings):
        beam_width: int = dataclasses.field(default=1, metadata={"help": "", "minimum": 1, "choices": ()})

    with pytest.raises(ValueError, match=r"^beam_width must be at least 1, not 0"):
        Wide(beam_width=0)
    with called_by(CommandLine()), pytest.raises(ValueError, match=r"^--beam-width must be at least 1, not 0"):
        Wide(beam_width=0)


def test_what_a_program_carries_is_in_its_checkpoint(tmp_path, monkeypatch):
    """The state of a real network, stopped between two validations."""
    monkeypatch.setattr(char_lm.Task, "write", lambda self, out: [])
    text = tmp_path / "text.txt"
    text.write_text("abcdefgh ijkl\n" * 60)
    options = dict(text=text, steps=20, hidden=8, embedding=4, batch=2, length=8, validations=3, layers=2)
    for cell in char_lm.CELLS:
        whole = fit(char_lm.Settings(**options, cell=cell, out=tmp_path / f"{cell} whole"), char_lm.Task)
        cut = char_lm.Settings(**options, cell=cell, out=tmp_path / cell)

        class Cut(char_lm.Task):
            count = 0

            def loss(self, batch):
                self.count += 1
                if self.count == 16:
                    raise Stop
                return super().loss(batch)

        with pytest.raises(Stop):
            fit(cut, Cut)
        resumed = fit(dataclasses.replace(cut, resume=True), char_lm.Task)
        assert resumed["curve"] == whole["curve"]
        assert weights(tmp_path / cell) == weights(tmp_path / f"{cell} whole")

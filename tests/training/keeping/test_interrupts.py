"""Ctrl-C and other requests to end: nothing is lost, whenever they come, and the run goes on to the bit."""

import json
import os
import pty
import random
import shlex
import signal
import sys
import threading
import time

import numpy as np
import pytest
from forked import Process, needs_fork
from watched import Remember, settings

import minigrad as mg
from minigrad import nn, optim
from minigrad.models import program
from minigrad.tools import cli
from minigrad.training import Task, checkpoints, fit
from minigrad.training.keeping.interrupts import Interrupts, Terminated

pytest.importorskip("typer")
pytest.importorskip("safetensors")
pytest.importorskip("filelock")

pytestmark = pytest.mark.usefixtures("interruptible")

ENDS = [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated"), (signal.SIGHUP, 129, "hung up")]
SIZES = ["--hidden", "6", "--embedding", "3", "--batch", "2", "--length", "4", "--validations", "3"]
CHAR_LM = ["train", "char-lm", "--text", "text", "--layers", "2", *SIZES]


@pytest.fixture(autouse=True)
def _no_pictures(monkeypatch):
    monkeypatch.setattr("minigrad.training.keeping.results.plot_curve", lambda path, *_: path.touch())
    monkeypatch.setattr(program("char-lm").Task, "write", lambda self, out: [])
    monkeypatch.setattr(program("char-lm").Task, "example", lambda self, length=1: "")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "text").write_text("the quick brown fox jumps over the lazy dog.\n" * 30)
    return tmp_path


def train(folder, *arguments):
    return Process(folder, lambda: cli.main([*CHAR_LM, *arguments]))


class Epochs(Task):
    """Shuffled epochs, dropout, a state that is carried on, and a schedule."""

    format = "minigrad epochs 1"

    def __init__(self, settings):
        super().__init__(settings)
        self.network, self.dropout, self.head = nn.LSTM(1, 4), nn.Dropout(0.2), nn.Linear(4, 1)
        self.model = nn.ModuleList([self.network, self.dropout, self.head])
        self.optimizer = optim.AdamW(self.model.parameters(), lr=settings.lr)
        self.schedule = optim.lr_scheduler.CosineAnnealingLR(self.optimizer, settings.steps)
        self.kept = ("error", "min")

    def batches(self, epoch):
        rng = np.random.default_rng([self.settings.seed, epoch])
        return (rng.normal(size=(4, 2, 1)).astype(np.float32) for _ in range(7))

    def loss(self, batch):
        y, self.carried = self.network(mg.tensor(batch), self.carried)
        return ((self.head(self.dropout(y)) - 1) ** 2).mean()

    def validate(self):
        y, _ = self.network(mg.ones((4, 1, 1)))
        return {"error": ((self.head(y) + mg.random.normal(())) ** 2).mean().item()}


# --- whenever it comes ------------------------------------------------------------------------------------------------


def epochs(out, **changes):
    fit(settings(out, **{"steps": 150, "validations": 15, "checkpoint_seconds": 0.02, **changes}), Epochs)


@needs_fork
@pytest.mark.parametrize("name", ["char-lm", "epochs"])
def test_a_run_that_is_killed_again_and_again_gives_the_same_model(name, folder):
    def run(out, *arguments):
        if name == "char-lm":
            options = ["--steps", "150", "--checkpoint-seconds", "0.02", "--out", out, *arguments]
            return train(folder, *options)
        return Process(folder, lambda: epochs(out, resume=bool(arguments)))

    assert run("whole").wait() == 0
    rng = random.Random(0)
    for number in [signal.SIGINT, signal.SIGKILL, signal.SIGTERM] * 3:
        process = run("cut", "--resume")
        if rng.random() < 0.7:
            process.until("step ")
        time.sleep(rng.random() * 0.15)
        process.send(number)
        process.wait()
        assert "Traceback" not in process.said() or (name == "epochs" and "KeyboardInterrupt" in process.said())
    last = run("cut", "--resume")
    assert last.wait() == 0, last.said()
    contents = [(folder / out / "model.safetensors").read_bytes() for out in ("whole", "cut")]
    assert contents[0] == contents[1]
    whole, cut = (json.loads((folder / out / "metrics.json").read_text()) for out in ("whole", "cut"))
    for part in ("curve", "gradient_norm", "validations", "kept_step", "results"):
        assert whole[part] == cut[part], part
    assert not list((folder / "cut").glob("*.part"))
    assert not (folder / "cut" / ".lock").exists()


@needs_fork
@pytest.mark.parametrize(("number", "status", "said"), ENDS)
def test_a_request_to_end_keeps_the_last_step_and_says_how_to_go_on(number, status, said, folder):
    process = train(folder, "--steps", "1000000", "--out", "o u t", "--lr", "0.01")
    process.until("step 1/")
    process.send(number)
    assert process.wait() == status
    output = process.said()
    step = checkpoints.about(folder / "o u t" / "checkpoint.safetensors")["step"]
    assert step >= 1
    if number != signal.SIGHUP:
        assert f"{said} after {step} of 1000000 steps" in output
        command = shlex.split(output.partition(f"go on after step {step} with: ")[2].splitlines()[0])
        assert command[command.index("train") :][:2] == ["train", "char-lm"]
        given = [*CHAR_LM[2:], "--steps", "1000000", "--out", "o u t", "--lr", "0.01"]
        assert sorted(command[command.index("char-lm") + 1 : -1]) == sorted(given)
        assert command[-1] == "--resume"
    assert output.endswith(f"minigrad: {said}\n")
    assert (folder / "o u t" / "model.safetensors").exists() == (number == signal.SIGINT)
    assert "Traceback" not in output


@needs_fork
def test_a_second_one_ends_at_once(folder):
    class Slow(Epochs):
        def loss(self, batch):
            if self.settings.steps == 9 and self.optimizer.state:
                print("slow", flush=True)
                time.sleep(30)
            return super().loss(batch)

    process = Process(folder, lambda: fit(settings("out", steps=9, validations=1), Slow))
    process.until("slow")
    process.send(signal.SIGINT)
    time.sleep(0.2)
    process.send(signal.SIGINT)
    start = time.monotonic()
    process.wait()
    assert time.monotonic() - start < 15
    assert "KeyboardInterrupt" in process.said()
    assert not (folder / "out" / "model.safetensors").exists()


class Pausing(Remember):
    """Says where it is, and waits there for a signal."""

    place = ""

    def pause(self, place):
        if self.place == place:
            print(f"in {place}", flush=True)
            time.sleep(30)

    def __init__(self, settings):
        super().__init__(settings)
        self.pause("making")

    def validate(self):
        if self.carried is not None:
            mg.random.normal((3,))  # an interrupted validation has drawn numbers, too
            self.pause("a validation")
        return super().validate()

    def results(self):
        self.pause("results")
        return super().results()

    def write(self, out):
        self.pause("pictures")
        return []


@needs_fork
@pytest.mark.parametrize("place", ["a validation", "results", "pictures"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_validations_and_results_need_not_be_waited_for(place, number, tmp_path):
    process = Process(tmp_path, lambda: fit(settings("out"), type("Pausing", (Pausing,), {"place": place})))
    process.until(f"in {place}")
    process.send(number)
    start = time.monotonic()
    process.wait()
    assert time.monotonic() - start < 15
    step = checkpoints.about(tmp_path / "out" / "checkpoint.safetensors")["step"]
    assert step == (6 if place == "a validation" else 24)
    resumed = fit(settings(tmp_path / "out", resume=True), Pausing)
    whole = fit(settings(tmp_path / "whole"), Pausing)
    assert resumed["validations"] == whole["validations"]
    contents = [(tmp_path / out / "model.safetensors").read_bytes() for out in ("whole", "out")]
    assert contents[0] == contents[1]


@needs_fork
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 99), (signal.SIGTERM, 143)])
def test_before_the_first_step_no_folder_is_left(number, status, tmp_path):
    process = Process(tmp_path, lambda: fit(settings("a/b"), type("Pausing", (Pausing,), {"place": "making"})))
    process.until("in making")
    process.send(number)
    assert process.wait() == status
    assert not (tmp_path / "a").exists()


@needs_fork
def test_what_is_ignored_stays_ignored(folder):
    def ignoring():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        return cli.main([*CHAR_LM, "--steps", "300", "--out", "out"])

    process = Process(folder, ignoring)
    process.until("step 1/")
    process.send(signal.SIGINT)
    process.send(signal.SIGHUP)
    assert process.wait() == 0, process.said()


@needs_fork
def test_a_terminal_that_goes_away_loses_nothing(folder):
    pid, terminal = pty.fork()
    if pid == 0:
        status = 99
        try:
            os.chdir(folder)
            sys.stdout, sys.stderr = open(1, "w"), open(2, "w")  # noqa: SIM115
            status = cli.main([*CHAR_LM, "--steps", "1000000", "--out", "out"])
        finally:
            os._exit(status)
    seen = b""
    while b"/1000000" not in seen:
        seen += os.read(terminal, 1000)
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 129
    assert checkpoints.about(folder / "out" / "checkpoint.safetensors")["step"] >= 1


# --- where signals are left alone -------------------------------------------------------------------------------------


def handlers():
    return [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]


class Interrupting(Remember):
    """An interrupt in the middle of a step, as a notebook's kernel sends it."""

    count, at, seen = 0, 9, ()

    def loss(self, batch):
        self.count += 1
        if self.count == self.at:
            type(self).seen = handlers()
            super().loss(batch)  # random numbers are drawn, and the state is carried on
            raise KeyboardInterrupt
        return super().loss(batch)


def test_in_a_notebook_an_interrupt_goes_back_to_a_state_between_two_steps(tmp_path, monkeypatch):
    monkeypatch.setattr("builtins.__IPYTHON__", True, raising=False)
    monkeypatch.setattr("minigrad.training.trainer.NOTED", 0.0)
    before = handlers()
    cut = fit(settings(tmp_path / "cut"), Interrupting)
    assert (cut["finished"], cut["steps"]) == (False, 8)
    assert Interrupting.seen == before
    resumed = fit(settings(tmp_path / "cut", resume=True), Remember)
    whole = fit(settings(tmp_path / "whole"), Remember)
    assert resumed["curve"] == whole["curve"]
    assert resumed["validations"] == whole["validations"]


def test_in_a_thread_an_interrupt_saves_too(tmp_path):
    made = []
    before = handlers()
    thread = threading.Thread(target=lambda: made.append(fit(settings(tmp_path), Interrupting)))
    thread.start()
    thread.join()
    assert made[0]["steps"] >= 1
    assert checkpoints.about(tmp_path / "checkpoint.safetensors")["step"] == made[0]["steps"]
    assert Interrupting.seen == before == handlers()


def test_handlers_are_as_they_were_afterwards():
    before = handlers()
    with Interrupts() as interrupts:
        assert handlers() == [interrupts._receive] * 3
        with pytest.raises(Terminated, match="143"):
            signal.raise_signal(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt), interrupts.held(), pytest.raises(KeyboardInterrupt):
            for _ in range(2):  # the first waits, the second does not
                signal.raise_signal(signal.SIGINT)
    assert handlers() == before


def test_a_handler_of_somebody_else_is_left_alone():
    seen = []
    before = signal.signal(signal.SIGTERM, lambda *_: seen.append(1))
    try:
        with Interrupts():
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert seen == [1]

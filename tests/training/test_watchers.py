"""Watchers of a training: what they are told, and that they do not disturb it."""

import math
from pathlib import Path

import pytest
from watched import Remember, settings

import minigrad as mg
from minigrad.tools.gradflow import GradientFlow
from minigrad.training.divergence import ADVICE
from minigrad.training.fitting import fit
from minigrad.training.trainer import Trainer
from minigrad.training.watchers import End, Step, Validation, Watcher

pytest.importorskip("safetensors")
pytest.importorskip("matplotlib")


@pytest.fixture(autouse=True)
def _no_pictures(monkeypatch):
    monkeypatch.setattr("minigrad.training.keeping.results.plot_curve", lambda path, *_: path.touch())


class Flat(Remember):
    """A program without recurrence."""

    def loss(self, batch):
        x = mg.tensor(batch)
        return ((self.head(mg.concat([x] * 6, axis=2)) - x) ** 2).mean()


class Seen(Watcher):
    """Notes what it is told."""

    def __init__(self, flow=False):
        self.flow, self.told = flow, []

    def begin(self, trainer):
        self.told.append(("begin", trainer.step))

    def step(self, step):
        self.told.append(step)

    def validation(self, validation):
        self.told.append(validation)

    def failed(self, step, reason):
        self.told.append(("failed", step, reason))

    def end(self, end):
        self.told.append(end)


# --- what they are told -----------------------------------------------------------------------------------------------


def test_watchers_are_told_of_steps_and_validations_in_order_and_of_the_end_once():
    seen = Seen()
    trainer = Trainer(Remember(settings(Path(), steps=4, validations=2)), watchers=[seen])
    trainer.train()
    kinds = [type(event).__name__ for event in seen.told]
    assert kinds == ["tuple", "Step", "Step", "Validation", "Step", "Step", "Validation", "End"]
    steps = [event for event in seen.told if isinstance(event, Step)]
    assert [s.loss for s in steps] == trainer.losses
    assert [s.norm for s in steps] == trainer.norms
    assert [s.rate for s in steps] == [0.01] * 4
    assert steps[-1].seconds == trainer.seconds
    assert seen.told[3].measures == {k: v for k, v in trainer.validations[0].items() if k != "step"}
    assert seen.told[3].flow is None
    assert seen.told[-1] == End("finished", "finished after 4 steps")


@pytest.mark.parametrize(
    ("raised", "how", "said"),
    [
        (KeyboardInterrupt(), "interrupted", "interrupted after 2 of 24 steps"),
        (RuntimeError("no more"), "failed", "no more"),
        (SystemExit(), "failed", "failed"),
    ],
)
def test_watchers_are_told_of_the_end_however_it_comes(raised, how, said):
    class Ends(Remember):
        def loss(self, batch):
            if batch is None:
                raise raised
            return super().loss(batch)

        def batches(self, epoch):
            return [*list(super().batches(epoch))[:2], None]

    seen = Seen()
    with pytest.raises(type(raised)):
        Trainer(Ends(settings(Path())), watchers=[seen]).train()
    assert seen.told[-1] == End(how, said)


def test_watchers_are_told_why_a_step_failed():
    class Bad(Remember):
        def loss(self, batch):
            return super().loss(batch) * math.nan

    seen = Seen()
    with pytest.raises(ValueError, match="failed in step 1"):
        Trainer(Bad(settings(Path())), watchers=[seen]).train()
    assert seen.told[1:] == [
        ("failed", 1, f"the loss is nan; {ADVICE}"),
        End("failed", f"training failed in step 1: the loss is nan; {ADVICE}"),
    ]


def test_gradient_flow_is_that_of_the_step_before_a_validation():
    seen = Seen(flow=True)
    task = Remember(settings(Path(), steps=3, validations=1))
    mg.manual_seed(0)
    Trainer(task, watchers=[seen]).train()
    (validation,) = [event for event in seen.told if isinstance(event, Validation)]
    assert isinstance(validation.flow, GradientFlow)
    assert len(validation.flow) == 2
    assert all(norms.shape == (5,) and (norms > 0).all() for norms in validation.flow.values())


def test_a_program_without_recurrence_has_no_flow_and_says_why():
    seen = Seen(flow=True)
    Trainer(Flat(settings(Path(), steps=1)), watchers=[seen]).train()
    assert "no time step on this tape hands a state on" in seen.told[2].flow


def test_what_they_see_of_a_training_cannot_be_changed():
    class Meddles(Watcher):
        def begin(self, training):
            assert (training.step, len(training.losses), training.settings.steps) == (0, 0, 2)
            self.training = training
            with pytest.raises(AttributeError, match="watchers see no 'best' of a training"):
                training.best
            with pytest.raises(AttributeError, match="watchers only look: they cannot set 'epoch'"):
                training.epoch = 3

        def step(self, step):
            assert self.training.losses[-1] == step.loss
            assert not hasattr(self.training.losses, "append")

        def validation(self, validation):
            with pytest.raises(TypeError):
                validation.measures["error"] = 0.0

    Trainer(Remember(settings(Path(), steps=2, validations=1)), watchers=[Meddles()]).train()


def test_a_log_of_something_else_is_not_cut(tmp_path):
    fit(settings(tmp_path, steps=2, validations=1), Remember)
    (tmp_path / "log.jsonl").write_text("my notes\n")
    with pytest.raises(ValueError, match=r"log.jsonl is not the log of a training"):
        fit(settings(tmp_path, steps=3, validations=1, resume=True), Remember)
    assert (tmp_path / "log.jsonl").read_text() == "my notes\n"


# --- training is not disturbed ----------------------------------------------------------------------------------------


def test_a_watched_training_computes_the_same_to_the_bit(backend, tmp_path):
    curves = []
    for name, live in (("alone", False), ("watched", True)):
        metrics = fit(settings(tmp_path / name, backend=backend, live=live), Remember)
        curves.append((metrics["curve"], metrics["gradient_norm"], metrics["validations"]))
    assert curves[0] == curves[1]
    contents = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("alone", "watched")]
    assert contents[0] == contents[1]


def test_a_run_may_be_resumed_with_or_without_the_page(tmp_path):
    class Stop(BaseException):
        pass

    class Cut(Remember):
        examples = 0

        def example(self):
            self.examples += 1
            if self.examples == 3:
                raise Stop
            return ""

    whole = fit(settings(tmp_path / "whole"), Remember)
    with pytest.raises(Stop):
        fit(settings(tmp_path / "cut", live=True), Cut)
    assert fit(settings(tmp_path / "cut", resume=True), Remember)["curve"] == whole["curve"]

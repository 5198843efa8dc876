"""Trainings that lose their way: in every program, wherever it shows, one line says what may help."""

import math

import numpy as np
import pytest
import real_data

import minigrad as mg
from minigrad import nn, optim
from minigrad.models import PROGRAMS, program
from minigrad.training import divergence
from minigrad.training.fitting import fit
from minigrad.training.settings import Settings
from minigrad.training.trainer import Task

pytest.importorskip("safetensors")
pytest.importorskip("matplotlib")
ADVICE = "a lower lr or clip may help"


@pytest.fixture
def data(monkeypatch):
    """The real data sets, for programs that need some."""

    def need(name):
        needed = {"sentiment": "sentiment", "forecast": "series", "speech": "speech/fsdd", "music": "music"}
        if name in needed:
            real_data.provide(monkeypatch, needed[name])
        if name in ("caption", "video"):
            pytest.importorskip("sklearn")

    return need


@pytest.mark.parametrize("steps", [1, 4])
@pytest.mark.parametrize("name", PROGRAMS)
def test_every_program_that_diverges_says_what_may_help(name, steps, data, tmp_path):
    data(name)
    pytest.importorskip("scipy")
    settings = program(name).Settings(quick=True, steps=steps, validations=1, lr=1e35, out=tmp_path)
    with pytest.raises(ValueError, match=rf"training failed (in|after) step \d.*{ADVICE}") as caught:
        program(name).train(settings)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "model.safetensors").exists()


class Line(Task):
    """A single weight."""

    format = "minigrad line 1"
    shown = "error"

    def __init__(self, settings):
        super().__init__(settings)
        self.model = nn.Linear(1, 1, bias=False)
        self.optimizer = optim.SGD(self.model.parameters(), lr=settings.lr)

    def batches(self, epoch):
        yield np.ones((1, 1), np.float32)

    def loss(self, batch):
        return self.model(mg.tensor(batch)).sum()

    def validate(self):
        return {"error": self.measured}

    def example(self):
        if self.wrong:
            raise self.wrong
        return ""

    measured, wrong = 1.0, None


def settings(tmp_path, lr, **options):
    return Settings(out=tmp_path, steps=1, validations=1, lr=lr, **options)


@pytest.mark.parametrize(("lr", "words"), [(1e6, "there are weights as large as 1e"), (0.01, "^no token")])
def test_an_error_is_explained_by_weights_beyond_all_bounds_alone(lr, words, tmp_path):
    task = type("Wrong", (Line,), {"wrong": ValueError("no token")})
    with pytest.raises(ValueError, match=words) as caught:
        fit(settings(tmp_path, lr), task)
    assert ("no token" in str(caught.value), ADVICE in str(caught.value)) == (True, lr == 1e6)


@pytest.mark.parametrize("measured", [math.nan, math.inf])
def test_a_measure_that_is_not_finite(measured, tmp_path):
    task = type("Unmeasured", (Line,), {"measured": measured})
    fit(settings(tmp_path, 0.01), task)  # nothing to count: no failure
    with pytest.raises(ValueError, match=f"failed after step 1: error is {measured}, and there are weights .*{ADVICE}"):
        fit(settings(tmp_path, 1e6, overwrite=True), task)
    assert ADVICE in (tmp_path / "log.jsonl").read_text()


def test_weights_that_are_not_finite(tmp_path):
    task = type("Endless", (Line,), {"loss": lambda self, batch: self.model(mg.tensor(batch)).sum() * 1e15})
    with pytest.raises(ValueError, match="there are weights that are not finite"), np.errstate(over="ignore"):
        fit(Settings(out=tmp_path, steps=1, validations=1, lr=1e30, clip=0.0), task)


@pytest.mark.parametrize(("weight", "largest"), [(-3.0, 3.0), (math.nan, math.inf), (-math.inf, math.inf)])
def test_the_largest_weight(weight, largest, backend):
    model = nn.Linear(2, 1, bias=False)
    with mg.no_grad():
        model.weight.copy_(mg.tensor([[1.0, weight]]))
    assert divergence.largest_weight(model) == largest
    assert divergence.largest_weight(nn.ReLU()) == 0

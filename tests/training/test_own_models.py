"""Training a model of one's own: a task made of a model, a loss and batches, without a subclass."""

import json
import math

import numpy as np
import pytest

import minigrad as mg
import minigrad.functional as F
from minigrad import nn, optim, training
from minigrad.optim.lr_scheduler import ReduceLROnPlateau, StepLR
from minigrad.training import Settings, Task, Trainer, Watcher, fit

pytest.importorskip("safetensors")
pytest.importorskip("matplotlib")


@pytest.fixture(autouse=True)
def _no_pictures(monkeypatch):
    monkeypatch.setattr("minigrad.training.keeping.results.plot_curve", lambda path, *_: path.touch())


def settings(out, **changes):
    return Settings(**{"out": out, "steps": 12, "lr": 0.05, "validations": 4} | changes)


def pairs(epoch, count=3):
    rng = np.random.default_rng([7, epoch])
    for _ in range(count):
        x = rng.normal(size=(8, 2)).astype(np.float32)
        yield mg.tensor(x), mg.tensor(x.sum(axis=1, keepdims=True))


HELD_OUT = list(pairs(1000, 2))


def task(settings, **options):
    model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
    return Task(settings, model, lambda x, y: F.mse_loss(model(x), y), pairs, HELD_OUT, **options)


def test_a_model_a_loss_and_batches_are_enough(tmp_path):
    metrics = fit(settings(str(tmp_path), steps=60), task)
    assert metrics["finished"]
    losses = [v["loss"] for v in metrics["validations"]]
    assert losses[-1] < 0.2 * losses[0]
    model = training.load(tmp_path, Task.format, lambda _: task(settings(tmp_path)).model)
    kept = np.mean([F.mse_loss(model(x), y).item() for x, y in HELD_OUT])
    assert kept == pytest.approx(min(losses))  # the best weights, and the mean over the held-out batches


def test_batches_may_be_a_list_and_parts_other_than_tuples_come_as_one_argument(tmp_path):
    model = nn.Linear(2, 1)
    batches = [np.ones((4, 2), np.float32) * n for n in range(3)]
    seen = []

    def loss(batch):
        seen.append(int(batch[0, 0]))
        return model(mg.tensor(batch)).mean() ** 2

    Trainer(Task(settings(tmp_path, steps=7), model, loss, batches)).train()
    assert seen == [0, 1, 2, 0, 1, 2, 0]


def test_without_held_out_data_the_last_weights_are_kept_and_nothing_is_measured():
    model = nn.Linear(2, 1)
    made = Task(settings("out"), model, lambda x, y: F.mse_loss(model(x), y), pairs)
    trainer = Trainer(made)
    trainer.train()
    assert trainer.best is None
    assert trainer.validations == [{"step": n} for n in (3, 6, 9, 12)]


def test_measures_of_ones_own_stand_beside_the_loss():
    made = task(settings("out"), measure=lambda: {"one": 1})
    trainer = Trainer(made)
    trainer.train()
    assert trainer.validations[-1].keys() == {"step", "loss", "one"}


def test_further_watchers_are_told_and_closed(tmp_path):
    told = []

    class Mine(Watcher):
        def step(self, step):
            told.append(step.step)

        def close(self):
            told.append("closed")

    fit(settings(tmp_path, steps=2), task, [Mine()])
    assert told == [1, 2, "closed"]


def test_settings_may_have_plain_fields_and_paths_as_text(tmp_path):
    import dataclasses

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class More(Settings):
        hidden: int = 3

    made = More(out=str(tmp_path), hidden=5)
    assert made.out == tmp_path
    assert made.plain()["hidden"] == 5


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"batches": iter([])}, TypeError, "end after one epoch"),
        ({"batches": pairs, "held_out": []}, ValueError, "held_out has no batch"),
    ],
)
def test_what_cannot_be_trained_is_refused(arguments, error, said):
    with pytest.raises(error, match=said):
        Task(settings("out"), nn.Linear(2, 1), F.mse_loss, **arguments)


def test_a_task_without_a_loss_or_batches_says_so():
    bare = Task(settings("out"), nn.Linear(2, 1))
    with pytest.raises(NotImplementedError, match="batches"):
        bare.batches(0)
    with pytest.raises(NotImplementedError, match="loss"):
        bare.loss(None)


def test_files_of_others_name_no_program(tmp_path):
    with pytest.raises(FileNotFoundError) as missing:
        training.load(tmp_path, "mine 1", lambda _: nn.Linear(1, 1))
    assert "minigrad train" not in str(missing.value)
    training.save(nn.Linear(1, 1), tmp_path / "file", "mine 1", {})
    with pytest.raises(ValueError, match="not what it should be: its format is 'mine 1', not 'mine 2'"):
        training.load(tmp_path / "file", "mine 2", lambda _: nn.Linear(1, 1))


# --- schedules --------------------------------------------------------------------------------------------------------


class Plateau(Task):
    """Measures what it is given, and has a rate that falls when that stops to improve."""

    kept = ("error", "min")
    measures = (2.0, 1.0, 1.5, math.nan, 0.5, 0.6)
    mode = "min"

    def __init__(self, settings):
        model = nn.Sequential(nn.Linear(2, 4), nn.Linear(4, 1))
        optimizer = optim.Adam(model.parameters(), lr=0.1)
        schedule = ReduceLROnPlateau(optimizer, self.mode, factor=0.5, patience=0)
        super().__init__(
            settings, model, lambda x, y: F.mse_loss(model(x), y), pairs, optimizer=optimizer, schedule=schedule
        )

    def validate(self):
        return {"error": self.measures[self.schedule.last_epoch]}


class Rates(Watcher):
    def __init__(self, stop=None):
        self.rates, self.stop = [], stop

    def step(self, step):
        self.rates.append(step.rate)
        if step.step == self.stop:
            raise KeyboardInterrupt


def test_a_plateau_lowers_the_rate_by_what_is_validated():
    rates = Rates()
    Trainer(Plateau(settings("out", steps=6, validations=6)), watchers=[rates]).train()
    assert rates.rates == [0.1, 0.1, 0.1, 0.05, 0.025, 0.025]  # of step 7 it would be 0.0125


def test_other_schedules_step_with_each_update():
    model = nn.Linear(2, 1)
    optimizer = optim.SGD(model.parameters(), lr=0.8)
    made = Task(
        settings("out", steps=4, validations=1),
        model,
        lambda x, y: F.mse_loss(model(x), y),
        pairs,
        optimizer=optimizer,
        schedule=StepLR(optimizer, 2, 0.5),
    )
    rates = Rates()
    Trainer(made, watchers=[rates]).train()
    assert rates.rates == [0.8, 0.8, 0.4, 0.4]


def test_a_run_with_a_plateau_goes_on_as_if_nothing_had_happened(tmp_path):
    whole = Rates()
    expected = fit(settings(tmp_path / "whole", validations=6), Plateau, [whole])
    first, then = Rates(stop=9), Rates()
    fit(settings(tmp_path / "parts", validations=6), Plateau, [first])
    found = fit(settings(tmp_path / "parts", validations=6, resume=True), Plateau, [then])
    assert first.rates + then.rates == whole.rates
    assert found["curve"] == expected["curve"]
    assert json.loads((tmp_path / "parts" / "metrics.json").read_text())["kept_step"] == expected["kept_step"] == 10


def test_a_plateau_of_the_other_mode_is_refused():
    class Wrong(Plateau):
        mode = "max"

    with pytest.raises(ValueError, match="'error' is better when it is min; the schedule has mode 'max'"):
        Trainer(Wrong(settings("out")))


def test_a_plateau_needs_the_measure_it_goes_by():
    class Blind(Plateau):
        kept, shown = None, "other"

    with pytest.raises(ValueError, match="'other', which decides the learning rate; it gives error"):
        Trainer(Blind(settings("out"))).train()

"""Mistakes of those who come with a model of their own: each has an error that says what was given and expected."""

import numpy as np
import pytest

import minigrad as mg
import minigrad.functional as F
from minigrad import nn, optim
from minigrad.optim.lr_scheduler import ReduceLROnPlateau, StepLR
from minigrad.training import Settings, Task, Trainer, Watcher, fit

pytest.importorskip("safetensors")
pytest.importorskip("matplotlib")


@pytest.fixture(autouse=True)
def _no_pictures(monkeypatch):
    monkeypatch.setattr("minigrad.training.keeping.results.plot_curve", lambda path, *_: path.touch())


def settings(**changes):
    return Settings(**{"steps": 6, "validations": 2} | changes)


X = np.random.default_rng(0).normal(size=(4, 3, 2)).astype(np.float32)
BATCHES = [(mg.tensor(x), mg.tensor(x.sum(axis=1, keepdims=True))) for x in X]


class Mine(Task):
    """A task without mistakes, to which tests add one."""

    def __init__(self, settings):
        super().__init__(settings)
        self.model = nn.Linear(2, 1)
        self.optimizer = optim.Adam(self.model.parameters(), lr=settings.lr)

    def batches(self, epoch):
        return BATCHES

    def loss(self, batch):
        return F.mse_loss(self.model(batch[0]), batch[1])

    def validate(self):
        return {"loss": self.loss(BATCHES[0]).item()}


def mine(**attributes):
    return type("Mine", (Mine,), attributes)(settings())


def always(value):
    return lambda *_: value


# --- the task ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attributes", "error", "said"),
    [
        ({"loss": always(0.5)}, TypeError, r"Mine.loss is to give a tensor of shape \(\), not a float"),
        ({"loss": always(None)}, TypeError, r"Mine.loss is to give a tensor of shape \(\), not a NoneType"),
        (
            {"loss": lambda self, batch: self.model(batch[0])},
            ValueError,
            r"Mine.loss is to give a tensor of shape \(\), such as a mean, not one of shape \(3, 1\)",
        ),
        (
            {"loss": lambda self, batch: nn.Linear(2, 1)(batch[0]).mean()},
            ValueError,
            "Mine.loss depends on no parameter of Mine.model",
        ),
        ({"batches": always(None)}, TypeError, r"Mine.batches\(0\) is to give batches to go through, not None"),
        ({"batches": always([])}, ValueError, r"Mine.batches\(0\) gives no batch"),
        ({"validate": always(None)}, TypeError, "Mine.validate is to give numbers by name, as a dictionary, not None"),
        ({"validate": always(0.5)}, TypeError, "Mine.validate is to give numbers by name, as a dictionary, not 0.5"),
        ({"validate": always({"error": "low"})}, TypeError, "not 'error': 'low'"),
        ({"validate": always({"error": mg.zeros(2)})}, TypeError, r"not 'error': tensor\(\[0., 0.\]\)"),
        ({"validate": always({"step": 1.0})}, TypeError, r"\(any but 'step'\), not 'step': 1.0"),
        ({"validate": always({3: 1.0})}, TypeError, "not 3: 1.0"),
        ({"example": always(None)}, TypeError, "Mine.example is to give text, which may be empty, not None"),
        ({"kept": "loss"}, TypeError, "Mine.kept is to be the name of a measure and .*, not 'loss'"),
        ({"kept": ("loss", "least")}, TypeError, r"not \('loss', 'least'\)"),
        ({"levels": {"chance": 1.0}}, TypeError, "Mine.levels are to be pairs of a name and a value, not {'chance'"),
        ({"schedule": StepLR}, TypeError, "Mine.schedule is to be one of optim.lr_scheduler, or None, not <class"),
    ],
)
def test_a_mistake_in_a_task_is_told_by_its_name(attributes, error, said):
    with pytest.raises(error, match=said):
        Trainer(mine(**attributes)).train()


def test_measures_may_be_tensors_and_arrays_of_one_number():
    trainer = Trainer(mine(validate=always({"a": mg.ones((1,)), "b": np.float32(2), "c": np.ones((1, 1)), "d": True})))
    trainer.train()
    assert trainer.validations[0] == {"step": 3, "a": 1.0, "b": 2.0, "c": 1.0, "d": 1.0}


def test_a_task_needs_a_model_and_its_optimizer():
    bare = Task(settings())
    with pytest.raises(TypeError, match=r"Task\.model is to be of class Module, not None"):
        Trainer(bare)
    bare.model = nn.Linear(2, 1)
    with pytest.raises(TypeError, match=r"Task\.optimizer is to be of class Optimizer, not None"):
        Trainer(bare)
    bare.optimizer = optim.Adam(nn.Linear(2, 1).parameters())
    with pytest.raises(ValueError, match=r"Task.optimizer updates no parameter of Task.model"):
        Trainer(bare)
    bare.optimizer = optim.Adam(bare.model.parameters())
    bare.schedule = StepLR(optim.Adam(bare.model.parameters()), 1)
    with pytest.raises(ValueError, match=r"Task\.schedule is that of another optimizer"):
        Trainer(bare)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"model": lambda x: x}, "a model is an nn.Module, not <function"),
        ({"batches": 5}, "batches are a list, or a function of the epoch, not 5"),
        ({"held_out": lambda: BATCHES}, "held_out is a list of batches, not <function"),
        (
            {"held_out": BATCHES, "measure": always(0.5)},
            "measure is to give numbers by other names than loss, .*, not 0.5",
        ),
        ({"held_out": BATCHES, "measure": always({"loss": 1})}, r"by other names than loss.*, not {'loss': 1}"),
    ],
)
def test_a_mistake_in_the_arguments_of_a_task(arguments, said):
    model = nn.Linear(2, 1)
    with pytest.raises(TypeError, match=said):
        Task(
            settings(), **{"model": model, "loss": lambda x, y: F.mse_loss(model(x), y), "batches": BATCHES} | arguments
        ).validate()


def test_what_cannot_be_written_at_the_end_is_told_at_the_beginning(tmp_path):
    seen = []

    class Odd(Mine):
        def about(self):
            return {"mean": np.ones(2)}

        def loss(self, batch):
            seen.append(batch)
            return super().loss(batch)

    with pytest.raises(TypeError, match=r"is plain data, not {'mean': array\(\[1., 1.\]\)}: .* not JSON"):
        fit(settings(out=tmp_path), Odd)
    assert not seen


def test_lacking_values_are_told_from_a_training_that_diverges(backend, tmp_path):
    lacking = [(np.where(X[0] > 0, np.nan, X[0]), {"y": X[0, :, :1]})]

    def loss(self, batch):
        return F.mse_loss(self.model(mg.tensor(batch[0])), mg.tensor(batch[1]["y"]))

    made = type("Mine", (Mine,), {"batches": always(lacking), "loss": loss})
    with pytest.raises(ValueError, match="in step 1: the loss is nan; the batch has numbers that are not finite"):
        fit(settings(out=tmp_path, backend=backend), made)


def test_lacking_values_on_held_out_data_are_told_too():
    model = nn.Linear(2, 1)
    held_out = [BATCHES[0], (BATCHES[1][0], BATCHES[1][1] * float("nan"))]
    made = Task(settings(), model, lambda x, y: F.mse_loss(model(x), y), BATCHES, held_out)
    with pytest.raises(ValueError, match="the loss of held-out batch 1 is nan; the batch has numbers that are not"):
        Trainer(made).train()


# --- what fit is given ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (({"steps": 3}, Mine), "fit takes Settings first, not {'steps': 3}"),
        ((settings(), None), "fit takes a function or class that makes a Task of the settings, not None"),
        ((settings(), always(None)), "what is trained is a Task, which `make` is to return, not None"),
        ((settings(), Mine, Watcher()), "watchers are to be a list of objects of subclasses of Watcher, not <"),
        ((settings(), Mine, [Watcher]), r"watchers are to be a list of objects of subclasses of Watcher, not \[<class"),
    ],
)
def test_a_mistake_in_the_arguments_of_fit(arguments, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TypeError, match=said):
        fit(*arguments)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"steps": 2.5}, "steps is a whole number, not 2.5"),
        ({"steps": "5"}, "steps is a whole number, not '5'"),
        ({"patience": True}, "patience is a whole number, not True"),
        ({"lr": None}, "lr is a number, not None"),
        ({"live": 1}, "live is True or False, not 1"),
        ({"out": 5}, "out is a path, not 5"),
        ({"tensorboard": 5}, "tensorboard is a path, not 5"),
        ({"backend": None}, "backend is text, not None"),
    ],
)
def test_settings_have_types(changes, said):
    with pytest.raises(TypeError, match=said):
        settings(**changes)


def test_settings_may_be_numbers_of_numpy():
    assert type(settings(steps=np.int64(5)).plain()["steps"]) is int
    assert settings(lr=np.float64(0.5), clip=1).lr == 0.5
    assert settings(tensorboard=None).tensorboard is None


# --- watchers that fail -----------------------------------------------------------------------------------------------


class Fails(Watcher):
    def __init__(self, when):
        self.when = when

    def validation(self, validation):
        if self.when == "validation" and validation.step == 6:
            raise RuntimeError("the watcher broke")

    def end(self, end):
        if self.when == "end":
            raise RuntimeError("the watcher broke")


@pytest.mark.parametrize("when", ["validation", "end"])
def test_nothing_is_lost_for_a_watcher_that_fails(when, tmp_path):
    ended = []

    class Other(Watcher):
        def end(self, end):
            ended.append(end.how)

    with pytest.raises(RuntimeError, match="the watcher broke"):
        fit(settings(out=tmp_path), Mine, [Fails(when), Other()])
    assert ended == ["failed" if when == "validation" else "finished"]
    whole = fit(settings(out=tmp_path / "whole"), Mine)
    assert fit(settings(out=tmp_path, resume=True), mine_without_loss)["curve"] == whole["curve"]


def mine_without_loss(settings):
    """All steps were taken."""
    return type("Mine", (Mine,), {"loss": None, "validate": None})(settings)


# --- going on with something else -------------------------------------------------------------------------------------


def with_schedule(schedule, **options):
    def make(settings):
        task = Mine(settings)
        task.kept = ("loss", "min")
        task.schedule = schedule and schedule(task.optimizer, **options)
        return task

    return make


class Other(Mine):
    def __init__(self, settings):
        super().__init__(settings)
        self.optimizer = optim.SGD(self.model.parameters(), lr=settings.lr)


@pytest.mark.parametrize(
    ("first", "then", "said"),
    [
        (Mine, Other, "its optimizer was Adam, not SGD"),
        (with_schedule(None), with_schedule(StepLR, step_size=2), "its schedule was None, not StepLR"),
        (with_schedule(StepLR, step_size=2), with_schedule(None), "its schedule was StepLR, not None"),
        (with_schedule(StepLR, step_size=2), with_schedule(ReduceLROnPlateau), "its schedule was StepLR, not Reduce"),
        (
            Mine,
            type("Mine", (Mine,), {"batches": lambda self, epoch: BATCHES[:1]}),
            "of epoch 1, 2 batches were learned from, and now there are 1",
        ),
    ],
)
def test_a_run_goes_on_with_what_it_was_made_of(first, then, said, tmp_path):
    fit(settings(out=tmp_path), first)
    with pytest.raises(ValueError, match=f"cannot resume from the checkpoint in .*: {said}"):
        fit(settings(out=tmp_path, steps=8, resume=True), then)


def test_a_state_that_no_checkpoint_can_hold_says_what_can_be(tmp_path):
    class Odd(Mine):
        def loss(self, batch):
            self.carried = {1, 2}
            return super().loss(batch)

    with pytest.raises(TypeError, match=r"cannot hold state.carried, a set: it holds tensors, .* named tuples whose"):
        fit(settings(out=tmp_path), Odd)

"""Weight decay for some parameters only, and when to stop."""

import math

import pytest

import minigrad as mg
from minigrad import nn, optim


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(5, 3)
        self.lstm = nn.LSTM(3, 4)
        self.norm = nn.LayerNorm(4)
        self.head = nn.Linear(4, 5)
        self.scale = nn.Parameter(mg.tensor(1.0))


def test_biases_and_normalisation_have_no_decay():
    model = Model()
    decayed, plain = optim.decay_groups(model, 0.1)
    names = {id(p): name for name, p in model.named_parameters()}
    assert [names[id(p)] for p in decayed["params"]] == [
        "embedding.weight",
        "lstm.weight_ih_l0",
        "lstm.weight_hh_l0",
        "head.weight",
    ]
    assert len(decayed["params"]) + len(plain["params"]) == len(names)
    assert (decayed["weight_decay"], plain["weight_decay"]) == (0.1, 0.0)


DECAYED = {  # what one step with a gradient of 0 makes of a parameter of 1, with rate 0.5 and decay 0.1
    "SGD": (optim.SGD, 1 - 0.5 * 0.1),
    "AdamW": (optim.AdamW, 1 - 0.5 * 0.1),
    "Adam": (optim.Adam, 1 - 0.5),  # the decay is all of the gradient there is, and Adam divides by its size
}


@pytest.mark.parametrize("name", DECAYED)
def test_decay_is_that_of_the_group(name):
    make, wanted = DECAYED[name]
    layer = nn.Linear(2, 2)
    for p in layer.parameters():
        nn.init.ones_(p)
        p.grad = mg.zeros(p.shape)
    make(optim.decay_groups(layer, 0.1), lr=0.5).step()
    assert layer.bias.tolist() == [1, 1]
    assert mg.flatten(layer.weight).tolist() == pytest.approx([wanted] * 4, rel=1e-5)


def test_a_group_may_be_empty():
    optimizer = optim.AdamW(optim.decay_groups(nn.LayerNorm(3), 0.1))
    assert [len(group["params"]) for group in optimizer.param_groups] == [0, 2]


def test_bad_groups():
    with pytest.raises(ValueError, match=r"must be >= 0, not -0\.1"):
        optim.decay_groups(Model(), -0.1)
    with pytest.raises(ValueError, match="this ReLU has no parameters"):
        optim.decay_groups(nn.ReLU(), 0.1)


# --- when to stop -----------------------------------------------------------------------------------------------------


def test_stopping_when_nothing_improves():
    stopping = optim.EarlyStopping(patience=3)
    improved, stopped = [], []
    for value in [3.0, 2.0, 2.0, 2.5, 1.0, 1.5, math.nan, 1.0]:
        assert not stopping.stop
        improved.append(stopping.step(value))
        stopped.append(stopping.stop)
    assert improved == [True, True, False, False, True, False, False, False]
    assert stopped == [False] * 7 + [True]
    assert (stopping.best, stopping.best_step) == (1.0, 5)


def test_stopping_a_metric_that_should_rise():
    stopping = optim.EarlyStopping(patience=1, mode="max", min_delta=0.1)
    assert stopping.step(mg.tensor(0.5))
    assert stopping.step(0.7)
    assert not stopping.stop
    assert not stopping.step(0.75)
    assert stopping.stop


def test_stopping_resumes():
    one, two = optim.EarlyStopping(patience=2), optim.EarlyStopping(patience=2)
    assert not one.stop
    for value in (2.0, 3.0):
        one.step(value)
    two.load_state_dict(one.state_dict())
    assert two.state_dict() == one.state_dict()
    assert not two.step(2.5)
    assert two.stop


@pytest.mark.parametrize(
    ("options", "message"),
    [({"mode": "low"}, "'min' or 'max', not 'low'"), ({"patience": 0}, ">= 1, not 0"), ({"min_delta": -1.0}, "-1.0")],
)
def test_bad_settings(options, message):
    with pytest.raises(ValueError, match=message):
        optim.EarlyStopping(**options)

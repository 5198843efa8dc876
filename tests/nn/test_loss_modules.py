"""Losses as modules: PyTorch's values and gradients with every setting, state, and errors."""

import copy
import inspect

import numpy as np
import pytest
from parity import SCORES, TF, compare, torch

import minigrad as mg
import minigrad.functional as F
from minigrad import nn

CLASSES = np.array([2, 0, 1, 3, 0])
PROBS = np.array([[0.5, 0.25, 0.1], [0.9, 0.99, 0.4]])
PAIR = [np.array([[1.0, -2.0, 0.5], [3.0, 0.0, 0.25]]), np.array([[1.0, 1.0, -0.5], [0.0, 1.0, 0.0]])]
WEIGHT = [0.5, 2.0, 0.25, 1.0]

MODULES = [
    ("CrossEntropyLoss", {}, [SCORES, CLASSES]),
    ("CrossEntropyLoss", {"weight": WEIGHT, "ignore_index": 0, "label_smoothing": 0.1}, [SCORES, CLASSES]),
    ("CrossEntropyLoss", {"reduction": "sum"}, [SCORES, CLASSES]),
    ("NLLLoss", {"weight": WEIGHT, "ignore_index": 1}, [SCORES, CLASSES]),
    ("MSELoss", {}, PAIR),
    ("MSELoss", {"reduction": "none"}, PAIR),
    ("L1Loss", {"reduction": "sum"}, PAIR),
    ("HuberLoss", {"delta": 0.5}, PAIR),
    ("HuberLoss", {"delta": 0.5, "reduction": "sum"}, PAIR),
    ("SmoothL1Loss", {"beta": 0.5, "reduction": "none"}, PAIR),
    ("BCELoss", {"weight": [0.5, 1.0, 2.0]}, [PROBS, 1 - PROBS]),
    ("BCEWithLogitsLoss", {}, PAIR),
    ("BCEWithLogitsLoss", {"weight": [0.5, 1.0, 2.0], "pos_weight": [3.0, 1.0, 0.5]}, PAIR),
    ("KLDivLoss", {"reduction": "batchmean", "log_target": True}, [np.log(PROBS), np.log(1 - PROBS)]),
]


@pytest.mark.parametrize(("name", "options", "inputs"), MODULES)
def test_loss_modules_are_pytorchs(name, options, inputs, dtype):
    tensors = {k: torch.tensor(v) if isinstance(v, list) else v for k, v in options.items()}
    ours, theirs = getattr(nn, name)(**options).to(dtype), getattr(torch.nn, name)(**tensors).to(getattr(torch, dtype))
    compare(ours, theirs, inputs, dtype)
    assert set(ours.state_dict()) == set(theirs.state_dict())


@pytest.mark.parametrize("name", sorted({name for name, _, _ in MODULES} | {"CTCLoss"}))
def test_settings_have_pytorchs_names_and_defaults(name):
    ours, theirs = (inspect.signature(getattr(where, name)).parameters for where in (nn, torch.nn))
    gone = {"size_average", "reduce"}  # PyTorch's words before "reduction"
    assert {k: p.default for k, p in ours.items()} == {k: p.default for k, p in theirs.items() if k not in gone}


def test_ctc():
    x = np.random.default_rng(0).standard_normal((4, 2, 3))
    labels, frames, lengths = np.array([[1, 2], [2, 0]]), np.array([4, 3]), np.array([2, 1])
    loss, reference = nn.CTCLoss(zero_infinity=True), torch.nn.CTCLoss(zero_infinity=True)
    compare(
        lambda x: loss(F.log_softmax(x), labels, frames, lengths),
        lambda x: reference(TF.log_softmax(x, -1), *map(torch.tensor, (labels, frames, lengths))),
        [x],
        "float64",
    )


def test_factors_belong_to_the_module(backend):
    loss = nn.CrossEntropyLoss(mg.tensor([1.0, 3.0], requires_grad=True))
    assert not loss.weight.requires_grad
    assert list(loss.parameters()) == []
    assert loss.to("float64").weight.dtype == np.float64
    assert copy.deepcopy(loss)(mg.zeros((2, 2)), [0, 1]).item() == pytest.approx(np.log(2), rel=1e-6)
    assert "CrossEntropyLoss(reduction='mean', ignore_index=-100, label_smoothing=0.0)" in repr(loss)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nn.MSELoss("avg"), ValueError, "MSELoss: reduction is 'mean', 'sum' or 'none', not 'avg'"),
        (lambda: nn.L1Loss(False), ValueError, "not False; settings of losses are given by name"),
        (lambda: nn.KLDivLoss(reduction="x"), ValueError, "is 'mean', 'batchmean', 'sum' or 'none', not 'x'"),
        (lambda: nn.MSELoss()(mg.zeros(3), mg.zeros((3, 1))), ValueError, "shapes must agree"),
    ],
)
def test_bad_settings(call, error, message):
    with pytest.raises(error, match=message):
        call()

"""Activation functions and their modules against PyTorch."""

import copy
import inspect

import numpy as np
import pytest
from parity import SPECIAL, TF, compare, rng_for, torch

import minigrad as mg
import minigrad.functional as F
from minigrad import nn

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

FUNCTIONS = [
    ("leaky_relu", {}),
    ("leaky_relu", {"negative_slope": 0.3}),
    ("elu", {}),
    ("elu", {"alpha": 0.5}),
    ("selu", {}),
    ("logsigmoid", {}),
    ("softsign", {}),
    ("hardtanh", {}),
    ("hardtanh", {"min_val": -2.5, "max_val": 0.5}),
]


@pytest.mark.parametrize(("name", "options"), FUNCTIONS)
def test_activations_are_pytorchs(name, options, dtype):
    ours, theirs = getattr(F, name), getattr(TF, name)
    finite = [x for x in SPECIAL if np.isfinite(x)]
    compare(lambda x: ours(x, **options), lambda x: theirs(x, **options), [np.array(finite)], dtype)
    if name != "softsign":  # inf / inf
        compare(lambda x: ours(x, **options), lambda x: theirs(x, **options), [np.array([np.inf, -np.inf])], dtype)
    assert np.isnan(ours(mg.tensor([np.nan]), **options).item())


@pytest.mark.parametrize(("name", "options"), FUNCTIONS)
def test_second_derivatives(name, options, backend):
    x = mg.tensor([0.3, -0.4, 1.7, -3.0], dtype="float64")
    mg.gradcheck(lambda x: getattr(F, name)(x, **options), (x,))
    mg.gradgradcheck(lambda x: getattr(F, name)(x, **options), (x,))


MODULES = [
    ("Tanh", {}),
    ("Sigmoid", {}),
    ("LogSigmoid", {}),
    ("ReLU", {}),
    ("LeakyReLU", {"negative_slope": 0.2}),
    ("ELU", {"alpha": 2.0}),
    ("SELU", {}),
    ("GELU", {"approximate": "tanh"}),
    ("SiLU", {}),
    ("Softplus", {"beta": 2.0}),
    ("Softsign", {}),
    ("Hardtanh", {"min_val": -0.5}),
    ("Softmax", {"dim": 1}),
    ("LogSoftmax", {"dim": 0}),
    ("Flatten", {}),
    ("Flatten", {"start_dim": 0, "end_dim": 1}),
    ("Identity", {}),
]


@pytest.mark.parametrize(("name", "options"), MODULES)
def test_modules_are_pytorchs(name, options, dtype):
    ours, theirs = getattr(nn, name)(**options), getattr(torch.nn, name)(**options)
    compare(copy.deepcopy(ours), theirs, [rng_for(name).standard_normal((2, 3, 4))], dtype)
    for setting, value in options.items():
        assert f"{setting}={value!r}" in repr(ours)


@pytest.mark.parametrize("name", ["ReLU", "LeakyReLU", "ELU", "SELU", "SiLU", "Hardtanh"])
def test_in_place(name):
    """Allowed where it is off, as PyTorch's programs may write it."""
    assert "inplace" in inspect.signature(getattr(torch.nn, name)).parameters
    getattr(nn, name)(inplace=False)
    with pytest.raises(ValueError, match=f"{name}: activations give a new tensor.*leave inplace out"):
        getattr(nn, name)(inplace=True)

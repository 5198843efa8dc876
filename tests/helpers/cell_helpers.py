"""Sizes, inputs and comparisons that the tests of cells and of recurrent layers share."""

import itertools
from functools import partial

import numpy as np

import minigrad as mg
from minigrad import nn

T, B, F, H = 5, 3, 4, 6
CELLS = {
    "RNNCell": nn.RNNCell,
    "LSTMCell": nn.LSTMCell,
    "PeepholeLSTMCell": nn.PeepholeLSTMCell,
    "GRUCell": nn.GRUCell,
    "GRUCell, reset before": partial(nn.GRUCell, reset_after=False),
}


def sequence(*shape, seed=0, requires_grad=False):
    return mg.tensor(np.random.default_rng(seed).normal(size=shape), requires_grad=requires_grad)


def flat(state):
    return list(itertools.chain(*map(flat, state))) if isinstance(state, tuple) else [state]


def close(ours, theirs):
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-10, atol=1e-12)


def double(module):
    return module.to("float64")

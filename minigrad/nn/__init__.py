"""Modules: layers, recurrent cells and their unrolling, by PyTorch's names and weight layouts."""

from .. import functional
from ..tensor import Parameter
from . import init, utils
from .cells import Cell, GRUCell, LSTMCell, RNNCell
from .layers import (
    GELU,
    Dropout,
    Embedding,
    Identity,
    LayerNorm,
    Linear,
    ModuleList,
    ReLU,
    Sequential,
    Sigmoid,
    Tanh,
)
from .module import Module
from .recurrent import GRU, LSTM, RNN, Recurrent

__all__ = [
    "GELU",
    "GRU",
    "LSTM",
    "RNN",
    "Cell",
    "Dropout",
    "Embedding",
    "GRUCell",
    "Identity",
    "LSTMCell",
    "LayerNorm",
    "Linear",
    "Module",
    "ModuleList",
    "Parameter",
    "RNNCell",
    "ReLU",
    "Recurrent",
    "Sequential",
    "Sigmoid",
    "Tanh",
    "functional",
    "init",
    "utils",
]

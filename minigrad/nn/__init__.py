"""Modules: layers, recurrent cells and their unrolling, losses, by PyTorch's names and weight layouts.

Start with `module` (the base class) and `layers`; recurrent networks have a room of their own, `recurrent`. `decoding`
writes sequences token by token, `scheduled_sampling` trains for it; `init` and `utils` are as in PyTorch.
"""

from .. import functional
from ..advice.missing import on_missing
from ..tensors.tensor import Parameter
from . import decoding, init, recurrent, scheduled_sampling, utils
from .activations import (
    ELU,
    GELU,
    SELU,
    Hardtanh,
    LeakyReLU,
    LogSigmoid,
    LogSoftmax,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Softsign,
    Tanh,
)
from .batch_norm import BatchNorm1d
from .containers import ModuleDict, ModuleList, ParameterDict, ParameterList, Sequential
from .layers import Dropout, Embedding, Flatten, Identity, LayerNorm, Linear
from .losses import (
    BCELoss,
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    CTCLoss,
    HuberLoss,
    KLDivLoss,
    L1Loss,
    MSELoss,
    NLLLoss,
    SmoothL1Loss,
)
from .module import Module
from .recurrent import *  # noqa: F403

__all__ = [
    # the base, and what holds modules and parameters
    "Module", "ModuleDict", "ModuleList", "Parameter", "ParameterDict", "ParameterList", "Sequential",
    # layers
    "BatchNorm1d", "Dropout", "Embedding", "Flatten", "Identity", "LayerNorm", "Linear",
    # activations
    "ELU", "GELU", "Hardtanh", "LeakyReLU", "LogSigmoid", "LogSoftmax", "ReLU", "SELU", "SiLU", "Sigmoid", "Softmax",
    "Softplus", "Softsign", "Tanh",
    # losses
    "BCELoss", "BCEWithLogitsLoss", "CTCLoss", "CrossEntropyLoss", "HuberLoss", "KLDivLoss", "L1Loss", "MSELoss",
    "NLLLoss", "SmoothL1Loss",
    # modules of Python
    "decoding", "functional", "init", "scheduled_sampling", "utils",
]  # fmt: skip
__all__ += recurrent.__all__

on_missing(__name__)

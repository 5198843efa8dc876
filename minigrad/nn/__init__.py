"""Modules: layers, recurrent cells and their unrolling, by PyTorch's names and weight layouts."""

from .. import functional
from ..tensors.tensor import Parameter
from . import decoding, init, scheduled_sampling, utils
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
from .cells import Cell, GRUCell, LSTMCell, PeepholeLSTMCell, RNNCell
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
from .recurrent import Recurrent
from .stack import GRU, LSTM, RNN, PeepholeLSTM, RecurrentStack
from .topologies import EncoderDecoder, SequenceClassifier, SequenceDecoder, SequenceEncoder, SequenceTagger
from .truncated import truncated_bptt

__all__ = [
    "Flatten",
    "ParameterList",
    "ParameterDict",
    "ModuleDict",
    "Softsign",
    "Softplus",
    "Softmax",
    "SiLU",
    "LogSoftmax",
    "LogSigmoid",
    "LeakyReLU",
    "Hardtanh",
    "SELU",
    "ELU",
    "BatchNorm1d",
    "SmoothL1Loss",
    "NLLLoss",
    "MSELoss",
    "L1Loss",
    "KLDivLoss",
    "HuberLoss",
    "CTCLoss",
    "CrossEntropyLoss",
    "BCEWithLogitsLoss",
    "BCELoss",
    "GELU",
    "GRU",
    "LSTM",
    "RNN",
    "Cell",
    "Dropout",
    "Embedding",
    "EncoderDecoder",
    "GRUCell",
    "Identity",
    "LSTMCell",
    "LayerNorm",
    "Linear",
    "Module",
    "ModuleList",
    "Parameter",
    "PeepholeLSTM",
    "PeepholeLSTMCell",
    "RNNCell",
    "ReLU",
    "Recurrent",
    "RecurrentStack",
    "SequenceClassifier",
    "SequenceDecoder",
    "SequenceEncoder",
    "SequenceTagger",
    "Sequential",
    "Sigmoid",
    "Tanh",
    "decoding",
    "functional",
    "init",
    "scheduled_sampling",
    "truncated_bptt",
    "utils",
]

"""Functions of neural networks, by the names and arguments of `torch.nn.functional`: composed of primitives.

Start with `layers` (linear, embedding, dropout, layer norm); `activations`, `losses`, `batch_norm` and `ctc` are the
others. All are reached as `minigrad.functional.NAME`.
"""

from ..advice.missing import on_missing
from ..ops.elementwise import gelu, relu, sigmoid, silu, softplus, tanh
from .activations import elu, hardtanh, leaky_relu, log_softmax, logsigmoid, selu, softmax, softsign
from .batch_norm import batch_norm
from .ctc import ctc_loss
from .layers import dropout, embedding, layer_norm, linear
from .losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    huber_loss,
    kl_div,
    l1_loss,
    mse_loss,
    nll_loss,
    smooth_l1_loss,
)

__all__ = [
    # layers
    "batch_norm", "dropout", "embedding", "layer_norm", "linear",
    # activations
    "elu", "gelu", "hardtanh", "leaky_relu", "log_softmax", "logsigmoid", "relu", "selu", "sigmoid", "silu", "softmax",
    "softplus", "softsign", "tanh",
    # losses
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "cross_entropy", "ctc_loss", "huber_loss", "kl_div",
    "l1_loss", "mse_loss", "nll_loss", "smooth_l1_loss",
]  # fmt: skip

on_missing(__name__)

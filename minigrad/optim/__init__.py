"""Optimizers, learning rate schedules and gradient clipping, by PyTorch's names; weight decay and early stopping.

Start with `optimizer` (groups, state, the loop over parameters) and `optimizers` (the algorithms, a formula each); then
`schedule` and `lr_scheduler`, with `one_cycle` and `plateau`; `clip` and `mixed_precision` are for gradients.
"""

from ..advice.missing import on_missing
from . import lr_scheduler
from .clip import clip_grad_norm_, clip_grad_value_
from .early_stopping import EarlyStopping
from .groups import decay_groups
from .mixed_precision import GradScaler
from .optimizer import Optimizer
from .optimizers import SGD, Adagrad, Adam, AdamW, RMSprop

__all__ = [
    # algorithms, and what they share
    "Adagrad", "Adam", "AdamW", "Optimizer", "RMSprop", "SGD", "decay_groups",
    # around a step
    "EarlyStopping", "GradScaler", "clip_grad_norm_", "clip_grad_value_", "lr_scheduler",
]  # fmt: skip

on_missing(__name__)

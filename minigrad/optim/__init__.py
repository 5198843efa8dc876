"""Optimizers, learning rate schedules and gradient clipping, by PyTorch's names; weight decay and early stopping."""

from . import lr_scheduler
from .clip import clip_grad_norm_, clip_grad_value_
from .early_stopping import EarlyStopping
from .groups import decay_groups
from .mixed_precision import GradScaler
from .optimizer import Optimizer
from .optimizers import SGD, Adagrad, Adam, AdamW, RMSprop

__all__ = [
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "EarlyStopping",
    "GradScaler",
    "Optimizer",
    "RMSprop",
    "clip_grad_norm_",
    "clip_grad_value_",
    "decay_groups",
    "lr_scheduler",
]

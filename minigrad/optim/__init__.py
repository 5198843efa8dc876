"""Optimizers, learning rate schedules and gradient clipping, by PyTorch's names."""

from . import lr_scheduler
from .clip import clip_grad_norm_, clip_grad_value_
from .mixed_precision import GradScaler
from .optimizers import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop

__all__ = [
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "GradScaler",
    "Optimizer",
    "RMSprop",
    "clip_grad_norm_",
    "clip_grad_value_",
    "lr_scheduler",
]

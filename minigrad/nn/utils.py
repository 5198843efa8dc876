"""Helpers: gradient clipping, which is defined in `minigrad.optim`, where PyTorch has it; and `evaluating`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..optim.clip import clip_grad_norm_, clip_grad_value_
from .module import Module

__all__ = ["clip_grad_norm_", "clip_grad_value_", "evaluating"]


@contextmanager
def evaluating(module: Module) -> Iterator[None]:
    """Context manager: the module is in evaluation mode inside; after it, each of its parts is in the mode it had."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training

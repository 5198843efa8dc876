"""Helpers: gradient clipping, which is defined in `minigrad.optim` and which PyTorch has here; modes; cells."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..optim.clip import clip_grad_norm_, clip_grad_value_
from .module import Module

__all__ = ["clip_grad_norm_", "clip_grad_value_", "evaluating", "with_cells"]


def with_cells(module: Module) -> Iterator[Any]:
    """A module and all modules in it, and the cells of stacks of layers, which are not among their modules."""
    for part in module.modules():
        yield part
        if callable(getattr(type(part), "cells", None)):  # the method, not a module that somebody called `cells`
            yield from part.cells()  # type: ignore[attr-defined]


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

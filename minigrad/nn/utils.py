"""Helpers: gradient clipping, defined in `minigrad.optim` and in PyTorch found here; vectors; modes; cells."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from ..advice.missing import on_missing
from ..engine.recorded import describe
from ..engine.recording import no_grad
from ..ops.shaping import concat, flatten
from ..optim.clip import clip_grad_norm_, clip_grad_value_
from ..optim.parameters import listed_tensors
from ..tensors.tensor import Tensor
from .module import Module

__all__ = [
    "clip_grad_norm_",
    "clip_grad_value_",
    "evaluating",
    "parameters_to_vector",
    "vector_to_parameters",
    "with_cells",
]


def parameters_to_vector(parameters: Tensor | Iterable[Tensor]) -> Tensor:
    """All parameters, one after the other, as one vector through which gradients flow.

    Raises ValueError for none, and for an iterator that was used up before.
    """
    params = listed_tensors(parameters, "parameters_to_vector")
    if not params:
        raise ValueError("parameters_to_vector got no parameters")
    return concat([flatten(p) for p in params])


def vector_to_parameters(vec: Tensor, parameters: Tensor | Iterable[Tensor]) -> None:
    """Overwrite parameters, in place, by the values of a vector as `parameters_to_vector` gives it.

    Raises ValueError for a vector of another length, and for an iterator that was used up before.
    """
    params = listed_tensors(parameters, "vector_to_parameters")
    size = sum(p.size for p in params)
    if vec.shape != (size,):
        raise ValueError(f"vector_to_parameters: the parameters have {size} elements, the vector is {describe(vec)}")
    with no_grad():
        start = 0
        for p in params:
            p.copy_(vec.detach()[start : start + p.size].reshape(p.shape))
            start += p.size


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


on_missing(__name__)

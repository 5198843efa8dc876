"""The bare tensor: what the engine knows of tensors. `minigrad.tensors` makes more of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..backends import Backend
from .tape import Node
from .version import Version


class Recorded:
    """The bare tensor: an array, its backend, and the node that made it (None if it requires no gradient).

    `version` tells when its memory was last changed in place; it is None for the results of operations, which
    nothing changes, and shared between views of the same memory.
    """

    __slots__ = {
        "array": "The elements: an array of the backend's library. To be read; changed in place, it is not watched.",
        "backend": "Who computes with the array, see `get_backend`.",
        "node": "The node of the tape that made it; None if it requires no gradients.",
        "version": "When its memory was last changed in place; None for results of operations.",
    }
    result_type: type[Any]  # what operations return; set where that class is defined

    array: Any
    backend: Backend
    node: Node | None
    version: Version | None


_new: Callable[[Any], Any] = object.__new__


def wrap(array: Any, backend: Backend, node: Node | None = None, version: Version | None = None) -> Any:
    """A Tensor around an array of `backend`, without copying or checking."""
    t = _new(Recorded.result_type)
    t.array = array
    t.backend = backend
    t.node = node
    t.version = version
    return t


def is_operand(x: Any) -> bool:
    """Whether operators accept `x` beside a tensor."""
    return isinstance(x, (Recorded, float, int, np.ndarray, np.generic))


def describe(x: Any) -> str:
    """An input as error messages show it: `float32[3, 4]`, or the number itself."""
    return f"{x.dtype}{list(x.shape)}" if hasattr(x, "shape") else repr(x)

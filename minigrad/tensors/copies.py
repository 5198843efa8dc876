"""Copies of tensors: shallow, deep, and stored in a file."""

from __future__ import annotations

import copy
from typing import Any

from ..backends import get_backend
from ..engine.recorded import Recorded, describe
from ..engine.tape import Leaf
from ..engine.version import Version


class Copies(Recorded):
    """What `copy.copy`, `copy.deepcopy` and `pickle` do with a tensor."""

    __slots__ = ()

    def __copy__(self) -> Any:
        """Another tensor over the same memory. Of a leaf it is a leaf of its own, without a gradient as yet."""
        if self.node is None or isinstance(self.node, Leaf):
            return _made(type(self), self.array, self.backend, self.version, _label(self))
        twin = _made(type(self), self.array, self.backend, self.version, None)
        twin.node = self.node
        return twin

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        """A tensor of its own with the same values and, of a leaf, the values of its gradient.

        Raises TypeError for a tensor that was computed from others that require gradients.
        """
        _check_leaf(self)
        twin = _made(type(self), self.backend.copy(self.array), self.backend, Version(), _label(self))
        if self.node is not None and self.node.grad is not None:
            twin.node.grad = copy.deepcopy(self.node.grad.detach(), memo)
        return twin

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Stored are values, type and backend, and whether it requires gradients; not the gradient, as in PyTorch."""
        _check_leaf(self)
        return _rebuild, (type(self), self.backend.to_numpy(self.array), self.backend.name, _label(self))


def _check_leaf(x: Recorded) -> None:
    if x.node is not None and not isinstance(x.node, Leaf):
        raise TypeError(
            f"{describe(x.array)}, made by {x.node.name}, has a history, which cannot be copied deeply or pickled: "
            "detach() it first, or copy what it was computed from"
        )


def _label(x: Recorded) -> str | None:
    """The name of a leaf that requires gradients; None of a tensor that does not."""
    return x.node.label if isinstance(x.node, Leaf) else None


def _made(kind: type[Any], array: Any, backend: Any, version: Version | None, label: str | None) -> Any:
    """A tensor of this kind, around the array; a leaf that requires gradients unless `label` is None."""
    t = object.__new__(kind)
    t.array, t.backend, t.version = array, backend, version
    t.node = None if label is None else Leaf(backend, array.shape, array.dtype, version, label)
    return t


def _rebuild(kind: type[Any], array: Any, backend: str, label: str | None) -> Any:
    where = get_backend(backend)
    return _made(kind, where.asarray(array, copy=True), where, Version(), label)

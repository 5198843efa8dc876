"""Parameters as people give them: one tensor, a list of them, or an iterator such as `module.parameters()`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from .. import dtypes
from ..engine.recorded import describe
from ..ops.creation import zeros_like
from ..tensors.tensor import Tensor


def listed(given: Tensor | Iterable[Any], what: str) -> list[Any]:
    """What was given, as a list. `what` names the caller in errors.

    Raises ValueError for an iterator that gives nothing: most likely somebody has used it up before, and work that
    seems to be done would not be. An empty list is somebody's decision.
    """
    if isinstance(given, Tensor):
        return [given]
    if not isinstance(given, Iterable):
        raise TypeError(f"{what}: expected tensors, as from module.parameters(), not a {type(given).__name__}")
    items = list(given)
    if not items and isinstance(given, Iterator):
        raise ValueError(
            f"{what} got an iterator without any parameters: either it was used up before (an iterator such as "
            "module.parameters() can be gone through once: keep list(module.parameters()), or call parameters() "
            "again), or the module has none"
        )
    return items


def listed_tensors(given: Tensor | Iterable[Tensor], what: str) -> list[Any]:
    """Like `listed`. Raises TypeError for something that is not a tensor."""
    tensors = listed(given, what)
    for item in tensors:
        if not isinstance(item, Tensor):
            kind = f"a {type(item).__name__}"
            hint = "; for pairs (name, parameter) take module.parameters()" if isinstance(item, tuple) else ""
            raise TypeError(f"{what}: expected tensors, as from module.parameters(), got {kind}{hint}")
    return tensors


def check_trainable(p: Tensor, what: str) -> None:
    """Raise TypeError for a tensor that no optimizer can train."""
    if not p.is_leaf:
        raise TypeError(f"{what}: {describe(p)} was computed from others; only leaves can be trained")
    if not dtypes.is_float(p.dtype):
        raise TypeError(f"{what}: {describe(p)} has no gradients; only real numbers can be trained")


def forget_gradients(params: Iterable[Tensor], set_to_none: bool) -> None:
    """No gradients any more, or zeros in their place. They are replaced: gradient arrays may be shared."""
    for p in params:
        if set_to_none:
            p.grad = None
        elif p.grad is not None:
            p.grad = zeros_like(p.grad.detach())

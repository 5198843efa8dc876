"""Limiting gradients. They are replaced, never changed in place: gradient arrays may be shared."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..backends.halves import widened
from ..engine.recorded import describe
from ..engine.tape import Leaf
from ..ops.elementwise import clip
from ..tensors.tensor import Tensor
from .parameters import listed_tensors


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> float:
    """Scale all gradients by one factor, so that their common norm is at most `max_norm` (Pascanu et al. 2013).

    Args:
        parameters: tensors, or one tensor; those without a gradient do not count.
        max_norm: the largest norm allowed, >= 0.
        norm_type: p of the p-norm, > 0; math.inf for the largest absolute value.
        error_if_nonfinite: raise if the norm is NaN or infinite. Otherwise gradients become NaN or 0 then.

    Returns the norm before scaling, of all gradients as one vector: a float of NumPy's, which has PyTorch's `item()`.

    Raises ValueError for a negative `max_norm`, for an iterator that was used up before and, on request, for a norm
    that is not finite; it names the first parameter whose gradient is to blame, and nothing has changed.
    """
    if not max_norm >= 0:
        raise ValueError(f"clip_grad_norm_: max_norm must be >= 0, not {max_norm!r}")
    if not norm_type > 0:
        raise ValueError(f"clip_grad_norm_: norm_type must be > 0, not {norm_type!r}")
    params = _with_gradients(parameters, "clip_grad_norm_")
    total = _norm([p.grad for p in params], float(norm_type))
    if error_if_nonfinite and not math.isfinite(total):
        raise ValueError(f"clip_grad_norm_: the norm of the gradients is {total}{_culprit(params)}")
    factor = max_norm / (total + 1e-6)  # the small number is PyTorch's, too
    if not factor >= 1:  # NaN as well
        for p in params:
            p._collector.grad = p.grad.detach() * factor
    return np.float64(total)


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Limit every element of the gradients to -clip_value..clip_value.

    Raises ValueError for a negative value and for an iterator that was used up before.
    """
    if not clip_value >= 0:
        raise ValueError(f"clip_grad_value_: clip_value must be >= 0, not {clip_value!r}")
    for p in _with_gradients(parameters, "clip_grad_value_"):
        p._collector.grad = clip(p.grad.detach(), -clip_value, clip_value)


def _with_gradients(parameters: Tensor | Iterable[Tensor], what: str) -> list[Any]:
    return [p for p in listed_tensors(parameters, what) if p.grad is not None]


def _norm(gradients: list[Any], norm_type: float) -> float:
    """The norm of all gradients together. One value a backend is read back to the host, not one a gradient."""
    totals: dict[Any, Any] = {}
    for g in gradients:
        xp: Any = g.backend
        if not g.size:
            continue
        values = widened(g.array)
        if norm_type == 2:
            flat = xp.reshape(values, shape=(-1,))
            part = xp.matmul(flat, flat)
        elif norm_type == math.inf:
            part = xp.max(xp.abs(values))
        else:
            part = xp.sum(xp.pow(xp.abs(values), norm_type))
        combine = xp.maximum if norm_type == math.inf else xp.add
        totals[xp] = combine(totals[xp], part) if xp in totals else part
    parts = [float(xp.to_numpy(total)) for xp, total in totals.items()]
    if norm_type == math.inf:
        return math.nan if any(map(math.isnan, parts)) else max(parts, default=0.0)
    return sum(parts) ** (1 / norm_type)


def _culprit(params: list[Any]) -> str:
    for p in params:
        xp: Any = p.backend
        if not xp.to_numpy(xp.all(xp.isfinite(p.grad.array))):
            name = f" ({p.node.label})" if isinstance(p.node, Leaf) and p.node.label else ""
            return f"; the first that is not finite is that of {describe(p)}{name}"
    return ""

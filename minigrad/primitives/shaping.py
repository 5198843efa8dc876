"""Primitives that rearrange elements."""

from __future__ import annotations

from typing import Any

from .table import primitive

Array = Any

reshape = primitive("reshape", vjp=lambda g, x_shape, xp: xp.reshape(g, shape=x_shape), view=True)


def _permute(g: Array, axes: tuple[int, ...], xp: Any) -> Array:
    return xp.permute_dims(g, axes=tuple(sorted(range(len(axes)), key=axes.__getitem__)))


permute_dims = primitive("permute_dims", vjp=_permute, view=True)
broadcast_to = primitive("broadcast_to", vjp=lambda g: g, broadcasts=True, view=True)  # the sweep sums it down
flip = primitive("flip", vjp=lambda g, axis, xp: xp.flip(g, axis=axis), view=True)


def _unroll(g: Array, shift: Any, axis: Any, xp: Any) -> Array:
    back = tuple(-s for s in shift) if isinstance(shift, tuple) else -shift
    return xp.roll(g, shift=back, axis=axis)


roll = primitive("roll", vjp=_unroll)


def _unpad(g: Array, widths: tuple[tuple[int, int], ...]) -> Array:
    return g[tuple(slice(before, n - after) for (before, after), n in zip(widths, g.shape, strict=True))]


pad = primitive("pad", vjp=_unpad)
tril = primitive("tril", vjp=lambda g, k, xp: xp.tril(g, k=k))
triu = primitive("triu", vjp=lambda g, k, xp: xp.triu(g, k=k))


def _part(g: Array, i: int, axis: int, ends: tuple[int, ...]) -> Array:
    return g[(slice(None),) * axis + (slice(ends[i - 1] if i else 0, ends[i]),)]


# `ends` are the positions along the axis at which the inputs end.
concat = primitive("concat", inputs="xs", vjp=_part, variadic=True, broadcasts=True)
stack = primitive(
    "stack",
    inputs="xs",
    vjp=lambda g, i, axis: g[(slice(None),) * axis + (i,)],
    variadic=True,
    broadcasts=True,
)

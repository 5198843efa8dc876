"""Composite functions that are worth a row of their own: a backend may fuse them, and they save fewer arrays.

Their rules call `xp.<name>_vjp`, which `backends.base.Composed` writes out in terms of other functions; a backend may
replace it with a kernel.
"""

from __future__ import annotations

from .table import primitive

softmax = primitive("softmax", vjp=lambda g, out, axis, xp: xp.softmax_vjp(g, out, axis), floats=True)
log_softmax = primitive("log_softmax", vjp=lambda g, out, axis, xp: xp.log_softmax_vjp(g, out, axis), floats=True)

# Losses (N,) of logits (N, C) and class indices (N,).
cross_entropy = primitive(
    "cross_entropy",
    inputs="x targets",
    vjp=lambda g, out, x, targets, ignore_index, label_smoothing, xp: xp.cross_entropy_vjp(
        g, x, targets, ignore_index, label_smoothing, losses=out
    ),
)

# Over the last axis; weight and bias (C,) may be None.
layer_norm = primitive(
    "layer_norm",
    inputs="x weight bias",
    vjp=(
        lambda g, x, weight, eps, xp: xp.layer_norm_vjp(g if weight is None else g * weight, x, eps),
        lambda g, x, eps, xp: g * xp.standardize(x, eps),
        lambda g: g,
    ),
    broadcasts=True,
)

# x where mask, else 0, times scale.
dropout = primitive("dropout", inputs="x mask", vjp=lambda g, mask, scale, xp: xp.dropout(g, mask, scale=scale))

"""The public array functions, by subject, and the Tensor methods made from them."""

from __future__ import annotations

from ..tensor import Tensor
from . import arranging, creation, elementwise, indexing, linalg, norms, reductions, scatter, sets, shaping

# Functions that read well as methods of their first argument.
METHODS = {
    elementwise: "abs square sqrt reciprocal exp expm1 log log1p log2 log10 sin cos tan asin acos atan sinh cosh tanh "
    "asinh acosh atanh sigmoid relu erf silu gelu softplus sign floor ceil trunc round maximum minimum clip pow "
    "fmod isclose allclose isnan isinf isfinite",
    reductions: "sum mean prod max min var std any all argmax argmin logsumexp cumulative_sum cumulative_prod",
    linalg: "matmul vecdot outer tensordot trace",
    shaping: "reshape flatten permute_dims moveaxis swapaxes expand_dims squeeze broadcast_to unstack split flip roll "
    "pad tile repeat tril triu",
    arranging: "diff diagonal",
    scatter: "scatter scatter_add scatter_reduce cummax cummin",
    indexing: "take take_along_axis sort argsort topk nonzero",
}

for _module, _names in METHODS.items():
    for _name in _names.split():
        setattr(Tensor, _name, getattr(_module, _name))

__all__ = [
    "arranging",
    "creation",
    "elementwise",
    "indexing",
    "linalg",
    "norms",
    "reductions",
    "scatter",
    "sets",
    "shaping",
]

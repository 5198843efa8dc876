"""How tensors come by their methods: from the functions of `minigrad.ops`, and under the names that others give them.

Start with `METHODS`, the table below. `synonyms` are PyTorch's and NumPy's names for methods, `numpy_names` what NumPy
asks of its arguments, so that `np.sum(t)` is a tensor.
"""

from functools import cache
from typing import Any

from ...advice.missing import with_keywords
from ...tensors.tensor import Tensor
from .. import arranging, creation, elementwise, indexing, linalg, reductions, scatter, shaping
from . import numpy_names, synonyms

# Functions that read well as methods of their first argument.
METHODS = {
    elementwise: "abs square sqrt reciprocal exp expm1 log log1p log2 log10 sin cos tan asin acos atan sinh cosh tanh "
    "asinh acosh atanh sigmoid relu erf silu gelu softplus sign floor ceil trunc maximum minimum clip pow "
    "fmod isclose allclose isnan isinf isfinite",
    reductions: "sum mean prod max min var std any all argmax argmin logsumexp cumulative_sum cumulative_prod",
    linalg: "matmul vecdot outer tensordot trace",
    shaping: "reshape flatten permute_dims moveaxis swapaxes expand_dims squeeze broadcast_to unstack split flip roll "
    "pad tile tril triu",
    arranging: "diff diagonal",
    scatter: "scatter scatter_add scatter_reduce cummax cummin",
    indexing: "take take_along_axis sort argsort topk nonzero",
}

# Functions with axes, as users call them: other frameworks name the keywords otherwise, and errors say so.
_advised = cache(with_keywords)  # one for a function with two names
ADVISED: dict[str, Any] = {
    name: _advised(function)
    for module in (creation, reductions, shaping, indexing, arranging, scatter)
    for name, function in vars(module).items()
    if callable(function) and getattr(function, "__module__", "") == module.__name__ and not name.startswith("_")
}

ADVISED["round"] = _advised(elementwise.round)

for _function in ADVISED.values():
    _function.__module__ = "minigrad"  # where pickle finds it

for _module, _names in METHODS.items():
    for _name in _names.split():
        setattr(Tensor, _name, ADVISED.get(_name) or getattr(_module, _name))

for _method in synonyms.METHODS:
    setattr(Tensor, _method.__name__, _method)

for _method in (numpy_names.array_ufunc, numpy_names.array_function):
    setattr(Tensor, f"__{_method.__name__}__", _method)

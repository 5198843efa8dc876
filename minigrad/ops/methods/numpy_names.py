"""NumPy's functions on tensors: `np.sum(t)`, `np.sin(t)`, `array @ t` give tensors and keep gradients.

NumPy asks the arguments of its functions (`__array_ufunc__`, `__array_function__`; NEP 13 and NEP 18). What it calls by
a name of the table below becomes our function. Of anything else tensors without history become NumPy arrays, and of a
tensor that requires gradients it is refused, because they would be lost.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from ...advice.names import NAMES
from ...backends.numpy import DIRECT
from ...engine.record import apply
from ...engine.scope import MODE
from ...primitives import PRIMITIVES
from ...tensors.tensor import Tensor
from .. import arranging, creation, elementwise, indexing, linalg, norms, reductions, shaping
from ..arguments import INTEGERS, as_tensor

UFUNCS = {name: row for name, row in PRIMITIVES.items() if isinstance(getattr(np, name, None), np.ufunc)}
UFUNCS |= {theirs: PRIMITIVES[ours] for ours, theirs in DIRECT.items() if ours in PRIMITIVES}
UFUNCS["rint"] = PRIMITIVES["round"]


def _reduction(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda a, axis=None, *, keepdims=False: function(a, axis, keepdims=keepdims)


def _typed(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda a, axis=None, *, dtype=None, keepdims=False: function(a, axis, dtype=dtype, keepdims=keepdims)


def _spread(function: Callable[..., Any]) -> Callable[..., Any]:
    def of(a: Any, axis: Any = None, *, ddof: float = 0, correction: float = 0, keepdims: bool = False) -> Tensor:
        return function(a, axis, correction=ddof or correction, keepdims=keepdims)

    return of


def _dot(a: Any, b: Any) -> Tensor:
    x, y = as_tensor(a), as_tensor(b)
    if not (x.ndim and y.ndim):
        return x * y
    return linalg.matmul(x, y) if y.ndim <= 2 else linalg.tensordot(x, y, ([x.ndim - 1], [y.ndim - 2]))


def _inner(a: Any, b: Any) -> Tensor:
    x, y = as_tensor(a), as_tensor(b)
    return linalg.tensordot(x, y, ([x.ndim - 1], [y.ndim - 1])) if x.ndim and y.ndim else x * y


def _pad(array: Any, pad_width: Any, mode: str = "constant", *, constant_values: float = 0) -> Tensor:
    if mode != "constant":
        raise TypeError(f"pad is done with a constant here, not by mode={mode!r}")
    return shaping.pad(array, pad_width, constant_values)


def _split(ary: Any, sections: int, axis: int = 0) -> Any:
    if not isinstance(sections, INTEGERS):
        raise TypeError("np.split takes the positions of the cuts, mg.split the sizes of the pieces: use mg.split")
    return shaping.split(ary, sections, axis)


def _where(condition: Any, *xs: Any) -> Any:
    return elementwise.where(condition, *xs) if xs else indexing.nonzero(condition)


def _flat_without(function: Callable[..., Any]) -> Callable[..., Any]:
    """NumPy's meaning of no axis: of all elements, one after the other."""
    return lambda a, *others, axis=None: (
        function(shaping.flatten(a), *others, 0) if axis is None else function(a, *others, axis)
    )


# NumPy's name -> our function, with NumPy's names and order of the parameters that it has here.
FUNCTIONS: dict[str, Callable[..., Any]] = {
    # reductions
    **{name: _reduction(getattr(reductions, name)) for name in "mean max min any all count_nonzero".split()},
    "sum": _typed(reductions.sum),
    "prod": _typed(reductions.prod),
    "amax": _reduction(reductions.max),
    "amin": _reduction(reductions.min),
    "argmax": _reduction(reductions.argmax),
    "argmin": _reduction(reductions.argmin),
    "std": _spread(reductions.std),
    "var": _spread(reductions.var),
    "cumsum": lambda a, axis=None: _flat_without(reductions.cumulative_sum)(a, axis=axis),
    "cumprod": lambda a, axis=None: _flat_without(reductions.cumulative_prod)(a, axis=axis),
    "cumulative_sum": reductions.cumulative_sum,
    # element-wise
    "clip": lambda a, a_min=None, a_max=None, *, min=None, max=None: elementwise.clip(
        a, min if a_min is None else a_min, max if a_max is None else a_max
    ),
    "where": _where,
    "round": lambda a, decimals=0: round(as_tensor(a), decimals),
    "around": lambda a, decimals=0: round(as_tensor(a), decimals),
    # products
    "dot": _dot,
    "inner": _inner,
    "outer": lambda a, b: linalg.outer(shaping.flatten(a), shaping.flatten(b)),
    "tensordot": lambda a, b, axes=2: linalg.tensordot(a, b, axes),
    "einsum": linalg.einsum,
    "linalg.norm": norms.norm,
    "linalg.vector_norm": norms.vector_norm,
    "linalg.matrix_norm": norms.matrix_norm,
    "cross": lambda a, b, axis=-1: norms.cross(a, b, axis),
    "trace": lambda a, offset=0, axis1=0, axis2=1: linalg.trace(a, offset, axis1, axis2),
    "diagonal": lambda a, offset=0, axis1=0, axis2=1: arranging.diagonal(a, offset, axis1, axis2),
    "diff": lambda a, n=1, axis=-1: arranging.diff(a, axis=axis, n=n),
    "matrix_transpose": linalg.matrix_transpose,
    # shape
    "concatenate": lambda arrays, axis=0: shaping.concat(arrays, axis),
    "vstack": lambda tup: arranging.vstack(tup),
    "hstack": lambda tup: arranging.hstack(tup),
    "stack": lambda arrays, axis=0: shaping.stack(arrays, axis),
    "unstack": lambda x, *, axis=0: shaping.unstack(x, axis),
    "split": _split,
    "reshape": lambda a, shape: shaping.reshape(a, shape),
    "ravel": lambda a: shaping.flatten(a),
    "transpose": lambda a, axes=None: shaping.permute_dims(a, range(a.ndim)[::-1] if axes is None else axes),
    "swapaxes": lambda a, axis1, axis2: shaping.swapaxes(a, axis1, axis2),
    "moveaxis": lambda a, source, destination: shaping.moveaxis(a, source, destination),
    "expand_dims": lambda a, axis: shaping.expand_dims(a, axis),
    "squeeze": lambda a, axis=None: shaping.squeeze(a, axis),
    "broadcast_to": lambda array, shape: shaping.broadcast_to(array, shape),
    "flip": lambda m, axis=None: shaping.flip(m, axis),
    "roll": lambda a, shift, axis=None: shaping.roll(a, shift, axis),
    "tile": lambda A, reps: shaping.tile(A, [int(reps)] if isinstance(reps, INTEGERS) else reps),
    "repeat": lambda a, repeats, axis=None: shaping.repeat(a, repeats, axis=axis),
    "pad": _pad,
    "tril": lambda m, k=0: shaping.tril(m, k),
    "triu": lambda m, k=0: shaping.triu(m, k),
    "copy": lambda a: as_tensor(a).clone(),
    # indexing and order
    "take": lambda a, indices, axis=None: _flat_without(indexing.take)(a, indices, axis=axis),
    "take_along_axis": lambda arr, indices, axis=-1: indexing.take_along_axis(arr, indices, axis),
    "sort": lambda a, axis=-1: indexing.sort(a, axis),
    "argsort": lambda a, axis=-1: indexing.argsort(a, axis),
    "nonzero": lambda a: indexing.nonzero(a),
    # creation
    "zeros_like": lambda a, dtype=None: creation.zeros_like(a, dtype),
    "ones_like": lambda a, dtype=None: creation.ones_like(a, dtype),
    "empty_like": lambda prototype, dtype=None: creation.empty_like(prototype, dtype),
    "full_like": lambda a, fill_value, dtype=None: creation.full_like(a, fill_value, dtype),
}

# They tell about values or shapes, and have no derivative that could be lost.
WITHOUT_DERIVATIVE = frozenset(
    "allclose isclose array_equal isin searchsorted "
    " array_equiv shape ndim size argwhere flatnonzero array_repr array_str array2string "
    "result_type can_cast iscomplexobj isrealobj may_share_memory shares_memory min_scalar_type".split()
)


def array_ufunc(self: Tensor, ufunc: Any, method: str, *inputs: Any, out: Any = None, **options: Any) -> Any:
    """What NumPy's element-wise functions and `array @ tensor` do with tensors among their inputs."""
    name = ufunc.__name__
    row = UFUNCS.get(name)
    if out is not None:
        if any(isinstance(x, Tensor) for x in out):
            raise TypeError(f"np.{name} cannot write into a tensor (out=): tensors do not change in place")
        values = _values(inputs, f"np.{name} into an array (a += t, out=a)", "write a = a + t, which is a tensor, or ")
        return getattr(ufunc, method)(*values, out=out, **options)
    if row is None or method != "__call__":
        what = f"np.{name}" if method == "__call__" else f"np.{name}.{method}"
        return getattr(ufunc, method)(*_values(inputs, what, _instead(what.removeprefix("np."))), **options)
    if options:
        raise TypeError(f"np.{name} of a tensor takes no {', '.join(options)}: use mg.{row.name}")
    return apply(row, inputs)


def array_function(self: Tensor, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
    """What NumPy's other functions do with tensors among their arguments."""
    module = function.__module__.removeprefix("numpy").removeprefix(".")
    name = f"{module}.{function.__name__}" if module else function.__name__
    ours = FUNCTIONS.get(name)
    if ours is None:
        lossless = name in WITHOUT_DERIVATIVE
        given = _values((args, kwargs), f"np.{name}", _instead(name), lossless)
        return function(*given[0], **given[1])
    try:
        bound = inspect.signature(ours).bind(*args, **kwargs)
    except TypeError as error:
        raise TypeError(f"np.{name} of a tensor: {error}; use minigrad's function of that purpose") from None
    return ours(*bound.args, **bound.kwargs)


# Where NumPy means something else than PyTorch by a name: what to write.
OTHERWISE = {
    "select": "mg.where(condition, x, default)",
    "median": "(s[(len(s) - 1) // 2] + s[len(s) // 2]) / 2, of s = mg.sort(x.flatten())",
    "add.reduce": "mg.sum(x, axis=0)",
    "multiply.reduce": "mg.prod(x, axis=0)",
    "maximum.reduce": "mg.max(x, axis=0)",
    "minimum.reduce": "mg.min(x, axis=0)",
    "add.accumulate": "mg.cumulative_sum(x, axis=0)",
    "multiply.accumulate": "mg.cumulative_prod(x, axis=0)",
    "add.at": "x.at[index].add(values)",
}


def _instead(name: str) -> str:
    """What to write for a function of NumPy's with gradients, if that is known, as the beginning of advice."""
    if (code := OTHERWISE.get(name)) is None and name != "save":
        code = NAMES.get(name)
    if code is None and callable(getattr(sys.modules["minigrad"], name, None)):
        code = f"mg.{name}"
    return "" if code is None else f"write {code} of tensors, or "


def _values(x: Any, what: str, instead: str = "", lossless: bool = False) -> Any:
    """`x`, or what it holds, with NumPy arrays in place of tensors. Raises TypeError where gradients would be lost."""
    if isinstance(x, Tensor):
        if x.node is not None and MODE.get().recording and not lossless:
            raise TypeError(
                f"{what} would lose the gradients of a tensor: {instead}use a function of minigrad, "
                "or t.detach().numpy() where no gradient is wanted"
            )
        return np.asarray(x.detach())
    if isinstance(x, (list, tuple)):
        parts = [_values(part, what, instead, lossless) for part in x]
        return parts if isinstance(x, list) else tuple(parts)
    if isinstance(x, dict):
        return {key: _values(part, what, instead, lossless) for key, part in x.items()}
    return x

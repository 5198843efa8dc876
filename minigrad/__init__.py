"""minigrad: an autograd framework that a person can read in an afternoon and use for real work.

To read it, start with `primitives` (what is computed, and its derivatives) and `engine` (how it is recorded and swept);
then `tensors` and `ops`, the tensor and its functions. `nn`, `optim`, `data` and `training` are built on these, and
`inspect` looks at what was recorded.
"""

from math import e, inf, nan, pi
from typing import TYPE_CHECKING

from . import dtypes
from .advice.missing import answer_names, on_missing
from .backends import BackendError, default_backend, get_backend, set_float32_matmul_precision, use_backend
from .dtypes import (
    bool,
    can_cast,
    finfo,
    float16,
    float32,
    float64,
    iinfo,
    int8,
    int16,
    int32,
    int64,
    isdtype,
    uint8,
    uint16,
    uint32,
    uint64,
)
from .dtypes import promoted as result_type
from .engine.recording import enable_grad, gc_paused, is_grad_enabled, no_grad
from .engine.scope import current_scope, scope
from .engine.tape import GraphError
from .moved import answer_at_old_places
from .ops import ADVISED
from .ops.arranging import diagonal, diff, hstack, meshgrid, vstack
from .ops.creation import (
    arange,
    asarray,
    empty,
    empty_like,
    eye,
    from_dlpack,
    full,
    full_like,
    linspace,
    ones,
    ones_like,
    tensor,
    zeros,
    zeros_like,
)
from .ops.elementwise import (
    abs,
    acos,
    acosh,
    add,
    allclose,
    asin,
    asinh,
    atan,
    atan2,
    atanh,
    bitwise_and,
    bitwise_invert,
    bitwise_left_shift,
    bitwise_or,
    bitwise_right_shift,
    bitwise_xor,
    ceil,
    clip,
    conj,
    copysign,
    cos,
    cosh,
    divide,
    equal,
    erf,
    exp,
    expm1,
    floor,
    floor_divide,
    fmod,
    gelu,
    greater,
    greater_equal,
    hypot,
    imag,
    isclose,
    isfinite,
    isinf,
    isnan,
    less,
    less_equal,
    log,
    log1p,
    log2,
    log10,
    logaddexp,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    maximum,
    minimum,
    multiply,
    negative,
    nextafter,
    not_equal,
    positive,
    pow,
    real,
    reciprocal,
    relu,
    remainder,
    round,
    sigmoid,
    sign,
    signbit,
    silu,
    sin,
    sinh,
    softplus,
    sqrt,
    square,
    subtract,
    tan,
    tanh,
    trunc,
    where,
)
from .ops.indexing import (
    argsort,
    nonzero,
    one_hot,
    searchsorted,
    sort,
    take,
    take_along_axis,
    topk,
)
from .ops.linalg import (
    einsum,
    matmul,
    matrix_transpose,
    outer,
    tensordot,
    trace,
    vecdot,
)
from .ops.reductions import (
    all,
    any,
    argmax,
    argmin,
    count_nonzero,
    cumulative_prod,
    cumulative_sum,
    logsumexp,
    max,
    mean,
    min,
    prod,
    std,
    sum,
    var,
)
from .ops.scatter import cummax, cummin, scatter, scatter_add, scatter_reduce
from .ops.shaping import (
    astype,
    broadcast_arrays,
    broadcast_shapes,
    broadcast_tensors,
    broadcast_to,
    concat,
    expand_dims,
    flatten,
    flip,
    moveaxis,
    pad,
    permute_dims,
    repeat,
    reshape,
    roll,
    split,
    squeeze,
    stack,
    swapaxes,
    tile,
    tril,
    triu,
    unstack,
)
from .tensors.array_api import __array_namespace_info__
from .tensors.tensor import Parameter, Tensor

if TYPE_CHECKING:  # for what is in LATER
    from . import autograd, functional, linalg, metrics, nn, optim, random, tree
    from .autograd import differentiate, grad, gradcheck, gradgradcheck, hvp, jacobian, value_and_grad, vjp
    from .engine.custom import primitive
    from .functional import ctc
    from .inspect.explain import explain
    from .inspect.observe import AnomalyError, Tape, detect_anomaly
    from .ops.sets import isin, unique_all, unique_counts, unique_inverse, unique_values
    from .random import manual_seed
    from .recomputing import recompute
    from .saving import load, save
    from .threads import get_num_threads, set_num_threads

# What not every program needs is loaded when it is first asked for: a part of minigrad -> the names found there.
LATER = {
    "autograd": "differentiate grad gradcheck gradgradcheck hvp jacobian value_and_grad vjp",
    "data": "",
    "dtypes": "bfloat16",  # which needs a package that may not be there
    "engine.custom": "primitive",
    "functional": "ctc",
    "inspect.explain": "explain",
    "inspect.observe": "AnomalyError Tape detect_anomaly",
    "linalg": "",
    "metrics": "",
    "models": "",
    "nn": "",
    "ops.sets": "isin unique_all unique_counts unique_inverse unique_values",
    "optim": "",
    "random": "manual_seed",
    "recomputing": "recompute",
    "saving": "load save",
    "threads": "get_num_threads set_num_threads",
    "tools": "",
    "training": "",
    "tree": "",
}

__version__ = "0.1.0"
__array_api_version__ = "2024.12"

newaxis = None  # in brackets: an axis of size 1

# What `from minigrad import *`, help() and type checkers take for public.
# fmt: off
__all__ = [
    "AnomalyError", "BackendError", "GraphError", "Parameter", "Tape", "Tensor", "__array_namespace_info__", "abs",
    "acos", "acosh", "add", "all", "allclose", "any", "arange", "argmax", "argmin", "argsort", "asarray", "asin",
    "asinh", "astype", "atan", "atan2", "atanh", "autograd", "bitwise_and", "bitwise_invert", "bitwise_left_shift",
    "bitwise_or", "bitwise_right_shift", "bitwise_xor", "bool", "broadcast_arrays", "broadcast_shapes",
    "broadcast_tensors", "broadcast_to", "can_cast", "ceil", "clip", "concat", "conj", "copysign", "cos", "cosh",
    "count_nonzero", "ctc", "cummax", "cummin", "cumulative_prod", "cumulative_sum", "current_scope", "default_backend",
    "detect_anomaly", "diagonal", "diff", "differentiate", "divide", "dtypes", "e", "einsum", "empty", "empty_like",
    "enable_grad", "equal", "erf", "exp", "expand_dims", "explain", "expm1", "eye", "finfo", "flatten", "flip",
    "float16", "float32", "float64", "floor", "floor_divide", "fmod", "from_dlpack", "full", "full_like", "functional",
    "gc_paused", "gelu", "get_backend", "get_num_threads", "grad", "gradcheck", "gradgradcheck", "greater",
    "greater_equal", "hstack", "hvp", "hypot", "iinfo", "imag", "inf", "int16", "int32", "int64", "int8",
    "is_grad_enabled", "isclose", "isdtype", "isfinite", "isin", "isinf", "isnan", "jacobian", "less", "less_equal",
    "linalg", "linspace", "load", "log", "log10", "log1p", "log2", "logaddexp", "logical_and", "logical_not",
    "logical_or", "logical_xor", "logsumexp", "manual_seed", "matmul", "matrix_transpose", "max", "maximum", "mean",
    "meshgrid", "metrics", "min", "minimum", "moveaxis", "multiply", "nan", "negative", "newaxis", "nextafter", "nn",
    "no_grad", "nonzero", "not_equal", "one_hot", "ones", "ones_like", "optim", "outer", "pad", "permute_dims", "pi",
    "positive", "pow", "primitive", "prod", "random", "real", "reciprocal", "recompute", "relu", "remainder", "repeat",
    "reshape", "result_type", "roll", "round", "save", "scatter", "scatter_add", "scatter_reduce", "scope",
    "searchsorted", "set_float32_matmul_precision", "set_num_threads", "sigmoid", "sign", "signbit", "silu", "sin",
    "sinh", "softplus", "sort", "split", "sqrt", "square", "squeeze", "stack", "std", "subtract", "sum", "swapaxes",
    "take", "take_along_axis", "tan", "tanh", "tensor", "tensordot", "tile", "topk", "trace", "tree", "tril", "triu",
    "trunc", "uint16", "uint32", "uint64", "uint8", "unique_all", "unique_counts", "unique_inverse", "unique_values",
    "unstack", "use_backend", "value_and_grad", "var", "vecdot", "vjp", "vstack", "where", "zeros", "zeros_like",
]
# fmt: on

globals().update({name: f for name, f in ADVISED.items() if globals().get(name) is f.__wrapped__})

on_missing(__name__, LATER)
answer_names(Tensor, __all__)
answer_at_old_places(__name__)


def __dir__() -> list[str]:
    return [*__all__, *(name for name in globals() if name.startswith("__"))]

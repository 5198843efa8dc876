"""minigrad: an autograd framework that a person can read in an afternoon and use for real work."""

from functools import partial
from math import e, inf, nan, pi

from . import autograd, ctc, dtypes, functional, linalg, metrics, nn, optim, random, tree
from .advice import Answers
from .array_api import __array_namespace_info__
from .autograd import differentiate, grad, gradcheck, gradgradcheck, hvp, jacobian, value_and_grad, vjp
from .backends import BackendError, default_backend, get_backend, set_float32_matmul_precision, use_backend
from .custom import primitive
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
from .explain import explain
from .observe import AnomalyError, Tape, detect_anomaly
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
from .ops.sets import isin, unique_all, unique_counts, unique_inverse, unique_values
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
from .random import manual_seed
from .recompute import recompute
from .recording import enable_grad, gc_paused, is_grad_enabled, no_grad
from .scope import current_scope, scope
from .tape import GraphError
from .tensor import Parameter, Tensor
from .threads import get_num_threads, set_num_threads

__version__ = "0.1.0"
__array_api_version__ = "2024.12"

newaxis = None  # in brackets: an axis of size 1

globals().update({name: f for name, f in ADVISED.items() if globals().get(name) is f.__wrapped__})

# Names of other frameworks: attributes that are missing are answered with advice.
_answers = Answers(Tensor, globals(), functional.__all__)
Tensor.__getattr__ = lambda x, name: _answers.for_tensor(x, name)  # type: ignore[method-assign]
for _module in (autograd, functional, random, nn, nn.init, nn.utils, optim, optim.lr_scheduler):
    _module.__getattr__ = partial(_answers.for_module, _module.__name__)  # type: ignore[method-assign]


def __getattr__(name: str) -> object:
    if name == "bfloat16":  # which needs a package that may not be there
        return dtypes.bfloat16
    return _answers.for_module(__name__, name)

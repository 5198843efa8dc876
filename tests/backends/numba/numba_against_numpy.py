"""How the Numba backend is compared with the NumPy backend: the same numbers, types, shapes and errors.

The tests are in `test_numba_*.py`.
"""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("numba")

from minigrad.backends import get_backend

NUMPY, NUMBA = get_backend("numpy"), get_backend("numba")
FLOATS = [np.float32, np.float64]
RTOL = {np.dtype(np.float16): 2e-3, np.dtype(np.float32): 1e-5, np.dtype(np.float64): 1e-12}


def agree(actual, expected, inputs=()):
    """Shape and type are equal, and the numbers to rounding; what is near zero counts by the largest value.

    An operation that mixes types is as exact as the coarsest of its inputs.
    """
    assert actual.shape == expected.shape
    assert actual.dtype == expected.dtype
    rtol = max(RTOL.get(getattr(x, "dtype", None), 0) for x in (expected, *inputs))
    finite = np.abs(expected[np.isfinite(expected)])
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=rtol * finite.max(initial=0))


def check(name, *arrays, **settings):
    """Call both backends; results and, if there are any, errors agree."""
    with np.errstate(all="ignore"):
        try:
            expected = getattr(NUMPY, name)(*arrays, **settings)
        except Exception as error:
            with pytest.raises(type(error)):
                getattr(NUMBA, name)(*arrays, **settings)
            return
        agree(getattr(NUMBA, name)(*arrays, **settings), expected, arrays)


def random(*shape, dtype=np.float32, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def frozen(x):
    x = x.copy()
    x.flags.writeable = False
    return x


def unaligned(x):
    memory = np.zeros(x.nbytes + 1, np.uint8)
    out = memory[1:].view(x.dtype).reshape(x.shape)
    out[...] = x
    return out


LAYOUTS = {
    "contiguous": lambda x: x,
    "gate slice": lambda x: np.concatenate([x, x, x], axis=-1)[..., x.shape[-1] : 2 * x.shape[-1]],
    "strided": lambda x: np.repeat(x, 2, axis=-1)[..., ::2],
    "transposed": lambda x: x.T.copy().T,
    "reversed": lambda x: x[..., ::-1],
    "rows reversed": lambda x: x[::-1],
    "frozen": frozen,
    "unaligned": unaligned,
    "broadcast": lambda x: np.broadcast_to(x[..., :1], x.shape),
    "swapped bytes": lambda x: x.astype(x.dtype.newbyteorder()),
}


def first_row(x):
    return x[(0,) * (x.ndim - 1)]


# name -> how to call it with x, and g of the same shape
CALLS = {
    "softmax": lambda b, x, g, axis: b.softmax(x, axis=axis),
    "softmax_vjp": lambda b, x, g, axis: b.softmax_vjp(g, x, axis),
    "log_softmax": lambda b, x, g, axis: b.log_softmax(x, axis=axis),
    "log_softmax_vjp": lambda b, x, g, axis: b.log_softmax_vjp(g, x, axis),
    "logsumexp": lambda b, x, g, axis: b.logsumexp(x, axis=axis),
    "logsumexp, kept": lambda b, x, g, axis: b.logsumexp(x, axis=axis, keepdims=True),
    "standardize": lambda b, x, g, axis: b.standardize(x, 1e-5),
    "layer_norm_vjp": lambda b, x, g, axis: b.layer_norm_vjp(g, x, 1e-5),
    "layer_norm": lambda b, x, g, axis: b.layer_norm(x, first_row(x), first_row(g), eps=1e-5),
    "sigmoid": lambda b, x, g, axis: b.sigmoid(x),
    "erf": lambda b, x, g, axis: b.erf(x),
    "sigmoid_vjp": lambda b, x, g, axis: b.sigmoid_vjp(g, x),
    "tanh_vjp": lambda b, x, g, axis: b.tanh_vjp(g, x),
    "dropout": lambda b, x, g, axis: b.dropout(x, g > 0, scale=1.25),
}


def check_call(name, x, g, axis=-1):
    with np.errstate(all="ignore"):
        agree(CALLS[name](NUMBA, x, g, axis), CALLS[name](NUMPY, x, g, axis), (x, g))


NAN, INF = np.nan, np.inf
ODD_ROWS = {
    "nan": [1, NAN, 2, 3, 4],
    "negative nan": [1, 2, 3, 4, np.copysign(NAN, -1)],
    "inf": [1, INF, 2, 3, 4],
    "two infs": [INF, INF, 2, 3, 4],
    "-inf": [1, 2, -INF, 3, -INF],
    "all -inf": [-INF] * 5,
    "inf and -inf": [INF, -INF, 0, 0, 0],
    "far apart": [-90, -100, 0, -103, -745],
    "large": [1e3, 1e4, -1e4, 9e3, 0],
    "tiny": [1e-30, -1e-30, 0, -0.0, 1e-38],
    "beyond exp": [88.0, 89.0, -88.0, -104.0, 709.0],
}

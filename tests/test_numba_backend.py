"""The Numba backend against the NumPy backend: the same numbers, types, shapes and errors, whatever it is given."""

from __future__ import annotations

import re
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("numba")

from numba import njit, types

from minigrad.backends import get_backend, numba_kernels, numba_norm, numba_updates

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
    "dropout": lambda b, x, g, axis: b.dropout(x, g > 0, scale=1.25),
}


def check_call(name, x, g, axis=-1):
    with np.errstate(all="ignore"):
        agree(CALLS[name](NUMBA, x, g, axis), CALLS[name](NUMPY, x, g, axis), (x, g))


# --- functions of rows ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (16, 64), (40, 333), (2, 3, 7), (0, 4)], ids=str)
def test_shapes(name, shape, dtype):
    if shape[0] == 0 and name == "layer_norm":
        pytest.skip("its call takes weight and bias from the rows")
    if shape[-1] == 1 and name == "layer_norm_vjp":
        pytest.skip("a single value is its own mean: all that is left is rounding")
    check_call(name, 3 * random(*shape, dtype=dtype), random(*shape, dtype=dtype, seed=1))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", CALLS)
def test_layouts(name, layout):
    if layout == "broadcast" and name in ("standardize", "layer_norm", "layer_norm_vjp"):
        pytest.skip("constant rows: all that is left is rounding")
    x, g = random(40, 30), random(40, 30, seed=1)
    check_call(name, LAYOUTS[layout](x), g)
    check_call(name, x, LAYOUTS[layout](g))


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -2, -3])
@pytest.mark.parametrize("name", ["softmax", "softmax_vjp", "log_softmax", "log_softmax_vjp", "logsumexp"])
def test_every_axis(name, axis):
    check_call(name, random(3, 4, 5), random(3, 4, 5, seed=1), axis)


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "logsumexp"])
def test_axis_out_of_range(name):
    check(name, random(3, 4), axis=2)
    check(name, random(3, 4), axis=-3)


def test_logsumexp_over_several_axes():
    check("logsumexp", random(3, 4))
    check("logsumexp", random(3, 4, 5), axis=(0, 2), keepdims=True)
    check("logsumexp", random(7), axis=0)


@pytest.mark.parametrize("name", CALLS)
def test_half_precision_falls_back(name):
    check_call(name, random(8, 12, dtype=np.float16), random(8, 12, dtype=np.float16, seed=1))


@pytest.mark.parametrize("name", ["softmax_vjp", "log_softmax_vjp", "layer_norm_vjp"])
def test_types_and_shapes_that_differ_fall_back(name):
    check_call(name, random(8, 12), random(8, 12, dtype=np.float64))
    check_call(name, random(8, 12), random(1, 12))


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


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("row", ODD_ROWS)
@pytest.mark.parametrize("name", CALLS)
def test_special_values(name, row, dtype):
    x = np.array([ODD_ROWS[row], [1, 2, 3, 4, 5]], dtype)
    g = random(2, 5, dtype=dtype)
    if row != "tiny" or "norm" not in name:
        check_call(name, x, g)
    if name.endswith("vjp"):
        check_call(name, random(2, 5, dtype=dtype), x)


@pytest.mark.parametrize("dtype", FLOATS)
def test_exponential_over_its_whole_range(dtype):
    """At most two units in the last place from the true value: half of the four that are allowed."""
    low, high, wide = (-104, 89, np.float64) if dtype == np.float32 else (-746, 710, np.longdouble)
    x = np.linspace(low, high, 200_001).astype(dtype)
    out = exponentials(x)
    with np.errstate(over="ignore", under="ignore"):
        true = np.exp(x.astype(wide))
        rounded = true.astype(dtype)
    finite = np.isfinite(rounded)
    assert np.array_equal(out[~finite], rounded[~finite])
    off = np.abs(out[finite].astype(wide) - true[finite]) / np.spacing(rounded[finite]).astype(wide)
    assert off.max() < 2
    odd = np.array([NAN, -NAN, INF, -INF, 0.0, -0.0, 1e30, -1e30], dtype)
    np.testing.assert_array_equal(exponentials(odd), np.array([NAN, NAN, INF, 0, 1, 1, INF, 0], dtype))


def exponentials(x):
    exp = numba_kernels.exp

    @njit(**numba_kernels.OPTIONS)
    def loop(x, out):
        for i in range(x.size):
            out[i] = exp(x[i])

    out = np.empty_like(x)
    loop(x, out)
    return out


# --- layer norm -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATS)
def test_layer_norm_with_and_without_weight_and_bias(dtype):
    x, weight, bias = random(4, 3, 24, dtype=dtype), random(24, dtype=dtype), random(24, dtype=dtype, seed=1)
    for w in (None, weight, weight[::-1], weight.astype(np.float16)):
        for b in (None, bias, bias.astype(np.float64)):
            check("layer_norm", x, w, b, eps=1e-5)
    check("layer_norm", x, weight[:1], bias, eps=1e-5)
    check("layer_norm", x[0, 0], weight, bias, eps=1e-5)


def test_layer_norm_of_constant_rows():
    x = np.full((2, 8), 3.0, np.float32)
    for eps in (1e-5, 0.0):
        check("standardize", x, eps)
        check("layer_norm_vjp", random(2, 8), x, eps)


# --- cross-entropy --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", [(1, 1), (6, 2), (5, 40), (30, 1000)], ids=str)
def test_cross_entropy(shape, dtype, smoothing):
    n, classes = shape
    x, g = 3 * random(n, classes, dtype=dtype), random(n, dtype=dtype, seed=1)
    targets = np.random.default_rng(2).integers(0, classes, n)
    targets[n // 2] = -100
    check("cross_entropy", x, targets, ignore_index=-100, label_smoothing=smoothing)
    check("cross_entropy_vjp", g, x, targets, ignore_index=-100, label_smoothing=smoothing)


@pytest.mark.parametrize("kind", ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", ">i4", "?"])
def test_cross_entropy_takes_any_integers(kind):
    targets = np.array([0, 1, 1, 0]).astype(kind)
    x, g = random(4, 3), random(4)
    for ignore in (-100, 1):
        check("cross_entropy", x, targets, ignore_index=ignore, label_smoothing=0.1)
        check("cross_entropy_vjp", g, x, targets, ignore_index=ignore, label_smoothing=0.1)


@pytest.mark.parametrize("bad", [-1, 3, 2**40])
def test_cross_entropy_refuses_classes_out_of_range(bad):
    with pytest.raises(IndexError, match=f"class index {bad} is out of range: expected 0 to 2"):
        NUMBA.cross_entropy(random(2, 3), np.array([0, bad]), ignore_index=-100, label_smoothing=0.0)


def test_cross_entropy_falls_back():
    x, targets = random(6, 4), np.array([0, 3, 1, 2, 0, 1])
    settings = {"ignore_index": -100, "label_smoothing": 0.1}
    check("cross_entropy", x.astype(np.float16), targets, **settings)
    check("cross_entropy", x[:0], targets[:0], **settings)
    check("cross_entropy", x[::2], targets[::2], **settings)
    check("cross_entropy", x.T.copy().T, targets, **settings)
    check("cross_entropy", x, targets[:2], **settings)
    check("cross_entropy_vjp", random(6, dtype=np.float64), x, targets, **settings)
    check("cross_entropy_vjp", np.broadcast_to(np.float32(1 / 6), 6), x[:, ::-1], targets, **settings)


@pytest.mark.parametrize("row", ODD_ROWS)
def test_cross_entropy_of_special_values(row):
    x = np.array([ODD_ROWS[row]] * 5, np.float32)
    for smoothing in (0.0, 0.1):
        check("cross_entropy", x, np.arange(5), ignore_index=-100, label_smoothing=smoothing)
        check("cross_entropy_vjp", random(5), x, np.arange(5), ignore_index=-100, label_smoothing=smoothing)


def test_ignored_rows_hide_their_logits():
    x = np.array([[1, NAN], [1, 2]], np.float32)
    targets = np.array([-100, 0])
    check("cross_entropy", x, targets, ignore_index=-100, label_smoothing=0.0)
    slope = NUMBA.cross_entropy_vjp(np.ones(2, np.float32), x, targets, -100, 0.0)
    assert np.array_equal(slope[0], [0, 0])


# --- element-wise ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", ["sigmoid", "erf"])
def test_elementwise_on_the_whole_line(name, dtype):
    check(name, np.concatenate([np.linspace(-800, 800, 1001), np.linspace(-8, 8, 1001)]).astype(dtype))
    check(name, np.array([NAN, INF, -INF, 0.0, -0.0, 1e-30, -1e-30], dtype))
    check(name, np.array(0.5, dtype))
    check(name, frozen(np.array(0.5, dtype)))
    check(name, np.empty((2, 0, 3), dtype))


def test_sigmoid_of_a_number_and_of_integers():
    assert NUMBA.sigmoid(np.float32(0)) == 0.5
    check("sigmoid", np.arange(3))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(3,), (64, 32)], ids=str)
def test_dropout(shape, dtype):
    x, mask = random(*shape, dtype=dtype), random(*shape, seed=1) > 0
    x.flat[0], x.flat[1], x.flat[2] = NAN, INF, -0.0
    for layout in LAYOUTS.values():
        check("dropout", layout(x), mask, scale=2)
    check("dropout", x, mask[..., ::-1], scale=1.25)
    check("dropout", x, mask[:1], scale=1.25)
    check("dropout", x, mask.astype(dtype), scale=1.25)


# --- indexing -------------------------------------------------------------------------------------------------


def check_add_at(x, index, values):
    expected, actual = x.copy(), x.copy()
    with np.errstate(all="ignore"):
        NUMPY.add_at(expected, index, values)
    NUMBA.add_at(actual, index, values)
    agree(actual, expected, (np.asarray(values),))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("kind", ["i1", "i4", "i8", "u2", "u8", ">i4"])
def test_add_at_rows(dtype, kind):
    index = np.random.default_rng(0).integers(0, 20, 100).astype(kind)
    for width in (1, 3, 64):
        check_add_at(random(20, width, dtype=dtype), index, random(100, width, dtype=dtype, seed=1))
    check_add_at(random(20, 4, 5, dtype=dtype), index, random(100, 4, 5, dtype=dtype))
    check_add_at(random(20, 8, dtype=dtype), index.reshape(4, 25), random(4, 25, 8, dtype=dtype))
    check_add_at(random(20, dtype=dtype), index, random(100, dtype=dtype))


def test_add_at_counts_negative_rows_from_the_end():
    check_add_at(random(20, 8), np.arange(-20, 20), random(40, 8))


@pytest.mark.parametrize("bad", [20, -21, 2**40])
def test_add_at_refuses_rows_out_of_range(bad):
    x = random(20, 8)
    index = np.arange(40) % 20
    index[30] = bad
    with pytest.raises(IndexError):
        NUMBA.add_at(x, index, random(40, 8))


INDICES = {
    "integer": 3,
    "slice": slice(2, 9),
    "basic": (slice(None, None, -1), None, 2),
    "boolean mask": np.arange(20) % 3 == 0,
    "boolean matrix": random(20, 16) > 0,
    "list": [1, 1, 2],
    "pair of arrays": (np.array([1, 1, 2]), np.array([0, 0, 5])),
    "array and slice": (np.array([1, 1, 2]), slice(3, 5)),
    "slice and array": (slice(None), np.array([1, 1, 2])),
    "tuple of one": (np.array([1, 1, 2]),),
    "no rows": np.array([], int),
    "single row": np.array(4),
}


@pytest.mark.parametrize("index", INDICES.values(), ids=list(INDICES))
def test_add_at_falls_back(index):
    x = random(20, 16)
    check_add_at(x, index, random(*x[index].shape, seed=1))
    check_add_at(x, index, 2.0)


def test_add_at_of_other_types_shapes_and_layouts():
    index = np.arange(60) % 20
    x, values = random(20, 16), random(60, 16, seed=1)
    check_add_at(x, index, values[0])
    check_add_at(x.astype(np.float64), index, values)
    check_add_at(x.astype(np.float16), index, values.astype(np.float16))
    check_add_at(x.astype(int), index, np.ones((60, 16), int))
    for layout in LAYOUTS.values():
        check_add_at(x, index, layout(values))
    expected, actual = random(20, 40), random(20, 40)
    NUMPY.add_at(expected[:, ::2], index[:30], random(30, 20, seed=1))
    NUMBA.add_at(actual[:, ::2], index[:30], random(30, 20, seed=1))
    agree(actual, expected)


def test_add_at_of_the_array_itself():
    expected, actual = random(20, 16), random(20, 16)
    index = np.arange(20) // 2
    NUMPY.add_at(expected, index, expected.copy())
    NUMBA.add_at(actual, index, actual)
    agree(actual, expected)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int64])
def test_one_hot(dtype):
    for index in (np.array([0, 3, 3]), np.array([[1], [-1]], np.int8), np.array(2), np.array([9, 1], np.uint64)):
        check("one_hot", index, n=4, dtype=dtype)
    check("one_hot", np.array([0.0, 2.0, 2.5]), n=4, dtype=dtype)
    check("one_hot", np.array([], int), n=4, dtype=dtype)
    check("one_hot", np.array([0, 1]), n=0, dtype=dtype)


# --- optimizer steps ------------------------------------------------------------------------------------------


def check_steps(make_step, shape, dtype, layout=lambda x: x, moments=2, steps=5):
    """Several steps on both backends, in place; everything that changes agrees."""
    results = []
    for backend in (NUMPY, NUMBA):
        arrays = [layout(random(*shape, dtype=dtype))]
        arrays += [layout(np.zeros(shape, dtype)) for _ in range(moments)]
        parameter = arrays[0]
        for t in range(steps):
            with np.errstate(all="ignore"):  # 1e-8 is zero in float16
                make_step(backend, arrays, random(*shape, dtype=dtype, seed=t + 1), t)
        assert arrays[0] is parameter
        results.append(arrays)
    for actual, expected in zip(results[1], results[0]):
        agree(actual, expected)


SGD = [
    {"momentum": momentum, "dampening": dampening, "nesterov": nesterov, "weight_decay": decay}
    for momentum, dampening, nesterov in ((0, 0, False), (0.9, 0, False), (0.9, 0.1, False), (0.9, 0, True))
    for decay in (0, 0.01)
]


def sgd(backend, arrays, g, t, lr=0.1, **settings):
    backend.sgd_step(arrays[0], g, arrays[1] if len(arrays) > 1 else None, lr=lr, first=t == 0, **settings)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("settings", SGD, ids=str)
def test_sgd(settings, dtype):
    moments = 1 if settings["momentum"] else 0
    for shape in ((), (3,), (40, 50), (0, 3)):
        check_steps(lambda *args: sgd(*args, **settings), shape, dtype, moments=moments)


def adam(backend, arrays, g, t, lr=0.1, weight_decay=0.0, decoupled=False):
    settings = {"lr": lr, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8}
    backend.adam_step(
        *arrays[:1], g, *arrays[1:], **settings, weight_decay=weight_decay, decoupled=decoupled, step=t + 1
    )


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize(("decay", "decoupled"), [(0, False), (0.01, False), (0, True), (0.01, True)])
def test_adam(decay, decoupled, dtype):
    for shape in ((), (3,), (40, 50), (0, 3)):
        check_steps(lambda *args: adam(*args, weight_decay=decay, decoupled=decoupled), shape, dtype)


@pytest.mark.parametrize("layout", ["strided", "transposed", "reversed", "unaligned"])
def test_steps_of_other_layouts(layout):
    settings = {"dampening": 0.0, "nesterov": False, "weight_decay": 0.0}
    for shape in ((6, 4), (40, 50)):
        check_steps(adam, shape, np.float32, LAYOUTS[layout])
        check_steps(lambda *a: sgd(*a, momentum=0.9, **settings), shape, np.float32, LAYOUTS[layout], moments=1)
        check_steps(lambda *a: sgd(*a, momentum=0.0, **settings), shape, np.float32, LAYOUTS[layout], moments=0)

    def with_layout(backend, arrays, g, t):
        adam(backend, arrays, LAYOUTS[layout](g), t)

    check_steps(with_layout, (40, 50), np.float32)


def test_steps_take_numpy_scalars_as_settings():
    check_steps(lambda *args: adam(*args, lr=np.float32(0.1)), (40, 50), np.float32)


# --- compilation ----------------------------------------------------------------------------------------------


def test_layouts_do_not_compile_again():
    """A kernel is compiled for a float type, not for each layout: what is unusual is copied or falls back."""

    def compiled():
        return sum(len(getattr(f, "signatures", ())) for module in modules for f in vars(module).values())

    modules = (numba_kernels, numba_norm, numba_updates)
    x, g = random(40, 30), random(40, 30, seed=1)
    for name in CALLS:
        check_call(name, x, g)
    before = compiled()
    for layout in LAYOUTS.values():
        for name in CALLS:
            CALLS[name](NUMBA, layout(x), layout(g), -1)
    assert compiled() == before


def test_loops_became_vector_instructions():
    """What makes the kernels fast: inner loops work on several numbers at a time. Cached code cannot be inspected."""
    matrix, vector, number = types.float32[:, ::1], types.float32[::1], types.float64
    kernels = {
        numba_kernels.sigmoid: (vector, vector),
        numba_kernels.erf: (vector, vector),
        numba_kernels.softmax: (matrix, matrix),
        numba_kernels.log_softmax_vjp: (matrix, matrix, matrix),
        numba_kernels.logsumexp: (matrix, vector),
        numba_norm.layer_norm: (matrix, vector, vector, number, matrix),
        numba_norm.layer_norm_vjp: (matrix, matrix, number, matrix),
        numba_updates.dropout: (vector, types.boolean[::1], number, vector),
        numba_updates.sgd_momentum: (vector,) * 3 + (number,) * 3 + (types.boolean, number),
        numba_updates.adam: (vector,) * 4 + (number,) * 7,
    }
    for kernel, signature in kernels.items():
        fresh = njit(**numba_kernels.OPTIONS)(kernel.py_func)
        fresh.compile(signature)
        (code,) = fresh.inspect_llvm().values()
        assert re.search(r"f(add|mul|sub|div) .*<\d+ x float>", code), kernel.__name__


def test_numba_is_imported_only_when_asked_for():
    code = "import sys, minigrad; assert 'numba' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)

"""The CUDA kernels over elements and rows, run by the emulator, against the NumPy backend's formulas in float64."""

import numpy as np
import pytest
from cuda.device import needs_compiler, run

from minigrad.backends import get_backend

ml_dtypes = pytest.importorskip("ml_dtypes", reason="bfloat16 on the host needs ml_dtypes")
pytestmark = needs_compiler

NUMPY = get_backend("numpy")
NAN, INF = np.nan, np.inf
STORED = [np.float16, ml_dtypes.bfloat16]  # computed with in float32
RTOL = {np.float32: 2e-6, np.float64: 4e-15}

# name -> kernel call (method, arguments) and the same in the base class's terms
ELEMENTS = {
    "sigmoid": (lambda x, g: ("sigmoid", x), lambda x, g: NUMPY.sigmoid(x)),
    "sigmoid_vjp": (lambda x, g: ("sigmoid_vjp", g, x), lambda x, g: NUMPY.sigmoid_vjp(g, x)),
    "tanh_vjp": (lambda x, g: ("tanh_vjp", g, x), lambda x, g: NUMPY.tanh_vjp(g, x)),
    "erf": (lambda x, g: ("erf", x), lambda x, g: NUMPY.erf(x)),
    "dropout": (lambda x, g: ("dropout", x, g > 0, 1.25), lambda x, g: NUMPY.dropout(x, g > 0, 1.25)),
}
ROWS = {
    "softmax": (lambda x, g: ("softmax", x), lambda x, g: NUMPY.softmax(x, -1)),
    "softmax_vjp": (lambda x, g: ("softmax_vjp", g, x), lambda x, g: NUMPY.softmax_vjp(g, x, -1)),
    "log_softmax": (lambda x, g: ("log_softmax", x), lambda x, g: NUMPY.log_softmax(x, -1)),
    "log_softmax_vjp": (lambda x, g: ("log_softmax_vjp", g, x), lambda x, g: NUMPY.log_softmax_vjp(g, x, -1)),
    "logsumexp": (lambda x, g: ("logsumexp", x), lambda x, g: NUMPY.logsumexp(x, -1)),
    "standardize": (lambda x, g: ("standardize", x, 1e-5), lambda x, g: NUMPY.standardize(x, 1e-5)),
    "layer_norm": (
        lambda x, g: ("layer_norm", x, g[0], x[0], 1e-5),
        lambda x, g: NUMPY.layer_norm(x, g[0], x[0], 1e-5),
    ),
    "layer_norm without bias": (
        lambda x, g: ("layer_norm", x, g[0], x[0, :0], 1e-5),
        lambda x, g: NUMPY.layer_norm(x, g[0], None, 1e-5),
    ),
    "layer_norm_vjp": (lambda x, g: ("layer_norm_vjp", g, x, 1e-5), lambda x, g: NUMPY.layer_norm_vjp(g, x, 1e-5)),
}
LENGTHS = [1, 31, 32, 33, 255, 257, 1000]
SHAPES = [(1, 1), (7, 5), (3, 31), (130, 32), (5, 33), (2, 255), (3, 257), (1, 1000), (2, 1025), (2, 5000), (2, 16400)]


def random(*shape, dtype, scale=1.0, seed=0):
    return (scale * np.random.default_rng(seed).normal(size=shape)).astype(dtype)


def call(call_of, x, g):
    """Run one of the calls above on the emulator."""
    method, *arguments = call_of(x, g)
    shape = x.shape[:1] if method == "logsumexp" else x.shape
    return run(method, *arguments, out=(shape, x.dtype))


def exact(of, x, g):
    """The result in float64, of what the numbers are in their own type."""
    with np.errstate(all="ignore"):
        return of(x.astype(np.float64), g.astype(np.float64))


def agree(actual, expected):
    """Equal to rounding, where what is near zero counts by the largest value."""
    assert actual.shape == expected.shape
    rtol = RTOL[actual.dtype.type]
    finite = np.abs(expected[np.isfinite(expected)])
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=rtol * finite.max(initial=0))


def check_stored(call_of, x, g):
    """A 16-bit result is the float32 result, rounded: bit for bit."""
    actual = call(call_of, x, g)
    single = call(call_of, x.astype(np.float32), g.astype(np.float32))
    with np.errstate(over="ignore"):
        expected = single.astype(x.dtype)
    odd = np.isnan(single)
    np.testing.assert_array_equal(np.isnan(actual.astype(np.float32)), odd)
    np.testing.assert_array_equal(actual[~odd].view(np.uint16), expected[~odd].view(np.uint16))


# --- elements ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", RTOL)
@pytest.mark.parametrize("name", ELEMENTS)
def test_elements(name, dtype):
    for n in LENGTHS:
        x, g = random(2, n, dtype=dtype, scale=3)
        agree(call(ELEMENTS[name][0], x, g), exact(ELEMENTS[name][1], x, g))


@pytest.mark.parametrize("dtype", RTOL)
@pytest.mark.parametrize("name", ELEMENTS)
def test_odd_elements(name, dtype):
    tiny = np.finfo(dtype).tiny
    x = np.array([NAN, INF, -INF, 0.0, -0.0, 1e4, -1e4, 88.5, -88.5, 709.5, -750, tiny, -tiny, 5.9, 6.1], dtype)
    for g in (np.ones_like(x), np.full_like(x, -1), np.full_like(x, NAN), np.full_like(x, INF)):
        with np.errstate(all="ignore"):
            agree(call(ELEMENTS[name][0], x, g), ELEMENTS[name][1](x, g))


@pytest.mark.parametrize("dtype", STORED)
@pytest.mark.parametrize("name", ELEMENTS)
def test_elements_of_16_bits(name, dtype):
    x = np.arange(2**16).astype(np.uint16).view(dtype)  # all of them
    check_stored(ELEMENTS[name][0], x, random(x.size, dtype=dtype))


def test_more_elements_than_threads():
    """Each thread takes several."""
    from minigrad.backends.cupy.kernels import MOST_BLOCKS, THREADS

    x = np.zeros(MOST_BLOCKS * THREADS + 1000, np.float32)
    x[-1] = x[5] = 1
    np.testing.assert_array_equal(run("dropout", x, x > 0, 2.0, out=(x.shape, x.dtype)), 2 * x)


# --- rows -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", RTOL)
@pytest.mark.parametrize("name", ROWS)
def test_rows(name, dtype):
    for seed, shape in enumerate(SHAPES):
        x, g = random(2, *shape, dtype=dtype, scale=2, seed=seed)
        agree(call(ROWS[name][0], x, g), exact(ROWS[name][1], x, g))


@pytest.mark.parametrize("name", ["standardize", "layer_norm", "layer_norm_vjp"])
def test_a_row_of_equal_numbers_has_no_variance(name):
    for n in (1, 40, 2000):
        x = np.full((2, n), 3.0)
        agree(call(ROWS[name][0], x, np.ones_like(x)), exact(ROWS[name][1], x, np.ones_like(x)))


ODD_ROWS = {
    "nan": [1, NAN, 2, 3, 4],
    "negative nan": [1, 2, 3, 4, np.copysign(NAN, -1)],
    "nan and inf": [INF, NAN, -INF, INF, 4],
    "inf": [1, INF, 2, 3, 4],
    "two infs": [INF, INF, 2, 3, 4],
    "-inf": [-INF, 1, 2, -INF, 3],
    "all -inf": [-INF] * 5,
    "all inf": [INF] * 5,
    "inf and -inf": [-INF, INF, 0, 0, 0],
    "far apart": [-90, -100, 0, -103, -745],
    "large": [1e3, 1e4, -1e4, 9e3, 0],
    "falling": [3e4, 2e4, 1e4, 0, -1e4],
    "equal": [7, 7, 7, 7, 7],
    "zeros": [0, -0.0, 0, 0, -0.0],
    "tiny": [1e-30, -1e-30, 0, -0.0, 1e-38],
}


@pytest.mark.parametrize("dtype", RTOL)
@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("row", ODD_ROWS)
def test_odd_rows(name, dtype, row):
    """Alone, and with many ordinary numbers behind, so that other threads and warps merge with them."""
    ordinary = random(1, 1500, dtype=dtype)
    for rest in (0, 60, 1500):
        x = np.concatenate([np.array([ODD_ROWS[row]], dtype), ordinary[:, :rest]], axis=1)
        g = random(*x.shape, dtype=dtype, seed=1)
        with np.errstate(all="ignore"):
            expected = exact(ROWS[name][1], x, g).astype(dtype)
        agree(call(ROWS[name][0], x, g), expected)


@pytest.mark.parametrize("dtype", STORED)
@pytest.mark.parametrize("name", ROWS)
def test_rows_of_16_bits(name, dtype):
    for shape in ((5, 33), (2, 1500)):
        x, g = random(2, *shape, dtype=dtype)
        check_stored(ROWS[name][0], x, g)
    x = np.array(list(ODD_ROWS.values())).astype(dtype)
    check_stored(ROWS[name][0], x, np.ones_like(x))


def test_a_long_sum_of_16_bits_is_exact():
    """The sum of 50,000 ones is far beyond what float16 could count to one by one."""
    x = np.zeros((1, 50_000), np.float16)
    assert run("logsumexp", x, out=((1,), x.dtype))[0] == np.float16(np.log(50_000))


# --- cross-entropy ----------------------------------------------------------------------------------------------------


def losses(x, targets, ignore=-100, smoothing=0.0, flags=0):
    return run("cross_entropy", x, targets, ignore, smoothing, out=(targets.shape, x.dtype), flags=flags)


def gradient(g, x, targets, ignore=-100, smoothing=0.0, flags=0):
    return run("cross_entropy_vjp", g, x, targets, ignore, smoothing, out=(x.shape, x.dtype), flags=flags)


@pytest.mark.parametrize("dtype", RTOL)
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
def test_cross_entropy(dtype, smoothing):
    for seed, (rows, n) in enumerate([*SHAPES, (2, 50_000)]):
        x = random(rows, n, dtype=dtype, scale=3, seed=seed)
        targets = np.random.default_rng(seed).integers(0, n, rows)
        targets[:: max(rows, 3)] = n - 1
        targets[1::3] = -100
        g = random(rows, dtype=dtype)
        settings = -100, smoothing
        agree(losses(x, targets, *settings), NUMPY.cross_entropy(x.astype(np.float64), targets, *settings))
        expected = NUMPY.cross_entropy_vjp(g.astype(np.float64), x.astype(np.float64), targets, *settings)
        agree(gradient(g, x, targets, *settings), expected)


@pytest.mark.parametrize("dtype", RTOL)
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_of_odd_rows(dtype, smoothing):
    x = np.array(list(ODD_ROWS.values()), dtype)
    g = np.ones(len(x), dtype)
    for target in range(5):
        targets = np.full(len(x), target)
        with np.errstate(all="ignore"):
            expected = NUMPY.cross_entropy(x.astype(np.float64), targets, -100, smoothing)
            slopes = NUMPY.cross_entropy_vjp(g.astype(np.float64), x.astype(np.float64), targets, -100, smoothing)
        agree(losses(x, targets, smoothing=smoothing), expected)
        agree(gradient(g, x, targets, smoothing=smoothing), slopes)


@pytest.mark.parametrize("n", [5, 1500])
def test_an_ignored_row_is_not_looked_at(n):
    x = np.full((3, n), NAN, np.float32)
    x[1] = 0
    targets = np.array([2, 0, 2])
    np.testing.assert_allclose(losses(x, targets, ignore=2), [0, np.log(n), 0], rtol=1e-6)
    slopes = gradient(np.full(3, NAN, np.float32), x, targets, ignore=2)
    np.testing.assert_array_equal(slopes[[0, 2]], 0)
    assert np.isnan(slopes[1]).all()


@pytest.mark.parametrize("n", [5, 1500])
@pytest.mark.parametrize("bad", [-1, "n", -(2**62)])
def test_a_class_out_of_range_sets_a_flag(n, bad):
    x = random(4, n, dtype=np.float32)
    targets = np.array([0, n if bad == "n" else bad, -100, 3])
    fine = np.array([0, 1, -100, 3])
    actual, expected = losses(x, targets, flags=1), losses(x, fine)
    assert np.isnan(actual[1])
    np.testing.assert_array_equal(actual[[0, 2, 3]], expected[[0, 2, 3]])
    g = np.ones(4, np.float32)
    actual, expected = gradient(g, x, targets, flags=1), gradient(g, x, fine)
    assert np.isnan(actual[1]).all()
    np.testing.assert_array_equal(actual[[0, 2, 3]], expected[[0, 2, 3]])


@pytest.mark.parametrize("dtype", STORED)
def test_cross_entropy_of_16_bits(dtype):
    x, targets = random(5, 40, dtype=dtype), np.array([0, 39, 7, -100, 20])
    g = random(5, dtype=dtype)
    single = losses(x.astype(np.float32), targets, smoothing=0.1)
    np.testing.assert_array_equal(
        losses(x, targets, smoothing=0.1).view(np.uint16), single.astype(dtype).view(np.uint16)
    )
    slopes = gradient(g.astype(np.float32), x.astype(np.float32), targets, smoothing=0.1)
    actual = gradient(g, x, targets, smoothing=0.1)
    np.testing.assert_array_equal(actual.view(np.uint16), slopes.astype(dtype).view(np.uint16))

"""The CUDA kernels that write at indices, and those of optimizer steps, run by the emulator."""

import numpy as np
import pytest
from cuda.device import KERNELS, needs_compiler, run

from minigrad.backends import get_backend
from minigrad.backends.cupy import kernels as cuda_kernels

ml_dtypes = pytest.importorskip("ml_dtypes", reason="bfloat16 on the host needs ml_dtypes")
pytestmark = needs_compiler

NUMPY = get_backend("numpy")
FLOATS = [np.float16, ml_dtypes.bfloat16, np.float32, np.float64]
STEPS = {np.float32: 1e-6, np.float64: 1e-14}


def random(*shape, dtype, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def whole(*shape, dtype, seed=0):
    """Small integers as floats: any order of adding them gives the same sum."""
    return np.random.default_rng(seed).integers(-3, 4, shape).astype(dtype)


# --- ranges -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("index", "fits"),
    [([0, 4, -5, 2], True), ([0] * 1000, True), ([5], False), ([0] * 700 + [-6], False), ([2**62, 0], False)],
)
def test_a_range_is_checked_on_the_device(index, fits):
    index = np.array(index)
    for bit in (2, 4):
        run("check_range", index, 5, bit, flags=0 if fits else bit)
    run("in_range", index, 5, flags=0 if fits else cuda_kernels.INDEX_OUT_OF_RANGE)


def test_flags_add_up_until_they_are_cleared():
    kernels = KERNELS[0]
    kernels.check_range(np.array([9]), 5, cuda_kernels.CLASS_OUT_OF_RANGE)
    kernels.check_range(np.array([0]), 5, cuda_kernels.ROW_OUT_OF_RANGE)
    assert kernels.in_range(np.array([9]), 5) is True
    flags = int(kernels.flags[0])
    kernels.flags[0] = 0
    assert flags == cuda_kernels.CLASS_OUT_OF_RANGE | cuda_kernels.INDEX_OUT_OF_RANGE
    message = kernels.complaint(flags)
    assert "a class index of cross_entropy and an index was out of range" in message


# --- rows -------------------------------------------------------------------------------------------------------------


def add_rows(x, index, values, flags=0):
    return run("add_rows", x, index, values, flags=flags)[0]


def summed(x, index, values):
    out = x.astype(np.float64)
    np.add.at(out, index, values.astype(np.float64))
    return out


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("d", [1, 2, 3, 31, 32, 33, 100, 300])
def test_add_rows(dtype, d):
    """Exact, because the sums of small integers are."""
    rng = np.random.default_rng(d)
    for n, size in ((1, 1), (5, 3), (31, 40), (32, 2), (64, 1), (257, 300), (500, 7)):
        index = rng.integers(-size, size, n)
        x, values = whole(size, d, dtype=dtype), whole(n, d, dtype=dtype, seed=1)
        np.testing.assert_array_equal(add_rows(x, index, values).astype(np.float64), summed(x, index, values))


@pytest.mark.parametrize("length", [31, 32, 33, 63, 64, 65, 96])
@pytest.mark.parametrize("before", [0, 1, 31, 32, 33, 40, 63])
def test_a_run_of_one_row_wherever_it_lies(length, before):
    """Every length and place of a run with respect to the places where blocks begin."""
    index = np.concatenate([np.arange(before), np.full(length, before), before + 1 + np.arange(5)])
    index = np.random.default_rng(length).permutation(index)
    x, values = whole(before + 6, 3, dtype=np.float32), whole(index.size, 3, dtype=np.float32)
    np.testing.assert_array_equal(add_rows(x, index, values), summed(x, index, values))


def test_rows_so_wide_that_a_block_takes_several_tiles():
    index = np.array([0, 1] * 40)
    x, values = whole(2, 5000, dtype=np.float32), whole(80, 5000, dtype=np.float32)
    np.testing.assert_array_equal(add_rows(x, index, values), summed(x, index, values))


@pytest.mark.parametrize("dtype", STEPS)
def test_rows_that_repeat_often(dtype):
    index = np.random.default_rng(0).zipf(1.3, 3000) % 50
    x, values = random(50, 40, dtype=dtype), random(3000, 40, dtype=dtype)
    expected = summed(x, index, values)
    np.testing.assert_allclose(add_rows(x, index, values), expected, rtol=0, atol=100 * STEPS[dtype])


def test_a_short_run_is_added_in_order():
    index = np.array([1, 0, 1, 1, 0])
    values = random(5, 4, dtype=np.float32)
    x = random(2, 4, dtype=np.float32, seed=1)
    expected = x + np.array([values[1] + values[4], (values[0] + values[2]) + values[3]])
    np.testing.assert_array_equal(add_rows(x, index, values), expected)


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_a_sum_of_16_bits_is_rounded_once(dtype):
    values = random(300, 2, dtype=dtype)
    total = add_rows(np.zeros((1, 2), dtype), np.zeros(300, np.int64), values)
    single = add_rows(np.zeros((1, 2), np.float32), np.zeros(300, np.int64), values.astype(np.float32))
    np.testing.assert_array_equal(total.view(np.uint16), single.astype(dtype).view(np.uint16))


@pytest.mark.parametrize("n", [3, 100])
def test_a_row_that_does_not_exist_is_left_out_and_sets_a_flag(n):
    index = np.arange(n) % 4
    bad = index.copy()
    bad[0], bad[1], bad[2] = 4, -5, 2**40
    x, values = whole(4, 3, dtype=np.float32), whole(n, 3, dtype=np.float32)
    expected = summed(x, index[3:], values[3:])
    np.testing.assert_array_equal(add_rows(x, bad, values, flags=2), expected)
    np.testing.assert_array_equal(add_rows(x, np.full(n, 9), values, flags=2), x)


@pytest.mark.parametrize("dtype", FLOATS)
def test_one_hot(dtype):
    index = np.array([0, 3, 4, -1, 2, 2, 2**40])
    out = run("one_hot", index, np.zeros((7, 4), dtype))[1]
    expected = index[:, None] == np.arange(4)
    np.testing.assert_array_equal(out.astype(np.float64), expected)


# --- optimizer steps --------------------------------------------------------------------------------------------------

SIZES = [1, 31, 32, 33, 255, 257, 1000]


@pytest.mark.parametrize("dtype", STEPS)
@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_sgd(dtype, decay):
    for n in SIZES:
        p, g = random(2, n, dtype=dtype)
        expected = p.astype(np.float64)
        NUMPY.sgd_step(expected, g.astype(np.float64), None, **sgd_settings(0, 0, False, decay))
        np.testing.assert_allclose(run("sgd", p, g, 0.1, decay)[0], expected, rtol=0, atol=5 * STEPS[dtype])


def sgd_settings(momentum, dampening, nesterov, decay):
    rates = {"lr": 0.1, "momentum": momentum, "dampening": dampening}
    return {**rates, "nesterov": nesterov, "weight_decay": decay, "first": False}


@pytest.mark.parametrize("dtype", STEPS)
@pytest.mark.parametrize(("dampening", "nesterov", "decay"), [(0.0, False, 0.0), (0.3, False, 0.1), (0.0, True, 0.1)])
def test_sgd_with_momentum(dtype, dampening, nesterov, decay):
    for n in SIZES:
        p, g, velocity = random(3, n, dtype=dtype)
        expected = [x.astype(np.float64) for x in (p, g, velocity)]
        NUMPY.sgd_step(*expected, **sgd_settings(0.9, dampening, nesterov, decay))
        actual = run("sgd_momentum", p, g, velocity, 0.1, 0.9, 1 - dampening, nesterov, decay)
        for a, b in zip(actual, expected):
            np.testing.assert_allclose(a, b, rtol=0, atol=5 * STEPS[dtype])


ADAM = {
    "plain": (0.0, 1.0, {"weight_decay": 0.0, "decoupled": False}),
    "decay": (0.1, 1.0, {"weight_decay": 0.1, "decoupled": False}),
    "decoupled": (0.0, 1 - 0.01 * 0.1, {"weight_decay": 0.1, "decoupled": True}),
}


@pytest.mark.parametrize("dtype", STEPS)
@pytest.mark.parametrize("kind", ADAM)
def test_adam(dtype, kind):
    decay, shrink, settings = ADAM[kind]
    for n in SIZES:
        p, g, m = random(3, n, dtype=dtype)
        v = np.abs(random(n, dtype=dtype, seed=1))
        expected = [x.astype(np.float64) for x in (p, g, m, v)]
        NUMPY.adam_step(*expected, lr=0.01, beta1=0.9, beta2=0.99, eps=1e-8, step=3, **settings)
        shares, rates = (1 - 0.9, 0.99, 1 - 0.99), (0.01 / (1 - 0.9**3), (1 - 0.99**3) ** -0.5)
        actual = run("adam", p, g, m, v, *shares, 1e-8, decay, shrink, *rates)
        for a, b in zip(actual, expected):
            np.testing.assert_allclose(a, b, rtol=5 * STEPS[dtype], atol=5 * STEPS[dtype])


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_steps_of_16_bits_are_those_of_float32_rounded(dtype):
    arrays = [random(300, dtype=dtype, seed=seed) for seed in range(3)] + [np.abs(random(300, dtype=dtype, seed=3))]
    for method, count, settings in (
        ("sgd", 2, (0.1, 0.01)),
        ("sgd_momentum", 3, (0.1, 0.9, 0.9, False, 0.01)),
        ("adam", 4, (0.1, 0.99, 0.01, 1e-5, 0.01, 0.999, 0.1, 1.5)),
    ):
        actual = run(method, *arrays[:count], *settings)
        single = run(method, *(x.astype(np.float32) for x in arrays[:count]), *settings)
        for a, b in zip(actual, single):
            np.testing.assert_array_equal(a.view(np.uint16), b.astype(dtype).view(np.uint16))


def test_nan_and_infinity_pass_through_a_step():
    p, g = np.zeros(4, np.float32), np.array([np.nan, np.inf, -np.inf, 1], np.float32)
    np.testing.assert_array_equal(run("sgd", p, g, 1.0, 0.0)[0], -g)
    zeros = np.zeros(4, np.float32)
    after = run("adam", p, g, zeros, zeros, 0.1, 0.99, 0.01, 1e-8, 0.0, 1.0, 0.1, 1.0)
    np.testing.assert_array_equal(np.isfinite(after[0]), [False, False, False, True])

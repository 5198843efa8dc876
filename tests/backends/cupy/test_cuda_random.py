"""Random numbers of the CUDA kernels: the generator against published numbers, and the distributions made of it.

Seeds are fixed, so every figure below comes out the same each time. The bounds of statistics are those that a good
generator exceeds once in about 10,000 seeds.
"""

import math

import numpy as np
import pytest
from cuda.device import KERNELS, needs_compiler, run
from cuda.emulator import RawModule

from minigrad.backends.cupy import kernels as cuda_kernels

ml_dtypes = pytest.importorskip("ml_dtypes", reason="bfloat16 on the host needs ml_dtypes")
pytestmark = needs_compiler

SEED = 0x9E3779B97F4A7C15
N = 40_000
PRECISION = {np.float16: 11, ml_dtypes.bfloat16: 8, np.float32: 24, np.float64: 53}
FROM_COUNTER = {np.float16: 4, ml_dtypes.bfloat16: 4, np.float32: 4, np.float64: 2}


def draw(method, *settings, n=N, dtype=np.float32, key=SEED, offset=0):
    return run(method, key, offset, *settings, out=(n, dtype))


def philox(counter, key):
    """Philox4x32-10 in Python integers, written from the paper; counter: 4 words, key: 2 words."""
    for _ in range(10):
        first, second = 0xD2511F53 * counter[0], 0xCD9E8D57 * counter[2]
        counter = [
            second >> 32 ^ counter[1] ^ key[0],
            second & 0xFFFFFFFF,
            first >> 32 ^ counter[3] ^ key[1],
            first & 0xFFFFFFFF,
        ]
        key = [key[0] + 0x9E3779B9 & 0xFFFFFFFF, key[1] + 0xBB67AE85 & 0xFFFFFFFF]
    return counter


def words(key, offset, count):
    """The words of `count` counters."""
    made = [
        philox([c & 0xFFFFFFFF, c >> 32, 0, 0], [key & 0xFFFFFFFF, key >> 32]) for c in range(offset, offset + count)
    ]
    return np.array(made, np.uint64)


# --- the generator ----------------------------------------------------------------------------------------------------

# Counter, key, result: the known answers for philox4x32 with 10 rounds that the authors publish with Random123.
KNOWN = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]
ONE_BLOCK = """
KERNEL one_block_kernel(const uint32* c, uint32 key_0, uint32 key_1, uint32* out) {
    const Words result = philox({c[0], c[1], c[2], c[3]}, key_0, key_1);
    for (int k = 0; k < 4; k++) {
        out[k] = result.w[k];
    }
}
"""


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN)
def test_the_generator_gives_the_published_numbers(counter, key, answer):
    counter, key, answer = ([int(word, 16) for word in text.split()] for text in (counter, key, answer))
    assert philox(counter, key) == answer
    code = cuda_kernels.source("random") + ONE_BLOCK
    kernel = RawModule(code=code, options=cuda_kernels.options("float32")).get_function("one_block_kernel")
    out = np.zeros(4, np.uint32)
    kernel((1,), (1,), (np.array(counter, np.uint32), *map(np.uint32, key), out))
    assert out.tolist() == answer


@pytest.mark.parametrize("offset", [0, 7, 2**32 - 3, 2**63])
@pytest.mark.parametrize("key", [0, SEED, 2**64 - 1])
def test_bits(key, offset):
    """Element 2 i + k is words 2 k (low) and 2 k + 1 (high) of counter offset + i."""
    w = words(key, offset, 50)
    expected = (w[:, 1::2] << np.uint64(32) | w[:, ::2]).reshape(-1)
    for n in (1, 2, 99, 100):
        np.testing.assert_array_equal(draw("bits64", n=n, dtype=np.uint64, key=key, offset=offset), expected[:n])


METHODS = [
    ("uniform", (), np.float32, 4),
    ("uniform", (), np.float16, 4),
    ("uniform", (), np.float64, 2),
    ("normal", (), ml_dtypes.bfloat16, 4),
    ("normal", (), np.float64, 2),
    ("bernoulli", (0.3,), np.bool_, 4),
    ("integers", (-5, 12), np.int64, 2),
    ("bits64", (), np.uint64, 2),
]


@pytest.mark.parametrize(("method", "settings", "dtype", "each"), METHODS)
def test_a_sequence_goes_on_where_it_stopped(method, settings, dtype, each):
    """The offset advances by what a call returns; two draws in a row are one long draw."""
    out = np.empty(64, dtype)
    used = getattr(KERNELS[0], method)(SEED, 5, *settings, out)
    assert used == 64 // each
    rest = draw(method, *settings, n=39, dtype=dtype, offset=5 + used)
    both = draw(method, *settings, n=103, dtype=dtype, offset=5)
    np.testing.assert_array_equal(both, np.concatenate([out, rest]))
    for n in (1, each, each + 1, 1001):
        assert getattr(KERNELS[0], method)(SEED, 0, *settings, np.empty(n, dtype)) == -(-n // each)
    assert getattr(KERNELS[0], method)(SEED, 0, *settings, np.empty(0, dtype)) == 0


def test_numbers_do_not_depend_on_the_launch(monkeypatch):
    expected = draw("normal", n=5000)
    monkeypatch.setattr(cuda_kernels, "THREADS", 32)
    monkeypatch.setattr(cuda_kernels, "MOST_BLOCKS", 3)
    np.testing.assert_array_equal(draw("normal", n=5000), expected)


def test_other_keys_and_offsets_give_other_numbers():
    x = [
        draw("bits64", dtype=np.uint64, key=key, offset=offset) for key, offset in ((0, 0), (1, 0), (2**32, 0), (0, N))
    ]
    assert np.unique(np.concatenate(x)).size == 4 * N


# --- distributions ----------------------------------------------------------------------------------------------------


def distance(x, cumulative):
    """Kolmogorov and Smirnov's: the largest gap between the distribution of x and that of the theory."""
    expected = cumulative(np.sort(x))
    steps = np.arange(x.size + 1) / x.size
    return max((steps[1:] - expected).max(), (expected - steps[:-1]).max())


# exceeded with probability 2 exp(-2 n d^2) = 1e-4
LIMIT = math.sqrt(math.log(2e4) / 2 / N)


@pytest.mark.parametrize("dtype", PRECISION)
def test_uniform(dtype):
    x = draw("uniform", dtype=dtype).astype(np.float64)
    step = 2.0 ** -PRECISION[dtype]
    assert x.min() >= 0
    assert x.max() < 1
    np.testing.assert_array_equal(x % step, 0)  # on its grid, and the grid's last point below 1 is reached
    if PRECISION[dtype] < 12:
        assert x.min() == 0
        assert x.max() == 1 - step
    assert abs(x.mean() - (0.5 - step / 2)) < 3.9 * math.sqrt(1 / 12 / N)
    assert abs(x.var() - 1 / 12) < 3.9 * math.sqrt(1 / 180 / N)
    assert distance(x + step / 2, lambda x: x) < LIMIT + step


def test_uniform_takes_the_upper_bits_of_the_words():
    w = words(SEED, 3, 25)
    np.testing.assert_array_equal(draw("uniform", n=100, offset=3), (w.reshape(-1) >> np.uint64(8)) / 2**24)
    pairs = (w[:, 1::2] << np.uint64(32) | w[:, ::2]).reshape(-1)
    actual = draw("uniform", n=50, offset=3, dtype=np.float64)
    np.testing.assert_array_equal(actual, (pairs >> np.uint64(11)) / 2**53)


@pytest.mark.parametrize("dtype", PRECISION)
def test_normal(dtype):
    x = draw("normal", dtype=dtype).astype(np.float64)
    assert np.isfinite(x).all()
    cumulative = np.vectorize(lambda x: 0.5 * math.erfc(-x / math.sqrt(2)))
    rounding = 2.0 ** -PRECISION[dtype]
    for moment, expected, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs((x**moment).mean() - expected) < 3.9 * math.sqrt(variance / N) + moment * rounding
    assert distance(x, cumulative) < LIMIT + rounding
    assert abs((x[::2] * x[1::2]).mean()) < 3.9 * math.sqrt(2 / N)  # the two of a pair
    assert abs((x[1:] * x[:-1]).mean()) < 3.9 * math.sqrt(1 / N)
    assert 3.5 < np.abs(x).max() < 5.5


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_normal_is_box_and_mullers(dtype):
    w = words(SEED, 0, 100)
    if dtype is np.float32:
        u = ((w + np.uint64(1)) / 2.0**32).reshape(-1, 2)
    else:
        u = (((w[:, 1::2] << np.uint64(32) | w[:, ::2]) >> np.uint64(11)) + np.uint64(1)) / 2.0**53
    radius, angle = np.sqrt(-2 * np.log(u[:, 0])), 2 * np.pi * u[:, 1]
    expected = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).reshape(-1)
    tolerance = 4 * np.finfo(dtype).eps
    actual = draw("normal", n=expected.size, dtype=dtype)
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=4 * tolerance)


EXTREME_WORDS = """
KERNEL extreme_words_kernel(wide* out) {
    const uint32 ones = 0xffffffff;
    out[0] = log(positive_uniform({0, 0, 0, 0}, 0));
    out[1] = log(positive_uniform({ones, ones, ones, ones}, 0));
}
"""


@pytest.mark.parametrize(("type_name", "bits"), [("float32", 32), ("float64", 53)])
def test_the_logarithm_in_a_normal_number_is_finite(type_name, bits):
    code = cuda_kernels.source("random") + EXTREME_WORDS
    kernel = RawModule(code=code, options=cuda_kernels.options(type_name)).get_function("extreme_words_kernel")
    out = np.zeros(2, type_name)
    kernel((1,), (1,), (out,))
    np.testing.assert_allclose(out, [-bits * math.log(2), 0], rtol=1e-6)


@pytest.mark.parametrize("p", [0.0, 1e-3, 0.25, 0.9, 1.0])
def test_bernoulli(p):
    x = draw("bernoulli", p, dtype=np.bool_)
    assert set(x.view(np.uint8)) <= {0, 1}
    assert abs(x.mean() - p) <= 3.9 * math.sqrt(p * (1 - p) / N)


def test_bernoulli_compares_each_word_with_the_probability():
    for k, word in enumerate(words(SEED, 0, 3).reshape(-1)):
        assert not draw("bernoulli", float(word) / 2**32, n=12, dtype=np.bool_)[k]
        assert draw("bernoulli", (float(word) + 1) / 2**32, n=12, dtype=np.bool_)[k]


@pytest.mark.parametrize(
    ("low", "span"),
    [(0, 1), (-3, 2), (5, 10), (-(2**63), 2**64 - 1), (2**63 - 1, 1), (-(2**62), 2**63), (0, 3 * 2**61)],
)
def test_integers(low, span):
    x = draw("integers", low, span, dtype=np.int64)
    assert low <= x.min()
    assert x.max() <= low + span - 1
    share = np.array([(int(value) - low) / span for value in x])
    if span <= 10:
        counts = np.bincount((x - low).astype(int), minlength=span)
        limit = {1: 0, 2: 15.2, 10: 33.8}[span]  # chi-squared with span - 1 degrees of freedom
        assert ((counts - N / span) ** 2 / (N / span)).sum() <= limit
    else:
        assert distance(share, lambda x: x) < LIMIT
    w = words(SEED, 0, 10)
    bits = [int(a) | int(b) << 32 for a, b in w.reshape(-1, 2)]
    assert x[:20].tolist() == [low + (r * span >> 64) for r in bits]

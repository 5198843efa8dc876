"""What the CuPy backend computes where CuPy differs from NumPy: on a GPU, and without one over the stand-in for CuPy.

All else that it computes is tested with the other backends, in the tests that take the fixture `backend`.
"""

import json

import numpy as np
import pytest
from cupy_helpers import array, on_host

import minigrad as mg
from minigrad import backends, nn, optim

try:
    import ml_dtypes

    BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
except ImportError:
    BFLOAT16 = None

needs_bfloat16 = pytest.mark.skipif(BFLOAT16 is None, reason="ml_dtypes is not installed")

# --- random numbers ---------------------------------------------------------------------------------------------------


def draws(generator):
    return [
        mg.random.normal((5,), generator=generator).tolist(),
        mg.random.uniform((3,), dtype="float64", generator=generator).tolist(),
        mg.random.randint(-5, 5, (4,), generator=generator).tolist(),
        mg.random.permutation(6, generator).tolist(),
        mg.random.bernoulli(0.5, (8,), generator).tolist(),
    ]


def test_a_seed_gives_the_same_numbers_again(cupy):
    assert draws(mg.random.Generator(3)) == draws(mg.random.Generator(3))
    assert draws(mg.random.Generator(3)) != draws(mg.random.Generator(4))
    assert draws(mg.random.Generator()) != draws(mg.random.Generator())
    g = mg.random.Generator(3)
    assert draws(g) != draws(g)
    assert draws(mg.random.Generator(2**80)) != draws(mg.random.Generator(0))


# Generator(3): uniform float64, integers below 1000, truth values of probability 1/4, an order of 8, normal float64.
UNIFORM = [0.5951054950039006, 0.09003200744347717, 0.6677373450518324, 0.9406110800600708]
INTEGERS = [408, 247, 83, 921, 694, 265]
TRUTHS = [True, False, False, False, False, True, False, False, False, True, False, False]
ORDER = [0, 7, 3, 4, 6, 1, 2, 5]
NORMAL = [0.9657915761510774, 2.1075204331220987, -0.39574149670354863, -0.42132891400430894]


def test_random_numbers_are_the_same_on_every_gpu(cupy):
    """Those below are from the emulator of CUDA on a processor."""
    g = mg.random.Generator(3)
    assert mg.random.uniform((4,), dtype="float64", generator=g).tolist() == UNIFORM
    assert mg.random.randint(0, 1000, (6,), generator=g).tolist() == INTEGERS
    assert mg.random.bernoulli(0.25, (12,), g).tolist() == TRUTHS
    assert mg.random.permutation(8, g).tolist() == ORDER
    np.testing.assert_allclose(mg.random.normal((4,), dtype="float64", generator=g).numpy(), NORMAL, rtol=1e-12)


def test_a_state_is_plain_data_on_the_host(cupy):
    g = mg.random.Generator(3)
    draws(g)
    state = json.loads(json.dumps(g.get_state()))
    wanted = draws(g)
    g.set_state(state)
    assert draws(g) == wanted
    with pytest.raises(ValueError, match="no state of a philox4x32-10 generator"):
        g.set_state(mg.random.Generator(0, "numpy").get_state())


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "int64", "uint64"])
def test_whole_ranges_of_integers(cupy, dtype):
    limits = np.iinfo(dtype)
    x = mg.random.randint(limits.min, limits.max + 1, (2000,), dtype=dtype).numpy()
    assert x.dtype == dtype
    assert x.min() < limits.min + (limits.max - limits.min) // 50
    assert x.max() > limits.max - (limits.max - limits.min) // 50
    top = mg.random.randint(limits.max - 1, limits.max + 1, (50,), dtype=dtype).numpy()
    assert set(top.tolist()) == {limits.max - 1, limits.max}
    with pytest.raises(ValueError, match=f"do not fit {dtype}"):
        mg.random.randint(0, limits.max + 2, (2,), dtype=dtype)


def test_nothing_to_draw(cupy):
    assert mg.random.normal((0, 3)).shape == (0, 3)
    assert mg.random.permutation(0).tolist() == []
    assert mg.random.permutation(1).tolist() == [0]
    assert mg.random.randint(0, 5, (0,)).shape == (0,)
    assert mg.random.bernoulli(0.5, (0,)).shape == (0,)


def test_a_permutation_has_every_number_once(cupy):
    assert sorted(mg.random.permutation(1000).tolist()) == list(range(1000))
    assert mg.random.permutation(10).dtype == mg.int64


# --- precision --------------------------------------------------------------------------------------------------------


@pytest.fixture
def tf32(cupy, monkeypatch):
    monkeypatch.setattr(backends, "_tf32", [])  # what is asked for here holds for this test alone
    yield cupy
    cupy.set_tf32(False)


def test_tf32_is_off_unless_asked_for(tf32):
    x = np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32)
    exact = x.astype(np.float64) @ x
    error = lambda: np.abs(on_host(tf32.matmul(array(x), array(x))) - exact).max()
    assert tf32.tf32 is False
    assert error() < 1e-4
    tf32.set_tf32(True)
    assert tf32.tf32 is True
    assert tf32.describe()["tf32"] is True
    assert 1e-3 < error() < 0.1
    tf32.set_tf32(False)
    assert error() < 1e-4


def test_the_precision_of_products_is_set_for_all_devices(tf32):
    mg.set_float32_matmul_precision("high")
    assert tf32.tf32 is True
    mg.set_float32_matmul_precision("highest")
    assert tf32.tf32 is False


HALVES = ["float16", pytest.param("bfloat16", marks=needs_bfloat16)]


@pytest.mark.parametrize("dtype", HALVES)
def test_16_bit_floats_accumulate_in_float32(cupy, dtype):
    """5000 ones: in float16 a sum of ones stops at 2048, in bfloat16 at 256. The result is rounded once."""
    dtype = BFLOAT16 if dtype == "bfloat16" else np.dtype(dtype)
    ones, wide = array(np.ones((2, 5000)), dtype), np.ones((2, 5000))
    wanted = np.array(5000, dtype=dtype)
    for total in (
        cupy.sum(ones, axis=1),
        cupy.matmul(ones, ones.T),
        cupy.matmul(ones[0], ones[1]),
        cupy.matmul(ones[:1], ones[0]),
        cupy.matmul(ones[:, None], ones[..., None]),
        cupy.einsum(ones, subscripts="ij->i"),
        cupy.einsum(ones, ones, subscripts="ij,ij->i"),
        cupy.cumulative_sum(ones, axis=1)[:, -1],
        cupy.linear(ones, ones, None),
    ):
        assert total.dtype == dtype
        np.testing.assert_array_equal(on_host(total).astype(float), np.full(total.shape, float(wanted)))
    np.testing.assert_allclose(
        on_host(cupy.logsumexp(ones, axis=1)).astype(float), np.log(np.exp(wide).sum(1)), rtol=1e-2
    )
    np.testing.assert_allclose(on_host(cupy.logsumexp(ones.T, axis=0)).astype(float), 1 + np.log(5000), rtol=1e-2)
    factors = array(np.full(400, 1.01), dtype)
    np.testing.assert_allclose(
        float(on_host(cupy.prod(factors, axis=0))), float(np.array(1.01, dtype)) ** 400, rtol=1e-2
    )


@needs_bfloat16
def test_bfloat16_stays_bfloat16(cupy):
    x = array([[1.5, -2.0], [0.5, 3.0]], BFLOAT16)
    for out in (
        cupy.where(x > 0, x, 0),
        cupy.where(x > 0, x, x),
        cupy.tril(x, 0),
        cupy.triu(x, 0),
        cupy.relu(x),
        cupy.clip(x, -1, 1),
        cupy.softmax(x, axis=0),
        cupy.softmax(x, axis=1),
        cupy.pad(x, ((1, 0), (0, 0)), value=2),
        cupy.max(x, axis=0),
        cupy.index_add(x, x, index=array([0, 0])),
        cupy.index_set(x, x, index=array([0, 0])),
        cupy.remainder(x, 0.75),
        cupy.concat(x, x, axis=0),
    ):
        assert out.dtype == BFLOAT16
    assert on_host(cupy.argsort(x, axis=1)).tolist() == [[1, 0], [0, 1]]
    assert on_host(cupy.argmax(x, axis=1)).tolist() == [0, 1]
    assert cupy.where(x > 0, x, array([[1.0, 1.0], [1.0, 1.0]], "float32")).dtype == np.float32


@needs_bfloat16
def test_training_in_bfloat16(cupy):
    mg.random.manual_seed(0)
    model = nn.Linear(4, 3).to("bfloat16")
    x, y = mg.random.normal((8, 4)).astype("bfloat16"), mg.tensor([0, 1, 2, 0, 1, 2, 0, 1])
    optimizer = optim.Adam(model.parameters(), lr=0.1)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = mg.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]
    assert model.weight.dtype == BFLOAT16


# --- what CuPy computes otherwise -------------------------------------------------------------------------------------

EDGES = [0.0, -0.0, 1.0, -1.0, 0.1, -0.1, 5.5, -5.5, 1e300, np.inf, -np.inf, np.nan]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("name", ["remainder", "floor_divide"])
def test_remainders_are_those_of_python(cupy, name, dtype):
    with np.errstate(all="ignore"):
        x = np.array(EDGES).astype(dtype)
        y = np.concatenate([x, np.array([0.3, -0.3, 2.0]).astype(dtype)])
        wanted = getattr(np, name)(x[:, None], y)
        if name == "floor_divide":  # the standard's answer where an operand is infinite
            wanted = np.where(np.isinf(x[:, None]) | np.isinf(y), x[:, None] / y, wanted)
    found = on_host(getattr(cupy, name)(array(x)[:, None], array(y)))
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, wanted)
    np.testing.assert_array_equal(np.signbit(found[wanted == 0]), np.signbit(wanted[wanted == 0]))


@pytest.mark.parametrize("name", ["remainder", "floor_divide"])
def test_remainders_of_integers_and_numbers(cupy, name):
    x = np.array([7, -7, 0], np.int32)
    with np.errstate(all="ignore"):
        for y in (2, -2, 0):
            np.testing.assert_array_equal(on_host(getattr(cupy, name)(array(x), y)), getattr(np, name)(x, y))
        found = on_host(getattr(cupy, name)(array([1.0, 5.0], "float64"), 0.1))
        np.testing.assert_array_equal(found, getattr(np, name)([1.0, 5.0], 0.1))
        found = on_host(getattr(cupy, name)(2.5, array([1.0, -1.0], "float64")))
        np.testing.assert_array_equal(found, getattr(np, name)(2.5, [1.0, -1.0]))


def test_rounding_keeps_integers(cupy):
    x = array([1, -2], "int16")
    for name in ("floor", "ceil", "trunc"):
        out = getattr(cupy, name)(x)
        assert out.dtype == np.int16
        assert out is not x


def test_data_comes_in_as_numpy_reads_it(cupy):
    assert cupy.asarray([1, 2.5]).dtype == np.float64
    assert cupy.asarray([[True], [False]]).dtype == bool
    x = cupy.asarray([1.0])
    assert cupy.asarray(x) is x
    assert cupy.asarray(x, copy=True) is not x
    assert cupy.asarray(x, dtype="float32").dtype == np.float32
    for bad in (lambda: cupy.asarray([1.0], copy=False), lambda: cupy.asarray(x, dtype="float32", copy=False)):
        with pytest.raises(ValueError, match="without a copy"):
            bad()


# --- what looks at values ---------------------------------------------------------------------------------------------


def test_a_tape_shows_the_norms_of_gradients(cupy):
    x = mg.tensor([3.0, 4.0], requires_grad=True)
    with mg.Tape() as tape:
        y = ((x * x).exp() / 2).log().sum()
    y.backward()
    assert next(iter(tape)).grad_norm == pytest.approx(10)
    assert tape.saved_bytes > 0
    assert "multiply" in str(tape)


def test_what_is_not_finite_is_named(cupy):
    p = mg.Parameter([1.0, 2.0])
    p.grad = mg.tensor([1.0, float("inf")])
    with pytest.raises(ValueError, match="the norm of the gradients is inf; the first that is not finite"):
        optim.clip_grad_norm_([p], 1.0, error_if_nonfinite=True)
    x = mg.tensor([-1.0], requires_grad=True)
    with mg.detect_anomaly(), pytest.raises(ArithmeticError, match="NaN from log"):
        mg.log(x)


def test_values_are_shown(cupy):
    x = mg.tensor([1.0, 2.5])
    assert repr(x) == "tensor([1. , 2.5], backend=cupy)"
    assert (x.tolist(), x[1].item(), float(x[0]), bool(x[0] > 0)) == ([1.0, 2.5], 2.5, 1.0, True)
    view = x.numpy()
    with pytest.raises(ValueError, match="read-only"):
        view[0] = 5
    with pytest.raises(TypeError, match="does not become a NumPy array by itself"):
        np.asarray(x)
    with pytest.raises(mg.BackendError, match="a NumPy array met a tensor of backend cupy"):
        x + np.ones(2)
    assert (np.float32(2) * x).tolist() == [2.0, 5.0]

"""The emulator itself: numbers of 16 bits, barriers, shuffles, arguments, and what it refuses."""

import numpy as np
import pytest
from cuda import emulator
from cuda.device import needs_compiler
from cuda.emulator import LaunchError, RawModule

ml_dtypes = pytest.importorskip("ml_dtypes", reason="bfloat16 on the host needs ml_dtypes")
pytestmark = needs_compiler

SOURCE = """
#define KERNEL extern "C" __global__ void
typedef long long int64;

KERNEL round_half(const float* x, __half* out, float* back, int64 n) {
    for (int64 i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        out[i] = __half(x[i]);
        back[i] = float(out[i]);
    }
}

KERNEL round_bfloat(const float* x, __nv_bfloat16* out, float* back, int64 n) {
    for (int64 i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        out[i] = __nv_bfloat16(x[i]);
        back[i] = float(out[i]);
    }
}

KERNEL where_am_i(int* out) {
    const int block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
    const int thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
    out[block * blockDim.x * blockDim.y * blockDim.z + thread] = block * 10000 + thread;
}

// The sum of 0..blockDim.x-1 by halves, in shared memory.
KERNEL block_sum(int* out) {
    __shared__ int part[1024];
    part[threadIdx.x] = threadIdx.x;
    __syncthreads();
    for (int half = blockDim.x / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) {
            part[threadIdx.x] += part[threadIdx.x + half];
        }
        __syncthreads();
    }
    out[blockIdx.x * blockDim.x + threadIdx.x] = part[0];
}

// Each thread writes, and reads what a thread of another warp writes.
KERNEL missing_barrier(int* out) {
    __shared__ int part[64];
    part[threadIdx.x] = blockIdx.x;
    out[blockIdx.x * 64 + threadIdx.x] = part[63 - threadIdx.x];
}

KERNEL shuffles(int* xored, int* down, double* of_third) {
    const int i = threadIdx.x;
    xored[i] = __shfl_xor_sync(0xffffffff, i, 1);
    down[i] = __shfl_down_sync(0xffffffff, i, 3);
    of_third[i] = __shfl_sync(0xffffffff, 0.5 * i, 3);
}

KERNEL half_a_warp(int* out) {
    out[threadIdx.x] = __shfl_xor_sync(0xffff, 1, 1);
}

KERNEL barrier_for_some(int* out) {
    if (threadIdx.x < 40) {
        __syncthreads();
    }
    out[threadIdx.x] = 1;
}

KERNEL two_barriers(int* out) {
    if (threadIdx.x % 2) {
        __syncthreads();
    } else {
        __syncthreads();
    }
    out[threadIdx.x] = 1;
}

KERNEL shuffle_for_some(int* out) {
    if (threadIdx.x != 5) {
        out[threadIdx.x] = __shfl_xor_sync(0xffffffff, 1, 1);
    }
}

KERNEL two_shuffles(int* out) {
    if (threadIdx.x % 2) {
        out[threadIdx.x] = __shfl_xor_sync(0xffffffff, 1, 1);
    } else {
        out[threadIdx.x] = __shfl_xor_sync(0xffffffff, 2, 1);
    }
}

KERNEL atomics(int* flags, int* count) {
    atomicOr(flags, 1 << (threadIdx.x % 3));
    atomicAdd(count, 2);
}

KERNEL products(unsigned a, unsigned long long b, unsigned* high, unsigned long long* high64) {
    *high = __umulhi(a, a);
    *high64 = __umul64hi(b, b);
}

KERNEL takes(const float* x, int64 n, bool flag, float scale) {}
"""


@pytest.fixture(scope="module")
def module():
    return RawModule(code=SOURCE, options=("-std=c++17",))


def patterns(step):
    """Floats all over the range, with every bit pattern of 16 bits in the upper half."""
    upper = np.arange(2**16, dtype=np.uint32) << 16
    lower = np.arange(0, 2**16, step, dtype=np.uint32)
    edges = np.array([0, 1, 0x0FFF, 0x1000, 0x1001, 0x2FFF, 0x3000, 0x3001, 0x7FFF, 0x8000, 0x8001], np.uint32)
    return (upper[:, None] + np.unique(np.concatenate([lower, edges]))).reshape(-1).view(np.float32)


@pytest.mark.parametrize(("kernel", "dtype"), [("round_half", np.float16), ("round_bfloat", ml_dtypes.bfloat16)])
def test_rounding_to_16_bits_is_that_of_numpy(module, kernel, dtype):
    x = patterns(0x3FFF)
    out, back = np.empty(x.shape, dtype), np.empty_like(x)
    module.get_function(kernel)((64,), (256,), (x, out, back, np.int64(x.size)))
    with np.errstate(over="ignore", invalid="ignore"):
        expected = x.astype(dtype)
    odd = np.isnan(x)
    np.testing.assert_array_equal(np.isnan(back), odd)
    np.testing.assert_array_equal(out[~odd].view(np.uint16), expected[~odd].view(np.uint16))
    np.testing.assert_array_equal(back[~odd].view(np.uint32), expected[~odd].astype(np.float32).view(np.uint32))


@pytest.mark.parametrize("backwards", [False, True])
def test_every_thread_of_every_block_runs_once(backwards):
    out = np.full((2 * 3 * 2, 24), -1, np.int32)
    kernel = RawModule(code=SOURCE, options=("-std=c++17",), backwards=backwards).get_function("where_am_i")
    kernel((2, 3, 2), (4, 3, 2), (out,))
    np.testing.assert_array_equal(out, 10000 * np.arange(12)[:, None] + np.arange(24))


@pytest.mark.parametrize("threads", [1, 2, 32, 64, 256, 1024])
def test_barriers(module, threads):
    out = np.zeros((3, threads), np.int32)
    module.get_function("block_sum")((3,), (threads,), (out,))
    assert (out == threads * (threads - 1) // 2).all()


def test_a_missing_barrier_shows():
    """In one order of threads the first half reads too early, in the other the second."""
    results = []
    for backwards in (False, True):
        out = np.zeros((3, 64), np.int32)
        kernel = RawModule(code=SOURCE, options=("-std=c++17",), backwards=backwards).get_function("missing_barrier")
        kernel((3,), (64,), (out,))
        results.append((out == np.arange(3)[:, None]).all(axis=0))
    np.testing.assert_array_equal(results[0], np.arange(64) >= 32)
    np.testing.assert_array_equal(results[1], np.arange(64) < 32)


def test_shuffles(module):
    i = np.arange(64)
    xored, down = np.zeros((2, 64), np.int32)
    of_third = np.zeros(64)
    module.get_function("shuffles")((1,), (64,), (xored, down, of_third))
    np.testing.assert_array_equal(xored, i ^ 1)
    np.testing.assert_array_equal(down, np.where(i % 32 + 3 < 32, i + 3, i))
    np.testing.assert_array_equal(of_third, 0.5 * (i // 32 * 32 + 3))


def test_atomics_and_products(module):
    flags, count = np.zeros((2, 1), np.int32)
    module.get_function("atomics")((2,), (40,), (flags, count))
    assert (flags[0], count[0]) == (7, 160)
    high, high64 = np.zeros(1, np.uint32), np.zeros(1, np.uint64)
    a, b = 0xFEDCBA98, 0xFEDCBA9876543210
    module.get_function("products")((1,), (1,), (np.uint32(a), np.uint64(b), high, high64))
    assert (int(high[0]), int(high64[0])) == (a * a >> 32, b * b >> 64)


@pytest.mark.parametrize(
    ("kernel", "threads", "message"),
    [
        ("barrier_for_some", 64, "40 of 64 threads wait at a barrier in line .* 24 have finished"),
        ("two_barriers", 64, "64 of 64 threads wait at a barrier in line .* or "),
        ("shuffle_for_some", 64, "31 of 64 threads wait at a barrier in line .* 33 have finished"),
        ("two_shuffles", 32, "meet at different lines"),
        ("half_a_warp", 32, "mask 0xffff"),
        ("shuffles", 16, "a warp of 16 threads"),
    ],
)
def test_a_barrier_that_is_not_met_by_all_is_an_error(module, kernel, threads, message):
    memory = [np.zeros(threads, {"float64": "f8"}.get(p[1:], "i4")) for p in module.get_function(kernel).parameters]
    with pytest.raises(LaunchError, match=message):
        module.get_function(kernel)((2,), (threads,), tuple(memory))
    out = np.zeros((1, 64), np.int32)  # and the next launch works
    module.get_function("block_sum")((1,), (64,), (out,))
    assert (out == 2016).all()


GOOD = (np.zeros(3, np.float32), np.int64(3), np.bool_(True), np.float32(1))


@pytest.mark.parametrize(
    ("place", "argument", "message"),
    [
        (0, np.zeros(3), r"argument 0: expected \*float32, got an array of float64"),
        (0, np.zeros(6, np.float32)[::2], "not contiguous"),
        (0, None, "the Python object None"),
        (0, np.float32(1), "got a scalar of float32"),
        (0, [1.0], "got list"),
        (1, 3, "expected int64, got the Python object 3; pass a NumPy scalar"),
        (1, np.int32(3), "got a scalar of int32"),
        (1, np.uint64(3), "got a scalar of uint64"),
        (2, True, "the Python object True"),
        (3, np.float64(1), "expected float32, got a scalar of float64"),
        (3, 1.0, "the Python object 1.0"),
    ],
)
def test_arguments_must_be_exactly_of_the_parameters_types(module, place, argument, message):
    kernel = module.get_function("takes")
    kernel((1,), (1,), GOOD)
    with pytest.raises(TypeError, match=message):
        kernel((1,), (1,), (*GOOD[:place], argument, *GOOD[place + 1 :]))


def test_other_calls_that_are_refused(module):
    kernel = module.get_function("takes")
    assert kernel.parameters == ["*float32", "int64", "bool", "float32"]
    with pytest.raises(TypeError, match="takes 4 arguments, not 3"):
        kernel((1,), (1,), GOOD[:3])
    with pytest.raises(LaunchError, match="a grid of"):
        kernel((0,), (1,), GOOD)
    with pytest.raises(LaunchError, match="a grid of"):
        kernel((1, 65536), (1,), GOOD)
    with pytest.raises(LaunchError, match="at most 1024 threads"):
        kernel((1,), (64, 32), GOOD)
    with pytest.raises(TypeError, match="must be a tuple of integers"):
        kernel((1.0,), (1,), GOOD)
    with pytest.raises(LaunchError, match="dynamic shared memory"):
        kernel((1,), (1,), GOOD, shared_mem=16)
    with pytest.raises(KeyError, match="there are round_half"):
        module.get_function("absent")
    with pytest.raises(TypeError, match="options must be a tuple"):
        RawModule(code=SOURCE, options=["-std=c++17"])


def test_a_null_pointer(module):
    module.get_function("takes")((1,), (1,), (np.uint64(0), *GOOD[1:]))


def test_a_source_that_does_not_compile_says_why():
    broken = RawModule(code='extern "C" __global__ void broken() { missing(); }\n', options=("-std=c++17",))
    with pytest.raises(RuntimeError, match="missing"):
        broken.get_function("broken")


def test_libraries_are_kept_by_source_and_options(tmp_path, monkeypatch):
    monkeypatch.setattr(emulator, "cache_folder", lambda: tmp_path)
    code = 'extern "C" __global__ void fill(int* out) { *out = VALUE; }\n'
    for value in (1, 2, 1):
        out = np.zeros(1, np.int32)
        RawModule(code=code, options=("-std=c++17", f"-DVALUE={value}")).get_function("fill")((1,), (1,), (out,))
        assert out[0] == value
    assert len(list(tmp_path.iterdir())) == 2
    monkeypatch.setattr(emulator, "COMPILER", "false")  # what is kept needs no compiler
    assert emulator.compiled(code, ("-std=c++17", "-DVALUE=1")).parent == tmp_path

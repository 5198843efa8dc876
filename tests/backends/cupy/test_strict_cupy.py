"""The stand-in for CuPy refuses what CuPy refuses, and what would wait; and it differs from NumPy where CuPy does."""

import functools
import inspect

import numpy as np
import pytest

pytest.importorskip("ml_dtypes", reason="the stand-in for CuPy needs ml_dtypes")

import ml_dtypes
import strict_cupy as stand_in
from strict_cupy import HiddenTransfer, StreamRace, functions
from strict_cupy.ufuncs import TABLE


def arrays():
    return stand_in.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), stand_in.array([0, 1, 0])


# --- refused ----------------------------------------------------------------------------------------------------------

WAITING = {
    "truth": bool,
    "int": int,
    "float": float,
    "index": lambda x: [1, 2][x],
    "item": lambda x: x.item(),
    "tolist": lambda x: x.tolist(),
    "get": lambda x: x.get(),
    "asnumpy": stand_in.asnumpy,
    "loop": list,
    "text": repr,
    "print": str,
    "format": lambda x: f"{x}",
    "in": lambda x: 1 in x,
    "if": lambda x: 1 if x == 1 else 2,
}


@pytest.mark.parametrize("what", WAITING)
def test_what_would_wait_for_the_device_is_refused(what):
    with pytest.raises(HiddenTransfer):
        WAITING[what](stand_in.array([1]))


def test_only_to_numpy_of_a_backend_gets_values():
    def to_numpy(x):
        return stand_in.asnumpy(x)

    before = stand_in.counts["transfers"]
    assert to_numpy(stand_in.array([1, 2])).tolist() == [1, 2]
    assert stand_in.counts["transfers"] == before + 1


MIXED = {
    "array + numpy": lambda x, y: x + y,
    "numpy + array": lambda x, y: y + x,
    "+=": lambda x, y: x.__iadd__(y),
    "<": lambda x, y: x < y,
    "==": lambda x, y: x == y,
    "maximum": lambda x, y: stand_in.maximum(x, y),
    "where": lambda x, y: stand_in.where(x > 0, x, y),
    "dot": lambda x, y: x.dot(y),
    "@": lambda x, y: x @ y,
    "einsum": lambda x, y: stand_in.einsum("ij,ij", x, y),
    "concatenate": lambda x, y: stand_in.concatenate([x, y]),
    "np.concatenate": lambda x, y: np.concatenate([x, y]),
    "np.asarray": lambda x, y: np.asarray(x),
    "assignment": lambda x, y: x.__setitem__(slice(None), y),
    "a list": lambda x, y: x + [1, 2, 3],
    "None": lambda x, y: x + None,
}


@pytest.mark.parametrize("what", MIXED)
def test_arrays_of_the_host_are_not_mixed_in(what):
    with pytest.raises(TypeError):
        MIXED[what](arrays()[0], np.ones((2, 3)))


@pytest.mark.parametrize("index", [np.array([0, 1]), [0, 1], (0, np.array([1])), np.array([True, False])])
def test_indices_from_the_host_are_not_copied_silently(index):
    x, _ = arrays()
    with pytest.raises(HiddenTransfer):
        x[index]
    with pytest.raises(HiddenTransfer):
        x[index] = 1


def test_unknown_options_are_refused():
    x, index = arrays()
    for call in (
        lambda: stand_in.add(x, x, where=True),
        lambda: stand_in.sum(x, initial=0),
        lambda: stand_in.count_nonzero(x, keepdims=True),
        lambda: stand_in.max(x, where=True),
        lambda: stand_in.argsort(x, stable=True),
        lambda: stand_in.einsum("ij->i", x, out=x),
        lambda: stand_in.broadcast_to(x, (2, 3), subok=True),
        lambda: x.astype("int32", casting="safe"),
    ):
        with pytest.raises(TypeError):
            call()
    with pytest.raises(ValueError, match="kind"):
        stand_in.argsort(x, kind="quicksort")
    with pytest.raises(IndexError, match="integer or boolean"):
        x[x]
    with pytest.raises(TypeError, match="scatter_add only supports"):
        index.scatter_add(index, index)  # there is no atomic addition of signed 64-bit integers
    with pytest.raises(TypeError, match="boolean"):
        -(x > 0)
    with pytest.raises(TypeError, match="boolean"):
        (x > 0) - (x > 0)


# --- what differs from NumPy ------------------------------------------------------------------------------------------


def test_reductions_give_arrays_without_axes():
    x, _ = arrays()
    for name in "sum prod max min any all argmax argmin".split():
        out = getattr(stand_in, name)(x)
        assert type(out) is stand_in.ndarray
        assert out.shape == ()
    assert type(x[0, 0]) is stand_in.ndarray
    assert type(stand_in.dot(x[0], x[0])) is stand_in.ndarray


def test_indices_out_of_range_wrap_around():
    x = stand_in.arange(3)
    assert stand_in.host(x[stand_in.array([1, 3, -4])]).tolist() == [1, 0, 2]
    x[stand_in.array([4])] = 9
    assert stand_in.host(x).tolist() == [0, 9, 2]


def test_of_values_for_one_place_not_the_last_stays():
    x = stand_in.zeros(2)
    x[stand_in.array([0, 0, 1])] = stand_in.array([1.0, 2.0, 3.0])
    assert stand_in.host(x).tolist() == [1, 3]


def test_some_formulas_differ():
    tenth = stand_in.array([1.0]) % 0.1
    assert stand_in.host(tenth)[0] == 0  # Python: 0.09999999999999995
    assert np.isnan(stand_in.host(stand_in.array([5.0]) % np.inf)[0])  # Python: 5.0
    assert stand_in.host(stand_in.array([2, 1, -1]) ** stand_in.array([-1, -1, -3])).tolist() == [0, 1, -1]
    assert stand_in.host(stand_in.array([7]) // stand_in.array([0])).tolist() == [0]


def test_sums_of_16_bit_floats_are_rounded_each_time():
    ones = stand_in.zeros(5000, "float16") + 1
    assert stand_in.host(ones.sum()) == 2048
    assert stand_in.host(ones.sum(dtype="float32")) == 5000
    assert stand_in.host(ones.dot(ones)) == 2048
    two = stand_in.zeros((2, 5000), "float16") + 1
    assert stand_in.host(two.dot(two.T))[0, 0] == 5000  # products of matrices accumulate in float32


@pytest.mark.parametrize(
    ("left", "right", "kept"),
    [
        ("float32", 2.5, "float32"),
        ("float16", 2, "float16"),
        ("int32", 2, "int32"),
        ("int8", 2.5, "float64"),
        ("bool", 1, "int64"),
        ("float32", np.float64(2.5), "float64"),
        ("bfloat16", 2.5, "bfloat16"),
    ],
)
def test_python_numbers_take_the_type_of_arrays(left, right, kept):
    x = stand_in.zeros(2, ml_dtypes.bfloat16 if left == "bfloat16" else left)
    assert (x + right).dtype.name == kept
    assert (right + x).dtype.name == kept
    if left != "bfloat16":
        assert (np.zeros(2, left) + right).dtype.name == kept


def test_where_makes_float32_of_bfloat16():
    x = stand_in.zeros(2, ml_dtypes.bfloat16)
    assert stand_in.where(x == 0, x, x).dtype == np.float32


def test_results_lie_in_memory_row_by_row():
    x = stand_in.array(np.ones((2, 3))).T
    assert (x + x).flags.c_contiguous
    assert not x.astype("float32").flags.c_contiguous
    assert x.copy().flags.c_contiguous


# --- devices, memory, streams -----------------------------------------------------------------------------------------


@pytest.fixture
def two():
    with stand_in.two_devices():
        yield


def test_arrays_of_another_device_are_refused(two):
    x = stand_in.array([1.0])
    with stand_in.cuda.Device(1):
        y = stand_in.array([2.0])
        assert y.device.id == 1
        for use in (lambda: x + 1, lambda: x + y, lambda: x.sum(), lambda: x.dot(y), lambda: x.astype("int8")):
            with pytest.raises(ValueError, match="Peer access is unavailable"):
                use()
    with pytest.raises(ValueError, match="Peer access is unavailable"):
        y + 1
    assert (x + 1).device.id == 0
    with pytest.raises(stand_in.cuda.runtime.CUDARuntimeError):
        stand_in.cuda.Device(2)


def test_a_copy_between_devices_needs_an_order(two):
    x = stand_in.array([1.0])
    there = stand_in.cuda.get_current_stream().record()
    with stand_in.cuda.Device(1):
        with pytest.raises(StreamRace):
            x.copy()
        stand_in.cuda.get_current_stream().wait_event(there)
        assert stand_in.host(x.copy()).tolist() == [1]


def test_streams_must_wait_for_each_other():
    stream = stand_in.cuda.Stream(non_blocking=True)
    x = stand_in.array([1.0])
    with stream, pytest.raises(StreamRace):
        x + 1
    stream.wait_event(stand_in.cuda.get_current_stream().record())
    with stream:
        y = x + 1
    with pytest.raises(StreamRace):
        y + 1
    stream.synchronize()
    assert stand_in.host(y + 1).tolist() == [3]


def test_a_blocking_stream_and_the_null_stream_wait_for_each_other():
    x = stand_in.array([1.0])
    with stand_in.cuda.Stream():
        y = x + 1
    assert stand_in.host(y + 1).tolist() == [3]


def test_memory_is_counted_while_arrays_live():
    pool = stand_in.get_default_memory_pool()
    before = pool.used_bytes()
    x = stand_in.zeros(1000, "float32")
    assert pool.used_bytes() == before + 4096  # a multiple of 512
    part = x[10:20]
    del x
    assert pool.used_bytes() == before + 4096  # the view keeps it
    del part
    assert pool.used_bytes() == before


def test_functions_of_numpy_reach_those_of_the_stand_in():
    x, _ = arrays()
    assert stand_in.host(np.sqrt(x))[0, 0] == 1
    assert stand_in.host(np.sum(x)) == 21
    with pytest.raises(TypeError):
        np.linalg.inv(x)


def test_all_functions_are_offered():
    """What is defined in the module of functions is offered, or a helper."""
    helpers = {"any_array", "to_device", "set_compute_type", "get_compute_type", "copyto"}
    own = {name for name, f in vars(functions).items() if inspect.isfunction(f) and f.__module__ == functions.__name__}
    assert {name for name in own if not name.startswith("_")} - helpers == set(stand_in.FUNCTIONS)
    assert functools.reduce(getattr, ["add", "types"], stand_in) == TABLE["add"]

"""The Numba backend against the NumPy backend: adding at an index, and one-hot vectors."""

from __future__ import annotations

import numpy as np
import pytest
from numba_against_numpy import FLOATS, LAYOUTS, NUMBA, NUMPY, agree, check, random


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

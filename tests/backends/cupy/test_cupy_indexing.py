"""Indexing on a GPU, or over the stand-in for CuPy: bad indices are told late, repeated ones give the same bits."""

import numpy as np
import pytest
from cupy_helpers import array, on_host

import minigrad as mg

# --- bad indices ------------------------------------------------------------------------------------------------------

BAD = {
    "getitem": lambda x, i: x[i],
    "negative": lambda x, i: x[-1 - i],
    "second axis": lambda x, i: x[:, i],
    "both axes": lambda x, i: x[i, i],
    "behind an ellipsis": lambda x, i: x[..., i],
    "behind a mask": lambda x, i: x[mg.tensor([True, False, False]), i[:1]],
    "add": lambda x, i: x.at[i].add(1.0),
    "add at both": lambda x, i: x.at[i, i].add(1.0),
    "add at the second": lambda x, i: x.at[:, i].add(1.0),
    "set": lambda x, i: x.at[i].set(1.0),
    "set integers": lambda x, i: x.astype("int64").at[i].set(1),
    "add integers": lambda x, i: x.astype("int64").at[i].add(1),
    "take": lambda x, i: mg.take(x, i, 0),
    "take_along_axis": lambda x, i: mg.take_along_axis(x, i[:, None], 1),
    "one_hot": lambda x, i: mg.one_hot(i, 3),
    "one_hot negative": lambda x, i: mg.one_hot(i - 4, 3),
    "embedding": lambda x, i: mg.functional.embedding(i, x),
    "embedding negative": lambda x, i: mg.functional.embedding(i - 4, x),
    "cross_entropy": lambda x, i: mg.functional.cross_entropy(x, i),
    "cross_entropy negative": lambda x, i: mg.functional.cross_entropy(x, i - 4),
    "nll_loss": lambda x, i: mg.functional.nll_loss(x, i),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_index_is_an_error_at_the_next_transfer(cupy, what):
    x, i = mg.ones((3, 3)), mg.tensor([3, 0, 0])
    out = BAD[what](x, i)  # no error yet: nobody has waited
    with pytest.raises(IndexError, match="was out of range in an earlier operation on the GPU"):
        out.numpy()
    out.numpy()  # it was told once
    BAD[what](x, mg.tensor([1, 0, 2]) if "negative" not in what else mg.tensor([5, 4, 6]) % 7)


@pytest.mark.parametrize("what", [w for w in BAD if "negative" not in w])
def test_good_indices_are_no_error(cupy, what):
    x, i = mg.random.uniform((3, 3)), mg.tensor([2, 0, 1])
    BAD[what](x, i).numpy()
    with mg.use_backend("numpy"):
        wanted = BAD[what](mg.tensor(x.numpy()), mg.tensor([2, 0, 1]))
    np.testing.assert_allclose(BAD[what](x, i).numpy(), wanted.numpy(), rtol=1e-6)


def test_an_axis_without_elements_is_an_error_at_once(cupy):
    x, i = mg.zeros((0, 3)), mg.tensor([0])
    for use in (lambda: x[i], lambda: x.at[i].add(1.0), lambda: x.at[i].set(1.0)):
        with pytest.raises(IndexError, match="without elements"):
            use()
    assert x[mg.zeros(0, dtype="int64")].shape == (0, 3)


def test_arrays_of_the_host_do_not_index(cupy):
    x = mg.ones(3)
    with pytest.raises(mg.BackendError, match="NumPy array as an index met a tensor of backend cupy"):
        x[np.array([0])]
    assert x[[0, 2]].tolist() == [1, 1]  # a list is data, as in mg.tensor([0, 2])
    assert x.at[[0, 0]].add(1.0).tolist() == [3, 1, 1]


# --- repeated indices -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "int64", "uint8", "bool"])
@pytest.mark.parametrize("index", [(0,), (0, 1), (1,), (slice(None), 0), (slice(None), 1, None, 0), (None, 0, ..., 1)])
def test_values_at_repeated_places(cupy, dtype, index):
    """What is added adds up, of what is put the last stays: as in NumPy. An integer stands for an index array."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 2 if dtype == "bool" else 5, (4, 5, 3)).astype(dtype)
    choices = rng.integers(-3, 3, (2, 4)), rng.integers(-3, 3, (4,))
    parts = tuple(choices[part] if type(part) is int else part for part in index)
    values = rng.integers(0, 2 if dtype == "bool" else 9, x[parts].shape).astype(dtype)
    on_device = tuple(array(part) if isinstance(part, np.ndarray) else part for part in parts)
    wanted = x.copy()
    np.add.at(wanted, parts, values)
    found = cupy.index_add(array(x), array(values), index=on_device)
    np.testing.assert_array_equal(on_host(found), wanted)
    wanted = x.copy()
    wanted[parts] = values
    found = cupy.index_set(array(x), array(values), index=on_device)
    np.testing.assert_array_equal(on_host(found), wanted)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "uint64"])
def test_indices_of_narrow_types(cupy, dtype):
    """The number of rows need not fit into the type of the indices."""
    i = mg.tensor([1, 100], dtype=dtype)
    x = mg.zeros((300, 2))
    assert mg.functional.embedding(i, x).shape == (2, 2)
    assert x.at[i].add(1.0).sum().item() == 4
    assert x.at[i, i % 2].set(1.0).sum().item() == 2
    assert mg.functional.cross_entropy(mg.zeros((2, 300)), i).item() == pytest.approx(np.log(300))
    assert mg.one_hot(i, 300).sum().item() == 2


def test_adding_in_place_where_memory_does_not_lie_row_by_row(cupy):
    x = np.zeros((3, 4), np.float32)
    i, values = np.array([1, 1, 3]), np.arange(9, dtype=np.float32).reshape(3, 3)
    there = array(x).T
    cupy.add_at(there, array(i), array(values))
    np.add.at(x.T, i, values)
    np.testing.assert_array_equal(on_host(there), x.T)


def test_adding_an_array_to_itself(cupy):
    x = array([[1.0, 2.0], [3.0, 4.0]])
    cupy.add_at(x, array([1, 1]), x)
    np.testing.assert_array_equal(on_host(x), [[1, 2], [7, 10]])


def test_sums_at_repeated_places_come_in_the_order_of_the_values(cupy):
    values = np.array([1e8, 1.0, -1e8, 1.0], np.float32)  # every other order gives another sum
    x = array(np.zeros((2, 1), np.float32))
    cupy.add_at(x, array([1, 1, 1, 1]), array(values[:, None]))
    total = np.float32(0)
    for v in values:
        total += v
    assert on_host(x)[1, 0] == total


def test_masks(cupy):
    x = mg.arange(6.0).reshape(2, 3)
    keep = x > 2
    assert x.at[keep].add(mg.tensor([10.0, 20.0, 30.0])).tolist() == [[0, 1, 2], [13, 24, 35]]
    assert x.at[keep].set(0.0).tolist() == [[0, 1, 2], [0, 0, 0]]
    rows = mg.tensor([False, True])
    assert x.at[rows].set(mg.tensor([[7.0, 8.0, 9.0]])).tolist() == [[0, 1, 2], [7, 8, 9]]
    assert x[rows, mg.tensor([2])].tolist() == [5]

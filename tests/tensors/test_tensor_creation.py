"""How tensors are made, of what, and of which type; what is refused."""

import numpy as np
import pytest

import minigrad as mg


@pytest.mark.parametrize(
    ("data", "dtype", "shape"),
    [
        (1.5, "float32", ()),
        (3, "int64", ()),
        (True, "bool", ()),
        ([1, 2, 3], "int64", (3,)),
        ([[1.0, 2], [3, 4]], "float32", (2, 2)),
        ([], "float32", (0,)),
        ((1, 2.5), "float32", (2,)),
        (np.float64(1.5), "float64", ()),
        (np.float32(1.5), "float32", ()),
        (np.int8(1), "int8", ()),
        (np.zeros((2, 0)), "float64", (2, 0)),
        (np.zeros(2, np.float16), "float16", (2,)),
        (np.array([True]), "bool", (1,)),
        (np.array([1, 2], dtype=">i4"), "int32", (2,)),
    ],
    ids=repr,
)
def test_lists_get_the_default_types_and_arrays_keep_theirs(data, dtype, shape, backend):
    for make in (mg.tensor, mg.asarray):
        x = make(data)
        assert (str(x.dtype), x.shape, x.backend.name) == (dtype, shape, backend)
        assert np.array_equal(x.numpy(), np.asarray(data))
        assert x.dtype.isnative


def test_a_type_can_be_asked_for():
    assert mg.tensor([1, 2], dtype="float64").dtype == mg.float64
    assert mg.tensor([1.7, 2.2], dtype=mg.int32).tolist() == [1, 2]
    assert mg.tensor([0, 2], dtype=bool).tolist() == [False, True]
    assert mg.zeros(2, dtype=float).dtype == mg.float32  # `float` means the default float
    assert mg.ones(2, dtype=int).dtype == mg.int64


@pytest.mark.parametrize("data", [1j, [1 + 2j], np.zeros(2, complex), "text", [object()], np.array(["2020"], "M8[Y]")])
def test_complex_numbers_text_and_dates_are_refused(data):
    with pytest.raises(TypeError, match="tensors hold truth values, integers and real floats"):
        mg.tensor(data)


def test_a_complex_type_is_refused():
    with pytest.raises(TypeError, match="complex64"):
        mg.tensor([1.0], dtype="complex64")
    with pytest.raises(TypeError, match=r"float128|longdouble"):
        mg.zeros(2, dtype=np.longdouble)


def test_lists_must_be_rectangular():
    with pytest.raises(ValueError, match="cannot make a tensor of this list"):
        mg.tensor([[1, 2], [3]])


def test_a_list_of_tensors_is_for_stack():
    with pytest.raises(TypeError, match=r"mg\.stack"):
        mg.tensor([mg.ones(2), mg.ones(2)])


def test_tensor_copies_and_asarray_shares():
    a = np.zeros(3)
    copied, shared = mg.tensor(a), mg.asarray(a)
    a[0] = 7
    assert copied.tolist() == [0, 0, 0]
    assert shared.tolist() == [7, 0, 0]
    assert mg.asarray(a, copy=True).array is not a
    with pytest.raises(ValueError, match="copy"):
        mg.asarray([1.0], copy=False)


def test_asarray_returns_a_tensor_as_it_is():
    x = mg.ones(2, requires_grad=True)
    assert mg.asarray(x) is x
    assert mg.asarray(x, dtype="float32") is x


def test_asarray_of_another_type_keeps_the_history():
    x = mg.ones(2, requires_grad=True)
    y = mg.asarray(x, dtype="float64")
    assert y.dtype == mg.float64
    y.sum().backward()
    assert x.grad.tolist() == [1, 1]
    assert x.grad.dtype == mg.float32


def test_tensor_of_a_tensor_is_a_copy_without_history():
    x = mg.ones(2, requires_grad=True)
    y = mg.tensor(x * 2)
    assert y.node is None
    assert y.tolist() == [2, 2]


def test_creation(backend):
    made = {
        mg.zeros(2): [0, 0],
        mg.ones((1, 2)): [[1, 1]],
        mg.full((2,), 2.5): [2.5, 2.5],
        mg.arange(3): [0, 1, 2],
        mg.arange(1, 2, 0.25): [1, 1.25, 1.5, 1.75],
        mg.arange(np.float32(0.5), 2): [0.5, 1.5],
        mg.linspace(0, 1, 3): [0, 0.5, 1],
        mg.linspace(0, 1, 2, endpoint=False): [0, 0.5],
        mg.eye(2): [[1, 0], [0, 1]],
        mg.eye(2, 3, k=1): [[0, 1, 0], [0, 0, 1]],
        mg.zeros_like(mg.ones(2)): [0, 0],
        mg.ones_like(mg.zeros(2, dtype="int32")): [1, 1],
        mg.full_like(mg.zeros(1), 3): [3],
        mg.empty_like(mg.zeros(0)): [],
    }
    for x, values in made.items():
        assert x.tolist() == values
        assert x.backend.name == backend
    assert mg.ones(3, requires_grad=True).requires_grad
    assert mg.arange(3, dtype="float64").dtype == mg.float64
    assert mg.arange(3).dtype == mg.int64
    with pytest.raises(ValueError, match="negative"):
        mg.zeros((2, -1))
    with pytest.raises(ValueError, match="step"):
        mg.arange(0, 3, 0)


@pytest.mark.parametrize("limits", [(1e4, 1e4 + 100, 0.1), (-9e3, -8.9e3, 0.25), (2**24, 2**24 + 5, 1), (1, 0, -0.1)])
def test_arange_rounds_each_number_once(backend, dtype, limits):
    start, stop, step = limits
    wanted = np.array([start + i * step for i in range(round((stop - start) / step))], dtype)
    assert mg.arange(*limits, dtype=dtype).tolist() == wanted.tolist()
    assert mg.arange(1.0, 0.0, 0.1, dtype=dtype).shape == (0,)

"""Tensors: how they are made, what type results have, how values go in and out, and what tensors refuse."""

import copy
import pickle

import numpy as np
import pytest

import minigrad as mg

# --- made from what, and of which type --------------------------------------------------------------------------------


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


# --- types of results -------------------------------------------------------------------------------------------------


def test_an_integer_tensor_meets_floats():
    i = mg.tensor([1, 2])
    assert (i * 2).dtype == mg.int64
    assert (i * 2.5).dtype == mg.float32
    assert (i / 2).dtype == mg.float32
    assert (i * mg.ones(2)).dtype == mg.float32
    assert (mg.ones(2, dtype="float64") * i).dtype == mg.float64
    assert mg.exp(i).dtype == mg.float32
    assert i.mean().dtype == mg.float32
    assert (i > 1.5).tolist() == [False, True]


def test_gradients_flow_where_integers_meet_floats():
    x = mg.tensor([1.5, 2.5], requires_grad=True)
    (x * mg.tensor([2, 3]) + mg.tensor([True, False])).sum().backward()
    assert x.grad.tolist() == [2, 3]
    assert x.grad.dtype == mg.float32


@pytest.mark.parametrize("kind", ["int8", "int16", "uint8"])
def test_small_integers_do_not_overflow_in_a_gradient(kind):
    """The squares of these would not fit into their type."""
    y = mg.tensor([1.0], requires_grad=True)
    mg.atan2(mg.tensor(np.array([100], kind)), y).backward()
    assert y.grad.item() == pytest.approx(-100 / 10001, rel=1e-5)


@pytest.mark.parametrize("kind", ["float16", "float32", "float64"])
def test_scalars_of_numpy(kind):
    """np.float32 is an array's type, np.float64 is a Python float and as weak as one; on either side."""
    x = mg.ones(2, dtype=kind)
    for number in (2.0, np.float64(2.0), 2, True, np.int64(2), np.float16(2)):
        for out in (x * number, number * x, x - number, number - x, number / x, x**number, number + x):
            assert isinstance(out, mg.Tensor)
            assert out.dtype == x.dtype, repr(number)
    wide = max(x.dtype, np.dtype("float32"))
    for out in (x * np.float32(2), np.float32(2) * x, np.float32(2) - x, np.float32(2) ** x):
        assert isinstance(out, mg.Tensor)
        assert out.dtype == wide


def test_integer_tensors_and_scalars_of_numpy():
    i = mg.tensor([1, 2])
    assert (i * np.float32(1)).dtype == mg.float32
    assert (np.float32(1) * i).dtype == mg.float32
    assert (i * np.float64(1)).dtype == mg.float32
    assert (np.float64(1) * i).dtype == mg.float32
    assert (np.int8(1) * i).dtype == mg.int64


def test_numpy_arrays_on_either_side():
    a, x = np.array([[1.0], [2.0]], np.float32), mg.tensor([10.0, 20.0], requires_grad=True)
    for out in (a * x, x * a):
        assert isinstance(out, mg.Tensor)
        assert out.dtype == mg.float32
        assert out.tolist() == [[10, 20], [20, 40]]
    (a * x).sum().backward()
    assert x.grad.tolist() == [3, 3]
    assert (a.T @ mg.tensor([[1.0], [1.0]])).tolist() == [[3]]
    assert (np.float64([1, 2]) * mg.ones(2)).dtype == mg.float64
    assert (np.arange(2) == mg.tensor([0, 5])).tolist() == [True, False]
    assert (np.arange(2) < mg.tensor([0, 5])).tolist() == [False, True]


def test_comparison_with_something_else_is_false():
    x = mg.ones(2)
    assert (x == None) is False  # noqa: E711
    assert (x != "text") is True
    assert x not in ["a", 3.5j]
    assert len({x, x, mg.ones(2)}) == 2  # tensors are told apart by identity


# --- out --------------------------------------------------------------------------------------------------------------


def test_numbers_and_lists(backend):
    x = mg.tensor([[1.5, 2.5]])
    assert x.tolist() == [[1.5, 2.5]]
    assert x[0, 1].item() == 2.5
    assert type(x[0, 1].item()) is float
    assert (float(x[0, 0]), int(x[0, 1]), bool(x[0, 0] > 1)) == (1.5, 2, True)
    assert len(x) == 1
    assert (x.shape, x.ndim, x.size, x.nbytes) == ((1, 2), 2, 2, 8)
    assert list(range(5))[mg.tensor(2)] == 2
    for text, bad in (("item", x.item), ("item", lambda: bool(x)), ("item", lambda: float(mg.zeros(0)))):
        with pytest.raises(ValueError, match=text):
            bad()
    with pytest.raises(TypeError, match="index"):
        [1, 2][mg.tensor(1.0)]
    with pytest.raises(TypeError, match="length"):
        len(mg.tensor(1.0))


def test_iteration_goes_along_the_first_axis():
    x = mg.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    rows = list(x)
    assert [r.tolist() for r in rows] == [[1, 2], [3, 4]]
    (rows[0] * rows[1]).sum().backward()
    assert x.grad.tolist() == [[3, 4], [1, 2]]
    a, b = mg.tensor([1, 2])
    assert (a.item(), b.item()) == (1, 2)
    with pytest.raises(TypeError, match="iterated"):
        iter(mg.tensor(1.0))


def test_numpy_gives_a_read_only_view(backend):
    x = mg.ones(3)
    view = x.numpy()
    assert np.shares_memory(view, x.array)
    with pytest.raises(ValueError, match="read-only"):
        view[0] = 5
    assert np.asarray(x).dtype == np.float32
    assert np.array(x, dtype=np.float64).dtype == np.float64
    assert np.asarray(x, dtype="int8").tolist() == [1, 1, 1]
    assert np.array(x, copy=True).flags.writeable
    assert np.sum(np.asarray(x)) == 3
    with pytest.raises(ValueError, match="without a copy"):
        np.array(x, dtype=np.float64, copy=False)


def test_numpy_asks_for_detach():
    x = mg.ones(3, requires_grad=True)
    for out in (x.numpy, lambda: np.asarray(x), lambda: np.asarray(x * 2)):
        with pytest.raises(mg.GraphError, match=r"\.detach\(\)\.numpy\(\)"):
            out()
    assert x.detach().numpy().tolist() == [1, 1, 1]
    with mg.no_grad():
        assert x.numpy().tolist() == [1, 1, 1]


def test_dlpack_to_and_from_numpy(backend):
    x = mg.tensor([1.0, 2.0])
    a = np.from_dlpack(x)
    assert np.shares_memory(a, x.array)
    back = mg.from_dlpack(np.array([[1, 2]]))
    assert (back.tolist(), back.dtype, back.backend.name) == ([[1, 2]], mg.int64, backend)
    with pytest.raises(mg.GraphError, match="DLPack"):
        np.from_dlpack(mg.ones(2, requires_grad=True))


def test_dlpack_to_and_from_pytorch(backend):
    torch = pytest.importorskip("torch")
    t = torch.arange(3.0)
    x = mg.from_dlpack(t)
    t[0] = 7
    assert x.tolist() == [7, 1, 2]
    there = torch.from_dlpack(mg.tensor([1.0, 2.0]))
    assert there.tolist() == [1, 2]
    assert (x * 2).requires_grad_().backward(mg.ones(3)) is None


# --- shown ------------------------------------------------------------------------------------------------------------


def test_repr_shows_values_type_and_history():
    assert repr(mg.tensor([1.0, 2.5])) == "tensor([1. , 2.5])"
    assert repr(mg.tensor([1, 2])) == "tensor([1, 2])"
    assert repr(mg.tensor(True)) == "tensor(True)"
    assert repr(mg.tensor(1.0, dtype="float64")) == "tensor(1., dtype=float64)"
    x = mg.tensor([1.0], requires_grad=True)
    assert repr(x) == "tensor([1.], requires_grad=True)"
    assert repr(x * 2) == "tensor([2.], made by multiply)"
    assert repr(mg.zeros((2, 2))) == "tensor([[0., 0.],\n        [0., 0.]])"


def test_repr_names_another_backend():
    pytest.importorskip("numba")
    assert repr(mg.tensor([1], backend="numba")) == "tensor([1], backend=numba)"


def test_attributes_of_shape():
    x = mg.zeros((2, 3, 4))
    assert x.mT.shape == (2, 4, 3)
    assert x[0].T.shape == (4, 3)
    with pytest.raises(ValueError, match="mT or permute_dims"):
        x.T
    with pytest.raises(ValueError, match="two axes"):
        mg.zeros(2).mT


def test_integers_of_numpy_are_integers():
    n, x = np.int64, mg.arange(6).reshape(2, 3)
    assert mg.zeros(n(3)).shape == (3,)
    assert mg.repeat(x, n(2), n(1)).shape == (2, 6)
    assert len(mg.split(x, n(3), n(1))) == 3
    assert mg.roll(x, n(1), n(0)).tolist() == [[3, 4, 5], [0, 1, 2]]
    assert mg.expand_dims(x, n(0)).shape == (1, 2, 3)
    assert mg.squeeze(x[None], n(0)).shape == (2, 3)
    assert mg.moveaxis(x, n(0), n(1)).shape == (3, 2)
    assert mg.pad(x, n(1)).shape == (4, 5)
    assert mg.reshape(x, n(3), n(-1)).shape == (3, 2)
    assert mg.tensordot(x, x.T, n(1)).shape == (2, 2)
    assert mg.functional.layer_norm(x * 1.0, n(3)).shape == (2, 3)
    assert mg.random.normal(n(2)).shape == (2,)
    assert mg.grad(lambda a, b: (a * b).sum(), n(1))(mg.ones(2), mg.zeros(2)).tolist() == [1, 1]


# --- no change in place -----------------------------------------------------------------------------------------------


def test_assignment_is_refused_with_advice():
    x = mg.zeros(3)
    with pytest.raises(TypeError, match=r"x\.at\[index\]\.set\(value\).*mg\.where"):
        x[0] = 1
    with pytest.raises(TypeError, match="do not change in place"):
        del x[0]
    y = x
    y += 1  # makes a new tensor
    assert (x.tolist(), y.tolist()) == ([0, 0, 0], [1, 1, 1])


def test_updates_give_new_tensors(backend):
    x = mg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    v = mg.tensor(10.0, requires_grad=True)
    y = x.at[1:].set(v)
    assert y.tolist() == [1, 10, 10]
    assert x.tolist() == [1, 2, 3]
    y.sum().backward()
    assert (x.grad.tolist(), v.grad.item()) == ([1, 0, 0], 2)
    assert x.at[[0, 0, 2]].add(1).tolist() == [3, 2, 4]
    assert x.at[0].set(5).tolist() == [5, 2, 3]
    assert x.at[mg.tensor([True, False, True])].set(0).tolist() == [0, 2, 0]
    assert x.at[..., -1].add(np.float32(1)).dtype == mg.float32
    assert mg.zeros((2, 3)).at[:, 1].set([5, 6]).tolist() == [[0, 5, 0], [0, 6, 0]]
    assert mg.zeros((2, 3)).at[[0, 1]].add(mg.ones(3)).tolist() == [[1, 1, 1], [1, 1, 1]]
    assert mg.zeros(2).at[None].set(3).tolist() == [3, 3]


def test_an_update_holds_values_of_a_wider_type():
    assert mg.tensor([1, 2]).at[0].set(2.5).tolist() == [2.5, 2]
    assert mg.ones(2).at[0].set(mg.tensor(0.1, dtype="float64")).dtype == mg.float64


def test_index_kinds():
    x = mg.arange(6).reshape(2, 3)
    assert x[mg.tensor([1, 0])].tolist() == [[3, 4, 5], [0, 1, 2]]
    assert x[:, np.array([True, False, True])].tolist() == [[0, 2], [3, 5]]
    assert x[[1], [2]].tolist() == [5]
    assert x[[]].shape == (0, 3)
    assert x[None, ..., None].shape == (1, 2, 3, 1)
    assert x[np.int64(1), mg.tensor(2)].item() == 5
    for bad in (1.0, "a", mg.tensor([1.0]), (0, 1.5), [0.5]):
        with pytest.raises(IndexError, match="ind"):
            x[bad]
    with pytest.raises(IndexError, match=r"getitem\(int64\[2, 3\].*out of bounds"):
        x[5]


# --- stored and copied ------------------------------------------------------------------------------------------------


def test_leaves_can_be_pickled_and_copied(backend):
    for x in (mg.tensor([1.0, 2.0]), mg.tensor([1.5], dtype="float64", requires_grad=True), mg.Parameter([3.0])):
        for twin in (pickle.loads(pickle.dumps(x)), copy.deepcopy(x)):
            assert type(twin) is type(x)
            assert (twin.tolist(), twin.dtype, twin.requires_grad) == (x.tolist(), x.dtype, x.requires_grad)
            assert twin.backend is x.backend
            assert not np.shares_memory(twin.array, x.array)
            assert twin.grad is None


def test_tensors_with_a_history_are_not_pickled():
    y = mg.ones(2, requires_grad=True) * 2
    for store in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError, match=r"detach\(\)"):
            store(y)
    assert pickle.loads(pickle.dumps(y.detach())).tolist() == [2, 2]


def test_copy_overwrites_a_leaf():
    x = mg.zeros(3)
    view = x.detach()
    x.copy_([1, 2, 3])
    assert x.tolist() == [1, 2, 3]
    assert view.tolist() == [1, 2, 3]
    p = mg.Parameter([1.0])
    with pytest.raises(mg.GraphError, match="no_grad"):
        p.copy_([2.0])
    with mg.no_grad():
        p.copy_([2.0])
    assert p.item() == 2
    with pytest.raises(ValueError, match="cannot copy"):
        x.copy_([1.0])


def test_data_replaces_values():
    p = mg.Parameter([1.0, 2.0])
    y = p * p
    p.data = [5.0, 6.0]
    assert p.tolist() == [5, 6]
    y.sum().backward()  # with the values that were recorded
    assert p.grad.tolist() == [2, 4]
    with pytest.raises(ValueError, match="cannot replace"):
        p.data = [1.0]


# --- requires_grad ----------------------------------------------------------------------------------------------------


def test_requires_grad():
    x = mg.ones(2)
    assert not x.requires_grad
    assert x.requires_grad_() is x
    assert x.requires_grad
    assert x.is_leaf
    assert not (x * 2).is_leaf
    assert not (x * 2).detach().requires_grad
    x.requires_grad_(False)
    assert not (x * 2).requires_grad
    with pytest.raises(TypeError, match="only floating-point tensors have gradients, not int64"):
        mg.tensor([1], requires_grad=True)
    with pytest.raises(mg.GraphError, match="detach"):
        (mg.ones(2, requires_grad=True) * 2).requires_grad_(False)


def test_grad_can_be_set_and_cleared():
    x = mg.ones(2, requires_grad=True)
    assert x.grad is None
    x.grad = mg.ones(2)
    x.sum().backward()
    assert x.grad.tolist() == [2, 2]
    x.grad = None
    assert x.grad is None
    with pytest.raises(ValueError, match=r"float32\[2\] cannot be float32\[3\]"):
        x.grad = mg.ones(3)
    with pytest.raises(mg.GraphError):
        mg.ones(2).grad = mg.ones(2)


def test_conversion():
    x = mg.tensor([1.5, -1.5], requires_grad=True)
    assert x.astype("float32") is x
    assert x.to("float32") is x
    assert x.astype("int32").tolist() == [1, -1]
    assert not x.astype(bool).requires_grad
    y = x.to("float64") * 2
    y.sum().backward()
    assert (y.dtype, x.grad.dtype, x.grad.tolist()) == (mg.float64, mg.float32, [2, 2])
    with pytest.raises(TypeError):
        x.to("nonsense")


def test_methods_are_the_functions():
    x = mg.tensor([[1.0, -2.0], [3.0, 4.0]])
    for name, args in {"sum": (), "max": (1,), "abs": (), "reshape": ((4,),), "sort": (), "take": (0, 1)}.items():
        args = tuple(mg.tensor([a]) if name == "take" and i == 0 else a for i, a in enumerate(args))
        assert np.array_equal(getattr(x, name)(*args).numpy(), getattr(mg, name)(x, *args).numpy())

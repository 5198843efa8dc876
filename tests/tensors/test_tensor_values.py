"""How values go out of a tensor and are shown: numbers, lists, NumPy, DLPack, repr; shapes and methods."""

import numpy as np
import pytest

import minigrad as mg

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
    for text, bad in (
        ("item", x.item),
        (r"\.any\(\) or \.all\(\)", lambda: bool(x)),
        ("item", lambda: float(mg.zeros(0))),
    ):
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


def test_numpy_gives_a_read_only_view(host_backend):
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


def test_dlpack_to_and_from_numpy(host_backend):
    x = mg.tensor([1.0, 2.0])
    a = np.from_dlpack(x, copy=False)
    assert np.shares_memory(a, x.array)
    back = mg.from_dlpack(np.array([[1, 2]]))
    assert (back.tolist(), back.dtype, back.backend.name) == ([[1, 2]], mg.int64, host_backend)
    with pytest.raises(mg.GraphError, match="DLPack"):
        np.from_dlpack(mg.ones(2, requires_grad=True))


def test_dlpack_to_and_from_pytorch(host_backend):
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
    assert repr(x * 2) == "tensor([2.], requires_grad=True, made by multiply)"
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
    assert mg.repeat(x, n(2), axis=n(1)).shape == (2, 6)
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


def test_methods_are_the_functions():
    x = mg.tensor([[1.0, -2.0], [3.0, 4.0]])
    for name, args in {"sum": (), "max": (1,), "abs": (), "reshape": ((4,),), "sort": (), "take": (0, 1)}.items():
        args = tuple(mg.tensor([a]) if name == "take" and i == 0 else a for i, a in enumerate(args))
        assert np.array_equal(getattr(x, name)(*args).numpy(), getattr(mg, name)(x, *args).numpy())

"""The type of results where integers, floats, NumPy and Python meet, and conversion."""

import numpy as np
import pytest

import minigrad as mg


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


def test_conversion():
    x = mg.tensor([1.5, -1.5], requires_grad=True)
    assert x.astype("float32") is x
    assert x.to("float32") is x
    assert x.astype("int32").tolist() == [1, -1]
    assert not x.astype(bool).requires_grad
    assert x.to(mg.float64).dtype == x.to(dtype=mg.float64).dtype == mg.float64
    y = x.to("float64") * 2
    y.sum().backward()
    assert (y.dtype, x.grad.dtype, x.grad.tolist()) == (mg.float64, mg.float32, [2, 2])
    with pytest.raises(TypeError):
        x.to("nonsense")
    with pytest.raises(TypeError, match="a dtype is expected, not None"):
        x.to(None)

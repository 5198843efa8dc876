"""What changes in a tensor and what does not: updates, copies and new values, requires_grad and grad."""

import copy
import pickle

import numpy as np
import pytest

import minigrad as mg

# --- no change in place -----------------------------------------------------------------------------------------------


def test_assignment_is_refused_with_advice():
    x = mg.zeros(3)
    with pytest.raises(TypeError, match=r"x\.at\[index\]\.set\(value\).*mg\.where"):
        x[0] = 1
    with pytest.raises(TypeError, match="do not change in place"):
        del x[0]
    y = x[:2]
    x += 1  # the object goes on as what was computed
    assert (x.tolist(), y.tolist()) == ([1, 1, 1], [0, 0])


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
            assert not x.backend.lib.may_share_memory(twin.array, x.array)
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


def test_a_gradient_outlives_a_while_without_gradients():
    """As where a discriminator is frozen while the generator learns, and takes its own step afterwards."""
    w = mg.ones(2, requires_grad=True)
    (w * w).sum().backward()
    w.requires_grad_(False)
    assert w.grad.tolist() == [2, 2]
    w.requires_grad_()
    (w * w).sum().backward()
    assert w.grad.tolist() == [4, 4]
    w.requires_grad = False
    assert mg.optim.clip_grad_norm_([w], 0.5) == pytest.approx(32**0.5)
    mg.optim.SGD([w], lr=1).zero_grad()
    assert w.grad is None


def test_grad_can_be_set_and_cleared():
    x = mg.ones(2, requires_grad=True)
    assert x.grad is None
    x.grad = mg.ones(2)
    x.sum().backward()
    assert x.grad.tolist() == [2, 2]
    x.grad = None
    assert x.grad is None
    with pytest.raises(ValueError, match=r"its shape, not that of float32\[3\]"):
        x.grad = mg.ones(3)
    with pytest.raises(mg.GraphError):
        mg.ones(2).grad = mg.ones(2)

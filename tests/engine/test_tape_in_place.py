"""Changes in place of what the tape needs are noticed; others are allowed."""

import numpy as np
import pytest
from conftest import leaf

import minigrad as mg


@pytest.mark.parametrize("how", ["itself", "a detached view", "a detached slice", "a reshaped view", "twice removed"])
def test_a_change_of_what_backward_needs_is_noticed(how):
    w, x = leaf(1.0, 2.0), leaf(3.0, 4.0)
    y = w * x
    target = {
        "itself": lambda: w,
        "a detached view": lambda: w.detach(),
        "a detached slice": lambda: w.detach()[:1],
        "a reshaped view": lambda: w.detach().reshape(2, 1),
        "twice removed": lambda: w.detach().detach()[1:].reshape(1, 1),
    }[how]()
    with mg.no_grad():
        target.copy_(mg.zeros(target.shape))
    assert 0 in w.tolist()
    with pytest.raises(mg.GraphError) as error:
        y.sum().backward()
    text = str(error.value)
    assert "input x of <multiply float64[2] in top level> was changed in place by copy_()" in text
    assert "call backward() before the change" in text


def test_a_change_of_a_constant_is_noticed_too():
    x, c = leaf(1.0, 2.0), mg.ones(2, dtype="float64")
    y = (x * c).sum()
    c.copy_([5.0, 5.0])
    with pytest.raises(mg.GraphError, match="input y of <multiply"):
        y.backward()


def test_a_change_through_a_view_of_the_input_is_noticed():
    """The product reads a transposed view; the leaf behind it changes."""
    w, x = leaf([[1.0, 2.0], [3.0, 4.0]]), leaf([[1.0, 0.0]])
    y = x @ w.T
    with mg.no_grad():
        w.copy_(w * 2)
    with pytest.raises(mg.GraphError, match="changed in place"):
        y.sum().backward()


@pytest.mark.parametrize("equation", ["ij->ji", "ij->ij"])
def test_a_result_of_einsum_is_no_view(equation):
    w, x = leaf([[1.0, 2.0], [3.0, 4.0]]), leaf([[1.0, 0.0], [0.0, 1.0]])
    y = mg.einsum(equation, w) * x
    with mg.no_grad():
        w.copy_(w * 2)
    (slope,) = mg.differentiate(y.sum(), x)
    assert slope.tolist() == ([[1, 3], [2, 4]] if equation == "ij->ji" else [[1, 2], [3, 4]])


def test_a_change_of_what_backward_does_not_need_is_allowed():
    w, x = leaf(1.0, 2.0), leaf(3.0, 4.0)
    y = (w + x).sum()  # a sum needs no values
    with mg.no_grad():
        w.copy_([0.0, 0.0])
    y.backward()
    assert (w.grad.tolist(), x.grad.tolist()) == ([1, 1], [1, 1])


def test_a_change_before_recording_is_allowed():
    w = leaf(1.0, 2.0)
    with mg.no_grad():
        w.copy_([5.0, 6.0])
    (w * w).sum().backward()
    assert w.grad.tolist() == [10, 12]


def test_changing_a_detached_result_does_not_spoil_the_graph():
    """Whether the memory was shared or not: backward is right, or refused, but not wrong."""
    x = leaf(1.0, 2.0)
    y = mg.exp(x)  # its rule needs the result
    z = (y * y).sum()  # and so does this one
    y.detach().copy_([0.0, 0.0])
    try:
        z.backward()
    except mg.GraphError as error:
        assert "changed in place" in str(error)  # noqa: PT017
    else:
        np.testing.assert_allclose(x.grad.numpy(), 2 * np.exp([2.0, 4.0]))


def test_retained_graphs_are_checked_at_each_sweep():
    w = leaf(2.0)
    y = w * w
    y.backward(retain_graph=True)
    with mg.no_grad():
        w.copy_(5.0)
    with pytest.raises(mg.GraphError, match="changed in place"):
        y.backward()

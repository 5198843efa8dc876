"""The sweep back over the tape: gradients that add up, hooks on the way, and graphs that are freed or retained."""

import numpy as np
import pytest
from conftest import leaf

import minigrad as mg
from minigrad.engine.tape import FREED

# --- backward ---------------------------------------------------------------------------------------------------------


def test_gradients_of_all_uses_add_up():
    x = leaf(3.0)
    y = x * x + x
    (y * x).backward()  # d/dx (x^3 + x^2) = 3 x^2 + 2 x
    assert x.grad.item() == 33


def test_a_second_backward_adds_to_the_gradient():
    x = leaf(2.0)
    for _ in range(2):
        (x * x).backward()
    assert x.grad.item() == 8
    x.grad = None
    (x * x).backward()
    assert x.grad.item() == 4


def test_backward_from_several_elements_needs_weights():
    x = leaf(1.0, 2.0)
    y = x * x
    with pytest.raises(ValueError, match=r"float64\[2\].*several elements needs gradient"):
        y.backward()
    y.backward([1.0, 10.0])
    assert x.grad.tolist() == [2, 40]
    with pytest.raises(ValueError, match=r"the gradient given has shape \(3,\)"):
        (x * x).backward(mg.ones(3))
    one = leaf([[4.0]])
    (one * one).backward()  # one element is enough, whatever the shape
    assert one.grad.tolist() == [[8]]


def test_a_leaf_is_its_own_gradient():
    x = leaf(2.0)
    x.backward()
    assert x.grad.item() == 1


def test_a_diamond_is_swept_once():
    """Each node runs its rules when its gradient is complete, not once for each path (there are 2**50 here)."""
    x = leaf(1.0)
    y = x
    for _ in range(50):
        y = (y + y) / 2
    y.backward()
    assert x.grad.item() == 1


def test_gradients_do_not_share_memory_that_changes():
    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    (x + y).sum().backward()
    (x * 2).sum().backward()
    assert x.grad.tolist() == [3, 3]
    assert y.grad.tolist() == [1, 1]


def test_a_long_chain_of_operations_needs_no_recursion():
    x = leaf(1.0, dtype="float32")
    y = x
    for _ in range(200_000):
        y = -y
    y.backward()
    assert x.grad.item() == 1
    del y  # nor does letting go of them


def test_a_long_chain_of_lists_of_inputs_goes_too():
    x = leaf(1.0)
    y = x
    for _ in range(50_000):
        y = mg.stack([y, x])[0]
    del y


# --- broadcasting and promotion are undone in one place ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("equation", "left", "right"),
    [("ai,ab->ib", (1, 1), (2, 1)), ("ai,aj->ij", (1, 3), (4, 2)), ("i,i->i", (1,), (3,)), ("ai,ai->", (1, 2), (3, 2))],
)
def test_sizes_of_one_are_stretched_by_einsum_and_summed_again(equation, left, right):
    rng = np.random.default_rng(0)
    x, y = mg.tensor(rng.standard_normal(left)), mg.tensor(rng.standard_normal(right))
    assert mg.gradcheck(lambda x, y: mg.einsum(equation, x, y), [x, y])


def test_a_broadcasting_primitive_of_ones_own_needs_no_summing_in_its_rules():
    @mg.primitive(vjp=(lambda g, y: g * y, lambda g, x: g * x), broadcasts=True)
    def times(x, y):
        return x * y

    x, y = leaf(1.0, 2.0, dtype="float32"), leaf([[3.0], [4.0], [5.0]])
    times(x, y).sum().backward()
    assert (x.grad.tolist(), y.grad.tolist()) == ([12, 12], [[3], [3], [3]])
    assert (x.grad.dtype, y.grad.dtype) == (mg.float32, mg.float64)


# --- hooks ------------------------------------------------------------------------------------------------------------


def test_retain_grad_keeps_the_gradient_of_a_result():
    x = leaf(2.0)
    y = x * 3
    assert y.grad is None
    assert y.retain_grad() is y
    (y * y).backward()
    assert y.grad.item() == 12
    assert x.grad.item() == 36
    with pytest.raises(mg.GraphError):
        mg.ones(1).retain_grad()


def test_a_hook_sees_the_complete_gradient_and_may_replace_it():
    x = leaf(1.0, 2.0)
    y = x * 3
    seen = []
    y.register_hook(lambda g: seen.append(g.tolist()))
    y.register_hook(lambda g: g * 10)
    x.register_hook(lambda g: seen.append(g.tolist()))
    (y + y * y).sum().backward()
    assert seen == [[7, 13], [210, 390]]  # 1 + 2 y; then times 3 and 10
    assert x.grad.tolist() == [210, 390]


def test_a_hook_can_be_taken_away():
    x, seen = leaf(1.0, 2.0), []
    handle = x.register_hook(lambda g: seen.append("first"))
    x.register_hook(lambda g: seen.append("second"))
    handle.remove()
    handle.remove()
    (x * 2).sum().backward()
    assert seen == ["second"]
    assert x.grad.tolist() == [2, 2]


def test_hooks_work_in_recorded_sweeps():
    x = leaf(2.0)
    y = x * x
    y.register_hook(lambda g: g * 2)
    (slope,) = mg.differentiate(y * x, x, create_graph=True)
    assert slope.item() == 2 * 2 * 2 * 2 + 4  # twice x through y, and y itself
    assert slope.requires_grad


# --- freed graphs, retained graphs ------------------------------------------------------------------------------------


def test_a_freed_graph_is_refused_with_advice():
    x = leaf(2.0)
    with mg.scope("head"):
        y = mg.exp(x)
    y.backward()
    assert y.node.saved is FREED
    with pytest.raises(mg.GraphError) as error:
        y.backward()
    assert "<exp float64[] in head>" in str(error.value)
    assert "freed by an earlier backward()" in str(error.value)
    assert "retain_graph=True" in str(error.value)


def test_a_retained_graph_can_be_used_again():
    x = leaf(2.0)
    y = x * x
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.item() == 8
    with pytest.raises(mg.GraphError):
        y.backward()


def test_a_shared_part_of_two_graphs_is_freed_by_the_first():
    x = leaf(2.0)
    shared = mg.exp(x)
    a, b = shared * 2, shared * 3
    a.backward()
    with pytest.raises(mg.GraphError, match="exp"):
        b.backward()


def test_there_must_be_a_graph():
    for x in (mg.ones(1), leaf(1.0).detach(), mg.argmax(leaf(1.0, 2.0))):
        with pytest.raises(mg.GraphError, match="nothing to go back through"):
            x.backward()
    with mg.no_grad():
        y = leaf(1.0) * 2
    with pytest.raises(mg.GraphError, match="recording was switched off"):
        y.backward()


def test_create_graph_gives_gradients_with_a_history():
    x = leaf(3.0)
    (x**3).backward(create_graph=True)
    assert x.grad.item() == 27
    assert x.grad.requires_grad
    slope, x.grad = x.grad, None
    slope.backward()
    assert x.grad.item() == 18


def test_an_error_in_a_rule_says_which_operation_it_was():
    @mg.primitive(vjp=lambda g, x: g @ x)
    def broken(x):
        return x * 1

    with mg.scope("layer"):
        y = broken(leaf(1.0, 2.0).reshape(2, 1))
    with pytest.raises(ValueError) as error:
        y.sum().backward()
    assert error.value.__notes__ == ["in the backward pass of <broken float64[2, 1] in layer>"]

"""Changes in place: operators and methods on parameters, gradients, data and created tensors, beside PyTorch's."""

import numpy as np
import pytest

import minigrad as mg

torch = pytest.importorskip("torch")

VALUES = [[0.5, -1.5], [2.0, 3.0]]

# In-place changes of p by o, as a PyTorch user writes them under no_grad().
CHANGES = [
    "p += o",
    "p -= 0.1 * o",
    "p *= 2",
    "p /= o",
    "p //= o",
    "p %= o",
    "p **= 2",
    "p += 1",
    "p -= o[0]",
    "p.zero_()",
    "p.fill_(3)",
    "p.fill_(o.sum())",
    "p.add_(o)",
    "p.add_(o, alpha=-0.1)",
    "p.sub_(o, alpha=2)",
    "p.mul_(o).add_(1)",
    "p.div_(4)",
    "p.clip_(-1, 1)",
    "p.clip_(min=0)",
    "p.copy_(o)",
    "p.copy_(p + o)",
    "p.data.fill_(1)",
    "p.data.copy_(o)",
    "p.data.add_(o, alpha=-0.5)",
    "p.data -= 0.1 * o",
    "p.data *= 0.5",
    "p.data = p.data + o",
    "p.data[0].zero_()",
    "p.data[:, 1].fill_(9)",
    "p.data[1, 0].fill_(9)",
    "p[0].mul_(2)",
    "p.T[0].add_(1)",
    "p.grad.zero_()",
    "p.grad.mul_(0.5)",
    "p.grad *= 0.5",
    "p.grad.clip_(-1, 1)",
    "p.grad.data.zero_()",
    "p.grad.data.clip_(-1, 1)",
    "p.grad.add_(o)",
]


def parameter(library, make):
    p = make(VALUES)
    weights = library.tensor([[1.0, -2.0], [3.0, 0.25]])
    (p * p * weights).sum().backward()
    return p, library.tensor([[2.0, 0.5], [-1.0, 4.0]])


@pytest.mark.parametrize("change", CHANGES)
def test_a_parameter_changes_as_in_pytorch(backend, change):
    p, o = parameter(mg, mg.Parameter)
    names, p_ = {"p": p, "o": o}, p
    with mg.no_grad():
        exec(change, names)
    q, r = parameter(torch, lambda values: torch.nn.Parameter(torch.tensor(values)))
    theirs = {"p": q, "o": r}
    with torch.no_grad():
        exec(change, theirs)
    assert names["p"] is p_
    assert p.requires_grad
    assert p.is_leaf
    np.testing.assert_allclose(p.detach().numpy() if backend != "cupy" else p.tolist(), q.tolist(), rtol=1e-6)
    np.testing.assert_allclose(p.grad.tolist(), q.grad.tolist(), rtol=1e-6)
    p.grad = None
    (p * p).sum().backward()  # of the new values
    np.testing.assert_allclose(p.grad.tolist(), (2 * q.detach()).tolist(), rtol=1e-6)


IN_PLACE = [c for c in CHANGES if "grad" not in c and "data" not in c]


@pytest.mark.parametrize("change", IN_PLACE)
def test_backward_through_old_values_is_refused(change):
    p, o = parameter(mg, mg.Parameter)
    loss = (p * p).sum()
    with mg.no_grad():
        exec(change, {"p": p, "o": o})
    with pytest.raises(mg.GraphError, match="changed in place by"):
        loss.backward()


@pytest.mark.parametrize("make", [mg.Parameter, lambda v: mg.tensor(v, requires_grad=True)])
@pytest.mark.parametrize("change", IN_PLACE)
def test_where_operations_are_recorded_it_is_refused_with_advice(make, change):
    p, o = parameter(mg, make)
    with pytest.raises(mg.GraphError, match=r"no_grad\(\)|y = x\.at"):
        exec(change, {"p": p, "o": o})
    assert p.tolist() == VALUES


def test_a_product_in_place():
    """As NumPy has it; PyTorch makes a new tensor of `p @= o`, and leaves the parameter as it was."""
    p = held = mg.Parameter(VALUES)
    with mg.no_grad():
        p @= mg.tensor([[2.0, 0.5], [-1.0, 4.0]])
    assert held.tolist() == [[2.5, -5.75], [1, 13]]


def test_a_frozen_parameter_changes_too():
    """As in a moving average of weights."""
    p = mg.Parameter([1.0, 2.0], requires_grad=False)
    held = [p]
    with mg.no_grad():
        for q in held:
            q *= 0.5
            q += 1
    assert p.tolist() == [1.5, 2]
    with pytest.raises(mg.GraphError, match=r"x = x \* y"):
        p *= 2


@pytest.mark.parametrize("recording", [True, False])
def test_other_tensors_go_on_as_what_was_computed(backend, recording):
    """Whoever holds the object sees it, in training and in evaluation; views of the old values keep these."""
    w = mg.ones(2, requires_grad=True)
    for x in (mg.zeros(2), mg.zeros(2) + 1, w * 1, w.detach()):
        held, view, old = x, x[:1], x.tolist()
        with mg.enable_grad() if recording else mg.no_grad():
            x += 1
            x *= w
            x @= mg.ones((2, 2))
            x **= 2
        assert x is held
        assert held.tolist() == [(2 * (old[0] + 1)) ** 2] * 2
        assert view.tolist() == old[:1]
        assert held.requires_grad is recording
    assert w.tolist() == [1, 1]


def test_backward_goes_through_changed_tensors_as_through_new_ones():
    w = mg.tensor([2.0, 3.0], requires_grad=True)
    h = mg.zeros(2)
    for _ in range(3):
        before = h * w
        h += w
        h *= before + 1
    changed = mg.differentiate(h.sum(), w)[0]
    h = mg.zeros(2)
    for _ in range(3):
        h = (h + w) * (h * w + 1)
    assert changed.tolist() == mg.differentiate(h.sum(), w)[0].tolist()


def test_momentum_in_a_list_of_buffers():
    """A loop that people write by hand; a new tensor for each `b` would train without momentum, silently."""
    p = mg.Parameter([1.0, 2.0])
    buffers = [mg.zeros_like(p) for p in [p]]
    for _ in range(3):
        p.grad = None
        (p * p).sum().backward()
        with mg.no_grad():
            for q, b in zip([p], buffers):
                b *= 0.5
                b += q.grad
                q -= 0.25 * b
    assert p.tolist() == [-0.25, -0.5]


def test_gradients_change_by_operators():
    p = mg.Parameter([1.0, 2.0])
    (p * p).sum().backward()
    g = p.grad
    g *= 0.5
    assert p.grad.tolist() == [1, 2]


def test_integers_and_truth_values():
    n = held = mg.tensor([1, 2])
    n <<= 2
    n |= 1
    n //= 2
    assert held.tolist() == [2, 4]
    seen = mask = mg.tensor([True, False])
    mask ^= mg.tensor([True, True])
    mask &= mg.tensor([True, True])
    assert seen.tolist() == [False, True]
    with pytest.raises(TypeError, match=r"\+= cannot turn int64\[2\] into float32\[2\].*y = \.\.\."):
        n += 0.5
    with pytest.raises(ValueError, match=r"\+= cannot turn int64\[2\] into int64\[3, 2\]"):
        n += mg.ones((3, 2), dtype="int64")


def test_shape_and_dtype_stay():
    p = mg.Parameter([1.0, 2.0])
    with mg.no_grad():
        for change in ("p += mg.ones((3, 2))", "p @= mg.ones((2, 3))", "p.add_(mg.ones((3, 2)))"):
            with pytest.raises(ValueError, match=r"cannot turn float32\[2\] into .*keep shape and dtype"):
                exec(change)
        for change in ("p += np.ones(2)", "p.mul_(mg.ones(2, dtype='float64'))"):
            with pytest.raises(TypeError, match=r"cannot turn float32\[2\] into float64\[2\]"):
                exec(change)
        for wrong in ([1, 2], "a", None):
            with pytest.raises(TypeError, match=r"takes one number.*copy_"):
                p.fill_(wrong)
        with pytest.raises(TypeError, match="holds no fractions"):
            mg.zeros(2, dtype="int64").fill_(0.5)
        with pytest.raises(TypeError, match=r"int64\[2\] into float32\[2\]"):
            mg.zeros(2, dtype="int64").add_(0.5)
    assert p.tolist() == [1, 2]


def test_what_was_computed_does_not_change():
    w = mg.ones(2, requires_grad=True)
    for change in ("(w * 2).zero_()", "(w * 2).add_(1)", "(w * 2).data.zero_()", "(w * 2).copy_([1, 2])"):
        with pytest.raises(mg.GraphError, match=r"y = \.\.\. for a new tensor"):
            exec(change)
        with mg.no_grad(), pytest.raises(mg.GraphError, match=r"y = \.\.\. for a new tensor"):
            exec(change.replace("(w * 2)", "y"), {"y": y_of(w)})


def y_of(w):
    with mg.enable_grad():
        return w * 2


def test_a_part_of_a_computed_tensor_is_not_changed_unseen(backend):
    x = mg.zeros((2, 3)) + 1
    for change in ("x[0].fill_(5)", "x[0, 0].fill_(5)", "x[:, 1].zero_()", "x.T.zero_()", "x.data[0].fill_(5)"):
        with pytest.raises(mg.GraphError, match="part of a computed tensor"):
            exec(change)
    x.fill_(2)  # it belongs to nobody else
    x[0].fill_(5)
    assert x.tolist() == [[5, 5, 5], [2, 2, 2]]


def test_no_gradient_is_lost_silently():
    w = mg.ones(2, requires_grad=True)
    for change in ("mg.zeros(2).copy_(w)", "mg.zeros(2).add_(w * 2)", "mg.zeros(2).mul_(w)"):
        with pytest.raises(mg.GraphError, match="lose the gradients"):
            exec(change)
    with mg.no_grad():
        assert mg.zeros(2).add_(w * 2).tolist() == [2, 2]


def test_gradients_that_share_memory_change_alone():
    a, b = mg.ones(2, requires_grad=True), mg.ones(2, requires_grad=True)
    (a + b).backward(mg.tensor([1.0, 2.0]))
    a.grad.zero_()
    assert (a.grad.tolist(), b.grad.tolist()) == ([0, 0], [1, 2])
    b.grad.data.mul_(3)
    assert (a.grad.tolist(), b.grad.tolist()) == ([0, 0], [3, 6])
    c = mg.ones((2, 3), requires_grad=True)
    c.sum().backward()  # one number, broadcast
    c.grad.mul_(2)
    assert c.grad.tolist() == [[2] * 3] * 2

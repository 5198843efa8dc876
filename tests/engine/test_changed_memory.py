"""What backward needs and others may change by then: indices, options, and memory that was taken without a copy.

Each case records something, changes what it was given, and goes backward: that gives the gradients of the old values,
or a GraphError, but never anything else.
"""

import numpy as np
import pytest
from conftest import leaf
from samples import ROWS

import minigrad as mg
from minigrad import functional as F
from minigrad import nn
from minigrad.engine.record import apply
from minigrad.primitives import PRIMITIVES


def both_ways(record, change, *leaves):
    """The gradients with and without the change; None if backward was refused."""
    found = []
    for altered in (False, True):
        for x in leaves:
            x.grad = None
        y, given = record()
        if altered:
            change(given)
        try:
            y.sum().backward()
        except mg.GraphError as error:
            assert "changed in place" in str(error)  # noqa: PT017
            return None
        found.append([x.grad.tolist() for x in leaves])
    return found


def assert_old_values(record, change, *leaves):
    found = both_ways(record, change, *leaves)
    assert found is not None
    assert found[0] == found[1]


def assert_old_values_or_refused(record, change, *leaves):
    found = both_ways(record, change, *leaves)
    assert found is None or found[0] == found[1]


def zeroed(given):
    """Overwrite what was given, by its own means."""
    if isinstance(given, mg.Tensor):
        given.copy_(mg.zeros(given.shape, dtype=given.dtype))
    elif isinstance(given, list):
        given[:] = [0] * len(given)
    else:
        given[...] = 0


X = np.arange(1.0, 13.0).reshape(4, 3)

INDEXED = {
    "brackets": lambda x, i: x[i],
    "a tuple": lambda x, i: x[:, i],
    "take": lambda x, i: mg.take(x, i, axis=0),
    "take_along_axis": lambda x, i: mg.take_along_axis(x, mg.reshape(i, (2, 1)), axis=0),
    "at set": lambda x, i: x.at[i].set(mg.ones((2, 3), dtype="float64")),
    "values that were set": lambda x, i: mg.zeros((4, 3), dtype="float64").at[i].set(x[:2]),
    "values that were added": lambda x, i: mg.zeros((4, 3), dtype="float64").at[i].add(x[:2]),
    "embedding": lambda x, i: F.embedding(i, x),
    "embedding with padding": lambda x, i: F.embedding(i, x, padding_idx=1),
    "cross_entropy": lambda x, i: F.cross_entropy(x[:2], i),
    "nll_loss": lambda x, i: F.nll_loss(x[:2], i),
    "repeat": lambda x, i: mg.repeat(x[:2], i, axis=0),
    "lengths": lambda x, i: nn.Recurrent(lambda x_t, h: (x_t * 2, x_t))(mg.reshape(x, (2, 2, 3)), None, lengths=i)[0],
}


@pytest.mark.parametrize("name", INDEXED)
@pytest.mark.parametrize("kind", ["tensor", "view", "numpy", "asarray"])
def test_indices(name, kind):
    x = leaf(X)
    values = np.array([1, 2])

    def record():
        mine = values.copy()
        i = {
            "tensor": lambda: mg.tensor(mine),
            "view": lambda: mg.tensor(mine),
            "numpy": lambda: mine,
            "asarray": lambda: mg.asarray(mine),
        }[kind]()
        y = INDEXED[name](x, i.detach() if kind == "view" else i)
        return y * y, mine if kind == "asarray" else i

    assert_old_values_or_refused(record, zeroed, x)


def test_an_index_is_copied():
    x, w = leaf(1.0, 2.0, 3.0), leaf(10.0, 20.0)
    i = mg.tensor([2, 1])
    y = (x[i] * w).sum()
    i.copy_([0, 0])
    y.backward()
    assert x.grad.tolist() == [0, 20, 10]


def test_indices_on_each_backend(backend):
    x = mg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    i = mg.tensor([2, 1])
    y = x[i].sum()
    i.copy_([0, 0])
    y.backward()
    assert x.grad.tolist() == [0, 1, 1]


def test_a_mask_and_the_ends_of_a_slice():
    x = leaf(1.0, 2.0, 3.0)
    mask = mg.tensor([True, False, True])
    assert_old_values(lambda: (x[mask], None), lambda _: mask.copy_([True, True, False]), x)
    begin = mg.tensor(1)
    assert_old_values(lambda: (x[begin:], None), lambda _: begin.copy_(0), x)
    n = np.array(2)
    y = x[..., :n]
    n[...] = 0
    x.grad = None
    y.sum().backward()
    assert x.grad.tolist() == [1, 1, 0]


def test_nothing_is_copied_that_is_not_needed():
    x, i = leaf(1.0, 2.0), mg.tensor([1, 0])
    assert x[i].node.params["index"] is not i.array
    computed = mg.argsort(x)  # the result of an operation, which does not change
    assert x[computed].node.params["index"] is computed.array
    a = np.ones(2)
    assert (x + a).node.saved == (None, None, None)
    assert (x * a).node.saved[2] is not a
    own = mg.tensor(a)
    assert (x * own).node.saved[2] is own.array
    with mg.no_grad():
        assert (x.detach() * mg.asarray(a)).node is None


# --- memory that was taken without a copy -----------------------------------------------------------------------------

OPERATIONS = {
    "an operator": lambda x, a: x * a,
    "on the left": lambda x, a: a * x,
    "of three": lambda x, a: mg.where(x > 2, x * a, x / (a + 1)),
    "a condition": lambda x, a: mg.where(a > 2, x, -x),
    "matmul": lambda x, a: x @ a.T,
    "einsum": lambda x, a: mg.einsum("ij,kj->ik", x, a),
    "a view": lambda x, a: x[1:] * a[1:],
    "linear": lambda x, a: F.linear(a, x),
    "a loss": lambda x, a: F.mse_loss(x, a),
    "clip": lambda x, a: mg.clip(x * 1.5, a, None),
    "promoted": lambda x, a: x * a.astype("float32"),
    "recompute": lambda x, a: mg.recompute(lambda x, a: x * a, x, a),
    "layer norm": lambda x, a: F.layer_norm(a, 3, x[0], x[1]),
}


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("kind", ["numpy", "asarray", "without a copy", "dlpack", "a view of numpy", "numba"])
def test_the_next_batch_in_the_same_memory(name, kind):
    if kind == "numba":
        pytest.importorskip("numba")
    x = leaf(X)
    array = X.copy()

    def record():
        array[...] = X
        a = {
            "numpy": lambda: array,
            "asarray": lambda: mg.asarray(array),
            "without a copy": lambda: mg.asarray(array, copy=False),
            "dlpack": lambda: mg.from_dlpack(array),
            "a view of numpy": lambda: mg.asarray(array[::-1])[::-1],
            "numba": lambda: mg.asarray(array).to("numba").to("numpy"),
        }[kind]()
        return OPERATIONS[name](x, a), None

    assert_old_values(record, lambda _: zeroed(array), x)


def test_a_module_that_is_given_numpy_arrays():
    for module, shape in ((nn.Linear(3, 2), (4, 3)), (nn.LSTM(3, 2), (4, 1, 3)), (nn.LayerNorm(3), (4, 3))):
        batch = np.ones(shape, np.float32)

        def record(module=module, batch=batch):
            batch[...] = np.arange(12).reshape(batch.shape)
            y = module(batch)
            return y[0] if isinstance(y, tuple) else y, None

        assert_old_values(record, lambda _, batch=batch: zeroed(batch), *module.parameters())


def test_pytorch_memory_that_is_shared():
    torch = pytest.importorskip("torch")
    x, t = leaf(1.0, 2.0), torch.tensor([3.0, 4.0], dtype=torch.float64)
    y = (x * mg.from_dlpack(t)).sum()
    t.zero_()
    y.backward()
    assert x.grad.tolist() == [3, 4]


def test_the_tensor_itself_goes_on_to_share():
    a = np.ones(2)
    t = mg.asarray(a)
    y = (leaf(1.0, 2.0) * t).sum()
    a[0] = 5
    assert t.tolist() == [5, 1]
    t.copy_([7.0, 8.0])
    assert a.tolist() == [7, 8]
    y.backward()


def test_a_leaf_has_memory_of_its_own():
    a = np.array([1.0, 2.0])
    for x in (mg.asarray(a), mg.from_dlpack(a), mg.asarray(a)[:], mg.asarray(a).detach()):
        x.requires_grad_()
        y = (x * x).sum()
        a[...] = 0
        y.backward()
        assert x.grad.tolist() == [2, 4]
        a[...] = 1, 2


@pytest.mark.parametrize("made", [lambda a: a, mg.asarray, mg.tensor])
def test_where_backward_starts(made):
    """The seed may end as somebody's gradient: it is not to change there."""
    x, a = leaf(1.0, 2.0), np.array([3.0, 4.0])
    seed = made(a)
    (x + 1).backward(seed)
    a[...] = 0
    if isinstance(seed, mg.Tensor):
        seed.copy_(mg.zeros(2))
    assert x.grad.tolist() == [3, 4]
    seed = made(np.array([3.0, 4.0]))
    (slope,) = mg.differentiate(x * x, x, seed, create_graph=True)
    zeroed(seed)
    assert mg.differentiate(slope.sum(), x)[0].tolist() == [6, 8]


# --- options of one's own primitives, and what is computed again ------------------------------------------------------


@mg.primitive(vjp=lambda g, scale: g * scale[0])
def scaled(x, *, scale, unused=None):
    return x * scale[0]


@pytest.mark.parametrize("make", [np.array, list, mg.tensor, lambda v: [np.array(v[0])], lambda v: (np.array(v[0]),)])
def test_options_of_a_primitive(make):
    x = leaf(1.0, 2.0)
    scale = make([3.0, 4.0])
    if isinstance(scale, mg.Tensor):
        y = scaled(x, scale=scale.array).sum()
        scale.copy_([0.0, 0.0])
    else:
        y = scaled(x, scale=scale).sum()
        zeroed(scale if not isinstance(scale, tuple) else scale[0])
    y.backward()
    assert x.grad.tolist() == [3, 3]
    unused = np.ones(2)
    assert scaled(x, scale=[1.0], unused=unused).node.params["unused"] is unused


def test_a_primitive_that_returns_its_input():
    @mg.primitive(vjp=lambda g: g)
    def same(x):
        return x

    @mg.primitive(vjp=lambda g, xp: xp.flip(g, axis=0))
    def turned(x):
        return x[::-1]

    w, v = leaf(1.0, 2.0), leaf(3.0, 4.0)
    for function, wanted in ((same, [1, 2]), (turned, [2, 1])):
        with mg.no_grad():
            w.copy_([1.0, 2.0])
        y = (function(w) * v).sum()
        with mg.no_grad():
            w.copy_([0.0, 0.0])
        (slope,) = mg.differentiate(y, v)
        assert slope.tolist() == wanted


def test_what_recompute_was_given():
    x = leaf(1.0, 2.0)
    array, numbers = np.array([3.0, 4.0]), [3.0, 4.0]
    y = mg.recompute(lambda x, options: x * options["a"] * options["b"][0], x, {"a": array, "b": numbers}).sum()
    array[...] = 0
    numbers[0] = 0
    y.backward()
    assert x.grad.tolist() == [9, 12]


def test_what_a_recomputed_function_closes_over():
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    for constant in (mg.tensor([3.0, 4.0], dtype="float64"), w):
        y = mg.recompute(lambda x: (x + constant) * 2.0, x).sum()  # noqa: B023
        with mg.no_grad():
            constant.copy_([0.0, 0.0])
        with pytest.raises(mg.GraphError, match=r"of <recompute .* was changed in place"):
            y.backward()
    c = mg.tensor([3.0, 4.0], dtype="float64")
    y = mg.recompute(lambda x: x * c * mg.ones(2), x).sum()
    y.backward()
    assert x.grad.tolist() == [3, 4]


@pytest.mark.parametrize("name", sorted(ROWS))
def test_only_views_share_memory_with_an_input(name, host_backend):
    """What an operation saves must not change with its input, unless the table says that it is a view of it."""
    row, xp = PRIMITIVES[name], mg.get_backend(host_backend)
    for case in ROWS[name].fixed(np.random.default_rng(0)):
        tensors = [mg.tensor(x) if isinstance(x, np.ndarray) else x for x in case.inputs]
        out = apply(row, tensors, case.params)
        for i, x in enumerate(tensors):
            if isinstance(x, mg.Tensor) and xp.lib.may_share_memory(out.array, x.array):
                assert row.view, case
                assert i == 0, case

"""Errors say what was given, what was expected, and in which scope."""

import numpy as np
import pytest

import minigrad as mg
import minigrad.functional as F
from minigrad.backends import REGISTRY

A, B = mg.ones((2, 3)), mg.ones((4, 5))
VECTOR, NUMBER, WHOLE = mg.ones(3), mg.tensor(1.0), mg.tensor([0, 1, 2])

# what to do wrong -> (kind of error, all of these texts are in the message)
WRONG = {
    "shapes that do not broadcast": (lambda: A + B, ValueError, ["add(float32[2, 3], float32[4, 5])", "broadcast"]),
    "a comparison": (lambda: A < B, ValueError, ["less(float32[2, 3], float32[4, 5])"]),
    "matmul": (lambda: A @ B, ValueError, ["matmul(float32[2, 3], float32[4, 5])", "in top level"]),
    "matmul of a number": (lambda: A @ NUMBER, ValueError, ["matmul(float32[2, 3], float32[])"]),
    "where": (lambda: mg.where(A > 0, A, B), ValueError, ["where(bool[2, 3], float32[2, 3], float32[4, 5])"]),
    "where without truth values": (lambda: mg.where(A, A, A), TypeError, ["truth values, not float32"]),
    "reshape": (lambda: A.reshape(4, 2), ValueError, ["6 elements of shape (2, 3) do not fit (4, 2)"]),
    "reshape with -1": (lambda: A.reshape(-1, 4), ValueError, ["6 elements of shape (2, 3) do not fit (-1, 4)"]),
    "broadcast_to": (lambda: mg.broadcast_to(A, (3, 3)), ValueError, ["broadcast_to(float32[2, 3], shape=(3, 3))"]),
    "permute_dims": (lambda: mg.permute_dims(A, (0, 0)), ValueError, ["(0, 0) is not an order of 2 axes"]),
    "squeeze": (lambda: mg.squeeze(A, 0), ValueError, ["axis 0 of shape (2, 3) has size 2, not 1"]),
    "concat": (lambda: mg.concat([A, VECTOR]), ValueError, ["(2, 3) and (3,) differ in their number of axes"]),
    "concat of other sizes": (lambda: mg.concat([A, B]), ValueError, ["concat(float32[2, 3], float32[4, 5]"]),
    "concat of nothing": (lambda: mg.concat([]), ValueError, ["nothing to join"]),
    "stack": (lambda: mg.stack([A, B]), ValueError, ["stack(float32[2, 3], float32[4, 5]"]),
    "split": (lambda: mg.split(A, 2, 1), ValueError, ["axis 1 of shape (2, 3) does not divide into 2 equal parts"]),
    "split by sizes": (lambda: mg.split(A, [1, 1], 1), ValueError, ["[1, 1] do not add up to axis 1", "(2, 3)"]),
    "pad": (lambda: mg.pad(A, [(1, 1)]), ValueError, ["((1, 1),) do not fit shape (2, 3)"]),
    "repeat": (lambda: mg.repeat(A, [1, 2], 1), ValueError, ["[1, 2] do not fit axis 1 of shape (2, 3)"]),
    "moveaxis": (lambda: mg.moveaxis(A, (0, 1), (0,)), ValueError, ["cannot move axes (0, 1) to (0,)"]),
    "broadcast_shapes": (lambda: mg.broadcast_shapes((2,), (3,)), ValueError, ["(2,), (3,) do not broadcast"]),
    "an axis": (lambda: A.sum(axis=2), IndexError, ["sum: axis 2 is out of range for 2 axes"]),
    "an axis twice": (lambda: A.sum(axis=(0, -2)), ValueError, ["(0, -2) names an axis twice"]),
    "an axis of another kind": (lambda: A.sum(axis=1.0), TypeError, ["an axis is an integer, not 1.0"]),
    "an axis that is missing": (lambda: mg.cumulative_sum(A), ValueError, ["2 axes needs an axis"]),
    "take": (lambda: mg.take(A, [0.5], 1), TypeError, ["take: indices must be integers, not float32"]),
    "take without an axis": (lambda: mg.take(A, [0]), ValueError, ["2 axes needs an axis"]),
    "take out of range": (lambda: mg.take(A, [7], 1), IndexError, ["index 7", "size 3"]),
    "take_along_axis": (lambda: mg.take_along_axis(A, WHOLE), ValueError, ["indices have shape (3,)", "(2, 3)"]),
    "topk": (lambda: mg.topk(A, 4), ValueError, ["4 elements of axis 1 of shape (2, 3)"]),
    "one_hot": (lambda: mg.one_hot(WHOLE, 2), IndexError, ["one_hot: index 2", "0 to 1"]),
    "an extremum of nothing": (lambda: mg.zeros((0, 2)).max(axis=0), ValueError, ["max(float32[0, 2], axis=0"]),
    "outer": (lambda: mg.outer(A, VECTOR), ValueError, ["two vectors, got shapes (2, 3) and (3,)"]),
    "vecdot": (lambda: mg.vecdot(A, mg.ones(2)), ValueError, ["(2, 3) and (2,) differ along axis -1"]),
    "tensordot": (lambda: mg.tensordot(A, B, 1), ValueError, ["axes 1 of shapes (2, 3) and (4, 5) do not match"]),
    "einsum of too few": (lambda: mg.einsum("ij,jk", A), ValueError, ["names 2 operands, 1 were given"]),
    "einsum with other axes": (
        lambda: mg.einsum("ijk", A),
        ValueError,
        ["'ijk' does not fit an operand of shape (2, 3)"],
    ),
    "einsum with other sizes": (lambda: mg.einsum("ij,jk", A, B), ValueError, ["einsum(float32[2, 3], float32[4, 5]"]),
    "einsum with a strange result": (
        lambda: mg.einsum("ij->iz", A),
        ValueError,
        ["'iz'", "unknown or repeated letters"],
    ),
    "a diagonal that is none": (lambda: mg.einsum("ii->i", A), ValueError, ["letter 'i' names axes of sizes 2 and 3"]),
    "an index": (lambda: A[0, 5], IndexError, ["getitem(float32[2, 3], index=(0, 5))", "in top level"]),
    "too many indices": (lambda: A[0, 0, 0], IndexError, ["getitem(float32[2, 3]", "too many indices"]),
    "a mask of another shape": (lambda: A[mg.tensor([True])], IndexError, ["getitem(float32[2, 3]", "boolean index"]),
    "an update": (lambda: A.at[0].set(mg.ones(4)), ValueError, ["float32[4]", "(3,)"]),
    "bits of floats": (lambda: mg.bitwise_and(A, A), TypeError, ["bitwise_and(float32[2, 3], float32[2, 3])"]),
    "a negative power of integers": (lambda: WHOLE**-1, ValueError, ["pow(int64[3], -1)", "negative integer powers"]),
    "text": (lambda: A + "1", TypeError, ["add in top level: a str is not a tensor or a number"]),
    "None": (lambda: mg.exp(None), TypeError, ["exp"]),
    "a type": (lambda: mg.zeros(2, dtype="complex64"), TypeError, ["real floats", "complex64"]),
    "softmax": (lambda: F.softmax(A, 2), IndexError, ["softmax: axis 2 is out of range for 2 axes"]),
    "linear": (lambda: F.linear(VECTOR, A, mg.ones(3)), ValueError, ["weight float32[2, 3] and bias float32[3]"]),
    "linear of other sizes": (lambda: F.linear(mg.ones(4), A), ValueError, ["linear(float32[4], float32[2, 3], None)"]),
    "embedding": (lambda: F.embedding(mg.tensor([5]), A), IndexError, ["index 5 is out of range: expected 0 to 1"]),
    "embedding with floats": (lambda: F.embedding(VECTOR, A), TypeError, ["indices must be integers, not float32"]),
    "layer_norm": (lambda: F.layer_norm(A, 4), ValueError, ["float32[2, 3] does not end in the shape (4,)"]),
    "layer_norm's weight": (lambda: F.layer_norm(A, 3, mg.ones(2)), ValueError, ["weight float32[2]", "(3,)"]),
    "cross_entropy": (
        lambda: F.cross_entropy(A, WHOLE),
        ValueError,
        ["float32[2, 3]", "int64[3]", "(..., C) and (...)"],
    ),
    "a class": (lambda: F.cross_entropy(A, mg.tensor([0, 3])), IndexError, ["class index 3", "0 to 2"]),
    "a negative class": (lambda: F.nll_loss(A, mg.tensor([0, -1])), IndexError, ["class index -1", "0 to 2"]),
    "classes as floats": (lambda: F.cross_entropy(A, mg.ones(2)), TypeError, ["integers, not float32"]),
    "smoothing": (lambda: F.cross_entropy(A, WHOLE[:2], label_smoothing=2.0), ValueError, ["between 0 and 1, not 2.0"]),
    "a reduction": (lambda: F.mse_loss(A, A, "all"), ValueError, ["'mean', 'sum' or 'none', not 'all'"]),
    "a reduction of classes": (lambda: F.nll_loss(A, WHOLE[:2], reduction="x"), ValueError, ["not 'x'"]),
    "losses": (lambda: F.mse_loss(A, VECTOR), ValueError, ["mse_loss", "float32[2, 3]", "float32[3]"]),
    "huber's delta": (lambda: F.huber_loss(A, A, delta=0.0), ValueError, ["delta must be positive, not 0.0"]),
    "gelu": (lambda: mg.gelu(A, "erf"), ValueError, ["'none' or 'tanh', not 'erf'"]),
    "a backend": (lambda: mg.use_backend("tpu"), ValueError, ["unknown backend 'tpu'", *REGISTRY]),
}


@pytest.mark.parametrize("what", WRONG)
def test_messages(what):
    wrong, kind, texts = WRONG[what]
    with pytest.raises(kind) as error:
        wrong()
    assert type(error.value) is kind
    for text in texts:
        assert text in str(error.value)


def test_the_scope_is_named():
    with mg.scope("decoder"), mg.scope("cell", step=17), pytest.raises(ValueError, match=r"in decoder\.cell @ t=17: "):
        A + B


def test_the_cause_is_kept():
    with pytest.raises(ValueError) as error:
        A + B
    assert isinstance(error.value.__cause__, ValueError)


def test_an_error_leaves_nothing_behind():
    x = mg.ones((2, 3), requires_grad=True)
    with mg.Tape() as tape:
        with pytest.raises(ValueError):
            x + B
        (x * 2).sum().backward()
    assert [e.node.name for e in tape] == ["leaf", "multiply", "sum"]
    assert x.grad.tolist() == [[2] * 3] * 2


def test_backends_are_not_mixed():
    pytest.importorskip("numba")
    x, y = mg.ones(2), mg.ones(2, backend="numba")
    with mg.scope("layer"), pytest.raises(mg.BackendError) as error:
        x * y
    assert str(error.value) == "multiply in layer: tensors of backends numpy and numba met; move one with .to(backend)"
    with pytest.raises(mg.BackendError, match=r"concat .*numba and numpy"):
        mg.concat([y, x])
    with pytest.raises(mg.BackendError, match="backend numba, the tensor on numpy"):
        mg.ones(2, requires_grad=True).backward(y)


def test_numpy_arrays_are_no_other_backend():
    pytest.importorskip("numba")
    out = mg.ones(2, backend="numba") * np.ones(2, np.float32)
    assert out.backend.name == "numba"


# --- kinds of errors --------------------------------------------------------------------------------------------------


def test_too_little_memory_is_a_memory_error():
    tall, wide = mg.ones((100000, 1), requires_grad=True), mg.ones((1, 10**7))
    with pytest.raises(MemoryError) as error:
        tall + wide
    for text in ("add(float32[100000, 1], float32[1, 10000000]) in top level", "3.64 TiB", "(100000, 10000000)"):
        assert text in str(error.value)
    for make in (mg.zeros, mg.ones, mg.arange, mg.random.normal, lambda n: mg.broadcast_to(tall[:1, 0], (n,)) * 2):
        with pytest.raises(MemoryError, match="10000000000000"):
            make(10**13)
    y = mg.broadcast_to(tall[:1, 0], (10**13,))[5]
    with pytest.raises(MemoryError) as error:
        y.backward()
    assert "in the backward pass of <broadcast_to float32[10000000000000] in top level>" in error.value.__notes__


def test_floating_point_errors_stay_what_they_are():
    x = mg.zeros(1, requires_grad=True)
    with (
        np.errstate(all="raise"),
        pytest.raises(FloatingPointError, match=r"divide\(float32\[1\], float32\[1\]\) in top"),
    ):
        mg.ones(1) / x
    y = mg.sqrt(x).sum()
    with np.errstate(all="raise"), pytest.raises(FloatingPointError) as error:
        y.backward()
    assert error.value.__notes__ == ["in the backward pass of <sqrt float32[1] in top level>"]
    with pytest.raises(OverflowError, match=r"add\(uint8\[1\], 300\)"):
        mg.zeros(1, dtype="uint8") + 300


class OwnError(Exception):
    def __init__(self, what, code):
        super().__init__(what)
        self.code = code


@pytest.mark.parametrize(
    "error",
    [
        *(ZeroDivisionError("no"), OverflowError("no"), NotImplementedError("no"), IndexError("no"), ValueError("no")),
        *(mg.BackendError("no"), mg.GraphError("no"), KeyError("no"), RuntimeError("no"), AssertionError("no")),
        *(OwnError("no", 7), OSError(2, "no"), UnicodeDecodeError("utf8", b"a", 0, 1, "no")),
        np.linalg.LinAlgError("no"),
    ],
)
@pytest.mark.parametrize("when", ["forward", "backward"])
def test_errors_of_users_primitives_keep_their_kind(error, when):
    def fail(*_):
        raise error

    @mg.primitive(vjp=lambda g: fail() if when == "backward" else g, name="mine")
    def function(x):
        return fail() if when == "forward" else x * 1

    with pytest.raises(type(error)) as caught, mg.scope("layer"):
        function(mg.ones(2, requires_grad=True)).sum().backward()
    assert type(caught.value) is type(error)
    assert "no" in str(caught.value)
    text = str(caught.value) + "".join(getattr(caught.value, "__notes__", []))
    if not (when == "backward" and isinstance(error, mg.GraphError)):
        assert "mine" in text
        assert "layer" in text
    assert not isinstance(error, OwnError) or caught.value.code == 7

"""NumPy's functions and arrays meet tensors: tensors with gradients come out, or an error says what to use."""

import numpy as np
import pytest

import minigrad as mg

A = np.array([[0.52, -1.47, 2.03], [1.22, 0.31, -0.78]])
B = np.array([[1.0, 2.0, -0.5], [0.5, -2.0, 3.0]])
SQUARE = np.array([[2.0, 0.5, 1.0], [0.0, 1.0, -1.0], [0.5, 0.0, 3.0]])

# Calls of NumPy with a tensor t (values A), beside an array b: what they give is compared with NumPy's own result, and
# their gradients with finite differences.
CALLS = """
np.sum(t) | np.sum(t, 0) | np.sum(t, axis=(0, 1), keepdims=True) | np.mean(t, axis=1) | np.prod(t, axis=0)
np.max(t) | np.min(t, axis=1) | np.amax(t, 0) | np.amin(t, axis=0, keepdims=True)
np.std(t) | np.var(t, axis=1, ddof=1)
np.cumsum(t) | np.cumsum(t, axis=1) | np.sin(t) | np.exp(t) | np.abs(t) | np.arctan(t) | np.power(np.abs(t), 2.5)
np.sqrt(np.square(t) + 1) | np.log1p(np.abs(t)) | np.tanh(t) | np.sign(t) | np.rint(t)
np.negative(t) | np.hypot(t, 1)
np.add(b, t) | np.add(t, b) | np.subtract(b, t) | np.multiply(b, t) | np.divide(t, b)
np.maximum(t, b) | np.minimum(b, t)
np.arctan2(t, b) | np.logaddexp(t, b) | np.true_divide(t, b) | np.matmul(b, t.T) | np.matmul(b.T, t)
b + t | b - t | b * t | t / b | b @ t.T | t @ b.T | b.T @ t | 2 ** t | b // (t + 9) | b % (t + 9)
np.float32(2) * t | np.float64(2) - t | np.int64(3) * t | t * np.float32(2)
np.dot(t, b.T) | np.dot(b.T, t) | np.dot(t, 2.0) | np.inner(t, b) | np.outer(t, b) | np.tensordot(b, t, axes=2)
np.einsum("ij,kj->ik", b, t) | np.matrix_transpose(t)
np.concatenate([t, t]) | np.concatenate([b, t], axis=1) | np.concatenate((t, t), axis=None) | np.stack([t, b])
np.stack([t, t], axis=-1) | np.reshape(t, (3, 2)) | np.ravel(t) | np.transpose(t) | np.transpose(t, (1, 0))
np.swapaxes(t, 0, 1) | np.moveaxis(t, 0, 1) | np.expand_dims(t, 1) | np.squeeze(np.expand_dims(t, 0))
np.broadcast_to(t, (2, 2, 3)) | np.flip(t) | np.flip(t, axis=1) | np.roll(t, 1) | np.roll(t, 1, axis=1)
np.tile(t, 2) | np.tile(t, (2, 1)) | np.repeat(t, 2) | np.repeat(t, 2, axis=0) | np.pad(t, ((1, 0), (0, 2)))
np.pad(t, 1, constant_values=3) | np.tril(t) | np.triu(t, 1) | np.copy(t) | np.split(t, 3, axis=1)[1]
np.take(t, [0, 4]) | np.take(t, [0, 2], axis=1) | np.take_along_axis(t, np.array([[0], [2]]), axis=1)
np.sort(t) | np.sort(t, axis=0) | np.where(b > 0, t, b) | np.clip(t, 0, 1) | np.clip(t, min=-1) | np.round(t, 1)
np.unstack(t, axis=1)[2] | np.cumulative_sum(t, axis=0)
np.linalg.norm(t) | np.linalg.norm(t, axis=1) | np.linalg.norm(t, 1) | np.cross(t, b)
np.cumprod(t, axis=1) | np.trace(t) | np.diagonal(t, 1) | np.diff(t) | np.vstack([t, b]) | np.hstack([b, t])
"""
CALLS = [call.strip() for line in CALLS.strip().splitlines() for call in line.split(" | ")]


@pytest.mark.parametrize("call", CALLS)
def test_a_call_of_numpy_keeps_gradients(call):
    function = lambda t: eval(call, {"np": np, "t": t, "b": B})
    out = function(mg.tensor(A, requires_grad=True))
    assert isinstance(out, mg.Tensor)
    assert out.requires_grad
    wanted = function(A)
    assert out.shape == wanted.shape
    np.testing.assert_allclose(out.detach(), wanted, rtol=1e-12)
    assert mg.gradcheck(function, [mg.tensor(A)])
    plain = function(mg.tensor(A))  # the same without gradients: training and evaluation do not differ
    assert isinstance(plain, mg.Tensor)


@pytest.mark.parametrize(
    "call", [c for c in CALLS if "b" not in c.replace("broadcast", "").replace("abs", "") and "np.array" not in c]
)
def test_on_every_backend(backend, call):
    """No NumPy array takes part, so that nothing has to be moved."""
    out = eval(call, {"np": np, "t": mg.tensor(A, requires_grad=True)})
    assert out.backend.name == backend
    np.testing.assert_allclose(out.tolist(), eval(call, {"np": np, "t": A}), rtol=1e-6, atol=1e-12)


def test_what_has_no_derivative():
    t = mg.tensor(A, requires_grad=True)
    assert np.argmax(t) == 2
    assert np.argmin(t, axis=0).tolist() == [0, 0, 1]
    assert np.any(t > 0)
    assert not np.all(t > 0)
    assert np.count_nonzero(t) == 6
    assert np.argsort(t).tolist() == np.argsort(A).tolist()
    assert np.isnan(t).tolist() == [[False] * 3] * 2
    assert np.zeros_like(t).tolist() == [[0] * 3] * 2
    assert np.full_like(t, 2.5).tolist() == [[2.5] * 3] * 2
    assert (np.shape(t), np.ndim(t), np.size(t)) == ((2, 3), 2, 6)
    assert np.allclose(t, A)
    assert np.array_equal(t, A)
    assert [i.tolist() for i in np.nonzero(t > 1)] == [[0, 1], [2, 0]]
    assert [i.tolist() for i in np.where(t > 1)] == [[0, 1], [2, 0]]


# What would lose gradients, or means something else, and words of the answer.
REFUSED = {
    "np.percentile(t, 50)": "np.percentile would lose the gradients",
    "np.histogram(t)": r"t\.detach\(\)\.numpy\(\)",
    "np.interp(t, [0, 1], [0, 1])": "lose the gradients",
    "np.heaviside(t, 0.5)": "np.heaviside would lose the gradients",
    "np.median(t)": r"s = mg\.sort\(x.* of tensors, or use",
    "np.diag(t)": r"write mg\.diagonal\(x\)",
    "np.add.reduce(t)": r"np\.add\.reduce would lose",
    "np.atleast_1d(t)": "lose the gradients",
    "np.save('x.npy', t)": "lose the gradients",
    "np.mean(t, dtype='float32')": "np.mean of a tensor: .*'dtype'",
    "np.sum(t, where=b > 0)": "np.sum of a tensor: .*'where'",
    "np.add(t, 1, where=b > 0)": "np.add of a tensor takes no where: use mg.add",
    "np.split(t, [1, 2], axis=1)": "mg.split the sizes of the pieces",
    "np.pad(t, 1, mode='edge')": "mode='edge'",
    "np.add(b, b, out=t)": "cannot write into a tensor",
    "np.add(b, t, out=b)": r"write a = a \+ t",
    "b.__iadd__(t)": r"write a = a \+ t, which is a tensor",
    "b.__imul__(t)": r"t\.detach\(\)\.numpy\(\)",
}


@pytest.mark.parametrize("call", REFUSED)
def test_what_would_lose_gradients_is_refused(call):
    with pytest.raises(TypeError, match=REFUSED[call]):
        eval(call, {"np": np, "t": mg.tensor(A, requires_grad=True), "b": B.copy()})


@pytest.mark.parametrize(
    "call",
    ["np.asarray(t)", "np.array(t)", "np.array([t, t])", "np.array([t[0, 0], 1.0])", "b.__setitem__(0, t[0])"]
    + ["np.sum([t, t])", "np.append(b, [t, t])"],
)
def test_arrays_are_not_made_of_tensors_that_require_gradients(call):
    with pytest.raises(mg.GraphError, match=r"\.detach\(\)\.numpy\(\)"):
        eval(call, {"np": np, "t": mg.tensor(A, requires_grad=True), "b": B.copy()})


def test_tensors_without_gradients_become_arrays():
    t, b = mg.tensor(A), B.copy()
    for array in (np.asarray(t), np.array(t), np.array([t, t])[1], np.array([t[0], t[1]]), np.array(list(t))):
        assert array.dtype == np.float64
        assert array.tolist() == A.tolist()
    assert np.percentile(t, 50) == np.percentile(A, 50)
    assert np.histogram(t)[0].tolist() == np.histogram(A)[0].tolist()
    assert np.add.reduce(t).tolist() == np.add.reduce(A).tolist()
    b += t
    assert b.tolist() == (A + B).tolist()
    b[0] = t[0]
    b[1, 2] = t[1, 2]
    assert b[0].tolist() == A[0].tolist()
    w = mg.tensor(A, requires_grad=True)
    with mg.no_grad():
        b += w
        assert np.percentile(w, 50) == np.percentile(A, 50)


def test_tensors_as_indices_of_arrays():
    rows = np.arange(6).reshape(3, 2)
    assert rows[mg.tensor([2, 0])].tolist() == [[4, 5], [0, 1]]
    assert rows[mg.tensor([True, False, True])].tolist() == [[0, 1], [4, 5]]
    assert rows[mg.tensor(1), mg.tensor(1)] == 3
    assert list(range(5))[mg.tensor(2) :] == [2, 3, 4]
    with pytest.raises(IndexError):
        rows[mg.tensor([0.0])]


def test_array_on_the_left_in_comparisons():
    t = mg.tensor(A, requires_grad=True)
    for symbol in ("<", "<=", "==", "!=", ">=", ">"):
        out, wanted = eval(f"B {symbol} t", {"B": B, "t": t}), eval(f"B {symbol} A", {"B": B, "A": A})
        assert isinstance(out, mg.Tensor)
        assert out.tolist() == wanted.tolist()


def test_an_array_of_the_host_does_not_move_to_a_gpu(cupy):
    t = mg.tensor(A)
    for call in (lambda: np.add(B, t), lambda: B + t, lambda: np.percentile(t, 5)):
        with pytest.raises((mg.BackendError, TypeError), match=r"mg\.tensor|\.numpy\(\)|cupy"):
            call()


# --- other libraries --------------------------------------------------------------------------------------------------


def test_pandas():
    pandas = pytest.importorskip("pandas")
    series = pandas.Series(mg.tensor([1.0, 2.0]))
    assert mg.tensor(pandas.DataFrame({"a": [0.1, 0.2]})).tolist() == [[0.1], [0.2]]  # float64, as its columns
    assert series.tolist() == [1, 2]
    assert series.dtype == np.float32
    frame = pandas.DataFrame(mg.tensor(A))
    assert frame.to_numpy().tolist() == A.tolist()
    assert pandas.DataFrame({"x": mg.tensor([1, 2])})["x"].dtype == np.int64
    with pytest.raises((TypeError, mg.GraphError), match="gradients"):
        pandas.Series(mg.ones(2, requires_grad=True))


def test_matplotlib():
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    (line,) = axes.plot(mg.tensor([0.0, 1.0]), mg.tensor([2.0, 3.0]))
    assert line.get_ydata().tolist() == [2, 3]
    axes.imshow(mg.tensor(A))
    axes.hist(mg.tensor([1.0, 2.0, 2.0]))
    axes.scatter(mg.tensor([0.0]), mg.tensor([1.0]), c=mg.tensor([0.5]))
    axes.bar(mg.arange(2), mg.tensor([1.0, 2.0]))
    axes.plot([mg.tensor(1.0), mg.tensor(2.0)])  # a list of losses
    for draw in (axes.plot, axes.imshow):
        with pytest.raises((TypeError, mg.GraphError), match=r"gradients|detach\(\)"):
            draw(mg.ones((2, 2), requires_grad=True))


def test_torch_takes_values_only():
    torch = pytest.importorskip("torch")
    assert torch.as_tensor(mg.tensor(A).numpy().copy()).tolist() == A.tolist()
    assert torch.from_dlpack(mg.tensor(A)).tolist() == A.tolist()

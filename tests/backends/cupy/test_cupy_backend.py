"""The CuPy backend over the stand-in: devices, streams, memory, and that nothing waits for the GPU unasked.

What it computes is tested in `test_cupy_values.py` and, with the other backends, in the tests that take `backend`.
"""

import numpy as np
import pytest

pytest.importorskip("ml_dtypes", reason="the stand-in for CuPy needs ml_dtypes")

import ml_dtypes
import strict_cupy as stand_in
from conftest import STAND_IN

import minigrad as mg
from minigrad import nn, optim
from minigrad import random as mg_random
from minigrad.backends import BackendUnavailable
from minigrad.tools import system

pytestmark = pytest.mark.skipif(not STAND_IN, reason="there is a GPU, or no g++ for the emulator")

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)


@pytest.fixture
def two():
    """The backends of two devices. No test may leave another device current than it found."""
    with stand_in.two_devices():
        yield mg.get_backend("cupy"), mg.get_backend("cupy:1")
        assert stand_in.cuda.runtime.getDevice() == 0


# --- where it works ---------------------------------------------------------------------------------------------------


def make(monkeypatch, device=0, **changed):
    module = stand_in.backend_module()
    for name, value in changed.items():
        monkeypatch.setattr(module.cupy, name, value)
    return module.CupyBackend(device)


def test_an_old_cupy_is_refused(monkeypatch):
    with pytest.raises(BackendUnavailable, match=r"CuPy 13.3.0 is too old: 13.4 is needed"):
        make(monkeypatch, __version__="13.3.0")


@pytest.mark.parametrize(("version", "known"), [("13.4.0", False), ("13.6.0", False), ("14.0.0rc1", True)])
def test_bfloat16_needs_cupy_14(monkeypatch, version, known):
    backend = make(monkeypatch, __version__=version)
    assert backend.has_bfloat16 is known
    assert (BFLOAT16 in backend.float_types) is known


def test_a_missing_gpu_is_named(monkeypatch):
    with pytest.raises(BackendUnavailable, match="no GPU 3: CUDA sees 1"):
        make(monkeypatch, 3)
    runtime = stand_in.backend_module().cupy.cuda.runtime
    monkeypatch.setattr(runtime, "getDeviceCount", lambda: 0)
    with pytest.raises(BackendUnavailable, match="there is no CUDA GPU"):
        make(monkeypatch)

    def fail():
        raise runtime.CUDARuntimeError("cudaErrorInsufficientDriver")

    monkeypatch.setattr(runtime, "getDeviceCount", fail)
    with pytest.raises(BackendUnavailable, match="CUDA does not work here: cudaErrorInsufficientDriver"):
        make(monkeypatch)


def test_a_device_that_is_not_there_has_no_backend():
    with pytest.raises(mg.BackendError, match="no GPU 7"):
        mg.get_backend("cupy:7")


def test_info_names_every_gpu(two):
    facts = dict(system.describe())
    assert facts["backend cupy"] == "available"
    assert "name " in facts["GPU cupy"]
    assert "compute_capability " in facts["GPU cupy:1"]


def test_it_describes_its_device(cupy):
    facts = cupy.describe()
    assert facts["name"] == "Stand-in 0"
    assert facts["compute_capability"] == "9.0"
    assert (facts["cuda"], facts["driver"], facts["cupy"], facts["tf32"]) == ("13.0", "13.0", "14.2.0", False)
    assert facts["memory_bytes"] == 1 << 30


def test_one_device_needs_no_wrappers(cupy):
    assert cupy.exp is stand_in.exp
    assert "softmax" not in vars(cupy)


# --- several devices --------------------------------------------------------------------------------------------------


def test_each_device_is_a_backend(two):
    first, second = two
    assert (first.name, first.place, first.device) == ("cupy", "cuda:0", 0)
    assert (second.name, second.place, second.device) == ("cupy:1", "cuda:1", 1)
    assert mg.get_backend("cupy:0") is first
    assert mg.ones(2, backend="cupy:1").array.device.id == 1
    assert mg.ones(2, backend="cupy").array.device.id == 0


def train(backend, steps=3):
    """A few steps of a small recurrent network on a backend; the last loss and the parameters."""
    mg.random.manual_seed(0)
    with mg.use_backend(backend):
        table, cell, head = nn.Embedding(7, 6), nn.LSTM(6, 8, num_layers=2, dropout=0.3), nn.Linear(8, 7)
        norm = nn.LayerNorm(8)
        params = [p for module in (table, cell, head, norm) for p in module.parameters()]
        optimizer = optim.Adam(params, lr=0.01)
        rng = np.random.default_rng(0)
        x, y = mg.tensor(rng.integers(0, 7, (5, 4))), mg.tensor(rng.integers(0, 7, (5, 4)))
        for _ in range(steps):
            optimizer.zero_grad()
            h, _ = cell(table(x))
            loss = mg.functional.cross_entropy(head(norm(h)), y, label_smoothing=0.1)
            loss.backward()
            optim.clip_grad_norm_(params, 1.0)
            optimizer.step()
    return loss, params


def test_all_work_of_a_device_is_done_there(two):
    """The current device is the first one; the second device's arrays are refused there by the stand-in."""
    loss, params = train("cupy:1")
    assert loss.array.device.id == 1
    assert all(p.array.device.id == p.grad.array.device.id == 1 for p in params)
    again, _ = train("cupy")
    assert again.array.device.id == 0
    assert again.item() == loss.item()  # the same numbers on every device


ELSEWHERE = [
    lambda x, i: x[i],
    lambda x, i: x[0, [1, 2]],
    lambda x, i: x.at[i].add(1.0),
    lambda x, i: x.at[i].set(mg.zeros((3, 4), dtype="float64")),
    lambda x, i: x.at[x > 1.5].set(0.0),
    lambda x, i: mg.sort(x, 0),
    lambda x, i: mg.topk(x, 2)[0],
    lambda x, i: mg.take_along_axis(x, i[:, None], 1),
    lambda x, i: mg.einsum("ij,kj->ik", x, x),
    lambda x, i: mg.einsum("ii->i", x[:, :3]),
    lambda x, i: x + i[:, None],
    lambda x, i: i + 0.5,
    lambda x, i: mg.concat([x[:, 0].astype("float16"), i]),
    lambda x, i: x.astype("float16") * 0.1,
    lambda x, i: x.astype("float16")[:, 0] / i,
    lambda x, i: mg.stack([x, x]).mean(0),
    lambda x, i: mg.var(x.astype("float16")),
    lambda x, i: mg.std(x, 0),
    lambda x, i: mg.nonzero(x > 1.5)[0],
    lambda x, i: mg.arange(3) * 2.5,
    lambda x, i: x.astype("int32") / 3,
    lambda x, i: mg.random.permutation(5),
    lambda x, i: mg.random.normal((2,), mean=1.0, std=2.0),
    lambda x, i: mg.random.uniform((2,), low=1.0, high=3.0),
    lambda x, i: mg.random.randint(0, 5, (3,), dtype="int8"),
    lambda x, i: mg.random.bernoulli(0.5, (3,)),
    lambda x, i: mg.functional.dropout(x),
    lambda x, i: mg.tensor([1, 2.5]),
    lambda x, i: mg.tensor(x),
    lambda x, i: mg.asarray(x, dtype="float32"),
    lambda x, i: mg.functional.kl_div(x.log(), x),
    lambda x, i: mg.functional.nll_loss(x, i),
    lambda x, i: x.T @ x,
    lambda x, i: mg.tril(x),
    lambda x, i: mg.one_hot(i, 4),
    lambda x, i: mg.cumulative_sum(x, 0, include_initial=True),
    lambda x, i: x.detach().requires_grad_(),
    lambda x, i: x.detach().copy_(2 * x),
    lambda x, i: mg.grad(lambda y: (y * y).sum())(x),
    lambda x, i: mg.value_and_grad(lambda y: y[i].sum())(x)[1],
    lambda x, i: mg.jacobian(lambda y: y.sum(0))(x),
]


@pytest.mark.parametrize("operation", ELSEWHERE)
def test_operations_run_on_the_device_of_their_tensors(two, operation):
    """Whichever device is current; the stand-in refuses to compute with arrays of another one."""
    with mg.use_backend("cupy:1"):
        x, i = mg.random.uniform((3, 4), low=1, high=2, dtype="float64"), mg.tensor([2, 0, 2])
        two[0].activate()
        assert operation(x, i).array.device.id == 1
    two[0].activate()


def test_gradients_of_gradients_stay_on_their_device(two):
    with mg.use_backend("cupy:1"):
        x = mg.tensor([0.5, 1.5], dtype="float64")
        assert mg.gradgradcheck(lambda x: (x * x).exp() / (1 + x), [x])
        assert mg.hvp(lambda x: (x**3).sum(), x, mg.ones(2, dtype="float64")).array.device.id == 1
    mg.get_backend("cupy").activate()


def test_tensors_move_between_devices_without_the_host(two):
    x = mg.tensor([[1.0, 2.0], [3.0, 4.0]], backend="cupy", requires_grad=True)
    before = stand_in.counts["transfers"]
    y = (x * 2).T.to("cupy:1")
    assert (y.array.device.id, y.backend.name) == (1, "cupy:1")
    z = (y * y).sum().to("cupy")
    z.backward()
    assert x.grad.array.device.id == 0
    assert stand_in.counts["transfers"] == before
    np.testing.assert_array_equal(x.grad.numpy(), [[8, 16], [24, 32]])
    mg.get_backend("cupy").activate()


def test_a_copy_to_another_device_waits_for_both_streams(two):
    first, second = two
    with first.stream():
        x = first.full((3,), 2.0, "float32")
        moved = second.asarray(x)  # the stand-in raises StreamRace if the order is not said
    np.testing.assert_array_equal(second.to_numpy(moved), [2, 2, 2])
    done = {queue for queue in stand_in.cuda.get_current_stream(0).seen[0] if queue[1] == 1}
    assert done  # and the first device's stream waits until its memory was read
    with pytest.raises(ValueError, match="without a copy"):
        second.asarray(x, copy=False)


def test_devices_are_not_mixed(two):
    x, y = mg.ones(2, backend="cupy"), mg.ones(2, backend="cupy:1")
    with pytest.raises(mg.BackendError, match="backends cupy and cupy:1 met"):
        x + y
    with pytest.raises(mg.BackendError, match="index on backend cupy:1 met a tensor of backend cupy"):
        x[y.astype("int64")]
    with pytest.raises(mg.BackendError):
        mg.tensor(y, backend="cupy")


def test_bad_indices_are_noted_by_device(two):
    x = mg.ones((3, 2), backend="cupy:1")
    out = x[mg.tensor([3], backend="cupy:1")]
    mg.ones(2, backend="cupy").numpy()  # nothing is wrong on the first one
    with pytest.raises(IndexError, match="out of range in an earlier operation"):
        out.numpy()


def test_activate_makes_the_device_current(two):
    _, second = two
    second.activate()
    assert stand_in.cuda.runtime.getDevice() == 1
    two[0].activate()


def test_a_block_and_a_backward_pass_leave_the_device_as_it_was(two):
    _, second = two
    with second.active():
        assert stand_in.cuda.runtime.getDevice() == 1
    assert stand_in.cuda.runtime.getDevice() == 0
    x = mg.ones(3, backend="cupy:1", requires_grad=True)
    p = mg.Parameter(x, backend="cupy:1")
    ((x * p).to("cupy") * 2).sum().backward()
    assert stand_in.cuda.runtime.getDevice() == 0
    mg.optim.Adam([p]).step()
    mg.optim.clip_grad_norm_([p], 0.1)
    mg.random.normal((3,), std=2.0, generator=mg.random.Generator(0, "cupy:1"))
    assert stand_in.cuda.runtime.getDevice() == 0
    assert x.grad.backend is second


# --- streams and memory -----------------------------------------------------------------------------------------------


def test_a_stream_comes_after_what_was_started_before_it_and_before_what_follows(cupy):
    x = mg.ones(3) * 2
    with cupy.stream() as stream:
        assert stand_in.cuda.get_current_stream() is stream
        assert stream.is_non_blocking
        y = mg.functional.softmax(x * 3)
    assert stand_in.cuda.get_current_stream() is not stream
    np.testing.assert_allclose((y + 1).numpy(), 4 / 3, rtol=1e-6)


def test_a_stream_that_is_not_joined_must_be_waited_for(cupy):
    x = mg.ones(3)
    with cupy.stream(join=False) as stream:
        y = x * 2
    with pytest.raises(Exception, match="may still be writing"):
        y + 1
    stream.synchronize()
    assert (y + 1).tolist() == [3, 3, 3]


def test_synchronize_waits_for_all_streams(cupy):
    with cupy.stream(join=False):
        y = mg.ones(3)
    cupy.synchronize()
    assert (y + 1).tolist() == [2, 2, 2]


def test_training_on_a_stream(cupy):
    with cupy.stream():
        loss, _ = train("cupy")
    assert loss.item() == train("cupy")[0].item()


def test_memory_in_use(cupy):
    cupy.free_memory()
    before = cupy.memory()
    x = mg.zeros(1 << 18)
    assert cupy.memory()["used_bytes"] == before["used_bytes"] + (1 << 20)
    del x
    assert cupy.memory()["used_bytes"] == before["used_bytes"]
    assert cupy.memory()["total_bytes"] >= before["total_bytes"] + (1 << 20)
    cupy.free_memory()
    assert cupy.memory()["total_bytes"] == cupy.memory()["used_bytes"]


def test_a_step_of_training_leaves_no_memory_behind(cupy, without_gc):
    loss, params = train("cupy", steps=2)
    del loss, params
    mg_random._generators.pop("cupy", None)
    before = cupy.memory()["used_bytes"]
    loss, params = train("cupy", steps=4)
    del loss, params
    assert cupy.memory()["used_bytes"] == before


# --- nothing waits ----------------------------------------------------------------------------------------------------


def test_a_training_step_waits_for_nothing_but_the_norm(cupy):
    """LSTM, embedding, layer norm, dropout, cross-entropy, backward, clipping, Adam: one number is read back a step."""
    train("cupy", 1)
    before = dict(stand_in.counts)
    train("cupy", 3)
    # clip_grad_norm_ returns a number; the bad indices that may have been noted are looked at then.
    assert stand_in.counts["transfers"] - before["transfers"] == 2 * 3
    assert stand_in.counts["waits"] == before["waits"]


def test_what_no_index_was_checked_for_is_one_transfer(cupy):
    x = mg.ones(3)
    x.numpy()
    before = stand_in.counts["transfers"]
    x.numpy()
    assert stand_in.counts["transfers"] == before + 1


@pytest.mark.parametrize(
    "operation",
    [
        lambda x, i: x[i],
        lambda x, i: x[:, None, i],
        lambda x, i: x[i, i],
        lambda x, i: x.at[i].add(1.0),
        lambda x, i: x.at[i, i].add(1.0),
        lambda x, i: x.at[i].set(1.0),
        lambda x, i: x.at[:, i].set(1.0),
        lambda x, i: mg.one_hot(i, 5),
        lambda x, i: mg.functional.cross_entropy(x, i),
        lambda x, i: mg.functional.nll_loss(x, i),
        lambda x, i: mg.take(x, i, 1),
        lambda x, i: mg.sort(x, 1),
        lambda x, i: mg.logsumexp(x, 0),
        lambda x, i: x % 0.3,
        lambda x, i: x // 0.3,
        lambda x, i: mg.einsum("ij,ij->i", x, x),
        lambda x, i: mg.var(x, 0),
        lambda x, i: mg.concat([x, x]).max(0),
        lambda x, i: mg.clip(x, 0.2, 0.5),
        lambda x, i: mg.cumulative_sum(x, 0),
    ],
)
def test_operations_wait_for_nothing(cupy, operation):
    x, i = mg.random.uniform((3, 3), requires_grad=True), mg.tensor([0, 2, 2])
    before = dict(stand_in.counts)
    out = operation(x, i)
    if out.requires_grad:
        out.sum().backward()
    assert stand_in.counts == before


def test_masks_wait_for_the_shape_of_their_result(cupy):
    x = mg.arange(5.0)
    before = stand_in.counts["waits"]
    assert x[x > 2].tolist() == [3, 4]
    assert stand_in.counts["waits"] > before


def test_drawing_waits_for_nothing(cupy):
    g = mg.random.Generator(3)
    before = dict(stand_in.counts)
    mg.random.normal((5,), generator=g)
    g.set_state(g.get_state())
    mg.random.permutation(5, g)
    mg.random.bernoulli(0.5, (5,), g)
    mg.random.randint(0, 5, (5,), generator=g)
    assert stand_in.counts == before

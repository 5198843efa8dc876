"""What only a real GPU shows: the same bits twice, memory that stays flat, streams, speed of transfer, mixed precision.

All of it is marked `gpu` and needs CuPy, NumPy and pytest alone; `make gpu-check` runs it, with the tests that take the
fixture `backend`.
"""

import importlib
import warnings

import numpy as np
import pytest
from conftest import GPU

import minigrad as mg
from minigrad import functional as F
from minigrad import nn, optim
from minigrad.training.trainer import Trainer

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not GPU, reason="needs a CUDA GPU and CuPy")]

PROGRAMS = ["char_lm", "adding"]


@pytest.fixture(autouse=True)
def gpu():
    """The backend, which new tensors go to."""
    with mg.use_backend("cupy") as backend:
        yield backend
        backend.set_tf32(False)


class Network(nn.Module):
    """A recurrent network with everything that training has."""

    def __init__(self, dropout=0.2):
        super().__init__()
        self.table = nn.Embedding(50, 32)
        self.cell = nn.LSTM(32, 64, num_layers=2, dropout=dropout)
        self.norm = nn.LayerNorm(64)
        self.head = nn.Linear(64, 50)

    def forward(self, x):
        return self.head(self.norm(self.cell(self.table(x))[0]))


def training(steps, dtype="float32", dropout=0.2, scaler=None, seed=0):
    """The losses of some steps, as numbers, and the model."""
    mg.random.manual_seed(seed)
    model = Network(dropout)
    rng = np.random.default_rng(seed)  # on the host, so that training starts alike on every backend
    for p in model.parameters():
        with mg.no_grad():
            p.copy_(mg.tensor(rng.normal(scale=0.1, size=p.shape).astype("float32")))
    model = model.to(dtype)
    optimizer = optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.01)
    numbers = rng.integers(0, 50, (20, 16))  # 320 rows of 50: most of them come again and again
    x, y = mg.tensor(numbers), mg.tensor(np.roll(numbers, -1, 0))
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        if scaler is None:
            loss.backward()
            optim.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
        else:
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
        losses.append(loss)
    return [loss.item() for loss in losses], model


# --- the same every time ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_training_twice_gives_the_same_bits(dtype):
    first, second = training(20, dtype), training(20, dtype)
    assert first[0] == second[0]
    for (name, p), (_, q) in zip(first[1].named_parameters(), second[1].named_parameters(), strict=True):
        np.testing.assert_array_equal(p.detach().numpy(), q.detach().numpy(), err_msg=name)


@pytest.mark.parametrize("size", [(1000, 64, 100_000), (7, 1, 50_000), (100_000, 128, 5_000)])
def test_sums_at_repeated_indices_give_the_same_bits(gpu, size):
    rows, columns, n = size
    rng = np.random.default_rng(0)
    index, values = rng.integers(0, rows, n), rng.normal(size=(n, columns)).astype(np.float32)
    wanted = np.zeros((rows, columns))
    np.add.at(wanted, index, values)
    results = []
    for _ in range(3):
        x = gpu.zeros((rows, columns), np.dtype("float32"))
        gpu.add_at(x, gpu.asarray(index), gpu.asarray(values))
        results.append(gpu.to_numpy(x))
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])
    np.testing.assert_allclose(results[0], wanted, rtol=1e-3, atol=2e-3)


def test_many_random_numbers():
    x = mg.random.normal((2_000_000,), generator=mg.random.Generator(0)).numpy().astype(np.float64)
    assert abs(x.mean()) < 5 / np.sqrt(x.size)
    assert abs(x.std() - 1) < 5 / np.sqrt(2 * x.size)
    kept = mg.random.bernoulli(0.9, (2_000_000,), mg.random.Generator(0)).numpy().mean()
    assert abs(kept - 0.9) < 5 * 0.3 / np.sqrt(2_000_000)
    order = mg.random.permutation(1_000_000, mg.random.Generator(0)).numpy()
    assert (np.sort(order) == np.arange(1_000_000)).all()


# --- the same as on the host ------------------------------------------------------------------------------------------


def test_training_agrees_with_the_host():
    there = training(15, "float64", dropout=0)[0]
    with mg.use_backend("numpy"):
        here = training(15, "float64", dropout=0)[0]
    np.testing.assert_allclose(there, here, rtol=1e-9)
    single = training(15, "float32", dropout=0)[0]
    np.testing.assert_allclose(single, here, rtol=2e-3)


ROWS = {
    "softmax": lambda x, w: F.softmax(x),
    "log_softmax": lambda x, w: F.log_softmax(x),
    "logsumexp": lambda x, w: mg.logsumexp(x, -1),
    "layer_norm": lambda x, w: F.layer_norm(x, x.shape[-1], w, w),
    "cross_entropy": lambda x, w: F.cross_entropy(x, mg.arange(x.shape[0]) % x.shape[1], label_smoothing=0.1),
    "sigmoid": lambda x, w: mg.sigmoid(x),
    "tanh": lambda x, w: mg.tanh(x),
    "erf": lambda x, w: mg.erf(x),
    "matmul": lambda x, w: x @ w,
    "sum": lambda x, w: x.sum(0),
    "max": lambda x, w: x.max(1),
    "sort": lambda x, w: mg.sort(x, 1),
    "cumulative_sum": lambda x, w: mg.cumulative_sum(x, 1),
}


@pytest.mark.parametrize("shape", [(4, 50_000), (100_000, 3), (257, 1025), (1, 1)])
@pytest.mark.parametrize("name", ROWS)
def test_large_and_odd_shapes_agree_with_the_host(name, shape):
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=shape), rng.normal(size=shape[1])
    values, slopes = [], []
    for backend in ("cupy", "numpy"):
        with mg.use_backend(backend):
            a = mg.tensor(x, requires_grad=True)
            out = ROWS[name](a, mg.tensor(w))
            out.backward(mg.ones_like(out))
            values.append(out.detach().numpy())
            slopes.append(a.grad.numpy())
    np.testing.assert_allclose(*values, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(*slopes, rtol=1e-9, atol=1e-10)


# --- memory, streams, waiting -----------------------------------------------------------------------------------------


def test_memory_stays_flat_over_a_thousand_steps(gpu, without_gc):
    mg.random.manual_seed(0)
    model = Network()
    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    rng = np.random.default_rng(0)
    used = []
    for step in range(1000):
        numbers = rng.integers(0, 50, (5, 4))
        optimizer.zero_grad()
        loss = F.cross_entropy(model(mg.tensor(numbers)), mg.tensor(numbers))
        loss.backward()
        optimizer.step()
        if step % 100 == 99:
            used.append((gpu.memory()["used_bytes"], gpu.memory()["total_bytes"]))
    assert len(set(used)) == 1, used
    del model, optimizer, loss
    gpu.free_memory()
    assert gpu.memory()["total_bytes"] < used[0][1]


def test_streams_are_in_order(gpu):
    x = mg.random.normal((2000, 2000))
    wanted = (x @ x).sum().item()
    for _ in range(10):
        y = x @ x  # started outside: done before what follows
        with gpu.stream():
            total = y.sum()
            y = None  # its memory is used again only after that
            z = mg.zeros((2000, 2000)) + 7
        assert total.item() == wanted
        assert z.min().item() == z.max().item() == 7


def test_a_stream_that_is_not_joined(gpu):
    x = mg.random.normal((500, 500))
    with gpu.stream(join=False) as stream:
        y = x @ x
    stream.synchronize()
    np.testing.assert_array_equal(y.numpy(), (x @ x).numpy())


def test_training_on_a_stream_gives_the_same_bits(gpu):
    with gpu.stream():
        inside = training(5)[0]
    assert inside == training(5)[0]


def test_a_training_step_does_not_wait(gpu):
    """CuPy itself reports waits that come from copies to the host."""
    cupyx = pytest.importorskip("cupyx")
    if not hasattr(cupyx, "allow_synchronize"):
        pytest.skip("this CuPy does not report waits")
    model = Network()
    optimizer = optim.Adam(model.parameters())
    x = mg.tensor(np.random.default_rng(0).integers(0, 50, (5, 4)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is deprecated
        with cupyx.allow_synchronize(False):
            for _ in range(2):
                optimizer.zero_grad()
                loss = F.cross_entropy(model(x), x)
                loss.backward()
                optimizer.step()
            with pytest.raises(cupyx.DeviceSynchronized):
                loss.item()
    assert np.isfinite(loss.item())


def test_bad_indices_are_told_at_the_next_transfer():
    table = nn.Embedding(10, 4)
    out = table(mg.tensor([3, 10]))
    with pytest.raises(IndexError, match="out of range in an earlier operation on the GPU"):
        out.detach().numpy()
    assert table(mg.tensor([3, 9])).detach().numpy().shape == (2, 4)
    loss = F.cross_entropy(mg.zeros((2, 5)), mg.tensor([0, 5]))
    with pytest.raises(IndexError, match="class index"):
        loss.item()


def test_the_gpu_is_described(gpu):
    facts = gpu.describe()
    assert facts["name"]
    assert facts["memory_bytes"] > 1 << 28
    assert float(facts["compute_capability"]) >= 5
    assert facts["tf32"] is False


# --- several GPUs -----------------------------------------------------------------------------------------------------


def test_two_gpus(gpu):
    if gpu.lib.cuda.runtime.getDeviceCount() < 2:
        pytest.skip("there is one GPU")
    with mg.use_backend("cupy:1"):
        there = training(5)[0]
    assert there == training(5)[0]
    x = mg.random.normal((1000, 1000), requires_grad=True)
    y = (x * 2).to("cupy:1")
    (y * y).sum().to("cupy").backward()
    np.testing.assert_array_equal(x.grad.numpy(), 8 * x.detach().numpy())
    gpu.activate()


# --- precision --------------------------------------------------------------------------------------------------------


def test_mixed_precision_in_float16():
    scaled, _ = training(60, "float16", dropout=0, scaler=optim.GradScaler(init_scale=1024.0))
    plain, _ = training(60, "float32", dropout=0, scaler=optim.GradScaler(enabled=False))
    assert plain[-1] < 0.8 * plain[0]
    np.testing.assert_allclose(scaled[-1], plain[-1], rtol=0.05)


def test_mixed_precision_in_bfloat16(gpu):
    if not gpu.has_bfloat16:
        pytest.skip("needs CuPy 14 and ml_dtypes")
    losses, model = training(60, "bfloat16", dropout=0)
    plain, _ = training(60, "float32", dropout=0)
    assert model.head.weight.dtype == mg.bfloat16
    np.testing.assert_allclose(losses[-1], plain[-1], rtol=0.1)


def test_tf32_is_used_when_asked_for(gpu):
    if float(gpu.describe()["compute_capability"]) < 8:
        pytest.skip("the GPU has no TF32")
    x = np.random.default_rng(0).normal(size=(512, 512)).astype(np.float32)
    exact = x.astype(np.float64) @ x
    a = mg.tensor(x)
    error = lambda: np.abs((a @ a).numpy() - exact).max()
    assert error() < 1e-3
    gpu.set_tf32(True)
    assert gpu.tf32
    assert 1e-3 < error() < 1


# --- programs ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_run(name, tmp_path):
    """As `minigrad train NAME --quick --backend cupy`, but for the files at the end, which need other packages."""
    program = importlib.import_module(f"minigrad.models.{name}")
    settings = program.Settings(quick=True, out=tmp_path, backend="cupy")
    mg.manual_seed(settings.seed)
    trainer = Trainer(program.Task(settings))
    trainer.train()
    assert len(trainer.losses) == settings.steps
    assert np.isfinite(trainer.losses).all()
    assert np.mean(trainer.losses[-5:]) < 0.9 * np.mean(trainer.losses[:5])

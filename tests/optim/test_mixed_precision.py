"""Training with 16-bit floats: master weights, loss scaling, sums in float32."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import functional as F
from minigrad import nn, optim
from minigrad.optim import GradScaler


def half(values):
    return mg.Parameter(np.asarray(values, np.float16))


def test_small_steps_add_up_in_the_master_weights(backend):
    p = half([1.0, 1.0])
    optimizer = optim.SGD([p], lr=1.0)
    for _ in range(100):  # 1 - 1e-4 rounds to 1 in float16
        p.grad = mg.tensor(np.array([1e-4, 0], np.float16))
        optimizer.step()
    assert p.dtype == mg.float16
    np.testing.assert_allclose(p.detach().numpy(), [0.99, 1], rtol=1e-3)
    np.testing.assert_allclose(optimizer.state_dict()["state"][0]["master"], [0.99, 1], rtol=1e-5)


@pytest.mark.parametrize("kind", [optim.SGD, optim.Adam, optim.AdamW, optim.RMSprop, optim.Adagrad])
def test_moments_are_float32(backend, kind):
    options = {"momentum": 0.9} if kind is optim.SGD else {}
    p = half([1.0, 2.0])
    optimizer = kind([p], lr=0.1, **options)
    p.grad = mg.tensor(np.array([1e-4, 1], np.float16))  # whose square is no float16
    optimizer.step()
    arrays = [v for v in optimizer.state_dict()["state"][0].values() if isinstance(v, np.ndarray)]
    assert arrays
    assert all(a.dtype == np.float32 for a in arrays)
    reference = mg.Parameter(np.array([1.0, 2.0], np.float32))
    other = kind([reference], lr=0.1, **options)
    reference.grad = mg.tensor(np.array([1e-4, 1], np.float16).astype(np.float32))
    other.step()
    np.testing.assert_array_equal(p.detach().numpy(), reference.detach().numpy().astype(np.float16))


def test_a_parameter_set_from_outside_counts(backend):
    p = half([1.0, 1.0])
    optimizer = optim.SGD([p], lr=1.0)
    p.grad = mg.tensor(np.array([1e-4, 1e-4], np.float16))
    optimizer.step()
    with mg.no_grad():
        p.copy_(mg.tensor(np.array([5, p.detach().numpy()[1]], np.float16)))
    p.grad = mg.tensor(np.array([1, 1e-4], np.float16))
    optimizer.step()
    assert p.detach().numpy()[0] == 4
    np.testing.assert_allclose(optimizer.state_dict()["state"][0]["master"][1], 1 - 2e-4, rtol=1e-6)


def test_state_goes_on_bit_for_bit(backend):
    def training(steps, p, optimizer):
        for _ in range(steps):
            p.grad = mg.tensor(np.array([3e-4, 0.3], np.float16))
            optimizer.step()

    p = half([1.0, 1.0])
    optimizer = optim.Adam([p], lr=1e-4)
    training(5, p, optimizer)
    q = half(p.detach().numpy())
    other = optim.Adam([q], lr=1e-4)
    other.load_state_dict(optimizer.state_dict())
    training(5, p, optimizer)
    training(5, q, other)
    for name, value in optimizer.state_dict()["state"][0].items():
        np.testing.assert_array_equal(value, other.state_dict()["state"][0][name])


def test_sums_do_not_overflow_or_lose_small_terms(backend):
    x = mg.tensor(np.full(4096, 60, np.float16), requires_grad=True)
    assert x.mean().item() == 60  # the sum is beyond 65504
    assert x.var().item() == 0
    assert x.mean().dtype == mg.float16
    x.mean().backward()
    np.testing.assert_array_equal(x.grad.numpy(), np.full(4096, 1 / 4096, np.float16))
    ones = mg.ones(4096, dtype="float16")
    assert ones.sum().item() == 4096  # one by one in float16 it would stop at 2048
    assert (ones.reshape(1, -1) @ ones.reshape(-1, 1)).item() == 4096


def test_the_norm_of_half_gradients_does_not_overflow(backend):
    p = half([0.0, 0.0])
    p.grad = mg.tensor(np.array([300, 400], np.float16))
    assert optim.clip_grad_norm_([p], 50.0) == pytest.approx(500)
    np.testing.assert_allclose(p.grad.numpy(), [30, 40], rtol=1e-3)


# --- GradScaler -------------------------------------------------------------------------------------------------------


def test_scaling_saves_small_gradients(backend):
    p, tiny = half([1.0]), mg.tensor(np.array([2e-4], np.float16))
    loss = (p * tiny * tiny).sum()  # 4e-8 is 0 or 6e-8 in float16
    loss.backward()
    assert abs(p.grad.item() / 4e-8 - 1) > 0.4
    p.grad = None
    scaler = GradScaler(init_scale=2.0**14)
    optimizer = optim.SGD([p], lr=1e9)
    scaler.scale((p * tiny * tiny).sum()).backward()
    assert scaler.step(optimizer)
    assert p.grad.dtype == mg.float32
    np.testing.assert_allclose(p.grad.numpy(), tiny.numpy().astype(np.float32) ** 2, rtol=1e-3)


def test_the_scale_shrinks_and_grows_as_pytorchs():
    torch = pytest.importorskip("torch")
    options = {"init_scale": 8.0, "growth_factor": 3.0, "backoff_factor": 0.25, "growth_interval": 2}
    ours, theirs = GradScaler(**options), torch.amp.GradScaler("cpu", **options)
    p, q = mg.Parameter(np.ones(2, "float32")), torch.ones(2, requires_grad=True)
    a, b = optim.SGD([p], lr=0.1), torch.optim.SGD([q], lr=0.1)
    for factor in (1.0, 2.0, np.inf, 1.0, 1.0, np.nan, 3.0):
        a.zero_grad()
        b.zero_grad()
        ours.scale((p * p * factor).sum()).backward()
        theirs.scale((q * q * float(factor)).sum()).backward()
        ours.step(a)
        theirs.step(b)
        ours.update()
        theirs.update()
        assert ours.get_scale() == theirs.get_scale()
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=1e-6)


def test_gradients_may_be_clipped_between(backend):
    p = half([0.0, 0.0])
    scaler, optimizer = GradScaler(init_scale=1024.0), optim.SGD([p], lr=1.0)
    scaler.scale((p * mg.tensor(np.array([3, 4], np.float16))).sum()).backward()
    scaler.unscale_(optimizer)
    assert optim.clip_grad_norm_([p], 1.0) == pytest.approx(5)
    scaler.step(optimizer)
    np.testing.assert_allclose(p.detach().numpy(), [-0.6, -0.8], rtol=1e-3)
    with pytest.raises(RuntimeError, match="called already"):
        scaler.unscale_(optimizer)
    scaler.update()


def test_an_overflow_leaves_parameters_alone(backend):
    p = half([1.0])
    scaler, optimizer = GradScaler(), optim.Adam([p], lr=1.0)
    with np.errstate(over="ignore"):
        scaler.scale((p * mg.tensor(np.array([6e4], np.float16))).sum()).backward()
    assert not scaler.step(optimizer)
    scaler.update()
    assert p.detach().item() == 1
    assert scaler.get_scale() == 2.0**14
    assert not optimizer.state


def test_the_scaler_switched_off_and_its_errors():
    p = mg.Parameter(np.ones(1, "float32"))
    scaler, optimizer = GradScaler(enabled=False), optim.SGD([p], lr=1.0)
    loss = (p * 2).sum()
    assert scaler.scale(loss) is loss
    assert scaler.get_scale() == 1
    loss.backward()
    assert scaler.step(optimizer)
    scaler.update()
    assert p.detach().item() == -1
    with pytest.raises(RuntimeError, match="comes after step"):
        GradScaler().update()
    with pytest.raises(ValueError, match="init_scale must be > 0"):
        GradScaler(init_scale=0)
    with pytest.raises(ValueError, match="growth_factor > 1"):
        GradScaler(growth_factor=1)
    other = GradScaler()
    other.load_state_dict(GradScaler(init_scale=4.0).state_dict())
    assert other.get_scale() == 4


def test_a_half_precision_lstm_learns_as_the_float32_one(backend):
    """The same model, weights and data: for 20 steps the losses stay within a per cent of each other."""

    def losses(dtype):
        mg.manual_seed(0)
        model = nn.LSTM(4, 16).to("float32")
        head = nn.Linear(16, 4)
        for module in (model, head):
            module.to(dtype)
        rng = np.random.default_rng(0)
        text = np.cumsum(rng.integers(0, 2, (13, 8)), axis=0) % 4  # each symbol is the last one or the next
        x, y = np.eye(4, dtype=dtype)[text[:-1]], mg.tensor(text[1:])
        optimizer = optim.Adam([*model.parameters(), *head.parameters()], lr=0.02)
        scaler, found = GradScaler(init_scale=1024.0, enabled=dtype == "float16"), []
        for _ in range(40):
            optimizer.zero_grad()
            out, _ = model(mg.tensor(x))
            assert out.dtype == dtype
            loss = F.cross_entropy(head(out), y)
            found.append(loss.item())
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
        return found

    single, half_sized = losses("float32"), losses("float16")
    np.testing.assert_allclose(half_sized[:20], single[:20], rtol=0.01)
    assert single[-1] < 0.5 * single[0]
    assert half_sized[-1] < 0.5 * half_sized[0]


# --- bfloat16 ---------------------------------------------------------------------------------------------------------


def test_bfloat16_is_refused_where_nothing_computes_with_it():
    pytest.importorskip("ml_dtypes")
    assert mg.bfloat16.itemsize == 2
    with pytest.raises(TypeError, match="backend numpy has no arithmetic for bfloat16"):
        mg.zeros(3, dtype="bfloat16")
    with pytest.raises(TypeError, match="backend numpy has no arithmetic for bfloat16"):
        mg.tensor([1.0]).astype(mg.bfloat16)


def test_types_that_meet():
    pytest.importorskip("ml_dtypes")
    both = [mg.bfloat16, mg.float16]
    assert mg.dtypes.result_type(both) == mg.float32
    assert mg.dtypes.result_type([mg.bfloat16, mg.int64]) == mg.bfloat16
    assert mg.dtypes.result_type([mg.bfloat16, mg.float64]) == mg.float64

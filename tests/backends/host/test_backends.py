"""Backends: the registry, what each must be able to do, which one is used, and moving between them."""

import threading

import numpy as np
import pytest
from conftest import BACKENDS, HOSTED

import minigrad as mg
from minigrad import backends
from minigrad.backends.base import REQUIRED, Backend
from minigrad.extras import install
from minigrad.primitives import PRIMITIVES


def test_the_registry():
    assert list(backends.REGISTRY) == ["numpy", "numba", "cupy"]
    assert mg.default_backend().name == "numpy"
    assert mg.get_backend("numpy") is mg.get_backend("numpy")
    assert mg.get_backend(mg.get_backend("numpy")) is mg.get_backend("numpy")
    with pytest.raises(ValueError, match="unknown backend 'abacus'; there are numpy, numba, cupy"):
        mg.get_backend("abacus")


@pytest.mark.parametrize("name", BACKENDS)
def test_a_backend_has_all_required_calls(name):
    backend = mg.get_backend(name)
    for call in " ".join(REQUIRED.values()).split():
        assert callable(getattr(backend, call)), call


@pytest.mark.parametrize("name", BACKENDS)
def test_a_backend_computes_every_primitive(name):
    backend = mg.get_backend(name)
    for row in PRIMITIVES.values():
        assert row.forward is not None or callable(getattr(backend, row.name)), row.name


def test_what_is_required_is_what_primitives_call():
    required = set(" ".join(REQUIRED.values()).split())
    composed = {name for name in dir(Backend) if not name.startswith("_")}
    assert set(PRIMITIVES) <= required | composed


def test_a_new_backend_is_told_what_it_lacks():
    backend = Backend()
    backend.name = "new"
    with pytest.raises(NotImplementedError, match="backend new lacks asarray"):
        backend.asarray([1])


def test_a_backend_that_is_missing_says_what_to_install(monkeypatch):
    monkeypatch.setitem(backends.REGISTRY, "absent", ("a_module_that_nobody_has", "Nothing", ("this", "that")))
    with pytest.raises(mg.BackendError) as error:
        mg.get_backend("absent")
    assert "backend 'absent'" in str(error.value)
    assert str(error.value).endswith(f": {install('this')} (or that, as the driver is)")
    assert "a_module_that_nobody_has" in str(error.value)
    assert "absent" in backends.missing_backends()
    assert not set(HOSTED) & set(backends.missing_backends())


# --- which one is used ------------------------------------------------------------------------------------------------

two = pytest.mark.skipif(len(HOSTED) < 2, reason="Numba is not installed")


@two
def test_use_backend_as_a_context_manager():
    with mg.use_backend("numba") as used:
        assert used.name == "numba"
        assert mg.ones(2).backend is used
        with mg.use_backend("numpy"):
            assert mg.ones(2).backend.name == "numpy"
        assert mg.tensor([1]).backend is used
    assert mg.ones(2).backend.name == "numpy"
    with pytest.raises(KeyError), mg.use_backend("numba"):
        raise KeyError
    assert mg.default_backend().name == "numpy"


@two
def test_use_backend_as_a_function():
    try:
        mg.use_backend("numba")
        assert mg.arange(3).backend.name == "numba"
        seen = []
        thread = threading.Thread(target=lambda: seen.append(mg.default_backend().name))
        thread.start()
        thread.join()
        assert seen == ["numba"]  # in the whole process
    finally:
        mg.use_backend("numpy")
    assert mg.arange(3).backend.name == "numpy"


@two
def test_a_tensor_says_where_it_is_to_be():
    x = mg.ones(2, backend="numba")
    assert x.backend.name == "numba"
    assert mg.zeros_like(x).backend.name == "numba"
    assert (x * 2).backend.name == "numba"
    assert mg.tensor(x).backend.name == "numba"
    assert mg.asarray(x).backend.name == "numba"
    assert mg.asarray(x, backend="numpy").backend.name == "numpy"
    assert mg.Parameter([1.0], backend="numba").backend.name == "numba"
    assert mg.stack([x, x]).backend.name == "numba"


# --- moving -----------------------------------------------------------------------------------------------------------


@two
def test_a_move_is_recorded_and_its_gradient_comes_back():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    y = x.to("numba")
    assert y.backend.name == "numba"
    assert y.node.name == "to"
    z = (mg.functional.softmax(y * 3) * mg.tensor([1.0, 0.0], backend="numba")).sum().to("numpy") * 2
    z.backward()
    assert x.grad.backend.name == "numpy"
    s = 1 / (1 + np.exp(3.0))
    np.testing.assert_allclose(x.grad.numpy(), [6 * s * (1 - s), -6 * s * (1 - s)], rtol=1e-5)
    assert x.to("numpy") is x
    assert x.to(mg.get_backend("numba")).backend.name == "numba"


@two
def test_a_move_has_derivatives_of_both_orders():
    x = mg.tensor([1.0, 2.0], dtype="float64")
    f = lambda x: (x**3).to("numba").exp().to("numpy") * x
    assert mg.gradcheck(f, [x * 0.5])
    assert mg.gradgradcheck(f, [x * 0.5])


@two
def test_a_move_of_what_needs_no_gradient_records_nothing():
    assert mg.ones(2).to("numba").node is None
    with mg.no_grad():
        assert mg.ones(2, requires_grad=True).to("numba").node is None


@two
def test_memory_on_the_host_is_shared_and_changes_in_it_are_noticed():
    x, w = mg.ones(2), mg.ones(2, backend="numba", requires_grad=True)
    there = x.to("numba")
    assert there.array is x.array
    y = (w * there).sum()
    x.copy_([5.0, 5.0])
    with pytest.raises(mg.GraphError, match="changed in place"):
        y.backward()


@two
def test_a_moved_leaf_that_changes_is_noticed():
    p = mg.Parameter([1.0, 2.0])
    q = p.to("numba")
    y = (q * q).sum()
    with mg.no_grad():
        p.copy_([5.0, 5.0])
    with pytest.raises(mg.GraphError, match="changed in place"):
        y.backward()


@two
def test_a_tape_shows_the_move():
    x = mg.ones(2, requires_grad=True)
    with mg.Tape() as tape:
        x.to("numba") * 2
    assert [e.node.name for e in tape] == ["leaf", "to", "multiply"]


@pytest.mark.parametrize("name", BACKENDS[1:])
def test_the_optimizer_steps_agree(name):
    """Each backend changes parameters in place by the same rule."""
    rng = np.random.default_rng(0)
    start, g = rng.standard_normal((2, 5, 3))
    results = []
    for backend in (mg.get_backend("numpy"), mg.get_backend(name)):
        slope, p, v, q, m, s = [backend.asarray(x, copy=True) for x in (g, start, 0 * g, start, 0 * g, 0 * g)]
        for i in range(3):
            backend.sgd_step(
                p, slope, v, lr=0.1, momentum=0.9, dampening=0.1, nesterov=False, weight_decay=0.01, first=i == 0
            )
        for i in range(3):
            backend.adam_step(
                q, slope, m, s, lr=0.1, beta1=0.9, beta2=0.99, eps=1e-8, weight_decay=0.01, decoupled=True, step=i + 1
            )
        results.append([backend.to_numpy(x) for x in (p, v, q, m, s)])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-13)
    assert not np.allclose(results[0][0], start)


def test_fused_calls_agree_with_what_they_fuse(backend):
    """The composite calls against their definitions, far from zero as well."""
    x = mg.tensor([[1000.0, 1001.0, 1002.0], [-1000.0, 0.0, -INF]], dtype="float64")
    e = np.exp([-2.0, -1.0, 0.0])
    np.testing.assert_allclose(mg.functional.softmax(x).numpy(), [e / e.sum(), [0, 1, 0]], rtol=1e-14)
    np.testing.assert_allclose(mg.functional.log_softmax(x).numpy()[0], np.log(e / e.sum()), rtol=1e-13)
    np.testing.assert_allclose(mg.logsumexp(x, -1).numpy(), [1002 + np.log(e.sum()), 0], rtol=1e-14)
    losses = mg.functional.cross_entropy(x, mg.tensor([0, 1]), reduction="none")
    np.testing.assert_allclose(losses.numpy(), [2 + np.log(e.sum()), 0], rtol=1e-13)


INF = float("inf")


# --- precision of products, devices -----------------------------------------------------------------------------------


def test_the_precision_of_products_is_for_all_backends_loaded_or_not(monkeypatch):
    class Fake(Backend):
        name = "fake"
        asked = ()

        def set_tf32(self, allowed):
            self.asked = (*self.asked, allowed)

    monkeypatch.setattr(backends, "_tf32", [])
    monkeypatch.setattr(backends, "_loaded", {"first": Fake()})
    monkeypatch.setitem(backends.REGISTRY, "second", ("test_backends", "Fake", ""))
    monkeypatch.setattr("test_backends.Fake", Fake, raising=False)
    mg.set_float32_matmul_precision("high")
    mg.set_float32_matmul_precision("highest")
    assert backends._loaded["first"].asked == (True, False)
    assert mg.get_backend("second").asked == (False,)
    with pytest.raises(ValueError, match="'highest' or 'high', not 'medium'"):
        mg.set_float32_matmul_precision("medium")


def test_nobody_is_told_of_a_precision_that_nobody_asked_for():
    assert backends._tf32 == []


def test_devices_have_names():
    for wrong in ("cupy:", "cupy:x", "cupy:-1", "numpy:0", "numba:1"):
        with pytest.raises(ValueError, match="devices are named like 'cupy:1'"):
            mg.get_backend(wrong)
    assert backends.is_backend_name("cupy:1")
    assert not backends.is_backend_name("float32")

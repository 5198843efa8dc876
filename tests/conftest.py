"""What tests share: the backends that run here, fixtures, and leaves of a graph."""

import contextlib
import gc
import importlib.util

import pytest

import minigrad as mg
from minigrad.scope import local

# A backend whose package is installed is tested. If it does not work then, tests fail; they are not skipped.
BACKENDS = ["numpy"] + (["numba"] if importlib.util.find_spec("numba") else [])

# Assertions in these modules, too, show the values that they compared.
pytest.register_assert_rewrite("numba_against_numpy", "parity")

# Thread pools that meet on the few cores of a test machine slow small work down a hundredfold; none is needed.
with contextlib.suppress(ImportError):
    import threadpoolctl

    threadpoolctl.threadpool_limits(1, user_api="blas")
with contextlib.suppress(ImportError):
    import torch

    torch.set_num_threads(1)


@pytest.fixture(params=BACKENDS)
def backend(request):
    """The name of each backend in turn; new tensors go there during the test."""
    with mg.use_backend(request.param):
        yield request.param


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    return request.param


@pytest.fixture
def without_gc():
    """The cyclic garbage collector is off: what is freed is freed by reference counts alone."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def unnumbered():
    """Forget the calls of tests before this one that did not go backward."""
    local.now.restart_counts()


@pytest.fixture(autouse=True)
def settled():
    """No test may leave another default backend, an open scope, an observer, or recording switched off."""
    yield
    left = mg.default_backend().name, str(mg.current_scope()), mg.is_grad_enabled(), local.now.observers
    assert left == ("numpy", "top level", True, ())


def leaf(*values, dtype="float64"):
    return mg.tensor(list(values) if len(values) != 1 else values[0], dtype=dtype, requires_grad=True)

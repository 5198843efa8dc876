"""What all tests share: the backends that run here, and a fixture that goes through them."""

import contextlib
import importlib.util

import pytest

import minigrad as mg
from minigrad.scope import local

# A backend whose package is installed is tested. If it does not work then, tests fail; they are not skipped.
BACKENDS = ["numpy"] + (["numba"] if importlib.util.find_spec("numba") else [])

# Two thread pools on the few cores of a test machine slow small work down a hundredfold; PyTorch's is not needed.
with contextlib.suppress(ImportError):
    import torch

    torch.set_num_threads(1)


@pytest.fixture(params=BACKENDS)
def backend(request):
    """The name of each backend in turn; new tensors go there during the test."""
    with mg.use_backend(request.param):
        yield request.param


@pytest.fixture(autouse=True)
def settled():
    """No test may leave another default backend, an open scope, an observer, or recording switched off."""
    yield
    left = mg.default_backend().name, str(mg.current_scope()), mg.is_grad_enabled(), local.now.observers
    assert left == ("numpy", "top level", True, ())

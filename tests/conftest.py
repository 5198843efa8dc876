"""What tests share: the backends that run here, fixtures, and leaves of a graph."""

import contextlib
import ctypes
import gc
import importlib.util
import os
import shutil
import signal
import sys

import pytest
from browser import browser, browser_page, browser_problems  # noqa: F401 - fixtures
from graph_pages import opened  # noqa: F401 - a fixture
from missing import pytest_addoption, pytest_collection_modifyitems, pytest_terminal_summary  # noqa: F401 - hooks

import minigrad as mg
from minigrad.engine.scope import MODE, restart_counts

# Where standard input is closed, as by schedulers, pytest's stand-in for it has no encoding, which libraries ask for.
if sys.__stdin__ is None:
    sys.__stdin__ = open(os.devnull, encoding="utf-8")  # noqa: SIM115 - for as long as the tests run


def has_gpu():
    """Whether a GPU and CuPy work here."""
    try:
        ctypes.CDLL("libcuda.so.1")  # the driver; without it CuPy need not be imported to know
        import cupy

        return cupy.cuda.runtime.getDeviceCount() > 0
    except Exception:
        return False


# A backend whose package is installed is tested. If it does not work then, tests fail; they are not skipped. Where
# there is no GPU, the code of the CuPy backend runs over a stand-in for CuPy, if there is a compiler for its kernels.
GPU = has_gpu()
HOSTED = ["numpy"] + (["numba"] if importlib.util.find_spec("numba") else [])
STAND_IN = ["cupy"] if not GPU and shutil.which("g++") and importlib.util.find_spec("ml_dtypes") else []
if STAND_IN:
    import strict_cupy

    strict_cupy.register()
NO_COMPILER = pytest.mark.skip(reason="needs a C++ compiler, g++, for the stand-in for CuPy, and ml_dtypes")
CUPY = STAND_IN or [pytest.param("cupy", marks=pytest.mark.gpu if GPU else NO_COMPILER)]
BACKENDS = HOSTED + CUPY

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


@pytest.fixture(params=HOSTED)
def host_backend(request):
    """As `backend`, for the backends whose arrays are NumPy's."""
    with mg.use_backend(request.param):
        yield request.param


@pytest.fixture(params=CUPY)
def cupy(request):
    """The CuPy backend, on a GPU or over the stand-in for CuPy; new tensors go there during the test."""
    with mg.use_backend(request.param) as backend:
        yield backend


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


HEARD = {"SIGINT": signal.default_int_handler, "SIGTERM": signal.SIG_DFL, "SIGHUP": signal.SIG_DFL}


@pytest.fixture
def interruptible():
    """What the test starts hears signals, also where nohup or a scheduler started the tests to ignore them."""
    numbers = {getattr(signal, name): heard for name, heard in HEARD.items() if hasattr(signal, name)}
    ignored = [number for number in numbers if signal.getsignal(number) is signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, numbers[number])
    yield
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)


@pytest.fixture(autouse=True)
def settled():
    """No test may leave another default backend, an open scope, an observer, or recording switched off.

    The calls of modules that did not go backward are forgotten, so that no test finds the numbers of another's.
    """
    restart_counts()
    yield
    left = mg.default_backend().name, str(mg.current_scope()), mg.is_grad_enabled(), MODE.get().observers
    assert left == ("numpy", "top level", True, ())


def leaf(*values, dtype="float64"):
    return mg.tensor(list(values) if len(values) != 1 else values[0], dtype=dtype, requires_grad=True)

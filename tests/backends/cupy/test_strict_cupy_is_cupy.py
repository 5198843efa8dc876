"""The stand-in for CuPy has the names, signatures, loops and views of the installed CuPy.

That needs no GPU: arrays are made over memory of the host, and only what starts no kernel is called.
"""

import inspect
import re

import numpy as np
import pytest

from minigrad.extras import install

pytest.importorskip("ml_dtypes", reason="the stand-in for CuPy needs ml_dtypes")
pytest.importorskip("cupy", reason=f"there is nothing to compare with: {install('nvrtc')}")

import cupy as real
import strict_cupy as stand_in
from strict_cupy.ufuncs import TABLE


@pytest.mark.parametrize("name", sorted({*stand_in.FUNCTIONS, "where"} - {"matmul", "from_dlpack"}))
def test_functions_have_the_signatures_of_cupy(name):
    """Names, kinds and defaults of the parameters; annotations do not count."""

    def parameters(function):
        return [(p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()]

    ours, theirs = parameters(getattr(stand_in, name)), parameters(getattr(real, name))
    missing = [p for p in theirs if p not in ours]
    assert [p for p in ours if p not in theirs] == []
    assert missing == []


@pytest.mark.parametrize("name", stand_in.UFUNCS)
def test_element_wise_functions_have_the_loops_of_cupy(name):
    ours, theirs = getattr(stand_in, name), getattr(real, name)
    assert sorted(ours.types) == sorted(theirs.types)
    assert (ours.name, ours.nin, ours.nargs) == (theirs.name, theirs.nin, theirs.nargs)
    # The first loop that fits is taken, so their order counts.
    assert [t for t in theirs.types if t in ours.types] == ours.types


def test_where_has_the_loops_of_cupy():
    from cupy._sorting import search

    assert search._where_ufunc.types == TABLE["where"]


def public(kind):
    return {name for name in dir(kind) if not name.startswith("_")}


def test_every_name_is_one_of_cupy():
    theirs = public(real)
    assert public(stand_in) - theirs <= {
        *("FUNCTIONS", "UFUNCS", "BACKEND", "HiddenTransfer", "StreamRace", "annotations", "backend_module"),
        *("register", "two_devices", "host", "counts", "cupyx", "arrays", "device", "functions", "indexing", "ufuncs"),
        *("importlib", "sys", "contextmanager", "Iterator", "Path", "ModuleType", "SimpleNamespace", "Any"),
    }
    assert public(stand_in.ndarray) - public(real.ndarray) == set()
    assert public(stand_in.ufunc("add")) <= public(real.add)
    for name in ("Device", "Stream", "Event", "MemoryPool", "MemoryPointer"):
        ours = public(getattr(stand_in.cuda, name)) - {"alive", "so_far", "sees"}
        assert ours - public(getattr(real.cuda, name)) == set(), name
    assert public(stand_in.cuda.runtime) - public(real.cuda.runtime) == set()
    assert set(vars(stand_in.cuda)) <= public(real.cuda)
    assert set(vars(stand_in._core)) <= set(dir(real._core))
    assert set(vars(stand_in._core._routines_linalg)) <= set(dir(real._core._routines_linalg))
    for name, value in vars(stand_in._core._routines_linalg).items():
        assert callable(value) or getattr(real._core._routines_linalg, name) == value
    assert callable(pytest.importorskip("cupyx").scatter_add)


METHODS = "astype copy fill get dot view scatter_add".split()


@pytest.mark.parametrize("name", METHODS)
def test_methods_have_the_parameters_of_cupy(name):
    """CuPy's compiled methods say their parameters in the first line of their documentation, or in a signature."""
    method = getattr(real.ndarray, name)
    try:
        theirs = [p for p in inspect.signature(method).parameters if p != "self"]
    except ValueError:
        line = method.__doc__.strip().splitlines()[0]
        listed = re.search(r"\((.*)\)", line)[1].split(",")
        theirs = [part.split("=")[0].split()[-1] for part in listed if part.strip() not in ("self", "")]
    ours = [p for p in inspect.signature(getattr(stand_in.ndarray, name)).parameters if p != "self"]
    assert ours == theirs


def over_the_host(x):
    """A real CuPy array whose memory is NumPy's. Only its form can be looked at."""
    memory = real.cuda.UnownedMemory(x.ctypes.data, x.nbytes, x, 0)
    return real.ndarray(x.shape, x.dtype, real.cuda.MemoryPointer(memory, 0), strides=x.strides)


VIEWS = {
    "x[1]": lambda x, lib: x[1],
    "x[..., 0]": lambda x, lib: x[..., 0],
    "x[0, 1, 2]": lambda x, lib: x[0, 1, 2],
    "x[None, ::-1]": lambda x, lib: x[None, ::-1],
    "x[1:1]": lambda x, lib: x[1:1],
    "T": lambda x, lib: x.T,
    "transpose": lambda x, lib: x.transpose((1, 2, 0)),
    "swapaxes": lambda x, lib: x.swapaxes(0, 2),
    "reshape": lambda x, lib: x.reshape(6, 4),
    "reshape a tuple": lambda x, lib: x.reshape((2, -1)),
    "ravel": lambda x, lib: x.ravel(),
    "squeeze": lambda x, lib: lib.squeeze(x[:, :1], axis=1),
    "flip": lambda x, lib: lib.flip(x, axis=(0, 2)),
    "broadcast_to": lambda x, lib: lib.broadcast_to(x, (5, 2, 3, 4)),
    "view": lambda x, lib: x.view("int32"),
    "ascontiguousarray": lambda x, lib: lib.ascontiguousarray(x),
    "astype without a copy": lambda x, lib: x.astype("float32", copy=False),
}


@pytest.mark.parametrize("name", VIEWS)
def test_views_lie_in_memory_as_those_of_cupy(name):
    x = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    ours, theirs = VIEWS[name](stand_in.array(x), stand_in), VIEWS[name](over_the_host(x), real)
    assert (ours.shape, ours.dtype, ours.size, ours.ndim) == (theirs.shape, theirs.dtype, theirs.size, theirs.ndim)
    assert ours.flags.c_contiguous == theirs.flags.c_contiguous
    if ours.size > 1 and 1 not in ours.shape:
        assert ours.strides == theirs.strides


def test_small_facts_are_those_of_cupy():
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    for lib, a in ((stand_in, stand_in.array(x)), (real, over_the_host(x))):
        assert lib.ascontiguousarray(a) is a
        assert a.astype("float32", copy=False) is a
        assert lib.may_share_memory(a, a[1]) is True
        assert type(a.size) is int
        assert len(a) == 2
        assert lib.result_type(a, 1.0) == np.float32
        with pytest.raises(AttributeError):
            a.flags.writeable
        with pytest.raises(AttributeError):
            a.an_unknown_name
        with pytest.raises(TypeError, match="Implicit conversion to a NumPy array is not allowed"):
            np.asarray(a)
        with pytest.raises(TypeError, match="has incorrect type"):
            a.dot(x)
        with pytest.raises(TypeError, match="unexpected keyword"):
            a.sum(key=1)
        for outside in (5, (0, 3), (0, 0, 0)):
            with pytest.raises(IndexError):
                a[outside]
        assert hash(type(a)) is not None
        with pytest.raises(TypeError, match="unhashable"):
            hash(a)

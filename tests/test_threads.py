"""Threads: how many there are, and that nothing but time depends on it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading

import numpy as np
import pytest

import minigrad as mg
from minigrad import threads
from minigrad.extras import install

threadpoolctl = pytest.importorskip("threadpoolctl")


def pools():
    return {pool["filepath"]: pool for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"}


KNOWN = set(pools())  # Numba loads SciPy, where there is one, and with it another library, while tests run


def blas():
    return {pool["num_threads"] for path, pool in pools().items() if path in KNOWN}


@pytest.fixture(autouse=True)
def restored():
    before = mg.get_num_threads(), blas()
    yield
    assert (mg.get_num_threads(), blas()) == before


def test_a_context_sets_and_restores_both_numbers():
    outer = mg.get_num_threads()
    with mg.set_num_threads(3) as n:
        assert n == mg.get_num_threads() == 3
        assert blas() == {3}
        with mg.set_num_threads(np.int64(2)):
            assert mg.get_num_threads() == 2
            assert blas() == {2}
        assert mg.get_num_threads() == 3
        assert blas() == {3}
    assert mg.get_num_threads() == outer


def test_a_call_lasts():
    with mg.set_num_threads(1):
        mg.set_num_threads(2)
        assert mg.get_num_threads() == 2
        assert blas() == {2}


@pytest.mark.parametrize("bad", [0, -1, 1.5, "2", True, None])
def test_not_a_number_of_threads(bad):
    with pytest.raises(ValueError, match=r"set_num_threads: expected a number of threads from 1 on, got"):
        mg.set_num_threads(bad)


def test_without_threadpoolctl_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    with pytest.raises(ImportError, match=re.escape(install("numba"))):
        mg.set_num_threads(2)


def test_at_first_kernels_use_one_thread():
    code = "import minigrad, threading; assert minigrad.get_num_threads() == threading.active_count() == 1"
    subprocess.run([sys.executable, "-c", code], check=True)


# --- sharing work -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 3, 7, 1023, 1024, 1025, 5000])
@pytest.mark.parametrize("count", [1, 2, 3, 8])
@pytest.mark.parametrize("grain", [1, 1024])
def test_parts_cover_everything_once(n, count, grain):
    with mg.set_num_threads(count):
        parts = threads.cut(n, grain)
    assert [i for part in parts for i in range(n)[part]] == list(range(n))
    assert 1 <= len(parts) <= count
    assert all(part.start % grain == 0 and part.start < part.stop for part in parts)


def test_parts_run_side_by_side():
    meeting = threading.Barrier(3)
    parts = [slice(0, 1), slice(1, 2), slice(2, 3)]
    met = threads.run(lambda part: (part.start, meeting.wait(timeout=60) >= 0), parts)
    assert met == [(0, True), (1, True), (2, True)]


def test_errors_come_out():
    def task(part):
        raise ZeroDivisionError(part.start)

    for parts in ([slice(0, 1)], [slice(0, 1), slice(1, 2)]):
        with pytest.raises(ZeroDivisionError):
            threads.run(task, parts)


def test_callers_in_several_threads():
    sums = []

    def work():
        sums.append(sum(threads.run(lambda part: sum(range(100)[part]), [slice(0, 30), slice(30, 60), slice(60, 100)])))

    callers = [threading.Thread(target=work) for _ in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert sums == [sum(range(100))] * 8


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_process_starts_threads_of_its_own():
    code = """
import os
from minigrad import threads
parts = [slice(0, 1), slice(1, 2)]
assert threads.run(lambda part: part.start, parts) == [0, 1]
child = os.fork()
if not child:
    os._exit(threads.run(lambda part: part.start, parts) != [0, 1])
assert os.waitpid(child, 0)[1] == 0
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, timeout=60)


def test_threads_at_the_end_of_the_process():
    code = """
import atexit
from minigrad import threads
atexit.register(lambda: print(threads.run(lambda part: part.start, [slice(0, 1), slice(1, 2)])))
"""
    out = subprocess.run([sys.executable, "-c", code], check=True, timeout=60, capture_output=True, text=True).stdout
    assert out.strip() == "[0, 1]"


# --- kernels ----------------------------------------------------------------------------------------------------------


def results(backend):
    """What kernels make of large arrays; each array of the list has its own kernel."""
    rng = np.random.default_rng(0)
    rows, columns = 1495, 1403
    assert rows * columns >= threads.LARGE
    wide = rng.standard_normal((rows, 2 * columns), dtype=np.float32)
    x, g = wide[:, :columns].copy(), wide[:, columns:]
    weight, targets, slope = x[0], rng.integers(0, columns, rows), x[:, 0].copy()
    losses = backend.cross_entropy(x, targets, -100, 0.0)
    p, m, v = x.copy(), np.zeros_like(x), np.zeros_like(x)
    moved, velocity = x.reshape(-1).copy(), x.reshape(-1).copy()
    rates = {"lr": 0.1, "weight_decay": 0.01}
    backend.adam_step(p, g, m, v, beta1=0.9, beta2=0.999, eps=1e-8, decoupled=False, step=1, **rates)
    backend.sgd_step(moved, m.reshape(-1), velocity, momentum=0.9, dampening=0, nesterov=True, first=False, **rates)
    backend.sgd_step(moved, m.reshape(-1), None, momentum=0, dampening=0, nesterov=False, first=False, **rates)
    return {
        "sigmoid": backend.sigmoid(x),
        "sigmoid of a slice": backend.sigmoid(g),
        "sigmoid of three axes": backend.sigmoid(g.reshape(13, 115, columns)),
        "erf": backend.erf(x.reshape(-1)),
        "sigmoid_vjp": backend.sigmoid_vjp(g, x),
        "tanh_vjp": backend.tanh_vjp(x, x),
        "dropout": backend.dropout(g, x > 0, 2.0),
        "softmax": backend.softmax(x, -1),
        "softmax_vjp": backend.softmax_vjp(g, x, -1),
        "log_softmax": backend.log_softmax(x, -1),
        "log_softmax_vjp": backend.log_softmax_vjp(g, x, -1),
        "logsumexp": backend.logsumexp(x, axis=-1),
        "cross_entropy": losses,
        "cross_entropy_vjp": backend.cross_entropy_vjp(slope, x, targets, -100, 0.0, losses),
        "standardize": backend.standardize(x, 1e-5),
        "layer_norm": backend.layer_norm(x, weight, weight, 1e-5),
        "layer_norm_vjp": backend.layer_norm_vjp(g, x, 1e-5),
        "adam": np.stack([p, m, v]),
        "sgd": np.stack([moved, velocity]),
    }


def test_results_are_the_same_bits_with_any_number_of_threads(monkeypatch):
    pytest.importorskip("numba")
    backend = mg.get_backend("numba")
    with mg.set_num_threads(1):
        expected = results(backend)
    cuts = []
    run = threads.run
    monkeypatch.setattr(threads, "run", lambda task, parts: [cuts.append(len(parts)), run(task, parts)][1])
    for count in (2, 5):
        cuts.clear()
        with mg.set_num_threads(count):
            found = results(backend)
        assert cuts == [count] * (len(expected) + 1)  # a kernel each, and a second of SGD
        for name, array in expected.items():
            assert np.array_equal(array, found[name]), name


def test_a_bad_class_is_found_in_any_part():
    pytest.importorskip("numba")
    x = np.zeros((2048, 1024), np.float32)
    with mg.set_num_threads(4):
        for row in (0, 600, 2047):
            targets = np.zeros(2048, int)
            targets[row] = 1024
            with pytest.raises(IndexError, match="class index 1024 is out of range"):
                mg.get_backend("numba").cross_entropy(x, targets, -100, 0.0)

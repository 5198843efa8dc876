"""How the kernels of the Numba backend are compiled: when, how often, and to what."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

pytest.importorskip("numba")

from numba import njit, types
from numba_against_numpy import CALLS, LAYOUTS, NUMBA, check_call, random

from minigrad.backends import numba_kernels, numba_norm, numba_updates


def test_layouts_do_not_compile_again():
    """A kernel is compiled for a float type, not for each layout: what is unusual is copied or falls back."""

    def compiled():
        return sum(len(getattr(f, "signatures", ())) for module in modules for f in vars(module).values())

    modules = (numba_kernels, numba_norm, numba_updates)
    x, g = random(40, 30), random(40, 30, seed=1)
    for name in CALLS:
        check_call(name, x, g)
    before = compiled()
    for layout in LAYOUTS.values():
        for name in CALLS:
            CALLS[name](NUMBA, layout(x), layout(g), -1)
    assert compiled() == before


def test_loops_became_vector_instructions():
    """What makes the kernels fast: inner loops work on several numbers at a time. Cached code cannot be inspected."""
    matrix, vector, number = types.float32[:, ::1], types.float32[::1], types.float64
    kernels = {
        numba_kernels.sigmoid: (vector, vector),
        numba_kernels.erf: (vector, vector),
        numba_kernels.softmax: (matrix, matrix),
        numba_kernels.log_softmax_vjp: (matrix, matrix, matrix),
        numba_kernels.logsumexp: (matrix, vector),
        numba_norm.layer_norm: (matrix, vector, vector, number, matrix),
        numba_norm.layer_norm_vjp: (matrix, matrix, number, matrix),
        numba_updates.dropout: (vector, types.boolean[::1], number, vector),
        numba_updates.sgd_momentum: (vector,) * 3 + (number,) * 3 + (types.boolean, number),
        numba_updates.adam: (vector,) * 4 + (number,) * 7,
    }
    for kernel, signature in kernels.items():
        fresh = njit(**numba_kernels.OPTIONS)(kernel.py_func)
        fresh.compile(signature)
        (code,) = fresh.inspect_llvm().values()
        assert re.search(r"f(add|mul|sub|div) .*<\d+ x float>", code), kernel.__name__


def test_numba_is_imported_only_when_asked_for():
    code = "import sys, minigrad; assert 'numba' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)

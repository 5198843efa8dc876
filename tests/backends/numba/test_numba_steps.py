"""The Numba backend against the NumPy backend: steps of optimizers, in place."""

from __future__ import annotations

import numpy as np
import pytest
from numba_against_numpy import LAYOUTS, NUMBA, NUMPY, agree, random


def check_steps(make_step, shape, dtype, layout=lambda x: x, moments=2, steps=5):
    """Several steps on both backends, in place; everything that changes agrees."""
    results = []
    for backend in (NUMPY, NUMBA):
        arrays = [layout(random(*shape, dtype=dtype))]
        arrays += [layout(np.zeros(shape, dtype)) for _ in range(moments)]
        parameter = arrays[0]
        for t in range(steps):
            with np.errstate(all="ignore"):  # 1e-8 is zero in float16
                make_step(backend, arrays, random(*shape, dtype=dtype, seed=t + 1), t)
        assert arrays[0] is parameter
        results.append(arrays)
    for actual, expected in zip(results[1], results[0]):
        agree(actual, expected)


SGD = [
    {"momentum": momentum, "dampening": dampening, "nesterov": nesterov, "weight_decay": decay}
    for momentum, dampening, nesterov in ((0, 0, False), (0.9, 0, False), (0.9, 0.1, False), (0.9, 0, True))
    for decay in (0, 0.01)
]


def sgd(backend, arrays, g, t, lr=0.1, **settings):
    backend.sgd_step(arrays[0], g, arrays[1] if len(arrays) > 1 else None, lr=lr, first=t == 0, **settings)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("settings", SGD, ids=str)
def test_sgd(settings, dtype):
    moments = 1 if settings["momentum"] else 0
    for shape in ((), (3,), (40, 50), (0, 3)):
        check_steps(lambda *args: sgd(*args, **settings), shape, dtype, moments=moments)


def adam(backend, arrays, g, t, lr=0.1, weight_decay=0.0, decoupled=False):
    settings = {"lr": lr, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8}
    backend.adam_step(
        *arrays[:1], g, *arrays[1:], **settings, weight_decay=weight_decay, decoupled=decoupled, step=t + 1
    )


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize(("decay", "decoupled"), [(0, False), (0.01, False), (0, True), (0.01, True)])
def test_adam(decay, decoupled, dtype):
    for shape in ((), (3,), (40, 50), (0, 3)):
        check_steps(lambda *args: adam(*args, weight_decay=decay, decoupled=decoupled), shape, dtype)


@pytest.mark.parametrize("layout", ["strided", "transposed", "reversed", "unaligned"])
def test_steps_of_other_layouts(layout):
    settings = {"dampening": 0.0, "nesterov": False, "weight_decay": 0.0}
    for shape in ((6, 4), (40, 50)):
        check_steps(adam, shape, np.float32, LAYOUTS[layout])
        check_steps(lambda *a: sgd(*a, momentum=0.9, **settings), shape, np.float32, LAYOUTS[layout], moments=1)
        check_steps(lambda *a: sgd(*a, momentum=0.0, **settings), shape, np.float32, LAYOUTS[layout], moments=0)

    def with_layout(backend, arrays, g, t):
        adam(backend, arrays, LAYOUTS[layout](g), t)

    check_steps(with_layout, (40, 50), np.float32)


def test_steps_take_numpy_scalars_as_settings():
    check_steps(lambda *args: adam(*args, lr=np.float32(0.1)), (40, 50), np.float32)

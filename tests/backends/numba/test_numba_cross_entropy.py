"""The Numba backend against the NumPy backend: cross-entropy and its slope."""

from __future__ import annotations

import numpy as np
import pytest
from numba_against_numpy import FLOATS, NAN, NUMBA, NUMPY, ODD_ROWS, agree, check, random


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", [(1, 1), (6, 2), (5, 40), (30, 1000)], ids=str)
def test_cross_entropy(shape, dtype, smoothing):
    n, classes = shape
    x, g = 3 * random(n, classes, dtype=dtype), random(n, dtype=dtype, seed=1)
    targets = np.random.default_rng(2).integers(0, classes, n)
    targets[n // 2] = -100
    check("cross_entropy", x, targets, ignore_index=-100, label_smoothing=smoothing)
    check("cross_entropy_vjp", g, x, targets, ignore_index=-100, label_smoothing=smoothing)


@pytest.mark.parametrize("kind", ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", ">i4", "?"])
def test_cross_entropy_takes_any_integers(kind):
    targets = np.array([0, 1, 1, 0]).astype(kind)
    x, g = random(4, 3), random(4)
    for ignore in (-100, 1):
        check("cross_entropy", x, targets, ignore_index=ignore, label_smoothing=0.1)
        check("cross_entropy_vjp", g, x, targets, ignore_index=ignore, label_smoothing=0.1)


@pytest.mark.parametrize("bad", [-1, 3, 2**40])
def test_cross_entropy_refuses_classes_out_of_range(bad):
    with pytest.raises(IndexError, match=f"class index {bad} is out of range: expected 0 to 2"):
        NUMBA.cross_entropy(random(2, 3), np.array([0, bad]), ignore_index=-100, label_smoothing=0.0)


def test_cross_entropy_falls_back():
    x, targets = random(6, 4), np.array([0, 3, 1, 2, 0, 1])
    settings = {"ignore_index": -100, "label_smoothing": 0.1}
    check("cross_entropy", x.astype(np.float16), targets, **settings)
    check("cross_entropy", x[:0], targets[:0], **settings)
    check("cross_entropy", x[::2], targets[::2], **settings)
    check("cross_entropy", x.T.copy().T, targets, **settings)
    check("cross_entropy", x, targets[:2], **settings)
    check("cross_entropy_vjp", random(6, dtype=np.float64), x, targets, **settings)
    check("cross_entropy_vjp", np.broadcast_to(np.float32(1 / 6), 6), x[:, ::-1], targets, **settings)


@pytest.mark.parametrize("shift", [0.0, 1e4])
@pytest.mark.parametrize("spread", [0.01, 3.0, 40.0])
@pytest.mark.parametrize("dtype", FLOATS)
def test_slope_from_the_losses(dtype, spread, shift):
    """As exact as without them, for probable and improbable targets, and far from zero."""
    x, g = spread * random(50, 30, dtype=dtype) + dtype(shift), random(50, dtype=dtype, seed=1)
    targets = np.random.default_rng(2).integers(0, 30, 50)
    targets[:25] = x[:25].argmax(axis=1)
    targets[7] = -100
    for smoothing in (0.0, 0.1):
        losses = NUMBA.cross_entropy(x, targets, -100, smoothing)
        slope = NUMBA.cross_entropy_vjp(g, x, targets, -100, smoothing, losses)
        wide = NUMPY.cross_entropy_vjp(g.astype(np.float64), x.astype(np.float64), targets, -100, smoothing)
        agree(slope, wide.astype(dtype))


def test_slope_from_losses_of_another_type():
    x, g, targets = random(6, 4), random(6), np.arange(6) % 4
    losses = NUMBA.cross_entropy(x, targets, -100, 0.0).astype(np.float64)
    check("cross_entropy_vjp", g, x, targets, ignore_index=-100, label_smoothing=0.0, losses=losses)


@pytest.mark.parametrize("row", ODD_ROWS)
def test_cross_entropy_of_special_values(row):
    x = np.array([ODD_ROWS[row]] * 5, np.float32)
    for smoothing in (0.0, 0.1):
        check("cross_entropy", x, np.arange(5), ignore_index=-100, label_smoothing=smoothing)
        losses = NUMBA.cross_entropy(x, np.arange(5), ignore_index=-100, label_smoothing=smoothing)
        for known in (None, losses):
            settings = {"ignore_index": -100, "label_smoothing": smoothing, "losses": known}
            check("cross_entropy_vjp", random(5), x, np.arange(5), **settings)


def test_ignored_rows_hide_their_logits():
    x = np.array([[1, NAN], [1, 2]], np.float32)
    targets = np.array([-100, 0])
    check("cross_entropy", x, targets, ignore_index=-100, label_smoothing=0.0)
    slope = NUMBA.cross_entropy_vjp(np.ones(2, np.float32), x, targets, -100, 0.0)
    assert np.array_equal(slope[0], [0, 0])

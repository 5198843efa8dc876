"""How a function is compared with PyTorch's: the same inputs, then the results, then the gradients.

A row of a table in `test_parity_*.py` names the function, how PyTorch writes it, and the inputs. Where minigrad differs
on purpose, the test says so and why.
"""

import zlib

import numpy as np
import pytest

import minigrad as mg

torch = pytest.importorskip("torch")
TF = torch.nn.functional

RTOL = {"float32": 1e-5, "float64": 1e-10}
ATOL = {"float32": 1e-6, "float64": 1e-12}  # for results near 0 that are differences of numbers near 1

INF, NAN = np.inf, np.nan
# Poles, ties, edges of domains, signed zeros, halves that round to even, and what overflows.
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.0, -2.5, 3.0, 1e-6, 30.0, -30.0, 200.0, -200.0, INF, -INF, NAN]


def rng_for(name):
    return np.random.default_rng(zlib.crc32(name.encode()))


def ties(*shape):
    """Small whole numbers, many of them equal."""
    return lambda rng: rng.integers(-2, 3, shape).astype(float)


def as_tuple(x):
    return tuple(x) if isinstance(x, (tuple, list)) else (x,)


def is_float(x):
    return isinstance(x, np.ndarray) and x.dtype.kind == "f"


def compare(ours, theirs, inputs, dtype, gradients=True, name=""):
    """Run both functions on the same inputs and compare the results, and the gradients of a weighted sum of them."""
    inputs = [x.astype(dtype) if is_float(x) else x for x in inputs]
    mine = [mg.tensor(x, requires_grad=is_float(x)) if isinstance(x, np.ndarray) else x for x in inputs]
    other = [torch.tensor(x, requires_grad=is_float(x)) if isinstance(x, np.ndarray) else x for x in inputs]
    outs, wanted = as_tuple(ours(*mine)), as_tuple(theirs(*other))
    assert len(outs) == len(wanted)
    weighted, weighted_other = [], []
    for i, (out, want) in enumerate(zip(outs, wanted, strict=True)):
        same(out, want, dtype, f"{name}: result {i}")
        if want.requires_grad:
            weights = np.random.default_rng(i).uniform(0.5, 1.5, out.shape).astype(out.dtype)
            weighted.append((out, weights))
            weighted_other.append((want, torch.tensor(weights)))
    if not (gradients and weighted):
        return
    mg_sums = mg.differentiate(
        [out for out, _ in weighted],
        [x for x in mine if isinstance(x, mg.Tensor) and x.requires_grad],
        [mg.tensor(w) for _, w in weighted],
        allow_unused=True,
    )
    torch_sums = torch.autograd.grad(
        [out for out, _ in weighted_other],
        [x for x in other if isinstance(x, torch.Tensor) and x.requires_grad],
        [w for _, w in weighted_other],
        allow_unused=True,
    )
    for i, (a, b) in enumerate(zip(mg_sums, torch_sums, strict=True)):
        assert (a is None) == (b is None), f"{name}: gradient {i} is {a} here, {b} in PyTorch"
        if a is not None:
            same(a, b, dtype, f"{name}: gradient {i}")


def same(ours, theirs, dtype, what):
    ours, theirs = ours.detach().numpy(), theirs.detach().numpy()
    assert ours.shape == theirs.shape, what
    assert ours.dtype == theirs.dtype, what
    if ours.dtype.kind == "f":
        np.testing.assert_allclose(ours, theirs, rtol=RTOL[dtype], atol=ATOL[dtype], err_msg=what)
    else:
        np.testing.assert_array_equal(ours, theirs, err_msg=what)


ROWS_OF_SPECIALS = np.array(
    [
        [1.0, 2.0, 2.0, -1.0],
        [0.0, -0.0, 0.0, 0.0],
        [INF, 1.0, INF, 2.0],
        [-INF, 1.0, 0.0, 2.0],
        [INF, -INF, 0.0, 1.0],
        [-INF, -INF, -INF, -INF],
        [NAN, 1.0, 2.0, INF],
    ]
)

SCORES = np.vstack([rng_for("scores").standard_normal((3, 4)), [0.0, 0, 0, 0], [100.0, -100, 0, 1]])

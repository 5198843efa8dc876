"""float16 functions of numbers from 1e-7 to 60,000: values and gradients within a rounding of float64's, or PyTorch's.

Where a derivative is computed from the output, which was rounded, both deviate more; we no more than PyTorch.
"""

import numpy as np
import pytest

import minigrad as mg
import minigrad.functional as F

torch = pytest.importorskip("torch", reason="compared with PyTorch's float16")
TF: object = torch.nn.functional

HALF = np.float16
ROUNDING, SMALLEST = 2.0**-11, 2.0**-25  # half a unit in the last place, of normal numbers and of the least ones

rng = np.random.default_rng(0)
SIZES = np.concatenate([np.geomspace(1e-7, 6e4, 40), [0.3, 0.5, 0.7, 0.9, 1, 1.5, 2.5, 3, 8, 10, 12, 300, 400]])
X = np.concatenate([SIZES, -SIZES]).astype(HALF)
Y = rng.permutation(X)
A, B = (
    (rng.standard_normal((64, 48)) * 10 ** rng.uniform(-3, 3.5, (64, 1))).clip(-6e4, 6e4).astype(HALF) for _ in range(2)
)
SMALL_A, SMALL_B, LOSSES = A / HALF(300), B / HALF(300), -np.abs(A)
CLASSES = rng.integers(0, 48, 64)

# name: inputs, ours, PyTorch's
TABLE = {
    "silu": ([X], F.silu, "silu"),
    "gelu": ([X], F.gelu, "gelu"),
    "gelu tanh": ([X], lambda x: F.gelu(x, "tanh"), lambda x: TF.gelu(x, approximate="tanh")),
    "softplus": ([X], F.softplus, lambda x: TF.softplus(x, threshold=1e9)),
    "softplus beta": ([X], lambda x: F.softplus(x, 3.0), lambda x: TF.softplus(x, 3.0, 1e9)),
    "x / 1e5": ([X], lambda x: x / 1e5, lambda x: x / 1e5),
    "x * 1e5": ([X], lambda x: x * 1e5, lambda x: x * 1e5),
    "1e5 / x": ([X], lambda x: 1e5 / x, lambda x: 1e5 / x),
    "1e5 - x": ([X], lambda x: 1e5 - x, lambda x: 1e5 - x),
    "|x| ** 1.7": ([X], lambda x: abs(x) ** 1.7, lambda x: abs(x) ** 1.7),
    "x ** 2": ([X], lambda x: x**2, lambda x: x**2),
    "1.01 ** x": ([X], lambda x: 1.01**x, lambda x: 1.01**x),
    "pow": ([np.abs(X), np.clip(Y, -4, 4)], mg.pow, torch.pow),
    "matmul": ([SMALL_A, SMALL_B.T], mg.matmul, torch.matmul),
    "einsum": ([SMALL_A, SMALL_B], lambda *x: mg.einsum("ij,ij->j", *x), lambda *x: torch.einsum("ij,ij->j", *x)),
    "layer_norm": (
        [A, B[0] / HALF(10), B[1]],
        lambda x, w, b: F.layer_norm(x, 48, w, b),
        lambda x, w, b: TF.layer_norm(x, (48,), w, b),
    ),
    "bce": (
        [A, np.clip(np.abs(B), 0, 1)],
        F.binary_cross_entropy_with_logits,
        lambda *x: TF.binary_cross_entropy_with_logits(*x),
    ),
    "cross_entropy": (
        [A],
        lambda x: F.cross_entropy(x, mg.tensor(CLASSES), label_smoothing=0.1),
        lambda x: TF.cross_entropy(x, torch.tensor(CLASSES), label_smoothing=0.1),
    ),
    "nll_loss": (
        [LOSSES],
        lambda x: F.nll_loss(x, mg.tensor(CLASSES)),
        lambda x: TF.nll_loss(x, torch.tensor(CLASSES)),
    ),
    "kl_div": ([LOSSES, np.abs(B) / HALF(1e3)], F.kl_div, lambda *x: TF.kl_div(*x)),
    **{name: ([A, B], getattr(F, name), name) for name in ("mse_loss", "l1_loss", "huber_loss", "smooth_l1_loss")},
    **{
        name: ([X, Y], getattr(mg, name), getattr(torch, name))
        for name in "add subtract multiply divide hypot logaddexp atan2 maximum minimum remainder copysign".split()
    },
    **{
        f"{name} {axis}": (
            [x],
            lambda x, axis=axis, f=f: f(x, axis=axis),
            lambda x, axis=axis, f=theirs: f(x, dim=axis),
        )
        for axis in (0, 1)
        for name, x, f, theirs in (
            ("sum", A, mg.sum, torch.sum),
            ("mean", A, mg.mean, torch.mean),
            ("var", A / HALF(60), mg.var, lambda x, dim: torch.var(x, dim, correction=0)),
            ("std", A, mg.std, lambda x, dim: torch.std(x, dim, correction=0)),
            ("logsumexp", A, mg.logsumexp, torch.logsumexp),
            ("softmax", A / HALF(100), F.softmax, torch.softmax),
            ("log_softmax", A / HALF(100), F.log_softmax, torch.log_softmax),
            ("cumulative_sum", A, mg.cumulative_sum, torch.cumsum),
            ("prod", 1 + A / HALF(1e4), mg.prod, torch.prod),
            ("vector_norm", A, mg.linalg.vector_norm, lambda x, dim: torch.linalg.vector_norm(x, dim=dim)),
        )
    },
}


def run(lib, f, inputs, kind):
    """The value of f, and its gradients for all inputs."""
    leaves = [lib.tensor(x.astype(kind), requires_grad=True) for x in inputs]
    out = f(*leaves)
    weights = np.random.default_rng(1).uniform(0.5, 1.5, tuple(out.shape)).astype(HALF)
    out.backward(lib.tensor(weights.astype(kind)))
    return [out.detach().numpy(), *(x.grad.numpy() for x in leaves)]


def deviation(found, exact):
    """The largest difference, in roundings."""
    found, rounded = found.astype(float), exact.astype(HALF).astype(float)
    exact = np.where(np.isinf(rounded), rounded, exact)
    agree = (found == exact) | (np.isnan(found) & np.isnan(exact)) | (np.isinf(exact) & (np.abs(found) >= 65000))
    agree |= np.isinf(found) & (np.abs(exact) >= 65400)
    away = np.where(agree, 0, np.abs(found - exact) / np.maximum(np.abs(exact) * ROUNDING, SMALLEST))
    return np.where(np.isfinite(away), away, np.inf).max()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", TABLE)
@pytest.mark.parametrize("host", ["numpy", "numba"])
def test_functions_of_float16_are_as_exact_as_pytorchs(host, name):
    inputs, f, theirs = TABLE[name]
    if isinstance(theirs, str):
        theirs = getattr(TF, theirs)
    with mg.use_backend(host), np.errstate(all="ignore"):
        exact = run(mg, f, inputs, np.float64)
        found = run(mg, f, inputs, HALF)
    for ours, other, wanted in zip(found, run(torch, theirs, inputs, HALF), exact, strict=True):
        assert ours.dtype == HALF
        limit = 1.5 if "matmul" not in name else 5  # float32 sums of terms that cancel
        assert deviation(ours, wanted) <= max(limit, 1.05 * deviation(other, wanted))

"""Values and gradients against PyTorch: every public function that PyTorch has too, special numbers included.

A row of a table names the function, how PyTorch writes it, and the inputs. Where minigrad differs on purpose, the test
says so and why.
"""

# ruff: noqa: B023  (functions made in a loop are called in the same turn)

import itertools
import zlib
from pathlib import Path

import numpy as np
import pytest

import minigrad as mg
import minigrad.functional as F

torch = pytest.importorskip("torch")
TF = torch.nn.functional

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy reports log(0); the values are the subject

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


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    return request.param


# --- element-wise -----------------------------------------------------------------------------------------------------

UNARY = {
    "abs": torch.abs,
    "acos": torch.acos,
    "acosh": torch.acosh,
    "asin": torch.asin,
    "asinh": torch.asinh,
    "atan": torch.atan,
    "atanh": torch.atanh,
    "ceil": torch.ceil,
    "cos": torch.cos,
    "cosh": torch.cosh,
    "erf": torch.erf,
    "exp": torch.exp,
    "expm1": torch.expm1,
    "floor": torch.floor,
    "gelu": TF.gelu,
    "isfinite": torch.isfinite,
    "isinf": torch.isinf,
    "isnan": torch.isnan,
    "log": torch.log,
    "log10": torch.log10,
    "log1p": torch.log1p,
    "log2": torch.log2,
    "logical_not": torch.logical_not,
    "negative": torch.negative,
    "reciprocal": torch.reciprocal,
    "relu": torch.relu,
    "round": torch.round,
    "sigmoid": torch.sigmoid,
    "sign": torch.sign,
    "signbit": torch.signbit,
    "silu": TF.silu,
    "sin": torch.sin,
    "sinh": torch.sinh,
    "softplus": TF.softplus,
    "sqrt": torch.sqrt,
    "square": torch.square,
    "tan": torch.tan,
    "tanh": torch.tanh,
    "trunc": torch.trunc,
}
# What differs on purpose, and for which of the special numbers.
UNARY_DIFFERENCES = {
    "sign": "sign(NaN) is NaN, as the array API standard says; PyTorch gives 0",
    "abs": "the gradient of abs at NaN is NaN; PyTorch takes it as 0",
    "softplus": "computed as it is everywhere; above 20 PyTorch returns x itself, which is off by 2e-9",
}


@pytest.mark.parametrize("name", sorted(UNARY))
def test_functions_of_one_variable(name, dtype):
    rng = rng_for(name)
    compare(getattr(mg, name), UNARY[name], [rng.standard_normal((3, 4))], dtype, name=name)
    compare(getattr(mg, name), UNARY[name], [rng.uniform(1, 9, (2, 0, 3))], dtype, name=name)
    values = [
        v for v in SPECIAL if not (name in UNARY_DIFFERENCES and (np.isnan(v) or (name == "softplus" and v == 30)))
    ]
    for v in values:
        compare(getattr(mg, name), UNARY[name], [np.array(v)], dtype, name=f"{name}({v})")


BINARY = {
    "add": torch.add,
    "atan2": torch.atan2,
    "copysign": torch.copysign,
    "divide": torch.divide,
    "equal": torch.eq,
    "greater": torch.greater,
    "greater_equal": torch.greater_equal,
    "hypot": torch.hypot,
    "less": torch.less,
    "less_equal": torch.less_equal,
    "logaddexp": torch.logaddexp,
    "logical_and": torch.logical_and,
    "logical_or": torch.logical_or,
    "logical_xor": torch.logical_xor,
    "maximum": torch.maximum,
    "minimum": torch.minimum,
    "multiply": torch.multiply,
    "not_equal": torch.not_equal,
    "pow": torch.pow,
    "remainder": torch.remainder,
    "subtract": torch.subtract,
}


def half_power(x, y):
    """Whether x**y, or its slope, is at an edge where libraries differ in whether they take a square root instead."""
    return y in (0.5, -0.5, 1.5) and str(x) in ("-0.0", "-inf")


@pytest.mark.parametrize("name", sorted(BINARY))
def test_functions_of_two_variables(name, dtype):
    rng = rng_for(name)
    ours, theirs = getattr(mg, name), BINARY[name]
    compare(ours, theirs, [rng.standard_normal((2, 3)), rng.standard_normal((3,))], dtype, name=name)
    compare(ours, theirs, [rng.uniform(0.5, 2, (2, 1)), rng.uniform(0.5, 2, (1, 3))], dtype, name=name)
    compare(ours, theirs, [rng.standard_normal((0, 3)), rng.standard_normal((3,))], dtype, name=name)
    for x, y in itertools.product(SPECIAL, SPECIAL):
        if name == "pow" and half_power(x, y):
            continue
        compare(ours, theirs, [np.array(x), np.array(y)], dtype, name=f"{name}({x}, {y})")


def test_floor_divide(dtype):
    """Piecewise constant: a gradient of zeros, where PyTorch has none."""
    for x, y in itertools.product(SPECIAL, SPECIAL):
        compare(
            mg.floor_divide, torch.floor_divide, [np.array(x), np.array(y)], dtype, False, f"floor_divide({x}, {y})"
        )
    x = mg.tensor([3.5, -3.5], dtype=dtype, requires_grad=True)
    mg.floor_divide(x, 2).sum().backward()
    assert x.grad.tolist() == [0, 0]


INTEGER = "bitwise_and bitwise_or bitwise_xor bitwise_left_shift bitwise_right_shift".split()


@pytest.mark.parametrize("name", INTEGER)
def test_functions_of_integers(name):
    x, y = np.arange(-4, 8), np.arange(12)[::-1].copy()
    compare(getattr(mg, name), getattr(torch, name), [x, y], "float32", name=name)


def test_bitwise_invert():
    compare(mg.bitwise_invert, torch.bitwise_not, [np.arange(-3, 4)], "float32")
    compare(mg.bitwise_invert, torch.bitwise_not, [np.array([True, False])], "float32")


EXPONENTS = [0, 1, 2, 3, -1, -2, 0.5, -0.5, 0.0, 2.5]


@pytest.mark.parametrize("exponent", EXPONENTS)
def test_powers_with_a_number_as_exponent(exponent, dtype):
    for x in SPECIAL:
        if half_power(x, exponent):
            continue
        compare(lambda x: x**exponent, lambda x: x**exponent, [np.array(x)], dtype, name=f"{x} ** {exponent}")


@pytest.mark.parametrize("base", [0, 0.0, 1, 2, 0.5, -2.0])
def test_powers_with_a_number_as_base(base, dtype):
    for x in SPECIAL:
        compare(lambda x: base**x, lambda x: base**x, [np.array(x)], dtype, name=f"{base} ** {x}")


CLIPS = [(-0.5, 1.0), (None, 0.5), (-1.0, None), (1.0, -1.0), (0.0, 0.0), (-INF, INF)]


@pytest.mark.parametrize(("low", "high"), CLIPS)
def test_clip_with_numbers(low, high, dtype):
    """On a bound the gradient goes to x."""
    for x in SPECIAL:
        compare(
            lambda x: mg.clip(x, low, high), lambda x: torch.clip(x, low, high), [np.array(x)], dtype, name=f"clip({x})"
        )


def test_clip_with_tensors(dtype):
    for x, low, high in itertools.product([-2.0, -1.0, 0.0, 1.0, 2.0, INF, NAN], [-1.0, 1.0], [-1.0, 0.0, 1.0]):
        compare(
            mg.clip, torch.clip, [np.array(x), np.array(low), np.array(high)], dtype, name=f"clip({x},{low},{high})"
        )
    compare(
        lambda x, low: mg.clip(x, low), lambda x, low: torch.clip(x, low), [np.ones(3), np.array([0.0, 1, 2])], dtype
    )
    compare(
        lambda x, high: mg.clip(x, None, high),
        lambda x, high: torch.clip(x, max=high),
        [np.ones((2, 3)), np.array([0.0, 1, 2])],
        dtype,
    )


def test_where(dtype):
    condition = np.array([True, False, True])
    values = [np.array([NAN, 1.0, INF]), np.array([[2.0, NAN, 0.0], [1.0, -INF, 3.0]])]
    compare(mg.where, torch.where, [condition, *values], dtype)
    compare(lambda c, x: mg.where(c, x, 0), lambda c, x: torch.where(c, x, 0), [condition, values[1]], dtype)


def test_gelu_with_tanh(dtype):
    compare(lambda x: mg.gelu(x, "tanh"), lambda x: TF.gelu(x, approximate="tanh"), [np.linspace(-4, 4, 33)], dtype)


def test_softplus_with_beta(dtype):
    compare(lambda x: mg.softplus(x, 3.0), lambda x: TF.softplus(x, 3.0), [np.linspace(-5, 5, 21)], dtype)


def test_differences_in_functions_of_one_variable(dtype):
    x = mg.tensor(NAN, dtype=dtype, requires_grad=True)
    assert np.isnan(mg.sign(x).item())
    assert torch.sign(torch.tensor(NAN)).item() == 0
    mg.abs(x).backward()
    assert np.isnan(x.grad.item())
    big = mg.tensor(20.5, dtype="float64", requires_grad=True)
    out = mg.softplus(big)
    out.backward()
    assert out.item() == 20.5 + np.log1p(np.exp(-20.5))
    assert big.grad.item() == pytest.approx(1 / (1 + np.exp(-20.5)), rel=1e-15)
    assert TF.softplus(torch.tensor(20.5, dtype=torch.float64)).item() == 20.5


# --- reductions -------------------------------------------------------------------------------------------------------


REDUCTIONS = {
    "sum": lambda x, axis, keepdims: torch.sum(x, axis, keepdim=keepdims),
    "mean": lambda x, axis, keepdims: torch.mean(x, axis, keepdim=keepdims),
    "var": lambda x, axis, keepdims: torch.var(x, axis, correction=0, keepdim=keepdims),
    "std": lambda x, axis, keepdims: torch.std(x, axis, correction=0, keepdim=keepdims),
    "max": lambda x, axis, keepdims: torch.amax(x, () if axis is None else axis, keepdim=keepdims),
    "min": lambda x, axis, keepdims: torch.amin(x, () if axis is None else axis, keepdim=keepdims),
    "any": lambda x, axis, keepdims: torch.any(x, axis, keepdim=keepdims),
    "all": lambda x, axis, keepdims: torch.all(x, axis, keepdim=keepdims),
    "logsumexp": lambda x, axis, keepdims: torch.logsumexp(
        x, tuple(range(x.ndim)) if axis is None else axis, keepdim=keepdims
    ),
}
AXES = [None, 0, 1, -1, (0, 2), (0, 1, 2)]


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("name", sorted(REDUCTIONS))
def test_reductions(name, axis, keepdims, dtype):
    rng = rng_for(name)
    for x in (rng.standard_normal((2, 3, 4)), ties(2, 3, 4)(rng), np.zeros((2, 1, 3))):
        compare(
            lambda x: getattr(mg, name)(x, axis=axis, keepdims=keepdims),
            lambda x: REDUCTIONS[name](x, axis, keepdims),
            [x],
            dtype,
            name=name,
        )


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


@pytest.mark.parametrize("name", sorted(REDUCTIONS))
def test_reductions_of_special_numbers(name, dtype):
    for row in ROWS_OF_SPECIALS:
        compare(
            lambda x: getattr(mg, name)(x, axis=-1),
            lambda x: REDUCTIONS[name](x, -1, False),
            [row],
            dtype,
            gradients=name != "var" or not np.isinf(row).any(),
            name=f"{name}({row})",
        )


def test_the_variance_of_an_infinite_number_has_no_gradient():
    """It is NaN for all elements; PyTorch gives -inf to the finite ones."""
    x = mg.tensor([INF, 1.0], requires_grad=True)
    mg.var(x).backward()
    assert np.isnan(x.grad.numpy()).all()


def test_products(dtype):
    """Gradients are right also where one or more factors are zero."""
    for x in ([1.5, 2.0, -3.0], [1.5, 0.0, -3.0], [0.0, 0.0, 2.0]):
        compare(mg.prod, torch.prod, [np.array(x)], dtype, name=f"prod({x})")
    compare(lambda x: mg.prod(x, 1), lambda x: torch.prod(x, 1), [rng_for("prod").standard_normal((2, 3, 2))], dtype)
    compare(lambda x: mg.prod(x, 0, keepdims=True), lambda x: torch.prod(x, 0, keepdim=True), [np.ones((2, 0))], dtype)


def test_the_gradient_of_a_product_is_the_product_of_the_others():
    """PyTorch divides the product by the element instead, which is NaN for an infinite one. So with NaN."""
    x = mg.tensor([INF, 2.0, 3.0], requires_grad=True)
    mg.prod(x).backward()
    assert x.grad.tolist() == [6, INF, INF]
    t = torch.tensor([INF, 2.0, 3.0], requires_grad=True)
    torch.prod(t).backward()
    assert t.grad[0].isnan()
    x = mg.tensor([NAN, 2.0, 3.0], requires_grad=True)
    mg.prod(x).backward()
    assert str(x.grad.tolist()) == "[6.0, nan, nan]"


@pytest.mark.parametrize("name", ["max", "min"])
def test_the_gradient_of_an_extremum_is_shared_between_ties(name, dtype):
    compare(getattr(mg, name), getattr(torch, name), [np.array([[3.0, 1.0], [1.0, 3.0]])], dtype)


def test_an_extremum_along_an_axis_shares_too_unlike_max_of_pytorch():
    """`torch.max(x, dim)` gives all of the gradient to the one element whose index it returns; `amax` shares it."""
    x = mg.tensor([2.0, 2.0, 1.0], requires_grad=True)
    mg.max(x, axis=0).backward()
    assert x.grad.tolist() == [0.5, 0.5, 0.0]
    t = torch.tensor([2.0, 2.0, 1.0], requires_grad=True)
    torch.max(t, 0).values.backward()
    assert sorted(t.grad.tolist()) == [0.0, 0.0, 1.0]


@pytest.mark.parametrize("correction", [0, 1, 0.5])
@pytest.mark.parametrize("name", ["var", "std"])
def test_variance_with_a_correction(name, correction, dtype):
    x = rng_for(name).standard_normal((3, 4))
    for axis in (None, 1, (0, 1)):
        compare(
            lambda x: getattr(mg, name)(x, axis=axis, correction=correction),
            lambda x: getattr(torch, name)(x, axis, correction=correction),
            [x],
            dtype,
        )


def test_variance_is_that_of_numpy_by_default():
    """The array API standard divides by n; PyTorch by n - 1 unless told otherwise."""
    assert mg.var(mg.tensor([1.0, 3.0])).item() == 1
    assert torch.var(torch.tensor([1.0, 3.0])).item() == 2


@pytest.mark.parametrize("name", ["argmax", "argmin"])
def test_positions_of_extrema(name):
    """The first of several; PyTorch leaves it open which one, and a NaN counts as the extremum in both."""
    x = rng_for(name).standard_normal((3, 4, 2))
    for axis in (None, 0, -1):
        compare(
            lambda x: getattr(mg, name)(x, axis=axis, keepdims=axis is not None),
            lambda x: getattr(torch, name)(x, axis, keepdim=axis is not None),
            [x],
            "float32",
        )
    compare(getattr(mg, name), getattr(torch, name), [np.array([1.0, NAN, 5.0, -5.0])], "float32")


def test_counts():
    compare(mg.count_nonzero, torch.count_nonzero, [np.array([[0.0, 1.0], [NAN, -0.0]])], "float32")
    compare(
        lambda x: mg.count_nonzero(x, 1), lambda x: torch.count_nonzero(x, 1), [np.array([[0, 1], [3, 2]])], "float32"
    )


def test_cumulative_sums(dtype):
    for axis in (0, 1, -1):
        compare(
            lambda x: mg.cumulative_sum(x, axis),
            lambda x: torch.cumsum(x, axis),
            [np.arange(12.0).reshape(3, 4)],
            dtype,
        )
    compare(lambda x: mg.cumulative_sum(x, 0), lambda x: torch.cumsum(x, 0), [np.array([1.0, INF, -INF, 2.0])], dtype)


@pytest.mark.parametrize("name", ["sum", "prod", "any", "all", "max", "min", "argmax"])
@pytest.mark.parametrize("kind", ["int32", "int64", "bool", "uint8"])
def test_reductions_of_integers_and_truth_values(name, kind):
    x = np.array([[1, 0, 3], [2, 1, 1]]).astype(kind)
    theirs = {"max": torch.amax, "min": torch.amin}.get(name, getattr(torch, name))
    if kind == "bool" and name == "argmax":
        assert mg.argmax(mg.tensor(x)).item() == 0
        return  # PyTorch has no argmax of truth values
    out, want = getattr(mg, name)(mg.tensor(x)), theirs(torch.tensor(x))
    assert out.item() == want.item()
    if (kind, name) == ("uint8", "sum") or (kind, name) == ("uint8", "prod"):
        assert out.dtype == mg.uint64  # unsigned stays unsigned, as the array API standard asks; PyTorch: int64
    elif (kind, name) in (("uint8", "any"), ("uint8", "all")):
        assert out.dtype == mg.bool  # PyTorch: uint8, for compatibility with its past
    else:
        assert str(out.dtype) == str(want.dtype).removeprefix("torch.")


# --- products ---------------------------------------------------------------------------------------------------------

SHAPES = [
    ((2, 3), (3, 4)),
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((3,), (3, 4)),
    ((5, 2, 3), (3, 4)),
    ((2, 3), (5, 3, 4)),
    ((5, 1, 2, 3), (4, 3, 2)),
    ((3,), (5, 3, 2)),
    ((5, 2, 3), (3,)),
    ((0, 3), (3, 2)),
    ((2, 0), (0, 3)),
]


@pytest.mark.parametrize(("left", "right"), SHAPES)
def test_matmul(left, right, dtype):
    rng = rng_for("matmul")
    x, y = rng.standard_normal(left), rng.standard_normal(right)
    compare(mg.matmul, torch.matmul, [x, y], dtype)
    compare(lambda x, y: x @ y, lambda x, y: x @ y, [x, y], dtype)


def test_matmul_with_special_numbers(dtype):
    compare(mg.matmul, torch.matmul, [np.array([[INF, 1.0], [NAN, 0.0]]), np.array([[1.0, 2.0], [3.0, 4.0]])], dtype)


EINSUMS = {
    "ij,jk->ik": [(2, 3), (3, 4)],
    "ij,jk": [(2, 3), (3, 4)],
    "ba,cb": [(2, 3), (4, 2)],
    "bij,bjk->bik": [(2, 3, 4), (2, 4, 2)],
    "...ij,...jk->...ik": [(2, 3, 4), (2, 4, 2)],
    "...ij,jk->...ik": [(5, 2, 3, 4), (4, 2)],
    "...i,...i->...": [(2, 3, 4), (3, 4)],
    "...i,...i": [(2, 4), (3, 2, 4)],
    "i...,i...->i...": [(2, 3), (2, 3)],
    "...i->...": [(4,)],
    "...ij->...ji": [(2, 3, 4)],
    "...i,...j->...": [(1, 3), (2, 4)],
    "ii->i": [(3, 3)],
    "ii": [(3, 3)],
    "ii,i->": [(3, 3), (3,)],
    "bii->bi": [(2, 3, 3)],
    "...ii->...i": [(2, 3, 3)],
    "iij,jkk->ik": [(2, 2, 3), (3, 4, 4)],
    "iii->i": [(2, 2, 2)],
    "ij->": [(2, 3)],
    "ij->j": [(2, 3)],
    "i,j->ij": [(2,), (3,)],
    "i,j,k->kij": [(2,), (3,), (4,)],
    "ij,ij->ij": [(2, 3), (2, 3)],
    "bhqd,bhkd->bhqk": [(1, 2, 3, 4), (1, 2, 2, 4)],
    "ij,kl->": [(2, 3), (2, 2)],
    " i j , j -> i ": [(2, 3), (3,)],
    "ij,jk->ijk": [(0, 2), (2, 3)],
}


@pytest.mark.parametrize("equation", EINSUMS)
def test_einsum(equation, dtype):
    rng = rng_for(equation)
    inputs = [rng.standard_normal(s) for s in EINSUMS[equation]]
    compare(lambda *xs: mg.einsum(equation, *xs), lambda *xs: torch.einsum(equation, *xs), inputs, dtype, name=equation)


@pytest.mark.parametrize("axes", [0, 1, 2, ([0], [1]), ([1, 0], [0, 2]), ([-1], [0])])
def test_tensordot(axes, dtype):
    shapes = {
        0: [(2,), (3, 2)],
        1: [(2, 3), (3, 4)],
        2: [(2, 3, 4), (3, 4, 2)],
    }.get(axes if isinstance(axes, int) else None) or {1: [(3, 2), (4, 3)], 2: [(2, 3, 4), (3, 4, 2)]}[len(axes[0])]
    if axes == ([-1], [0]):
        shapes = [(2, 3), (3, 4)]
    rng = rng_for("tensordot")
    compare(
        lambda x, y: mg.tensordot(x, y, axes),
        lambda x, y: torch.tensordot(x, y, axes),
        [rng.standard_normal(s) for s in shapes],
        dtype,
    )


def test_other_products(dtype):
    rng = rng_for("products")
    x, y = rng.standard_normal((2, 3)), rng.standard_normal((2, 3))
    compare(mg.outer, torch.outer, [x[0], y[1]], dtype)
    compare(mg.vecdot, torch.linalg.vecdot, [x, y], dtype)
    compare(lambda x, y: mg.vecdot(x, y, 0), lambda x, y: torch.linalg.vecdot(x, y, dim=0), [x, y], dtype)
    compare(mg.matrix_transpose, lambda x: x.mT, [rng.standard_normal((2, 3, 4))], dtype)


# --- shape ------------------------------------------------------------------------------------------------------------

# name -> (ours, theirs, shapes of the inputs)
REARRANGING = {
    "reshape": (lambda x: mg.reshape(x, (3, -1)), lambda x: torch.reshape(x, (3, -1)), [(2, 3)]),
    "flatten": (lambda x: mg.flatten(x, 1, 2), lambda x: torch.flatten(x, 1, 2), [(2, 3, 4, 1)]),
    "flatten 0-d": (mg.flatten, torch.flatten, [()]),
    "permute_dims": (lambda x: mg.permute_dims(x, (2, 0, 1)), lambda x: torch.permute(x, (2, 0, 1)), [(2, 3, 4)]),
    "moveaxis": (lambda x: mg.moveaxis(x, 0, -1), lambda x: torch.moveaxis(x, 0, -1), [(2, 3, 4)]),
    "moveaxis of two": (
        lambda x: mg.moveaxis(x, (0, 1), (2, 0)),
        lambda x: torch.moveaxis(x, (0, 1), (2, 0)),
        [(2, 3, 4)],
    ),
    "swapaxes": (lambda x: mg.swapaxes(x, 0, -1), lambda x: torch.swapaxes(x, 0, -1), [(2, 3, 4)]),
    "expand_dims": (lambda x: mg.expand_dims(x, -1), lambda x: torch.unsqueeze(x, -1), [(2, 3)]),
    "squeeze": (mg.squeeze, torch.squeeze, [(1, 2, 1)]),
    "squeeze one": (lambda x: mg.squeeze(x, -1), lambda x: torch.squeeze(x, -1), [(1, 2, 1)]),
    "broadcast_to": (lambda x: mg.broadcast_to(x, (2, 3)), lambda x: torch.broadcast_to(x, (2, 3)), [(2, 1)]),
    "broadcast_tensors": (mg.broadcast_tensors, torch.broadcast_tensors, [(2, 1), (3,)]),
    "concat": (lambda *xs: mg.concat(xs, -1), lambda *xs: torch.concat(xs, -1), [(2, 1), (2, 0), (2, 3)]),
    "stack": (lambda *xs: mg.stack(xs, 1), lambda *xs: torch.stack(xs, 1), [(2, 3), (2, 3)]),
    "unstack": (lambda x: mg.unstack(x, 1), lambda x: torch.unbind(x, 1), [(2, 3)]),
    "split": (lambda x: mg.split(x, 3, 1), lambda x: torch.chunk(x, 3, 1), [(2, 6)]),
    "split by sizes": (lambda x: mg.split(x, (1, 0, 2)), lambda x: torch.split(x, (1, 0, 2)), [(3, 2)]),
    "flip": (lambda x: mg.flip(x, (0, 1)), lambda x: torch.flip(x, (0, 1)), [(2, 3)]),
    "roll": (lambda x: mg.roll(x, (1, -2), (0, 1)), lambda x: torch.roll(x, (1, -2), (0, 1)), [(2, 3)]),
    "roll flat": (lambda x: mg.roll(x, 2), lambda x: torch.roll(x, 2), [(2, 3)]),
    "pad": (lambda x: mg.pad(x, ((1, 0), (0, 2)), 5), lambda x: TF.pad(x, (0, 2, 1, 0), value=5), [(2, 3)]),
    "tile": (lambda x: mg.tile(x, (2, 1, 3)), lambda x: torch.tile(x, (2, 1, 3)), [(2, 3)]),
    "tile less": (lambda x: mg.tile(x, (2,)), lambda x: torch.tile(x, (2,)), [(2, 3)]),
    "repeat": (lambda x: mg.repeat(x, 3, 0), lambda x: torch.repeat_interleave(x, 3, 0), [(2, 3)]),
    "repeat flat": (lambda x: mg.repeat(x, 2), lambda x: torch.repeat_interleave(x, 2), [(2, 3)]),
    "repeat by counts": (
        lambda x: mg.repeat(x, mg.tensor([2, 0, 1]), 1),
        lambda x: torch.repeat_interleave(x, torch.tensor([2, 0, 1]), 1),
        [(2, 3)],
    ),
    "tril": (lambda x: mg.tril(x, -1), lambda x: torch.tril(x, -1), [(2, 3, 3)]),
    "triu": (lambda x: mg.triu(x, 1), lambda x: torch.triu(x, 1), [(3, 4)]),
    "astype": (lambda x: mg.astype(x, "float64"), lambda x: x.to(torch.float64), [(2, 3)]),
}


@pytest.mark.parametrize("name", REARRANGING)
def test_rearranging(name, dtype):
    ours, theirs, shapes = REARRANGING[name]
    rng = rng_for(name)
    compare(ours, theirs, [rng.standard_normal(s) for s in shapes], dtype, name=name)


def test_broadcast_shapes():
    assert mg.broadcast_shapes((2, 1), (3,), ()) == tuple(torch.broadcast_shapes((2, 1), (3,), ()))


def test_split_counts_pieces_where_pytorch_gives_their_size():
    x = np.arange(6.0)
    assert [len(p) for p in mg.split(mg.tensor(x), 3)] == [2, 2, 2]
    assert [len(p) for p in torch.split(torch.tensor(x), 3)] == [3, 3]


# --- indexing ---------------------------------------------------------------------------------------------------------

INDICES = [
    0,
    -1,
    slice(1, None),
    slice(None, None, 2),
    (slice(None), 1),
    (..., 0),
    (None, 1),
    (1, ..., None, slice(0, 2)),
    [0, 2, 2, 0],
    (slice(None), [1, 1, 0]),
    ([0, 1, 0], [1, 2, 1]),
    ([0, 1, 2], slice(None), [1, 1, 1]),
    (slice(None), [[0, 1], [1, 1]], 0),
    np.array([True, False, True]),
]


@pytest.mark.parametrize("index", INDICES, ids=str)
def test_reading_by_index(index, dtype):
    """Gradients of positions read several times add up."""
    compare(lambda x: x[index], lambda x: x[index], [np.arange(36.0).reshape(3, 4, 3)], dtype)


def test_reading_with_a_negative_step():
    """PyTorch has none."""
    assert mg.arange(4)[::-1].tolist() == [3, 2, 1, 0]
    with pytest.raises(ValueError):
        torch.arange(4)[::-1]


def test_reading_by_mask(dtype):
    x = np.array([[1.0, NAN], [-1.0, INF]])
    compare(lambda x: x[x > 0], lambda x: x[x > 0], [x], dtype)


def test_updates_by_index(dtype):
    rng = rng_for("updates")
    x, values, index = rng.standard_normal((4, 2)), rng.standard_normal((3, 2)), [1, 3, 1]
    at = torch.tensor(index)
    compare(lambda x, v: x.at[index].add(v), lambda x, v: x.index_add(0, at, v), [x, values], dtype)
    compare(lambda x, v: x.at[[1, 3]].set(v), lambda x, v: x.index_put((at[:2],), v), [x, values[:2]], dtype)
    compare(lambda x, v: x.at[1:3].set(v), lambda x, v: torch.slice_scatter(x, v, 0, 1, 3), [x, values[:2]], dtype)


def test_setting_a_position_twice_gives_the_gradient_to_the_value_that_stays():
    """PyTorch gives it to both values; finite differences say that the first one changes nothing."""
    values = mg.tensor([5.0, 7.0], requires_grad=True)
    out = mg.zeros(3).at[[1, 1]].set(values)
    assert out.tolist() == [0, 7, 0]
    out.sum().backward()
    assert values.grad.tolist() == [0, 1]
    theirs = torch.tensor([5.0, 7.0], requires_grad=True)
    torch.zeros(3).index_put((torch.tensor([1, 1]),), theirs).sum().backward()
    assert theirs.grad.tolist() == [1, 1]


def test_take(dtype):
    x = rng_for("take").standard_normal((3, 4))
    at = np.array([2, 0, 2])
    compare(lambda x: mg.take(x, at, 0), lambda x: torch.index_select(x, 0, torch.tensor(at)), [x], dtype)
    along = np.array([[0, 0, 3], [1, 2, 2], [3, 3, 3]])
    compare(
        lambda x: mg.take_along_axis(x, along, 1), lambda x: torch.take_along_dim(x, torch.tensor(along), 1), [x], dtype
    )


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("axis", [0, 1])
def test_sorting(axis, descending, dtype):
    """Equal elements keep their order in both directions; NaN counts as the largest."""
    x = ties(4, 5)(rng_for("sort"))
    x[0, 1], x[2, 1], x[1, 3] = NAN, INF, -INF
    compare(
        lambda x: (mg.sort(x, axis, descending), mg.argsort(x, axis, descending)),
        lambda x: tuple(torch.sort(x, dim=axis, descending=descending, stable=True)),
        [x],
        dtype,
    )


@pytest.mark.parametrize("largest", [True, False])
def test_topk(largest, dtype):
    x = rng_for("topk").permutation(20.0 * np.arange(12)).reshape(3, 4) / 7
    for axis, k in ((1, 2), (0, 3), (1, 0)):
        compare(
            lambda x: mg.topk(x, k, axis, largest),
            lambda x: tuple(torch.topk(x, k, dim=axis, largest=largest)),
            [x],
            dtype,
        )


def test_one_hot_and_nonzero():
    at = np.array([[0, 2], [1, 1]])
    want = TF.one_hot(torch.tensor(at), 3).numpy()
    assert (mg.one_hot(at, 3).numpy() == want).all()
    x = np.array([[0.0, 1.0, NAN], [2.0, 0.0, -0.0]])
    ours, theirs = mg.nonzero(mg.tensor(x)), torch.nonzero(torch.tensor(x), as_tuple=True)
    assert [a.tolist() for a in ours] == [b.tolist() for b in theirs]


# --- creation ---------------------------------------------------------------------------------------------------------

CREATION = {
    "zeros": (lambda: mg.zeros((2, 3)), lambda: torch.zeros(2, 3)),
    "ones": (lambda: mg.ones((2, 3)), lambda: torch.ones(2, 3)),
    "full": (lambda: mg.full((2,), 1.5), lambda: torch.full((2,), 1.5)),
    "full of integers": (lambda: mg.full((2,), 7), lambda: torch.full((2,), 7)),
    "full of truth values": (lambda: mg.full((2,), True), lambda: torch.full((2,), True)),
    "arange": (lambda: mg.arange(5), lambda: torch.arange(5)),
    "arange of floats": (lambda: mg.arange(0.0, 1.0, 0.25), lambda: torch.arange(0.0, 1.0, 0.25)),
    "arange backwards": (lambda: mg.arange(5, -1, -2), lambda: torch.arange(5, -1, -2).flip(0).flip(0)),
    "linspace": (lambda: mg.linspace(-1, 1, 7), lambda: torch.linspace(-1, 1, 7)),
    "eye": (lambda: mg.eye(3, 4), lambda: torch.eye(3, 4)),
    "tensor": (lambda: mg.tensor([[1.0, 2], [3, 4]]), lambda: torch.tensor([[1.0, 2], [3, 4]])),
    "tensor of integers": (lambda: mg.tensor([1, 2]), lambda: torch.tensor([1, 2])),
    "asarray": (lambda: mg.asarray([True, False]), lambda: torch.asarray([True, False])),
    "zeros_like": (lambda: mg.zeros_like(mg.arange(3)), lambda: torch.zeros_like(torch.arange(3))),
    "ones_like": (lambda: mg.ones_like(mg.ones((2, 0))), lambda: torch.ones_like(torch.ones(2, 0))),
    "full_like": (lambda: mg.full_like(mg.ones(2), 3), lambda: torch.full_like(torch.ones(2), 3)),
}


@pytest.mark.parametrize("name", CREATION)
def test_creation(name):
    ours, theirs = CREATION[name]
    same(ours(), theirs(), "float32", name)


# --- functional -------------------------------------------------------------------------------------------------------

SCORES = np.vstack([rng_for("scores").standard_normal((3, 4)), [0.0, 0, 0, 0], [100.0, -100, 0, 1]])
MASKED = np.array([[1.0, -INF, 2.0, 0.0], [NAN, 1.0, 2.0, 3.0]])


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax(name, axis, dtype):
    ours, theirs = getattr(F, name), getattr(TF, name)
    compare(lambda x: ours(x, axis), lambda x: theirs(x, axis), [SCORES], dtype)
    compare(lambda x: ours(x, axis), lambda x: theirs(x, axis), [np.zeros((0, 3))], dtype)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_of_special_numbers(name, dtype):
    for row in ROWS_OF_SPECIALS:
        compare(
            lambda x: getattr(F, name)(x, -1), lambda x: getattr(TF, name)(x, -1), [row], dtype, name=f"{name}({row})"
        )


@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 2, 3), (0, 3)])
def test_linear(shape, dtype):
    rng = rng_for("linear")
    inputs = [rng.standard_normal(s) for s in (shape, (4, 3), (4,))]
    compare(F.linear, TF.linear, inputs, dtype)
    compare(F.linear, TF.linear, inputs[:2], dtype)


@pytest.mark.parametrize("padding_idx", [None, 0, -1])
def test_embedding(padding_idx, dtype):
    at = np.array([[0, 2, 2], [3, 0, 1]])
    compare(
        lambda w: F.embedding(mg.tensor(at), w, padding_idx),
        lambda w: TF.embedding(torch.tensor(at), w, padding_idx),
        [rng_for("embedding").standard_normal((4, 3))],
        dtype,
    )


@pytest.mark.parametrize("sizes", [(4,), (3, 4), (2, 3, 4)])
@pytest.mark.parametrize("affine", ["", "w", "b", "wb"])
def test_layer_norm(sizes, affine, dtype):
    rng = rng_for("layer_norm")
    x, w, b = rng.standard_normal((2, 3, 4)), rng.standard_normal(sizes), rng.standard_normal(sizes)

    def run(f):
        return lambda x, w, b: f(x, sizes, w if "w" in affine else None, b if "b" in affine else None, 1e-3)

    compare(run(F.layer_norm), run(TF.layer_norm), [x, w, b], dtype)


def test_layer_norm_of_special_numbers(dtype):
    """Equal numbers have no spread: the result is 0, and the gradient finite thanks to eps."""
    for row in ([2.0, 2.0, 2.0], [0.0, 0.0, 0.0], [NAN, 1.0, 2.0], [INF, 1.0, 2.0]):
        compare(lambda x: F.layer_norm(x, 3), lambda x: TF.layer_norm(x, (3,)), [np.array(row)], dtype, name=str(row))


REDUCED = ["mean", "sum", "none"]
TARGETS = np.array([2, 0, 1, 3, 0])


@pytest.mark.parametrize("reduction", REDUCED)
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("ignored", [-100, 0])
def test_cross_entropy(reduction, smoothing, ignored, dtype):
    compare(
        lambda x: F.cross_entropy(x, TARGETS, ignored, smoothing, reduction),
        lambda x: TF.cross_entropy(
            x, torch.tensor(TARGETS), ignore_index=ignored, label_smoothing=smoothing, reduction=reduction
        ),
        [SCORES],
        dtype,
    )


def test_cross_entropy_of_special_numbers(dtype):
    """A class masked out with -inf has no part in the loss or its gradient; NaN spoils its own row alone."""
    for targets in ([2, 1], [0, 0]):
        compare(
            lambda x: F.cross_entropy(x, np.array(targets), reduction="none"),
            lambda x: TF.cross_entropy(x, torch.tensor(targets), reduction="none"),
            [MASKED],
            dtype,
        )


def test_a_loss_of_no_positions_is_nan(dtype):
    nothing = np.array([-100, -100, -100, -100, -100])
    for ours, theirs in ((F.cross_entropy, TF.cross_entropy), (F.nll_loss, TF.nll_loss)):
        compare(lambda x: ours(x, nothing), lambda x: theirs(x, torch.tensor(nothing)), [SCORES], dtype)
        compare(
            lambda x: ours(x, nothing, reduction="sum"),
            lambda x: theirs(x, torch.tensor(nothing), reduction="sum"),
            [SCORES],
            dtype,
        )


def test_classes_are_on_the_last_axis():
    """PyTorch has them on axis 1, which a sequence (T, B, C) would have to be permuted for."""
    x = rng_for("classes").standard_normal((2, 3, 4))
    at = np.array([[0, 3, 1], [2, 2, 0]])
    compare(
        lambda x: F.cross_entropy(x, at), lambda x: TF.cross_entropy(x.movedim(-1, 1), torch.tensor(at)), [x], "float64"
    )


@pytest.mark.parametrize("reduction", REDUCED)
@pytest.mark.parametrize("ignored", [-100, 0])
def test_nll_loss(reduction, ignored, dtype):
    compare(
        lambda x: F.nll_loss(x, TARGETS, ignored, reduction),
        lambda x: TF.nll_loss(x, torch.tensor(TARGETS), ignore_index=ignored, reduction=reduction),
        [SCORES],
        dtype,
    )


PAIR = [np.array([[1.0, -2.0, 0.5], [3.0, 0.0, 0.25]]), np.array([[1.0, 1.0, -0.5], [0.0, 1.0, 0.0]])]
EDGES = [[x, y] for x in (0.0, 1.0, -1.0, INF, -INF, NAN) for y in (0.0, 1.0, 0.5)]


def both(name, **options):
    return (
        lambda x, y: getattr(F, name)(x, y, **options),
        lambda x, y: getattr(TF, name)(x, y, **options),
    )


LOSSES = {
    "mse_loss": {},
    "l1_loss": {},
    "huber_loss": {"delta": 0.5},
    "binary_cross_entropy_with_logits": {},
}


@pytest.mark.parametrize("reduction", REDUCED)
@pytest.mark.parametrize("name", LOSSES)
def test_losses_of_two_tensors(name, reduction, dtype):
    ours, theirs = both(name, reduction=reduction, **LOSSES[name])
    compare(ours, theirs, PAIR, dtype)


@pytest.mark.parametrize("name", [n for n in LOSSES if n != "l1_loss"])
def test_losses_at_the_edges(name, dtype):
    ours, theirs = both(name, reduction="none", **LOSSES[name])
    for x, y in EDGES:
        compare(ours, theirs, [np.array([x]), np.array([y])], dtype, name=f"{name}({x}, {y})")


def test_l1_loss_at_the_edges(dtype):
    """Its gradient at NaN is NaN, as that of abs; PyTorch takes it as 0."""
    ours, theirs = both("l1_loss", reduction="none")
    for x, y in EDGES:
        compare(ours, theirs, [np.array([x]), np.array([y])], dtype, gradients=not np.isnan(x))


def test_binary_cross_entropy_with_a_weight_for_positives(dtype):
    weight = np.array([2.0, 0.5, 1.0])
    compare(
        lambda x, t: F.binary_cross_entropy_with_logits(x, t, pos_weight=mg.tensor(weight, dtype=dtype)),
        lambda x, t: TF.binary_cross_entropy_with_logits(x, t, pos_weight=torch.tensor(weight, dtype=t.dtype)),
        PAIR,
        dtype,
    )


@pytest.mark.parametrize("log_target", [False, True])
@pytest.mark.parametrize("reduction", [*REDUCED, "batchmean"])
def test_kl_div(reduction, log_target, dtype):
    x = np.log([[0.2, 0.3, 0.5], [0.1, 0.1, 0.8]])
    t = np.array([[0.5, 0.5, 0.0], [0.2, 0.2, 0.6]])
    if log_target:
        t = np.log(t + 0.1)
    ours, theirs = both("kl_div", reduction=reduction, log_target=log_target)
    with (
        pytest.warns(UserWarning, match="reduction") if reduction == "mean" else pytest.MonkeyPatch.context()
    ):  # PyTorch warns of "mean"
        compare(ours, theirs, [x, t], dtype, gradients=log_target)
        compare(
            lambda x: ours(x, mg.tensor(t.astype(dtype))),
            lambda x: theirs(x, torch.tensor(t.astype(dtype))),
            [x],
            dtype,
        )


def test_dropout_scales_what_it_keeps(dtype):
    """The random numbers differ; with p = 0 and p = 1 nothing is left to them."""
    x = rng_for("dropout").standard_normal((3, 4))
    for p, training in ((0.0, True), (1.0, True), (0.5, False)):
        compare(lambda x: F.dropout(x, p, training), lambda x: TF.dropout(x, p, training), [x], dtype)


def test_activations_of_functional_are_those_of_the_namespace():
    for name in ("gelu", "relu", "sigmoid", "silu", "softplus", "tanh"):
        assert getattr(F, name) is getattr(mg, name)


# --- types ------------------------------------------------------------------------------------------------------------

TYPES = ["bool", "uint8", "int8", "int32", "int64", "float16", "float32", "float64"]


@pytest.mark.parametrize(("left", "right"), list(itertools.product(TYPES, TYPES)))
def test_results_have_the_type_that_they_have_in_pytorch(left, right):
    x, y = np.array([1, 0]).astype(left), np.array([1, 1]).astype(right)
    for name in ("multiply", "add", "maximum", "divide", "atan2", "where"):
        ours, theirs = getattr(mg, name), getattr(torch, name)
        mine, other = [mg.tensor(x), mg.tensor(y)], [torch.tensor(x), torch.tensor(y)]
        if name == "where":
            mine, other = [mg.tensor([True, False]), *mine], [torch.tensor([True, False]), *other]
        if name == "atan2" and "float16" in (left, right):
            continue  # not on every CPU in PyTorch
        assert str(ours(*mine).dtype) == str(theirs(*other).dtype).removeprefix("torch."), f"{name}({left}, {right})"


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("number", [True, 2, 2.5])
def test_python_numbers_take_the_type_of_the_tensor(kind, number):
    x = np.array([1, 0]).astype(kind)
    for f in (lambda x: x * number, lambda x: number + x, lambda x: x / number, lambda x: x >= number):
        assert str(f(mg.tensor(x)).dtype) == str(f(torch.tensor(x)).dtype).removeprefix("torch.")


# --- nothing is left out ----------------------------------------------------------------------------------------------

# Public names that PyTorch has and that other tests compare with it or that have no numbers to compare.
ELSEWHERE = {
    "Tensor": "a class",
    "bool": "a type",
    "empty": "its values do not matter",
    "empty_like": "its values do not matter",
    "enable_grad": "test_tape",
    "no_grad": "test_tape",
    "is_grad_enabled": "test_tape",
    "from_dlpack": "test_tensor",
    "grad": "test_autograd; in PyTorch a module",
    "manual_seed": "test_random",
}


def test_every_function_that_pytorch_has_is_compared():
    source = Path(__file__).read_text()
    for namespace, theirs, prefix in ((mg, (torch, TF), "mg."), (F, (TF,), "F.")):
        for name in dir(namespace):
            f = getattr(namespace, name)
            if name.startswith("_") or not callable(f) or not any(hasattr(t, name) for t in theirs):
                continue
            compared = name in UNARY or name in BINARY or name in REDUCTIONS or name in INTEGER or name in LOSSES
            public = name in F.__all__ if namespace is F else True
            assert (
                not public or compared or name in ELSEWHERE or f"{prefix}{name}" in source or f'"{name}"' in source
            ), name

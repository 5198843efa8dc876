"""Element-wise functions against PyTorch: values and gradients, special numbers included."""

import itertools

import numpy as np
import pytest
from parity import INF, NAN, SPECIAL, TF, compare, rng_for, torch

import minigrad as mg

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy reports log(0); the values are the subject

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
    "fmod": torch.fmod,
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
    """Piecewise constant: a gradient of zeros, where PyTorch has none.

    With an infinite operand it is the quotient, as the standard says: inf // 2 is inf, and 1 // -inf is -0; PyTorch and
    Python say NaN and -1.
    """
    for x, y in itertools.product(SPECIAL, SPECIAL):
        theirs = torch.divide if INF in (abs(x), abs(y)) else torch.floor_divide
        compare(mg.floor_divide, theirs, [np.array(x), np.array(y)], dtype, False, f"floor_divide({x}, {y})")
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

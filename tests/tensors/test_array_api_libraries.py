"""Libraries that are written for the array API standard take tensors: array-api-compat, array-api-extra, SciPy.

What they compute is what they compute of NumPy's arrays. Gradients are recorded, or an error says that they would be
lost.
"""

import os
import subprocess
import sys

import numpy as np
import pytest

import minigrad as mg

compat = pytest.importorskip("array_api_compat")
extra = pytest.importorskip("array_api_extra")

X = np.array([[3.0, 1.0, 2.0], [4.0, 1.0, 5.0]])
V = np.array([0.5, 1.5, -2.5, 4.0])
NAN = float("nan")

# name -> (a call with the namespace's arrays, whether the result has gradients)
CALLS = {
    "angle": (lambda make: extra.angle(make(V)), True),
    "argpartition": (lambda make: extra.argpartition(make(V), 1)[1], False),
    "atleast_nd": (lambda make: extra.atleast_nd(make(V), ndim=3), True),
    "cov": (lambda make: extra.cov(make(X)), True),
    "deg2rad": (lambda make: extra.deg2rad(make(V)), True),
    "expand_dims": (lambda make: extra.expand_dims(make(V), axis=(0, 2)), True),
    "isin": (lambda make: extra.isin(make(V), make(np.array([1.5, 9.0]))), False),
    "kron": (lambda make: extra.kron(make(X), make(V)), True),
    "nan_to_num": (lambda make: extra.nan_to_num(make(np.array([NAN, 1.0])), fill_value=7.0), True),
    "nunique": (lambda make: extra.nunique(make(X)), False),
    "one_hot": (lambda make: extra.one_hot(make(np.array([0, 2])), 3, dtype=make(V).dtype), False),
    "partition": (lambda make: extra.partition(make(V), 1)[1], True),
    "searchsorted": (lambda make: extra.searchsorted(make(np.sort(V)), make(V)), False),
    "setdiff1d": (lambda make: extra.setdiff1d(make(V), make(np.array([1.5, 9.0]))), True),
    "sinc": (lambda make: extra.sinc(make(V)), True),
    "union1d": (lambda make: extra.union1d(make(V), make(np.array([1.5, 9.0]))), True),
}


def test_compat_finds_the_namespace():
    x = mg.tensor(X)
    assert compat.array_namespace(x, mg.ones(1)) is mg
    assert compat.is_array_api_obj(x)
    assert compat.device(x) == "numpy"
    assert compat.size(x) == 6
    assert compat.to_device(x, "numpy") is x
    with pytest.raises(TypeError, match="Multiple namespaces"):
        compat.array_namespace(x, X)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", CALLS)
def test_extra_computes_what_it_does_of_numpy(name):
    call, smooth = CALLS[name]

    def tracked(x):
        return mg.tensor(x, requires_grad=x.dtype.kind == "f")

    ours = call(tracked)
    np.testing.assert_allclose(ours.detach().numpy(), call(lambda x: x), rtol=1e-12, atol=1e-15)
    assert ours.requires_grad == smooth


@pytest.mark.parametrize("name", ["set", "add", "multiply", "min"])
def test_extra_at_says_that_tensors_do_not_change(name):
    with pytest.raises(TypeError, match=r"use y = x\.at\[index\]"):
        getattr(extra.at(mg.tensor(V))[0], name)(9.0)


SCIPY = """
import numpy as np, scipy.special as special, scipy.stats as stats, scipy.integrate as integrate, scipy.signal as signal
import minigrad as mg

x = np.linspace(0.1, 0.9, 7)
recorded = {
    "softmax": special.softmax, "skew": stats.skew, "gmean": stats.gmean, "circmean": stats.circmean,
    "trapezoid": integrate.trapezoid, "describe": lambda x: stats.describe(x).variance,
}
for name, f in recorded.items():
    out = f(mg.tensor(x, requires_grad=True))
    assert out.requires_grad, name
    np.testing.assert_allclose(out.detach().numpy(), f(x), rtol=1e-12, err_msg=name)
compiled = {
    "gamma": special.gamma, "ndtri": special.ndtri, "ttest": lambda x: stats.ttest_1samp(x, 0.4).pvalue,
    "detrend": signal.detrend, "convolve": lambda x: signal.convolve(x, x),
}
for name, f in compiled.items():
    out = f(mg.tensor(x))
    assert isinstance(out, mg.Tensor), name
    np.testing.assert_allclose(out.numpy(), f(x), rtol=1e-12, err_msg=name)
    try:
        f(mg.tensor(x, requires_grad=True))
        raise AssertionError(f"{name} lost the gradient")
    except mg.GraphError as error:
        assert "requires gradients" in str(error)
try:
    signal.hilbert(mg.tensor(x))
    raise AssertionError("hilbert gave complex numbers")
except TypeError as error:
    assert "not complex128" in str(error), error
print("as it should be")
"""


def test_scipy_records_gradients_or_says_that_it_cannot():
    pytest.importorskip("scipy", minversion="1.15")
    environment = {**os.environ, "SCIPY_ARRAY_API": "1"}
    run = [sys.executable, "-W", "ignore", "-c", SCIPY]
    done = subprocess.run(run, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "as it should be", done.stderr

"""Every primitive of the table: its values, its derivatives of first and second order, and what it saves.

The tests read `minigrad.primitives.PRIMITIVES` and the sample row of the same name. A primitive without a row fails.
"""

import inspect
import zlib

import numpy as np
import pytest
from conftest import BACKENDS, HOSTED, STAND_IN
from samples import ROWS, Case

import minigrad as mg
from minigrad.engine.record import apply
from minigrad.engine.recorded import wrap
from minigrad.engine.version import Version
from minigrad.primitives import PRIMITIVES

try:
    from hypothesis import HealthCheck, given, settings
    from hypothesis import strategies as st
    from hypothesis.extra.numpy import array_shapes
except ImportError:
    given = None

DIFFERENTIABLE = sorted(name for name, p in PRIMITIVES.items() if p.differentiable)
FLAT = ("sign", "floor", "ceil", "trunc", "round", "floor_divide")  # differentiable, with a derivative of zero


def test_every_primitive_has_a_row_of_samples():
    assert sorted(set(PRIMITIVES) - set(ROWS)) == []


def test_every_row_of_samples_has_its_primitive():
    assert sorted(set(ROWS) - set(PRIMITIVES)) == []


def test_the_table_holds_what_cannot_be_differentiated_too():
    plain = {name for name, p in PRIMITIVES.items() if not p.differentiable}
    assert {"equal", "isnan", "argmax", "one_hot", "bitwise_and"} <= plain
    assert not plain & {"add", "sum", "getitem", "sign"}


# --- how arrays can lie in memory -------------------------------------------------------------------------------------
#
# In functions that CuPy has too, so that arrays on a GPU can be laid out there.


def plain(x, lib=np):
    return lib.array(x, order="C")


def strided(x, lib=np):
    """Every second element of a longer array."""
    if x.ndim == 0:
        return x
    memory = lib.zeros((*x.shape[:-1], 2 * x.shape[-1]), x.dtype)
    memory[..., ::2] = x
    return memory[..., ::2]


def reversed_in_memory(x, lib=np):
    """Negative strides along all axes."""
    return lib.flip(lib.array(lib.flip(x), order="C"))


def transposed(x, lib=np):
    """The last axis has the longest stride."""
    return lib.array(x, order="F")


LAYOUTS = [plain, strided, reversed_in_memory, transposed]


def test_the_layouts_are_what_they_say():
    x = np.arange(24.0).reshape(2, 3, 4)
    assert all((layout(x) == x).all() for layout in LAYOUTS)
    assert [layout(x).strides for layout in LAYOUTS] == [
        (96, 32, 8),
        (192, 64, 16),
        (-96, -32, -8),
        (8, 16, 48),
    ]


def tensors(case, backend, layout=plain, dtype=None):
    """The inputs with arrays as tensors of that layout in memory."""
    where = mg.get_backend(backend)

    def one(x):
        if not isinstance(x, np.ndarray):
            return x
        x = x if dtype is None or x.dtype.kind != "f" else x.astype(dtype)
        t = wrap(where.asarray(layout(where.asarray(x), where.lib)), where, None, Version())
        assert t.array.strides == layout(x).strides
        return t

    return [one(x) for x in case.inputs]


def rng_for(name):
    return np.random.default_rng(zlib.crc32(name.encode()))


def call(name, case):
    """The primitive as a function of its inputs. Index arrays among the parameters go to the backend of the inputs."""

    def run(*inputs):
        where = next(x.backend for x in inputs if isinstance(x, mg.Tensor))
        params = case.params
        if "index" in params:
            parts = params["index"] if isinstance(params["index"], tuple) else (params["index"],)
            moved = tuple(where.asarray(part) if isinstance(part, np.ndarray) else part for part in parts)
            params = {**params, "index": moved if isinstance(params["index"], tuple) else moved[0]}
        return apply(PRIMITIVES[name], inputs, params)

    return run


# --- values -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(ROWS))
def test_values_are_those_of_numpy(name, backend):
    row = ROWS[name]
    for case in row.fixed(rng_for(name)):
        wanted = np.asarray(row.value(*case.inputs, **case.params))
        for layout in LAYOUTS:
            inputs = tensors(case, backend, layout)
            before = [x.tolist() if isinstance(x, mg.Tensor) else x for x in inputs]
            out = call(name, case)(*inputs)
            assert type(out.array) is out.backend.array_type, f"{name}{case}"
            assert out.shape == wanted.shape, f"{name}{case}"
            assert out.dtype == wanted.dtype, f"{name}{case}"
            assert out.backend.name == backend
            np.testing.assert_allclose(out.numpy(), wanted, rtol=1e-12, atol=1e-14, err_msg=f"{name}{case}")
            after = [x.tolist() if isinstance(x, mg.Tensor) else x for x in inputs]
            assert repr(after) == repr(before), f"{name}{case} changed its inputs"


@pytest.mark.parametrize("name", sorted(ROWS))
def test_float32_stays_float32(name, backend):
    row = ROWS[name]
    for case in row.fixed(rng_for(name)):
        if "dtype" in case.params:
            continue
        wanted = np.asarray(row.value(*case.inputs, **case.params))
        out = call(name, case)(*tensors(case, backend, dtype=np.float32))
        assert out.dtype == (np.float32 if wanted.dtype.kind == "f" else wanted.dtype), f"{name}{case}"
        np.testing.assert_allclose(out.numpy(), wanted, rtol=2e-5, atol=1e-5, err_msg=f"{name}{case}")


# --- derivatives ------------------------------------------------------------------------------------------------------


def check(name, case, inputs):
    """First and second derivatives against finite differences, if any input has a derivative."""
    if not any(isinstance(x, mg.Tensor) and x.dtype == mg.float64 for x in inputs):
        return
    f = call(name, case)
    try:
        assert mg.gradcheck(f, inputs)
        assert mg.gradgradcheck(f, inputs)
    except AssertionError as error:
        raise AssertionError(f"{name}{case}: {error}") from error


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_derivatives_agree_with_finite_differences(name, layout, backend):
    for case in ROWS[name].fixed(rng_for(name)):
        check(name, case, tensors(case, backend, layout))


@pytest.mark.skipif(given is None, reason="hypothesis is not installed")
@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_derivatives_in_drawn_shapes(name):
    @settings(max_examples=25, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(
        shape=array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
        seed=st.integers(0, 2**16),
        layout=st.sampled_from(LAYOUTS),
        backend=st.sampled_from(HOSTED + STAND_IN),
    )
    def in_shape(shape, seed, layout, backend):
        case = ROWS[name].shaped(np.random.default_rng(seed), shape)
        wanted = ROWS[name].value(*case.inputs, **case.params)
        inputs = tensors(case, backend, layout)
        np.testing.assert_allclose(call(name, case)(*inputs).numpy(), wanted, rtol=1e-12, atol=1e-14)
        check(name, case, inputs)

    in_shape()


def leaves(case, backend, dtype=None):
    """The inputs as leaves that require gradients, where they can."""
    inputs = tensors(case, backend, dtype=dtype)
    rules = [True] * len(inputs)
    for x in inputs:
        if isinstance(x, mg.Tensor) and x.dtype.kind == "f":
            x.requires_grad_()
    return inputs, rules


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_gradients_have_the_type_and_shape_of_their_input(name, dtype, backend):
    for case in ROWS[name].fixed(rng_for(name)):
        inputs, _ = leaves(case, backend, dtype)
        out = call(name, case)(*inputs)
        out.backward(mg.ones_like(out))
        for x in inputs:
            if isinstance(x, mg.Tensor) and x.requires_grad and x.grad is not None:
                assert (x.grad.dtype, x.grad.shape) == (x.dtype, x.shape), f"{name}{case}"
                assert x.grad.backend.name == backend


@pytest.mark.parametrize("name", [n for n in DIFFERENTIABLE if len(PRIMITIVES[n].inputs) > 1])
def test_gradients_keep_their_type_where_types_mix(name, backend):
    """float32 and float64 inputs give a float64 result; each gradient goes back in the type of its own input."""
    for case in ROWS[name].fixed(rng_for(name)):
        inputs = tensors(case, backend)
        floats = [i for i, x in enumerate(inputs) if isinstance(x, mg.Tensor) and x.dtype.kind == "f"]
        if len(floats) < 2:
            continue
        for narrow in floats:
            mixed = [x.astype("float32") if i == narrow else x for i, x in enumerate(inputs)]
            for i in floats:
                mixed[i] = mixed[i].detach().requires_grad_()
            out = call(name, case)(*mixed)
            assert out.dtype == mg.float64, f"{name}{case}"
            out.backward(mg.ones_like(out))
            for i in floats:
                if mixed[i].grad is not None:
                    assert mixed[i].grad.dtype == mixed[i].dtype, f"{name}{case}: input {i}"


@pytest.mark.parametrize("other", BACKENDS[1:])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_all_backends_give_the_same_gradients(name, dtype, other):
    for number, case in enumerate(ROWS[name].fixed(rng_for(name))):
        results = []
        for backend in ("numpy", other):
            inputs, _ = leaves(case, backend, dtype)
            out = call(name, case)(*inputs)
            out.backward(np.random.default_rng(number).standard_normal(out.shape).astype(dtype))
            results.append([x.grad for x in inputs if isinstance(x, mg.Tensor) and x.requires_grad])
        for a, b in zip(*results, strict=True):
            assert (a is None) == (b is None)
            if a is not None:
                tolerance = 1e-5 if dtype is np.float32 else 1e-12
                np.testing.assert_allclose(
                    a.numpy(), b.numpy(), rtol=tolerance, atol=tolerance, err_msg=f"{name}{case}"
                )


@pytest.mark.parametrize("name", FLAT)
def test_piecewise_constant_functions_have_a_gradient_of_zeros(name, backend):
    case = next(iter(ROWS[name].fixed(rng_for(name))))
    inputs, _ = leaves(case, backend)
    call(name, case)(*inputs).sum().backward()
    assert all((x.grad.numpy() == 0).all() for x in inputs)


# --- memory -----------------------------------------------------------------------------------------------------------


def read_by(rule):
    return set() if rule is None else set(inspect.signature(rule).parameters)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_only_what_a_rule_reads_is_saved(name):
    """Each input in turn is the only one that requires a gradient: then only its own rule's needs are saved."""
    primitive = PRIMITIVES[name]
    for case in ROWS[name].fixed(rng_for(name)):
        for i, x in enumerate(case.inputs):
            rule = primitive.vjp[0 if primitive.variadic else i]
            if not (isinstance(x, np.ndarray) and x.dtype.kind == "f"):
                continue
            inputs = tensors(case, "numpy")
            inputs[i].requires_grad_()
            out = call(name, case)(*inputs)
            needs = read_by(rule)
            # A variadic rule reads the other inputs, not its own.
            names = ["own" if j == i else "xs" for j in range(len(inputs))] if primitive.variadic else primitive.inputs
            for saved, what, array in zip(out.node.saved, ["out", *names], [out, *inputs], strict=True):
                if what in needs:
                    assert saved is (array.array if isinstance(array, mg.Tensor) else array)
                else:
                    assert saved is None, f"{name}{case} saves {what}, which the rule of input {i} does not read"


# What some well-known functions keep for backward: the reason why the memory of an unrolled network is what it is.
KEPT = {
    "add": [],
    "subtract": [],
    "negative": [],
    "multiply": ["x", "y"],
    "sum": [],
    "max": ["out", "x"],
    "reshape": [],
    "permute_dims": [],
    "broadcast_to": [],
    "getitem": [],
    "concat": [],
    "stack": [],
    "matmul": ["x", "y"],
    "linear": ["weight", "x"],
    "exp": ["out"],
    "log": ["x"],
    "tanh": ["out"],
    "sigmoid": ["out"],
    "relu": ["out"],
    "sqrt": ["out"],
    "softmax": ["out"],
    "log_softmax": ["out"],
    "cross_entropy": ["out", "targets", "x"],
    "layer_norm": ["weight", "x"],
    "dropout": ["mask"],
    "where": ["condition"],
}


@pytest.mark.parametrize("name", sorted(KEPT))
def test_well_known_functions_keep_what_they_should(name):
    primitive = PRIMITIVES[name]
    case = next(iter(ROWS[name].fixed(rng_for(name))))
    inputs, _ = leaves(case, "numpy")
    saved = call(name, case)(*inputs).node.saved
    names = ["out", *(["xs"] * len(inputs) if primitive.variadic else primitive.inputs)]
    assert sorted(what for what, value in zip(names, saved, strict=True) if value is not None) == KEPT[name]


# --- the checks can fail ----------------------------------------------------------------------------------------------


def test_a_wrong_rule_is_noticed():
    @mg.primitive(vjp=lambda g, out: g * (1 - out))  # the square is missing
    def tanh(x):
        return np.tanh(x)

    with pytest.raises(AssertionError, match=r"gradcheck: gradient of argument 0 at \(\d,\)"):
        mg.gradcheck(tanh, [mg.tensor([0.3, -0.7], dtype="float64")])


def test_a_rule_that_is_right_in_first_order_alone_is_noticed():
    @mg.primitive(vjp=lambda g, x: g * mg.tensor(np.cos(np.asarray(getattr(x, "array", x)))).array)
    def sin(x):
        return np.sin(x)

    x = mg.tensor([0.3, -0.7], dtype="float64")
    assert mg.gradcheck(sin, [x])
    with pytest.raises(AssertionError):
        mg.gradgradcheck(sin, [x])


def test_a_case_shows_what_it_holds():
    assert repr(Case(np.zeros((2, 3)), 2, axis=0)) == "(float64[2, 3], 2, axis=0)"

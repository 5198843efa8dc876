"""The Python array API standard, version 2024.12: its names, signatures, types and special values.

The consortium's own suite (array-api-tests) checks more, with drawn inputs; docs/array-api.md tells how minigrad does
in it. These tests hold the rules that such a run needs, without it. https://data-apis.org/array-api/2024.12/
"""

import inspect
import itertools
import math

import numpy as np
import pytest

import minigrad as mg

# All functions of the standard but those of its extensions `fft` and `linalg`, with their parameters. Those before "/"
# come by position, those after "*" by name.
FUNCTIONS = """
    asarray(obj, /, *, dtype, device, copy)  arange(start, /, stop, step, *, dtype, device)
    empty(shape, *, dtype, device)  empty_like(x, /, *, dtype, device)  eye(n_rows, n_cols, /, *, k, dtype, device)
    from_dlpack(x, /, *, device, copy)  full(shape, fill_value, *, dtype, device)
    full_like(x, /, fill_value, *, dtype, device)  linspace(start, stop, /, num, *, dtype, device, endpoint)
    meshgrid(*arrays, indexing)  ones(shape, *, dtype, device)  ones_like(x, /, *, dtype, device)  tril(x, /, *, k)
    triu(x, /, *, k)  zeros(shape, *, dtype, device)  zeros_like(x, /, *, dtype, device)
    astype(x, dtype, /, *, copy, device)  can_cast(from_, to, /)  finfo(type, /)  iinfo(type, /)
    isdtype(dtype, kind)  result_type(*arrays_and_dtypes)
    abs(x, /)  acos(x, /)  acosh(x, /)  add(x1, x2, /)  asin(x, /)  asinh(x, /)  atan(x, /)  atan2(x1, x2, /)
    atanh(x, /)  bitwise_and(x1, x2, /)  bitwise_left_shift(x1, x2, /)  bitwise_invert(x, /)  bitwise_or(x1, x2, /)
    bitwise_right_shift(x1, x2, /)  bitwise_xor(x1, x2, /)  ceil(x, /)  clip(x, /, min, max)  conj(x, /)
    copysign(x1, x2, /)  cos(x, /)  cosh(x, /)  divide(x1, x2, /)  equal(x1, x2, /)  exp(x, /)  expm1(x, /)
    floor(x, /)  floor_divide(x1, x2, /)  greater(x1, x2, /)  greater_equal(x1, x2, /)  hypot(x1, x2, /)  imag(x, /)
    isfinite(x, /)  isinf(x, /)  isnan(x, /)  less(x1, x2, /)  less_equal(x1, x2, /)  log(x, /)  log1p(x, /)
    log2(x, /)  log10(x, /)  logaddexp(x1, x2, /)  logical_and(x1, x2, /)  logical_not(x, /)  logical_or(x1, x2, /)
    logical_xor(x1, x2, /)  maximum(x1, x2, /)  minimum(x1, x2, /)  multiply(x1, x2, /)  negative(x, /)
    nextafter(x1, x2, /)  not_equal(x1, x2, /)  positive(x, /)  pow(x1, x2, /)  real(x, /)  reciprocal(x, /)
    remainder(x1, x2, /)  round(x, /)  sign(x, /)  signbit(x, /)  sin(x, /)  sinh(x, /)  square(x, /)  sqrt(x, /)
    subtract(x1, x2, /)  tan(x, /)  tanh(x, /)  trunc(x, /)
    take(x, indices, /, *, axis)  take_along_axis(x, indices, /, *, axis)
    matmul(x1, x2, /)  matrix_transpose(x, /)  tensordot(x1, x2, /, *, axes)  vecdot(x1, x2, /, *, axis)
    broadcast_arrays(*arrays)  broadcast_to(x, /, shape)  concat(arrays, /, *, axis)  expand_dims(x, /, *, axis)
    flip(x, /, *, axis)  moveaxis(x, source, destination, /)  permute_dims(x, /, axes)  repeat(x, repeats, /, *, axis)
    reshape(x, /, shape, *, copy)  roll(x, /, shift, *, axis)  squeeze(x, /, axis)  stack(arrays, /, *, axis)
    tile(x, repetitions, /)  unstack(x, /, *, axis)
    argmax(x, /, *, axis, keepdims)  argmin(x, /, *, axis, keepdims)  count_nonzero(x, /, *, axis, keepdims)
    nonzero(x, /)  searchsorted(x1, x2, /, *, side, sorter)  where(condition, x1, x2, /)
    unique_all(x, /)  unique_counts(x, /)  unique_inverse(x, /)  unique_values(x, /)
    argsort(x, /, *, axis, descending, stable)  sort(x, /, *, axis, descending, stable)
    cumulative_prod(x, /, *, axis, dtype, include_initial)
    cumulative_sum(x, /, *, axis, dtype, include_initial)
    max(x, /, *, axis, keepdims)  mean(x, /, *, axis, keepdims)  min(x, /, *, axis, keepdims)
    prod(x, /, *, axis, dtype, keepdims)  std(x, /, *, axis, correction, keepdims)  sum(x, /, *, axis, dtype, keepdims)
    var(x, /, *, axis, correction, keepdims)  all(x, /, *, axis, keepdims)  any(x, /, *, axis, keepdims)
    diff(x, /, *, axis, n, prepend, append)
"""
METHODS = """
    __abs__ __add__ __and__ __array_namespace__ __bool__ __complex__ __dlpack__ __dlpack_device__ __eq__ __float__
    __floordiv__ __ge__ __getitem__ __gt__ __index__ __int__ __invert__ __le__ __lshift__ __lt__ __matmul__ __mod__
    __mul__ __ne__ __neg__ __or__ __pos__ __pow__ __rshift__ __setitem__ __sub__ __truediv__ __xor__ to_device
    __radd__ __rand__ __rfloordiv__ __rlshift__ __rmatmul__ __rmod__ __rmul__ __ror__ __rpow__ __rrshift__ __rsub__
    __rtruediv__ __rxor__
"""
ATTRIBUTES = "dtype device mT ndim shape size T"
SIGNED, UNSIGNED = ("int8", "int16", "int32", "int64"), ("uint8", "uint16", "uint32", "uint64")
FLOATS = ("float32", "float64")
TYPES = ("bool", *SIGNED, *UNSIGNED, *FLOATS)


def functions():
    for entry in FUNCTIONS.replace("\n", "  ").split("  "):
        if entry.strip():
            name, _, rest = entry.strip().partition("(")
            yield name, rest.rstrip(")").split(", ")


@pytest.mark.parametrize(("name", "parameters"), list(functions()))
def test_every_function_has_the_signature_of_the_standard(name, parameters):
    ours = list(inspect.signature(getattr(mg, name)).parameters.values())
    if parameters[0].startswith("*"):
        assert ours[0].kind is inspect.Parameter.VAR_POSITIONAL
    by_name = "*" in parameters or parameters[0].startswith("*")
    start = parameters.index("*") + 1 if "*" in parameters else 1
    positional = [p for p in (parameters[: start - 1] if by_name else parameters) if p != "/"]
    only = parameters.index("/") if "/" in parameters else 0
    for i, p in enumerate(positional):
        assert ours[i].kind in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        assert i < only or ours[i].name == p
    named = {p.name for p in ours if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)}
    assert set(parameters[start:] if by_name else ()) <= named


def test_every_method_and_attribute_is_there():
    x = mg.ones((2, 2))
    assert [name for name in METHODS.split() + ATTRIBUTES.split() if not hasattr(x, name)] == []


def test_constants():
    assert (mg.e, mg.pi, mg.inf) == (math.e, math.pi, math.inf)
    assert math.isnan(mg.nan)
    assert mg.ones(2)[:, mg.newaxis].shape == (2, 1)


def test_the_namespace_of_a_tensor():
    x = mg.ones(2)
    assert x.__array_namespace__() is mg
    assert x.__array_namespace__(api_version="2022.12") is mg
    assert mg.__array_api_version__ == "2024.12"
    with pytest.raises(ValueError, match=r"2024\.12 of the array API standard, not 2031\.12"):
        x.__array_namespace__(api_version="2031.12")


def test_the_namespace_tells_what_it_can_do(backend):
    info = mg.__array_namespace_info__()
    assert info.default_device() == backend
    assert backend in info.devices()
    wanted = {"real floating": mg.float32, "integral": mg.int64, "indexing": mg.int64}
    assert info.default_dtypes() == info.default_dtypes(device=backend) == wanted
    assert set(info.dtypes()) == set(TYPES)
    assert set(info.dtypes(kind="integral")) == {*SIGNED, *UNSIGNED}
    assert set(info.dtypes(kind=("bool", "real floating"), device="cpu")) == {"bool", *FLOATS}
    assert info.dtypes(kind="complex floating") == {}
    assert info.capabilities()["boolean indexing"]
    assert info.capabilities()["data-dependent shapes"]


# --- devices ----------------------------------------------------------------------------------------------------------


def test_a_device_is_the_name_of_a_backend(backend):
    x = mg.ones(2)
    assert x.device == backend
    assert mg.zeros(3, device=x.device).backend is x.backend
    assert x.to_device(backend) is x
    for make in (
        lambda **kw: mg.full((2,), 1.5, **kw),
        lambda **kw: mg.arange(3, **kw),
        lambda **kw: mg.linspace(0, 1, 3, **kw),
        lambda **kw: mg.eye(2, **kw),
        lambda **kw: mg.asarray([1.0], **kw),
        lambda **kw: mg.tensor([1.0], **kw),
        lambda **kw: mg.zeros_like(x, **kw),
        lambda **kw: mg.full_like(x, 2, **kw),
        lambda **kw: mg.astype(x, "float64", **kw),
    ):
        assert make(device="numpy").device == "numpy"
        assert make().device == backend


def test_moving_to_a_device_keeps_the_history(backend):
    x = mg.ones(2, requires_grad=True)
    (x.to_device("numpy") * 3).sum().backward()
    assert x.grad.tolist() == [3, 3]
    assert x.grad.device == backend


def test_devices_by_the_names_of_pytorch(backend):
    host = "numpy" if backend.startswith("cupy") else backend
    assert mg.zeros(1, device="cpu").device == host
    if backend.startswith("cupy"):
        assert mg.zeros(1, device="cuda").device == mg.zeros(1, device="cuda:0").device == "cupy"
    with pytest.raises(ValueError, match="unknown device 'tpu'"):
        mg.zeros(1, device="tpu")
    with pytest.raises(ValueError, match="two places"):
        mg.zeros(1, backend=backend, device="numpy" if backend != "numpy" else "numba")
    with pytest.raises(ValueError, match="streams"):
        mg.zeros(1).to_device("cpu", stream=3)


# --- types ------------------------------------------------------------------------------------------------------------


def promoted(x, y):
    """The table of the standard, with what it leaves open: a float with another type stays that float."""
    if x == y:
        return x
    kinds = [next(k for k in (("bool",), SIGNED, UNSIGNED, FLOATS) if t in k) for t in (x, y)]
    (low, a), (high, b) = sorted(
        zip(kinds, (x, y), strict=True), key=lambda p: (("bool",), UNSIGNED, SIGNED, FLOATS).index(p[0])
    )
    if low is high:
        return max((x, y), key=low.index)
    if low is UNSIGNED and high is SIGNED:
        wider = UNSIGNED.index(a) + 1
        return SIGNED[max(wider, SIGNED.index(b))] if wider < 4 else None
    return b


@pytest.mark.parametrize(("x", "y"), list(itertools.product(TYPES, TYPES)))
def test_types_are_promoted_as_the_standard_says(x, y):
    a, b = mg.ones(2, dtype=x), mg.ones(2, dtype=y)
    wanted = promoted(x, y)
    if wanted is None:  # left open by the standard; NumPy's float64 would round large numbers silently
        for combine in (mg.add, mg.result_type, mg.maximum, lambda a, b: mg.concat([a, b]), lambda a, b: a @ b):
            with pytest.raises(TypeError, match="uint64 and a signed integer type have no common integer type"):
                combine(a, b)
        assert mg.less_equal(a, b).tolist() == [True, True]  # comparing is exact
        assert not mg.can_cast(mg.dtypes.check(x), mg.dtypes.check(y))
        return
    assert mg.result_type(a, b) == mg.result_type(a.dtype, b.dtype) == wanted
    assert mg.maximum(a, b).dtype == mg.concat([a, b]).dtype == mg.where(a == b, a, b).dtype == wanted
    assert mg.can_cast(a, b.dtype) == (wanted == y)
    if "bool" not in (x, y):
        assert (a + b).dtype == (a @ b).dtype == wanted
        assert (a / b).dtype == (wanted if wanted in FLOATS else "float32")


@pytest.mark.parametrize("kind", TYPES)
def test_a_number_changes_the_type_only_if_its_kind_is_higher(kind):
    x = mg.ones(2, dtype=kind)
    assert mg.result_type(x, True) == mg.where(x == 1, x, True).dtype == kind
    assert mg.result_type(x, 1) == (x + 1).dtype == ("int64" if kind == "bool" else kind)
    assert mg.result_type(1.0, x) == (1.0 + x).dtype == (kind if kind in FLOATS else "float32")


def test_numbers_alone_have_the_default_types():
    mask = mg.tensor([True, False])
    assert mg.where(mask, 1.0, 2.0).dtype == mg.where(mask, 1, 2.5).dtype == mg.result_type(1, 2.0) == "float32"
    assert mg.where(mask, 1, 2).dtype == mg.result_type(True, 2) == "int64"
    assert mg.where(mask, True, False).dtype == mg.result_type(True) == "bool"
    with pytest.raises(TypeError, match="no complex numbers"):
        mg.result_type(mg.ones(1), 1j)


@pytest.mark.parametrize("name", ["floor", "ceil", "trunc", "round", "sign", "abs", "square", "negative", "positive"])
@pytest.mark.parametrize("kind", [*SIGNED, *UNSIGNED, *FLOATS])
def test_rounding_and_signs_keep_the_type(name, kind, backend):
    x = mg.tensor([0, 1, 5], dtype=kind)
    out = getattr(mg, name)(x)
    assert out.dtype == kind
    assert out.tolist() == getattr(np, {"round": "round"}.get(name, name))(np.array([0, 1, 5], dtype=kind)).tolist()


@pytest.mark.parametrize("name", ["sum", "prod", "cumulative_sum", "cumulative_prod"])
@pytest.mark.parametrize("kind", TYPES)
def test_sums_and_products_do_not_wrap_around(name, kind, backend):
    wide = "int64" if kind in ("bool", *SIGNED) else "uint64" if kind in UNSIGNED else kind
    x = mg.ones((2, 2), dtype=kind)
    f = getattr(mg, name)
    assert f(x, axis=0).dtype == wide
    assert f(x, axis=0, dtype="float64").dtype == "float64"
    assert f(x, axis=0, dtype="int8").dtype == "int8"
    if not name.startswith("cumulative"):
        assert f(x, axis=()).dtype == f(x).dtype == wide
        assert f(x, axis=()).shape == (2, 2)
    assert f(mg.full((300,), 1, dtype=kind), axis=0).dtype == wide


def test_sums_of_small_integers():
    assert mg.sum(mg.full((300,), 200, dtype="uint8")).item() == 60000
    assert mg.sum(mg.tensor([200, 100], dtype="uint8"), axis=()).tolist() == [200, 100]
    assert mg.cumulative_sum(mg.tensor([100, 100], dtype="int8")).tolist() == [100, 200]
    assert mg.prod(mg.tensor([100, 100], dtype="int8")).item() == 10000
    assert mg.mean(mg.tensor([200, 255], dtype="uint8")).item() == 227.5
    assert mg.count_nonzero(mg.tensor([2, 0]), axis=()).tolist() == [1, 0]
    assert mg.any(mg.tensor([2, 0]), axis=()).tolist() == [True, False]
    assert mg.logsumexp(mg.tensor([2.0, 0.5]), axis=()).tolist() == [2, 0.5]


def test_vecdot_is_of_the_type_of_matmul(backend):
    x = mg.tensor([20, 20], dtype="uint8")
    assert mg.vecdot(x, x).dtype == (x @ x).dtype == "uint8"
    assert mg.vecdot(x, x).item() == (x @ x).item() == 800 % 256
    assert mg.vecdot(x, x.astype("int32")).item() == 800


@pytest.mark.parametrize("name", ["pow", "floor_divide", "remainder", "fmod", "bitwise_left_shift", "square"])
def test_truth_values_are_no_numbers_of_eight_bits(name):
    x = mg.tensor([True, True])
    with pytest.raises(TypeError, match=rf"{name}\(.* in top level: these are truth values"):
        getattr(mg, name)(*([x] if name == "square" else [x, x]))


@pytest.mark.parametrize(
    "compute",
    [
        lambda x: x + 300,
        lambda x: 300 * x,
        lambda x: mg.maximum(x, -129),
        lambda x: mg.clip(x, -300, 300),
        lambda x: mg.where(x > 0, x, 300),
        lambda x: mg.full_like(x, 300),
        lambda x: mg.asarray([1, 300], dtype=x.dtype),
        lambda x: x.at[0].set(300),
    ],
)
def test_numbers_outside_of_an_integer_type_are_refused(compute):
    with pytest.raises((OverflowError, ValueError), match=r"out of bounds for int8|too large"):
        compute(mg.tensor([1, 2], dtype="int8"))


def test_integer_types_are_not_filled_with_what_they_cannot_hold(backend):
    for compute, error in (
        (lambda: mg.full((2,), 1.5, dtype="int8"), TypeError),
        (lambda: mg.full((2,), math.nan, dtype="int64"), OverflowError),
        (lambda: mg.full((2,), -1, dtype="uint8"), OverflowError),
        (lambda: mg.arange(0, 300, 100, dtype="int8"), OverflowError),
        (lambda: mg.arange(0, 2.5, 0.5, dtype="int64"), TypeError),
        (lambda: mg.linspace(0, 300, 4, dtype="int8"), OverflowError),
    ):
        with pytest.raises(error, match=r"out of bounds for|holds no fractions"):
            compute()
    assert mg.full((2,), 2.0, dtype="int8").tolist() == [2, 2]
    assert mg.arange(250, 256, dtype="uint8").tolist() == [250, 251, 252, 253, 254, 255]
    assert mg.arange(0.0, 10, 3, dtype="int8").tolist() == [0, 3, 6, 9]


def test_comparing_with_a_number_outside_of_the_type_is_exact():
    x = mg.tensor([1, 255], dtype="uint8")
    assert (x < 300).tolist() == [True, True]
    assert (x == -1).tolist() == [False, False]


@pytest.mark.parametrize("data", [2**63, [1, 2**63], [2**63, -1], [[2**64]]])
def test_integers_beyond_the_default_type_are_refused(data):
    with pytest.raises((OverflowError, TypeError)):
        mg.asarray(data)
    assert mg.asarray(2**63, dtype="uint64").item() == 2**63
    assert mg.asarray(np.array([2**63], dtype="uint64")).dtype == "uint64"


def test_finfo_and_iinfo():
    for kind in ("float16", *FLOATS):
        ours, theirs = mg.finfo(mg.ones(1, dtype=kind)), np.finfo(kind)
        assert (ours.bits, ours.eps, ours.max, ours.min, ours.smallest_normal) == (
            theirs.bits,
            float(theirs.eps),
            float(theirs.max),
            float(theirs.min),
            float(theirs.smallest_normal),
        )
        assert type(ours.eps) is type(ours.max) is float
        assert ours.dtype == kind
    for kind in SIGNED + UNSIGNED:
        ours, theirs = mg.iinfo(kind), np.iinfo(kind)
        assert (ours.bits, ours.max, ours.min, ours.dtype) == (theirs.bits, theirs.max, theirs.min, kind)
    with pytest.raises(TypeError, match="see iinfo"):
        mg.finfo(mg.int8)
    with pytest.raises(TypeError, match="see finfo"):
        mg.iinfo(mg.float32)


def test_isdtype():
    assert mg.isdtype(mg.int8, "signed integer")
    assert mg.isdtype(mg.uint8, "integral")
    assert mg.isdtype(mg.bool, "bool")
    assert mg.isdtype(mg.float16, "real floating")
    assert mg.isdtype(mg.float64, ("bool", mg.float64))
    assert not mg.isdtype(mg.bool, "numeric")
    assert not mg.isdtype(mg.float32, ("integral", "complex floating"))
    with pytest.raises(ValueError, match="'float' is not a kind"):
        mg.isdtype(mg.float32, "float")


# --- values -----------------------------------------------------------------------------------------------------------


def test_shifts(backend):
    x = mg.tensor([1, 2, -8])
    assert (x << 2).tolist() == [4, 8, -32]
    assert (x >> 1).tolist() == [0, 1, -4]
    assert (1 << mg.tensor([0, 3])).tolist() == [1, 8]
    assert (256 >> mg.tensor([0, 3])).tolist() == [256, 32]
    x <<= 1
    assert x.tolist() == [2, 4, -16]
    with pytest.raises(TypeError):
        mg.ones(2) << 1


INF = math.inf


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(
    ("x", "y", "wanted"),
    [(INF, 2, INF), (INF, -2, -INF), (-INF, 2, -INF), (1, -INF, -0.0), (-1, INF, -0.0), (1, INF, 0.0), (-7, 2, -4)],
)
def test_floor_divide_of_infinities(x, y, wanted, backend):
    out = mg.floor_divide(mg.tensor(float(x)), mg.tensor(float(y)))
    assert str(out.item()) == str(float(wanted))


def test_parts_of_real_numbers(backend):
    for x in (mg.tensor([1.0, INF]), mg.tensor([1, 2], dtype="int8"), mg.tensor([True])):
        assert mg.real(x) is x
        assert mg.conj(x) is x
        assert mg.imag(x).dtype == x.dtype
        assert mg.imag(x).tolist() == [0] * x.size
    assert complex(mg.tensor(2.5)) == 2.5 + 0j


def test_reshape_says_whether_it_copies(backend):
    x = mg.arange(6)
    view, copy = mg.reshape(x, (2, 3), copy=False), mg.reshape(x, shape=(2, 3), copy=True)
    x.copy_(mg.zeros(6, dtype="int64"))
    assert view.tolist() == [[0, 0, 0], [0, 0, 0]]
    assert copy.tolist() == [[0, 1, 2], [3, 4, 5]]
    with pytest.raises(ValueError, match="copy=False forbids it"):
        mg.reshape(mg.ones((2, 3)).T, (6,), copy=False)


def test_astype_and_asarray_say_whether_they_copy(backend):
    x = mg.ones(2, requires_grad=True)
    assert mg.astype(x, "float32", copy=False) is x
    assert mg.asarray(x) is x
    assert mg.asarray(x, copy=False) is x
    for copied in (mg.astype(x, "float32"), mg.asarray(x, copy=True)):
        assert copied is not x
        assert not x.backend.may_overlap(copied.array, x.array)
        assert copied.requires_grad  # the history stays
    with pytest.raises(ValueError, match="copy"):
        mg.asarray(x.detach(), dtype="float64", copy=False)


# --- handing memory on ------------------------------------------------------------------------------------------------


def test_dlpack_takes_the_arguments_of_the_standard(host_backend):
    x = mg.tensor([1.0, 2.0])
    assert np.from_dlpack(x).tolist() == [1, 2]
    assert mg.from_dlpack(x).tolist() == [1, 2]
    assert mg.from_dlpack(np.arange(3.0), device=host_backend).device == host_backend
    assert x.__dlpack__(max_version=(1, 0), copy=True, dl_device=x.__dlpack_device__(), stream=None) is not None
    memory = np.zeros(2, np.float32)
    shared, copied = mg.from_dlpack(memory), mg.from_dlpack(memory, copy=True)
    memory[:] = 7
    assert shared.tolist() == [7, 7]
    assert copied.tolist() == [0, 0]


def test_who_takes_memory_by_dlpack_cannot_change_what_was_computed(host_backend):
    k, x = mg.tensor([1.0, 2.0]), mg.tensor([3.0, 4.0], requires_grad=True)
    result = mg.ones(2) + 1
    loss = (x * k).sum()
    for t in (k, result, x.detach()):
        np.from_dlpack(t, copy=None)[:] = 7  # as PyTorch does: it may write
    loss.backward()
    assert x.grad.tolist() == [1, 2]
    assert result.tolist() == [2, 2]
    assert x.tolist() == [3, 4]


def test_dlpack_shares_what_others_have_and_what_is_asked_for(host_backend):
    memory = np.zeros(2, np.float32)
    t = mg.zeros(2)
    np.from_dlpack(mg.asarray(memory))[0] = 7
    np.from_dlpack(t, copy=False)[0] = 7
    assert memory.tolist() == t.tolist() == [7, 0]


def test_dlpack_moves_only_where_it_may(cupy):
    x = np.ones(2, np.float32)
    assert mg.from_dlpack(x, device="cupy").device == "cupy"
    with pytest.raises(ValueError, match="without a copy"):
        mg.from_dlpack(x, device="cupy", copy=False)


def test_dlpack_refuses_what_tensors_cannot_hold(host_backend):
    with pytest.raises(TypeError, match="real floats"):
        mg.from_dlpack(np.ones(2, np.complex64))
    with pytest.raises(TypeError, match="a list has no __dlpack__"):
        mg.from_dlpack([1.0])

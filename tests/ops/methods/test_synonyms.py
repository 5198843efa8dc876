"""PyTorch's and NumPy's names of methods: those that exist, beside PyTorch; those that are answered with advice."""

import copy
import json
import math
import pickle
import re
import sys

import numpy as np
import pytest

import minigrad as mg
import minigrad.functional as F
from minigrad import ops
from minigrad.advice import answers as advice
from minigrad.advice.parts import PARTS
from minigrad.ops.methods import numpy_names

torch = pytest.importorskip("torch")

VALUES = np.arange(24, dtype=np.float32).reshape(2, 3, 4) / 7 - 1.5

SAME = [
    "x.clone()",
    "x.view(6, 4)",
    "x.view(-1)",
    "x.view((4, -1))",
    "x.transpose(0, 1)",
    "x.transpose(-1, -2)",
    "x.permute(2, 0, 1)",
    "x.permute((0, 2, 1))",
    "x.tile(2, 1, 3)",
    "x[0].tile(2)",
    "x.flip(0, 2)",
    "x.topk(2).values",
    "x.round(decimals=2)",
    "x.round()",
    "x.topk(2, 1).indices",
    "x[0].t()",
    "x[0, 0].t()",
    "x.unsqueeze(1)",
    "x.unsqueeze(-1)",
    "x.ravel()",
    "x.contiguous().view(24)",
    "x.cpu()",
    "x.double()",
    "x.half().float()",
    "x.detach().clone().cpu().numpy()",
    "x.long()",
    "x.int()",
    "x.bool()",
    "x.size(0) + x.size(-1) * x.dim() + x.numel()",
    "tuple(x.size())",
    "x.sum() * x.size(0)",
    "x.norm()",
    "x.norm(1)",
    "x.norm(p=3)",
    "x.norm(2, 1, True)",
    "x.norm('fro')",
    "x.norm(float('inf'), (0, 1))",
]


@pytest.mark.parametrize("code", SAME)
def test_a_method_as_in_pytorch(backend, code):
    x, y = mg.tensor(VALUES, requires_grad=True), torch.tensor(VALUES, requires_grad=True)
    if backend == "cupy" and "numpy()" in code:
        code = code.replace(".numpy()", "")
    out, wanted = eval(code, {"x": x}), eval(code, {"x": y})
    plain = lambda value: value.tolist() if hasattr(value, "tolist") else value
    np.testing.assert_allclose(plain(out), plain(wanted), rtol=1e-6)
    if hasattr(out, "dtype"):
        assert str(out.dtype) == str(wanted.dtype).removeprefix("torch.")
    if getattr(wanted, "requires_grad", False):
        for t in (out, wanted):
            (t * t).sum().backward()
        np.testing.assert_allclose(x.grad.tolist(), y.grad.tolist(), rtol=1e-6)


def test_transpose_as_in_numpy():
    x = mg.tensor(VALUES)
    for axes in ((), (2, 0, 1), ((1, 0, 2),), ((2, 1, 0),)):
        assert x.transpose(*axes).tolist() == VALUES.transpose(*axes).tolist()
    assert x[0].transpose((0, 1)).shape == (3, 4)


def test_a_clone_is_a_copy(backend):
    x = mg.tensor([1.0, 2.0])
    y = x.clone()
    y[0].fill_(5)
    y.add_(1)
    assert (x.tolist(), y.tolist()) == ([1, 2], [6, 3])
    assert mg.tensor([True]).clone().dtype == mg.bool


def test_size_is_a_number_and_a_method():
    x = mg.zeros((2, 3))
    assert x.size == 6
    assert isinstance(x.size, int)
    assert type(x.size * 2) is int
    assert (x.size(), x.size(1), x.size(dim=-1)) == ((2, 3), 3, 3)
    assert repr(x.size) == f"{x.size}" == json.dumps(x.size) == "6"
    assert np.zeros(x.size).shape == mg.zeros(x.size).shape == (6,)
    assert type(pickle.loads(pickle.dumps(x.size))) is int
    with pytest.raises(IndexError):
        x.size(2)


# --- names that do not exist ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", advice.NAMES)
def test_a_missing_name_is_answered(name):
    """By the same words for tensors and for the module, and with code that exists."""
    for thing in (mg, mg.ones((2, 2))):
        if hasattr(thing, name):
            continue
        with pytest.raises(AttributeError, match=re.escape(f"has no attribute {name!r}: write {advice.NAMES[name]}")):
            getattr(thing, name)
        assert not hasattr(thing, name)
    for path in re.findall(r"\b(mg(?:\.\w+)+)", advice.NAMES[name]):
        eval(path, {"mg": mg})
    for method in re.findall(r"\bx\.(\w+)", advice.NAMES[name]):
        assert hasattr(mg.ones((2, 2)), method)
    for function in re.findall(r"\b(?:nn|optim)(?:\.\w+)+", advice.NAMES[name]):
        eval(function, vars(mg))


@pytest.mark.parametrize(("module", "name"), [(m, name) for m, names in PARTS.items() for name in names])
def test_a_part_that_is_missing_is_answered(module, name):
    place, answer = sys.modules[module], PARTS[module][name]
    assert not hasattr(place, name)
    with pytest.raises(AttributeError, match=re.escape(f"module {module!r} has no attribute {name!r}: write {answer}")):
        getattr(place, name)
    for path in re.findall(r"\b(?:mg|nn|optim)(?:\.\w+)+", answer):
        eval(path, {"mg": mg, **vars(mg)})


FORMULAS = "celu hardshrink hardsigmoid hardswish mish prelu relu6 softmin softshrink tanhshrink".split()


@pytest.mark.parametrize("name", FORMULAS)
def test_a_formula_that_is_advised_is_right(name):
    x, weight = torch.linspace(-7, 7, 31), torch.tensor([0.25])
    options = {"prelu": {"weight": weight}, "softmin": {"dim": -1}}.get(name, {})
    ours = eval(advice.NAMES[name], {"mg": mg, "x": mg.tensor(x.numpy()), "alpha": 1.0, "weight": 0.25})
    np.testing.assert_allclose(ours.tolist(), getattr(torch.nn.functional, name)(x, **options).tolist(), atol=1e-6)


def test_other_places_of_a_name_are_told():
    x = mg.ones((2, 2))
    for expression, answer in {
        "x.stack": r"mg\.stack\(x, \.\.\.\), a function",
        "x.einsum": r"mg\.einsum",
        "x.cross_entropy": r"mg\.functional\.cross_entropy",
        "mg.view": r"x\.view\(\.\.\.\), a method",
        "mg.clone": r"x\.clone\(\.\.\.\)",
        "mg.cross_entropy": r"mg\.functional\.cross_entropy",
        "x.exp_()": r"y = x\.exp\(\.\.\.\) for a new tensor; a parameter: with mg\.no_grad\(\): x\.copy_\(x\.exp",
        "x.masked_fill_": r"x\.copy_\(mg\.where\(mask, value, x\)\)",
        "x.clamp_": r"x\.clip_\(min, max\)",
    }.items():
        with pytest.raises(AttributeError, match=answer):
            eval(expression, {"x": x, "mg": mg})


@pytest.mark.parametrize(
    "name", ["nonsense", "_private", "__array_interface__", "__cuda_array_interface__", "to_torch"]
)
def test_other_names_are_simply_missing(name):
    for thing in (mg, mg.ones(2)):
        assert not hasattr(thing, name)
        with pytest.raises(AttributeError, match=f"no attribute '{name}'$"):
            getattr(thing, name)


def test_copies_and_pickles_look_for_methods_that_are_missing():
    x = mg.tensor([1.0, 2.0])
    for twin in (copy.copy(x), copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert twin.tolist() == [1, 2]
    for name, function in ops.ADVISED.items():
        if hasattr(mg, name):
            assert pickle.loads(pickle.dumps(getattr(mg, name))) in (function, getattr(mg, name))


# --- keywords and arguments -------------------------------------------------------------------------------------------

WRONG = {
    "x.sum(dim=1)": "sum() has no dim=: write axis=",
    "x.mean(dim=0, keepdim=True)": "mean() has no dim=: write axis=",
    "x.mean(axis=0, keepdim=True)": "mean() has no keepdim=: write keepdims=",
    "x.max(dim=1)": "write axis=",
    "x.std(unbiased=False)": "correction=0 for unbiased=False",
    "x.var(ddof=1)": "write correction=",
    "x.flatten(start_dim=1)": "write start_axis=",
    "x.argmax(dim=-1)": "write axis=",
    "x.topk(1, dim=0)": "write axis=",
    "mg.concat([x, x], dim=1)": "concat() has no dim=: write axis=",
    "mg.stack([x, x], dim=1)": "write axis=",
    "mg.split(x, 2, dim=1)": "write axis=",
    "mg.roll(x, 1, dims=0)": "write axis=",
    "mg.logsumexp(x, dim=0)": "write axis=",
    "mg.tril(x, diagonal=1)": "write k=",
    "mg.sum(x, out=x)": "results are new tensors",
    "F.softmax(x, dim=1)": "softmax() has no dim=: write axis=",
    "F.log_softmax(x, dim=1)": "write axis=",
    "mg.zeros(3, 4)": "as in zeros((3, 4))",
    "mg.ones(2, 3)": "one tuple or list",
    "mg.empty(2, 3)": "one tuple or list",
    "mg.full(2, 3, 4.0)": "one tuple or list",
    "mg.zeros((3, 4), (5,))": "a dtype is expected, not (5,)",
    "mg.tensor(3, 4)": "tensor([3, 4])",
    "mg.Tensor(3, 4)": "tensor([3, 4])",
    "mg.tensor([1.0], mg.ones(2))": "a dtype is expected, not tensor(",
    "mg.random.normal(3, 4)": "normal(3, 4): the shape comes first, as one tuple, and the rest by name",
    "mg.random.normal(0, 1, (3, 4))": "as in normal((3, 4), mean=0.0, std=1.0)",
    "mg.random.uniform(3, 4)": "as in uniform((3, 4), low=0.0, high=1.0)",
    "mg.random.uniform(-1, 1, (3,))": "the shape comes first",
    "mg.random.randn(3, 4)": "write mg.random.normal((3, 4))",
    "mg.random.seed(0)": "write mg.manual_seed(seed)",
    "x.view(mg.int32)": "view takes a shape",
    "x.repeat(2, 1)": "tile((2, 1))",
    "x.repeat(1, 1, 2)": "tile((1, 1, 2))",
    "x.norm(dim=1)": "norm() has no dim=: write axis=",
    "mg.norm": "x.norm(...), a method",
    "mg.grad(x.sum(), x)": "mg.differentiate(outputs, inputs)",
    "mg.autograd.grad(x.sum(), [x])": "mg.differentiate(outputs, inputs)",
    "mg.autograd.grad(outputs=x.sum(), inputs=[x])": "mg.differentiate(outputs, inputs)",
    "mg.random.bernoulli(x)": "mg.random.uniform(p.shape) < p",
    "x * torch.ones(2)": "a torch.Tensor is not a tensor",
    "torch.ones(2) * x": "a torch.Tensor is not a tensor",
    "mg.autograd.Function": "write mg.primitive",
    "F.one_hot": "mg.one_hot(x, ...), a function",
    "F.layer_norm(x, mg.ones(2))": "layer_norm: normalized_shape: an integer is expected, not 1.0",
    "mg.max(x, x)": "of two tensors, element by element: mg.maximum(x, y)",
    "x.sum(x)": "sum: an axis is an integer, not float32[2, 2]",
    "mg.linspace(0, 1, steps=5)": "write num=",
    "mg.round(x, decimals=2)": "write round(x, decimals)",
    "mg.linalg.norm(x, dim=1)": "write axis=",
    "x[0].repeat(2)": "tile(2) the whole, as PyTorch's repeat does",
    "F.pad": "for each axis, the first one first",
    "mg.autograd.no_grad": "write mg.no_grad(...)",
    "mg.shape": "write x.shape",
    "mg.nn.Lstm": "write nn.LSTM",
    "mg.nn.init.xavier_uniform": "write nn.init.xavier_uniform_",
    "mg.nn.utils.clip_grad_norm": "write nn.utils.clip_grad_norm_",
    "mg.nn.Capsule": "class Capsule(nn.Module)",
    "mg.optim.Shampoo": "a subclass of optim.Optimizer",
    "x.max(1).values": "x.max(1) gives the largest values",
    "x.max(1).indices": "x.argmax(1)",
    "x.nonzero(as_tuple=True)": "one vector for each axis is given",
}


@pytest.mark.parametrize("code", WRONG)
def test_the_error_says_what_to_write(code):
    with pytest.raises((TypeError, AttributeError)) as error:
        eval(code, {"mg": mg, "F": F, "torch": torch, "x": mg.ones((2, 2), requires_grad=True)})
    assert WRONG[code] in str(error.value)


def test_devices_have_pytorchs_names_too(backend):
    x = mg.ones(2, requires_grad=True)
    on_host = x.to("cpu")
    assert on_host.backend.place == "host"
    assert (on_host is x) is (backend != "cupy")
    both = x.to("cpu", mg.float64)
    assert (both.backend, both.dtype) == (on_host.backend, mg.float64)
    assert x.to(dtype="float64", device="cpu").dtype == mg.float64
    assert mg.ones(1, dtype="int32").to(both).dtype == mg.float64
    assert mg.nn.Linear(2, 1).to("cpu").weight.backend.place == "host"
    if backend == "cupy":
        assert x.to("cuda") is x
        assert on_host.cuda().backend is on_host.to("cuda:0").backend is x.backend
        on_host.cuda().sum().backward()
        assert x.grad.tolist() == [1, 1]


def test_a_type_error_from_within_is_left_alone():
    with pytest.raises(TypeError, match=r"^sum: an axis is an integer, not 1\.0$"):
        mg.ones(2).sum(axis=1.0)
    with pytest.raises(TypeError, match="unexpected keyword argument 'nonsense'"):
        mg.ones(2).sum(nonsense=1)


def test_pytorchs_place_of_functional():
    import minigrad.nn.functional as same
    from minigrad.nn.functional import softmax

    assert same.cross_entropy is F.cross_entropy
    assert softmax is F.softmax


ADVISED = {  # a function of NumPy's on these arguments: what the advice computes is the same
    "median": "x",
    "quantile": "x, q",
    "percentile": "x, q",
    "cov": "x",
    "corrcoef": "x",
    "digitize": "x, bins",
    "heaviside": "x, value",
    "append": "x, y",
    "nan_to_num": "x",
    "interp": "inner, at, at2",
    "cross": "v, w3",
    "sinc": "x",
    "select": "[condition], [x], default",
    "add.reduce": "x",
    "add.accumulate": "x",
    "maximum.reduce": "x",
}


@pytest.mark.parametrize("name", ADVISED)
def test_advice_computes_what_numpy_does(name):
    """What is to be written for a function that has no counterpart, with the definitions that follow it."""
    x = np.array([[3.0, -1.0, 2.0, 7.5], [0.5, 4.0, 4.25, -6.0], [1.0, 9.0, 0.25, 2.5]])
    given = {
        "x": x, "y": x[0], "q": 0.3, "bins": np.array([-1.0, 1.0, 4.0]), "value": 0.5,
        "condition": x > 1, "default": -x,
        "at": np.array([0.0, 1.0, 3.0]), "at2": np.array([1.0, -1.0, 5.0]), "inner": np.array([0.5, 2.0, 2.9]),
        "v": x[0, :3], "w3": x[1, :3],
    }  # fmt: skip
    function = np
    for part in name.split("."):
        function = getattr(function, part)
    wanted = eval(f"f({ADVISED[name]})", {"f": function} | given)
    text = numpy_names._instead(name).removeprefix("write ").removesuffix(" of tensors, or ").rstrip(",")
    code, _, definitions = re.sub(r" of two vectors.*|, with the ends.*", "", text).partition(", of ")
    code, _, more = code.partition(", with ")
    place = {"mg": mg, "math": math, "min": -1e9, "max": 1e9} | {
        k: mg.tensor(v) if np.ndim(v) else v for k, v in given.items()
    }
    if name == "interp":
        place |= {"x": place["inner"], "y": place["at2"]}
    if name == "cross":
        place |= {"x": place["v"], "y": place["w3"]}
    for definition in re.split(r"(?:, | and )(?=\w+ = )", definitions or more):
        if definition:
            exec(definition, place)
    np.testing.assert_allclose(eval(code, place).numpy(), wanted, rtol=1e-12)

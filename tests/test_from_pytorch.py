"""The rows of docs/from-pytorch.md: what is the same, and what has another name, beside PyTorch and NumPy."""

import re

import numpy as np
import pytest
from project import ROOT

import minigrad as mg
import minigrad.nn.functional as F

torch = pytest.importorskip("torch")

PAGE = ROOT / "docs" / "from-pytorch.md"
CODE = re.compile(r"`([^`]+)`")

rng = np.random.default_rng(0)
ARRAYS = {
    "x": rng.normal(size=(3, 4)).astype("float32"),
    "y": rng.normal(size=(3, 4)).astype("float32"),
    "m": rng.normal(size=(4, 5)).astype("float32"),
    "v": rng.normal(size=4).astype("float32"),
    "n": np.array([2, 0, 3, 1]),
    "k": np.array([[0, 3], [1, 1], [2, 0]]),
    "mask": rng.random((3, 4)) < 0.5,
}
TRACKED = ("x", "v")


def tables():
    """{heading: the rows of its tables}, a row being a list of cells."""
    found, heading = {}, ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            heading = line[3:]
        elif line.startswith("| ") and not line.startswith("| ---"):
            cells = re.split(r"(?<!\\)\|", line)[1:-1]
            found.setdefault(heading, []).append([cell.strip().replace(r"\|", "|") for cell in cells])
    return found


TABLES = tables()
SAME = [code for row in TABLES["The same"][1:] for code in CODE.findall(row[1])]
RENAMED = [
    (CODE.fullmatch(left)[1], CODE.fullmatch(right)[1])
    for left, right in TABLES["Another name"]
    if CODE.fullmatch(left) and CODE.fullmatch(right)
]
OTHERWISE = [(CODE.findall(row[0])[0], CODE.findall(row[1])[0]) for row in TABLES["The same name, another meaning"][1:]]
NUMPY = [code for row in TABLES["NumPy's functions on tensors"][1:] for code in CODE.findall(row[1])]


def test_the_page_is_read():
    assert len(SAME) > 190
    assert len(RENAMED) > 80
    assert len(OTHERWISE) > 8
    assert len(NUMPY) > 45


def run(code, library, functional, make):
    """What the code gives, as plain numbers, and the gradients of what it read."""
    names = {name: make(array, name in TRACKED) for name, array in ARRAYS.items()}
    out = eval(code, {"torch": library, "mg": library, "F": functional, "np": np, "a": ARRAYS["x"] * 2, **names})
    gradients = []
    if getattr(out, "requires_grad", False) and not out.is_leaf:
        weights = np.arange(1, 1 + out.numel(), dtype="float32").reshape(tuple(out.shape))
        (out * make(weights, False)).sum().backward()
        gradients = [None if names[name].grad is None else names[name].grad.tolist() for name in TRACKED]
    return out, gradients


def on_minigrad(code):
    return run(code, mg, F, lambda array, tracked: mg.tensor(array, requires_grad=tracked))


def on_torch(code):
    def make(array, tracked):
        t = torch.tensor(array)
        return t.requires_grad_() if tracked else t

    return run(code, torch, torch.nn.functional, make)


def same(ours, theirs):
    (out, gradients), (wanted, slopes) = ours, theirs
    plain = lambda value: value.tolist() if hasattr(value, "tolist") else value
    assert hasattr(out, "shape") == hasattr(wanted, "shape")
    if isinstance(wanted, str):
        assert out == wanted
        return
    if hasattr(wanted, "shape"):
        assert tuple(out.shape) == tuple(wanted.shape)
        assert str(out.dtype) == str(wanted.dtype).removeprefix("torch.")
    np.testing.assert_allclose(plain(out), plain(wanted), rtol=2e-5, atol=1e-6)
    assert [g is None for g in gradients] == [g is None for g in slopes]
    for g, slope in zip(gradients, slopes):
        if g is not None:
            np.testing.assert_allclose(g, slope, rtol=2e-5, atol=1e-5)


@pytest.mark.parametrize("code", SAME)
def test_what_is_the_same(code):
    same(on_minigrad(code), on_torch(code))


@pytest.mark.parametrize(("theirs", "ours"), RENAMED)
def test_what_has_another_name(theirs, ours):
    same(on_minigrad(ours), on_torch(theirs))
    with pytest.raises((AttributeError, TypeError)) as error:
        on_minigrad(theirs)
    names = re.findall(r"\b(?:mg|x|v|F)(?:\.random|\.at)?\.(\w+)|(\w+)=|( [-+*/@<>=!]=? )", ours)
    wanted = [name for group in names for name in group if name]
    assert any(name in str(error.value) for name in [*wanted, "one tuple", "x[", "-x"]), str(error.value)


@pytest.mark.parametrize(("theirs", "ours"), OTHERWISE)
def test_what_means_something_else(theirs, ours):
    wanted = on_torch(theirs)
    same(on_minigrad(ours), wanted)
    with pytest.raises((AssertionError, AttributeError, TypeError)):  # the page need not tell what is the same
        same(on_minigrad(theirs), wanted)


@pytest.mark.parametrize("code", NUMPY)
def test_numpys_functions(code):
    out, _ = on_minigrad(code)
    wanted, _ = run(code, np, None, lambda array, tracked: array)
    np.testing.assert_allclose(np.asarray(getattr(out, "tolist", lambda: out)()), wanted, rtol=2e-5, atol=1e-6)
    differentiable = not re.search(r"np\.(argmax|any|isnan|shape|allclose|percentile|asarray|array)\(|<", code)
    assert getattr(out, "requires_grad", False) is differentiable

"""Types of results against PyTorch: of new tensors, of operations that mix types, and of Python numbers."""

import itertools

import numpy as np
import pytest
from parity import same, torch

import minigrad as mg

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


def torch_type(name):
    return getattr(torch, name)


@pytest.mark.parametrize(("left", "right"), list(itertools.product(TYPES, TYPES)))
def test_types_together(left, right):
    theirs = str(torch.promote_types(torch_type(left), torch_type(right))).removeprefix("torch.")
    assert mg.result_type(mg.ones(1, dtype=left), mg.dtypes.check(right)) == theirs
    # torch.can_cast asks whether the kind stays, not whether the values do: int64 to int8 is possible there.
    assert mg.can_cast(left, right) == (theirs == right)


@pytest.mark.parametrize("kind", TYPES[1:])
def test_limits_of_types(kind):
    if "float" in kind:
        ours, theirs = mg.finfo(kind), torch.finfo(torch_type(kind))
        assert (ours.eps, ours.smallest_normal) == (theirs.eps, theirs.smallest_normal)
    else:
        ours, theirs = mg.iinfo(kind), torch.iinfo(torch_type(kind))
    assert (ours.bits, ours.min, ours.max) == (theirs.bits, theirs.min, theirs.max)

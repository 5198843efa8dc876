"""Python's own functions on tensors: format, repr, bool, in, round, divmod, math.floor, max, sum, sorted."""

import math

import numpy as np
import pytest

import minigrad as mg


def test_one_number_is_formatted_as_python_formats_numbers(backend):
    loss = (mg.tensor([1.25, 0.5], requires_grad=True) ** 2).sum()
    assert f"{loss:.4f}" == "1.8125"
    assert f"{loss:>10.2e}|" == "  1.81e+00|"
    assert f"{loss}" == "1.8125"
    assert f"{mg.tensor([0.5]):.1%} {mg.tensor(3):03d} {mg.tensor(True)}" == "50.0% 003 True"
    assert "{:.2f}".format(loss) == "1.81"  # noqa: UP032
    assert "%.2f" % loss == "1.81"  # noqa: UP031
    with pytest.raises(ValueError, match="Unknown format code 'd'"):
        f"{loss:d}"


def test_several_numbers_are_not():
    x = mg.ones((2, 3))
    assert f"{x}" == str(x) == repr(x)
    assert f"{mg.ones(1)}" == "tensor([1.])"
    for several in (x, mg.zeros(0)):
        with pytest.raises(TypeError, match=r"'\.2f' is for one number, this tensor has shape \((2, 3|0,)\).*mean\(\)"):
            f"{several:.2f}"


def test_repr_of_tensors_without_elements():
    assert repr(mg.zeros(0)) == "tensor([], shape=(0,), dtype=float32)"
    x = mg.zeros((3, 0, 2), dtype="int64")
    assert repr(x) == "tensor([], shape=(3, 0, 2), dtype=int64)"
    w = mg.zeros((0, 2), requires_grad=True)
    assert repr(w) == "tensor([], shape=(0, 2), dtype=float32, requires_grad=True)"
    assert repr(w * 2) == "tensor([], shape=(0, 2), dtype=float32, requires_grad=True, made by multiply)"


def test_repr_of_long_tensors():
    text = repr(mg.zeros((300, 200), requires_grad=True) + 1)
    assert len(text) < 700
    assert "..., " in text
    assert text.endswith("shape=(300, 200), requires_grad=True, made by add)")


def test_truth(backend):
    assert mg.tensor([2.0])
    assert not mg.tensor(0)
    assert mg.tensor([[True]])
    x = mg.tensor([1.0, 2.0])
    for ambiguous in (
        lambda: bool(x > 0),
        lambda: 0 < x < 3,
        lambda: (x > 0) and (x < 3),
        lambda: not x,
        lambda: max(mg.ones((2, 2))),
        lambda: x in [mg.zeros(2), x],
        lambda: bool(mg.zeros(0)),
    ):
        with pytest.raises(ValueError, match=r"shape \((2|0),\) is ambiguous: use \.any\(\) or \.all\(\); .* & \| ~"):
            ambiguous()


def test_in(backend):
    x = mg.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert 3 in x
    assert 5 not in x
    assert mg.tensor(4.0) in x
    assert "text" not in x
    assert x in [x, mg.zeros(2)]  # the very same comes first


@pytest.mark.parametrize("digits", [None, 0, 1, 2, -1])
def test_round(backend, digits):
    values = [[-12.345, 0.5], [1.5, 26.66]]
    out = round(mg.tensor(values, dtype="float64"), digits)
    np.testing.assert_allclose(out.tolist(), np.round(values, digits or 0), atol=1e-12)
    whole = round(mg.tensor([15, 24, -26]), digits)
    assert whole.tolist() == np.round([15, 24, -26], digits or 0).tolist()
    assert whole.dtype == mg.int64
    w = mg.ones(2, requires_grad=True)
    (round(w, digits) + w).sum().backward()
    assert w.grad.tolist() == [1, 1]  # steps are flat


def test_divmod(backend):
    x = mg.tensor([7.0, -7.0], requires_grad=True)
    whole, rest = divmod(x, 3)
    assert (whole.tolist(), rest.tolist()) == ([2, -3], [1, 2])
    rest.sum().backward()
    assert x.grad.tolist() == [1, 1]
    whole, rest = divmod(7, mg.tensor([2, -2]))
    assert (whole.tolist(), rest.tolist()) == ([3, -4], [1, -1])


def test_math():
    for function in (math.floor, math.ceil, math.trunc):
        for value in (2.5, -2.5, 3.0):
            found = function(mg.tensor(value))
            assert found == function(value)
            assert type(found) is int
        with pytest.raises(TypeError, match=rf"one number, this tensor has shape \(2,\): use mg\.{function.__name__}"):
            function(mg.ones(2))
    assert math.sqrt(mg.tensor(4.0)) == 2
    assert math.isclose(mg.tensor([1.0]), 1)


def test_builtin_reductions_keep_gradients():
    x = mg.tensor([1.0, 3.0, 2.0], requires_grad=True)
    for total in (sum(x), sum([x * 2, x * -1]).sum(), max(x) + min(x) + sorted(x)[1]):
        x.grad = None
        total.backward()
        assert x.grad.tolist() == [1, 1, 1]
    assert [t.item() for t in reversed(list(x))] == [2, 3, 1]

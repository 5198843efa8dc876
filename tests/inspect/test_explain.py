"""mg.explain: a value and its gradients told step by step, with numbers."""

import json
import math
import re

import numpy as np
import pytest
from conftest import leaf

import minigrad as mg
from minigrad.inspect.formulas import FORMULAS
from minigrad.inspect.words import RULES
from minigrad.primitives import PRIMITIVES


def test_the_whole_text_of_a_small_example():
    text = mg.explain(lambda x, w: mg.tanh(w * x) + w * 2.0, 0.5, -1.2)
    assert text.splitlines() == [
        "forward",
        "  x   leaf        0.5     scalar",
        "  w   leaf        -1.2    scalar",
        "  v1  = w * x     -0.6    scalar",
        "  v2  = tanh(v1)  -0.537  scalar",
        "  v3  = w * 2     -2.4    scalar",
        "  v4  = v2 + v3   -2.937  scalar",
        "backward",
        "  dv4 = 1; v4 = v2 + v3",
        "    to v2: dv4 = 1",
        "    to v3: dv4 = 1",
        "  dv3 = 1; v3 = w * 2",
        "    to w: dv3 * 2 = 1 * 2 = 2",
        "  dv2 = 1; v2 = tanh(v1)",
        "    to v1: dv2 * (1 - v2**2) = 1 * (1 - (-0.537)**2) = 0.7116",
        "  dv1 = 0.7116; v1 = w * x",
        "    to w: dv1 * x = 0.7116 * 0.5 = 0.3558",
        "    to x: dv1 * w = 0.7116 * (-1.2) = -0.8539",
        "  dw = 2 + 0.3558 = 2.356, 2 gradients meet and add up; a leaf",
        "  dx = -0.8539; a leaf",
    ]
    assert repr(text) == str(text)


def gradient_in(text, name):
    """The gradient of a leaf as the text gives it, to four digits."""
    line = rf"^  d{name} = (?:.* = )?(.*?)(?:, \d+ gradients meet and add up)?; a leaf$"
    (value,) = re.findall(line, text, re.MULTILINE)
    return np.array(json.loads(value))


def test_the_gradients_are_those_of_backward_and_of_finite_differences():
    def f(x, w):
        return (mg.sigmoid(x * w) / mg.sqrt(x) + mg.exp(-w)).sum()

    x, w = leaf(0.5, 1.5), leaf(0.25, -0.75)
    text = mg.explain(f, x, w)
    assert mg.gradcheck(f, [x, w])
    f(x, w).backward()
    np.testing.assert_allclose(gradient_in(text, "x"), x.grad.numpy(), rtol=1e-3)
    np.testing.assert_allclose(gradient_in(text, "w"), w.grad.numpy(), rtol=1e-3)


def test_matrices_on_every_backend(backend):
    W = mg.tensor([[0.2, 0.4], [-0.6, 0.1]], requires_grad=True, backend=backend)
    h = mg.tensor([[1.0, -1.0]], backend=backend)

    def steps(W, h):
        return mg.tanh(mg.tanh(h @ W) @ W).sum()

    text = mg.explain(steps, W, h)
    steps(W, h).backward()
    np.testing.assert_allclose(gradient_in(text, "W"), W.grad.numpy(), rtol=1e-3, atol=1e-4)
    assert "h   constant" in text
    assert "v2  = tanh(v1)" in text
    assert "to v2: dv3 @ W.T = " in text
    assert "to W: v2.T @ dv3 = " in text


def test_gradients_that_meet_are_shown_one_by_one_and_added():
    text = mg.explain(lambda x: x + x + x, 1.5)
    assert "  dx = 1 + 1 + 1 = 3, 3 gradients meet and add up; a leaf" in text


def test_a_gradient_is_summed_over_what_was_broadcast():
    text = mg.explain(lambda x, b: (x * b).sum(), np.array([1.0, 2.0, 4.0]), 0.5)
    assert "to b: dv1 * x = [1, 1, 1] * [1, 2, 4] = [1, 2, 4], summed where it was broadcast: 7" in text


def test_scopes_indices_and_parameter_names_are_shown():
    layer = mg.nn.Linear(2, 1)
    assert "linear(x, weight, bias)" in mg.explain(layer, mg.ones((1, 2)))

    def f(x):
        with mg.scope("cell", step=3):
            return x[0, 1:]

    line = mg.explain(f, np.ones((2, 2))).splitlines()[2]
    assert line.split() == ["v1", "=", "x[0,", "1:]", "[1]", "1", "cell", "@", "t=3"]


def test_large_values_are_shown_by_their_first_elements():
    text = mg.explain(lambda x: (2.0 * x).sum(), np.arange(20.0))
    assert "  x   leaf       [0, 1, 2, 3, ...]  20" in text
    assert "  dx = [2, 2, 2, 2, ...]; a leaf" in text
    assert "to x: dv1 * 2 = [2, 2, 2, 2, ...]" in text  # too many numbers to put in


def test_a_tensor_is_explained_from_what_its_graph_kept():
    x, w = leaf(2.0), leaf(3.0)
    text = mg.explain(mg.log(x * w) + 1.0)
    assert text.splitlines()[1:6] == [
        "  a   leaf               2      scalar",
        "  b   leaf               3      scalar",
        "  v1  = a * b            6      scalar",
        "  v2  = log(v1)          1.792  scalar",
        "  v3  = v2 + (not kept)  2.792  scalar",
    ]
    assert "to v1: dv2 / v1 = 1 / 6 = 0.1667" in text
    assert "not kept" in mg.explain(mg.negative(x)).splitlines()[1]  # the rule of negative reads nothing


def test_nothing_changes():
    x = leaf(2.0)
    seen = []
    y = x * x
    y.register_hook(seen.append)
    y.retain_grad()
    z = mg.tanh(y)
    hooks, saved = list(y.node.hooks), z.node.saved
    mg.explain(z)
    mg.explain(lambda x: mg.tanh(x * x), x)
    assert x.grad is None
    assert y.grad is None
    assert seen == []
    assert list(y.node.hooks) == hooks
    assert z.node.saved is saved
    z.backward()
    assert x.grad.item() == pytest.approx(4 * (1 - math.tanh(4) ** 2))


def test_a_given_gradient_is_where_backward_starts():
    text = mg.explain(lambda x: x * x, np.array([1.0, 3.0]), gradient=[10.0, 1.0])
    assert "  dv1 = [10, 1]; v1 = x * x" in text
    assert gradient_in(text, "x").tolist() == [20, 6]
    with pytest.raises(ValueError, match="several elements needs gradient="):
        mg.explain(lambda x: x * x, np.array([1.0, 3.0]))


def test_recording_may_be_off_outside():
    with mg.no_grad():
        assert "dx = 6; a leaf" in mg.explain(lambda x: 3.0 * x * 2.0, 1.0)


def test_equal_names_are_told_apart():
    first, second = mg.nn.Linear(1, 1), mg.nn.Linear(1, 1)
    text = mg.explain(lambda x: second(first(x)), mg.ones((1, 1)))
    assert "linear(x, weight, bias)" in text
    assert "linear(v1, weight#2, bias#2)" in text
    assert "d(weight#2) = " in text


def test_a_user_function_is_told_without_a_formula():
    @mg.primitive(vjp=lambda g, x: g * 3 * x * x)
    def cube(x):
        return x**3

    assert "to x: what the rule of cube makes of dv1 = 12" in mg.explain(cube, 2.0)


def test_a_branch_that_gets_no_gradient_is_said_so():
    @mg.primitive(vjp=lambda g: None)
    def stop(x):
        return x + 0

    assert "  dx: no gradient arrives" in mg.explain(lambda x, y: stop(x) * y, 2.0, 3.0)


def test_a_long_graph_is_refused_with_advice():
    def f(x):
        for _ in range(40):
            x = x * 2.0
        return x

    with pytest.raises(ValueError, match=r"41 nodes are too many .*at most 30.* mg\.Tape\(\)"):
        mg.explain(f, 1.0)


def test_what_cannot_be_explained():
    with pytest.raises(TypeError, match="a tensor takes no inputs"):
        mg.explain(leaf(1.0), 2.0)
    with pytest.raises(TypeError, match="a tensor or a function that returns one, not str"):
        mg.explain("loss")
    with pytest.raises(TypeError, match="must return a tensor, not float"):
        mg.explain(lambda: 1.0)
    with pytest.raises(mg.GraphError, match="nothing to go back through"):
        mg.explain(mg.ones(1))
    y = mg.exp(leaf(1.0))
    y.backward()
    with pytest.raises(mg.GraphError, match="freed by an earlier backward"):
        mg.explain(y)


# --- the table of formulas --------------------------------------------------------------------------------------------

FUNCTIONS = {name: getattr(np, name) for name in "sin cos sinh cosh sqrt exp log sign sum".split()}
FUNCTIONS["sigmoid"] = lambda x: 1 / (1 + np.exp(-x))
SHAPES = {"matmul": [(2, 3), (3, 2)], "linear": [(5, 3), (2, 3), (5, 2)]}
OPTIONS = {"softmax": {"axis": -1}, "log_softmax": {"axis": -1}, "astype": {"dtype": np.dtype("float64")}}


@pytest.mark.parametrize("name", [name for name in FORMULAS if name != "broadcast_to"])
def test_a_formula_says_what_its_rule_computes(name):
    row = PRIMITIVES[name]
    rng = np.random.default_rng(0)
    operands = [rng.uniform(0.2, 0.9, shape) for shape in SHAPES.get(name, [(4,)] * len(FORMULAS[name]))]
    options, backend = OPTIONS.get(name, {}), mg.get_backend("numpy")
    out = backend.calls[row](*operands, **options)
    g = rng.uniform(0.5, 2.0, out.shape)
    known = {"g": g, "out": out, **dict(zip(row.inputs, operands)), **FUNCTIONS}
    for i, formula in enumerate(FORMULAS[name]):
        d = list(row.rules_for(len(operands)))[i](g, (out, *operands), options, leaf(*operands[i]).node, backend)
        d = d.dense(backend) if hasattr(d, "dense") else d
        np.testing.assert_allclose(eval(formula, {}, known), d, rtol=1e-12)


def test_the_tables_name_primitives_that_exist():
    assert (set(FORMULAS) | set(RULES)) - set(PRIMITIVES) == set()


def test_every_rule_of_the_table_has_words():
    expected = {name: len(row.vjp) for name, row in PRIMITIVES.items() if row.differentiable}
    assert {name: len(words) for name, words in RULES.items()} == expected

"""A user's own differentiable functions: one decorator, one rule for each input, recorded as one node each."""

import numpy as np
import pytest

import minigrad as mg


def t(values, **options):
    return mg.tensor(values, dtype="float64", **options)


@mg.primitive(vjp=lambda g, x, out, beta, xp: g * (beta * out + xp.sigmoid(beta * x) * (1 - beta * out)))
def swish(x, *, beta=1.0):
    """x * sigmoid(beta * x)."""
    return x / (1 + np.exp(-beta * x))


def test_one_rule_gives_derivatives_of_both_orders(backend):
    x = t([-1.0, 0.5, 2.0])
    np.testing.assert_allclose(swish(x, beta=2.0).numpy(), x.numpy() / (1 + np.exp(-2 * x.numpy())), rtol=1e-15)
    for beta in (1.0, 2.0):
        assert mg.gradcheck(lambda x: swish(x, beta=beta), [x])  # noqa: B023
        assert mg.gradgradcheck(lambda x: swish(x, beta=beta), [x])  # noqa: B023
    assert swish(x).backend.name == backend


def test_it_is_one_node_with_its_own_name_and_options():
    x = t([1.0, 2.0], requires_grad=True)
    with mg.Tape() as tape, mg.scope("layer"):
        y = swish(x, beta=3.0)
    assert [e.node.name for e in tape] == ["leaf", "swish"]
    assert y.node.params == {"beta": 3.0}
    assert "swish" in str(tape)
    assert (swish.__name__, swish.__doc__) == ("swish", "x * sigmoid(beta * x).")


def test_several_inputs_with_a_rule_each():
    @mg.primitive(vjp=(lambda g, y: g * y, lambda g, x: g * x), name="product", broadcasts=True)
    def times(x, y):
        return x * y

    x, y = t([[1.0], [2.0]]), t([3.0, 4.0, 5.0])
    assert mg.gradcheck(times, [x, y])
    assert mg.gradgradcheck(times, [x, y])
    assert times(x.requires_grad_(), 2.0).node.name == "product"
    assert times(mg.tensor([1, 2]), 2.5).tolist() == [2.5, 5]


def test_what_a_rule_does_not_name_is_not_saved():
    x = t([1.0, 2.0], requires_grad=True)

    @mg.primitive(vjp=lambda g, x_shape, xp: xp.broadcast_to(g, shape=x_shape))
    def total(x):
        return np.sum(x)

    assert total(x).node.saved == (None, None)
    assert mg.gradcheck(total, [x])
    out = swish(x)
    assert out.node.saved[0] is out.array
    assert out.node.saved[1] is x.array


def test_an_input_without_a_rule():
    @mg.primitive(vjp=(None, lambda g, mask: g * mask))
    def masked(mask, x):
        return x * mask

    x = t([1.0, 2.0], requires_grad=True)
    masked(np.array([1.0, 0.0]), x).sum().backward()
    assert x.grad.tolist() == [1, 0]
    mask = t([1.0, 1.0], requires_grad=True)
    masked(mask, x).sum().backward()
    assert mask.grad is None


def test_functions_of_the_backend():
    @mg.primitive(vjp=lambda g, out: g * out)
    def exponential(x, *, xp):
        return xp.exp(x)

    assert exponential(t([0.0, 1.0])).tolist() == [1, np.e]
    assert mg.gradgradcheck(exponential, [t([0.5, 1.0])])


def test_an_option_without_a_default_must_be_given():
    @mg.primitive(vjp=lambda g, n: g * n)
    def scaled(x, *, n):
        return x * n

    assert scaled(t([2.0]), n=3).item() == 6
    with pytest.raises(TypeError, match=r"scaled\(\) misses n"):
        scaled(t([2.0]))
    with pytest.raises(TypeError, match=r"scaled\(\) misses x"):
        scaled(n=2)
    with pytest.raises(TypeError, match="unexpected"):
        scaled(t([2.0]), m=2)


def test_a_rule_that_asks_for_something_unknown_is_refused_at_once():
    with pytest.raises(TypeError, match=r"primitive f: a rule asks for \['z'\]; there are .*'x'"):

        @mg.primitive(vjp=lambda g, z: g * z)
        def f(x):
            return x


def test_more_rules_than_inputs_are_refused():
    with pytest.raises(ValueError, match="2 derivative rules for 1 inputs"):

        @mg.primitive(vjp=(lambda g: g, lambda g: g))
        def f(x):
            return x


def test_it_does_not_enter_the_table_of_primitives():
    from minigrad.primitives import PRIMITIVES

    assert "swish" not in PRIMITIVES


def test_errors_in_the_function_say_where():
    with (
        pytest.raises(ValueError, match=r"swish\(float64\[2\], beta=array|swish\(float64\[2\]") as error,
        mg.scope("net"),
    ):
        swish(t([1.0, 2.0]), beta=np.ones(3))
    assert "in net" in str(error.value)


def test_a_gradient_gets_the_type_of_its_input():
    """A rule may compute in a wider type."""

    @mg.primitive(vjp=lambda g: g * np.ones(2))
    def same(x):
        return x * 1

    x = mg.tensor([1.0, 2.0], requires_grad=True)
    same(x).backward([1.0, 3.0])
    assert x.grad.dtype == mg.float32
    assert x.grad.tolist() == [1, 3]


def test_a_rule_that_gives_another_shape_is_refused():
    @mg.primitive(vjp=lambda g, xp: xp.broadcast_to(g, shape=(3, 2)))
    def wrong(x):
        return x * 1

    x = mg.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(ValueError, match=r"gradient of shape \(3, 2\) for an input of shape \(2,\)") as error:
        wrong(x).sum().backward()
    assert "in the backward pass of <wrong float32[2]" in error.value.__notes__[0]

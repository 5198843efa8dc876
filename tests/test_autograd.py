"""Derivatives of functions: grad, value_and_grad, vjp, jacobian, hvp, differentiate, and the checks."""

import numpy as np
import pytest

import minigrad as mg


def t(values, **options):
    return mg.tensor(values, dtype="float64", **options)


MATRIX = np.array([[2.0, 1.0, 0.0], [0.5, 3.0, -1.0], [1.0, 1.0, 4.0]])


def quadratic(x):
    """x' A x: gradient (A + A') x, Hessian A + A'."""
    return x @ t(MATRIX) @ x


def rosenbrock(x):
    return mg.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def rosenbrock_hessian(x):
    n = len(x)
    h = np.zeros((n, n))
    for i in range(n - 1):
        h[i, i] += 1200 * x[i] ** 2 - 400 * x[i + 1] + 2
        h[i + 1, i + 1] += 200
        h[i, i + 1] -= 400 * x[i]
        h[i + 1, i] -= 400 * x[i]
    return h


# --- grad and value_and_grad ------------------------------------------------------------------------------------------


def test_grad_of_a_function(backend):
    x = t([1.0, 2.0, 3.0])
    slope = mg.grad(quadratic)(x)
    assert slope.backend.name == backend
    np.testing.assert_allclose(slope.numpy(), (MATRIX + MATRIX.T) @ [1, 2, 3], rtol=1e-14)
    assert not slope.requires_grad
    assert x.grad is None
    assert not x.requires_grad


def test_grad_takes_numbers_and_arrays():
    assert mg.grad(lambda x: x**3)(2.0).item() == 12
    slope = mg.grad(lambda x: (x * x).sum())(np.array([1.0, 2.0]))
    assert (slope.tolist(), slope.dtype) == ([2, 4], mg.float64)


def test_grad_leaves_grad_of_leaves_alone():
    w, x = t([1.0, 2.0], requires_grad=True), t([3.0, 4.0], requires_grad=True)
    slope = mg.grad(lambda x: (w * x).sum())(x)
    assert slope.tolist() == [1, 2]
    assert (w.grad, x.grad) == (None, None)


def test_several_arguments():
    f = lambda x, y, scale=1.0: (x * y * y).sum() * scale
    x, y = t([1.0, 2.0]), t([3.0, 4.0])
    assert mg.grad(f, 1)(x, y).tolist() == [6, 16]
    assert mg.grad(f, -1)(x, y).tolist() == [6, 16]
    both = mg.grad(f, (1, 0))(x, y, scale=2.0)
    assert [g.tolist() for g in both] == [[12, 32], [18, 32]]
    assert mg.grad(f, [0])(x, y)[0].tolist() == [9, 16]
    with pytest.raises(TypeError, match="argument 2 is to be differentiated, but 2 were given"):
        mg.grad(f, 2)(x, y)


def test_value_and_grad():
    value, slope = mg.value_and_grad(lambda x: x * x)(t(3.0))
    assert (value.item(), slope.item()) == (9, 6)
    assert not value.requires_grad


def test_auxiliary_results():
    f = lambda x: ((x * x).sum(), {"norm": float(x.sum().item())})
    (value, aux), slope = mg.value_and_grad(f, has_aux=True)(t([1.0, 2.0]))
    assert (value.item(), aux, slope.tolist()) == (5, {"norm": 3.0}, [2, 4])
    slope, aux = mg.grad(f, has_aux=True)(t([1.0, 2.0]))
    assert (aux, slope.tolist()) == ({"norm": 3.0}, [2, 4])


def test_an_argument_that_does_not_matter_has_a_gradient_of_zeros():
    assert mg.grad(lambda x, y: y * y, (0, 1))(t([1.0, 2.0]), t(3.0))[0].tolist() == [0, 0]
    assert mg.grad(lambda x: t(1.0))(t([1.0])).tolist() == [0]


def test_an_argument_that_is_used_twice_or_given_twice():
    x = t(3.0)
    assert mg.grad(lambda a, b: a * b, (0, 1))(x, x)[0].item() == 3
    assert mg.grad(lambda a: a * x * a)(x).item() == 18  # the x outside is a constant


def test_the_function_must_return_one_number():
    for f, given in ((lambda x: x * 2, r"float64\[2\]"), (lambda x: 3.0, "float")):
        with pytest.raises(TypeError, match=f"one element, not {given}"):
            mg.grad(f)(t([1.0, 2.0]))
    with pytest.raises(TypeError, match=r"argument 0 is int64\[2\]: only floating-point"):
        mg.grad(lambda x: x.sum())(mg.tensor([1, 2]))


def test_grad_works_under_no_grad():
    with mg.no_grad():
        assert mg.grad(lambda x: x * x)(t(3.0)).item() == 6


# --- derivatives of derivatives ---------------------------------------------------------------------------------------


def test_derivatives_nest():
    f = lambda x: x**5
    x = 2.0
    for wanted in (80, 160, 240, 240, 120, 0):
        f = mg.grad(f)
        assert f(t(x)).item() == wanted


def test_a_derivative_inside_a_function():
    """d/dx of x * (d/dy of x * y**2 at y = x), which is 2 x**3: the inner derivative depends on x twice."""
    f = lambda x: x * mg.grad(lambda y: x * y * y)(x)
    assert f(t(3.0)).item() == 54
    assert mg.grad(f)(t(3.0)).item() == 54
    g = lambda x: mg.grad(lambda y: mg.sin(x) * y)(t(1.0)) ** 2  # through what the inner function closes over
    assert mg.grad(g)(t(0.3)).item() == pytest.approx(np.sin(0.6), rel=1e-14)


def test_a_penalty_on_the_gradient_reaches_the_weights():
    w = t([1.0, 2.0], requires_grad=True)
    x = t([3.0, -1.0], requires_grad=True)
    y = mg.tanh(w * x).sum()
    (slope,) = mg.differentiate(y, x, create_graph=True)
    (slope * slope).sum().backward()
    a, b = np.array([1.0, 2.0]), np.array([3.0, -1.0])
    s = 1 - np.tanh(a * b) ** 2
    np.testing.assert_allclose(slope.detach().numpy(), a * s, rtol=1e-13)
    wanted = 2 * (a * s) * (s - 2 * a * b * np.tanh(a * b) * s)
    np.testing.assert_allclose(w.grad.numpy(), wanted, rtol=1e-12)


# --- differentiate ----------------------------------------------------------------------------------------------------


def test_differentiate_gives_gradients_of_intermediate_results_too():
    x = t([1.0, 2.0], requires_grad=True)
    y = x * 3
    z = (y * y).sum()
    gy, gx = mg.differentiate(z, [y, x], retain_graph=True)
    assert (gy.tolist(), gx.tolist(), x.grad) == ([6, 12], [18, 36], None)
    (only,) = mg.differentiate([z, y], [x], [mg.tensor(1.0, dtype="float64"), t([1.0, 1.0])])
    assert only.tolist() == [21, 39]


def test_differentiate_computes_only_what_is_asked_for():
    x, w = t(2.0, requires_grad=True), t(3.0, requires_grad=True)
    seen = []
    w.register_hook(seen.append)
    mg.differentiate(x * w, x)
    assert seen == []


def test_differentiate_says_what_does_not_depend_on_what():
    x, w = t(2.0, requires_grad=True), t([3.0], requires_grad=True)
    y = x * x
    with pytest.raises(mg.GraphError, match=r"do not depend on the input float64\[1\].*allow_unused"):
        mg.differentiate(y, [x, w], retain_graph=True)
    assert mg.differentiate(y, [x, w], allow_unused=True)[1] is None
    with pytest.raises(mg.GraphError, match="does not require gradients"):
        mg.differentiate(x * x, t(1.0))


# --- vjp, jacobian, hvp -----------------------------------------------------------------------------------------------


def test_vjp_can_be_pulled_again_and_again(backend):
    f = lambda x, y: x * y
    value, pull = mg.vjp(f, t([1.0, 2.0]), t([3.0, 4.0]))
    assert value.tolist() == [3, 8]
    assert [g.tolist() for g in pull(t([1.0, 0.0]))] == [[3, 0], [1, 0]]
    assert [g.tolist() for g in pull([0.0, 10.0])] == [[0, 40], [0, 20]]
    value, pull = mg.vjp(lambda x: t([5.0]), t([1.0, 2.0]))
    assert pull(t([1.0]))[0].tolist() == [0, 0]
    with pytest.raises(TypeError, match="must return a tensor, not int"):
        mg.vjp(lambda x: 1, t(1.0))


def test_jacobian():
    a = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    j = mg.jacobian(lambda x: t(a) @ x)(t([1.0, 1.0]))
    assert j.tolist() == a.tolist()
    j = mg.jacobian(lambda s, x: s * x**2, 1)(2.0, t([[1.0, 2.0]]))
    assert j.shape == (1, 2, 1, 2)
    assert j.reshape(2, 2).tolist() == [[4, 0], [0, 8]]
    assert mg.jacobian(lambda x: (x * x).sum())(t([1.0, 2.0])).tolist() == [2, 4]
    assert mg.jacobian(lambda x: x[:0])(t([1.0, 2.0])).shape == (0, 2)
    assert mg.jacobian(lambda x: x * x)(2.0).item() == 4


def test_hessians():
    x = np.array([0.5, -1.0, 2.0])
    np.testing.assert_allclose(mg.jacobian(mg.grad(quadratic))(t(x)).numpy(), MATRIX + MATRIX.T, rtol=1e-13)
    np.testing.assert_allclose(mg.jacobian(mg.grad(rosenbrock))(t(x)).numpy(), rosenbrock_hessian(x), rtol=1e-12)


@pytest.mark.parametrize("direction", [[1.0, 0, 0], [0.0, 1, 0], [0.3, -2, 1]])
def test_hvp_is_the_hessian_times_the_vector(direction, backend):
    x, v = np.array([0.5, -1.0, 2.0]), np.array(direction)
    np.testing.assert_allclose(mg.hvp(rosenbrock, t(x), t(v)).numpy(), rosenbrock_hessian(x) @ v, rtol=1e-12)
    np.testing.assert_allclose(mg.hvp(quadratic, t(x), v).numpy(), (MATRIX + MATRIX.T) @ v, rtol=1e-13)
    assert mg.hvp(lambda x: x.sum(), t(x), v).tolist() == [0, 0, 0]
    assert mg.hvp(lambda x: t(1.0), t(x), v).tolist() == [0, 0, 0]


def test_jacobian_vjp_and_hvp_can_be_differentiated():
    x, v = t([1.0, 2.0]), t([1.0, 1.0])
    assert mg.grad(lambda x: mg.jacobian(lambda y: y**3)(x).sum())(x).tolist() == [6, 12]
    assert mg.grad(lambda x: mg.vjp(lambda y: y**3, x)[1](v)[0].sum())(x).tolist() == [6, 12]
    assert mg.grad(lambda x: mg.vjp(lambda y: y**3, x)[0].sum())(x).tolist() == [3, 12]
    assert mg.grad(lambda x: mg.hvp(lambda y: (y**3).sum(), x, v).sum())(x).tolist() == [6, 6]
    w = t(2.0, requires_grad=True)  # through what the function closes over
    mg.jacobian(lambda w, y: w * y * y, 1)(w, x).sum().backward()
    assert w.grad.item() == 6
    assert mg.grad(lambda w: mg.jacobian(lambda y: w * y * y)(x).sum())(t(2.0)).item() == 6
    pulled = mg.grad(lambda g: mg.vjp(lambda y: y**3, x)[1](g)[0].sum())(v)  # in the direction that is pulled
    assert pulled.tolist() == [3, 12]


# --- the checks -------------------------------------------------------------------------------------------------------


def test_gradcheck_accepts_a_right_gradient():
    assert mg.gradcheck(lambda x, y: x @ y, [t(np.ones((2, 3))), t(np.ones((3, 2)))])
    assert mg.gradcheck(lambda x, n: x**n, [t([1.0, 2.0]), 3])
    assert mg.gradcheck(lambda x: t([1.0]), [t([1.0, 2.0])])
    assert mg.gradcheck(mg.exp, t([[1.0, 2.0]]))
    assert mg.gradgradcheck(mg.exp, t([[1.0, 2.0]]))
    assert mg.gradgradcheck(lambda x: mg.exp(x), [t([1.0, 2.0])])
    assert mg.gradgradcheck(lambda x: x * 2, [t([1.0, 2.0])])
    assert mg.gradgradcheck(lambda x: t([1.0]), [t([1.0, 2.0])])


def test_gradcheck_finds_a_wrong_one_and_says_where():
    @mg.primitive(vjp=lambda g, x: g * (x + (x > 2)))
    def half_square(x):
        return x * x / 2

    assert mg.gradcheck(half_square, [t([1.0, 1.5])])
    with pytest.raises(AssertionError, match=r"argument 0 at \(1,\): backward says .*, finite differences"):
        mg.gradcheck(half_square, [t([1.0, 3.0])])


def test_gradcheck_finds_a_missing_gradient_and_a_wrong_shape():
    with pytest.raises(AssertionError, match="argument 0"):
        mg.gradcheck(lambda x: x.detach() * 2, [t([1.0])])

    @mg.primitive(vjp=lambda g: g[:1])
    def identity(x):
        return x * 1

    with pytest.raises(ValueError, match=r"gradient of shape \(1,\) for an input of shape \(2,\)"):
        mg.gradcheck(identity, [t([1.0, 2.0])])


def test_gradcheck_wants_float64():
    for check in (mg.gradcheck, mg.gradgradcheck):
        with pytest.raises(TypeError, match="float64"):
            check(lambda x: x, [mg.ones(2)])
    assert mg.gradcheck(lambda x, y: x * y, [t([1.0]), mg.ones(1)])  # others are passed on


def test_checks_leave_the_arguments_alone():
    x = t([1.0, 2.0], requires_grad=True)
    mg.gradcheck(mg.exp, [x])
    mg.gradgradcheck(mg.exp, [x])
    assert (x.tolist(), x.grad) == ([1, 2], None)

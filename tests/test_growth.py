"""What a program does again and again, or with more and more inputs, costs no more each time, and leaves nothing."""

import gc
import tracemalloc

import numpy as np
import pytest
from conftest import leaf

import minigrad as mg
from minigrad.backends.deferred import Partial
from minigrad.primitives.table import FEW


def kept_by(run, *sizes):
    """How many bytes are still held after `run(n)` for each n of `sizes`; what a first call sets up does not count."""
    run(sizes[0])
    gc.collect()
    tracemalloc.start()
    try:
        for n in sizes:
            run(n)
        gc.collect()
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


def test_unrolling_any_number_of_steps_leaves_nothing():
    gru = mg.nn.GRU(2, 2)

    def run(n):
        gru(mg.ones((n, 1, 2)))[0].sum().backward()
        gru.zero_grad()

    assert kept_by(run, *range(1, 40)) < 20_000


@pytest.mark.parametrize("join", [mg.stack, mg.concat])
def test_joining_any_number_of_tensors_leaves_nothing(join):
    def run(n):
        join([mg.ones(2, requires_grad=True) for _ in range(n)]).sum().backward()

    assert kept_by(run, *range(1, 100)) < 20_000


@pytest.mark.parametrize("n", [1, FEW - 1, FEW, FEW + 1, 40])
def test_gradients_of_any_number_of_inputs(n, backend):
    xs = [leaf(1.0 + i, 2.0 - i) for i in range(n)]
    weights = mg.tensor(np.random.default_rng(0).standard_normal((n, 2)))
    first = mg.autograd.differentiate((mg.stack(xs) ** 3 * weights).sum(), xs, create_graph=True)
    for i, (x, slope) in enumerate(zip(xs, first, strict=True)):
        np.testing.assert_allclose(slope.detach().numpy(), 3 * x.detach().numpy() ** 2 * weights[i].numpy())
    (mg.concat(first) ** 2).sum().backward()
    for i, x in enumerate(xs):
        x_i, w_i = x.detach().numpy(), weights[i].numpy()
        np.testing.assert_allclose(x.grad.numpy(), 36 * x_i**3 * w_i**2, rtol=1e-12)


@pytest.mark.parametrize("n", [2, FEW, FEW + 1, 12])
@pytest.mark.parametrize("tracked", ["first", "last", "two", "all"])
def test_only_the_operands_that_others_need_are_kept(n, tracked):
    which = {"first": [0], "last": [n - 1], "two": [0, n - 1], "all": range(n)}[tracked]
    values = [np.array([1.0 + i, 2.0]) for i in range(n)]
    xs = [mg.tensor(v, requires_grad=i in which) for i, v in enumerate(values)]
    out = mg.einsum(",".join("a" * n) + "->", *xs)
    own = which[0] if len(which) == 1 else None
    assert [kept is not None for kept in out.node.saved] == [False, *(i != own for i in range(n))]
    out.backward()
    for i in which:
        others = np.prod([v for j, v in enumerate(values) if j != i], axis=0)
        np.testing.assert_allclose(xs[i].grad.numpy(), others)


class Sized:
    """Stands for an array; counts how often it was asked for its size."""

    dtype = np.dtype("float64")
    asked = 0

    @property
    def size(self):
        Sized.asked += 1
        return 1


def test_parts_of_a_gradient_are_counted_once():
    Sized.asked = 0
    total = Partial(Sized(), 0, (10_000,))
    for i in range(1, 5000):
        total.add(Partial(Sized(), i, (10_000,)), None)
        assert not total.outgrown()
    assert Sized.asked <= 5000


def test_parts_that_overlap_outgrow_their_array():
    total = Partial(Sized(), 0, (20,))
    grown = []
    for i in range(1, 60):
        total.add(Partial(Sized(), 0, (20,)), None)
        if total.outgrown():
            grown.append(i)
    assert grown[0] == 47  # the 48th part, of one element each: more than twice the 20 of the array


def test_a_recomputed_function_runs_once_more_whichever_inputs_it_reads():
    calls = []

    def twice_the_first(a, b, c):
        calls.append(1)
        return 2 * a

    xs = [leaf(1.0, 2.0) for _ in range(3)]
    mg.recompute(twice_the_first, *xs).sum().backward()
    assert len(calls) == 2
    assert [x.grad is None for x in xs] == [False, True, True]


def test_the_gradient_of_a_product_takes_memory_for_its_elements_alone():
    x = mg.tensor(1 + 1e-5 * np.random.default_rng(0).standard_normal(20_000), requires_grad=True)
    tracemalloc.start()
    try:
        mg.prod(x).backward()
        assert tracemalloc.get_traced_memory()[1] < 100 * x.nbytes
    finally:
        tracemalloc.stop()
    np.testing.assert_allclose(x.grad.numpy(), mg.prod(x).item() / x.detach().numpy(), rtol=1e-10)


def test_splitting_into_any_number_of_pieces_leaves_nothing():
    def run(n):
        mg.concat(mg.split(mg.ones((n, 2), requires_grad=True), [1] * n)).sum().backward()

    assert kept_by(run, *range(9, 100)) < 20_000


def test_functions_that_a_program_makes_again_and_again_leave_nothing():
    def run(_):
        @mg.primitive(vjp=lambda g, x, xp: g * xp.cos(x))
        def sine(x, *, xp):
            return xp.sin(x)

        sine(mg.ones(2, requires_grad=True)).sum().backward()

    assert kept_by(run, *range(50)) < 5_000


def test_a_list_of_modules_names_each_once(monkeypatch):
    named = []
    monkeypatch.setattr(mg.nn.Identity, "_name_scope", lambda self, name: named.append(name))
    layers = mg.nn.ModuleList()
    for _ in range(50):
        layers.append(mg.nn.Identity())
    assert len(named) <= 100
    assert named[-1] == "49"

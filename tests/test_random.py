"""Random tensors: the same seed gives the same numbers, and they are spread as they should be."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import random

DRAWS = {
    "normal": lambda g: random.normal((3, 2), mean=1.0, std=2.0, generator=g),
    "uniform": lambda g: random.uniform((3,), low=-1, high=1, generator=g),
    "randint": lambda g: random.randint(0, 100, (5,), generator=g),
    "permutation": lambda g: random.permutation(20, generator=g),
    "bernoulli": lambda g: random.bernoulli(0.5, (20,), generator=g),
    "dropout": lambda g: mg.functional.dropout(mg.ones(20), 0.5, generator=g),
    "choice": lambda g: mg.tensor([random.choice([1, 2, 3], g) for _ in range(9)]),
}


@pytest.mark.parametrize("name", DRAWS)
def test_the_same_seed_gives_the_same_numbers(name, backend):
    draw = DRAWS[name]
    one, two, other = (draw(random.Generator(seed)).tolist() for seed in (1, 1, 2))
    assert one == two
    assert one != other
    mg.manual_seed(5)
    first, second = draw(None).tolist(), draw(None).tolist()
    assert first != second
    mg.manual_seed(5)
    assert [draw(None).tolist(), draw(None).tolist()] == [first, second]


def test_a_generator_goes_on_from_a_stored_state(backend):
    g = random.Generator(3)
    random.normal((10,), generator=g)
    state = g.get_state()
    wanted = [random.normal((4,), generator=g).tolist(), random.randint(0, 9, (4,), generator=g).tolist()]
    later = random.Generator(99)
    later.set_state(state)
    assert [
        random.normal((4,), generator=later).tolist(),
        random.randint(0, 9, (4,), generator=later).tolist(),
    ] == wanted
    assert g.manual_seed(3) is g


def test_an_own_generator_leaves_the_default_one_alone():
    mg.manual_seed(1)
    wanted = random.uniform(3).tolist()
    mg.manual_seed(1)
    random.uniform(100, generator=random.Generator(7))
    assert random.uniform(3).tolist() == wanted


def test_shapes_types_and_backends(backend):
    g = random.Generator(0)
    for shape in ((), 3, (2, 0), (2, 3)):
        full = (shape,) if isinstance(shape, int) else shape
        for t, kind in (
            (random.normal(shape, generator=g), "float32"),
            (random.uniform(shape, dtype="float64", generator=g), "float64"),
            (random.normal(shape, dtype="float16", std=2, generator=g), "float16"),
            (random.randint(0, 3, shape, generator=g), "int64"),
            (random.randint(0, 3, shape, dtype="int8", generator=g), "int8"),
            (random.bernoulli(0.5, shape, g), "bool"),
        ):
            assert (t.shape, str(t.dtype), t.backend.name) == (full, kind, backend)
            assert type(t.array) is t.backend.array_type
    assert random.normal(2, requires_grad=True).requires_grad
    assert random.permutation(0).tolist() == []


def test_numbers_are_spread_as_they_should_be():
    g, n = random.Generator(0), 40_000
    x = random.normal(n, mean=3.0, std=2.0, generator=g, dtype="float64").numpy()
    assert x.mean() == pytest.approx(3, abs=5 * 2 / n**0.5)
    assert x.std() == pytest.approx(2, abs=5 * 2 / (2 * n) ** 0.5)
    u = random.uniform(n, low=-2.0, high=6.0, generator=g, dtype="float64").numpy()
    assert -2 <= u.min() < -1.99
    assert 5.99 < u.max() < 6
    assert u.mean() == pytest.approx(2, abs=5 * 8 / (12 * n) ** 0.5)
    i = random.randint(-2, 3, n, generator=g).numpy()
    assert sorted(set(i.tolist())) == [-2, -1, 0, 1, 2]
    assert np.abs(np.bincount(i + 2) / n - 0.2).max() < 5 * (0.16 / n) ** 0.5
    b = random.bernoulli(0.3, n, g).numpy()
    assert b.mean() == pytest.approx(0.3, abs=5 * (0.21 / n) ** 0.5)
    assert sorted(random.permutation(100, g).tolist()) == list(range(100))


def test_probabilities_of_zero_and_one_are_certain():
    assert not random.bernoulli(0.0, 1000).numpy().any()
    assert random.bernoulli(1.0, 1000).numpy().all()


def test_choice_follows_its_weights():
    g = random.Generator(4)
    drawn = [random.choice(mg.tensor([1.0, 0.0, 3.0]), g) for _ in range(2000)]
    assert drawn.count(1) == 0
    assert drawn.count(2) / 2000 == pytest.approx(0.75, abs=0.05)
    assert {random.choice([0.0, 5.0, 0.0], g) for _ in range(20)} == {1}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: mg.manual_seed(-1), "seed"),
        (lambda: random.Generator(1.5), "seed"),
        (lambda: random.normal(2, std=-1.0), "standard deviation"),
        (lambda: random.uniform(2, low=1.0, high=0.0), "uniform"),
        (lambda: random.randint(3, 3), "randint"),
        (lambda: random.bernoulli(1.5), "probability"),
        (lambda: random.choice([]), "vector"),
        (lambda: random.choice([0.0, 0.0]), "weights"),
        (lambda: random.choice([1.0, -1.0]), "weights"),
        (lambda: random.choice([1.0, np.nan]), "weights"),
        (lambda: random.choice([1.0, np.inf]), "weights"),
        (lambda: random.normal((2, -1)), "negative"),
        (lambda: mg.functional.dropout(mg.ones(2), 1.5), "probability"),
    ],
)
def test_what_cannot_be_drawn_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()


def test_a_refused_seed_changes_nothing():
    mg.manual_seed(1)
    wanted = random.uniform(3).tolist()
    mg.manual_seed(1)
    with pytest.raises(ValueError, match="seed"):
        mg.manual_seed(-1)
    assert random.uniform(3).tolist() == wanted


def test_integers_are_not_drawn_as_floats():
    with pytest.raises(TypeError, match="floats, not int64"):
        random.normal(2, dtype="int64")


def test_each_backend_has_a_default_generator():
    pytest.importorskip("numba")
    mg.manual_seed(2)
    one = random.uniform(3).tolist()
    with mg.use_backend("numba"):
        other = random.uniform(3)
        assert other.backend.name == "numba"
        assert random.default_generator().backend.name == "numba"
    assert random.default_generator("numpy").backend.name == "numpy"
    assert other.tolist() == one  # the same seed, and the same kind of generator


@pytest.mark.parametrize("generator", [4, np.random.default_rng(0)])
def test_only_a_generator_of_ours_gives_numbers(generator):
    with pytest.raises(TypeError, match=r"mg\.random\.Generator"):
        mg.random.normal((2,), generator=generator)
    with pytest.raises(TypeError, match=r"mg\.random\.Generator"):
        mg.random.permutation(3, generator)

"""Reading and updating by index, and sorting, against PyTorch."""

# ruff: noqa: B023  (functions made in a loop are called in the same turn)

import numpy as np
import pytest
from parity import INF, NAN, TF, compare, rng_for, ties, torch

import minigrad as mg

INDICES = [
    0,
    -1,
    slice(1, None),
    slice(None, None, 2),
    (slice(None), 1),
    (..., 0),
    (None, 1),
    (1, ..., None, slice(0, 2)),
    [0, 2, 2, 0],
    (slice(None), [1, 1, 0]),
    ([0, 1, 0], [1, 2, 1]),
    ([0, 1, 2], slice(None), [1, 1, 1]),
    (slice(None), [[0, 1], [1, 1]], 0),
    np.array([True, False, True]),
]


@pytest.mark.parametrize("index", INDICES, ids=str)
def test_reading_by_index(index, dtype):
    """Gradients of positions read several times add up."""
    compare(lambda x: x[index], lambda x: x[index], [np.arange(36.0).reshape(3, 4, 3)], dtype)


def test_reading_by_a_range(dtype):
    """As in a negative log-likelihood: logits[range(n), targets]."""
    x, targets = np.arange(12.0).reshape(3, 4), [2, 0, 3]
    compare(lambda x: x[range(3), targets], lambda x: x[range(3), targets], [x], dtype)
    compare(lambda x: x[range(1, 3)], lambda x: x[range(1, 3)], [x], dtype)


def test_reading_with_a_negative_step():
    """PyTorch has none."""
    assert mg.arange(4)[::-1].tolist() == [3, 2, 1, 0]
    with pytest.raises(ValueError):
        torch.arange(4)[::-1]


def test_reading_by_mask(dtype):
    x = np.array([[1.0, NAN], [-1.0, INF]])
    compare(lambda x: x[x > 0], lambda x: x[x > 0], [x], dtype)


def test_updates_by_index(dtype):
    rng = rng_for("updates")
    x, values, index = rng.standard_normal((4, 2)), rng.standard_normal((3, 2)), [1, 3, 1]
    at = torch.tensor(index)
    compare(lambda x, v: x.at[index].add(v), lambda x, v: x.index_add(0, at, v), [x, values], dtype)
    compare(lambda x, v: x.at[[1, 3]].set(v), lambda x, v: x.index_put((at[:2],), v), [x, values[:2]], dtype)
    compare(lambda x, v: x.at[1:3].set(v), lambda x, v: torch.slice_scatter(x, v, 0, 1, 3), [x, values[:2]], dtype)


def test_setting_a_position_twice_gives_the_gradient_to_the_value_that_stays():
    """PyTorch gives it to both values; finite differences say that the first one changes nothing."""
    values = mg.tensor([5.0, 7.0], requires_grad=True)
    out = mg.zeros(3).at[[1, 1]].set(values)
    assert out.tolist() == [0, 7, 0]
    out.sum().backward()
    assert values.grad.tolist() == [0, 1]
    theirs = torch.tensor([5.0, 7.0], requires_grad=True)
    torch.zeros(3).index_put((torch.tensor([1, 1]),), theirs).sum().backward()
    assert theirs.grad.tolist() == [1, 1]


def test_take(dtype):
    x = rng_for("take").standard_normal((3, 4))
    at = np.array([2, 0, 2])
    compare(lambda x: mg.take(x, at, 0), lambda x: torch.index_select(x, 0, torch.tensor(at)), [x], dtype)
    along = np.array([[0, 0, 3], [1, 2, 2], [3, 3, 3]])
    compare(
        lambda x: mg.take_along_axis(x, along, 1), lambda x: torch.take_along_dim(x, torch.tensor(along), 1), [x], dtype
    )


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("axis", [0, 1])
def test_sorting(axis, descending, dtype):
    """Equal elements keep their order in both directions; NaN counts as the largest."""
    x = ties(4, 5)(rng_for("sort"))
    x[0, 1], x[2, 1], x[1, 3] = NAN, INF, -INF
    compare(
        lambda x: (mg.sort(x, axis, descending), mg.argsort(x, axis, descending)),
        lambda x: tuple(torch.sort(x, dim=axis, descending=descending, stable=True)),
        [x],
        dtype,
    )


@pytest.mark.parametrize("largest", [True, False])
def test_topk(largest, dtype):
    x = rng_for("topk").permutation(20.0 * np.arange(12)).reshape(3, 4) / 7
    for axis, k in ((1, 2), (0, 3), (1, 0)):
        compare(
            lambda x: mg.topk(x, k, axis, largest),
            lambda x: tuple(torch.topk(x, k, dim=axis, largest=largest)),
            [x],
            dtype,
        )


def test_one_hot_and_nonzero():
    at = np.array([[0, 2], [1, 1]])
    want = TF.one_hot(torch.tensor(at), 3).numpy()
    assert (mg.one_hot(at, 3).numpy() == want).all()
    x = np.array([[0.0, 1.0, NAN], [2.0, 0.0, -0.0]])
    ours, theirs = mg.nonzero(mg.tensor(x)), torch.nonzero(torch.tensor(x), as_tuple=True)
    assert [a.tolist() for a in ours] == [b.tolist() for b in theirs]

"""Sequences of different lengths: padding, and batches of similar lengths."""

import numpy as np
import pytest

from minigrad.data import bucketed, pad, padding_share, unpad

pytest.importorskip("hypothesis")
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

LENGTHS = st.lists(st.integers(0, 20), max_size=60)
SHAPES = st.tuples(st.lists(st.integers(0, 6), min_size=1, max_size=6), st.lists(st.integers(1, 3), max_size=2))


@st.composite
def sequences(draw):
    lengths, rest = draw(SHAPES)
    dtype = draw(st.sampled_from(["float32", "int64", "uint8", "bool"]))
    return [draw(arrays.arrays(dtype, (length, *rest))) for length in lengths]


# --- padding ----------------------------------------------------------------------------------------------------------


def test_sequences_stand_side_by_side_in_time():
    padded, lengths = pad([[1, 2, 3], [4]], value=-1)
    assert padded.tolist() == [[1, 4], [2, -1], [3, -1]]
    assert lengths.tolist() == [3, 1]
    assert lengths.dtype == np.int64
    assert pad([[1, 2, 3], [4]], value=-1, batch_first=True)[0].tolist() == [[1, 2, 3], [4, -1, -1]]


@given(sequences(), st.booleans())
def test_unpad_undoes_pad(given_sequences, batch_first):
    padded, lengths = pad(given_sequences, batch_first=batch_first)
    for a, b in zip(given_sequences, unpad(padded, lengths, batch_first), strict=True):
        np.testing.assert_array_equal(a, b, strict=True)


@given(sequences())
def test_what_is_filled_up_is_zero(given_sequences):
    padded, lengths = pad(given_sequences)
    for b, length in enumerate(lengths):
        assert not padded[length:, b].any()
    assert padded.shape[:2] == (lengths.max(), len(given_sequences))


def test_padding_is_that_of_pytorch():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    steps = [rng.normal(size=(length, 3)).astype(np.float32) for length in (4, 7, 1)]
    expected = torch.nn.utils.rnn.pad_sequence([torch.tensor(s) for s in steps], padding_value=2.0)
    np.testing.assert_array_equal(pad(steps, value=2.0)[0], expected.numpy())


def test_an_empty_list_does_not_make_floats_of_integers():
    padded, lengths = pad([[], [1, 2]])
    assert padded.dtype == np.int64
    assert lengths.tolist() == [0, 2]


@pytest.mark.parametrize(
    ("given_sequences", "value", "message"),
    [
        ([], 0, "no sequence"),
        ([[1], 2], 0, "sequence 1 is a single value"),
        ([np.zeros((2, 3)), np.zeros((2, 4))], 0, r"steps of shape \(3,\), sequence 1 of shape \(4,\)"),
        ([[1, 2]], 0.5, "int64 cannot be filled up with 0.5"),
        ([[1, 2]], np.nan, "cannot be filled up with nan"),
        ([np.zeros(2, np.uint8)], -1, "uint8 cannot be filled up with -1"),
        ([[1.0]], [0, 1], "cannot be filled up"),
        ([[1.0]], "x", "cannot be filled up"),
    ],
)
def test_what_cannot_be_padded(given_sequences, value, message):
    with pytest.raises(ValueError, match=message):
        pad(given_sequences, value)


@pytest.mark.parametrize(
    ("shape", "lengths"), [((3,), [3]), ((3, 2), [1]), ((3, 2), [1, 4]), ((3, 2), [-1, 2]), ((3, 2), [1.0, 2.0])]
)
def test_lengths_that_do_not_fit(shape, lengths):
    with pytest.raises(ValueError):
        unpad(np.zeros(shape), lengths)


# --- buckets ----------------------------------------------------------------------------------------------------------


@given(LENGTHS, st.integers(1, 9), st.integers(1, 5), st.one_of(st.none(), st.integers(0, 9)))
def test_every_index_is_in_one_batch(lengths, batch, pool, seed):
    batches = bucketed(lengths, batch, None if seed is None else np.random.default_rng(seed), pool)
    assert sorted(i for indices in batches for i in indices.tolist()) == list(range(len(lengths)))
    assert sorted(map(len, batches), reverse=True)[: len(lengths) // batch] == [batch] * (len(lengths) // batch)
    assert sum(len(indices) < batch for indices in batches) == (len(lengths) % batch > 0)


@given(LENGTHS, st.integers(0, 9))
def test_the_same_generator_makes_the_same_batches(lengths, seed):
    one, two = (bucketed(lengths, 4, np.random.default_rng(seed), 2) for _ in range(2))
    assert all((a == b).all() for a, b in zip(one, two, strict=True))


def test_another_epoch_comes_in_another_order():
    lengths = np.arange(100) % 7
    one, two = (bucketed(lengths, 5, np.random.default_rng([1, epoch])) for epoch in range(2))
    assert any((a != b).any() for a, b in zip(one, two))


def test_without_a_generator_the_whole_is_sorted():
    lengths = np.array([5, 1, 4, 1, 3])
    assert [indices.tolist() for indices in bucketed(lengths, 2)] == [[1, 3], [4, 2], [0]]


def test_similar_lengths_need_little_padding():
    lengths = np.random.default_rng(0).integers(1, 60, 2000)
    shares = [padding_share(lengths, bucketed(lengths, 20, np.random.default_rng(0), pool)) for pool in (1, 10, 100)]
    assert shares[0] > 0.4
    assert shares[1] < 0.1
    assert shares[2] < 0.02
    assert padding_share(lengths, bucketed(lengths, 20)) == shares[2]


def test_the_share_of_padding():
    assert padding_share([1, 3], [[0, 1]]) == pytest.approx(2 / 6)
    assert padding_share([1, 3], [[0], [1]]) == 0
    assert padding_share([0], [[0]]) == 0
    assert padding_share([], []) == 0


@pytest.mark.parametrize("arguments", [([1.5], 1), ([[1]], 1), ([-1], 1), ([1], 0), ([1], 1, None, 0), (["a"], 1)])
def test_what_cannot_be_sorted_into_batches(arguments):
    with pytest.raises(ValueError):
        bucketed(*arguments)

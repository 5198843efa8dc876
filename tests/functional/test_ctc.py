"""Connectionist temporal classification: the loss is the sum over all paths, and decoders find what it prefers."""

import itertools
import math

import numpy as np
import pytest

import minigrad as mg
import minigrad.functional as F
from minigrad.functional.ctc import ctc_beam_decode, ctc_greedy_decode
from minigrad.metrics import edit_distance, error_rate


def logits(*shape, seed=0, scale=1.0):
    return mg.tensor(np.random.default_rng(seed).normal(size=shape) * scale)


def labels_of(path, blank=0):
    return tuple(c for c, _ in itertools.groupby(path) if c != blank)


def by_all_paths(log_probs, blank=0):
    """The log-probability of each label sequence, by adding up all paths (T, C)."""
    totals = {}
    for path in itertools.product(range(log_probs.shape[1]), repeat=len(log_probs)):
        key = labels_of(path, blank)
        totals[key] = np.logaddexp(totals.get(key, -np.inf), sum(log_probs[t, c] for t, c in enumerate(path)))
    return totals


# --- the loss ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("blank", [0, 2])
def test_the_loss_adds_up_all_paths(blank):
    log_probs = F.log_softmax(logits(4, 1, 3))
    for labels, total in by_all_paths(log_probs.numpy()[:, 0], blank).items():
        loss = F.ctc_loss(log_probs, [list(labels)], [4], [len(labels)], blank=blank, reduction="sum")
        assert loss.item() == pytest.approx(-total, rel=1e-12, abs=1e-12), labels


def test_the_losses_of_all_labels_are_a_distribution(backend):
    log_probs = F.log_softmax(logits(3, 1, 3).astype("float64").to(backend))
    total = 0
    for n in range(4):
        for labels in itertools.product((1, 2), repeat=n):
            total += math.exp(-F.ctc_loss(log_probs, [list(labels)], [3], [n], reduction="sum").item())
    assert total == pytest.approx(1, rel=1e-9)


def test_derivatives_of_first_and_second_order():
    targets, frames, lengths = [[1, 1, 2], [2, 0, 0]], [6, 4], [3, 1]
    loss = lambda x: F.ctc_loss(x, targets, frames, lengths)  # of log_probs themselves, not only of log_softmax's
    mg.gradcheck(loss, [F.log_softmax(logits(6, 2, 3))])
    mg.gradgradcheck(loss, [F.log_softmax(logits(6, 2, 3))])


def test_what_cannot_happen_has_no_gradient():
    """Classes of probability 0 and labels that do not fit: nothing is NaN."""
    x = np.random.default_rng(0).normal(size=(4, 2, 3))
    x[:, :, 2] = -np.inf
    for zero_infinity, lost in ((False, math.inf), (True, 0.0)):
        t = mg.tensor(x, requires_grad=True)
        losses = F.ctc_loss(F.log_softmax(t), [[1, 1], [1, 2]], [4, 4], [2, 2], 0, "none", zero_infinity)
        losses.sum().backward()
        assert losses[1].item() == lost
        assert math.isfinite(losses[0].item())
        gradient = t.grad.numpy()
        assert np.isfinite(gradient).all()
        assert not gradient[:, 1].any()
        assert gradient[:, 0, :2].all()


def test_frames_and_labels_beyond_the_lengths_do_not_matter(backend):
    x = logits(6, 2, 4).astype("float32").to(backend)
    one = F.ctc_loss(F.log_softmax(x[:4]), [[1, 2], [3, 3]], [3, 4], [2, 1], reduction="none")
    two = F.ctc_loss(F.log_softmax(x), [[1, 2, 9, 0], [3, -1, 0, 0]], [3, 4], [2, 1], reduction="none")
    three = F.ctc_loss(F.log_softmax(x), mg.tensor([1, 2, 3]), mg.tensor([3, 4]), mg.tensor([2, 1]), reduction="none")
    assert one.tolist() == two.tolist() == three.tolist()
    assert one.backend.name == backend


def test_half_precision_is_computed_in_float32():
    x = F.log_softmax(logits(40, 1, 5).astype("float16"))
    half = F.ctc_loss(x, [[1, 2, 3]], [40], [3])
    assert str(half.dtype) == "float16"
    assert half.item() == pytest.approx(F.ctc_loss(x.astype("float64"), [[1, 2, 3]], [40], [3]).item(), rel=1e-3)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"log_probs": logits(4, 3)}, ValueError, r"must be \(T, B, C\)"),
        ({"targets": [[1, 3], [1, 1]]}, IndexError, "label 3: expected 0 to 2 without the blank 0"),
        ({"targets": [[1, 0], [1, 1]]}, IndexError, "label 0"),
        ({"targets": [[1.0, 2.0], [1.0, 1.0]]}, TypeError, "targets must be integers, not float64"),
        ({"targets": [[1], [1]]}, ValueError, r"shape \(2, 1\) do not fit the target lengths \[2, 2\]"),
        ({"targets": [1, 2, 1]}, ValueError, "all 4 labels"),
        ({"input_lengths": [4, 5]}, ValueError, r"at most 4, not \[4, 5\]"),
        ({"input_lengths": [4]}, ValueError, r"2 numbers, one for each sequence, not of shape \(1,\)"),
        ({"target_lengths": [-1, 2]}, ValueError, "are >= 0"),
        ({"target_lengths": [1.0, 2.0]}, TypeError, "target_lengths must be integers"),
        ({"blank": 3}, ValueError, "one of the 3 classes, not 3"),
        ({"reduction": "max"}, ValueError, "'mean', 'sum' or 'none', not 'max'"),
    ],
)
def test_bad_arguments(change, error, message):
    good = {
        "log_probs": logits(4, 2, 3),
        "targets": [[1, 2], [1, 1]],
        "input_lengths": [4, 4],
        "target_lengths": [2, 2],
    }
    with pytest.raises(error, match=message):
        F.ctc_loss(**(good | change))


# --- decoding ---------------------------------------------------------------------------------------------------------


def test_the_best_path_is_merged_and_its_blanks_go(backend):
    path = np.array([[0, 1, 1, 0, 1, 2, 2], [3, 3, 0, 0, 2, 1, 1]]).T
    scores = mg.one_hot(mg.tensor(path), 4)
    assert [x.tolist() for x in ctc_greedy_decode(scores)] == [[1, 1, 2], [3, 2, 1]]
    assert [x.tolist() for x in ctc_greedy_decode(scores, [3, 0])] == [[1], []]
    assert [x.tolist() for x in ctc_greedy_decode(scores, blank=1)] == [[0, 0, 2], [3, 0, 2]]


@pytest.mark.parametrize("blank", [0, 1])
def test_a_wide_beam_finds_the_probabilities_of_all_label_sequences(blank):
    log_probs = F.log_softmax(logits(4, 2, 3, seed=3))
    for b, found in enumerate(ctc_beam_decode(log_probs, [4, 3], blank, width=1000)):
        wanted = by_all_paths(log_probs.numpy()[: 4 - b, b], blank)
        assert dict(found) == pytest.approx(wanted, rel=1e-9)
        scores = [score for _, score in found]
        assert scores == sorted(scores, reverse=True)


def test_the_beam_prefers_labels_with_many_paths():
    """The example of Graves (2012, section 7.5): the best path is all blanks, the best labelling is not."""
    log_probs = np.log([[[0.6, 0.4]], [[0.6, 0.4]]])
    assert ctc_greedy_decode(log_probs)[0].tolist() == []
    (labels, score), *_ = ctc_beam_decode(log_probs)[0]
    assert labels == (1,)
    assert score == pytest.approx(math.log(0.64))


def test_a_language_model_changes_what_the_beam_finds():
    log_probs = np.log(np.full((5, 1, 3), 1 / 3))
    never_twice = lambda prefix, label: -math.inf if label in prefix else 5.0
    (labels, _), *_ = ctc_beam_decode(log_probs, extend=never_twice)[0]
    assert sorted(labels) == [1, 2]


def test_labels_can_be_pruned_and_the_beam_be_narrow():
    log_probs = F.log_softmax(logits(12, 1, 6, seed=5, scale=6.0))
    (labels, _), *_ = ctc_beam_decode(log_probs, width=2, prune=math.log(1e-3))[0]
    assert labels == ctc_beam_decode(log_probs, width=50)[0][0][0]
    assert len(ctc_beam_decode(log_probs, width=2)[0]) == 2
    with pytest.raises(ValueError, match="width must be >= 1, not 0"):
        ctc_beam_decode(log_probs, width=0)


# --- errors of letters ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("a", "b", "distance"),
    [
        ("kitten", "sitting", 3),
        ("intention", "execution", 5),
        ("", "abc", 3),
        ("abc", "", 3),
        ("", "", 0),
        ("ab", "ba", 2),
    ],
)
def test_known_edit_distances(a, b, distance):
    assert edit_distance(a, b) == edit_distance(list(a), list(b)) == distance


def test_edit_distance_is_the_recursive_definition():
    def recursive(a, b):
        if not a or not b:
            return len(a) + len(b)
        return min(recursive(a[1:], b) + 1, recursive(a, b[1:]) + 1, recursive(a[1:], b[1:]) + (a[0] != b[0]))

    strings = ["".join(letters) for n in range(5) for letters in itertools.product("ab", repeat=n)]
    for a, b in itertools.product(strings, strings):
        assert edit_distance(a, b) == recursive(a, b), (a, b)


def test_error_rates():
    assert error_rate(["abd", ""], ["abc", "d"]) == 2 / 4
    assert error_rate([["the", "cat"]], [["the", "hat"]]) == 1 / 2
    assert error_rate([np.array([1, 2])], [(1, 2)]) == 0
    with pytest.raises(ValueError, match="1 predictions for 2 references"):
        error_rate(["a"], ["a", "b"])
    with pytest.raises(ValueError, match="references are empty"):
        error_rate(["a"], [""])

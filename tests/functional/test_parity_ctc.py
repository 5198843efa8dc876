"""Connectionist temporal classification against PyTorch: values, gradients for logits, lengths, what is impossible.

PyTorch gives the gradient for `log_probs` as if they came out of log_softmax, so all comparisons go through it.
"""

from itertools import pairwise

import numpy as np
import pytest
from parity import TF, compare, rng_for, torch

import minigrad.functional as F

pytest.importorskip("hypothesis")

from hypothesis import given, settings
from hypothesis import strategies as st

REDUCED = ["mean", "sum", "none"]


def both(targets, input_lengths, target_lengths, **options):
    return (
        lambda x: F.ctc_loss(F.log_softmax(x), targets, input_lengths, target_lengths, **options),
        lambda x: TF.ctc_loss(
            x.log_softmax(-1),
            torch.tensor(targets, dtype=torch.int64),
            torch.tensor(input_lengths),
            torch.tensor(target_lengths),
            **options,
        ),
    )


@pytest.mark.parametrize("reduction", REDUCED)
@pytest.mark.parametrize("blank", [0, 2, 4])
def test_ctc_loss(reduction, blank, dtype):
    labels = [c for c in range(5) if c != blank]
    targets = rng_for("ctc").choice(labels, (3, 4))
    targets[0] = labels[0]  # repeated labels need blanks between them
    x = rng_for("ctc logits").standard_normal((9, 3, 5)) * 2
    ours, theirs = both(targets, [9, 7, 8], [4, 3, 0], blank=blank, reduction=reduction)
    compare(ours, theirs, [x], dtype)


@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_ctc_loss_of_any_lengths(data):
    """Whatever fits; what does not fit is in the next test, since PyTorch's gradient is NaN there."""
    batch, classes = data.draw(st.integers(1, 3)), data.draw(st.integers(2, 4))
    targets = [data.draw(st.lists(st.integers(1, classes - 1), max_size=4)) for _ in range(batch)]
    least = [len(t) + sum(a == b for a, b in pairwise(t)) for t in targets]
    frames = [data.draw(st.integers(max(1, n), n + 4)) for n in least]
    x = np.random.default_rng(data.draw(st.integers(0, 99))).standard_normal((max(frames) + 1, batch, classes))
    joined = [c for t in targets for c in t]
    for reduction in REDUCED:
        ours, theirs = both(joined, frames, [len(t) for t in targets], reduction=reduction)
        compare(ours, theirs, [x], "float64")


@pytest.mark.parametrize("reduction", REDUCED)
@pytest.mark.parametrize("frames", [[3, 3, 2], [0, 3, 0]])
def test_labels_that_do_not_fit_into_the_frames(reduction, frames):
    x = rng_for("ctc").standard_normal((3, 3, 4))
    targets, lengths = [[1, 1, 1], [1, 2, 1], [0, 0, 0]], [3, 3, 0]
    ours, theirs = both(targets, frames, lengths, reduction=reduction)
    compare(ours, theirs, [x], "float64", gradients=False)
    ours, theirs = both(targets, frames, lengths, reduction=reduction, zero_infinity=True)
    compare(ours, theirs, [x], "float64")

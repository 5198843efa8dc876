"""Faults put into a series at known places, and how well they are found."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.extras import extra

FAULTS = {"spike": 1, "stuck": 8, "drift": 12}  # steps that each lasts
RECOVERY = 8  # steps after a fault that count for nothing: what was read before them was wrong
MEMORY = 0.75  # what a running mean of errors keeps from step to step
APART = max(FAULTS.values()) + RECOVERY  # steps that a fault needs


def inject(
    values: np.ndarray, begin: int, size: float, rng: np.random.Generator, lowest: float = -np.inf
) -> tuple[np.ndarray, np.ndarray]:
    """A copy of a series with one fault of each kind.

    A spike is `size` too high. A stuck value stays what it was. A drift grows in a line to `size` too high or too low.

    Args:
        values: the series (T,).
        begin: faults are put into values[begin:].
        size: of a fault, in the unit of the values.
        rng: decides on order and places.
        lowest: the least possible value.

    Returns the copy, and what each value is, int (T,): 0 as it was, 1, 2, 3 the kinds in the order of `FAULTS`, -1 not
    counted. Raises ValueError if three faults do not fit into so few values.
    """
    room = (len(values) - begin) // len(FAULTS)
    if room < APART:
        raise ValueError(f"{len(FAULTS)} faults need {len(FAULTS) * APART} values, not {len(values) - begin}")
    faulty, what = np.array(values, float), np.zeros(len(values), int)
    for block, kind in enumerate(rng.permutation(list(FAULTS))):
        steps = FAULTS[kind]
        start = begin + block * room + int(rng.integers(room - APART + 1))
        place = slice(start, start + steps)
        if kind == "spike":
            faulty[place] += size
        elif kind == "stuck":
            faulty[place] = faulty[start - 1]
        else:
            faulty[place] += rng.choice([-1, 1]) * size * np.arange(1, steps + 1) / steps
        what[place] = 1 + list(FAULTS).index(kind)
        what[start + steps : start + steps + RECOVERY] = -1
    return np.maximum(faulty, lowest), what


def unexpected(errors: np.ndarray, usual: np.ndarray) -> np.ndarray:
    """How unexpected values are, by the errors of their forecasts (T, B); scores (T, B).

    A score is the larger of two: the error, and the running mean of errors (Roberts, Control chart tests based on
    geometric moving averages, 1959), which also tells small errors that are always to the same side. Both are measured
    in their standard deviations where `usual` (T,) is True. NaN counts as no error.
    """
    errors = np.nan_to_num(errors)
    means, mean = np.zeros_like(errors), np.zeros(errors.shape[1])
    for t, error in enumerate(errors):
        mean = means[t] = MEMORY * mean + (1 - MEMORY) * error
    return np.maximum(*(np.abs(x) / np.sqrt(np.mean(x[usual] ** 2)) for x in (errors, means)))


def detection(scores: np.ndarray, what: np.ndarray, threshold: float) -> dict[str, Any]:
    """How well scores find faults.

    Args:
        scores: one for each value, higher for what is less expected, (T, B).
        what: what each value is, (T, B), as from `inject`.
        threshold: what scores higher than this is reported.

    Returns the share of false alarms among values without fault, and for each kind: "auc", the area under the ROC curve
    (the probability that a faulty value scores higher than one without fault), and the shares of faulty "values" that
    are reported, and of "faults" with at least one such value. Raises ImportError without scikit-learn.
    """
    metrics = extra("sklearn.metrics", "the areas need scikit-learn", "data")
    fine = scores[what == 0]
    found: dict[str, Any] = {"false_alarms": float((fine > threshold).mean())}
    for number, kind in enumerate(FAULTS, 1):
        at = what == number
        score = scores[at]
        truth = np.repeat([0, 1], [len(fine), len(score)])
        found[kind] = {
            "auc": float(metrics.roc_auc_score(truth, np.concatenate([fine, score]))),
            "values": float((score > threshold).mean()),
            "faults": float((at & (scores > threshold)).any(axis=0).mean()),
        }
    return found

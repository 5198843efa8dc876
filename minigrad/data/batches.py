"""Batches of sequences of different lengths: padding, and batches of similar lengths."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np


def pad(sequences: Iterable[Any], value: Any = 0, batch_first: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Sequences of different lengths as one array, filled up at their ends.

    Args:
        sequences: B arrays of numbers of shape (T_b, ...), alike but for T_b.
        value: what fills the rest.
        batch_first: the axes are (B, T, ...) and not (T, B, ...).

    Returns:
        The array of shape (T, B, ...), where T is the longest T_b, and the lengths T_b, int64 of shape (B,).

    Raises ValueError if there is no sequence, if they differ in more than length, or if their type cannot hold `value`.
    """
    arrays = [np.asarray(sequence) for sequence in sequences]
    if not arrays:
        raise ValueError("there is no sequence to pad")
    for b, array in enumerate(arrays):
        if array.ndim == 0:
            raise ValueError(f"sequence {b} is a single value, {array[()]!r}; a sequence has at least one axis")
        if array.shape[1:] != arrays[0].shape[1:]:
            raise ValueError(
                f"sequences may differ in length alone: sequence 0 has steps of shape {arrays[0].shape[1:]}, "
                f"sequence {b} of shape {array.shape[1:]}"
            )
    # An empty list says nothing of a type: NumPy takes it for floats.
    dtype = np.result_type(*(array.dtype for array in arrays if array.size or not any(a.size for a in arrays)))
    filling = np.asarray(value)
    if not _holds(dtype, filling):
        raise ValueError(f"sequences of {dtype} cannot be filled up with {value!r}")
    lengths = np.array([len(array) for array in arrays], np.int64)
    padded = np.full((lengths.max(), len(arrays), *arrays[0].shape[1:]), filling, dtype)
    for b, array in enumerate(arrays):
        padded[: len(array), b] = array
    return (np.ascontiguousarray(padded.swapaxes(0, 1)) if batch_first else padded), lengths


def _holds(dtype: np.dtype, value: np.ndarray) -> bool:
    """Whether a type of numbers holds a value: floats up to rounding, others exactly."""
    if value.ndim or value.dtype.kind not in "biuf" or dtype.kind not in "biuf":
        return False
    with np.errstate(invalid="ignore"):  # NaN as an integer
        return dtype.kind == "f" or bool(value.astype(dtype) == value)


def unpad(padded: Any, lengths: Any, batch_first: bool = False) -> list[np.ndarray]:
    """The sequences that `pad` put together: a list of B arrays of shape (T_b, ...).

    Raises ValueError if the lengths do not fit the array.
    """
    array, lengths = np.asarray(padded), np.asarray(lengths)
    if array.ndim < 2:
        raise ValueError(f"a batch of sequences has axes for time and batch, not the shape {array.shape}")
    if batch_first:
        array = array.swapaxes(0, 1)
    steps, batch = array.shape[:2]
    if lengths.shape != (batch,) or lengths.dtype.kind not in "iu":
        raise ValueError(f"{batch} sequences need {batch} whole lengths, not {lengths.dtype} of shape {lengths.shape}")
    if ((lengths < 0) | (lengths > steps)).any():
        raise ValueError(f"the lengths must lie in 0 to {steps}; they lie in {lengths.min()} to {lengths.max()}")
    return [array[:length, b] for b, length in enumerate(lengths.tolist())]


def bucketed(lengths: Any, batch: int, rng: np.random.Generator | None = None, pool: int = 50) -> list[np.ndarray]:
    """Batches of sequences of similar lengths, for little padding: one epoch.

    The sequences are shuffled, cut into pools of `pool` batches, sorted by length within each pool, and cut into
    batches, which come in random order. A larger pool means less padding and less chance in what meets in a batch.

    Args:
        lengths: of all N sequences, integers of shape (N,).
        batch: sequences in a batch; one batch may have fewer.
        rng: makes the order; the same state makes the same batches. None: nothing is random, and the sequences are
            sorted as a whole, shortest first.
        pool: batches in a pool.

    Returns:
        Indices, int64 of shape (batch,), by batch. Every index from 0 to N - 1 is in one of them, once.

    Raises ValueError if the lengths are not a vector of integers, or `batch` or `pool` is less than 1.
    """
    lengths = _vector(lengths)
    if batch < 1 or pool < 1:
        raise ValueError(f"batch and pool must be at least 1, not {batch} and {pool}")
    order = np.arange(len(lengths)) if rng is None else rng.permutation(len(lengths))
    size = max(len(lengths), 1) if rng is None else pool * batch
    batches = []
    for start in range(0, len(order), size):
        part = order[start : start + size]
        part = part[np.argsort(lengths[part], kind="stable")]
        batches += [part[i : i + batch] for i in range(0, len(part), batch)]
    return batches if rng is None else [batches[i] for i in rng.permutation(len(batches))]


def padding_share(lengths: Any, batches: Sequence[Any]) -> float:
    """The share of padding, 0 to 1, in all steps of the batches: what `bucketed` is there to keep small."""
    lengths = _vector(lengths)
    used = sum(int(lengths[indices].sum()) for indices in batches)
    steps = sum(int(lengths[indices].max()) * len(indices) for indices in batches)
    return 1 - used / steps if steps else 0.0


def _vector(lengths: Any) -> np.ndarray:
    array = np.asarray(lengths)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise ValueError(f"lengths are a vector of integers, not {array.dtype} of shape {array.shape}")
    if array.size and array.min() < 0:
        raise ValueError(f"a length is not negative, as {array.min()} is")
    return array.astype(np.int64)

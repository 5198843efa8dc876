"""Small images of handwritten digits."""

from __future__ import annotations

import numpy as np

from ..extras import extra

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")  # of digits


def digit_images() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The 1,797 digits that come with scikit-learn, by split: "train" (1,397), "valid" (200) and "test" (200).

    Each split is a pair: images, float32 from 0 to 1, of shape (N, 8, 8), and labels 0 to 9, int64 of shape (N,). Of
    nine images one after the other, the first is in the test set, the second in the validation set. The digits begin in
    order, 0 to 9 again and again; a ninth of them has all labels, as a tenth would not.

    Source: Alpaydin and Kaynak 1998, Optical Recognition of Handwritten Digits, UCI (the part of its test set).

    Raises ImportError if scikit-learn is not installed.
    """
    data = extra("sklearn.datasets", "images of digits need scikit-learn", "data").load_digits()
    images = (data.images / 16).astype(np.float32)
    labels = data.target.astype(np.int64)
    place = np.arange(len(labels)) % 9
    parts = {"train": place > 1, "valid": place == 1, "test": place == 0}
    return {split: (images[part], labels[part]) for split, part in parts.items()}

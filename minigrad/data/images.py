"""Images: those of handwritten digits, and files of pictures as grey values."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from ..extras import extra
from .contents import read_bytes
from .labelled import labelled_files, tenths

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")  # of digits
PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".npy")  # files that are read


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


def read_image(path: str | Path) -> np.ndarray:
    """A picture as grey values, float32 of shape (height, width), from 0 (white) to 1 (black).

    Colours become their luma, and what is transparent white. A file of NumPy's, .npy, has such values itself.

    Raises OSError, ValueError for what is no picture, ImportError without pillow.
    """
    frames = read_frames(path)
    if len(frames) > 1:
        raise ValueError(f"{path} has {len(frames)} pictures, not one")
    return frames[0]


def read_frames(path: str | Path) -> np.ndarray:
    """The pictures of an animation (GIF, PNG, WebP), or of an array (T, height, width); otherwise as `read_image`."""
    content = read_bytes(path)
    if content.startswith(b"\x93NUMPY"):
        return _array(path, content)
    pillow = extra("PIL.Image", "pictures need pillow", "models")
    try:
        with pillow.open(io.BytesIO(content)) as picture:
            frames = []
            for number in range(getattr(picture, "n_frames", 1)):
                picture.seek(number)
                frame = picture.convert("RGBA")
                ground = pillow.new("RGBA", frame.size, "white")
                frames.append(np.asarray(pillow.alpha_composite(ground, frame).convert("L"), np.float32))
    except pillow.UnidentifiedImageError as error:
        raise ValueError(f"{path} is no picture of a kind that is known, such as PNG") from error
    except (OSError, SyntaxError, EOFError, ValueError, pillow.DecompressionBombError) as error:
        raise ValueError(f"{path} is not a whole picture: {error}") from error
    return 1 - np.stack(frames) / 255


def read_image_folder(folder: str | Path) -> tuple[dict[str, tuple[np.ndarray, np.ndarray]], list[str]]:
    """Pictures of a folder by split, as those of `digit_images`, and the labels, in order.

    `labelled_files` says how labels are found. The pictures are square, all of one size, dark on light. Of ten of a
    label one after the other, the first is in the test set, the second in the validation set.

    Raises OSError, ValueError for pictures that are otherwise, ImportError without pillow.
    """
    found = labelled_files(folder, PICTURES, "pictures")
    parts: dict[str, tuple[list[np.ndarray], list[int]]] = {split: ([], []) for split in ("train", "valid", "test")}
    side = None
    for label, files in enumerate(found.values()):
        for split, paths in tenths(files).items():
            for path in paths:
                image = read_image(path)
                side = side or len(image)
                if image.shape != (side, side):
                    size = " x ".join(map(str, image.shape[::-1]))
                    raise ValueError(
                        f"{path} has {size} pixels; pictures are square, all of one size, here {side} x {side}"
                    )
                parts[split][0].append(shrunk(image[None], side, path)[0])
                parts[split][1].append(label)
    return {split: (np.stack(images), np.array(labels)) for split, (images, labels) in parts.items()}, list(found)


def _array(path: str | Path, content: bytes) -> np.ndarray:
    try:
        array = np.load(io.BytesIO(content), allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise ValueError(f"{path} is not a whole array: {error}") from error
    if array.ndim not in (2, 3) or array.dtype.kind not in "biuf" or not array.size:
        raise ValueError(
            f"{path} should have grey values of shape (height, width), or (T, height, width), not {array.dtype} of "
            f"shape {array.shape}"
        )
    frames = array.astype(np.float32).reshape(-1, *array.shape[-2:])
    if not (np.isfinite(frames).all() and frames.min() > -1 and frames.max() < 2):  # noise may reach beyond 0 and 1
        raise ValueError(
            f"{path} should have grey values from 0 (white) to 1 (black), not {array.min()} to {array.max()}"
        )
    return frames


def shrunk(frames: np.ndarray, side: int, name: str | Path) -> np.ndarray:
    """Pictures (T, height, width) as ones of `side` x `side`, each pixel the mean of a block of them.

    Raises ValueError, with `name`, for pictures whose sides are no multiples of that, and for writing on a dark ground.
    """
    height, width = frames.shape[1:]
    if height != width or height % side:
        raise ValueError(
            f"{name} has {width} x {height} pixels; pictures of {side} x {side} are read, or of a whole "
            f"multiple of that, as {4 * side} x {4 * side}"
        )
    if frames.mean() > 0.5:
        raise ValueError(f"{name} is mostly dark, and dark writing on a light ground is read; invert it")
    k = height // side
    return frames.reshape(-1, side, k, side, k).mean(axis=(2, 4))

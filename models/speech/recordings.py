"""Recordings of spoken words: reading them, their features, and changing them at random for training."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.data import labelled_files, log_mel, read_wav
from minigrad.data.labelled import files_in, tenths
from minigrad.extras import extra

RATE = 8000  # Hz
MELS = 40
HOP = 0.0075  # seconds between frames
TEST, HELD_OUT = 5, 10  # the recordings with indices below are for tests, and to choose the weights

DIGIT = re.compile(r"(\d)_[^_]+_(\d+)")  # digit_speaker_index


@dataclass(frozen=True)
class Recording:
    """A spoken word: its file, the number of its label, samples at 8 kHz, and log-mel frames (T, 40)."""

    file: str
    label: int
    samples: np.ndarray
    frames: np.ndarray


def features(samples: Any, rate: float) -> tuple[np.ndarray, np.ndarray]:
    """Sound (samples,) at any rate in Hz, to samples at 8 kHz and log-mel frames (T, 40).

    Raises ValueError if it is no sound: another shape, no samples, some not finite; ImportError without scipy.
    """
    samples = np.asarray(samples, np.float32)
    if samples.ndim != 1 or not samples.size or not np.isfinite(samples).all() or round(rate) < 1:
        raise ValueError(f"sound is a vector of finite samples at a rate in Hz, not {samples.shape} at {rate} Hz")
    if rate != RATE:
        samples = resampled(samples, round(rate))
    return samples, log_mel(samples, RATE, MELS, hop=HOP, floor=1e-4)


def resampled(samples: np.ndarray, rate: int) -> np.ndarray:
    """Samples at `rate` in Hz as samples at 8 kHz. Raises ImportError without scipy."""
    signal = extra("scipy.signal", "resampling needs scipy", "data")
    common = math.gcd(RATE, rate)
    return signal.resample_poly(samples, RATE // common, rate // common).astype(np.float32)


def read_recordings(folder: str | Path, learned: int) -> dict[str, list[Recording]]:
    """The recordings of digits in a folder by what they are for: "train", "held_out", "test".

    Args:
        folder: has files digit_speaker_index.wav.
        learned: how many of each digit and speaker, from index 10 on, to learn from.

    Raises ValueError for a file of another name, for a damaged one, and if there is none for one of the three; OSError.
    """
    sets = _sets()
    for path in wav_files(folder):
        match = DIGIT.fullmatch(path.stem)
        if match is None:
            raise ValueError(f"{path} is not named digit_speaker_index.wav, as 7_theo_12.wav is")
        digit, index = int(match[1]), int(match[2])
        if index < HELD_OUT + learned:
            use = "test" if index < TEST else "held_out" if index < HELD_OUT else "train"
            sets[use].append(read_recording(path, path.name, digit))
    for use, indices in (
        ("train", f"{HELD_OUT} and more"),
        ("held_out", f"{TEST} to {HELD_OUT - 1}"),
        ("test", "0 to 4"),
    ):
        if not sets[use]:
            raise ValueError(f"{folder} has no recording with an index of {indices}: digit_speaker_index.wav")
    return sets


def are_digits(folder: str | Path) -> bool:
    """Whether the recordings of a folder are named as those of digits are."""
    files = wav_files(folder)
    return bool(files) and all(DIGIT.fullmatch(path.stem) for path in files)


def read_own(folder: str | Path, learned: int | None) -> tuple[dict[str, list[Recording]], list[str]]:
    """A user's recordings by what they are for, and their labels, in order.

    Args:
        folder: has the recordings, with labels as `data.labelled_files` finds them.
        learned: how many of each label to learn from; None: all.

    Raises ValueError for a folder without such recordings, and a damaged file; OSError.
    """
    sets, found = _sets(), labelled_files(folder, (".wav",), "recordings")
    for number, files in enumerate(found.values()):
        parts = tenths(files)
        for use, paths in {
            "train": parts["train"][:learned],
            "held_out": parts["valid"],
            "test": parts["test"],
        }.items():
            sets[use] += [read_recording(path, str(path.relative_to(Path(folder))), number) for path in paths]
    return sets, list(found)


def read_recording(path: str | Path, name: str, label: int) -> Recording:
    """A recording of one channel, or the mean of several. Raises ValueError for a damaged file, OSError."""
    rate, samples = read_wav(path, average=True)
    return Recording(name, label, *features(samples, rate))


def wav_files(folder: str | Path) -> list[Path]:
    """The WAV files of a folder. Raises NotADirectoryError if it is none."""
    folder = Path(folder)
    if not folder.is_dir():
        raise NotADirectoryError(f"there is no folder {folder} of recordings")
    return files_in(folder, (".wav",))


def _sets() -> dict[str, list[Recording]]:
    return {"train": [], "held_out": [], "test": []}


def changed(frames: np.ndarray, rng: np.random.Generator, filling: np.ndarray) -> np.ndarray:
    """Frames (T, 40), made a little faster or slower, with spans of time and bands hidden behind `filling` (40,)."""
    count = max(2, round(len(frames) * rng.uniform(0.8, 1.25)))
    places = np.linspace(0, len(frames) - 1, count)
    low = np.minimum(places.astype(int), max(0, len(frames) - 2))
    part = (places - low)[:, None].astype(np.float32)
    frames = frames[low] * (1 - part) + frames[np.minimum(low + 1, len(frames) - 1)] * part
    for axis, widest in ((0, count // 5), (0, count // 5), (1, 7), (1, 7)):
        width = rng.integers(0, widest + 1)
        start = rng.integers(0, frames.shape[axis] - width + 1)
        if axis == 0:
            frames[start : start + width] = filling
        else:
            frames[:, start : start + width] = filling[start : start + width]
    return frames

"""What to look at and listen to in piano rolls: pictures, and sound from a few sine waves a note."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from minigrad.data.music import KEYS, LOWEST
from minigrad.extras import extra
from minigrad.inspect.figure import figure

TEMPO = 80.0  # quarter notes a minute
RATE = 22050  # samples a second
PARTIALS = 6
ATTACK, RELEASE, DECAY = 0.02, 0.2, 1.5  # seconds: until a note is there, until it is gone, down to 1 / e while held


def notes(roll: np.ndarray) -> Iterator[tuple[int, int, int]]:
    """The notes of a roll (T, 88) as (key, first step, step after the last): steps in a row are one held note."""
    silence = np.zeros((1, roll.shape[1]), np.int8)
    changes = np.diff(roll.astype(np.int8), axis=0, prepend=silence, append=silence)
    for key in np.flatnonzero(roll.any(axis=0)):
        starts, ends = np.flatnonzero(changes[:, key] == 1), np.flatnonzero(changes[:, key] == -1)
        yield from ((int(key), int(start), int(end)) for start, end in zip(starts, ends))


def sound(roll: np.ndarray, tempo: float = TEMPO, rate: int = RATE) -> np.ndarray:
    """A piano roll as sound, by additive synthesis: each note is its fundamental and a few weaker overtones.

    Args:
        roll: 0 and 1, of shape (T, 88).
        tempo: steps a minute.
        rate: samples a second.

    Returns float32 of shape (samples,), at most 0.9 from 0.

    Raises ValueError for another shape.
    """
    if roll.ndim != 2 or roll.shape[1] != KEYS:
        raise ValueError(f"a piano roll has the shape (T, {KEYS}), not {roll.shape}")
    step = 60 / tempo
    samples = np.zeros(int((len(roll) * step + RELEASE) * rate) + 1, np.float32)
    for key, start, end in notes(roll):
        begin = int(start * step * rate)
        time = np.arange(int(((end - start) * step + RELEASE) * rate)) / rate
        held = (end - start) * step
        envelope = np.clip(time / ATTACK, 0, 1) * np.clip((held + RELEASE - time) / RELEASE, 0, 1)
        envelope *= np.exp(-time / DECAY)
        envelope = envelope.astype(np.float32)
        frequency = 440 * 2 ** ((LOWEST + key - 69) / 12)  # equal temperament; MIDI pitch 69 is the A of 440 Hz
        phase = (2 * np.pi * (frequency * time % 1)).astype(np.float32)
        for k in range(1, PARTIALS + 1):
            if k * frequency < rate / 2:  # higher ones cannot be told apart from lower ones
                samples[begin : begin + len(time)] += np.sin(k * phase) * (envelope / k**1.5)
    return samples * (0.9 / max(float(np.abs(samples).max()), 1e-9))


def write_wav(path: str | Path, roll: np.ndarray, tempo: float = TEMPO, rate: int = RATE) -> None:
    """Write `sound(roll)` as a WAV file of 16 bits.

    Raises ImportError if scipy is not installed, OSError for the file, ValueError for another shape.
    """
    wavfile = extra("scipy.io.wavfile", "WAV files need scipy", "data")
    wavfile.write(path, rate, (sound(roll, tempo, rate) * 32767).astype(np.int16))


def draw_rolls(path: str | Path, rolls: Mapping[str, np.ndarray], begin: int = 0) -> None:
    """Draw piano rolls, one above the other: time to the right, pitch upward.

    Args:
        path: the PNG file to write.
        rolls: by title, of shape (T, 88) each.
        begin: with a line after so many steps: what is before it was given.

    Raises ImportError if matplotlib is not installed; the message says what to install.
    """
    drawn = figure(9, 2.6 * len(rolls))
    used = np.flatnonzero(np.concatenate([*rolls.values(), np.zeros((0, KEYS))]).any(axis=0)) + LOWEST
    low, high = (int(used[0]), int(used[-1])) if used.size else (60, 72)
    octaves = range(-(-low // 12) * 12, high + 1, 12)
    for axes, (title, roll) in zip(drawn.subplots(len(rolls), sharex=True, squeeze=False)[:, 0], rolls.items()):
        keys, starts, ends = np.array(list(notes(roll)), float).reshape(-1, 3).T
        axes.hlines(LOWEST + keys, starts + 0.06, ends - 0.06, color="#1B4F72", linewidth=3)
        if begin:
            axes.axvline(begin, color="#B9770E", linewidth=1.2)
        axes.set(title=title, ylabel="pitch", ylim=(low - 2, high + 2))
        axes.set_yticks(list(octaves), [f"C{pitch // 12 - 1}" for pitch in octaves])
        axes.grid(alpha=0.25)
    axes.set(xlabel="quarter notes", xlim=(0, max(len(roll) for roll in rolls.values())))
    drawn.savefig(path, format="png", dpi=130)

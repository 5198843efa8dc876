"""What the speech program leaves to look at and to listen to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.inspect.figure import figure


def over_time(
    path: str | Path, examples: Sequence[tuple[str, np.ndarray, np.ndarray]], classes: Sequence[str], hop: float
) -> None:
    """Draw recordings side by side: the spectrogram above, the probabilities of the classes below.

    Args:
        path: the PNG file to write.
        examples: (title, log-mel frames (T, M), probabilities (steps, C)) of each.
        classes: names of the C classes; the one without a name is the blank.
        hop: seconds between frames.
    """
    drawn = figure(2.6 * len(examples), 4.2)
    colors = _colors(len(classes))
    rows = drawn.subplots(2, len(examples), squeeze=False, sharex="col", sharey="row")
    for (title, frames, p), above, below in zip(examples, *rows):
        end = len(frames) * hop
        above.imshow(frames.T, origin="lower", aspect="auto", extent=(0, end, 0, frames.shape[1]), cmap="magma")
        above.set_title(title, fontsize=8)
        times = (np.arange(len(p)) + 0.5) * end / len(p)
        for c, name in enumerate(classes):
            if not name:
                below.plot(times, p[:, c], color="#BBBBBB", linewidth=1, linestyle=":")
            elif p[:, c].max() > 0.2:
                below.plot(times, p[:, c], color=colors[c], linewidth=1.3)
                around = np.pad(p[:, c], 1, constant_values=-1)
                for t in np.flatnonzero((p[:, c] > 0.2) & (p[:, c] > around[:-2]) & (p[:, c] >= around[2:])):
                    below.annotate(name, (times[t], p[t, c]), ha="center", va="bottom", color=colors[c])
        below.set(xlabel="seconds", ylim=(0, 1.15))
    rows[0, 0].set_ylabel("mel band")
    rows[1, 0].set_ylabel("probability" + (" (dotted: blank)" if "" in classes else ""))
    drawn.savefig(path, format="png", dpi=130)


def confusion(path: str | Path, table: Sequence[Sequence[int]], labels: Sequence[str] | None = None) -> None:
    """Draw how often label i (row) was taken for label j (column), as a PNG file; by default labels are numbers."""
    side = max(4.4, 0.35 * len(table) + 0.9)
    drawn = figure(side + 0.2, side)
    axes = drawn.add_subplot()
    counts = np.array(table)
    axes.imshow(counts, cmap="Blues")
    for i, j in zip(*np.nonzero(counts)):
        color = "white" if counts[i, j] > counts.max() / 2 else "black"
        axes.annotate(str(counts[i, j]), (j, i), ha="center", va="center", color=color, fontsize=9)
    axes.set(xlabel="heard", ylabel="spoken", xticks=range(len(counts)), yticks=range(len(counts)))
    if labels is not None:
        axes.set_xticklabels(labels, rotation=90)
        axes.set_yticklabels(labels)
    drawn.savefig(path, format="png", dpi=130)


def join(path: str | Path, sounds: Sequence[np.ndarray], rate: int, pause: float = 0.5) -> None:
    """Write sounds (samples,) one after the other into a WAV file of 16 bits, with pauses in seconds between them."""
    from scipy.io import wavfile

    silence = np.zeros(round(pause * rate), np.float32)
    joined = np.concatenate([part for sound in sounds for part in (sound, silence)])
    wavfile.write(path, rate, np.round(joined.clip(-1, 1) * 32767).astype(np.int16))


def _colors(count: int) -> list[Any]:
    from matplotlib import colormaps

    strong = [*map(colormaps["tab10"], range(10)), *map(colormaps["Dark2"], range(8))]
    return [strong[i % len(strong)] for i in range(count)]

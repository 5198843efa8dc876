"""The picture of sentences: each word on the colour of what it adds to the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from minigrad.inspect.figure import figure

WIDTH = 112  # letters in a line
FOR, AGAINST = "#2E86C1", "#CB4335"

Row = tuple[Sequence[str], np.ndarray, float, bool]  # words, what each adds, probability in favour, label


def picture(path: str | Path, groups: Mapping[str, Sequence[Row]], labels: Sequence[str] = ("against", "for")) -> None:
    """Draw sentences with coloured words, group below group.

    Args:
        path: the PNG file to write.
        groups: by title, for each sentence: its words, what each adds to the log-odds, the probability that it is in
            favour, and whether it is.
        labels: what the two answers are called.

    Raises ImportError if matplotlib is not installed; the message says what to install.
    """
    items: list[tuple[float, int, str, float, str]] = []  # line, column, word, opacity, colour of the ground
    strongest = max((float(np.abs(added).max()) for rows in groups.values() for _, added, *_ in rows), default=1.0)
    line = 0.0
    for title, rows in groups.items():
        items.append((line, 0, f"most certain and {title}", 0.0, FOR))
        line += 1.6
        for words, added, probability, label in rows:
            items.append((line, 0, f"{probability:.3f} {labels[label][:8]}", 0.0, FOR))
            column = start = 15
            for word, value in zip(words, added, strict=True):
                if column + len(word) > WIDTH and column > start:
                    line, column = line + 1.2, start
                opacity = min(1.0, 0.85 * abs(float(value)) / (strongest or 1.0))
                items.append((line, column, word, opacity, FOR if value > 0 else AGAINST))
                column += len(word) + 1
            line += 1.7
        line += 0.6
    height, letter = line * 0.185 + 0.2, 0.0836  # inches, for letters of 10 points
    drawn = figure(WIDTH * letter + 0.3, height, layout=None)
    axes = drawn.add_axes((0.01, 0, 0.98, 1), xlim=(0, WIDTH + 2), ylim=(line + 0.3, -1.0))
    axes.set_axis_off()
    for y, x, word, opacity, colour in items:
        right, bottom = x + len(word) + 0.3, y + 0.55
        axes.fill_between([x - 0.3, right], y - 0.55, bottom, color=colour, alpha=opacity, linewidth=0)
        axes.text(x, y, word.replace("$", r"\$"), family="monospace", fontsize=10, va="center")
    drawn.savefig(path, format="png", dpi=120)

"""The pictures of the video program: clips, and how what is believed of them changes. Need matplotlib and pillow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from minigrad.extras import extra
from minigrad.inspect.figure import figure
from minigrad.tools.pictures import RIGHT, WRONG, show


@dataclass(frozen=True)
class Clip:
    """A clip and what a model believes of it.

    Attributes:
        frames: (T, height, width), from 0 to 1.
        title: a line. wrong: whether it is to be marked as wrong.
        answers: by question, the possible answers, C of them.
        beliefs: by question, the probabilities (T, C) of the answers after each frame.
        truth: by question, which answer is true.
    """

    frames: np.ndarray
    title: str
    wrong: bool
    answers: Mapping[str, Sequence[str]]
    beliefs: Mapping[str, np.ndarray]
    truth: Mapping[str, int]


def strips(path: str | Path, clips: Sequence[Clip], columns: int = 2) -> None:
    """Clips as rows of frames, and below the frames what is believed after each of them, as a PNG file."""
    rows = -(-len(clips) // columns)
    drawn = figure(7.0 * columns, 4.2 * rows)
    parts = drawn.subfigures(rows, columns, squeeze=False, hspace=0.03).ravel()
    for part, clip in zip(parts, clips, strict=False):
        steps, height, width = clip.frames.shape
        part.suptitle(clip.title, color=WRONG if clip.wrong else RIGHT, fontsize=10)
        tall = height / width
        inches = [6 / steps * tall, *(0.13 * len(answers) for answers in clip.answers.values())]
        top, *below = part.subplots(1 + len(clip.beliefs), 1, sharex=True, height_ratios=inches)
        for t, frame in enumerate(clip.frames):
            left, right = t - 0.46, t + 0.46
            show(top, frame, (left, right, 0, tall))
            top.plot([left, right, right, left, left], [0, 0, tall, tall, 0], color="#999999", linewidth=0.8)
        top.set(xlim=(-0.5, steps - 0.5), ylim=(-0.04, tall + 0.04), aspect="auto")
        top.set_axis_off()
        for axes, (question, belief) in zip(below, clip.beliefs.items(), strict=True):
            axes.imshow(belief.T, cmap="Blues", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
            axes.set_yticks(range(belief.shape[1]), clip.answers[question], fontsize=6)
            axes.set_ylabel(question, fontsize=8)
            axes.tick_params(length=0)
            axes.axhline(clip.truth[question] - 0.5, color=RIGHT, linewidth=0.6)
            axes.axhline(clip.truth[question] + 0.5, color=RIGHT, linewidth=0.6)
        below[-1].set_xticks(range(steps), [str(t + 1) for t in range(steps)], fontsize=7)
        below[-1].set_xlabel("after frame", fontsize=8)
    drawn.savefig(path, format="png", dpi=110)


def animation(path: str | Path, clip: Clip, milliseconds: int = 350) -> None:
    """A clip, frame by frame, with bars for what is believed after each, as a GIF that begins anew forever."""
    drawn = figure(3.0 + 2.2 * len(clip.beliefs), 3.2)
    drawn.suptitle(clip.title, color=WRONG if clip.wrong else RIGHT, fontsize=11)
    left, *right = drawn.subplots(1, 1 + len(clip.beliefs), width_ratios=[3, *[2] * len(clip.beliefs)])
    pages = []
    for t, frame in enumerate(clip.frames):
        left.clear()
        show(left, frame)
        left.set_xlabel(f"frame {t + 1} of {len(clip.frames)}", fontsize=8)
        for axes, (question, belief) in zip(right, clip.beliefs.items(), strict=True):
            axes.clear()
            places = range(belief.shape[1])
            colors = [RIGHT if place == clip.truth[question] else "#B0B7BD" for place in places]
            axes.barh(places, belief[t], color=colors)
            axes.set_yticks(places, clip.answers[question], fontsize=7)
            axes.set(xlim=(0, 1))
            axes.set_title(question, fontsize=9)
            axes.tick_params(labelsize=7, length=0)
            axes.invert_yaxis()
        drawn.canvas.draw()
        pages.append(np.array(drawn.canvas.buffer_rgba())[:, :, :3])
    save_gif(path, pages, [milliseconds] * (len(pages) - 1) + [4 * milliseconds])


def save_gif(path: str | Path, pages: Sequence[np.ndarray], milliseconds: Sequence[int]) -> None:
    """Pictures (height, width, 3), 8 bits a colour, as an animated GIF; each is shown for its time.

    Raises ImportError without pillow.
    """
    image = extra("PIL.Image", "animations need pillow", "models")
    first, *others = [image.fromarray(page) for page in pages]
    first.save(path, format="GIF", save_all=True, append_images=others, duration=list(milliseconds), loop=0)

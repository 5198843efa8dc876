"""Clips of a digit that moves through a frame: which digit is it, and where does it go?

    python -m minigrad.models.video

Layers that are the same for all frames make features of each frame, and a recurrent network watches them go by. Where
the digit goes can be seen in no single frame, and which digit it is has to be seen wherever it is, in noise, and cut
off at the border. After each frame the network says what it believes; what counts is what it says after the last one.

The clips are made of the 8 x 8 digits that come with scikit-learn (in the manner of Srivastava et al., Unsupervised
learning of video representations using LSTMs, 2015). Those for validation and for the test are made of images that are
in no training clip; `data.digit_images` says which.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

import minigrad as mg
import minigrad.functional as F
from minigrad import nn, optim, training
from minigrad.data import digit_images, given_files, read_frames
from minigrad.data.images import shrunk
from minigrad.tools.pictures import draw_unrolled
from minigrad.training import setting
from minigrad.training.cells import CELLS
from minigrad.training.predictions import percent

from .pictures import Clip, animation, strips

FRAME, DIGIT = 16, 8  # pixels along a side
DIRECTIONS = ("right", "up right", "up", "up left", "left", "down left", "down", "down right")
DIGITS = tuple("0123456789")
SPEEDS = 0.5, 1.2  # pixels a frame
ANSWERS = {"direction": DIRECTIONS, "digit": DIGITS}
CLIP_FILES = (".gif", ".png", ".webp", ".npy")
SPLITS = ("train", "valid", "test")
CLIPS = {"valid": 400, "test": 1000}


@dataclass(frozen=True, kw_only=True)
class Settings(training.Settings):
    """Everything that decides what a training run does; see the base class."""

    out: Path = setting(Path("out/video"), "Directory for the results.")
    steps: int = setting(6000, "Batches to train on.", 1)
    cell: str = setting("gru", "The kind of recurrent network.", choices=tuple(CELLS))
    frames: int = setting(10, "Frames of a clip.", 2)
    noise: float = setting(0.1, "Standard deviation of noise on the pixels, 0 to 1.", 0.0)
    channels: int = setting(16, "Features of a small patch; of a large one, four times as many.", 1)
    features: int = setting(64, "Features that say where something is in a frame.", 1)
    hidden: int = setting(64, "Features of the network's state.", 1)
    batch: int = setting(32, "Clips in a batch.", 1)
    lr: float = setting(3e-3, "Highest learning rate of Adam.", 0.0)

    QUICK: ClassVar = {
        "steps": 40, "frames": 5, "channels": 4, "features": 16, "hidden": 16, "batch": 16, "lr": 1e-2, "validations": 2
    }  # fmt: skip


# --- the data ---------------------------------------------------------------------------------------------------------


def clips(
    rng: np.random.Generator, images: np.ndarray, labels: np.ndarray, count: int, frames: int = 10, noise: float = 0.1
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """New clips: a digit, a direction, a speed and a place, all at random.

    In the middle of a clip the digit lies inside the frame, anywhere; before and after it may be cut off.

    Args:
        rng: the source of random numbers.
        images, labels: the digits to be used, (N, 8, 8) and (N,).
        count: how many clips, B.
        frames: of each clip, T.
        noise: the standard deviation of what is added to each pixel, which is 0 to 1 without it.

    Returns:
        The clips (T, B, 16, 16), float32; the directions (B,), indices of `DIRECTIONS`; the digits (B,).
    """
    chosen = rng.integers(0, len(labels), count)
    direction = rng.integers(0, len(DIRECTIONS), count)
    angle = direction * (2 * np.pi / len(DIRECTIONS))
    velocity = rng.uniform(*SPEEDS, count) * np.stack([-np.sin(angle), np.cos(angle)])  # rows count downward
    middle = rng.uniform(0, FRAME - DIGIT, (2, count))
    time = np.arange(frames) - (frames - 1) / 2
    places = np.rint(middle + velocity * time[:, None, None]).astype(int)  # (T, 2, B), row and column of a corner
    places = np.clip(places, -DIGIT, FRAME) + DIGIT  # beyond that nothing is seen; on a canvas with a margin
    rows, columns = places[:, 0, :, None] + np.arange(DIGIT), places[:, 1, :, None] + np.arange(DIGIT)
    canvas = np.zeros((frames, count, FRAME + 2 * DIGIT, FRAME + 2 * DIGIT), np.float32)
    t, b = np.arange(frames)[:, None, None, None], np.arange(count)[:, None, None]
    canvas[t, b, rows[:, :, :, None], columns[:, :, None, :]] = images[chosen]
    seen = canvas[:, :, DIGIT:-DIGIT, DIGIT:-DIGIT]
    return seen + rng.normal(scale=noise, size=seen.shape).astype(np.float32), direction, labels[chosen]


# --- the model --------------------------------------------------------------------------------------------------------


class Patches(nn.Module):
    """The same linear layer for each patch of an image: (N, height, width, inputs) to (N, ..., outputs).

    Patches have `side` x `side` pixels and overlap: there is one at each place where it fits into the image. This is a
    convolution, written as a matrix product.
    """

    def __init__(self, side: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.side = side
        self.linear = nn.Linear(side * side * inputs, outputs)

    def forward(self, x: mg.Tensor) -> mg.Tensor:
        height, width = (n - self.side + 1 for n in x.shape[1:3])
        shifted = [x[:, i : i + height, j : j + width] for i in range(self.side) for j in range(self.side)]
        return self.linear(mg.concat(shifted, axis=3))


class Eye(nn.Module):
    """A frame to features: what is in it, wherever that is; and where it is.

    Args:
        channels: features of a patch of 5 x 5 pixels. One of 10 x 10, which can hold a whole digit, has four times as
            many.
        features: how many say where.
    """

    def __init__(self, channels: int, features: int) -> None:
        super().__init__()
        self.small = Patches(5, 1, channels)
        self.large = Patches(3, channels, 4 * channels)
        self.deep = nn.Linear(4 * channels, 4 * channels)
        self.where = nn.Linear(16 * 4 * channels, features)
        self.output_size = 4 * channels + features

    def forward(self, clips: mg.Tensor) -> mg.Tensor:
        """Clips (T, B, 16, 16) to features (T, B, output_size)."""
        steps, batch = clips.shape[:2]
        n = steps * batch
        x = F.relu(self.small(mg.reshape(clips, (n, FRAME, FRAME, 1))))  # 12 x 12 places
        x = mg.max(mg.reshape(x, (n, 6, 2, 6, 2, -1)), axis=(2, 4))  # the strongest of each 2 x 2
        x = F.relu(self.large(x))  # 4 x 4 places
        x = mg.reshape(x, (n, 16, -1))
        what, where = mg.max(F.relu(self.deep(x)), axis=1), F.relu(self.where(mg.reshape(x, (n, -1))))
        return mg.reshape(mg.concat([what, where], axis=1), (steps, batch, self.output_size))


class Watcher(nn.Module):
    """Features of each frame, a recurrent network, and a linear layer for each question.

    Args:
        channels, features: as in `Eye`.
        hidden: features of the state.
        cell: the kind of network, one of `CELLS`.
    """

    def __init__(self, channels: int = 16, features: int = 64, hidden: int = 64, cell: str = "gru") -> None:
        super().__init__()
        self.sizes = {"channels": channels, "features": features, "hidden": hidden, "cell": cell}
        self.eye = Eye(channels, features)
        self.network = CELLS[cell](self.eye.output_size, hidden)
        self.direction = nn.Linear(hidden, len(DIRECTIONS))
        self.digit = nn.Linear(hidden, len(DIGITS))

    def forward(self, clips: mg.Tensor) -> dict[str, mg.Tensor]:
        """Clips (T, B, 16, 16) to the scores of the answers after each frame: (T, B, C) for each question."""
        outputs, _ = self.network(self.eye(clips))
        return {"direction": self.direction(outputs), "digit": self.digit(outputs)}

    def loss(self, clips: mg.Tensor, direction: np.ndarray, digit: np.ndarray) -> mg.Tensor:
        """The cross-entropy, in nats, of both answers (B,) together: the mean over all frames, so that haste pays."""
        scores = self(clips)
        truth = {"direction": direction, "digit": digit}
        losses = [F.cross_entropy(scores[q], np.broadcast_to(truth[q], clips.shape[:2])) for q in ANSWERS]
        return losses[0] + losses[1]


@mg.no_grad()
def beliefs(model: Watcher, clips: np.ndarray, batch: int = 100) -> dict[str, np.ndarray]:
    """The probabilities (T, B, C) that the model gives to the answers of each question after each frame."""
    parts = [model(mg.tensor(clips[:, i : i + batch])) for i in range(0, clips.shape[1], batch)]
    return {q: np.concatenate([F.softmax(part[q]).numpy() for part in parts], axis=1) for q in ANSWERS}


def untrained(cell: str = "gru") -> Watcher:
    """A small model of the usual shape, to look at."""
    return Watcher(channels=2, features=4, hidden=8, cell=cell)


def unrolled(model: Watcher, steps: int) -> mg.Tensor:
    """The loss on `steps` frames, with its history, to be drawn."""
    return model.loss(mg.zeros((steps, 1, FRAME, FRAME)), np.zeros(1, int), np.zeros(1, int))


# --- training ---------------------------------------------------------------------------------------------------------


class Task(training.Task):
    """Learning to tell digits and directions, from clips that are never the same; see the base class."""

    format = "minigrad video 1"
    kept = ("loss", "min")
    unit = "nats"
    tries = ("predict {out} ANIMATION.gif", "graph {out}")
    levels = [("guessing", float(np.log(len(DIRECTIONS) * len(DIGITS))))]

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.images = digit_images()
        self.held_out, self.test = (self.fresh(split, CLIPS[split]) for split in ("valid", "test"))
        s = settings
        self.model: Watcher = Watcher(s.channels, s.features, s.hidden, s.cell)
        self.optimizer = optim.Adam(self.model.parameters(), lr=s.lr)
        self.schedule = optim.lr_scheduler.CosineAnnealingLR(self.optimizer, settings.steps)

    def fresh(self, split: str, count: int, epoch: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """New clips of images of a split."""
        rng = np.random.default_rng([self.settings.seed, SPLITS.index(split), epoch])
        return clips(rng, *self.images[split], count, self.settings.frames, self.settings.noise)

    def batches(self, epoch: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """One batch: epochs have no meaning here."""
        yield self.fresh("train", self.settings.batch, epoch)

    def loss(self, batch: tuple[np.ndarray, np.ndarray, np.ndarray]) -> mg.Tensor:
        seen, direction, digit = batch
        return self.model.loss(mg.tensor(seen), direction, digit)

    def validate(self) -> dict[str, float]:
        return self.measures(self.held_out)

    def measures(self, held_out: tuple[np.ndarray, np.ndarray, np.ndarray]) -> dict[str, float]:
        """The loss, and the accuracy of both answers after the last frame."""
        seen, *truths = held_out
        believed = beliefs(self.model, seen)
        measured = {"loss": 0.0}
        for (question, p), truth in zip(believed.items(), truths, strict=True):
            measured["loss"] -= float(np.mean(np.log(p[:, np.arange(len(truth)), truth] + 1e-12)))
            measured[question] = float(np.mean(p[-1].argmax(axis=1) == truth))
        return measured

    def results(self) -> dict[str, Any]:
        believed, truths = beliefs(self.model, self.test[0]), self.test[1:]
        after = {
            f"{question}_after_each_frame": (p.argmax(axis=2) == truth).mean(axis=1).tolist()
            for (question, p), truth in zip(believed.items(), truths, strict=True)
        }
        return {**self.measures(self.test), "clips": len(truths[0]), **after}

    def reached(self, results: Mapping[str, Any]) -> list[Any]:
        rows = [("test, " + question, 100 * results[question], "%") for question in ANSWERS]
        guesses = [("guessing a " + question, 100 / len(answers), "%") for question, answers in ANSWERS.items()]
        return [*rows, *guesses, ("test", results["loss"], self.unit), *self.compared()]

    @staticmethod
    def build(about: Any) -> Watcher:
        return Watcher(**about)

    def about(self) -> dict[str, Any]:
        return dict(self.model.sizes)

    def write(self, out: Path) -> list[Path]:
        paths = [out / name for name in ("clips.png", "clip.gif")]
        shown = self.shown_clips()
        made = [*training.drawn(strips, paths[0], shown), *training.drawn(animation, paths[1], shown[-1])]
        return [*draw_unrolled(unrolled, self.model, 3, out, "Three frames of a clip"), *made]

    def shown_clips(self, count: int = 6) -> list[Clip]:
        """Test clips to look at: up to two that the model gets wrong, and the first of the others."""
        seen, direction, digit = self.test
        believed = beliefs(self.model, seen)
        said = {q: p[-1].argmax(axis=1) for q, p in believed.items()}
        wrong = (said["direction"] != direction) | (said["digit"] != digit)
        at = [*np.flatnonzero(wrong)[:2], *np.flatnonzero(~wrong), *np.flatnonzero(wrong)[2:]]
        made = []
        for b in at[:count]:
            truth = {"direction": int(direction[b]), "digit": int(digit[b])}
            title = f"a {digit[b]} that goes {DIRECTIONS[direction[b]]}"
            if wrong[b]:
                title += f"; told: a {said['digit'][b]} that goes {DIRECTIONS[said['direction'][b]]}"
            belief = {q: p[:, b] for q, p in believed.items()}
            made.append(Clip(np.clip(seen[:, b], 0, 1), title, bool(wrong[b]), ANSWERS, belief, truth))
        return made


load = Task.load


def predict(model: Watcher, inputs: Iterable[str | Path]) -> Iterator[training.Prediction]:
    """Which digit clips show, and where it goes: animations, or arrays (T, 16, 16), dark on light.

    Raises OSError, ValueError for a file that is no such clip, ImportError without pillow.
    """
    clips = [(path, read_clip(path)) for path in given_files(inputs, CLIP_FILES, "clips")]
    for path, clip in clips:
        last = {question: p[-1, 0] for question, p in beliefs(model, clip[:, None]).items()}
        said = {question: ANSWERS[question][p.argmax()] for question, p in last.items()}
        sure = {f"{question}_probability": float(p.max()) for question, p in last.items()}
        told = f"digit {said['digit']} ({percent(sure['digit_probability'])})"
        told += f", going {said['direction']} ({percent(sure['direction_probability'])})"
        yield training.Prediction(str(path), told, {**said, **sure, "frames": len(clip)})


def read_clip(path: str | Path) -> np.ndarray:
    """The frames (T, 16, 16) of a file, from 0 to 1."""
    frames = shrunk(read_frames(path), FRAME, path)
    if len(frames) < 2:
        raise ValueError(f"{path} has one picture; where something goes is seen in two or more")
    return frames


def train(settings: Settings) -> dict[str, Any]:
    """Train a model; see `training.fit`. It leaves its graph and clips, too.

    Raises also ImportError without scikit-learn.
    """
    return training.fit(settings, Task)

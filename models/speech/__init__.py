"""Spoken digits: a bidirectional recurrent network reads a recording and tells the digit, or spells its name.

    python -m minigrad.models.speech --task digit
    python -m minigrad.models.speech --task spell --out out/spell
    python -m minigrad.models.speech --folder words

The recordings are the Free Spoken Digit Dataset: four speakers, fifty recordings of each digit by each. Those with the
indices 0 to 4 are the test set, as its authors say; 5 to 9 are held out to choose the weights; the others are learned
from. A recording becomes frames of log-mel features, 7.5 ms apart, of which two at a time are one step of the network.

Own recordings may be of any words: in sub-folders named after these (words/yes/anna.wav), or with names that begin so
(words/yes_anna.wav).

- digit: which digit, or word, it is: the outputs of all steps are averaged and classified.
- spell: each step gives a probability to each letter and to the blank, and connectionist temporal classification finds
  out which letter belongs where (Graves et al. 2006). The network is told nothing but the spelling. It need not write a
  letter where it is heard: at each step, one direction knows what came before, the other what is to come.

In training, recordings are made faster or slower, and bands of frequency and spans of time are hidden (Park et al.,
SpecAugment, 2019). A trained model listens to any recording:

    from pathlib import Path
    from minigrad.data import read_wav
    from minigrad.models import speech

    model = speech.load(Path("out/speech"))
    rate, samples = read_wav("seven.wav")
    speech.recognise(model, samples, rate)  # ("7", 0.98), or ("seven", 0.98): what is said, and the probability
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

import minigrad as mg
import minigrad.functional as F
from minigrad import nn, optim, training
from minigrad.data import bucketed, fetch, given_files, pad, read_wav
from minigrad.data.images import NAMES
from minigrad.functional.ctc import ctc_beam_decode, ctc_greedy_decode
from minigrad.metrics import edit_distance, error_rate
from minigrad.tools.pictures import draw_unrolled
from minigrad.training import setting
from minigrad.training.cells import CELLS
from minigrad.training.predictions import percent

from . import pictures
from .recordings import HOP, MELS, RATE, Recording, are_digits, changed, features, read_own, read_recordings

STACK = 2  # frames in a step of the network
DIGITS = tuple("0123456789")
RARE = -10.0  # letters with a smaller log-probability are left out in a step of beam search


@dataclass(frozen=True, kw_only=True)
class Settings(training.Settings):
    """Everything that decides what a training run does; see the base class."""

    task: str = setting("digit", "What to tell of a recording.", choices=("digit", "spell"))
    folder: Path | None = setting(
        None,
        "Folder of your own WAV files: of any words, in sub-folders named after these (yes/anna.wav) or with names "
        "that begin so (yes_anna.wav); or of digits, digit_speaker_index.wav. By default, 2,000 spoken digits.",
    )
    out: Path = setting(Path("out/speech"), "Directory for the results.")
    steps: int = setting(1600, "Batches to train on.", 1)
    cell: str = setting("gru", "The kind of recurrent network.", choices=tuple(CELLS))
    hidden: int = setting(96, "Features of the state in each direction.", 1)
    layers: int = setting(2, "Layers of the network.", 1)
    dropout: float = setting(0.3, "Probability of a zero, between layers and at the end.", 0.0)
    batch: int = setting(32, "Recordings in a batch.", 1)
    learned: int = setting(
        40, "Recordings of each digit by each speaker to learn from, at most; of own words all, if it is not given.", 1
    )
    lr: float = setting(3e-3, "Highest learning rate of Adam.", 0.0)

    QUICK: ClassVar = {"steps": 40, "hidden": 32, "layers": 1, "learned": 3, "lr": 1e-2, "validations": 2}


# --- the model --------------------------------------------------------------------------------------------------------


class Recogniser(nn.Module):
    """A bidirectional recurrent network over log-mel frames, and a linear layer.

    Args:
        task: "digit" or "spell": C is the number of labels, or of their letters and the blank.
        mean, deviation: of the 40 features, for normalising them.
        cell: the kind of network, one of `CELLS`.
        hidden: features of the state in each direction, H.
        layers: how many layers of the network.
        dropout: the probability of a zero, between the layers and before the linear one.
        labels: what is told of the recordings; by default digits, or their names.

    Raises ValueError for another task, and for sizes out of range.
    """

    def __init__(
        self,
        task: str,
        mean: Sequence[float],
        deviation: Sequence[float],
        cell: str = "gru",
        hidden: int = 96,
        layers: int = 2,
        dropout: float = 0.3,
        labels: Sequence[str] | None = None,
    ) -> None:
        super().__init__()
        if task not in ("digit", "spell"):
            raise ValueError(f"a Recogniser's task is 'digit' or 'spell', not {task!r}")
        self.about: dict[str, Any] = {"task": task, "mean": list(mean), "deviation": list(deviation)}
        self.about |= {"cell": cell, "hidden": hidden, "layers": layers, "dropout": dropout}
        if labels is not None:  # of digits, files are as they always were
            self.about["labels"] = list(labels)
        self.task = task
        self.labels = tuple(labels or (DIGITS if task == "digit" else NAMES))
        self.letters = "".join(sorted(set("".join(self.labels))))
        self.shortest = shortest(self.labels)
        self.mean, self.deviation = np.array(mean, np.float32), np.array(deviation, np.float32)
        self.network = CELLS[cell](STACK * MELS, hidden, layers, bidirectional=True, dropout=dropout)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(2 * hidden, len(self.classes))

    @property
    def classes(self) -> tuple[str, ...]:
        """What the classes stand for: the labels, or the blank and letters."""
        return self.labels if self.task == "digit" else ("", *self.letters)

    def steps(self, recordings: Sequence[np.ndarray]) -> tuple[mg.Tensor, np.ndarray]:
        """B times frames (T_b, 40) to the steps of the network (T, B, 80), padded, and their numbers (B,).

        A recording that ends within a step, or is too short to spell, has its last frame repeated.
        """
        sequences = []
        for frames in recordings:
            count = max(self.shortest, -(-len(frames) // STACK))
            full = np.pad(frames, ((0, count * STACK - len(frames)), (0, 0)), mode="edge")
            sequences.append(((full - self.mean) / self.deviation).reshape(count, STACK * MELS))
        padded, lengths = pad(sequences)
        return mg.tensor(padded), lengths

    def forward(self, x: mg.Tensor, lengths: np.ndarray) -> mg.Tensor:
        """Steps x (T, B, 80) to logits: of labels (B, C), or of the blank and letters at each step (T, B, C)."""
        outputs = self.dropout(self.network(x, lengths=lengths)[0])
        if self.task == "spell":
            return self.head(outputs)
        counts = mg.tensor(lengths[:, None].astype(np.float32))
        return self.head(mg.sum(outputs, axis=0) / counts)  # after the end of a recording, outputs are zeros

    def over_time(self, x: mg.Tensor) -> mg.Tensor:
        """The probabilities of the classes at each step (T, B, C) of x (T, B, 80); for digits, what it alone tells."""
        return F.softmax(self.head(self.network(x)[0]))

    def loss(self, x: mg.Tensor, lengths: np.ndarray, labels: Sequence[int]) -> mg.Tensor:
        """Minus the logarithm of the probability of the right answers, in nats; the mean of B recordings.

        Of digits, with a label smoothing of 0.05; of a spelling, divided by its number of letters.
        """
        logits = self(x, lengths)
        if self.task == "digit":
            return F.cross_entropy(logits, mg.tensor(labels), label_smoothing=0.05)
        return self.spelling_loss(logits, lengths, [self.labels[label] for label in labels])

    def spelling_loss(self, logits: mg.Tensor, lengths: np.ndarray, names: Sequence[str]) -> mg.Tensor:
        """The CTC loss of names, for logits (T, B, C)."""
        letters = [1 + self.letters.index(letter) for name in names for letter in name]
        return F.ctc_loss(F.log_softmax(logits), letters, lengths, [len(name) for name in names])

    @mg.no_grad()
    def texts(self, x: mg.Tensor, lengths: np.ndarray, beam: bool = False) -> list[tuple[str, float]]:
        """What B recordings say, and how probable that is for the model.

        Of spellings, that of the likeliest path; with `beam`, the one whose paths are likeliest together.
        """
        logits = self(x, lengths)
        log_p = F.log_softmax(logits)
        if self.task == "digit":
            return [(self.classes[p.argmax()], math.exp(p.max())) for p in log_p.numpy()]
        if beam:
            found = [hypotheses[0] for hypotheses in ctc_beam_decode(log_p, lengths, width=8, prune=RARE)]
        else:
            best = [p[:n].sum() for p, n in zip(log_p.numpy().max(axis=2).T, lengths)]
            paths = [tuple(labels.tolist()) for labels in ctc_greedy_decode(log_p, lengths)]
            found = list(zip(paths, best, strict=True))
        return [("".join(self.classes[c] for c in labels), math.exp(score)) for labels, score in found]


def shortest(words: Sequence[str]) -> int:
    """The steps that CTC needs: one for each letter, and a blank between two that are alike."""
    return max(len(word) + sum(a == b for a, b in pairwise(word)) for word in words)


@mg.no_grad()
def recognise(model: Recogniser, samples: Any, rate: float) -> tuple[str, float]:
    """What a recording says ("7", or "seven"), and how probable that is for the model.

    Args:
        model: a trained model.
        samples: sound of shape (samples,), one channel, between -1 and 1, as `read_wav` gives it.
        rate: the sampling rate in Hz; sound of other rates than 8,000 Hz is resampled.

    A spelling is found by beam search, and its probability is that of all its alignments.

    Raises ValueError for samples that are no sound; ImportError without scipy.
    """
    with nn.utils.evaluating(model):
        return model.texts(*model.steps([features(samples, rate)[1]]), beam=True)[0]


def untrained() -> Recogniser:
    """A small model of the usual shape, to look at."""
    return Recogniser("spell", [0.0] * MELS, [1.0] * MELS, hidden=8, layers=1)


def unrolled(model: Recogniser, steps: int) -> mg.Tensor:
    """The loss on `steps` steps, with its history, to be drawn."""
    x, lengths = mg.zeros((steps, 1, STACK * MELS)), np.array([steps])
    if model.task == "digit":
        return model.loss(x, lengths, [1])
    return model.spelling_loss(model(x, lengths), lengths, [model.labels[1][:steps]])


# --- training ---------------------------------------------------------------------------------------------------------


class Task(training.Task):
    """Learning what recordings say; see the base class."""

    tries = ("predict {out} RECORDING.wav", "graph {out}")
    format = "minigrad speech 1"
    kept = ("loss", "min")

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        folder, labels = settings.folder or fetch("fsdd"), None
        if settings.folder is None or are_digits(folder):
            sets = read_recordings(folder, settings.learned)
        else:
            limited = settings.quick or settings.learned != type(settings).learned
            sets, labels = read_own(folder, settings.learned if limited else None)
        self.train, self.held_out, self.test = sets["train"], sets["held_out"], sets["test"]
        frames = np.concatenate([recording.frames for recording in self.train]).astype(np.float64)
        self.model: Recogniser = Recogniser(
            settings.task,
            mean=frames.mean(axis=0).tolist(),
            deviation=(frames.std(axis=0) + 1e-3).tolist(),  # more than zero, for recordings of nothing
            cell=settings.cell,
            hidden=settings.hidden,
            layers=settings.layers,
            dropout=settings.dropout,
            labels=labels,
        )
        self.optimizer = optim.Adam(self.model.parameters(), lr=settings.lr)
        self.schedule = optim.lr_scheduler.CosineAnnealingLR(self.optimizer, settings.steps, settings.lr / 50)
        self.unit = "loss" if settings.task == "digit" else "loss of a letter"

    def introduction(self) -> str:
        counts = (
            f"{len(self.train)} recordings to learn from, {len(self.held_out)} held out, {len(self.test)} for tests"
        )
        return f"{counts}; {super().introduction()}"

    def batches(self, epoch: int) -> Iterator[tuple[mg.Tensor, np.ndarray, list[int]]]:
        """(steps, lengths, digits)."""
        rng = np.random.default_rng([self.settings.seed, epoch])
        for indices in bucketed([len(r.frames) for r in self.train], self.settings.batch, rng, pool=8):
            chosen = [self.train[i] for i in indices]
            frames = [changed(r.frames, rng, self.model.mean) for r in chosen]
            yield *self.model.steps(frames), [r.label for r in chosen]

    def loss(self, batch: tuple[mg.Tensor, np.ndarray, list[int]]) -> mg.Tensor:
        return self.model.loss(*batch)

    def validate(self) -> dict[str, float]:
        return self.measured(self.held_out)[0]

    def measured(self, recordings: list[Recording], beam: bool = False) -> tuple[dict[str, float], list[str]]:
        """How well recordings are understood, and what the model takes them for."""
        total, texts = 0.0, [""] * len(recordings)
        for indices in bucketed([len(r.frames) for r in recordings], 100):
            x, lengths = self.model.steps([recordings[i].frames for i in indices])
            total += self.model.loss(x, lengths, [recordings[i].label for i in indices]).item() * len(indices)
            for i, (text, _) in zip(indices, self.model.texts(x, lengths, beam)):
                texts[i] = text
        wanted = [self.model.labels[r.label] for r in recordings]
        right = float(np.mean([text == name for text, name in zip(texts, wanted)]))
        measures = {"loss": total / len(recordings), "accuracy": right}
        if self.settings.task == "spell":
            measures["letter_error_rate"] = error_rate(texts, wanted)
        return measures, texts

    def results(self) -> dict[str, Any]:
        measures, texts = self.measured(self.test)
        if self.settings.task == "spell":
            found = self.measured(self.test, beam=True)[0]
            measures["letter_error_rate_of_beam_search"] = found["letter_error_rate"]
        wrong = {r.file: text for r, text in zip(self.test, texts) if text != self.model.labels[r.label]}
        counts = {"recordings": len(self.train), "held_out_recordings": len(self.held_out)}
        return {**measures, **counts, "test_recordings": len(self.test), "wrong": wrong, "confusion": self.table(texts)}

    def reached(self, results: Mapping[str, Any]) -> list[Any]:
        rows = [("test, understood", 100 * results["accuracy"], "%"), ("guessing", 100 / len(self.model.labels), "%")]
        if self.settings.task == "spell":
            rows.append(("test, wrong letters", 100 * results["letter_error_rate"], "%"))
        return rows

    def table(self, texts: list[str]) -> list[list[int]]:
        """How often label i (row) was taken for label j; a spelling counts as the most similar one."""
        labels = self.model.labels
        counts = [[0] * len(labels) for _ in labels]
        for recording, text in zip(self.test, texts):
            distances = [edit_distance(text, label) for label in labels]
            counts[recording.label][int(np.argmin(distances))] += 1
        return counts

    @staticmethod
    def build(about: Any) -> Recogniser:
        return Recogniser(**about)

    def about(self) -> dict[str, Any]:
        return self.model.about

    @mg.no_grad()
    def write(self, out: Path) -> list[Path]:
        paths = [out / name for name in ("probabilities.png", "confusion.png", "heard.wav")]
        texts = self.measured(self.test)[1]
        order = sorted(range(len(texts)), key=lambda i: texts[i] == self.model.labels[self.test[i].label])
        first = {self.test[i].label: i for i in reversed(order)}  # of each label, one that was misunderstood if any was
        examples = []
        for i in sorted(first.values(), key=order.index)[:5]:
            p = self.model.over_time(self.model.steps([self.test[i].frames])[0]).numpy()[:, 0]
            examples.append((f"{self.test[i].file}: {texts[i] or 'nothing'}", self.test[i].frames, p))
        labels = self.model.labels if self.settings.folder else None
        made = training.drawn(pictures.over_time, paths[0], examples, self.model.classes, HOP)
        made += training.drawn(pictures.confusion, paths[1], self.table(texts), labels)
        pictures.join(paths[2], [self.test[i].samples for i in order[:10]], RATE)
        title = f"Spoken digits, bidirectional {self.settings.cell}"
        return [*made, paths[2], *draw_unrolled(unrolled, self.model, 4, out, title)]


load = Task.load


def predict(model: Recogniser, inputs: Iterable[str | Path], *, batch: int = 100) -> Iterator[training.Prediction]:
    """What WAV files say, and how probable that is for the model; as `recognise`, many at once.

    Sound at another rate is resampled, and of several channels the mean is taken.

    Raises OSError, ValueError for a file that is no WAV file, ImportError without scipy.
    """
    files = given_files(inputs, (".wav",), "recordings")
    heard = [features(samples, rate) for rate, samples in (read_wav(path, average=True) for path in files)]
    texts = [("", 0.0)] * len(files)
    with nn.utils.evaluating(model):
        for indices in bucketed([len(frames) for _, frames in heard], batch):
            found = model.texts(*model.steps([heard[i][1] for i in indices]), beam=True)
            for i, told in zip(indices, found, strict=True):
                texts[i] = told
    for path, (text, p), (samples, _) in zip(files, texts, heard, strict=True):
        data = {"text": text, "probability": p, "seconds": len(samples) / RATE}
        yield training.Prediction(str(path), f"{text or 'nothing'} ({percent(p)})", data)


def train(settings: Settings) -> dict[str, Any]:
    """Train a model; see `training.fit`. It leaves pictures and sound, too: `heard.wav` has ten recordings of the test
    set, half a second apart, those that were misunderstood first.

    Raises also ValueError for damaged files.
    """
    return training.fit(settings, Task)

"""Images of digits and what they are called, spelled letter by letter: a vector to a sequence.

    python -m minigrad.models.caption

Two linear layers make a vector of each image; the vector sets the state in which a recurrent network begins to write
(as Vinyals et al., Show and tell, 2015, do with photographs and sentences). Counted is who spells the whole name
correctly: "seven", and then the end. The images, 8 x 8 pixels, come with scikit-learn: `data.digit_images` says which
of them are held out.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

import minigrad as mg
from minigrad import nn, optim, training
from minigrad.data import Vocabulary, digit_images, given_files, pad, read_image, read_image_folder
from minigrad.data.images import NAMES, PICTURES, shrunk
from minigrad.nn.scheduled_sampling import linear_decay
from minigrad.tools import pictures
from minigrad.training import setting
from minigrad.training.caller import named
from minigrad.training.cells import CELLS

END = "\n"  # after a name; also what the network reads before the first letter
LONGEST = 10  # letters that it may write, more than any name has
BATCH = 200  # of images that are not learned from


@dataclass(frozen=True, kw_only=True)
class Settings(training.Settings):
    """Everything that decides what a training run does; see the base class."""

    folder: Path | None = setting(
        None,
        "Folder of your own pictures, square, dark on light, all of one size: in sub-folders named after what is to be "
        "written (seven/1.png), or with names that begin so (seven_1.png). By default scikit-learn's digits.",
    )
    out: Path = setting(Path("out/caption"), "Directory for the results.")
    steps: int = setting(2000, "Batches to train on.", 1)
    cell: str = setting("gru", "The kind of recurrent network.", choices=tuple(CELLS))
    features: int = setting(128, "Features of an image.", 1)
    hidden: int = setting(64, "Features of the network's state.", 1)
    embedding: int = setting(16, "Features of a letter.", 1)
    batch: int = setting(64, "Images in a batch.", 1)
    dropout: float = setting(0.3, "Probability of a zero in the features of an image.", 0.0)
    noise: float = setting(0.1, "Standard deviation of noise on the pixels, 0 to 1.", 0.0)
    teacher_forcing: float = setting(
        1.0, "Probability of reading the true letter before, falling from 1 to this: scheduled sampling.", 0.0
    )
    beam: int = setting(3, "Hypotheses of the beam search at the end.", 1)
    lr: float = setting(3e-3, "Highest learning rate of Adam.", 0.0)

    QUICK: ClassVar = {
        "steps": 160, "features": 64, "hidden": 32, "lr": 1e-2, "dropout": 0.0, "teacher_forcing": 0.9, "validations": 2
    }  # fmt: skip

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("dropout", "teacher_forcing"):
            if getattr(self, name) > 1:
                raise ValueError(f"{named(name)} is a probability, at most 1, not {getattr(self, name)}")


# --- the model --------------------------------------------------------------------------------------------------------


class Captioner(nn.EncoderDecoder):
    """Linear layers that read an image, and a recurrent network that writes.

    Args:
        features: of an image.
        hidden: features of the state.
        embedding: features of a letter.
        cell: the kind of network, one of `CELLS`.
        dropout: the probability of a zero in the features of an image, in training.
        names: what is written below the images, by label.
        side: pixels along a side of an image.
    """

    def __init__(
        self,
        features: int = 128,
        hidden: int = 64,
        embedding: int = 16,
        cell: str = "gru",
        dropout: float = 0.0,
        names: Sequence[str] = NAMES,
        side: int = 8,
    ) -> None:
        self.names, self.side = tuple(names), side
        self.longest = max(LONGEST, 2 + max(map(len, names)))
        self.vocabulary = Vocabulary("".join(names) + END)
        end = int(self.vocabulary.encode(END)[0])
        layers = [
            nn.Linear(side * side, features),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(features, features),
            nn.ReLU(),
        ]
        network = CELLS[cell](embedding, hidden)
        super().__init__(
            nn.Sequential(*layers, nn.Dropout(dropout)),
            nn.SequenceDecoder(network, len(self.vocabulary), features, start=end, end=end),
        )
        self.sizes = {"features": features, "hidden": hidden, "embedding": embedding, "cell": cell}
        if (self.names, side) != (NAMES, 8):
            self.sizes |= {"names": list(names), "side": side}

    def spelled(self, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The names of labels (B,) as letters (T, B), with their ends, and their lengths (B,)."""
        return pad([self.vocabulary.encode(self.names[label] + END) for label in labels])

    def name_loss(self, images: np.ndarray, labels: np.ndarray, **options: Any) -> mg.Tensor:
        """The mean negative log-likelihood, in nats, of the letters of the names.

        Args:
            images: (B, side, side), from 0 to 1.
            labels: numbers of names (B,).
            options: of `nn.SequenceDecoder.loss`.
        """
        letters, lengths = self.spelled(labels)
        return self.loss(flat(images), letters, None, lengths, **options)


def flat(images: np.ndarray) -> mg.Tensor:
    """Images (B, side, side) as vectors (B, side * side)."""
    return mg.tensor(images.reshape(len(images), -1))


@mg.no_grad()
def captions(model: Captioner, images: np.ndarray, width: int = 1) -> list[str]:
    """What the model writes below images (B, side, side); a width above 1 is that of a beam search.

    A caption that has not come to its end ends in "...".
    """
    texts = []
    for i in range(0, len(images), BATCH):
        vectors = model.encoder(flat(images[i : i + BATCH]))
        if width > 1:
            best = model.decoder.beam(vectors, model.longest, width=width)
            letters = best.tokens[:, :, 0]
        else:
            letters = model.decoder.greedy(vectors, model.longest).tokens
        for b in range(letters.shape[1]):
            text, end, _ = model.vocabulary.decode(letters[:, b]).partition(END)
            texts.append(text if end else text + "...")
    return texts


def exact(texts: list[str], labels: np.ndarray, names: Sequence[str] = NAMES) -> float:
    """The share of captions that are the names of the labels (B,), letter for letter."""
    return float(np.mean([text == names[label] for text, label in zip(texts, labels, strict=True)]))


def untrained(cell: str = "gru") -> Captioner:
    """A small model of the usual shape, to look at."""
    return Captioner(features=16, hidden=8, embedding=4, cell=cell)


def unrolled(model: Captioner, steps: int) -> mg.Tensor:
    """The loss on `steps` letters of a name such as "seven", with its history, to be drawn."""
    name = "seven" if "seven" in model.names else model.names[0]
    letters = np.resize(model.vocabulary.encode(name + END), steps)[:, None]
    return model.loss(mg.zeros((1, model.side**2)), letters)


# --- training ---------------------------------------------------------------------------------------------------------


class Task(training.Task):
    """Learning to spell what is seen; the weights are kept that find the names of the validation set likeliest."""

    format = "minigrad caption 1"
    kept = ("nats_per_letter", "min")
    unit = "nats per letter"
    shown = "nats_per_letter"
    tries = ("predict {out} PICTURE.png", "graph {out}")

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        names: Sequence[str] = NAMES
        if settings.folder is None:
            self.data = digit_images()
        else:
            self.data, names = read_image_folder(settings.folder)
        s, side = settings, self.data["train"][0].shape[1]
        self.model: Captioner = Captioner(s.features, s.hidden, s.embedding, s.cell, s.dropout, names, side)
        self.optimizer = optim.AdamW(self.model.parameters(), lr=s.lr, weight_decay=1e-2)
        self.schedule = optim.lr_scheduler.CosineAnnealingLR(self.optimizer, s.steps)
        self.levels = [("all letters alike", float(np.log(len(self.model.vocabulary))))]

    def introduction(self) -> str:
        counts = ", ".join(f"{len(labels)} {split}" for split, (_, labels) in self.data.items())
        return f"{counts} images; {super().introduction()}"

    def batches(self, epoch: int) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """(which batch it is of all, images with noise, labels)."""
        images, labels = self.data["train"]
        rng = np.random.default_rng([self.settings.seed, epoch])
        order, size = rng.permutation(len(labels)), self.settings.batch
        count = -(-len(labels) // size)
        for k in range(count):
            at = order[k * size : (k + 1) * size]
            noise = rng.normal(scale=self.settings.noise, size=(len(at), *images.shape[1:])).astype(np.float32)
            yield epoch * count + k, images[at] + noise, labels[at]

    def loss(self, batch: tuple[int, np.ndarray, np.ndarray]) -> mg.Tensor:
        step, images, labels = batch
        shown = linear_decay(step, self.settings.steps, end=self.settings.teacher_forcing)
        return self.model.name_loss(images, labels, teacher_forcing=shown)

    def validate(self) -> dict[str, float]:
        images, labels = self.data["valid"]
        loss = self.model.name_loss(images, labels).item()
        return {"nats_per_letter": loss, "exact": self.exact(images, labels)}

    def exact(self, images: np.ndarray, labels: np.ndarray, width: int = 1) -> float:
        """The share of images below which the model writes their names; `width` is that of a beam search."""
        return exact(captions(self.model, images, width), labels, self.model.names)

    def results(self) -> dict[str, Any]:
        images, labels = self.data["test"]
        return {
            "exact_greedy": self.exact(images, labels),
            "exact_beam": self.exact(images, labels, self.settings.beam),
            "nats_per_letter": self.model.name_loss(images, labels).item(),
            "images": len(labels),
        }

    def reached(self, results: Mapping[str, Any]) -> list[Any]:
        rows = [("test, spelled exactly", 100 * results["exact_beam"], "%")]
        return [*rows, ("test", results["nats_per_letter"], self.unit), *self.compared()]

    @staticmethod
    def build(about: Any) -> Captioner:
        return Captioner(**about)

    def about(self) -> dict[str, Any]:
        return dict(self.model.sizes)

    def write(self, out: Path) -> list[Path]:
        images, labels = self.data["test"]
        found = captions(self.model, images)
        searched = captions(self.model, images, self.settings.beam)
        names = self.model.names
        wrong = [text != names[label] for text, label in zip(found, labels)]
        first = np.argsort(~np.array(wrong), kind="stable")[:60]  # the wrong ones, and as many others as there is room
        paths = out / "captions.png", out / "captions.txt"
        picture = training.drawn(
            pictures.grid,
            paths[0],
            images[first],
            [found[i] + (f" ({names[labels[i]]})" if wrong[i] else "") for i in first],
            [wrong[i] for i in first],
            f"Images that were held out, and their captions: {sum(wrong)} of {len(labels)} are wrong",
        )
        wide = max(6, *map(len, names))
        lines = [f"{'image':>5}  {'truth':<{wide}} {'greedy':<{wide + 5}} beam of {self.settings.beam}"]
        for i, label in enumerate(labels):
            mark = "  wrong" if wrong[i] else ""
            lines.append(f"{i:>5}  {names[label]:<{wide}} {found[i]:<{wide + 5}} {searched[i]}{mark}")
        paths[1].write_text("\n".join(lines) + "\n", encoding="utf-8")
        return [*picture, paths[1]]


load = Task.load


def predict(model: Captioner, inputs: Iterable[str | Path]) -> Iterator[training.Prediction]:
    """The captions of pictures of the size that was learned, or of a multiple of it, dark on light; by beam search.

    Raises OSError, ValueError for a file that is no such picture, ImportError without pillow.
    """
    files = given_files(inputs, PICTURES, "pictures")
    images = [shrunk(read_image(path)[None], model.side, path)[0] for path in files]
    for path, text in zip(files, captions(model, np.stack(images), width=3) if files else (), strict=True):
        yield training.Prediction(str(path), text, {"text": text})


def train(settings: Settings) -> dict[str, Any]:
    """Train a model; see `training.fit`. It leaves captions of the test images, too.

    Raises also ImportError without scikit-learn.
    """
    return training.fit(settings, Task)


if __name__ == "__main__":
    from minigrad.tools.cli import main

    sys.exit(main(["train", "caption", *sys.argv[1:]]))

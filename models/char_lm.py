"""A character language model: a recurrent network that learns to continue a text, one character at a time.

    python -m minigrad.models.char_lm --text FILE

The model reads the characters so far and gives a probability to each possible next one (Sutskever, Martens and Hinton,
Generating text with recurrent neural networks, 2011). It is trained by truncated backpropagation through time: the text
is cut into parallel streams, each batch continues where the last one stopped, and the network's state is carried on
while its history is cut off. What it has learned is measured in bits per character on text that it has never seen.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

import minigrad as mg
import minigrad.functional as F
from minigrad import nn, optim, training
from minigrad.data import Streams, Vocabulary, fetch, given_texts, read_text
from minigrad.data.inputs import about
from minigrad.tools.pictures import draw_unrolled
from minigrad.training import setting
from minigrad.training.caller import named
from minigrad.training.cells import CELLS
from minigrad.training.predictions import percent

TEXTS = ("tiny_shakespeare",)  # data sets that are one text
EXAMPLE, SAMPLE = 240, 1000  # characters that the model writes: after a validation, and at the end
State = Any  # of the network: a tensor (layers, B, hidden), a pair of them for LSTMs, or None for zeros


@dataclass(frozen=True, kw_only=True)
class Settings(training.Settings):
    """Everything that decides what a training run does; see the base class."""

    text: Path | None = setting(
        None, "UTF-8 file to learn, or a data set: tiny_shakespeare; by default Python's own documentation."
    )
    out: Path = setting(Path("out/char-lm"), "Directory for the results.")
    steps: int = setting(3000, "Batches to train on.", 1)
    cell: str = setting("lstm", "The kind of recurrent network.", choices=tuple(CELLS))
    hidden: int = setting(256, "Features of the network's state.", 1)
    layers: int = setting(1, "Layers of the network.", 1)
    embedding: int = setting(64, "Features of a character.", 1)
    batch: int = setting(16, "Streams of text read side by side.", 1)
    length: int = setting(32, "Characters between two updates: how far gradients flow back.", 1)
    validations: int = setting(5, "How often to measure on held-out text, evenly spread.", 1)
    lr: float = setting(6e-3, "Highest learning rate of Adam.", 0.0)

    QUICK: ClassVar = {"steps": 60, "hidden": 48, "embedding": 16}


# --- the model --------------------------------------------------------------------------------------------------------


class CharLM(nn.Module):
    """Embedding, recurrent network, linear layer.

    Args:
        vocabulary: the characters, V of them.
        embedding: features of a character, E.
        hidden: features of the state, H.
        layers: how many layers of the network.
        cell: the kind of network, one of `CELLS`.
    """

    def __init__(
        self, vocabulary: Vocabulary, embedding: int = 64, hidden: int = 256, layers: int = 1, cell: str = "lstm"
    ) -> None:
        super().__init__()
        self.vocabulary = vocabulary
        self.sizes = {"embedding": embedding, "hidden": hidden, "layers": layers, "cell": cell}
        self.embedding = nn.Embedding(len(vocabulary), embedding)
        self.network = CELLS[cell](embedding, hidden, layers)
        self.head = nn.Linear(hidden, len(vocabulary))

    def forward(self, x: Any, state: State = None) -> tuple[mg.Tensor, State]:
        """Characters x (T, B), as integers, to logits for the next characters (T, B, V); and the new state."""
        outputs, state = self.network(self.embedding(x), state)
        return self.head(outputs), state

    def loss(self, x: Any, y: Any, state: State = None) -> tuple[mg.Tensor, State]:
        """The mean negative log-likelihood, in nats, of the next characters y (T, B); and the new state."""
        logits, state = self(x, state)
        return F.cross_entropy(logits, y), state


@mg.no_grad()
def nats_per_character(model: CharLM, numbers: np.ndarray, length: int = 64, batch: int = 16) -> float:
    """The mean negative log-likelihood of a character of this text (its characters as numbers): bits times ln 2."""
    batch = min(batch, max(1, (len(numbers) - 1) // length))
    total, count, state = 0.0, 0, None
    for x, y in Streams(numbers, min(length, len(numbers) - 1), batch):
        loss, state = model.loss(mg.tensor(x), mg.tensor(y), state)
        total, count = total + loss.item(), count + 1
    return total / count


def sample(
    model: CharLM,
    length: int,
    temperature: float = 0.8,
    prime: str | None = None,
    generator: mg.random.Generator | None = None,
    top_k: int | None = None,
    top_p: float | None = None,
) -> Iterator[str]:
    """Characters that the model writes, one by one.

    Args:
        model: the model.
        length: how many.
        temperature: 1 follows the model's probabilities, less prefers likely characters, 0 always takes the likeliest.
        prime: the text to continue; it is not repeated. By default a new paragraph begins.
        generator: the source of random numbers, the default one if None.
        top_k, top_p: limits to the likeliest characters; see `minigrad.nn.decoding.filtered`.

    Raises ValueError for options out of range, or a prime that is empty or has characters that the model lacks.
    """
    if prime is None:
        prime = "\n\n" if "\n" in model.vocabulary else model.vocabulary.characters[0]
    if not prime:
        raise ValueError("the prime must have at least one character, to be continued")
    numbers, state = model.vocabulary.encode(prime), None
    with mg.no_grad():
        if len(numbers) > 1:
            _, state = model(mg.tensor(numbers[:-1, None]))

    def step(tokens: mg.Tensor, state: State) -> tuple[mg.Tensor, State]:
        logits, state = model(tokens[None], state)
        return logits[0], state

    options: Any = {"temperature": temperature, "top_k": top_k, "top_p": top_p, "generator": generator}
    stream = nn.decoding.sampled(step, numbers[-1:], state, **options, state_axis=1)
    return (model.vocabulary.decode(tokens) for tokens, _ in islice(stream, length))


def untrained() -> CharLM:
    """A small model of the usual shape, to look at."""
    return CharLM(Vocabulary("abcdefghijklmnopqrstuvwxyz "), embedding=16, hidden=32)


def unrolled(model: CharLM, steps: int) -> mg.Tensor:
    """The loss on `steps` characters, with its history: the graph that training differentiates, to be drawn."""
    numbers = np.arange(steps + 1)[:, None] % len(model.vocabulary)
    return model.loss(mg.tensor(numbers[:-1]), mg.tensor(numbers[1:]))[0]


# --- files ------------------------------------------------------------------------------------------------------------


def located(text: str | Path) -> Path:
    """The file of a text: as it is, or that of the data set with this name."""
    text = Path(text)
    return fetch(str(text)) if not text.exists() and str(text) in TEXTS else text


def default_text() -> str:
    """Python's language reference, as it ships with CPython for `help()`: about 450,000 characters of English."""
    try:
        from pydoc_data.topics import topics
    except ImportError:
        lacking = "this Python comes without its documentation (pydoc_data)"
        raise FileNotFoundError(f"{lacking}: give a {named('text')}") from None
    return "\n\n".join(dict.fromkeys(topics[name] for name in sorted(topics)))


# --- training ---------------------------------------------------------------------------------------------------------


def rate(step: int, steps: int) -> float:
    """The learning rate of a step as a part of the highest: up in a line, then down in a cosine to a fiftieth."""
    warm_up = min(50, 1 + steps // 10)
    if step < warm_up:
        return (step + 1) / warm_up
    return 0.02 + 0.98 * (1 + math.cos(math.pi * (step - warm_up) / max(1, steps - warm_up))) / 2


class Task(training.Task):
    """Learning to continue a text, of which the last tenth is held out; see the base class.

    The held-out text tells which weights to keep, too, so for long trainings its figures are those of a validation.
    """

    format = "minigrad char-lm 2"
    kept = ("bits_per_character", "min")
    unit = "bits per character"
    scale = 1 / math.log(2)
    shown = "bits_per_character"
    tries = ("sample {out}", "graph {out}")

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        text = default_text() if settings.text is None else read_text(located(settings.text))
        vocabulary = Vocabulary(text)
        numbers = vocabulary.encode(text)
        held_out = max(2, len(numbers) // 10)
        self.train_numbers, self.held_out_numbers = numbers[:-held_out], numbers[-held_out:]
        self.streams = Streams(self.train_numbers, settings.length, settings.batch)
        self.model: CharLM = CharLM(vocabulary, settings.embedding, settings.hidden, settings.layers, settings.cell)
        self.optimizer = optim.Adam(self.model.parameters(), lr=settings.lr)
        self.schedule = optim.lr_scheduler.LambdaLR(self.optimizer, lambda step: rate(step, settings.steps))
        p = np.bincount(self.train_numbers, minlength=len(vocabulary)) / len(self.train_numbers)
        entropy = float(-(p[p > 0] * np.log2(p[p > 0])).sum())
        self.levels = [("all characters alike", math.log2(len(vocabulary))), ("by frequency alone", entropy)]

    def introduction(self) -> str:
        settings, characters = self.settings, len(self.train_numbers) + len(self.held_out_numbers)
        return (
            f"{characters:,} characters, {len(self.model.vocabulary)} different; "
            f"{sum(p.size for p in self.model.parameters()):,} parameters; "
            f"{settings.steps} batches of {settings.batch} x {settings.length} characters on {settings.backend}"
        )

    def batches(self, epoch: int) -> Iterator[tuple[bool, np.ndarray, np.ndarray]]:
        """(whether the text begins anew, x, y)."""
        for k, (x, y) in enumerate(self.streams):
            yield k == 0, x, y

    def loss(self, batch: tuple[bool, np.ndarray, np.ndarray]) -> mg.Tensor:
        anew, x, y = batch
        loss, self.carried = self.model.loss(mg.tensor(x), mg.tensor(y), None if anew else self.carried)
        return loss

    def values(self, loss: float, speed: float) -> str:
        tokens = speed * self.settings.batch * self.settings.length
        return f"loss {loss:.3f} | {loss * self.scale:.3f} bits/char | {tokens:,.0f} tokens/s"

    def validate(self) -> dict[str, float]:
        nats = nats_per_character(self.model, self.held_out_numbers)
        return {"nats_per_character": nats, "bits_per_character": nats * self.scale}

    def results(self) -> dict[str, Any]:
        counts = {"characters": len(self.train_numbers), "held_out_characters": len(self.held_out_numbers)}
        return {**self.validate(), **counts, "vocabulary": len(self.model.vocabulary)}

    def reached(self, results: Mapping[str, Any]) -> list[Any]:
        return [("held-out text", results["bits_per_character"], self.unit), *self.compared()]

    @staticmethod
    def build(about: Any) -> CharLM:
        return CharLM(Vocabulary.from_dict(about["vocabulary"]), **about["sizes"])

    def about(self) -> dict[str, Any]:
        return {"sizes": self.model.sizes, "vocabulary": self.model.vocabulary.to_dict()}

    def example(self, length: int | None = None) -> str:
        length = EXAMPLE if length is None else length
        return "".join(sample(self.model, length, 0.7, generator=mg.random.Generator(self.settings.seed)))

    def write(self, out: Path) -> list[Path]:
        text = out / "sample.txt"
        text.write_text(self.example(SAMPLE), encoding="utf-8")
        title = "A character language model, unrolled over four characters"
        return [text, *draw_unrolled(unrolled, self.model, 4, out, title)]


load = Task.load


def predict(model: CharLM, inputs: Iterable[str | Path], *, top: int = 5) -> Iterator[training.Prediction]:
    """How the model finds texts, in bits per character, and which characters it expects next.

    Args:
        model: the model.
        inputs: texts, files or `-`; see `data.given_texts`.
        top: how many characters to tell.

    Raises OSError, ValueError for a text that is empty or has characters that the model lacks.
    """
    given = list(given_texts(inputs))
    texts = []
    for each in given:
        with about(each.name):
            texts.append(model.vocabulary.encode(each.text))
    for each, numbers in zip(given, texts, strict=True):
        log_p, bits = expected(model, numbers)
        best = [int(i) for i in np.argsort(-log_p, kind="stable")[:top]]
        following: list[dict[str, Any]] = [
            {"character": model.vocabulary.decode(i), "probability": math.exp(log_p[i])} for i in best
        ]
        told = ", ".join(f"{next_one['character']!r} {percent(next_one['probability'])}" for next_one in following)
        measured = "" if bits is None else f"{bits:.2f} bits per character; "
        data = {"characters": len(numbers), "bits_per_character": bits, "next": following}
        yield training.Prediction(each.name, f"{measured}next: {told}", data)


@mg.no_grad()
def expected(model: CharLM, numbers: np.ndarray, length: int = 1024) -> tuple[np.ndarray, float | None]:
    """The log-probabilities (V,) of the next character, and the mean bits of those after the first; None if none is."""
    state, nats, log_p = None, 0.0, np.zeros(0)
    for start in range(0, len(numbers), length):
        part = numbers[start : start + length]
        logits, state = model(mg.tensor(part[:, None]), state)
        found = F.log_softmax(logits).numpy()[:, 0].astype(np.float64)
        truth = numbers[start + 1 : start + 1 + len(part)]
        nats -= float(found[np.arange(len(truth)), truth].sum())
        log_p = found[-1]
    return log_p, nats / math.log(2) / (len(numbers) - 1) if len(numbers) > 1 else None


def train(settings: Settings) -> dict[str, Any]:
    """Train a model; see `training.fit`. It leaves its graph and a sample of text, too.

    Raises also ValueError for a text that is too short.
    """
    return training.fit(settings, Task)


if __name__ == "__main__":
    from minigrad.tools.cli import main

    sys.exit(main(["train", "char-lm", *sys.argv[1:]]))

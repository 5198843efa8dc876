"""Is a sentence of a film review for or against the film? A recurrent network reads it in both directions.

    python -m minigrad.models.sentiment

A word's vector is the sum of its own learned one and of those of its pieces, runs of three to five letters, so that the
network knows something of words that it has never seen (Bojanowski et al., Enriching word vectors with subword
information, 2017). A bidirectional LSTM or GRU reads the vectors, the largest value of each of its features over the
sentence is taken, and a linear layer gives the answer. Nothing is pretrained. The data are sentences by Pang and Lee
(2005); of networks with words learned from scratch, 76.1 % right answers are published for a convolutional one (Kim,
Convolutional neural networks for sentence classification, 2014).
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np

import minigrad as mg
import minigrad.functional as F
from minigrad import nn, optim, training
from minigrad.data import WordVocabulary, bucketed, fetch, given_sentences, pad, read_labelled, read_sentences, tokenize
from minigrad.data.inputs import shortened
from minigrad.training import setting
from minigrad.training.cells import CELLS
from minigrad.training.predictions import percent

from .picture import picture

PIECES = (3, 4, 5)  # letters of a piece
LONGEST = 40  # letters of a word that are looked at
FEWEST = 10  # texts of each label in a file of one's own
LABELS = {"neg": 0, "pos": 1}  # by the ending of the file

Sentences = list[tuple[list[str], int]]  # words and label


@dataclass(frozen=True, kw_only=True)
class Settings(training.Settings):
    """Everything that decides what a training run does; see the base class."""

    data: Path | None = setting(
        None,
        "CSV or TSV file of your own texts, with a line of names: text,label, and two labels; by default film reviews.",
    )
    out: Path = setting(Path("out/sentiment"), "Directory for the results.")
    steps: int = setting(1000, "Batches to train on.", 1)
    cell: str = setting("lstm", "The kind of recurrent network.", choices=tuple(CELLS))
    embedding: int = setting(64, "Features of a word.", 1)
    hidden: int = setting(128, "Features of the state, in each direction.", 1)
    pieces: int = setting(20000, "Rows of the table of pieces of words.", 1)
    rare: int = setting(1, "Words found so often or less are known by their pieces alone.", 0)
    batch: int = setting(50, "Sentences in a batch.", 1)
    dropout: float = setting(0.6, "Share of features left out in training, before and after.", 0)
    word_dropout: float = setting(0.4, "Share of words left out in training.", 0)
    decay: float = setting(0.3, "Weight decay.", 0)
    validations: int = setting(20, "How often to measure on held-out data, evenly spread.", 1)
    lr: float = setting(5e-3, "Highest learning rate of Adam.", 0.0)

    QUICK: ClassVar = {"steps": 60, "embedding": 16, "hidden": 16, "pieces": 1000, "validations": 2, "lr": 2e-2}


# --- the model --------------------------------------------------------------------------------------------------------


class Batch(NamedTuple):
    """B sentences of N different words; the words are given once each, and the sentences tell their places.

    words: numbers in the vocabulary (N,). pieces: numbers of their pieces (N, K), 0 for none.
    places: which of the N words is where, (T, B). lengths: of the sentences, (B,).
    """

    words: np.ndarray
    pieces: np.ndarray
    places: np.ndarray
    lengths: np.ndarray


class Reader(nn.Module):
    """Vectors of words, a bidirectional network, the largest value of each feature, a linear layer.

    Args:
        vocabulary: the words that have vectors of their own.
        embedding: features of a word, E.
        hidden: features of the state in each direction, H.
        pieces: rows of the table of pieces. Which row is a piece's is decided by its checksum; some share one.
        cell: the kind of network, one of `CELLS`.
        dropout: in training, the share of features of the words, the same in all of a sentence, and of the features
            before the linear layer, that are zero.
        word_dropout: in training, the share of words that are zero.
        labels: what the answers 0 and 1 are called.
    """

    def __init__(
        self,
        vocabulary: WordVocabulary,
        embedding: int = 64,
        hidden: int = 64,
        pieces: int = 20000,
        cell: str = "lstm",
        dropout: float = 0.0,
        word_dropout: float = 0.0,
        labels: Sequence[str] = ("against", "for"),
    ) -> None:
        super().__init__()
        self.labels = tuple(labels)
        self.vocabulary = vocabulary
        self.sizes: dict[str, Any] = {"embedding": embedding, "hidden": hidden, "pieces": pieces, "cell": cell}
        self.words = nn.Embedding(len(vocabulary), embedding)
        self.pieces = nn.Embedding(1 + pieces, embedding, padding_idx=0)
        with mg.no_grad():
            for table in (self.words, self.pieces):
                nn.init.normal_(table.weight, std=0.3)
            nn.init.zeros_(self.pieces.weight[0])
        self.word_dropout = nn.Dropout(word_dropout, shared_axes=2)
        self.feature_dropout = nn.Dropout(dropout, shared_axes=0)
        self.network = CELLS[cell](embedding, hidden, bidirectional=True)
        self.last_dropout = nn.Dropout(dropout)
        self.head = nn.Linear(2 * hidden, 1)

    def encode(self, sentences: Sequence[Sequence[str]]) -> Batch:
        """Sentences, as lists of words, as numbers. Raises ValueError for a sentence without words."""
        numbers: dict[str, int] = {}
        places = [[numbers.setdefault(word, len(numbers)) for word in words] for words in sentences]
        if not all(places):
            raise ValueError(f"sentence {[bool(p) for p in places].index(False)} has no words")
        pieces, _ = pad([piece_numbers(word, self.sizes["pieces"]) for word in numbers], batch_first=True)
        return Batch(self.vocabulary.encode(numbers), pieces, *pad(places))

    def features(self, batch: Batch) -> mg.Tensor:
        """What the network makes of each word, (T, B, 2 H); -1, which is less than all it makes, after the end."""
        count = (batch.pieces > 0).sum(axis=1, keepdims=True)
        # The sum by the root of the count: then words of all lengths have vectors of about the same size.
        pieces = self.pieces(mg.tensor(batch.pieces)).sum(axis=1) / mg.tensor(np.sqrt(count, dtype=np.float32))
        vectors = self.words(mg.tensor(batch.words)) + pieces
        x = self.feature_dropout(self.word_dropout(vectors[mg.tensor(batch.places)]))
        outputs, _ = self.network(x, lengths=batch.lengths)
        inside = np.arange(len(batch.places))[:, None, None] < batch.lengths[:, None]
        return mg.where(mg.tensor(inside), outputs, -1.0)

    def forward(self, batch: Batch) -> mg.Tensor:
        """Log-odds (B,) that the sentences are in favour."""
        largest = mg.max(self.features(batch), axis=0)
        return self.head(self.last_dropout(largest))[:, 0]

    def loss(self, batch: Batch, labels: np.ndarray) -> mg.Tensor:
        """The mean cross-entropy, in nats, of labels (B,): 1 for, 0 against."""
        return F.binary_cross_entropy_with_logits(self(batch), mg.tensor(labels.astype(np.float32)))


def piece_numbers(word: str, rows: int) -> list[int]:
    """The numbers, 1 to `rows`, of the pieces of a word; its ends are marked, so each word has a piece at least."""
    marked = f"<{word[:LONGEST]}>"
    found = [marked[i : i + n] for n in PIECES for i in range(len(marked) - n + 1)]
    return [1 + zlib.crc32(piece.encode()) % rows for piece in found]


def classify(model: Reader, text: str) -> float:
    """The probability, from 0 to 1, that a text is in favour. Raises ValueError for a text without words."""
    return float(answers(model, [tokenize(text, lower=True)])[0])


@mg.no_grad()
def answers(model: Reader, sentences: Sequence[Sequence[str]], batch: int = 100) -> np.ndarray:
    """The probabilities (N,) that sentences, lists of words, are in favour."""
    found = np.zeros(len(sentences))
    with nn.utils.evaluating(model):
        for index in bucketed([len(words) for words in sentences], batch):
            found[index] = mg.sigmoid(model(model.encode([sentences[i] for i in index]))).numpy()
    return found


@mg.no_grad()
def shares(model: Reader, sentence: Sequence[str], usual: np.ndarray) -> np.ndarray:
    """What each word of a sentence adds to the log-odds, (T,), compared with a usual sentence.

    A feature's largest value comes from one word. That word is given what this value adds beyond `usual` (2 H,), the
    features of a usual sentence. Of course the network has seen the word's neighbours, too.
    """
    features = model.features(model.encode([sentence])).numpy()[:, 0]
    added = model.head.weight.numpy()[0] * (features.max(axis=0) - usual)
    return np.bincount(features.argmax(axis=0), added, len(sentence))


def untrained(cell: str = "lstm") -> Reader:
    """A small model of the usual shape, to look at."""
    return Reader(WordVocabulary("a film that is good or bad".split()), 8, 8, 100, cell)


def unrolled(model: Reader, steps: int) -> mg.Tensor:
    """The loss on a sentence of `steps` words, with its history, to be drawn."""
    words = "is this film good or bad ?".split()
    return model.loss(model.encode([[words[i % len(words)] for i in range(steps)]]), np.ones(1))


# --- training ---------------------------------------------------------------------------------------------------------


def read(folder: str | Path) -> dict[str, Sentences]:
    """The parts of the data: of each file, lines 10, 20, ... are the test, lines 5, 15, ... the validation part.

    Raises OSError, ValueError for files that cannot be read.
    """
    parts: dict[str, Sentences] = {"training": [], "validation": [], "test": []}
    for ending, label in LABELS.items():
        for number, sentence in enumerate(read_sentences(Path(folder) / f"rt-polarity.{ending}"), 1):
            parts[_part(number)].append((tokenize(encoded_once(sentence), lower=True), label))
    return parts


def read_own(path: str | Path) -> tuple[dict[str, Sentences], list[str]]:
    """The parts of a file of texts and labels, and the labels; of each label, those after the same rule as in `read`.

    Raises OSError, ValueError for a file that cannot be read, has other than two labels, or too few texts of one.
    """
    pairs = read_labelled(path)
    labels = sorted({label for _, label in pairs})
    if len(labels) != 2:
        raise ValueError(f"{path} should have two labels, and has {len(labels)}: {', '.join(labels)[:60]}")
    parts: dict[str, Sentences] = {"training": [], "validation": [], "test": []}
    for value, label in enumerate(labels):
        texts = [tokenize(text, lower=True) for text, name in pairs if name == label]
        if len(texts) < FEWEST:
            raise ValueError(f"{path} has {len(texts)} texts with the label {label!r}; {FEWEST} are needed")
        for number, words in enumerate(texts, 1):
            parts[_part(number)].append((words, value))
    return parts, labels


def _part(number: int) -> str:
    """The part of the data that a sentence belongs to, by its number."""
    return {0: "test", 5: "validation"}.get(number % 10, "training")


def encoded_once(text: str) -> str:
    """The text with letters beyond ASCII as they were: in these files they are encoded twice, as `Ã©` for `é`."""
    try:
        return text.encode("latin-1").decode()
    except UnicodeError:  # a sentence that is all right
        return text


class Task(training.Task):
    """Learning to tell praise from blame; see the base class."""

    format = "minigrad sentiment 1"
    kept = ("loss", "min")
    unit = "cross-entropy in nats"
    levels = [("a coin", math.log(2))]
    tries = ('predict {out} "a film that stays with you"', "graph {out}")

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        labels: Sequence[str] = ("against", "for")
        if settings.data is None:
            self.parts = read(fetch("rt-polarity"))
        else:
            self.parts, labels = read_own(settings.data)
        sentences = (words for words, _ in self.parts["training"])
        vocabulary = WordVocabulary.from_sentences(sentences, settings.rare + 1)
        sizes = (settings.embedding, settings.hidden, settings.pieces, settings.cell)
        self.model: Reader = Reader(vocabulary, *sizes, settings.dropout, settings.word_dropout, labels)
        self.optimizer = optim.AdamW(optim.decay_groups(self.model, settings.decay), lr=settings.lr)
        self.schedule = optim.lr_scheduler.CosineAnnealingLR(self.optimizer, settings.steps)

    def introduction(self) -> str:
        counts = ", ".join(f"{len(part)} for {name}" for name, part in self.parts.items())
        return f"sentences: {counts}; {len(self.model.vocabulary)} words; {super().introduction()}"

    def batches(self, epoch: int) -> Iterator[tuple[Batch, np.ndarray]]:
        """Sentences of similar lengths, and their labels."""
        part = self.parts["training"]
        rng = np.random.default_rng([self.settings.seed, epoch])
        for index in bucketed([len(words) for words, _ in part], self.settings.batch, rng):
            yield self.model.encode([part[i][0] for i in index]), np.array([part[i][1] for i in index])

    def loss(self, batch: tuple[Batch, np.ndarray]) -> mg.Tensor:
        return self.model.loss(*batch)

    def measures(self, name: str) -> dict[str, float]:
        """The mean cross-entropy in nats, and the share of right answers, 0 to 1."""
        found, labels = self.answers(name)
        right = np.where(labels == 1, found, 1 - found)
        return {"loss": float(-np.log(np.maximum(right, 1e-12)).mean()), "accuracy": float((right > 0.5).mean())}

    def answers(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities and labels of a part, (N,)."""
        part = self.parts[name]
        return answers(self.model, [words for words, _ in part]), np.array([label for _, label in part])

    def validate(self) -> dict[str, float]:
        return self.measures("validation")

    def results(self) -> dict[str, Any]:
        """Also the standard error of the accuracy: that of a share of so many independent answers."""
        found: dict[str, Any] = {name: self.measures(name) for name in ("validation", "test")}
        for name, measures in found.items():
            n, p = len(self.parts[name]), measures["accuracy"]
            measures |= {"sentences": n, "standard_error": math.sqrt(p * (1 - p) / n)}
        return found

    def reached(self, results: Mapping[str, Any]) -> list[Any]:
        test, labels = results["test"], [label for _, label in self.parts["test"]]
        commoner = max(sum(labels), len(labels) - sum(labels)) / len(labels)
        right = f"test, right (standard error {100 * test['standard_error']:.1f})"
        rows = [(right, 100 * test["accuracy"], "%"), ("always the commoner label", 100 * commoner, "%")]
        return [*rows, ("test", test["loss"], self.unit), *self.compared()]

    @staticmethod
    def build(about: Any) -> Reader:
        labels = about.get("labels", ("against", "for"))  # which files of before do not have
        return Reader(WordVocabulary.from_dict(about["vocabulary"]), **about["sizes"], labels=labels)

    def about(self) -> dict[str, Any]:
        model = self.model
        return {"sizes": model.sizes, "vocabulary": model.vocabulary.to_dict(), "labels": list(model.labels)}

    def write(self, out: Path) -> list[Path]:
        """The most certain right and wrong answers of the test part: all as text, some as a picture."""
        found, labels = self.answers("test")
        right = (found > 0.5) == labels
        order = np.argsort(-np.abs(found - 0.5), kind="stable")
        chosen = [*order[right[order] & (labels[order] == 1)][:4], *order[right[order] & (labels[order] == 0)][:4]]
        groups = {"right": chosen, "wrong": list(order[~right[order]][:8])}
        usual = self.usual()
        rows = {
            name: [
                (words, shares(self.model, words, usual), float(found[i]), bool(labels[i]))
                for i in members
                for words in [self.parts["test"][i][0]]
            ]
            for name, members in groups.items()
        }
        paths, names = [out / "sentences.png", out / "sentences.txt"], self.model.labels
        made = training.drawn(picture, paths[0], rows, names)
        lines = [
            f"{name}: {probability:.4f} {names[1]}; the label is {names[label]}\n    {' '.join(words)}"
            for name, members in rows.items()
            for words, _, probability, label in members
        ]
        paths[1].write_text("\n".join(lines) + "\n", encoding="utf-8")
        return [*made, paths[1]]

    @mg.no_grad()
    def usual(self) -> np.ndarray:
        """The mean features (2 H,) of the validation part."""
        part = [words for words, _ in self.parts["validation"]]
        largest = [
            self.model.features(self.model.encode([part[i] for i in index])).numpy().max(axis=0)
            for index in bucketed([len(words) for words in part], 100)
        ]
        return np.concatenate(largest).mean(axis=0)


load = Task.load


def predict(model: Reader, inputs: Iterable[str | Path]) -> Iterator[training.Prediction]:
    """What the model takes sentences for, and how probable that is for it.

    Args:
        model: the model.
        inputs: sentences, files with one in each line, or `-`; see `data.given_sentences`.

    Raises OSError, ValueError for a sentence without words.
    """
    given = list(given_sentences(inputs))
    words = [tokenize(each.text, lower=True) for each in given]
    for each, found in zip(given, words, strict=True):
        if not found:
            raise ValueError(f"{each.name} has no words")
    for each, p in zip(given, answers(model, words), strict=True):
        label, sure = model.labels[int(p > 0.5)], float(max(p, 1 - p))
        data = {"text": each.text, "label": label, "probability": sure}
        of_a_file = each.text if each.name != shortened(each.text) else ""
        told = f"{label} ({percent(sure)})" + (f": {shortened(of_a_file)}" if of_a_file else "")
        yield training.Prediction(each.name, told, data)


def train(settings: Settings) -> dict[str, Any]:
    """Train a model; see `training.fit`. It leaves pictures of sentences, too."""
    return training.fit(settings, Task)

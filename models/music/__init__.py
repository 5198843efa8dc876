"""A language model over chords: a recurrent network that learns to continue Bach's chorales, and writes some itself.

    python -m minigrad.models.music --cell gru

A chorale is a piano roll: at each quarter note, which of the piano's 88 keys sound. From the chords so far the network
gives each key a probability to sound next, independent of the other keys (the RNN of Boulanger-Lewandowski, Bengio and
Vincent, Modeling temporal dependencies in high-dimensional sequences, 2012). The loss of a time step is its negative
log-likelihood in nats, a sum over the keys.

What is counted, to be compared with Chung, Gulcehre, Cho and Bengio (Empirical evaluation of gated recurrent neural
networks on sequence modeling, 2014: tanh 9.10, LSTM 8.67, GRU 8.54 on the test pieces): the sum over all time steps of
all pieces, over the number of these steps. Here each step counts, also the first, which is predicted from a chord of
silence. Public code for this data leaves the first step out (Bai, Kolter and Koltun, An empirical evaluation of generic
convolutional and recurrent networks for sequence modeling, 2018). So there is also `nll_without_first`; the two differ
by a few hundredths. `nll_by_piece` is the mean over the pieces of each piece's mean, which others give.

The weights are those that were best on the validation pieces; the test pieces are looked at once, at the end. The
networks of the paper have about 20,000 parameters and were trained with RMSprop and noise on the weights. Here they are
larger, and dropout keeps them from learning the pieces by heart. The pieces are not transposed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

import minigrad as mg
import minigrad.functional as F
from minigrad import nn, optim, training
from minigrad.data import bucketed, fetch, given_files, pad, read_chorales, read_midi, read_midi_folder, write_midi
from minigrad.data.music import KEYS, LOWEST, MIDI
from minigrad.tools.pictures import draw_unrolled
from minigrad.training import setting
from minigrad.training.cells import CELLS
from minigrad.training.predictions import percent

from .piano import TEMPO, draw_rolls, write_wav

PUBLISHED = {"rnn": 9.10, "lstm": 8.67, "gru": 8.54}  # Chung et al. 2014, table 2: nats a time step, test pieces
NOTES = "C C# D D# E F F# G G# A A# B".split()
PRIME = 8  # chords of a test piece that the model continues


@dataclass(frozen=True, kw_only=True)
class Settings(training.Settings):
    """Everything that decides what a training run does; see the base class."""

    data: Path | None = setting(
        None,
        "Your own pieces: a folder of MIDI files, or of folders train, valid and test of these, or a JSON file of "
        "pieces by split; by default the JSB chorales, downloaded once.",
    )
    out: Path = setting(Path("out/music"), "Directory for the results.")
    steps: int = setting(2500, "Batches to train on.", 1)
    cell: str = setting("gru", "The kind of recurrent network.", choices=tuple(CELLS))
    hidden: int = setting(200, "Features of the state.", 1)
    batch: int = setting(8, "Pieces in a batch.", 1)
    lr: float = setting(4e-3, "Highest learning rate of Adam.", 0.0)
    validations: int = setting(20, "How often to measure on held-out pieces, evenly spread.", 1)
    dropout: float = setting(0.2, "Probability of a zero in what the head reads.", 0.0)
    recurrent_dropout: float = setting(0.5, "Probability of a zero in the weights from state to state.", 0.0)
    temperature: float = setting(0.8, "Of the piece that is written: less than 1 is more cautious.", 0.0)

    QUICK: ClassVar = {"steps": 20, "hidden": 24, "validations": 2}


class ChordLM(nn.Module):
    """A recurrent network over chords, with a linear layer to the logits of the keys.

    Args:
        cell: the kind of network, one of `CELLS`.
        hidden: features of the state, H.
        dropout: in training, the probability of a zero in the outputs of the network, at the same places in all steps
            of a piece (Gal and Ghahramani 2016).
        recurrent_dropout: the same for the weights from state to state (Merity et al. 2018).
    """

    def __init__(
        self,
        cell: str = "gru",
        hidden: int = 200,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.network = CELLS[cell](KEYS, hidden, recurrent_dropout=recurrent_dropout)
        self.head = nn.Linear(hidden, KEYS)
        self.dropout = nn.Dropout(dropout, shared_axes=0)

    def start_from(self, rolls: Sequence[np.ndarray]) -> None:
        """Give the head the biases that predict each key as often as it sounds in these pieces (T, 88).

        From other biases, the first hundreds of steps go to learning that most keys are silent.
        """
        chords = np.concatenate(rolls)
        sounding = chords.sum(axis=0) + 1  # one more, and one more silence, for the keys that never sound
        odds = sounding / (len(chords) + 2 - sounding)
        bias: Any = self.head.bias
        with mg.no_grad():
            bias.copy_(mg.tensor(np.log(odds).astype(np.float32)))

    def forward(self, x: Any, state: Any = None, lengths: Any = None) -> tuple[mg.Tensor, Any]:
        """Chords x (T, B, 88) to the logits of the keys of the next chords (T, B, 88); and the new state."""
        outputs, state = self.network(x, state, lengths)
        return self.head(self.dropout(outputs)), state

    def nll(self, rolls: np.ndarray, lengths: Any = None) -> mg.Tensor:
        """The negative log-likelihood of each chord, given those before it, in nats.

        Args:
            rolls: pieces (T, B, 88), 0 and 1.
            lengths: how many steps each has, if they differ; what comes later counts 0.

        Returns (T, B).
        """
        silence = np.zeros_like(rolls[:1])
        logits, _ = self(mg.tensor(np.concatenate([silence, rolls[:-1]])), lengths=lengths)
        nll = F.binary_cross_entropy_with_logits(logits, mg.tensor(rolls), reduction="none").sum(axis=2)
        if lengths is None:
            return nll
        going_on = np.arange(len(rolls))[:, None] < np.asarray(lengths)
        return nll * mg.tensor(going_on.astype(np.float32))


def step_nll(model: ChordLM, rolls: Sequence[np.ndarray], batch: int = 32) -> list[np.ndarray]:
    """The negative log-likelihood of each chord of each piece, in nats: arrays (T,), in the order of the pieces.

    Args:
        model: in evaluation mode, or its dropout counts.
        rolls: pieces (T, 88).
        batch: pieces computed at once; those of similar lengths are taken together.
    """
    found: list[Any] = [None] * len(rolls)
    with mg.no_grad():
        for indices in bucketed([len(roll) for roll in rolls], batch):
            padded, lengths = pad(rolls[i] for i in indices)
            nll = model.nll(padded, lengths).numpy()
            for column, i in enumerate(indices):
                found[i] = nll[: lengths[column], column].astype(np.float64)
    return found


def measures(nll: Sequence[np.ndarray]) -> dict[str, float]:
    """What the module's docstring tells of, from the result of `step_nll`."""
    return {
        "nll": float(np.concatenate(nll).mean()),
        "nll_without_first": float(np.concatenate([piece[1:] for piece in nll]).mean()),
        "nll_by_piece": float(np.mean([piece.mean() for piece in nll])),
    }


def compose(
    model: ChordLM,
    length: int,
    temperature: float = 1.0,
    prime: np.ndarray | None = None,
    generator: mg.random.Generator | None = None,
) -> np.ndarray:
    """A piece that the model writes.

    Args:
        model: the model, in evaluation mode.
        length: how many chords.
        temperature: 1 follows the model's probabilities; with less, likely keys become more likely and others less
            so, and chords thinner; 0 takes the keys that are more likely to sound than not.
        prime: a piano roll (T, 88) to continue; by default a new piece begins.
        generator: the source of random numbers, the default one if None.

    Returns the prime and the new chords, float32 of 0 and 1, of shape (T + length, 88): `data.write_midi` makes a
    file of it. Raises ValueError for a negative temperature, and for a prime of another shape.
    """
    if not temperature >= 0:
        raise ValueError(f"a temperature is at least 0, not {temperature}")
    given = np.zeros((0, KEYS)) if prime is None else np.asarray(prime)
    if given.ndim != 2 or given.shape[1] != KEYS:
        raise ValueError(f"the prime is a piano roll of shape (T, {KEYS}), not of shape {given.shape}")
    chords = list(given.astype(np.float32))
    read, state = np.stack([np.zeros(KEYS, np.float32), *chords])[:, None], None
    with mg.no_grad():
        for _ in range(length):
            logits, state = model(mg.tensor(read), state)
            scores = logits[-1, 0]
            if temperature == 0:
                chord = scores.numpy() > 0
            else:
                chance = mg.random.uniform((KEYS,), generator=generator).numpy()
                chord = chance < F.sigmoid(scores / temperature).numpy()
            chords.append(chord.astype(np.float32))
            read = chords[-1][None, None]
    return np.stack(chords) if chords else given.astype(np.float32)


def untrained(cell: str = "gru") -> ChordLM:
    """A small model of the usual shape, to look at."""
    return ChordLM(cell, hidden=16)


def unrolled(model: ChordLM, steps: int) -> mg.Tensor:
    """The loss on `steps` chords, C major over and over, with its history, to be drawn."""
    roll = np.zeros((steps, 1, KEYS), np.float32)
    roll[:, :, [pitch - LOWEST for pitch in (48, 64, 67, 72)]] = 1
    return model.nll(roll).mean()


class Task(training.Task):
    """Learning to continue chorales, one chord at a time; see the base class."""

    format = "minigrad music 1"
    kept = ("nll", "min")
    unit = "nats per chord"
    tries = ("predict {out} {out}/chorale.mid", "graph {out}")
    shown = "nll"

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        if settings.cell in PUBLISHED:
            self.levels = [(f"Chung et al. 2014, {settings.cell}, test", PUBLISHED[settings.cell])]
        place = fetch("jsb-chorales") if settings.data is None else settings.data
        self.pieces = read_midi_folder(place) if place.is_dir() else read_chorales(place)
        for split, rolls in self.pieces.items():
            if not rolls:
                raise ValueError(
                    f"{settings.data} has no pieces in {split!r}; each of {', '.join(self.pieces)} needs one"
                )
        self.model: ChordLM = ChordLM(settings.cell, settings.hidden, settings.dropout, settings.recurrent_dropout)
        self.model.start_from(self.pieces["train"])
        self.optimizer = optim.Adam(self.model.parameters(), lr=settings.lr)
        self.schedule = optim.lr_scheduler.CosineAnnealingLR(self.optimizer, settings.steps, settings.lr / 50)

    def batches(self, epoch: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Padded pieces (T, B, 88) of similar lengths, and their lengths (B,)."""
        rng = np.random.default_rng([self.settings.seed, epoch])
        rolls = self.pieces["train"]
        for indices in bucketed([len(roll) for roll in rolls], self.settings.batch, rng, pool=4):
            yield pad(rolls[i] for i in indices)

    def loss(self, batch: tuple[np.ndarray, np.ndarray]) -> mg.Tensor:
        rolls, lengths = batch
        return self.model.nll(rolls, lengths).sum() / int(lengths.sum())

    def validate(self) -> dict[str, float]:
        return {"nll": measures(step_nll(self.model, self.pieces["valid"]))["nll"]}

    def results(self) -> dict[str, Any]:
        tests = measures(step_nll(self.model, self.pieces["test"]))
        reached = {f"test_{name}": value for name, value in tests.items()}
        pieces = {f"{split}_pieces": len(rolls) for split, rolls in self.pieces.items()}
        validation = {f"validation_{name}": value for name, value in self.validate().items()}
        return {**validation, **reached, "published_test_nll": PUBLISHED.get(self.settings.cell), **pieces}

    def reached(self, results: Mapping[str, Any]) -> list[Any]:
        return [("test", results["test_nll"], self.unit), *self.compared()]

    @staticmethod
    def build(about: Any) -> ChordLM:
        return ChordLM(**about).eval()

    def about(self) -> dict[str, Any]:
        return {"cell": self.settings.cell, "hidden": self.settings.hidden}

    def write(self, out: Path) -> list[Path]:
        chorale = self.pieces["test"][0]
        prime, generator = chorale[:PRIME], mg.random.Generator(self.settings.seed)
        piece = compose(self.model, max(1, len(chorale) - len(prime)), self.settings.temperature, prime, generator)
        paths = [out / name for name in ("chorale.mid", "sample.mid", "sample.wav", "rolls.png")]
        write_midi(paths[0], chorale, TEMPO)
        write_midi(paths[1], piece, TEMPO)
        write_wav(paths[2], piece)
        title = f"The same beginning, continued by the model ({self.settings.cell})"
        rolls = {"A chorale of the test pieces": chorale, title: piece}
        made = [*paths[:3], *training.drawn(draw_rolls, paths[3], rolls, len(prime))]
        title = f"A model of chorales, {self.settings.cell}, four chords"
        return [*made, *draw_unrolled(unrolled, self.model, 4, out, title)]


load = Task.load


def predict(model: ChordLM, inputs: Iterable[str | Path], *, steps: int = 8) -> Iterator[training.Prediction]:
    """How the model finds the chords of MIDI files, which keys it expects next, and how it would go on.

    Args:
        model: in evaluation mode.
        inputs: MIDI files, or folders of them.
        steps: how many chords to go on for: in each the keys that are more likely to sound than not.

    Raises OSError, ValueError for a file that is no MIDI file, ImportError without mido.
    """
    files = given_files(inputs, MIDI, "MIDI files")
    rolls = [read_midi(path) for path in files]
    for path, roll, nll in zip(files, rolls, step_nll(model, rolls), strict=True):
        going_on = [pitches(chord) for chord in compose(model, steps, 0.0, roll)[len(roll) :]]
        with mg.no_grad():
            read = np.concatenate([np.zeros((1, KEYS), np.float32), roll])
            likely = F.sigmoid(model(mg.tensor(read[:, None]))[0][-1, 0]).numpy()
        best = [int(key) for key in np.argsort(-likely, kind="stable")[:5]]
        data: dict[str, Any] = {
            "chords": len(roll),
            "nats_per_chord": float(nll.mean()),
            "next": [
                {"pitch": LOWEST + key, "name": name(LOWEST + key), "probability": float(likely[key])} for key in best
            ],
            "going_on": going_on,
        }
        keys = ", ".join(f"{each['name']} {percent(each['probability'])}" for each in data["next"])
        chords = " | ".join(" ".join(map(name, chord)) or "rest" for chord in going_on)
        told = f"{len(roll)} chords, {data['nats_per_chord']:.2f} nats each\nnext: {keys}"
        yield training.Prediction(str(path), told + (f"\ngoing on: {chords}" if chords else ""), data)


def pitches(chord: np.ndarray) -> list[int]:
    """The MIDI pitches of a chord (88,)."""
    return [LOWEST + int(key) for key in np.flatnonzero(chord)]


def name(pitch: int) -> str:
    """The name of a MIDI pitch: C4 for 60."""
    return f"{NOTES[pitch % 12]}{pitch // 12 - 1}"


def train(settings: Settings) -> dict[str, Any]:
    """Train a model; see `training.fit`. It leaves pictures and music, too.

    Raises also ValueError for data of another kind, and ImportError without mido or scipy.
    """
    return training.fit(settings, Task)

"""A character language model: an LSTM that learns to continue a text, one character at a time.

    python -m minigrad.models.char_lm --text FILE

The model reads the characters so far and gives a probability to each possible next one (Sutskever, Martens and Hinton,
Generating text with recurrent neural networks, 2011). It is trained by truncated backpropagation through time: the text
is cut into parallel streams, each batch continues where the last one stopped, and the LSTM's state is carried on while
its history is cut off. What it has learned is measured in bits per character on text that it has never seen.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

import minigrad as mg
import minigrad.functional as F
from minigrad import nn, optim
from minigrad.data import Streams, Vocabulary, read_text
from minigrad.tools import draw

from .progress import Progress, plot_curve, smoothed
from .settings import BaseSettings, about, writable
from .training import conduct

FORMAT = "minigrad char-lm 1"
State = Any  # the LSTM's state: a pair of tensors (layers, B, hidden), or None for zeros


@dataclass(frozen=True, kw_only=True)
class Settings(BaseSettings):
    """Everything that decides what a training run does; see the base class."""

    text: Path | None = field(
        default=None, metadata=about("UTF-8 text to learn; by default Python's own language documentation.")
    )
    out: Path = field(default=Path("out/char-lm"), metadata=about("Directory for the results."))
    steps: int = field(default=3000, metadata=about("Batches to train on.", 1))
    hidden: int = field(default=256, metadata=about("Features of the LSTM's state.", 1))
    layers: int = field(default=1, metadata=about("Layers of the LSTM.", 1))
    embedding: int = field(default=64, metadata=about("Features of a character.", 1))
    batch: int = field(default=16, metadata=about("Streams of text read side by side.", 1))
    length: int = field(default=32, metadata=about("Characters between two updates: how far gradients flow back.", 1))
    lr: float = field(default=6e-3, metadata=about("Highest learning rate of Adam.", 0.0))
    clip: float = field(default=1.0, metadata=about("Largest norm of the gradient; larger ones are scaled down.", 0.0))

    QUICK: ClassVar = {"steps": 60, "hidden": 48, "embedding": 16}


# --- the model --------------------------------------------------------------------------------------------------------


class CharLM(nn.Module):
    """Embedding, LSTM, linear layer.

    Args:
        vocabulary: the characters, V of them.
        embedding: features of a character, E.
        hidden: features of the state, H.
        layers: how many LSTM layers.
    """

    def __init__(self, vocabulary: Vocabulary, embedding: int = 64, hidden: int = 256, layers: int = 1) -> None:
        super().__init__()
        self.vocabulary = vocabulary
        self.sizes = {"embedding": embedding, "hidden": hidden, "layers": layers}
        self.embedding = nn.Embedding(len(vocabulary), embedding)
        self.lstm = nn.LSTM(embedding, hidden, layers)
        self.head = nn.Linear(hidden, len(vocabulary))

    def forward(self, x: Any, state: State = None) -> tuple[mg.Tensor, State]:
        """Characters x (T, B), as integers, to logits for the next characters (T, B, V); and the new state."""
        outputs, state = self.lstm(self.embedding(x), state)
        return self.head(outputs), state

    def loss(self, x: Any, y: Any, state: State = None) -> tuple[mg.Tensor, State]:
        """The mean negative log-likelihood, in nats, of the next characters y (T, B); and the new state."""
        logits, state = self(x, state)
        return F.cross_entropy(logits, y), state


def detached(state: State) -> State:
    """The state without its history: gradients stop here."""
    return tuple(part.detach() for part in state)


@mg.no_grad()
def bits_per_character(model: CharLM, numbers: np.ndarray, length: int = 64, batch: int = 16) -> float:
    """The mean number of bits that the model needs for a character of this text (its characters as numbers)."""
    batch = min(batch, max(1, (len(numbers) - 1) // length))
    total, count, state = 0.0, 0, None
    for x, y in Streams(numbers, min(length, len(numbers) - 1), batch):
        loss, state = model.loss(mg.tensor(x), mg.tensor(y), state)
        total, count = total + loss.item(), count + 1
    return total / count / math.log(2)


@mg.no_grad()
def sample(
    model: CharLM,
    length: int,
    temperature: float = 0.8,
    prime: str | None = None,
    generator: mg.random.Generator | None = None,
) -> Iterator[str]:
    """Characters that the model writes, one by one.

    Args:
        model: the model.
        length: how many.
        temperature: 1 follows the model's probabilities, less prefers likely characters, 0 always takes the likeliest.
        prime: the text to continue; it is not repeated. By default a new paragraph begins.
        generator: the source of random numbers, the default one if None.

    Raises ValueError for a negative temperature, or a prime that is empty or has characters that the model lacks.
    """
    if not temperature >= 0:
        raise ValueError(f"a temperature is at least 0, not {temperature}")
    if prime is None:
        prime = "\n\n" if "\n" in model.vocabulary else model.vocabulary.characters[0]
    if not prime:
        raise ValueError("the prime must have at least one character, to be continued")
    logits, state = model(mg.tensor(model.vocabulary.encode(prime)[:, None]))
    for _ in range(length):
        scores = logits[-1, 0]
        if temperature == 0:
            number = int(mg.argmax(scores).item())
        else:
            number = mg.random.choice(F.softmax(scores / temperature), generator)
        yield model.vocabulary.decode(number)
        logits, state = model(mg.tensor([[number]]), state)


def untrained() -> CharLM:
    """A small model of the usual shape, to look at."""
    return CharLM(Vocabulary("abcdefghijklmnopqrstuvwxyz "), embedding=16, hidden=32)


def unrolled(model: CharLM, steps: int) -> mg.Tensor:
    """The loss on `steps` characters, with its history: the graph that training differentiates, to be drawn."""
    numbers = np.arange(steps + 1)[:, None] % len(model.vocabulary)
    return model.loss(mg.tensor(numbers[:-1]), mg.tensor(numbers[1:]))[0]


# --- files ------------------------------------------------------------------------------------------------------------


def save(model: CharLM, path: Path) -> None:
    """Write the weights with all that is needed to use them: sizes and vocabulary, as JSON in the metadata."""
    tensors = {name: np.ascontiguousarray(t.detach().numpy()) for name, t in model.state_dict().items()}
    about = {"format": FORMAT, "sizes": model.sizes, "vocabulary": model.vocabulary.to_dict()}
    # One entry: safetensors writes several in any order, and the same model should be the same file.
    _safetensors().numpy.save_file(tensors, path, {"minigrad": json.dumps(about)})


def load(path: Path) -> CharLM:
    """Read a model that `save` wrote; `path` is the file, or the directory of a training run.

    Raises OSError if there is none, ValueError for another kind of file.
    """
    path = path / "model.safetensors" if path.is_dir() else path
    if not path.is_file():
        raise FileNotFoundError(f"there is no model {path}; make one with: minigrad train char-lm")
    library = _safetensors()
    try:
        with library.safe_open(path, framework="numpy") as file:
            about = json.loads((file.metadata() or {}).get("minigrad", "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except library.SafetensorError as error:
        raise ValueError(f"{path} is not a safetensors file: {error}") from None
    if about.get("format") != FORMAT:
        raise ValueError(f"{path} is not a character model of minigrad: its format is {about.get('format')!r}")
    model = CharLM(Vocabulary.from_dict(about["vocabulary"]), **about["sizes"])
    model.load_state_dict(tensors)
    return model


def _safetensors() -> Any:
    try:
        import safetensors.numpy
    except ImportError as error:
        raise ImportError(f'model files need safetensors ({error}): pip install "minigrad[models]"') from error
    return safetensors


def default_text() -> str:
    """Python's language reference, as it ships with CPython for `help()`: about 450,000 characters of English."""
    try:
        from pydoc_data.topics import topics
    except ImportError:
        raise FileNotFoundError("this Python comes without its documentation (pydoc_data); use --text FILE") from None
    return "\n\n".join(dict.fromkeys(topics[name] for name in sorted(topics)))


# --- training ---------------------------------------------------------------------------------------------------------


def rate(step: int, steps: int) -> float:
    """The learning rate of a step as a part of the highest: up in a line, then down in a cosine to a fiftieth."""
    warm_up = min(50, 1 + steps // 10)
    if step < warm_up:
        return (step + 1) / warm_up
    return 0.02 + 0.98 * (1 + math.cos(math.pi * (step - warm_up) / max(1, steps - warm_up))) / 2


def batches(numbers: np.ndarray, settings: Settings) -> Iterator[tuple[bool, np.ndarray, np.ndarray]]:
    """(whether the text begins anew, x, y), without end."""
    streams = Streams(numbers, settings.length, settings.batch)
    while True:
        for k, (x, y) in enumerate(streams):
            yield k == 0, x, y


class Run:
    """One training run, on the default backend: the model, its optimizer, and the record of what happened."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.out = writable(settings.out)
        mg.manual_seed(settings.seed)
        text = default_text() if settings.text is None else read_text(settings.text)
        vocabulary = Vocabulary(text)
        numbers = vocabulary.encode(text)
        held_out = max(2, len(numbers) // 10)
        self.train_numbers, self.held_out_numbers = numbers[:-held_out], numbers[-held_out:]
        self.batches = batches(self.train_numbers, settings)
        self.model = CharLM(vocabulary, settings.embedding, settings.hidden, settings.layers)
        self.optimizer = optim.Adam(self.model.parameters(), lr=settings.lr)
        self.schedule = optim.lr_scheduler.LambdaLR(self.optimizer, lambda step: rate(step, settings.steps))
        self.state: State = None
        self.bits: list[float] = []
        self.gradient_norms: list[float] = []
        self.held_out: list[tuple[int, float]] = []
        self.seconds = 0.0

    def introduction(self) -> str:
        """What is going to happen, in a line."""
        settings, m = self.settings, self.metrics()
        return (
            f"{m['characters']:,} characters, {m['vocabulary']} different; {m['parameters']:,} parameters; "
            f"{settings.steps} batches of {settings.batch} x {settings.length} characters on {settings.backend}"
        )

    def done(self) -> int:
        """How many steps were taken."""
        return len(self.bits)

    def learn(self) -> None:
        """Take all steps, and look at the model now and then."""
        steps = self.settings.steps
        looks = {round(steps * part) for part in (0.1, 0.25, 0.5, 0.75, 1.0)}
        with Progress(steps) as progress:
            for step in range(1, steps + 1):
                self.step()
                progress.update(step, self.values())
                if step in looks:
                    self.look(progress)

    def step(self) -> None:
        """Learn from one batch."""
        start = time.monotonic()
        anew, x, y = next(self.batches)
        loss, state = self.model.loss(mg.tensor(x), mg.tensor(y), None if anew else self.state)
        self.optimizer.zero_grad()
        loss.backward()
        norm = optim.clip_grad_norm_(self.model.parameters(), self.settings.clip)
        self.optimizer.step()
        self.schedule.step()
        self.state = detached(state)
        self.bits.append(loss.item() / math.log(2))
        self.gradient_norms.append(float(norm))
        self.seconds += time.monotonic() - start

    @property
    def speed(self) -> float:
        """Characters learned from in a second."""
        return len(self.bits) * self.settings.batch * self.settings.length / max(self.seconds, 1e-9)

    def values(self) -> str:
        """The values of the last step in a line."""
        bits = smoothed(self.bits[-100:], 0.9)[-1]
        text = f"loss {bits * math.log(2):.3f} | {bits:.3f} bits/char | {self.speed:,.0f} tokens/s"
        return f"{text} | grad norm {self.gradient_norms[-1]:.2f}"

    def look(self, progress: Progress) -> None:
        """Measure on the held-out text, and show what the model writes now."""
        step = len(self.bits)
        self.held_out.append((step, bits_per_character(self.model, self.held_out_numbers)))
        written = "".join(sample(self.model, 240, 0.7, generator=mg.random.Generator(self.settings.seed)))
        lines = "\n".join("    " + line for line in written.strip("\n").split("\n"))
        progress.say(f"\nstep {step}: {self.held_out[-1][1]:.3f} bits per character on held-out text\n{lines}\n")

    def metrics(self) -> dict[str, Any]:
        """What happened, as plain data."""
        return {
            "settings": self.settings.plain(),
            "version": mg.__version__,
            "parameters": sum(p.size for p in self.model.parameters()),
            "characters": len(self.train_numbers) + len(self.held_out_numbers),
            "vocabulary": len(self.model.vocabulary),
            "steps": len(self.bits),
            "finished": len(self.bits) == self.settings.steps,
            "training_seconds": self.seconds,
            "tokens_per_second": self.speed,
            "held_out_bits_per_character": self.held_out[-1][1] if self.held_out else None,
            "held_out": [{"step": step, "bits_per_character": bits} for step, bits in self.held_out],
            "bits_per_character": self.bits,
            "gradient_norm": self.gradient_norms,
        }

    def write(self) -> list[Path]:
        """Write the results, and return their paths."""
        counts = np.bincount(self.train_numbers)
        p = counts[counts > 0] / counts.sum()
        levels = [
            ("all characters alike", math.log2(len(self.model.vocabulary))),
            ("by frequency alone", float(-(p * np.log2(p)).sum())),
        ]
        files = [self.out / name for name in ("loss.png", "graph.svg", "model.safetensors", "metrics.json")]
        curve, graph, model, metrics = files
        save(self.model, model)
        metrics.write_text(json.dumps(self.metrics(), indent=1) + "\n", encoding="utf-8")
        plot_curve(curve, range(1, len(self.bits) + 1), self.bits, self.held_out, levels)
        draw(unrolled(self.model, 4), graph, title="A character language model, unrolled over four characters")
        return files


def train(settings: Settings) -> dict[str, Any]:
    """Train a model, show how it goes, and leave curve, graph, model and metrics in `settings.out`.

    Interrupted by Ctrl-C it writes what it has; then `finished` is false in the result.

    Returns the metrics. Raises OSError for files, ValueError for a text that is too short, BackendError.
    """
    return conduct(settings, Run)


if __name__ == "__main__":
    from minigrad.tools.cli import main

    sys.exit(main(["train", "char-lm", *sys.argv[1:]]))

"""What is trained, with which command, and what each must reach."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

CHARACTERS = ("--text", "tiny_shakespeare", "--steps", "4000", "--batch", "32", "--length", "64", "--validations", "8")


@dataclass(frozen=True)
class Mark:
    """A number of a run and what it must be.

    Attributes:
        what: its name for the table.
        path: where it is in metrics.json: keys and positions joined by dots.
        compare: "<=" or ">=" the bound, or "<".
        bound: a number, or a function of the metrics of all runs by name.
        beside: where the bound comes from, or a number to compare with, in words; `{}` is replaced by the bound.
        percent: whether the number is a part to be shown in percent.
    """

    what: str
    path: str
    compare: str
    bound: float | Callable[[Mapping[str, Any]], float]
    beside: str
    percent: bool = False

    def value(self, metrics: Mapping[str, Any]) -> float:
        """The number that was reached."""
        return float(find(metrics, self.path))

    def limit(self, runs: Mapping[str, Any]) -> float:
        """The bound as a number."""
        return float(self.bound(runs)) if callable(self.bound) else self.bound

    def reached(self, value: float, limit: float) -> bool:
        """Whether the number is what it must be."""
        return COMPARISONS[self.compare](value, limit)


COMPARISONS: dict[str, Callable[[float, float], bool]] = {"<=": operator.le, "<": operator.lt, ">=": operator.ge}


@dataclass(frozen=True)
class Result:
    """One training.

    Attributes:
        title: what it is, for the heading.
        command: the arguments after `minigrad train`; or of `module`.
        marks: what it must reach.
        picture: the file in the run's directory that is shown.
        caption: what the picture shows.
        text: what a reader should know: data, split, what is counted.
        module: a module to run instead of a program, for a reference.
        also: (name, path) of other numbers to show.
    """

    title: str
    command: tuple[str, ...]
    marks: tuple[Mark, ...] = ()
    picture: str = "loss.png"
    caption: str = "The training curve"
    text: str = ""
    module: str | None = None
    also: tuple[tuple[str, str], ...] = ()


def find(metrics: Mapping[str, Any], path: str) -> Any:
    """A number in nested data, by keys and positions. Raises KeyError that names the whole path."""
    found: Any = metrics
    for key in path.split("."):
        try:
            found = found[int(key)] if isinstance(found, list) else found[key]
        except (KeyError, IndexError, TypeError, ValueError):
            raise KeyError(f"there is no {path} in the metrics") from None
    return found


def _of(name: str, path: str, factor: float = 1.0, plus: float = 0.0) -> Callable[[Mapping[str, Any]], float]:
    """A bound that is another run's number, or another number of the same run."""
    return lambda runs: factor * float(find(runs[name], path)) + plus


def _forecast(name: str, series: str, text: str, *options: str) -> Result:
    rmse = "results.rmse.test"
    return Result(
        f"Forecast: {series}",
        ("forecast", "--series", name, *options),
        (
            Mark(
                "one-step RMSE",
                f"{rmse}.network.0",
                "<",
                _of(f"forecast-{name}", f"{rmse}.persistence.0"),
                "persistence",
            ),
            Mark("one-step RMSE", f"{rmse}.network.0", "<", _of(f"forecast-{name}", f"{rmse}.AR(9).0"), "linear AR(9)"),
        ),
        "forecast.png",
        "The test part with forecasts, and anomaly scores of injected faults",
        text,
        also=tuple(
            (f"ROC area for injected faults of the kind {kind}, {who}", f"results.faults.{key}.{kind}.auc")
            for kind in ("spike", "stuck", "drift")
            for who, key in (("by the network", "network"), ("by AR(9)", "AR(9)"))
        ),
    )


def _music(cell: str, published: float, name: str) -> Result:
    return Result(
        f"Music: chorales, {name}",
        ("music", "--cell", cell, "--backend", "numba"),
        (Mark("test nats per chord", "results.test_nll", "<=", published, f"{name} of Chung et al. 2014"),),
        "rolls.png",
        "Piano rolls of a chorale by Bach, and of its beginning continued by the network",
        "JSB chorales in quarter notes, the usual split; the mean over all time steps of all test pieces.",
        also=(
            ("without the first chord of each piece", "results.test_nll_without_first"),
            ("mean over the pieces", "results.test_nll_by_piece"),
        ),
    )


RESULTS: dict[str, Result] = {
    "char-lm": Result(
        "A character language model",
        ("char-lm", *CHARACTERS, "--backend", "numba"),
        (
            Mark(
                "held-out nats per character",
                "results.nats_per_character",
                "<=",
                _of("char-lm-pytorch", "results.nats_per_character", plus=0.02),
                "PyTorch's, trained alike, and 0.02",
            ),
        ),
        text="Tiny Shakespeare, the last tenth held out. One layer of 256; the weights that were best on the held-out "
        "text are kept, by both libraries.",
        also=(("bits per character", "results.bits_per_character"),),
    ),
    "char-lm-pytorch": Result("The same in PyTorch", CHARACTERS, module="minigrad.tools.results.reference"),
    "forecast-sunspots": _forecast(
        "sunspots", "sunspots", "Yearly sunspot numbers, 1700 to 2008; the last 67 years are the test part."
    ),
    "forecast-co2": _forecast(
        "co2",
        "CO2",
        "Weekly CO2 at Mauna Loa; the last tenth is the test part. Weeks without a measurement do not count.",
        *("--hidden", "16"),
    ),
    "sentiment": Result(
        "Sentiment of film reviews",
        ("sentiment", "--backend", "numba"),
        (
            Mark(
                "test accuracy",
                "results.test.accuracy",
                ">=",
                0.75,
                "about 76 % is published for such models",
                percent=True,
            ),
        ),
        "sentences.png",
        "What each word adds to the answer",
        "rt-polarity: every tenth sentence of each file is the test part. Words are learned from scratch.",
        also=(("its standard error", "results.test.standard_error"),),
    ),
    "speech-digit": Result(
        "Spoken digits: classification",
        ("speech", "--task", "digit"),
        (Mark("test accuracy", "results.accuracy", ">=", 0.97, "the mark set", percent=True),),
        "probabilities.png",
        "Log-mel frames and what the network believes, frame by frame",
        "FSDD, four speakers: recordings 0 to 4 of each digit and speaker are the test part, 5 to 9 for validation.",
    ),
    "speech-spell": Result(
        "Spoken digits: spelling",
        ("speech", "--task", "spell"),
        (Mark("test letter error rate", "results.letter_error_rate", "<=", 0.05, "the mark set", percent=True),),
        "probabilities.png",
        "Log-mel frames and the letters of connectionist temporal classification",
        "The same recordings, spelled letter by letter without being told when each is spoken.",
        also=(("letter error rate of beam search", "results.letter_error_rate_of_beam_search"),),
    ),
    "music-rnn": _music("rnn", 9.10, "tanh"),
    "music-lstm": _music("lstm", 8.67, "LSTM"),
    "music-gru": _music("gru", 8.54, "GRU"),
    "caption": Result(
        "Captions of digits",
        ("caption",),
        (Mark("exact test captions", "results.exact_greedy", ">=", 0.95, "the mark set", percent=True),),
        "captions.png",
        "Test images and what was written to them",
        "The 8 x 8 digits that come with scikit-learn; 200 of the 1,797 are the test part.",
        also=(("exact with beam search", "results.exact_beam"),),
    ),
    "video": Result(
        "Digits that move",
        ("video",),
        (
            Mark("test clips: digit", "results.digit", ">=", 0.95, "the mark set", percent=True),
            Mark("test clips: direction", "results.direction", ">=", 0.95, "the mark set", percent=True),
        ),
        "clips.png",
        "Test clips and what the network believes after each frame",
        "Generated clips of moving digits in noise, made of images that are in no training clip.",
    ),
    "adding": Result(
        "The adding problem",
        ("adding", "--cell", "lstm", "--backend", "numba"),
        (
            Mark(
                "squared error, T = 100",
                "results.squared_error",
                "<",
                1 / 60,
                "a tenth of that of always saying 1",
            ),
        ),
        text="Two marked numbers among a hundred are to be summed (Hochreiter and Schmidhuber 1997).",
    ),
}

"""`minigrad predict`: what a trained model says of inputs. Which program it is of is read in its file."""

import inspect
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from minigrad.models import program, program_of
from minigrad.training.settings import option
from minigrad.training.terminal import say


def predict(
    model: Annotated[
        Path,
        typer.Argument(metavar="MODEL", help="A model file, or the directory that training left.", show_default=False),
    ],
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="What the model works on: texts, or files of text (char-lm; sentiment, a sentence a line); WAV files "
            "(speech); CSV files (forecast, adding); MIDI files (music); pictures (caption); animations (video). "
            "A folder stands for the files in it, and - for standard input.",
            show_default=False,
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object a line, one for each input.")] = False,
    steps: Annotated[
        int | None, typer.Option(min=1, help="How far to go on: values of a forecast (12), chords of a piece (8).")
    ] = None,
    column: Annotated[str | None, typer.Option(help="The column of a CSV file that has the values.")] = None,
) -> None:
    """Let a trained model answer, for every input."""
    name = program_of(model)
    chosen: Any = program(name)
    given = {key: value for key, value in {"steps": steps, "column": column}.items() if value is not None}
    for key in given.keys() - inspect.signature(chosen.predict).parameters.keys():
        raise ValueError(f"{option(key)} means nothing to a model of {name}")
    for prediction in chosen.predict(chosen.load(model), inputs, **given):
        say(json.dumps(prediction.plain(), ensure_ascii=False) if as_json else prediction)

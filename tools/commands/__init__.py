"""The commands: `minigrad train | predict | sample | graph | gradflow | runs | data | info | bench`. Needs typer.

`COMMANDS` is the table of them. What a command needs is imported when it is asked for: a list of commands, or the help
of one, costs no other's imports.
"""

import importlib
import inspect
import shutil
import textwrap
from collections.abc import Callable, Iterable
from functools import partial
from typing import Annotated, Any

import typer
import typer.core
import typer.main

import minigrad as mg
from minigrad.models import PROGRAMS

# The name of each, which is that of its module and its function, and what it does. `train` is a table of its own.
COMMANDS = {
    "predict": "Let a trained model answer: for texts, recordings, series, pieces of music, pictures.",
    "sample": "Let a trained model write text.",
    "graph": "Draw the unrolled graph of a model.",
    "gradflow": "Measure how gradients flow back through time: the norm of dL/dh_t for every time step t.",
    "runs": "List the runs in a folder, and lay their curves over each other.",
    "data": "List the data sets, or fetch one and print where it is "
    "($MINIGRAD_DATA names a folder that has them already).",
    "info": "Show versions, backends (and why one is missing), and how NumPy computes.",
    "bench": "Measure speed, beside PyTorch where it is installed. `minigrad bench --help` shows its options.",
}
# bench has options of its own: everything goes through, --help too
RAW = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


# What is shown below the help of a command, or of the whole.
EXAMPLES = {
    "": ["minigrad train char-lm --quick", "minigrad sample out/char-lm", "minigrad predict out/char-lm 'To be or'"],
    "train": ["minigrad train sentiment --quick", "minigrad train speech --live", "minigrad train forecast --help"],
    "train char-lm": ["minigrad train char-lm --text novel.txt --out out/novel --live"],
    "train sentiment": ["minigrad train sentiment --data tickets.csv --out out/tickets"],
    "train forecast": ["minigrad train forecast --series sales.csv --column units --season 12 --out out/sales"],
    "train speech": ["minigrad train speech --folder words --out out/words"],
    "train music": ["minigrad train music --data pieces --cell lstm --out out/pieces"],
    "train caption": ["minigrad train caption --folder pictures --out out/pictures"],
    "predict": [
        "minigrad predict out/sentiment 'a gripping, funny film'",
        "cat reviews.txt | minigrad predict out/sentiment - --json | jq .label",
        "minigrad predict out/speech recordings/*.wav",
        "minigrad predict out/forecast sales.csv --column units --steps 6",
    ],
    "sample": ["minigrad sample out/char-lm --prime 'To be' --temperature 0.5 --length 200"],
    "graph": ["minigrad graph char-lm --out page.html", "minigrad graph out/adding --show both --out - > graph.svg"],
    "gradflow": ["minigrad gradflow adding --cell rnn --cell lstm --out flow.png"],
    "runs": ["minigrad runs out --out runs.html", "minigrad runs out --json | jq '.[].best'"],
    "data": ["minigrad data sunspots"],
}


class Plain:
    """What typer's commands and groups show of options: of one that is on or off there is no type to tell."""

    def get_params(self, ctx: Any) -> Any:
        found = super().get_params(ctx)  # type: ignore[misc]
        for parameter in found:
            if getattr(parameter, "is_flag", False):
                parameter.display_type_rich = lambda ctx: None
        return found


class Command(Plain, typer.core.TyperCommand):
    """A command."""


class Late(Plain, typer.core.TyperGroup):
    """A group whose commands are names and summaries, and functions that make the real one when it is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        return sorted(super().list_commands(ctx), key=lambda name: name != "train")  # where everybody begins

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, known, rest = super().resolve_command(ctx, args)
        return name, known.callback() if known and known.callback else known, rest


def build() -> typer.Typer:
    """The application. Its models come from the table `minigrad.models.PROGRAMS`."""
    app = typer.Typer(
        cls=Late,
        help="An autograd framework from scratch: train small recurrent models, and see what was computed.",
        epilog=examples(""),
        no_args_is_help=True,
        add_completion=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    def version(wanted: bool) -> None:
        if wanted:
            print(f"minigrad {mg.__version__}")
            raise typer.Exit()

    @app.callback()
    def everything(
        version: Annotated[
            bool, typer.Option("--version", callback=version, is_eager=True, help="Show the version and exit.")
        ] = False,
        debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    ) -> None:
        pass

    trainers = typer.Typer(cls=Late, no_args_is_help=True, help="Train a model.", epilog=examples("train"))
    app.add_typer(trainers, name="train")
    for name, (_, summary) in PROGRAMS.items():
        _add(trainers, name, summary, partial(_trainer, name), epilog=examples(f"train {name}"))
    for name, summary in COMMANDS.items():
        options = {"context_settings": RAW} if name == "bench" else {"epilog": examples(name)}
        _add(app, name, summary, partial(_function, name), **options)
    return app


def examples(command: str) -> str | None:
    """The examples of a command, each a paragraph; None if there are none."""
    return "\n\n".join(["Examples:", *EXAMPLES[command]]) if command in EXAMPLES else None


def _function(name: str) -> Callable[..., Any]:
    return getattr(importlib.import_module(f".{name}", __name__), name)


def _trainer(program: str) -> Callable[..., Any]:
    return importlib.import_module(".train", __name__).command(program)


def _add(group: typer.Typer, name: str, summary: str, load: Callable[[], Callable[..., Any]], **options: Any) -> None:
    """Add a command to a group of the class `Late`; `load` imports its function."""

    def make() -> Any:
        alone = typer.Typer(add_completion=False)
        alone.command(name, cls=Command, help=summary, **options)(load())
        return typer.main.get_command(alone)

    group.command(name, help=summary, **options)(make)


def with_parameters(function: Callable[..., Any], parameters: Iterable[inspect.Parameter]) -> Callable[..., Any]:
    """A function of any keywords, told which they are: of these typer makes the command's arguments and options."""
    listed = list(parameters)
    function.__signature__ = inspect.Signature(listed)  # type: ignore[attr-defined]
    function.__annotations__ = {p.name: p.annotation for p in listed}
    return function


def beginning(words: Iterable[str]) -> Callable[[str], list[str]]:
    """What completes a word in a shell, of some words; where none does, shells complete names of files."""
    known = list(words)

    def complete(incomplete: str) -> list[str]:
        return [word for word in known if word.startswith(incomplete)]

    return complete


def beside(name: str, text: str, column: int) -> str:
    """A name, and beside it in a column its text, in lines no longer than the terminal's, or than 80 in a pipe.

    Long words, such as addresses, are not cut up: they are copied.
    """
    width = max(shutil.get_terminal_size().columns, column + 20)
    options: dict[str, Any] = {"break_long_words": False, "break_on_hyphens": False}
    lines = [line for part in text.split("\n") for line in textwrap.wrap(part, width - column - 1, **options) or [""]]
    return "\n".join(f"{name if i == 0 else '':<{column}} {line}".rstrip() for i, line in enumerate(lines))

"""`minigrad train PROGRAM`: its options are the program's settings."""

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any, get_type_hints

import typer

from minigrad.models import program
from minigrad.training.caller import CommandLine, called_by, option
from minigrad.training.keeping.interrupts import Terminated

from ..invocation import words
from . import beginning, with_parameters

INTERRUPTED = 130  # as shells report it


def command(name: str) -> Callable[..., None]:
    """A command whose options are the fields of the program's settings."""
    settings = program(name).Settings

    def train(context: typer.Context, **values: Any) -> None:
        sources: Any = {option: context.get_parameter_source(option) for option in values}
        given = {option: value for option, value in values.items() if sources[option].name != "DEFAULT"}
        called = words()
        with called_by(CommandLine(called, ("train", name, *as_options(given)))):
            try:
                metrics = program(name).train(settings(**given))
            except Terminated as error:
                raise typer.Exit(error.status) from None
        if not metrics["finished"]:
            raise typer.Exit(INTERRUPTED)

    types = get_type_hints(settings)
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [inspect.Parameter("context", keyword, annotation=typer.Context)]
    parameters += [
        inspect.Parameter(f.name, keyword, default=f.default, annotation=Annotated[types[f.name], _option(f)])
        for f in dataclasses.fields(settings)
    ]
    return with_parameters(train, parameters)


def as_options(given: Mapping[str, Any]) -> list[str]:
    """Settings as they are given to a run that goes on: without what only says how it began."""
    found: list[str] = []
    for name, value in given.items():
        if name not in ("resume", "overwrite") and value is not False:
            found += [option(name)] if value is True else [option(name), str(value)]
    return found


def _option(f: dataclasses.Field[Any]) -> Any:
    """A setting as an option. What is off by default can only be switched on: --quick, and no --no-quick."""
    choices = f.metadata.get("choices")
    text = f.metadata.get("help", "") + (f" One of: {', '.join(choices)}." if choices else "")
    if f.default is False:
        return typer.Option(option(f.name), help=text)
    return typer.Option(help=text, autocompletion=beginning(choices) if choices else None)

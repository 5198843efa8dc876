"""`minigrad train PROGRAM`: its options are the program's settings."""

import dataclasses
import inspect
from collections.abc import Callable
from typing import Annotated, Any, get_type_hints

import typer

from minigrad.models import program
from minigrad.training.settings import option

from . import with_parameters


def command(name: str) -> Callable[..., None]:
    """A command whose options are the fields of the program's settings."""
    settings = program(name).Settings

    def train(context: typer.Context, **values: Any) -> None:
        sources: Any = {option: context.get_parameter_source(option) for option in values}
        given = {option: value for option, value in values.items() if sources[option].name != "DEFAULT"}
        if not program(name).train(settings(**given))["finished"]:
            raise KeyboardInterrupt

    types = get_type_hints(settings)
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [inspect.Parameter("context", keyword, annotation=typer.Context)]
    parameters += [
        inspect.Parameter(f.name, keyword, default=f.default, annotation=Annotated[types[f.name], _option(f)])
        for f in dataclasses.fields(settings)
    ]
    return with_parameters(train, parameters)


def _option(f: dataclasses.Field[Any]) -> Any:
    """A setting as an option. What is off by default can only be switched on: --quick, and no --no-quick."""
    choices = f.metadata["choices"]
    text = f.metadata["help"] + (f" One of: {', '.join(choices)}." if choices else "")
    return typer.Option(option(f.name), help=text) if f.default is False else typer.Option(help=text)

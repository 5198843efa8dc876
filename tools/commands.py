"""The commands: `minigrad train | sample | graph | info | bench`. Needs typer."""

import dataclasses
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

import minigrad as mg
from minigrad.models import PROGRAMS, program
from minigrad.models.settings import option


def build() -> typer.Typer:
    """The application. Its models come from the table `minigrad.models.PROGRAMS`."""
    app = typer.Typer(
        help="An autograd framework from scratch: train small recurrent models, and see what was computed.",
        no_args_is_help=True,
        add_completion=False,
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

    trainers = typer.Typer(no_args_is_help=True, help="Train a model.")
    app.add_typer(trainers, name="train")
    for name, (_, summary) in PROGRAMS.items():
        trainers.command(name, help=summary)(_train_command(name))
    app.command("sample")(sample)
    app.command("graph")(graph)
    app.command("info")(info)
    # bench has options of its own: everything goes through, --help too
    raw = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
    app.command("bench", context_settings=raw)(bench)
    return app


def _train_command(name: str) -> Callable[..., None]:
    """A command whose options are the fields of the program's settings."""
    settings = program(name).Settings

    def train(**values: Any) -> None:
        if not program(name).train(settings(**values))["finished"]:
            raise KeyboardInterrupt

    types = get_type_hints(settings)
    parameters = [
        inspect.Parameter(
            f.name, inspect.Parameter.KEYWORD_ONLY, default=f.default, annotation=Annotated[types[f.name], _option(f)]
        )
        for f in dataclasses.fields(settings)
    ]
    train.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    train.__annotations__ = {p.name: p.annotation for p in parameters}
    return train


def _option(f: dataclasses.Field[Any]) -> Any:
    """A setting as an option. What is off by default can only be switched on: --quick, and no --no-quick."""
    choices = f.metadata["choices"]
    text = f.metadata["help"] + (f" One of: {', '.join(choices)}." if choices else "")
    return typer.Option(option(f.name), help=text) if f.default is False else typer.Option(help=text)


def sample(
    model: Annotated[Path, typer.Argument(help="A model file, or the directory that training left.")] = Path(
        "out/char-lm"
    ),
    length: Annotated[int, typer.Option(min=1, help="How many characters to write.")] = 500,
    temperature: Annotated[
        float, typer.Option(min=0.0, help="1 follows the model, less is more cautious, 0 takes the likeliest.")
    ] = 0.7,
    prime: Annotated[str | None, typer.Option(help="The text to continue; by default a new paragraph.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of the random numbers; by default, any.")] = None,
    kind: Annotated[str, typer.Option("--kind", help="Kind of model: one that writes, as char-lm.")] = "char-lm",
) -> None:
    """Let a trained model write text."""
    from_program = program(kind)
    if not hasattr(from_program, "sample"):
        raise ValueError(f"{kind} writes nothing: there is nothing to sample from it")
    loaded = from_program.load(model)
    generator = mg.random.Generator(seed)
    print(prime or "", end="")
    for character in from_program.sample(loaded, length, temperature, prime, generator):
        print(character, end="", flush=True)
    print()


def graph(
    name: Annotated[str, typer.Argument(metavar="MODEL", help=f"One of: {', '.join(PROGRAMS)}.")],
    steps: Annotated[int, typer.Option(min=1, help="Time steps to unroll.")] = 4,
    show: Annotated[
        int, typer.Option(min=2, help="Time steps to draw, if there are more: the first ones and the last.")
    ] = 4,
    depth: Annotated[
        int | None, typer.Option(min=0, help="Levels of modules to open; by default, as many as stay readable.")
    ] = None,
    format: Annotated[str | None, typer.Option(help="svg, png, pdf, dot or json; by default from --out.")] = None,
    out: Annotated[Path | None, typer.Option(help="The file to write; by default MODEL.FORMAT.")] = None,
    model: Annotated[Path | None, typer.Option(help="A trained model; by default a small untrained one.")] = None,
) -> None:
    """Draw the unrolled graph of a model."""
    from minigrad.tools import draw

    from_program = program(name)
    chosen = from_program.untrained() if model is None else from_program.load(model)
    path = Path(f"{name}.{format or 'svg'}") if out is None else out
    draw(from_program.unrolled(chosen, steps), path, format, depth=depth, steps=show)
    print(path)


def bench(context: typer.Context) -> int:
    """Measure speed, beside PyTorch where it is installed. `minigrad bench --help` shows its options."""
    from minigrad.tools.bench import main as run

    return run(list(context.args))


def info() -> None:
    """Show versions, backends (and why one is missing), and how NumPy computes."""
    from minigrad.tools.system import describe

    print("\n".join(f"{name:<22} {text}" for name, text in describe()))

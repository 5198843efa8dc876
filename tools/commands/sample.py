"""`minigrad sample`: what a trained model writes."""

from pathlib import Path
from typing import Annotated

import typer

import minigrad as mg
from minigrad.models import program, program_of


def sample(
    model: Annotated[Path, typer.Argument(help="A model file, or the directory that training left.")] = Path(
        "out/char-lm"
    ),
    length: Annotated[int, typer.Option(min=1, help="How many characters to write.")] = 500,
    temperature: Annotated[
        float, typer.Option(min=0.0, help="1 follows the model, less is more cautious, 0 takes the likeliest.")
    ] = 0.7,
    prime: Annotated[str | None, typer.Option(help="The text to continue; by default a new paragraph.")] = None,
    top_k: Annotated[int | None, typer.Option(min=1, help="Choose among this many of the likeliest only.")] = None,
    top_p: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="Choose among the likeliest that have this probability together."),
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of the random numbers; by default, any.")] = None,
) -> None:
    """Let a trained model write text."""
    name = program_of(model, "char-lm")
    from_program = program(name)
    if not hasattr(from_program, "sample"):
        raise ValueError(f"{model} is a model of {name}, which writes no text: `minigrad predict` asks it")
    loaded = from_program.load(model)
    generator = mg.random.Generator(seed)
    characters = from_program.sample(loaded, length, temperature, prime, generator, top_k, top_p)
    print(prime or "", end="")
    for character in characters:
        print(character, end="", flush=True)
    print()

"""`minigrad graph`: the picture of a program's model."""

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from minigrad.models import PROGRAMS, chosen_model, program
from minigrad.tools.graph import FORMATS, draw
from minigrad.tools.pictures import recorded
from minigrad.writing import made

from . import beginning


def graph(
    name: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            autocompletion=beginning(PROGRAMS),
            help=f"A program, whose small untrained model is drawn: {', '.join(PROGRAMS)}; or a model file, or the "
            "directory that training left.",
        ),
    ],
    length: Annotated[int, typer.Option(min=1, help="Time steps to unroll.")] = 6,
    steps: Annotated[
        str,
        typer.Option(
            help="Time steps to draw: a number, for the first ones and the last, where 1 is one that stands for all; "
            "or those to draw, as in 0,1,-1; or all."
        ),
    ] = "4",
    depth: Annotated[
        int | None, typer.Option(min=0, help="Levels of modules to open; by default, as many as stay readable.")
    ] = None,
    show: Annotated[
        str, typer.Option(help="The forward pass, the backward pass, or both side by side: forward, backward or both.")
    ] = "forward",
    gradients: Annotated[
        bool, typer.Option("--gradients", help="Give edges the width and colour of their gradient's norm.")
    ] = False,
    title: Annotated[str, typer.Option(help="A line above the picture; a page has one anyway.")] = "",
    format: Annotated[str | None, typer.Option(help=f"One of: {', '.join(FORMATS)}; by default from --out.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="The file to write, or - for standard output; by default MODEL.FORMAT.")
    ] = None,
    model: Annotated[Path | None, typer.Option(help="A trained model; by default a small untrained one.")] = None,
) -> None:
    """Draw the unrolled graph of a model."""
    name, model = chosen_model(name, model)
    from_program = program(name)
    chosen = from_program.untrained() if model is None else from_program.load(model)
    path = Path(f"{name}.{format or 'svg'}") if out is None else out
    standard = str(path) == "-"
    if not title and (format or path.suffix.lstrip(".")) == "html":
        title = f"{name}, {length} time steps"
    with nullcontext() if standard else made(path.parent):
        tape, loss = recorded(from_program.unrolled, chosen, length)
        place, form = (None, format or "svg") if standard else (path, format)
        picture = draw(
            tape, place, form, depth=depth, steps=_steps(steps), show=show, end=loss, gradients=gradients, title=title
        )
    if not standard:
        print(path)
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(picture.to_bytes(form or "svg"))
    sys.stdout.buffer.flush()


def _steps(text: str) -> int | list[int] | None:
    """The time steps that an option names, as `draw` takes them."""
    if text == "all":
        return None
    parts = [part.strip() for part in text.split(",")]
    if not all(part.removeprefix("-").isdecimal() for part in parts) or parts in (["0"], ["-0"]):
        raise typer.BadParameter(
            f"a number such as 4, a list such as 0,1,-1, or all, not {text!r}", param_hint="--steps"
        )
    return [int(part) for part in parts] if len(parts) > 1 else int(text)

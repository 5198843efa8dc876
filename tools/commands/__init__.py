"""The commands: `minigrad train | sample | graph | gradflow | data | info | bench`. Needs typer."""

import dataclasses
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

import minigrad as mg
from minigrad.models import PROGRAMS, program
from minigrad.models.cells import CELLS
from minigrad.tools.graph import FORMATS, draw
from minigrad.training.settings import option


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
    app.command("gradflow")(gradflow)
    app.command("data")(data)
    app.command("info")(info)
    # bench has options of its own: everything goes through, --help too
    raw = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
    app.command("bench", context_settings=raw)(bench)
    return app


def _train_command(name: str) -> Callable[..., None]:
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
    top_k: Annotated[int | None, typer.Option(min=1, help="Choose among this many of the likeliest only.")] = None,
    top_p: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="Choose among the likeliest that have this probability together."),
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of the random numbers; by default, any.")] = None,
    kind: Annotated[str, typer.Option("--kind", help="Kind of model: one that writes, as char-lm.")] = "char-lm",
) -> None:
    """Let a trained model write text."""
    from_program = program(kind)
    if not hasattr(from_program, "sample"):
        raise ValueError(f"{kind} writes nothing: there is nothing to sample from it")
    loaded = from_program.load(model)
    generator = mg.random.Generator(seed)
    characters = from_program.sample(loaded, length, temperature, prime, generator, top_k, top_p)
    print(prime or "", end="")
    for character in characters:
        print(character, end="", flush=True)
    print()


def graph(
    name: Annotated[str, typer.Argument(metavar="MODEL", help=f"One of: {', '.join(PROGRAMS)}.")],
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
    out: Annotated[Path | None, typer.Option(help="The file to write; by default MODEL.FORMAT.")] = None,
    model: Annotated[Path | None, typer.Option(help="A trained model; by default a small untrained one.")] = None,
) -> None:
    """Draw the unrolled graph of a model."""
    from_program = program(name)
    chosen = from_program.untrained() if model is None else from_program.load(model)
    path = Path(f"{name}.{format or 'svg'}") if out is None else out
    with mg.Tape(details=True) as tape:
        loss = from_program.unrolled(chosen, length)
    loss.backward()
    if not title and (format or path.suffix.lstrip(".")) == "html":
        title = f"{name}, {length} time steps"
    draw(tape, path, format, depth=depth, steps=_steps(steps), show=show, end=loss, gradients=gradients, title=title)
    print(path)


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


def gradflow(
    name: Annotated[str, typer.Argument(metavar="MODEL", help=f"One of: {', '.join(PROGRAMS)}.")],
    steps: Annotated[int, typer.Option(min=2, help="Time steps to unroll.")] = 100,
    cell: Annotated[
        list[str] | None,
        typer.Option(help=f"The kind of recurrent network; may be repeated. One of: {', '.join(CELLS)}."),
    ] = None,
    radius: Annotated[
        list[float] | None,
        typer.Option(
            min=0.0, help="Scale the recurrent weights, gate by gate, to this spectral radius; may be repeated."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of untrained models.")] = 0,
    forget_bias: Annotated[
        float | None, typer.Option(help="Initialise with nn.init.recurrent_ and this bias of forget gates.")
    ] = None,
    train: Annotated[
        int,
        typer.Option(min=0, help="Train the program's model for so many steps, measure meanwhile, and draw that too."),
    ] = 0,
    quick: Annotated[bool, typer.Option("--quick", help="Train with the settings of `train MODEL --quick`.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            help="The PNG file to write; by default MODEL-flow.png. With --train, others are beside it: "
            "MODEL-flow-heat.png, -histograms, -ratios, -layers."
        ),
    ] = None,
    model: Annotated[Path | None, typer.Option(help="A trained model; by default a small untrained one.")] = None,
) -> None:
    """Measure how gradients flow back through time: the norm of dL/dh_t for every time step t."""
    from minigrad.tools.gradflow.command import Request, run

    run(
        Request(
            name=name,
            steps=steps,
            cells=tuple(cell or ()),
            radii=tuple(radius or ()),
            seed=seed,
            forget_bias=forget_bias,
            train=train,
            quick=quick,
            model=model,
            out=Path(f"{name}-flow.png") if out is None else out,
        )
    )


def bench(context: typer.Context) -> int:
    """Measure speed, beside PyTorch where it is installed. `minigrad bench --help` shows its options."""
    from minigrad.tools.bench import main as run

    return run(list(context.args))


def data(
    name: Annotated[str | None, typer.Argument(help="A data set to fetch; by default, all are listed.")] = None,
) -> None:
    """List the data sets, or fetch one and print where it is ($MINIGRAD_DATA names a folder that has them already)."""
    from minigrad.data import describe, fetch, names

    if name is not None:
        print(fetch(name))
        return
    for each in names():
        known = describe(each)
        print(f"{each:<17} {known.what}\n{'':<17} {known.licence}; {known.source}")


def info() -> None:
    """Show versions, backends (and why one is missing), and how NumPy computes."""
    from minigrad.tools.system import describe

    print("\n".join(f"{name:<22} {text}" for name, text in describe()))

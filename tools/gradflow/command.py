"""What `minigrad gradflow` does: models are made, measured, trained if so wished, and drawn."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import typer

import minigrad as mg
from minigrad import nn
from minigrad.inspect.figure import figure
from minigrad.models import PROGRAMS, chosen_model, program
from minigrad.tools.pictures import recorded
from minigrad.training.cells import CELLS
from minigrad.training.flow import GradientFlow, gradient_flow
from minigrad.training.settings import writable
from minigrad.training.trainer import Trainer
from minigrad.training.watchers import Step, Training, Watcher
from minigrad.writing import explained, made

from .histograms import plot_histograms, plot_ratios
from .history import FlowHistory
from .plots import plot_flow, plot_history, plot_layers
from .radius import linear_factors, radius_table, scale_radius_
from .updates import Snapshot, UpdateHistory

MEASURED = 30  # how often in a training


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is to be measured. The fields are the arguments and options of the command."""

    name: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help=f"A program: {', '.join(PROGRAMS)}; or a model file, or the directory that training left.",
        ),
    ]
    steps: Annotated[int, typer.Option(min=2, help="Time steps to unroll.")] = 100
    cells: Annotated[
        list[str] | None,
        typer.Option("--cell", help=f"The kind of recurrent network; may be repeated. One of: {', '.join(CELLS)}."),
    ] = None
    radii: Annotated[
        list[float] | None,
        typer.Option(
            "--radius",
            min=0.0,
            help="Scale the recurrent weights, gate by gate, to this spectral radius; may be repeated.",
        ),
    ] = None
    seed: Annotated[int, typer.Option(min=0, help="Seed of untrained models.")] = 0
    forget_bias: Annotated[
        float | None, typer.Option(help="Initialise with nn.init.recurrent_ and this bias of forget gates.")
    ] = None
    train: Annotated[
        int,
        typer.Option(min=0, help="Train the program's model for so many steps, measure meanwhile, and draw that too."),
    ] = 0
    quick: Annotated[bool, typer.Option("--quick", help="Train with the settings of `train MODEL --quick`.")] = False
    out: Annotated[
        Path | None,
        typer.Option(
            help="The PNG file to write; by default MODEL-flow.png. With --train, others are beside it: "
            "MODEL-flow-heat.png, -histograms, -ratios, -layers."
        ),
    ] = None
    model: Annotated[Path | None, typer.Option(help="A trained model; by default a small untrained one.")] = None

    def path(self, what: str = "") -> Path:
        """The file of the flow, or of another picture beside it."""
        out = Path(f"{self.name}-flow.png") if self.out is None else self.out
        return out.with_name(f"{out.stem}-{what}{out.suffix or '.png'}") if what else out

    def check(self) -> None:
        """Raises ValueError for what does not go together."""
        if self.model is not None and (self.cells or self.forget_bias is not None or self.radii or self.train):
            raise ValueError(
                "--cell, --forget-bias, --radius and --train are for untrained models, not for one that --model names"
            )
        if wrong := [c for c in self.cells or () if c not in CELLS]:
            raise ValueError(f"--cell is one of {', '.join(CELLS)}, not {wrong[0]!r}")
        if self.quick and not self.train:
            raise ValueError("--quick is for --train")


def run(request: Request) -> None:
    """Measure, print and draw. Raises ValueError for options that do not go together, and what the program raises."""
    name, model = chosen_model(request.name, request.model)
    request = dataclasses.replace(request, name=name, model=model)
    request.check()
    figure(1, 1)  # what is missing should be missed now, not after minutes of training
    with made(request.path().parent), explained(request.path()):
        writable(request.path().parent)
        _measured(request)


def _measured(request: Request) -> None:
    flows: dict[str, GradientFlow] = {}
    before: dict[str, GradientFlow] = {}
    linear: dict[str, float] = {}
    histories: dict[str, FlowHistory] = {}
    paths: list[Path] = []
    for label, prepare, cell in _variants(request):
        mg.manual_seed(request.seed)
        if request.train:
            found = _trained(request, cell, prepare)
            histories[label], flows[label], before[label] = found.flow, found.flow.flows[-1], found.flow.flows[0]
            _report(label, flows[label], found.model, found.updates)
            paths += _pictures_of_training(request, label, found)
            continue
        chosen = prepare(_untrained(request, cell))
        flows[label] = measure(program(request.name), chosen, request.steps)
        _report(label, flows[label], chosen)
        factors = linear_factors(chosen) if request.radii else {}
        for state in flows[label]:
            place = state.rpartition(" ")[0]
            for layer in (place, place.partition(".")[2]):  # the model is in front, if it was called as a whole
                if layer in factors:
                    linear[_joined(label, state)] = factors[layer]
    title = f"{request.name}, {request.steps} time steps"
    if histories:
        title += f", {request.train} training steps"
        paths.insert(0, plot_history(histories, request.path("heat"), title))
    now = _together(flows)
    once = {name: norms for name, norms in _together(before).items() if name in now}
    for path in [plot_flow(now, request.path(), title, linear, once), *paths]:
        print(path)


def measure(from_program: Any, model: nn.Module, steps: int) -> GradientFlow:
    """The gradient flow of a model on the program's example of so many time steps.

    It is measured on a copy: in float64, in which gradients vanish later, and in evaluation mode, without dropout.
    """
    twin = copy.deepcopy(model).to("float64").eval()
    return gradient_flow(recorded(from_program.unrolled, twin, steps, details=False)[0], twin)


# --- models -----------------------------------------------------------------------------------------------------------


def _variants(request: Request) -> Iterator[tuple[str, Callable[[nn.Module], nn.Module], str | None]]:
    """The label, how a new model is prepared, and the kind of cell, for each model to compare."""
    for cell, radius in product(request.cells or (None,), request.radii or (None,)):
        words = [cell or ""] if len(request.cells or ()) > 1 else []
        words += [f"radius {radius:g}"] if radius is not None and len(request.radii or ()) > 1 else []
        yield ", ".join(words), partial(_prepared, forget_bias=request.forget_bias, radius=radius), cell


def _prepared(model: nn.Module, forget_bias: float | None, radius: float | None) -> nn.Module:
    if forget_bias is not None:
        nn.init.recurrent_(model, forget_bias)
    return model if radius is None else scale_radius_(model, radius)


def _untrained(request: Request, cell: str | None) -> nn.Module:
    """A small untrained model, or the one that `--model` names."""
    from_program = program(request.name)
    if request.model is not None:
        return from_program.load(request.model)
    if cell is None:
        return from_program.untrained()
    if "cell" not in inspect.signature(from_program.untrained).parameters:
        raise ValueError(f"{request.name} offers no choice of cells for its untrained model")
    return from_program.untrained(cell)


# --- training ---------------------------------------------------------------------------------------------------------


class Measures(Watcher):
    """Measures the gradient flow before the first step of a training and after every so many, and the next update."""

    def __init__(self, from_program: Any, steps: int, every: int) -> None:
        self.flow_history, self.updates = FlowHistory(), UpdateHistory()
        self._program, self._steps, self._every = from_program, steps, every
        self._before: Snapshot | None = None

    def begin(self, training: Training) -> None:
        self._model, self._last = training.task.model, training.settings.steps
        self._measure(training.step)

    def step(self, step: Step) -> None:
        if self._before is not None:
            self.updates.add(step.step, self._before.updates())
            self._before = None
        if step.step % self._every == 0 or step.step == self._last:
            self._measure(step.step)

    def _measure(self, step: int) -> None:
        self.flow_history.add(step, measure(self._program, self._model, self._steps))
        self._before = Snapshot(self._model) if step < self._last else None


@dataclass
class Trained:
    """A model after its training, and what was measured."""

    model: nn.Module
    flow: FlowHistory
    updates: UpdateHistory


def _trained(request: Request, cell: str | None, prepare: Callable[[nn.Module], nn.Module]) -> Trained:
    """Train the program's own model with its own settings, and write nothing."""
    from_program = program(request.name)
    settings = from_program.Settings(quick=request.quick, seed=request.seed)
    changes: dict[str, Any] = {"steps": request.train, "validations": 1, "patience": 0}
    if cell is not None:
        if "cell" not in {f.name for f in dataclasses.fields(settings)}:
            raise ValueError(f"{request.name} offers no choice of cells")
        changes["cell"] = cell
    settings = dataclasses.replace(settings, **changes)
    measures = Measures(from_program, request.steps, max(1, request.train // MEASURED))
    with mg.use_backend(settings.backend), mg.set_num_threads(settings.threads):
        task = from_program.Task(settings)
        prepare(task.model)
        print(task.introduction())
        Trainer(task, None, [measures]).train()
    return Trained(task.model, measures.flow_history, measures.updates)


# --- reports ----------------------------------------------------------------------------------------------------------


def _report(label: str, flow: GradientFlow, model: nn.Module, updates: UpdateHistory | None = None) -> None:
    """Print the flow, the radii of recurrent weights if the model has some, and the ratios of updates."""
    width = shutil.get_terminal_size().columns
    if label:
        print(label)
    print(flow.table(width))
    if table := radius_table(model, width):  # empty for cells of another kind
        print(table)
    if updates is not None:
        print(updates.table(width))


def _together(flows: dict[str, GradientFlow]) -> GradientFlow:
    """One flow of those of several models."""
    norms = {_joined(label, state): flow[state] for label, flow in flows.items() for state in flow}
    return GradientFlow(norms, frozenset(_joined(label, s) for label, flow in flows.items() for s in flow.reverse))


def _joined(label: str, state: str) -> str:
    return f"{label}: {state}" if label else state


def _pictures_of_training(request: Request, label: str, found: Trained) -> list[Path]:
    """The pictures that each model has for itself."""
    own = "-" + label.replace(", ", "-").replace(" ", "-") if label else ""
    title = f"{request.name}, {label}" if label else request.name
    last = found.flow.flows[-1]
    paths = [
        plot_histograms(found.updates, request.path(f"histograms{own}"), title),
        plot_ratios(found.updates, request.path(f"ratios{own}"), title),
    ]
    if len(last) > 1:
        after = f"{title}, after {found.flow.steps[-1]} training steps"
        paths.append(plot_layers(last, request.path(f"layers{own}"), after))
    return paths

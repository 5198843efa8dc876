"""Pictures of data and of what models say about it: what the programs share. They need matplotlib."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import minigrad as mg
from minigrad import nn
from minigrad.inspect.figure import figure
from minigrad.tools import draw
from minigrad.training import drawn

RIGHT, WRONG = "#1B4F72", "#B03A2E"


def show(axes: Any, image: np.ndarray, extent: tuple[float, float, float, float] | None = None) -> None:
    """One image, values 0 (white) to 1 (black), without ticks; `extent` says where: left, right, bottom, top."""
    axes.imshow(image, cmap="gray_r", vmin=0, vmax=1, interpolation="nearest", extent=extent)
    axes.set_xticks([])
    axes.set_yticks([])


def grid(
    path: str | Path,
    images: np.ndarray,
    texts: Sequence[str],
    wrong: Sequence[bool],
    title: str = "",
    columns: int = 10,
) -> None:
    """Images (N, side, side) in rows, each with its text below, as a PNG file; wrong ones have a red frame."""
    rows = -(-len(images) // columns)
    drawn = figure(1.15 * columns, 1.25 * rows + 0.4)
    drawn.suptitle(title)
    axes = drawn.subplots()
    for i, image in enumerate(images):
        left, top = i % columns, 1.2 * (i // columns)
        right, bottom = left + 0.9, top + 0.9
        show(axes, image, (left, right, bottom, top))
        color = WRONG if wrong[i] else "#CCCCCC"
        box = [left, right, right, left, left], [top, top, bottom, bottom, top]
        axes.plot(*box, color=color, linewidth=2.5 if wrong[i] else 0.8)
        text_color = WRONG if wrong[i] else RIGHT
        axes.text(left + 0.45, bottom + 0.06, texts[i], color=text_color, fontsize=8, ha="center", va="top")
    axes.set(xlim=(-0.1, columns), ylim=(1.2 * rows, -0.1), aspect="equal")
    axes.set_axis_off()
    drawn.savefig(path, format="png", dpi=110)


def recorded(
    unrolled: Callable[[Any, int], mg.Tensor], model: nn.Module, steps: int, details: bool = True
) -> tuple[mg.Tape, mg.Tensor]:
    """A program's loss over a few time steps, and the tape that has it with all gradients; those kept stay as they are.

    Args:
        unrolled: gives the loss of a model over so many steps.
        model: its parameters are differentiated.
        steps: to unroll.
        details: of the tape.
    """
    with mg.enable_grad(), mg.Tape(details=details) as tape:
        loss = unrolled(model, steps)
        mg.differentiate(loss, list(model.parameters()), allow_unused=True)
    return tape, loss


def draw_unrolled(
    unrolled: Callable[[Any, int], mg.Tensor], model: nn.Module, steps: int, out: str | Path, title: str
) -> list[Path]:
    """Draw the graph of a program's loss over a few time steps: a picture, and a page to look into and to play.

    Args:
        unrolled: gives the loss of a model over so many steps.
        model: nothing of it changes, the gradients of its parameters included.
        steps: to unroll.
        out: the directory to write `graph.svg` and `graph.html` to.
        title: a line above both.

    Returns the paths of those that could be drawn.
    """
    out = Path(out)
    tape, loss = recorded(unrolled, model, steps)

    def save(path: Path) -> None:
        draw(tape, path, end=loss, title=title)

    return [*drawn(save, out / "graph.svg"), *drawn(save, out / "graph.html")]

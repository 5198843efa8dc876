"""Programs around minigrad: drawing what the tape recorded, gradients through time, benchmarks, the command line.

This folder is installed as `minigrad.tools`. Each of its rooms is imported when something of it is asked for.
"""

from typing import TYPE_CHECKING

from minigrad.advice.missing import on_missing

if TYPE_CHECKING:
    from .gradflow import gradient_flow, plot_flow
    from .graph import draw

__all__ = ["draw", "gradient_flow", "plot_flow"]

on_missing(__name__, {"gradflow": "gradient_flow plot_flow", "graph": "draw"})


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

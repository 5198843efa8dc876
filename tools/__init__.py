"""Programs around minigrad: drawing what the tape recorded, gradients through time, benchmarks, the command line.

This folder is installed as `minigrad.tools`. Each of its rooms is imported when something of it is asked for.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .gradflow import gradient_flow, plot_flow
    from .graph import draw

__all__ = ["draw", "gradient_flow", "plot_flow"]

_ROOMS = {"draw": "graph", "gradient_flow": "gradflow", "plot_flow": "gradflow"}


def __getattr__(name: str) -> Any:
    if name in _ROOMS.values():
        return importlib.import_module(f".{name}", __name__)
    if name in _ROOMS:
        return getattr(__getattr__(_ROOMS[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

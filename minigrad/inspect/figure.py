"""Empty figures to draw on, for plots and pictures."""

from __future__ import annotations

from typing import Any

from ..extras import install


def figure(width: float, height: float, layout: Any = "constrained") -> Any:
    """A matplotlib figure of this size in inches that needs no screen. Raises ImportError without matplotlib."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(f"pictures need matplotlib ({error}): {install('viz')}", name=error.name) from error
    made = Figure(figsize=(width, height), layout=layout)
    FigureCanvasAgg(made)
    return made

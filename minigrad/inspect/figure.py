"""Empty figures to draw on, for plots and pictures, and what becomes of them: a file, or something to look at."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from typing import Any

from minigrad.extras import extra


def figure(width: float, height: float, layout: Any = "constrained") -> Any:
    """A matplotlib figure of this size in inches that needs no screen, and that a notebook shows.

    Raises ImportError without matplotlib.
    """
    return _kind()(figsize=(width, height), layout=layout)


def finished(drawn: Any, path: str | Path | None, dpi: float = 120) -> Any:
    """Write a figure as a PNG file and return its path; without a path, return the figure."""
    if path is None:
        drawn.set_dpi(dpi)
        return drawn
    drawn.savefig(path, format="png", dpi=dpi)
    return Path(path)


@cache
def _kind() -> Any:
    """The class of figures. It knows no pyplot, which would choose a window system and keep every figure alive."""
    agg = extra("matplotlib.backends.backend_agg", "pictures need matplotlib", "viz")
    base = extra("matplotlib.figure", "pictures need matplotlib", "viz").Figure

    class Figure(base):  # type: ignore[misc, valid-type]
        """matplotlib's figure, which a notebook shows without pyplot, too."""

        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            agg.FigureCanvasAgg(self)

        def _repr_png_(self) -> bytes:
            content = io.BytesIO()
            self.savefig(content, format="png")
            return content.getvalue()

    return Figure

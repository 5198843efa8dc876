"""How long `import minigrad` takes beyond `import numpy`, each in a fresh process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

from ..frameworks import Settings
from ..harness import Row, measure, scaled, single


def rows(settings: Settings) -> list[Row]:
    """One row, in milliseconds; the difference is in the notes and has its own line."""
    figures = scaled(
        measure(
            {"import minigrad": _fresh("minigrad"), "import numpy": _fresh("numpy")}, 3 if settings.quick else 15, 1
        ),
        1e3,
    )
    extra = figures["import minigrad"].median - figures["import numpy"].median
    figures["minigrad beyond numpy"] = single(extra)
    return [Row("import", "import in a fresh process (target: 150 ms beyond numpy)", "ms", figures, "import numpy")]


def _fresh(module: str) -> Callable[[], object]:
    return lambda: subprocess.run([sys.executable, "-c", f"import {module}"], check=True)

"""How long `import minigrad` takes beyond `import numpy`, each in a fresh process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

from ..frameworks import Settings
from ..harness import Row, Target, measure, scaled, single


def rows(settings: Settings) -> list[Row]:
    """One row, in milliseconds; the difference has a line of its own, and is to be half of NumPy's time at most."""
    figures = scaled(
        measure(
            {"import minigrad": _fresh("minigrad"), "import numpy": _fresh("numpy")}, 3 if settings.quick else 15, 1
        ),
        1e3,
    )
    extra = figures["import minigrad"].median - figures["import numpy"].median
    figures["minigrad beyond numpy"] = single(extra)
    targets = [Target("minigrad beyond numpy", "import numpy", 0.5)]
    return [Row("import", "import in a fresh process", "ms", figures, "import numpy", targets)]


def _fresh(module: str) -> Callable[[], object]:
    """Import a module in a process of its own, with compiled bytecode, as an installed package has it."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return lambda: subprocess.run([sys.executable, "-c", f"import {module}"], check=True, env=environment)

"""How the command line was called: the words with which a person here calls it again."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path


def words() -> tuple[str, ...]:
    """`minigrad`, if a shell finds this one by that name; otherwise a path, or `python -m minigrad`."""
    program = Path(sys.argv[0] if sys.argv else "")
    if program.stem == "minigrad" and program.suffix in ("", ".exe"):
        return (_short(program),)
    return (_short(Path(sys.executable or "python")), "-m", "minigrad")


def _short(program: Path) -> str:
    """The name of a program if a shell finds it by that; a path from here if it lies below."""
    found = shutil.which(program.name)
    if found is not None and Path(found).absolute() == program.absolute():
        return program.name
    here = Path.cwd()
    return str(program.relative_to(here)) if program.is_absolute() and program.is_relative_to(here) else str(program)

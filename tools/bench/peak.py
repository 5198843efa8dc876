"""The peak memory of a step, measured in a process of its own.

`python -m minigrad.tools.bench.peak MODULE FUNCTION ARGUMENTS` makes the step by FUNCTION(*ARGUMENTS), the arguments
being a JSON list. It runs one step, which loads and compiles what it needs, gives free memory back to the system, notes
how much it still has, and reports by how much its peak during three more steps was above that.
"""

from __future__ import annotations

import argparse
import ctypes
import ctypes.util
import gc
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import MEMORY_VARIABLES

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
MEGABYTE = 1e6


def available() -> bool:
    """Whether the system tells the memory of a process, as Linux does."""
    return STATUS.exists()


def in_a_process(make: Callable[..., Callable[[], Any]], *arguments: Any) -> dict[str, float]:
    """Megabytes resident between steps ("start"), and by how much the peak during steps is above that ("peak").

    Args:
        make: returns the step; a function of a module, which the process finds by its name.
        arguments: for `make`; what JSON can hold.

    Raises RuntimeError if the process fails.
    """
    command = [sys.executable, "-m", f"{__package__}.peak", make.__module__, make.__name__, json.dumps(arguments)]
    variables = {name: value for name, value in os.environ.items() if name not in MEMORY_VARIABLES}
    done = subprocess.run(command, env=variables, check=False, capture_output=True, text=True)
    if done.returncode:
        what = ", ".join(map(str, arguments))
        raise RuntimeError(f"the process that measures the memory of {what} failed: {done.stderr.strip()[-500:]}")
    return {name: count / MEGABYTE for name, count in json.loads(done.stdout.splitlines()[-1]).items()}


def measured(step: Callable[[], Any]) -> dict[str, int]:
    """Resident bytes after a first call, and how much higher the peak of three more was."""
    step()
    gc.collect()
    _give_back()
    RESET.write_text("5")  # the kernel forgets the highest mark so far
    start = _status("VmRSS")
    for _ in range(3):
        step()
    return {"start": start, "peak": _status("VmHWM") - start}


def _give_back() -> None:
    """Return memory that is free to the system, where the C library offers that: else it would count as used."""
    library = ctypes.CDLL(ctypes.util.find_library("c"))
    if hasattr(library, "malloc_trim"):
        library.malloc_trim(0)


def _status(field: str) -> int:
    """A line of the kernel's account of this process, in bytes."""
    line = next(line for line in STATUS.read_text(encoding="ascii").splitlines() if line.startswith(f"{field}:"))
    return int(line.split()[1]) * 1024


def _main() -> None:
    parser = argparse.ArgumentParser(description="measure the memory of one contender")
    for name in ("module", "function", "arguments"):
        parser.add_argument(name)
    options = parser.parse_args()
    make = getattr(importlib.import_module(options.module), options.function)
    print(json.dumps(measured(make(*json.loads(options.arguments)))))


if __name__ == "__main__":
    _main()

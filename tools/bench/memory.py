"""How much memory a training step needs: what is saved for backward, and the peak of the process.

Each contender runs in a process of its own, `python -m minigrad.tools.bench.memory NAME`. That process runs one
training step, which loads and compiles what it needs, gives free memory back to the system, notes how much it still
has, and reports by how much its peak during three more steps was above that.
"""

from __future__ import annotations

import argparse
import ctypes
import ctypes.util
import gc
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import minigrad as mg

from . import MEMORY_VARIABLES
from .frameworks import Settings, by_hand, load, on_minigrad
from .harness import Figure, Row
from .language_model import Problem, Step, problem

SIZE, QUICK_SIZE = (64, 128, 256, 96), (16, 32, 64, 64)
MEGABYTE = 1e6
STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")

# name of the contender -> what it is loaded from: minigrad's backend, NumPy by hand, or a framework
SOURCES = {
    "minigrad (numpy)": "numpy",
    "minigrad (numba)": "numba",
    "PyTorch ordinary operations": "torch",
    "PyTorch nn.LSTM": "torch",
    "HIPS Autograd": "autograd",
    "JAX scan, jit": "jax",
    "NumPy by hand": "by hand",
}


def rows(settings: Settings) -> list[Row]:
    """Saved bytes and the peak above the start, in megabytes, for an LSTM language model."""
    work = problem("LSTM", *(QUICK_SIZE if settings.quick else SIZE))
    saved = {name: _single(count / MEGABYTE) for name, count in saved_bytes(settings, work).items()}
    rows = [Row("memory", f"saved for backward, LSTM, {work.size}", "MB", saved, "PyTorch ordinary operations")]
    if not STATUS.exists():
        return rows
    peaks: dict[str, Figure] = {}
    notes = []
    for name, source in SOURCES.items():
        if source in (*settings.others, *on_minigrad.backends(), "by hand"):
            found = _in_a_process(name, work)
            peaks[name] = _single(found["peak"] / MEGABYTE)
            notes.append(f"{name}: {found['start'] / MEGABYTE:.0f} MB resident between steps")
    title = f"peak of the process above its start, LSTM training steps, {work.size}"
    return [*rows, Row("memory", title, "MB", peaks, "PyTorch ordinary operations", [], notes)]


def _single(value: float) -> Figure:
    return Figure(value, value, value, 1)


def saved_bytes(settings: Settings, work: Problem) -> dict[str, int]:
    """What the graph of one training step keeps alive for backward, beside parameters and inputs."""
    found = {}
    for backend in on_minigrad.backends():
        name = f"minigrad ({backend})"
        step = on_minigrad.training_steps(work, backend)[name]
        with mg.Tape() as tape:
            step()
        found[name] = tape.saved_bytes
    if "torch" in settings.others:
        found |= settings.others["torch"].saved_bytes(work)
    return found


def _in_a_process(name: str, work: Problem) -> dict[str, float]:
    size = (work.batch, work.steps, work.hidden, work.vocabulary)
    command = [sys.executable, "-m", __spec__.name, name, "--size", *map(str, size)]
    variables = {name: value for name, value in os.environ.items() if name not in MEMORY_VARIABLES}
    done = subprocess.run(command, env=variables, check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"the process that measures the memory of {name} failed: {done.stderr.strip()[-500:]}")
    return json.loads(done.stdout.splitlines()[-1])


def _step(name: str, size: tuple[int, ...]) -> Step:
    """A training step of the contender; only what it needs is imported."""
    source = SOURCES[name]
    work = problem("LSTM", *size)
    found: dict[str, Any]
    if source == "by hand":
        found = by_hand.training_steps(work)
    elif source in mg.backends.REGISTRY:
        found = on_minigrad.training_steps(work, source)
    else:
        found = load(quick=False, threads=1, wanted=[source]).contenders("training_steps", work)
    return found[name]


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
    parser.add_argument("name", choices=SOURCES)
    parser.add_argument("--size", nargs=4, type=int, default=SIZE)
    options = parser.parse_args()
    print(json.dumps(measured(_step(options.name, tuple(options.size)))))


if __name__ == "__main__":
    _main()

"""How much memory a training step needs: what is saved for backward, and the peak of the process."""

from __future__ import annotations

from typing import Any

import minigrad as mg

from .. import peak
from ..frameworks import Settings, by_hand, load, on_minigrad
from ..harness import Figure, Row, single
from ..language_model import Problem, Step, problem

SIZE, QUICK_SIZE = (64, 128, 256, 96), (16, 32, 64, 64)

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
    size = QUICK_SIZE if settings.quick else SIZE
    work = problem("LSTM", *size)
    saved = {name: single(count / peak.MEGABYTE) for name, count in saved_bytes(settings, work).items()}
    rows = [Row("memory", f"saved for backward, LSTM, {work.size}", "MB", saved, "PyTorch ordinary operations")]
    if not peak.available():
        return rows
    peaks: dict[str, Figure] = {}
    notes = []
    for name, source in SOURCES.items():
        if source in (*settings.others, *on_minigrad.backends(), "by hand"):
            found = peak.in_a_process(training_step, name, size)
            peaks[name] = single(found["peak"])
            notes.append(f"{name}: {found['start']:.0f} MB resident between steps")
    title = f"peak of the process above its start, LSTM training steps, {work.size}"
    return [*rows, Row("memory", title, "MB", peaks, "PyTorch ordinary operations", [], notes)]


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


def training_step(name: str, size: tuple[int, ...]) -> Step:
    """A training step of the contender; only what it needs is imported."""
    source = SOURCES[name]
    work = problem("LSTM", *size)
    found: dict[str, Any]
    if source == "by hand":
        found = by_hand.training_steps(work)
    elif source in mg.backends.REGISTRY:
        found = on_minigrad.training_steps(work, source)
    else:
        found = load(quick=False, threads=1, wanted=[source]).others[source].training_steps(work)
    return found[name]

"""The measuring process: `python -m minigrad.tools.bench.run`, started by `main` with the threads set."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import minigrad as mg

from . import parse
from .frameworks import OTHERS, load
from .groups import (
    bandwidth,
    cells,
    drawing,
    imports,
    length,
    lengths,
    memory,
    modules,
    numba_kernels,
    operations,
    pages,
    recompute,
)
from .harness import Row
from .report import heading, machine, report, table, targets, write_json, write_markdown

GROUPS = {
    "bandwidth": bandwidth.rows,
    "overhead": operations.overhead,
    "cells": cells.rows,
    "scaling": cells.scaling,
    "length": length.rows,
    "modules": modules.rows,
    "recompute": recompute.rows,
    "lengths": lengths.rows,
    "cross-entropy": operations.cross_entropy,
    "embedding": operations.embedding,
    "optimizer": operations.optimizer,
    "numba-kernels": numba_kernels.rows,
    "memory": memory.rows,
    "import": imports.rows,
    "drawing": drawing.rows,
    "page": pages.rows,
}


def run() -> int:
    """Measure, print, write."""
    options = parse()
    missing = [name for name in options.only or () if name not in GROUPS]
    if missing:
        return _refused(f"no group {missing[0]!r}; there are {', '.join(GROUPS)}")
    unknown = [name for name in options.frameworks or () if name not in OTHERS]
    if unknown:
        return _refused(f"no framework {unknown[0]!r}; beside minigrad there are {', '.join(OTHERS)}")
    for path in map(Path, filter(None, (options.markdown, options.json))):  # not after minutes of measuring
        if path.is_dir() or not path.parent.is_dir():
            return _refused(
                f"cannot write {path}: " + ("it is a folder" if path.is_dir() else f"no folder {path.parent}")
            )
    with contextlib.suppress(ImportError):  # without threadpoolctl the variables that it was started with must do
        mg.set_num_threads(options.threads)
    settings = load(options.quick, options.threads, options.frameworks)
    about = machine(options.threads, options.instructions)
    title = heading(about, settings.absent)
    print(title, flush=True)
    rows: list[Row] = []
    for name, measure in GROUPS.items():
        if options.only and name not in options.only:
            continue
        print(f"\n## {name}", flush=True)
        for row in measure(settings):
            rows.append(row)
            print("\n" + table(row, options.threads), flush=True)
            # At once: a run of everything takes long, and what was measured should not be lost.
            if options.markdown:
                write_markdown(options.markdown, title, report(rows, options.threads))
            if options.json:
                write_json(options.json, rows, about, settings.absent)
    if any(row.outcomes() for row in rows):
        print("\n" + targets(rows))
    for path in (options.markdown, options.json):
        if path:
            print(f"\nwritten to {path}")
    return 0


def _refused(reason: str) -> int:
    print(f"minigrad bench: {reason}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(run())

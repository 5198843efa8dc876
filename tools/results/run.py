"""Trains what the table lists, and writes docs/results.md with the numbers and pictures.

    python -m minigrad.tools.results.run [NAME ...] [--jobs 2] [--report]

Each run is a process of its own with one thread and leaves its files in out/results/NAME. --report trains nothing and
writes the page from what is there.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from .page import page
from .table import RESULTS

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "out" / "results"
PAGE, PICTURES = ROOT / "docs" / "results.md", ROOT / "docs" / "images" / "results"
NUMBERS = ROOT / "docs" / "results.json"
# What would limit NumPy's BLAS to older instructions than the processor has.
UNWANTED = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
KEPT = ("settings", "version", "parameters", "steps", "kept_step", "seconds", "validations", "results")  # no curves


def train(name: str) -> None:
    """Run one line of the table; its output goes to a file. Raises RuntimeError if it fails."""
    result = RESULTS[name]
    out = OUT / name
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    module = ["minigrad.tools.cli", "train"] if result.module is None else [result.module]
    command = [sys.executable, "-m", *module, *result.command, "--out", str(out)]
    variables = {key: value for key, value in os.environ.items() if key not in UNWANTED}
    variables |= {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    with (out / "output.txt").open("w", encoding="utf-8") as file:
        done = subprocess.run(command, env=variables, stdout=file, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        raise RuntimeError(f"{name} failed with status {done.returncode}; see {out / 'output.txt'}")
    print(f"{name}: done", flush=True)


def collect() -> dict[str, Any]:
    """The metrics of the runs that are there, by name."""
    paths = {name: OUT / name / "metrics.json" for name in RESULTS}
    return {name: json.loads(path.read_text(encoding="utf-8")) for name, path in paths.items() if path.exists()}


def report(runs: Mapping[str, Any]) -> None:
    """Write the page, its numbers and its pictures."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    for name in runs:
        picture = OUT / name / RESULTS[name].picture
        if RESULTS[name].module is None:
            shutil.copyfile(picture, PICTURES / f"{name}{picture.suffix}")
    numbers = {name: {key: run[key] for key in KEPT if key in run} for name, run in runs.items()}
    for run in numbers.values():
        run["settings"].pop("out", None)
    NUMBERS.write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(page(runs), encoding="utf-8")
    print(PAGE)


def main(argv: Sequence[str] | None = None) -> int:
    """Train and report. Returns 1 if a run has failed."""
    parser = argparse.ArgumentParser(prog="python -m minigrad.tools.results.run", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"what to train; by default all: {', '.join(RESULTS)}")
    parser.add_argument("--jobs", type=int, default=1, help="how many to train at a time, a core each")
    parser.add_argument("--report", action="store_true", help="train nothing, write the page from what is there")
    options = parser.parse_args(argv)
    unknown = set(options.names) - set(RESULTS)
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    failed = []
    if not options.report:
        with ThreadPoolExecutor(options.jobs) as pool:
            waiting = {name: pool.submit(train, name) for name in options.names or RESULTS}
        for name, future in waiting.items():
            if future.exception() is not None:
                print(f"{name}: {future.exception()}", file=sys.stderr)
                failed.append(name)
    report(collect())
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

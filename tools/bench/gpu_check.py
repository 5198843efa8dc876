"""The benchmark on a GPU: `python -m minigrad.tools.bench.gpu_check --out FOLDER`.

Needs CuPy, NumPy and a CUDA GPU. Numba (for the host) and PyTorch with CUDA take part where they are installed. Writes
gpu-NAME.json and gpu-NAME.md into the folder, after every row, NAME being that of the GPU. Without a GPU it says so
in one line, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import minigrad as mg

from . import environment
from .frameworks import on_minigrad
from .gpu import Device, rows
from .harness import Row
from .report import heading, machine, report, table, write_json, write_markdown

DRIVER = Path("/proc/driver/nvidia/version")


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and write; the exit code is 1 if there is no GPU that works."""
    options = _parser().parse_args(argv)
    try:
        mg.get_backend("cupy")
    except mg.BackendError as error:
        print("gpu-check: no GPU to measure: " + " ".join(str(error).split()), file=sys.stderr)
        return 1
    variables = environment(options.threads)
    if os.environ.get("OMP_NUM_THREADS") != variables["OMP_NUM_THREADS"]:  # libraries read it when they are loaded
        arguments = ["--out", options.out, "--threads", str(options.threads)] + ["--quick"] * options.quick
        command = [sys.executable, "-m", "minigrad.tools.bench.gpu_check", *arguments]
        return subprocess.run(command, env=variables, check=False).returncode
    _measure(Path(options.out), options.threads, options.quick)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="gpu_check", description=__doc__.splitlines()[0])
    parser.add_argument("--out", required=True, metavar="FOLDER", help="where the two files go")
    parser.add_argument("--threads", type=int, default=1, help="threads of libraries on the host (default: 1)")
    parser.add_argument("--quick", action="store_true", help="the smallest size of each group, few repetitions")
    return parser


def _measure(folder: Path, threads: int, quick: bool) -> None:
    import cupy

    device = Device("cupy", cupy, mg.get_backend("cupy").synchronize)
    absent = {}
    if "numba" in on_minigrad.backends():
        device.host = "numba"
    else:
        absent["minigrad (numba) on the host"] = "not installed"
    device.torch, reason = torch_on_gpu()
    if reason is not None:
        absent["torch"] = reason
    about = machine(threads) | {"gpu": described(cupy)}
    title = heading(about, absent) + " " + ", ".join(f"{name}: {value}" for name, value in about["gpu"].items()) + "."
    print(title, flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    stem = folder / f"gpu-{slug(about['gpu']['GPU'])}"
    done: list[Row] = []
    for row in rows(device, quick):
        done.append(row)
        print("\n" + table(row), flush=True)
        write_markdown(stem.with_suffix(".md"), title, report(done))
        write_json(stem.with_suffix(".json"), done, about, absent)
    print(f"written to {stem}.md and {stem}.json")


def torch_on_gpu() -> tuple[Any, str | None]:
    """The module of PyTorch's contenders, or the reason why it cannot take part. Both sides compute in full float32."""
    if importlib.util.find_spec("torch") is None:
        return None, "not installed"
    import torch

    if not torch.cuda.is_available():
        return None, "it has no CUDA"
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    return importlib.import_module("minigrad.tools.bench.frameworks.on_torch"), None


def described(cupy: Any) -> dict[str, str]:
    """The GPU's name, and the versions of what drives it."""
    runtime = cupy.cuda.runtime
    properties = runtime.getDeviceProperties(runtime.getDevice())
    facts = {
        "GPU": properties["name"].decode(),
        "memory": f"{properties['totalGlobalMem'] / 2**30:.0f} GiB",
        "CuPy": cupy.__version__,
        "CUDA runtime": _cuda_version(runtime.runtimeGetVersion()),
        "CUDA of the driver": _cuda_version(runtime.driverGetVersion()),
    }
    if DRIVER.exists():
        found = re.search(r"\b\d+\.\d+(\.\d+)?\b", DRIVER.read_text(encoding="utf-8"))
        facts |= {"driver": found[0]} if found else {}
    return facts


def _cuda_version(number: int) -> str:
    """CUDA's versions are numbers like 12040."""
    return f"{number // 1000}.{number % 1000 // 10}"


def slug(name: str) -> str:
    """A name for a file: lower case, with dashes."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


if __name__ == "__main__":
    sys.exit(main())

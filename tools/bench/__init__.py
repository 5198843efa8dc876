"""The benchmark: minigrad beside other frameworks (where they are installed), hand-written NumPy, and floors.

    minigrad bench [--threads N] [--quick] [--only NAME] [--frameworks LIST] [--json FILE] [--markdown FILE]

All contenders of a row are run in turn in one process with the same number of threads, after a warm-up, and shown to
compute the same thing; the figures are medians, and what counts are the ratios between contenders of one row.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence

# Libraries read these when they are loaded, so the measuring process is started with them set.
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The options, of the command and of the measuring process alike. Ends the process on wrong usage."""
    parser = argparse.ArgumentParser(prog="minigrad bench", description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1, help="threads of every library (default: 1)")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions, smaller sizes, no slow compilers")
    parser.add_argument("--json", metavar="FILE", help="write machine, versions and all figures to FILE")
    parser.add_argument("--markdown", metavar="FILE", help="write the tables to FILE")
    parser.add_argument("--only", metavar="NAME", help="one group alone, such as cells or optimizer")
    parser.add_argument(
        "--frameworks",
        metavar="LIST",
        type=lambda text: [name for name in text.split(",") if name],
        help="those of torch,autograd,jax,tinygrad that take part (default: all installed; '' for none)",
    )
    options = parser.parse_args(argv)
    if options.threads < 1:
        parser.error(f"--threads must be at least 1, not {options.threads}")
    return options


def environment(threads: int) -> dict[str, str]:
    """The variables of a process in which every library uses this many threads."""
    variables = dict(os.environ) | dict.fromkeys(THREAD_VARIABLES, str(threads))
    variables |= {"NPROC": str(threads), "NUM_CPU_THREADS": str(threads), "DEV": "CPU"}  # XLA; tinygrad
    if threads == 1:
        variables["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false " + os.environ.get("XLA_FLAGS", "")
    return variables | {"JAX_PLATFORMS": "cpu"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark with the given arguments; the exit code is 0 if everything ran."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    options = parse(arguments)
    command = [sys.executable, "-m", "minigrad.tools.bench.run", *arguments]
    return subprocess.run(command, env=environment(options.threads), check=False).returncode

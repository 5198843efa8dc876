"""The benchmark: minigrad beside other frameworks (where they are installed), hand-written NumPy, and floors.

    minigrad bench [--threads N] [--quick] [--only LIST] [--frameworks LIST] [--instructions avx2]
                   [--json FILE] [--markdown FILE]

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


# Variables that tell a library which processor to compute for. Each library is to find out by itself, as it does where
# nobody has set them. With --instructions avx2 all are limited alike.
PROCESSOR_VARIABLES = {
    "OPENBLAS_CORETYPE": "Haswell",
    "OPENBLAS_L2_SIZE": None,
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL",
    "NUMBA_CPU_NAME": "haswell",
    "NUMBA_CPU_FEATURES": "",
}

# glibc's settings by which it keeps memory that was freed. Otherwise the system takes it back when one contender ends a
# step, and the next one pays for getting it again.
MEMORY_VARIABLES = {"MALLOC_TRIM_THRESHOLD_": str(1 << 31), "MALLOC_MMAP_THRESHOLD_": str(1 << 30)}


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The options, of the command and of the measuring process alike. Ends the process on wrong usage."""
    parser = argparse.ArgumentParser(prog="minigrad bench", description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1, help="threads of every library (default: 1)")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions, smaller sizes, no slow compilers")
    parser.add_argument("--json", metavar="FILE", help="write machine, versions and all figures to FILE")
    parser.add_argument("--markdown", metavar="FILE", help="write the tables to FILE")
    names = lambda text: [name for name in text.split(",") if name]
    parser.add_argument("--only", metavar="LIST", type=names, help="these groups alone, such as cells,optimizer")
    parser.add_argument(
        "--frameworks",
        metavar="LIST",
        type=names,
        help="those of torch,autograd,jax,tinygrad that take part (default: all installed; '' for none)",
    )
    parser.add_argument(
        "--instructions",
        choices=("all", "avx2"),
        default="all",
        help="what libraries may use of an x86 processor: all of it as they see fit (default), or AVX2 at most",
    )
    options = parser.parse_args(argv)
    if options.threads < 1:
        parser.error(f"--threads must be at least 1, not {options.threads}")
    return options


def environment(threads: int, instructions: str = "all") -> dict[str, str]:
    """The variables of a process in which every library uses this many threads, and these instructions."""
    variables = {name: value for name, value in os.environ.items() if name not in PROCESSOR_VARIABLES}
    if instructions == "avx2":
        variables |= {name: value for name, value in PROCESSOR_VARIABLES.items() if value is not None}
    variables |= dict.fromkeys(THREAD_VARIABLES, str(threads)) | MEMORY_VARIABLES
    variables |= {"NPROC": str(threads), "NUM_CPU_THREADS": str(threads), "DEV": "CPU"}  # XLA; tinygrad
    xla = ["--xla_cpu_multi_thread_eigen=false"] if threads == 1 else []
    xla += ["--xla_cpu_max_isa=AVX2"] if instructions == "avx2" else []
    variables["XLA_FLAGS"] = " ".join([*xla, os.environ.get("XLA_FLAGS", "")])
    return variables | {"JAX_PLATFORMS": "cpu"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark with the given arguments; the exit code is 0 if everything ran."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    options = parse(arguments)
    command = [sys.executable, "-m", "minigrad.tools.bench.run", *arguments]
    return subprocess.run(command, env=environment(options.threads, options.instructions), check=False).returncode

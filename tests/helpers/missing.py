"""What a run of the tests lacked: at its end, for each tool that is not here, how many tests want it; how to get it.

Two options let a second run, in which more is installed, do the rest alone: `--note-ran=FILE` writes down which tests
ran, `--leave-out=FILE` does not run those again. They are written with `=`: before pytest knows them it takes a file
that is there for one of tests, and looks for their definition beside it.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

from minigrad.extras import install

# What is missing -> the words of skips that tell of it, and how to get it. The first that fits counts.
TOOLS = {
    "a CUDA GPU": (r"needs a CUDA GPU|one GPU", "an NVIDIA GPU and the extra cuda12 or cuda13; then `make gpu-check`"),
    "NVRTC and CuPy": (r"NVRTC|nothing to compare with|'cupyx?'", install("nvrtc")),
    "frameworks that are measured": (r"torchview|torchviz|\b(jax|autograd|tinygrad)\b", install("bench")),
    "PyTorch": (r"torch|PyTorch", install("parity")),
    "a C++ compiler": (r"C\+\+|g\+\+", "apt install g++ (or what the system calls it)"),
    "Graphviz": (r"\bdot program\b", "apt install graphviz (or what the system calls it)"),
    "Chromium": (r"chromium", "apt install chromium (or what the system calls it)"),
    "the real data": (r"real data are not here", "let $MINIGRAD_DATA name a folder that holds them"),
    "Numba": (r"[Nn]umba", install("numba")),
    "other packages": (r"could not import|not installed", install("all,test")),
}


def pytest_addoption(parser: Any) -> None:
    group = parser.getgroup("minigrad")
    group.addoption("--note-ran", metavar="FILE", help="write down which tests ran, and were not skipped")
    group.addoption("--leave-out", metavar="FILE", help="leave out the tests that an earlier run has noted in FILE")


def pytest_collection_modifyitems(config: Any, items: list[Any]) -> None:
    if not config.option.leave_out:
        return
    ran = set(Path(config.option.leave_out).read_text(encoding="utf-8").splitlines())
    config.hook.pytest_deselected(items=[item for item in items if item.nodeid in ran])
    items[:] = [item for item in items if item.nodeid not in ran]


def pytest_terminal_summary(terminalreporter: Any, config: Any) -> None:
    stats = terminalreporter.stats
    if config.option.note_ran:
        ran = [report.nodeid for kind in ("passed", "xfailed") for report in stats.get(kind, [])]
        Path(config.option.note_ran).write_text("".join(f"{name}\n" for name in ran), encoding="utf-8")
    lines = summary([(report.longrepr[2], report.when == "collect") for report in stats.get("skipped", [])])
    if lines:
        terminalreporter.section("not run")
        for line in lines:
            terminalreporter.write_line(line)


def summary(skips: list[tuple[str, bool]]) -> list[str]:
    """A line for each missing tool, and one for each other reason of a skip.

    Args:
        skips: the reason of each skip, and whether a whole file was skipped: how many tests it has is not known then.
    """
    tests: Counter[str] = Counter()
    files: Counter[str] = Counter()
    for reason, whole in skips:
        (files if whole else tests)[_line(reason.removeprefix("Skipped: "))] += 1
    counted = {line: _counts(tests[line], files[line]) for line in tests | files}
    return [f"{counted[line]} {line}" for line in sorted(counted, key=lambda line: -tests[line] - 10 * files[line])]


def _line(reason: str) -> str:
    for tool, (words, how) in TOOLS.items():
        if re.search(words, reason):
            return f"for want of {tool}: {how}"
    return f"because: {reason}"


def _counts(tests: int, files: int) -> str:
    parts = [f"{n} {what}{'s' if n > 1 else ''}" for n, what in ((tests, "test"), (files, "whole file")) if n]
    return " and ".join(parts)

"""The end of a run of the tests: what was not run for want of what, and a second run that does the rest alone."""

import subprocess
import sys

import pytest
from missing import TOOLS, summary
from project import ROOT

from minigrad.extras import install


def test_a_line_for_each_tool_says_how_much_and_how_to_get_it():
    skips = [("Skipped: could not import 'torch': No module named 'torch'", True)]
    skips += [("Skipped: could not import 'torch': No module named 'torch'", False)] * 3
    skips += [("Skipped: needs a C++ compiler: install g++", False)]
    assert summary(skips) == [
        f"3 tests and 1 whole file for want of PyTorch: {install('parity')}",
        "1 test for want of a C++ compiler: apt install g++ (or what the system calls it)",
    ]


def test_what_is_no_tool_keeps_its_reason():
    assert summary([("Skipped: there are no named pipes on Windows", False)] * 2) == [
        "2 tests because: there are no named pipes on Windows"
    ]
    assert summary([]) == []


@pytest.mark.parametrize(
    ("reason", "tool"),
    {
        "needs a CUDA GPU and CuPy": "a CUDA GPU",
        "could not import 'cupy': No module named 'cupy'": "NVRTC and CuPy",
        "compared with PyTorch's float16": "PyTorch",
        "torchview is not installed": "frameworks that are measured",
        "there is a GPU, or no g++ for the emulator": "a C++ compiler",
        "no dot program on PATH": "Graphviz",
        "there is no chromium on the PATH": "Chromium",
        "the real data are not here: 'a.csv'": "the real data",
        "Numba is not installed": "Numba",
        "could not import 'numba': No module named 'numba'": "Numba",
        "could not import 'pandas': No module named 'pandas'": "other packages",
        "hypothesis is not installed": "other packages",
    }.items(),
)
def test_reasons_tell_of_tools(reason, tool):
    assert summary([(f"Skipped: {reason}", False)]) == [f"1 test for want of {tool}: {TOOLS[tool][1]}"]


TESTS = """
import os
import pytest

def test_runs():
    pass

@pytest.mark.skipif("TOOL" not in os.environ, reason="no dot program on PATH")
def test_needs_a_tool():
    pass
"""


@pytest.mark.parametrize("workers", ["0", "1"])
def test_a_second_run_does_the_rest_alone(tmp_path, workers):
    (tmp_path / "test_some.py").write_text(TESTS, encoding="utf-8")
    (tmp_path / "conftest.py").write_text(
        f"import sys; sys.path.append({str(ROOT / 'tests' / 'helpers')!r})\nfrom missing import *", encoding="utf-8"
    )

    def run(*options, **environment):
        command = [sys.executable, "-m", "pytest", "-v", "-n", workers, "-p", "no:cacheprovider", *options]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, **environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    first = run("--note-ran=ran")
    assert "1 test for want of Graphviz: apt install graphviz" in first
    assert (tmp_path / "ran").read_text().split() == ["test_some.py::test_runs"]
    again = run("--leave-out=ran", env={"TOOL": "here", "PATH": ""})
    assert "1 passed" in again
    assert "for want of" not in again

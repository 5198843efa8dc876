"""What a command imports: what it needs itself, and nothing of the others."""

import subprocess
import sys

import pytest

from minigrad.models import PROGRAMS

pytest.importorskip("typer")

MODULES = {module for module, _ in PROGRAMS.values()}
ROOMS = {"minigrad.tools.graph", "minigrad.tools.gradflow"}
PACKAGES = {"matplotlib", "numba", "pooch", "safetensors", "scipy", "torch"}
PROGRAM = """
import sys
from minigrad.tools.cli import main
try:
    assert main(sys.argv[1:]) in (0, 2)
finally:  # argparse, which reads the options of bench, ends the process after --help
    print(*sys.modules, file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("arguments", "needed"),
    [
        ("", set()),
        ("--help", set()),
        ("train --help", set()),
        ("train nothing", set()),
        ("data", set()),
        ("bench --help", set()),
        ("graph --help", {"minigrad.tools.graph"}),
        ("train adding --help", {"minigrad.models.adding", *ROOMS}),
        ("train char-lm --help", {"minigrad.models.char_lm", *ROOMS}),
    ],
)
def test_a_command_imports_what_it_needs(arguments, needed):
    command = [sys.executable, "-c", PROGRAM, *arguments.split()]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    imported = set(result.stderr.splitlines()[-1].split())
    assert "typer" in imported
    assert imported & (MODULES | ROOMS | PACKAGES) <= needed
    assert needed - ROOMS <= imported


def test_the_rooms_of_tools_are_found_when_asked_for():
    program = """
import sys, minigrad.tools as tools
assert not [name for name in sys.modules if name.startswith("minigrad.tools.")]
assert {"draw", "gradient_flow", "plot_flow"} <= set(dir(tools))
assert tools.draw is tools.graph.draw and tools.plot_flow is tools.gradflow.plot_flow
try:
    tools.paint
except AttributeError as error:
    print(error)
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout == "module 'minigrad.tools' has no attribute 'paint'\n"

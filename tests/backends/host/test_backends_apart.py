"""A backend is one folder and its line in the registry: nobody else knows its files, and without it all else works."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys

import pytest
from project import ROOT

from minigrad import backends

FOLDERS = ["numba", "cupy"]


def imported(path):
    """The modules that a file imports, as absolute names."""
    package = ".".join(path.relative_to(ROOT).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            yield from (f"{module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("folder", FOLDERS)
def test_nobody_imports_from_a_backends_folder(folder):
    name = f"minigrad.backends.{folder}"
    own = ROOT / "minigrad" / "backends" / folder
    paths = [path for top in ("minigrad", "models", "tools") for path in (ROOT / top).rglob("*.py")]
    users = {path for path in paths for module in imported(path) if f"{module}.".startswith(f"{name}.")}
    assert users
    assert {path for path in users if own not in path.parents} == set()


TRAINING = """
import sys
from minigrad import backends
sys.modules["minigrad.backends.{folder}"] = None  # as if there were no such folder
del backends.REGISTRY["{folder}"]
import numpy as np, minigrad as mg
from minigrad import functional as F, nn, optim
cell, head = nn.LSTM(3, 4), nn.Linear(4, 2)
optimizer = optim.Adam([*cell.parameters(), *head.parameters()])
x = mg.tensor(np.ones((3, 2, 3), np.float32))
F.cross_entropy(head(cell(x)[0]), mg.tensor(np.zeros((3, 2), int))).backward()
optimizer.step()
assert "{folder}" not in backends.available_backends()
try:
    mg.use_backend("{folder}")
except ValueError as error:
    print(error)
"""


@pytest.mark.parametrize("folder", FOLDERS)
def test_without_a_backend_all_else_works(folder):
    code = TRAINING.format(folder=folder)
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    left = ", ".join(name for name in backends.REGISTRY if name != folder)
    assert result.stdout.strip() == f"unknown backend '{folder}'; there are {left}"

"""The floors of the house: each imports only from those below it, and nothing goes round in circles.

Imports count wherever they stand, for types alone and inside of functions too; what runs only as a program does not.
"""

import ast
import subprocess
import sys
from functools import cache

import pytest
from project import ROOT

# From the top down; the names of modules, with all that is inside. A longer name wins over a shorter one.
FLOORS = [
    ["minigrad.tools.cli", "minigrad.tools.commands", "minigrad.tools.gradflow.command", "minigrad.tools.results"],
    ["minigrad.models"],
    ["minigrad.tools"],
    ["minigrad.training"],
    ["minigrad"],  # the public names, and whatever no other floor names
    ["minigrad.nn", "minigrad.data"],
    ["minigrad.optim"],
    ["minigrad.inspect", "minigrad.functional", "minigrad.autograd", "minigrad.recomputing", "minigrad.linalg"],
    ["minigrad.random", "minigrad.tree", "minigrad.metrics"],
    ["minigrad.ops"],
    ["minigrad.tensors"],
    ["minigrad.engine"],
    ["minigrad.primitives", "minigrad.advice"],
    ["minigrad.backends"],
    ["minigrad.threads", "minigrad.dtypes"],
    ["minigrad.concurrency", "minigrad.extras", "minigrad.writing"],
]
FOLDERS = {"minigrad": ROOT / "minigrad", "minigrad.models": ROOT / "models", "minigrad.tools": ROOT / "tools"}


@cache
def modules():
    """The files of all modules by name, but for those that nobody imports: `__main__`."""
    found = {}
    for package, folder in FOLDERS.items():
        for path in folder.rglob("*.py"):
            parts = [package, *path.relative_to(folder).with_suffix("").parts]
            if parts[-1] != "__main__":
                found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(module):
    """What a module imports of this project: names of modules."""
    path = modules()[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in _nodes(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules())
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package.split(".")[: len(package.split(".")) - node.level + 1]) if node.level else ""
            base = ".".join(part for part in (base, node.module) if part)
            if base in modules():
                for alias in node.names:
                    inner = f"{base}.{alias.name}"
                    yield inner if inner in modules() else base


def _nodes(tree):
    """All nodes of a module, without what stands under `if __name__ == "__main__"`."""
    for node in ast.iter_child_nodes(tree):
        if not (isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'"):
            yield node
            yield from _nodes(node)


def inside(module, name):
    return module == name or module.startswith(f"{name}.")


def floor(module):
    """The number of the floor that a module belongs to, from the top."""
    homes = [(len(name), n) for n, names in enumerate(FLOORS) for name in names if inside(module, name)]
    return max(homes)[1]


@pytest.mark.parametrize("names", FLOORS, ids=lambda names: names[0])
def test_a_floor_imports_nothing_of_those_above_it(names):
    here = FLOORS.index(names)
    upward = [
        f"{module} imports {other}"
        for module in modules()
        if floor(module) == here
        for other in imports(module)
        if floor(other) < here
    ]
    assert not upward, "\n".join(upward)


def test_nothing_imports_what_imports_it():
    graph = {module: set(imports(module)) - {module} for module in modules()}
    while leaves := [module for module, used in graph.items() if not used & graph.keys()]:
        for module in leaves:
            del graph[module]
    while tops := [module for module in graph if not any(module in used for used in graph.values())]:
        for module in tops:
            del graph[module]
    assert not graph, "\n".join(f"{module}: {', '.join(sorted(used & graph.keys()))}" for module, used in graph.items())


def test_training_is_loaded_when_it_is_asked_for():
    code = (
        "import sys, minigrad, minigrad.tools.cli, minigrad.training; print('minigrad.training.trainer' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"

"""The rooms of tools/graph: each builds on those before it alone, and what documents import stays where it is."""

import ast

import pytest
from project import ROOT

from minigrad.tools import graph

FOLDER = ROOT / "tools" / "graph"
ROOMS = ("views", "layout", "render", "page")


def imports(path):
    """Names of modules of the drawing that a file imports, from tools/graph on; and whether that is in a function."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            inside = path.relative_to(FOLDER).parts[:-1]
            outer = inside[: len(inside) - node.level + 1]
            for name in node.names if node.module is None else [None]:
                yield (*outer, *(node.module or name.name).split(".")), node.col_offset > 0


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_builds_on_those_before_it(room):
    below = ROOMS[: ROOMS.index(room) + 1]
    for path in sorted((FOLDER / room).glob("*.py")):
        for (first, *_), late in imports(path):
            assert first in below, f"{path.name} imports from {first}"
            assert not late, f"{path.name} imports inside a function"


def test_views_can_be_had_from_the_top_and_from_their_first_place():
    from minigrad.tools.graph.fold import passes, view

    assert (graph.view, graph.passes) == (view, passes)

"""The folders: each says what is in it, and the folders of the tests are those of what they test."""

import ast

import pytest
from project import ROOT

SOURCE = ("minigrad", "models", "tools")
ROOMS = sorted({path.parent for name in SOURCE for path in (ROOT / name).rglob("*.py")})
TESTS = sorted({path.parent for path in (ROOT / "tests").rglob("test_*.py")} - {ROOT / "tests"})

# A test file puts its folder on the path of modules. With `tests/backends` there, `tests/backends/cupy` would be taken
# for CuPy where that is not installed: no test stands in it directly.
APART = {"backends/host": "backends"}


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.relative_to(ROOT).as_posix())
def test_a_folder_says_what_is_in_it(room):
    text = (room / "__init__.py").read_text(encoding="utf-8")
    assert len(ast.get_docstring(ast.parse(text)).split()) > 10


@pytest.mark.parametrize("folder", TESTS, ids=lambda folder: folder.relative_to(ROOT).as_posix())
def test_tests_stand_where_their_subject_does(folder):
    name = folder.relative_to(ROOT / "tests").as_posix()
    name = APART.get(name, name)
    assert (ROOT / name).is_dir() or (ROOT / "minigrad" / name).is_dir()

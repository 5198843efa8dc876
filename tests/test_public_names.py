"""What is public: what star imports, help(), completion and type checkers go by, and that all of it says what it is."""

import ast
import importlib
import inspect
import pkgutil
import types
from pathlib import Path

import pytest

import minigrad as mg

PLACES = ["minigrad", "minigrad.nn", "minigrad.optim", "minigrad.functional", "minigrad.linalg", "minigrad.data"]
DESCRIBED = (types.FunctionType, property, types.MemberDescriptorType)
# What minigrad/__init__.py itself needs.
PARTS = {"ADVISED", "TYPE_CHECKING", "answer_at_old_places", "answer_names", "on_missing"}


def described(thing, member):
    return inspect.getdoc(getattr(thing, member))


def statements():
    return ast.parse(Path(mg.__file__).read_text(encoding="utf-8")).body


def imported(body):
    """Each name that these statements import, with the module it comes from; a submodule's is its own."""
    imports = [node for node in body if isinstance(node, ast.ImportFrom)]
    return {name.asname or name.name: node.module or name.name for node in imports for name in node.names}


def imported_for_types():
    """What is imported where type checkers read alone."""
    (block,) = (node for node in statements() if isinstance(node, ast.If))
    return imported(block.body)


def test_every_name_that_minigrad_imports_for_users_is_public():
    assert (imported(statements()) | imported_for_types()).keys() - PARTS | {"newaxis"} == set(mg.__all__)
    assert sorted(mg.__all__) == mg.__all__


def test_type_checkers_read_where_names_come_from_that_are_loaded_later():
    later = {name: part for part, names in mg.LATER.items() for name in names.split()}
    later |= {part: part for part in mg.LATER if part in mg.__all__}
    for name in ("bfloat16", "dtypes"):  # a type only where its package is installed, and its module, which is loaded
        later.pop(name)
    assert later == imported_for_types()
    for name in later:
        assert getattr(mg, name) is vars(mg)[name], "it stays where it was loaded"


def test_completion_shows_what_is_public():
    parts = {module.name for module in pkgutil.iter_modules(mg.__path__)}
    assert set(dir(mg)) >= {*mg.__all__, "__version__", "__doc__"}
    assert not set(dir(mg)) - set(mg.__all__) & (parts | PARTS | {"LATER"})


@pytest.mark.parametrize("place", PLACES)
def test_everything_public_says_what_it_is(place):
    module = importlib.import_module(place)
    assert module.__doc__
    silent = []
    for name in module.__all__:
        thing = getattr(module, name)
        if isinstance(thing, (type, types.FunctionType, types.ModuleType)) and not inspect.getdoc(thing):
            silent.append(name)
        if isinstance(thing, type):
            ours = [kind for kind in thing.__mro__ if kind.__module__.startswith("minigrad")]
            members = {member for kind in ours for member, value in vars(kind).items() if isinstance(value, DESCRIBED)}
            silent += [f"{name}.{member}" for member in members if member[0] != "_" and not described(thing, member)]
    assert silent == []

"""What happens when a name or a keyword is not there: it is loaded, or an error says what to write instead.

What words the errors, `answers`, is imported when that happens, with the other tables: programs that run need none of
it. Of the table of names Tensor's class needs the keys.
"""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn, TypeVar

from .names import FUNCTIONAL, NAMES

F = TypeVar("F", bound=Callable[..., Any])

NOTHING: Mapping[str, str] = {}


def on_missing(module: str, later: Mapping[str, str] = NOTHING) -> None:
    """Load the parts of a module when they are asked for, and answer other names that it does not have with advice.

    Args:
        module: the name of the module, which is being loaded.
        later: names of its submodules -> the names of this module that are found there, separated by spaces.
    """
    place = sys.modules[module]
    parts = {part.partition(".")[0] for part in later}
    homes = {name: part for part, names in later.items() for name in names.split()}

    def found(name: str) -> Any:
        if name in homes:  # before parts: `random` may be either
            value = getattr(importlib.import_module(f"{module}.{homes[name]}"), name)
            setattr(place, name, value)  # next time Python finds it by itself
            return value
        if name in parts:
            return importlib.import_module(f"{module}.{name}")
        from .answers import for_module

        for_module(place, name)

    place.__getattr__ = found  # type: ignore[method-assign]


class Absent:
    """A name that tensors do not have, in their class: asking for it raises an error that says what to write instead.

    A `__getattr__` would do without these, but a class that has one loses the fast way to all of its attributes: a
    tenth of the time that an operation takes. `dir()` and `hasattr()` do not see them.
    """

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, x: Any, owner: type) -> NoReturn:
        from .answers import for_tensor

        for_tensor(owner, self.name)


class TensorType(type):
    """The class of Tensor: a class that does not list what it answers with an error."""

    def __dir__(cls) -> list[str]:
        attributes: dict[str, Any] = {}
        for base in reversed(cls.__mro__):
            attributes.update(vars(base))
        return sorted(name for name, value in attributes.items() if not isinstance(value, Absent))


def answer_names(tensor: type, public: Iterable[str]) -> None:
    """Make a class of tensors answer to the names that it lacks: minigrad's, those of the table, and both in place."""
    attributes = set(dir(tensor))
    known = {*NAMES, *FUNCTIONAL, *public, *attributes}
    for name in known.union([f"{name}_" for name in known]) - attributes:
        if name[0] != "_":
            setattr(tensor, name, Absent(name))


def with_keywords(function: F) -> F:
    """`function`, whose error for a keyword of PyTorch's or NumPy's says how it is called here."""

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except TypeError:
            if not kwargs:
                raise
            from .answers import for_keyword

            for_keyword(function, kwargs)
            raise

    return called  # type: ignore[return-value]

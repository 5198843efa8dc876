"""What to write instead: answers to names and keywords of PyTorch and NumPy that minigrad calls otherwise.

A missing attribute of a module, or of a tensor where there is something to say (see `missing`), is looked up here, so
that the error says more than that there is none. Nothing of this is on the way of what works.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Collection, Mapping
from typing import Any, NoReturn, TypeVar

from .missing import Absent
from .names import KEYWORDS, NAMES
from .parts import PARTS, REST

F = TypeVar("F", bound=Callable[..., Any])


class Answers:
    """The errors for names that do not exist, with advice.

    Args:
        tensor: the class of tensors.
        public: the names of the module minigrad.
        functional: those of minigrad.functional.
    """

    def __init__(self, tensor: type, public: Mapping[str, Any], functional: Collection[str]) -> None:
        self._tensor, self._public, self._functional = tensor, public, functional
        self._attributes = frozenset(dir(tensor))

    def attach(self) -> None:
        """Give the class of tensors its answers to the names that it lacks."""
        values = {name for name, value in self._public.items() if callable(value)} | {*NAMES, *self._functional}
        names = values | {f"{name}_" for name in values | self._attributes}
        for name in names - self._attributes:
            if not name.startswith("_"):
                setattr(self._tensor, name, Absent(name, self.for_tensor))

    def instead_of(self, name: str) -> str | None:
        """What to write in place of the name, as code with a few words; None if there is no advice."""
        if name in NAMES or name.startswith("__"):
            return NAMES.get(name)
        base = name[:-1]
        if name.endswith("_") and not base.endswith("_") and (new := self._computed(base)):
            return f"y = {new} for a new tensor; a parameter: with mg.no_grad(): x.copy_({new})"
        if name.startswith("_"):
            return None
        if name in self._attributes:
            return f"x.{name}(...), a method" if callable(getattr(self._tensor, name)) else f"x.{name}"
        if isinstance(self._public.get(name), type):
            return f"mg.{name}(...)"
        if callable(self._public.get(name)):
            return f"mg.{name}(x, ...), a function"
        return f"mg.functional.{name}(x, ...)" if name in self._functional else None

    def _computed(self, name: str) -> str | None:
        """The code that computes what the method `name` of PyTorch's does, for its form in place."""
        if name in NAMES:
            return NAMES[name]
        if name in self._attributes:
            return f"x.{name}(...)"
        return f"mg.{name}(x, ...)" if name and callable(self._public.get(name)) else None

    def for_tensor(self, kind: type, name: str) -> NoReturn:
        """Raise the AttributeError of a tensor of this class for a name that it does not have."""
        raise AttributeError(self._text(f"{kind.__name__!r} object", name, self.instead_of(name)))

    def for_module(self, module: str, name: str) -> NoReturn:
        """Raise the AttributeError of a module for a name that it does not have."""
        place = sys.modules[module]
        advice = PARTS.get(module, {}).get(name)
        if advice is None and not name.startswith("_"):
            alike = [other for other in vars(place) if other.lower().rstrip("_") == name.lower()]
            rest = REST.get(module, "").format(name=name) if name[0].isupper() else ""
            advice = f"{module.removeprefix('minigrad.')}.{alike[0]}" if alike else self.instead_of(name) or rest
        raise AttributeError(self._text(f"module {module!r}", name, advice), name=name, obj=place)

    def _text(self, what: str, name: str, advice: str | None) -> str:
        return f"{what} has no attribute {name!r}" + (f": write {advice}" if advice else "")


def with_keywords(function: F) -> F:
    """`function`, whose error for a keyword of PyTorch's or NumPy's says how it is called here."""

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except TypeError:
            known = inspect.signature(function).parameters
            for name in kwargs:  # the first that is not known
                if name in KEYWORDS and name not in known:
                    raise TypeError(f"{function.__name__}() has no {name}=: write {KEYWORDS[name]}") from None
            raise

    return called  # type: ignore[return-value]

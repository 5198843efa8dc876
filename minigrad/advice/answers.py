"""What to write instead: the errors for names and keywords of PyTorch and NumPy that minigrad calls otherwise.

`missing` comes here when there is something to say. Nothing of this is on the way of what works.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable
from functools import cache
from types import ModuleType
from typing import Any, NoReturn

from .names import FUNCTIONAL, KEYWORDS, NAMES
from .parts import FACTORY_KEYWORDS, OF_MODULES, PARTS, REST


def for_tensor(kind: type, name: str) -> NoReturn:
    """Raise the AttributeError of a tensor of this class for a name that it does not have."""
    raise AttributeError(_text(f"{kind.__name__!r} object", name, instead_of(name)))


def for_module(place: ModuleType, name: str) -> NoReturn:
    """Raise the AttributeError of a module of Python for a name that it does not have."""
    module = place.__name__
    advice = PARTS.get(module, {}).get(name)
    if advice is None and not name.startswith("_"):
        alike = [other for other in dir(place) if other.lower().rstrip("_") == name.lower()]
        rest = REST.get(module, "").format(name=name) if name[0].isupper() else ""
        advice = f"{module.removeprefix('minigrad.')}.{alike[0]}" if alike else instead_of(name) or rest
    raise AttributeError(_text(f"module {module!r}", name, advice), name=name, obj=place)


def for_part(module: Any, name: str, parts: Iterable[str]) -> NoReturn:
    """Raise the AttributeError of an `nn.Module` with these parts for a name that it does not have."""
    text = _text(f"{type(module).__name__!r} object", name, OF_MODULES.get(name))
    if name not in OF_MODULES and parts and not name.startswith("__"):
        text += f"; its parts are {', '.join(parts)}"
    raise AttributeError(text, name=name, obj=module)


def for_keyword(function: Callable[..., Any], given: Iterable[str]) -> None:
    """Raise TypeError for the first keyword given that the function does not know, if there is something to say."""
    known = inspect.signature(function).parameters
    for name in given:
        if name in KEYWORDS and name not in known:
            raise TypeError(f"{function.__name__}() has no {name}=: write {KEYWORDS[name]}") from None


def for_factory(cls: type, given: Iterable[str]) -> None:
    """Raise TypeError for a keyword that PyTorch's layers take, and the class does not."""
    known = inspect.signature(cls.__init__).parameters  # type: ignore[misc]
    for keyword in given:
        if keyword not in known and not any(p.kind is p.VAR_KEYWORD for p in known.values()):
            advice = FACTORY_KEYWORDS[keyword].format(name=cls.__name__)
            raise TypeError(f"{cls.__name__}() takes no {keyword}=: {advice}")


def instead_of(name: str) -> str | None:
    """What to write in place of the name, as code with a few words; None if there is no advice."""
    if name in NAMES or name.startswith("__"):
        return NAMES.get(name)
    base = name[:-1]
    if name.endswith("_") and not base.endswith("_") and (new := _computed(base)):
        return f"y = {new} for a new tensor; a parameter: with mg.no_grad(): x.copy_({new})"
    if name.startswith("_"):
        return None
    if name in _attributes():
        return f"x.{name}(...), a method" if callable(getattr(_tensor(), name)) else f"x.{name}"
    if isinstance(_public(name), type):
        return f"mg.{name}(...)"
    if callable(_public(name)):
        return f"mg.{name}(x, ...), a function"
    return f"mg.functional.{name}(x, ...)" if name in FUNCTIONAL else None


def _computed(name: str) -> str | None:
    """The code that computes what the method `name` of PyTorch's does, for its form in place."""
    if name in NAMES:
        return NAMES[name]
    if name in _attributes():
        return f"x.{name}(...)"
    if name in FUNCTIONAL:
        return f"mg.functional.{name}(x, ...)"
    return f"mg.{name}(x, ...)" if callable(_public(name)) else None


def _tensor() -> type:
    tensor: type = sys.modules["minigrad"].Tensor
    return tensor


@cache
def _attributes() -> frozenset[str]:
    return frozenset(dir(_tensor()))


def _public(name: str) -> Any:
    """What minigrad has under this name; None if nothing."""
    minigrad = sys.modules["minigrad"]
    return getattr(minigrad, name) if name in minigrad.__all__ else None


def _text(what: str, name: str, advice: str | None) -> str:
    return f"{what} has no attribute {name!r}" + (f": write {advice}" if advice else "")

"""Names that tensors do not have: asking for one raises an error that says what to write instead.

They stand in the class, each as a descriptor that raises. A `__getattr__` would do without them, but a class that has
one loses the fast way to all of its attributes: a tenth of the time that an operation takes. `dir()` and `hasattr()` do
not see them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn


class Absent:
    """One such name. `refuse(class, name)` raises the AttributeError."""

    __slots__ = ("name", "refuse")

    def __init__(self, name: str, refuse: Callable[[type, str], NoReturn]) -> None:
        self.name = name
        self.refuse = refuse

    def __get__(self, x: Any, owner: type) -> NoReturn:
        self.refuse(owner, self.name)


class TensorType(type):
    """The class of Tensor: a class that does not list what it answers with an error."""

    def __dir__(cls) -> list[str]:
        attributes: dict[str, Any] = {}
        for base in reversed(cls.__mro__):
            attributes.update(vars(base))
        return sorted(name for name, value in attributes.items() if not isinstance(value, Absent))

"""Modules that hold others: in a row, in a list, by name; and parameters in a list or by name.

What they hold are ordinary attributes ("0", "1", ... in lists), so that parameters have PyTorch's paths.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import count
from typing import Any, Generic, TypeVar, overload

from ..engine.recorded import describe
from ..tensors.tensor import Parameter, Tensor
from .module import Module

T = TypeVar("T", Module, Parameter)


def _module(holder: Module, value: Any) -> Module:
    """What a holder of modules is given. Raises TypeError, with a hint, for anything else than a module."""
    if not isinstance(value, Module):
        hint = ": make it with brackets, as nn.ReLU()" if isinstance(value, type) else ""
        if isinstance(value, (list, tuple)) and isinstance(holder, Sequential):
            hint = ": write Sequential(*modules)"
        elif callable(value) and not isinstance(value, type):
            hint = ": activations are modules too, as nn.ReLU()"
        raise TypeError(f"{type(holder).__name__} holds modules, not a {type(value).__name__}{hint}")
    return value


def _parameter(holder: Module, value: Any) -> Parameter:
    """What a holder of parameters is given: a parameter as it is; a tensor becomes one."""
    kind = type(holder).__name__
    if isinstance(value, Parameter):
        return value
    if not isinstance(value, Tensor):
        raise TypeError(f"{kind} holds parameters, not a {type(value).__name__}")
    if not value.is_leaf:
        raise TypeError(f"{kind} holds parameters; {describe(value)} was computed from others: detach() it first")
    return Parameter(value.detach())


class _Row(Module, Generic[T]):
    """Modules or parameters in a row: attributes, called "0", "1" and so on unless they have names."""

    _kind: type[Any]  # of what it holds
    _checked: Callable[[Any], T]  # what is put in, as it is held

    def append(self, item: Any) -> Any:
        """Add one at the end; returns the container."""
        return self.extend([item])

    def extend(self, items: Iterable[Any]) -> Any:
        """Add several at the end; returns the container."""
        numbers = count(len(self))
        for item in list(items):
            name = next(str(i) for i in numbers if str(i) not in vars(self))
            setattr(self, name, self._checked(item))
        return self

    def insert(self, index: int, item: Any) -> Any:
        """Add one before that at `index`; returns the container."""
        self.append(item)
        items = self._items()
        items.insert(index, items.pop())
        return self._set(items)

    def pop(self, index: int = -1) -> T:
        """Take one out, and return it."""
        item = self[index]
        del self[index]
        return item

    def __len__(self) -> int:
        return len(self._items())

    def __iter__(self) -> Iterator[T]:
        return iter([item for _, item in self._items()])

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Any: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return self._slice(self._items()[index])
        return self._item(index)[1]

    def __setitem__(self, index: int, item: Any) -> None:
        setattr(self, self._item(index)[0], self._checked(item))

    def __delitem__(self, index: int | slice) -> None:
        items = self._items()
        gone = {name for name, _ in (items[index] if isinstance(index, slice) else [self._item(index)])}
        self._set([(name, item) for name, item in items if name not in gone])

    def _items(self) -> list[tuple[str, T]]:
        return [(name, value) for name, value in vars(self).items() if isinstance(value, self._kind)]

    def _item(self, index: int) -> tuple[str, T]:
        items = self._items()
        if not -len(items) <= index < len(items):
            raise IndexError(f"index {index} is out of range for a {type(self).__name__} of {len(items)}")
        return items[index]

    def _slice(self, items: list[tuple[str, T]]) -> Any:
        return [item for _, item in items]

    def _set(self, items: list[tuple[str, T]]) -> Any:
        """Hold these, in this order. Those that are called by numbers are counted anew."""
        numbered = all(name.isdigit() for name, _ in items)
        for name, _ in self._items():
            delattr(self, name)
        for i, (name, item) in enumerate(items):
            setattr(self, str(i) if numbered else name, item)
        return self


class Sequential(_Row[Module]):
    """Modules one after the other: each gets what the one before it returned.

        nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1))
        nn.Sequential({"hidden": nn.Linear(8, 16), "act": nn.Tanh(), "head": nn.Linear(16, 1)})

    Without names they are called "0", "1" and so on. An index gives a module, a slice a Sequential of the same modules.
    """

    _kind = Module
    _checked = _module

    def __init__(self, *modules: Module | Mapping[str, Module]) -> None:
        super().__init__()
        named: Mapping[str, Any] = {str(i): module for i, module in enumerate(modules)}
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            named = modules[0]
        for name, module in named.items():
            setattr(self, name, self._checked(module))

    def forward(self, x: Any) -> Any:
        for module in self:
            x = module(x)
        return x

    def __add__(self, other: Sequential) -> Sequential:
        return Sequential(*self, *other) if isinstance(other, Sequential) else NotImplemented

    def _slice(self, items: list[tuple[str, Module]]) -> Sequential:
        return Sequential(dict(items))


class _List(_Row[T]):
    """A row that is made from a list, and added to as one."""

    def __init__(self, items: Iterable[Any] | None = None) -> None:
        super().__init__()
        self.extend(() if items is None else items)

    def __iadd__(self, items: Iterable[Any]) -> Any:
        return self.extend(items)

    def __add__(self, items: Iterable[Any]) -> Any:
        return type(self)([*self, *items])

    def _item(self, index: int) -> Any:
        name = str(index)  # at once, without a look at all the others
        item = vars(self).get(name)
        return (name, item) if isinstance(item, self._kind) else super()._item(index)


class _Named(Module):
    """Its modules are called by its own name and theirs in scopes: it computes nothing that they could be inside of."""

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if isinstance(value, Module):
            value._name_scope(f"{self._scope_name}.{name}" if self._scope_name else name)

    def _name_scope(self, name: str) -> None:
        super()._name_scope(name)
        for key, part in vars(self).items():
            if isinstance(part, Module):
                part._name_scope(f"{name}.{key}" if name else key)


class ModuleList(_Named, _List[Module]):
    """A list of modules that registers what it holds. It computes nothing: loop over it, or index it.

    A slice gives a plain list. In scopes the modules are called by the list's name and their place: "layers.0".
    """

    _kind = Module
    _checked = _module


class ParameterList(_List[Parameter]):
    """A list of parameters that registers what it holds; tensors that are put in become parameters."""

    _kind = Parameter
    _checked = _parameter


class _Dict(Module, Generic[T]):
    """A dictionary that registers what it holds, as attributes of these names."""

    _keys: dict[str, None]
    _checked: Callable[[Any], T]  # what is put in, as it is held

    def __init__(self, items: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None) -> None:
        super().__init__()
        self._keys = {}
        self.update({} if items is None else items)

    def __getitem__(self, key: str) -> T:
        self._check_key(key)
        return vars(self)[key]

    def __setitem__(self, key: str, item: Any) -> None:
        if not isinstance(key, str):
            raise TypeError(f"the names in a {type(self).__name__} are strings, not {type(key).__name__}s")
        if key in vars(self) and key not in self._keys:
            raise ValueError(f"{key!r} is an attribute of {type(self).__name__}; choose another name")
        setattr(self, key, self._checked(item))
        self._keys[key] = None

    def __delitem__(self, key: str) -> None:
        self._check_key(key)
        delattr(self, key)
        del self._keys[key]

    def _check_key(self, key: str) -> None:
        if key not in self._keys:
            raise KeyError(f"{key!r} is not in this {type(self).__name__}; there are {', '.join(self._keys) or 'none'}")

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._keys))

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def keys(self) -> list[str]:
        """The names, in the order in which they came."""
        return list(self._keys)

    def values(self) -> list[T]:
        """What it holds, in the order of the names."""
        return [self[key] for key in self._keys]

    def items(self) -> list[tuple[str, T]]:
        """Pairs of a name and what it stands for."""
        return [(key, self[key]) for key in self._keys]

    def update(self, items: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> None:
        """Add what another dictionary, or pairs, hold."""
        for key, item in dict(items).items():
            self[key] = item

    def pop(self, key: str) -> T:
        """Take one out, and return it."""
        item = self[key]
        del self[key]
        return item

    def clear(self) -> None:
        """Take all out."""
        for key in self:
            del self[key]


class ModuleDict(_Named, _Dict[Module]):
    """Modules by name, registered. It computes nothing: index it. In scopes they are called "heads.digits"."""

    _checked = _module


class ParameterDict(_Dict[Parameter]):
    """Parameters by name, registered; tensors that are put in become parameters."""

    _checked = _parameter

"""Modules that hold others: in a row, in a list, by name; and parameters in a list or by name.

What they hold are ordinary attributes ("0", "1", ... in lists), so that parameters have PyTorch's paths.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Generic, TypeVar, overload

from ..engine.record import describe
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


class Sequential(Module):
    """Modules one after the other: each gets what the one before it returned.

        nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1))
        nn.Sequential({"hidden": nn.Linear(8, 16), "act": nn.Tanh(), "head": nn.Linear(16, 1)})

    Without names they are called "0", "1" and so on. An index gives a module, a slice a Sequential of the same modules.
    """

    def __init__(self, *modules: Module | Mapping[str, Module]) -> None:
        super().__init__()
        named: Mapping[str, Any] = {str(i): module for i, module in enumerate(modules)}
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            named = modules[0]
        for name, module in named.items():
            setattr(self, name, _module(self, module))

    def forward(self, x: Any) -> Any:
        for module in self:
            x = module(x)
        return x

    def __len__(self) -> int:
        return len(self._items())

    def __iter__(self) -> Iterator[Module]:
        return iter([module for _, module in self._items()])

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> Sequential: ...
    def __getitem__(self, index: int | slice) -> Module:
        items = self._items()
        if isinstance(index, slice):
            return Sequential(dict(items[index]))
        return items[index][1]

    def __setitem__(self, index: int, module: Module) -> None:
        setattr(self, self._items()[index][0], _module(self, module))

    def __delitem__(self, index: int | slice) -> None:
        items = self._items()
        del items[index]
        self._set(items)

    def append(self, module: Module) -> Sequential:
        """Add a module at the end; returns the Sequential."""
        return self.insert(len(self), module)

    def extend(self, modules: Iterable[Module]) -> Sequential:
        """Add modules at the end; returns the Sequential."""
        for module in list(modules):
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> Sequential:
        """Add a module before the one at `index`; returns the Sequential."""
        items = self._items()
        taken = {name for name, _ in items}
        name = next(str(i) for i in range(len(items), 2 * len(items) + 1) if str(i) not in taken)
        items.insert(index, (name, _module(self, module)))
        self._set(items)
        return self

    def pop(self, index: int = -1) -> Module:
        """Take a module out, and return it."""
        module = self[index]
        del self[index]
        return module

    def __add__(self, other: Sequential) -> Sequential:
        return Sequential(*self, *other) if isinstance(other, Sequential) else NotImplemented

    def _items(self) -> list[tuple[str, Module]]:
        return [(name, value) for name, value in vars(self).items() if isinstance(value, Module)]

    def _set(self, items: list[tuple[str, Module]]) -> None:
        """Hold these modules, in this order. Those that are called by numbers are counted anew."""
        numbered = all(name.isdigit() for name, _ in items)
        for name, _ in self._items():
            delattr(self, name)
        for i, (name, module) in enumerate(items):
            setattr(self, str(i) if numbered else name, module)


class _List(Module, Generic[T]):
    """A list that registers what it holds, as attributes "0", "1" and so on."""

    _length: int
    _checked: Callable[[Any], T]  # what is put in, as it is held

    def __init__(self, items: Iterable[Any] | None = None) -> None:
        super().__init__()
        self._length = 0
        self.extend(() if items is None else items)

    def append(self, item: Any) -> Any:
        """Add one at the end; returns the list."""
        return self._put(self._length, self._checked(item))

    def extend(self, items: Iterable[Any]) -> Any:
        """Add several at the end; returns the list."""
        for item in list(items):
            self.append(item)
        return self

    def insert(self, index: int, item: Any) -> Any:
        """Add one before that at `index`; returns the list."""
        items = self[:]
        items.insert(index, self._checked(item))
        return self._set(items)

    def pop(self, index: int = -1) -> T:
        """Take one out, and return it."""
        item = self[index]
        del self[index]
        return item

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[T]:
        return iter(self[:])

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> T | list[T]:
        if isinstance(index, slice):
            return [vars(self)[str(i)] for i in range(self._length)[index]]
        return vars(self)[str(self._place(index))]

    def __setitem__(self, index: int, item: Any) -> None:
        self._put(self._place(index), self._checked(item))

    def __delitem__(self, index: int | slice) -> None:
        items = self[:]
        if not isinstance(index, slice):
            index = self._place(index)
        del items[index]
        self._set(items)

    def __iadd__(self, items: Iterable[Any]) -> Any:
        return self.extend(items)

    def __add__(self, items: Iterable[Any]) -> Any:
        return type(self)([*self, *items])

    def _place(self, index: int) -> int:
        if not -self._length <= index < self._length:
            raise IndexError(f"index {index} is out of range for a {type(self).__name__} of {self._length}")
        return index % self._length

    def _put(self, place: int, item: T) -> Any:
        setattr(self, str(place), item)
        self._length = max(self._length, place + 1)
        self._name_item(place)
        return self

    def _name_item(self, place: int) -> None:
        """Tell an item the name that scopes have for it."""

    def _set(self, items: list[T]) -> Any:
        for i in range(self._length):
            delattr(self, str(i))
        self._length = 0
        return self.extend(items)


class ModuleList(_List[Module]):
    """A list of modules that registers what it holds. It computes nothing: loop over it, or index it.

    A slice gives a plain list. In scopes the modules are called by the list's name and their place: "layers.0".
    """

    _checked = _module

    def _name_scope(self, name: str) -> None:
        super()._name_scope(name)
        for place in range(self._length):
            self._name_item(place)

    def _name_item(self, place: int) -> None:
        name = self._scope_name
        vars(self)[str(place)]._name_scope(f"{name}.{place}" if name else str(place))


class ParameterList(_List[Parameter]):
    """A list of parameters that registers what it holds; tensors that are put in become parameters."""

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
        self._name_scope(self._scope_name)

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


class ModuleDict(_Dict[Module]):
    """Modules by name, registered. It computes nothing: index it. In scopes they are called "heads.digits"."""

    _checked = _module

    def _name_scope(self, name: str) -> None:
        super()._name_scope(name)
        for key, module in self.items():
            module._name_scope(f"{name}.{key}" if name else key)


class ParameterDict(_Dict[Parameter]):
    """Parameters by name, registered; tensors that are put in become parameters."""

    _checked = _parameter

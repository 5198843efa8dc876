"""Module: the base class of everything that has parameters.

A module's parameters, buffers and sub-modules are its ordinary attributes. Assigning one registers it; nothing else
is needed. `forward` says what the module computes. Calling the module runs `forward` inside a scope with the module's
name, so that every node on the tape knows which module made it (see `minigrad.engine.scope`).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from .. import dtypes
from ..backends import Backend, BackendError, is_backend_name
from ..engine.operands import to_array
from ..engine.recording import no_grad
from ..engine.scope import MODE, SCOPE
from ..engine.tape import Handle, Leaf
from ..optim.parameters import forget_gradients
from ..tensors.tensor import Parameter, Tensor
from .verbs import Verbs, check_factory_keywords

_new_serial = itertools.count().__next__
_scope, _enter, _mode = SCOPE.get, SCOPE.set, MODE.get


class LoadResult(NamedTuple):
    """What `load_state_dict` found: names without a value, and values without a name."""

    missing_keys: list[str]
    unexpected_keys: list[str]


class Module(Verbs):
    """Base class of layers and models. Names and behaviour follow `torch.nn.Module`.

        class Classifier(nn.Module):
            def __init__(self, inputs, classes):
                super().__init__()
                self.hidden = nn.Linear(inputs, 64)
                self.head = nn.Linear(64, classes)

            def forward(self, x):
                return self.head(self.hidden(x).tanh())

    A parameter or module that is shared (assigned in two places) stays one object: it is trained once, counted once
    and named after its first place; a shared module's scope has the name it was assigned to last.

    Attributes:
        training: whether layers such as Dropout are active; see `train` and `eval`.
    """

    training: bool
    _scope_name: str
    _serial: int
    _buffers: dict[str, bool]
    _pre_hooks: dict[int, Callable[..., Any]]
    _hooks: dict[int, Callable[..., Any]]

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        # Here and not in __init__, which copies and unpickled modules skip: they need a serial number of their own.
        check_factory_keywords(cls, kwargs)
        module = super().__new__(cls)
        module.__dict__.update(
            training=True, _scope_name="", _serial=_new_serial(), _buffers={}, _pre_hooks={}, _hooks={}
        )
        return module

    def __init__(self) -> None:
        pass

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_serial"}

    # --- computing ----------------------------------------------------------------------------------------------------

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes. Subclasses define it; users call the module itself."""
        raise NotImplementedError(f"{type(self).__name__} does not define forward()")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        outer = _scope()  # inside a scope of its own; see `Scope.child` on how calls are numbered
        _enter(outer.child(self._scope_name or type(self).__name__, key=self._serial, count=_mode().recording))
        try:
            if self._pre_hooks or self._hooks:
                return self._forward_with_hooks(*args, **kwargs)
            return self.forward(*args, **kwargs)
        finally:
            _enter(outer)

    def _forward_with_hooks(self, *args: Any, **kwargs: Any) -> Any:
        for hook in tuple(self._pre_hooks.values()):
            changed = hook(self, args)
            if changed is not None:
                args = changed if isinstance(changed, tuple) else (changed,)
        output = self.forward(*args, **kwargs)
        for hook in tuple(self._hooks.values()):
            changed = hook(self, args, output)
            if changed is not None:
                output = changed
        return output

    def register_forward_pre_hook(self, hook: Callable[[Module, tuple[Any, ...]], Any]) -> Handle:
        """Call `hook(module, args)` before each forward; what it returns, unless None, replaces the arguments."""
        return _registered(self._pre_hooks, hook)

    def register_forward_hook(self, hook: Callable[[Module, tuple[Any, ...], Any], Any]) -> Handle:
        """Call `hook(module, args, output)` after each forward; what it returns, unless None, replaces the output."""
        return _registered(self._hooks, hook)

    # --- registering --------------------------------------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        current = vars(self).get(name)
        if isinstance(value, (Parameter, Module)):
            self._check_name(name)
            self._buffers.pop(name, None)
            if isinstance(value, Module):
                value._name_scope(name)
            else:
                _label(value, name)
        elif value is not None and isinstance(current, (Parameter, Module)):
            kind = "Parameter" if isinstance(current, Parameter) else "Module"
            raise TypeError(
                f"{type(self).__name__}.{name} is a {kind} and cannot become a {type(value).__name__}; "
                "assign another one, None, or `del` it first (to change values, use copy_() under no_grad())"
            )
        elif name in self._buffers and not (value is None or isinstance(value, Tensor)):
            raise TypeError(f"buffer {type(self).__name__}.{name} holds a Tensor or None, not a {type(value).__name__}")
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        object.__delattr__(self, name)
        self._buffers.pop(name, None)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that belongs to the module but is not trained (running statistics, masks).

        Args:
            name: the attribute's name.
            tensor: its value; None reserves the name.
            persistent: whether `state_dict` holds it.

        Raises TypeError for something else than a plain tensor, ValueError if the name is taken or not usable.
        """
        if not (tensor is None or (isinstance(tensor, Tensor) and not isinstance(tensor, Parameter))):
            raise TypeError(f"buffer {name!r} must be a Tensor or None, not a {type(tensor).__name__}")
        self._check_name(name)
        if name in vars(self) and name not in self._buffers:
            raise ValueError(f"{type(self).__name__} has an attribute {name!r} already")
        self._buffers[name] = persistent
        object.__setattr__(self, name, tensor)

    def _check_name(self, name: str) -> None:
        if not name or "." in name:
            raise ValueError(f"{name!r} cannot name a part of a module: dots separate names in state_dict()")
        if callable(getattr(type(self), name, None)):
            raise ValueError(f"{name!r} is the name of a method of {type(self).__name__}; choose another")

    def _name_scope(self, name: str) -> None:
        """Take the name under which a parent registers this module."""
        self.__dict__["_scope_name"] = name

    # --- looking inside -----------------------------------------------------------------------------------------------

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules directly inside this one, with their names; each once."""
        return _once(_parts(self, Module))

    def children(self) -> Iterator[Module]:
        """The modules directly inside this one; each once."""
        return (module for _, module in self.named_children())

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """This module and all inside it, parents first, with their paths: "", "lstm", "decoder.cell"; each once."""
        return _walk(self, prefix, set())

    def modules(self) -> Iterator[Module]:
        """This module and all inside it, parents first; each once."""
        return (module for _, module in self.named_modules())

    def named_parameters(self, prefix: str = "", recurse: bool = True) -> Iterator[tuple[str, Parameter]]:
        """The parameters with their paths ("decoder.weight"); each once, under its first name.

        With `recurse` off, those of this module alone.
        """
        return self._named_tensors(lambda module: _parts(module, Parameter), prefix, recurse)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters, each once; what optimizers take."""
        return (p for _, p in self.named_parameters("", recurse))

    def named_buffers(self, prefix: str = "", recurse: bool = True) -> Iterator[tuple[str, Tensor]]:
        """The buffers with their paths; each once."""
        return self._named_tensors(_own_buffers, prefix, recurse)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """The buffers, each once."""
        return (b for _, b in self.named_buffers("", recurse))

    def _named_tensors(
        self, own: Callable[[Module], list[tuple[str, Any]]], prefix: str, recurse: bool
    ) -> Iterator[tuple[str, Any]]:
        places = self.named_modules(prefix) if recurse else iter([(prefix, self)])
        return _once((_join(path, name), tensor) for path, module in places for name, tensor in own(module))

    def extra_repr(self) -> str:
        """The settings that `repr` shows in the brackets after the class name."""
        return ""

    def __repr__(self) -> str:
        rows = _tree(self)
        width, digits = max(len(text) for text, _ in rows), len(f"{rows[0][1]:,}")
        lines = [f"{text:<{width}}  {n:>{digits},}" for text, n in rows]
        frozen = sum(p.size for p in self.parameters() if not p.requires_grad)
        listed = sum(p.size for _, module in _walk(self, "", None) for _, p in _parts(module, Parameter))
        lines[0] += " parameters" + (f", {frozen:,} of them frozen" if frozen else "")
        lines[0] += ", shared ones counted once" if listed != rows[0][1] else ""
        return "\n".join(lines)

    # --- state --------------------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Tensor]:
        """The values of all parameters and persistent buffers by path; shared ones under each of their names.

        The tensors are detached and share the module's memory: training goes on to change them. Copy what is to stay.
        """
        return {name: tensor.detach() for name, tensor in _state(self).items()}

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> LoadResult:
        """Overwrite parameters and buffers, in place, by the values in `state`.

        Args:
            state: Tensors or NumPy arrays by path, as from `state_dict` or a safetensors file. They are converted to
                the types that the module has.
            strict: names must match exactly. Otherwise only those that both sides have are loaded.

        Returns the missing and the unexpected names (with `strict`, both empty).

        Raises TypeError for something else than a dictionary, ValueError that lists all missing and unexpected names
        and all differing shapes, and BackendError for tensors of another backend. Nothing has changed then.
        """
        if not hasattr(state, "keys"):
            raise TypeError(
                f"load_state_dict takes a dictionary, as state_dict() gives it, not a {type(state).__name__}"
            )
        own = _state(self)
        found = LoadResult([name for name in own if name not in state], [name for name in state if name not in own])
        problems = []
        if strict and found.missing_keys:
            problems.append(f"missing: {', '.join(found.missing_keys)}")
        if strict and found.unexpected_keys:
            problems.append(f"unexpected: {', '.join(map(str, found.unexpected_keys))}")
        arrays = {}
        for name, target in own.items():
            if name in state:
                try:
                    arrays[name] = to_array(state[name], target.dtype, target.backend)
                except BackendError as error:
                    raise BackendError(f"load_state_dict: {name}: {error}") from error
                if arrays[name].shape != target.shape:
                    problems.append(f"{name} has shape {target.shape} here and {arrays[name].shape} in the given state")
        if problems:
            raise ValueError(f"load_state_dict: this state does not fit {type(self).__name__}: " + "; ".join(problems))
        with no_grad():
            for name, array in arrays.items():
                own[name].copy_(array)
        return found

    def train(self, mode: bool = True) -> Any:
        """Switch this module and all inside it to training (or, with False, to evaluation); returns the module."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Any:
        """Switch to evaluation: dropout does nothing; returns the module."""
        return self.train(False)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters: `.grad` is None again, or all zeros where there was a gradient."""
        forget_gradients(self.parameters(), set_to_none)

    def requires_grad_(self, requires_grad: bool = True) -> Any:
        """Ask for gradients of all parameters, or freeze them; returns the module."""
        for module in self.modules():
            for name, p in _parts(module, Parameter):
                p.requires_grad_(requires_grad)
                _label(p, name)
        return self

    def to(self, *targets: Any, device: Any = None, dtype: Any = None) -> Any:
        """Move parameters, gradients and buffers to a backend, or convert those of real numbers to a dtype, or both.

        Happens in place: the parameters stay the same objects. Optimizers are made after it. Returns the module.
        Raises TypeError for a dtype that is not of real numbers.
        """
        for target in (*targets, *(named for named in (device, dtype) if named is not None)):
            moves = isinstance(target, Backend) or is_backend_name(target)
            if not moves and not dtypes.is_float(dtypes.check(target)):
                raise TypeError(f"modules are converted to types of real numbers, not to {target}")
            for tensor in itertools.chain(self.parameters(), self.buffers()):
                if moves or dtypes.is_float(tensor.dtype):
                    tensor._move(target)
        return self

    def apply(self, function: Callable[[Module], Any]) -> Any:
        """Call `function(module)` for all modules inside this one, children first, and for this; returns the module."""
        for module in self.children():
            module.apply(function)
        function(self)
        return self


def _registered(hooks: dict[int, Callable[..., Any]], hook: Callable[..., Any]) -> Handle:
    if not callable(hook):
        raise TypeError(f"a hook is a function, not a {type(hook).__name__}")
    key = _new_serial()
    hooks[key] = hook
    return Handle(lambda: hooks.pop(key, None))


def _label(p: Tensor, name: str) -> None:
    """Give the tape's leaf the name of the parameter, for drawings and error messages."""
    if isinstance(p.node, Leaf):
        p.node.label = name


def _parts(module: Module, kind: type) -> list[tuple[str, Any]]:
    return [(name, value) for name, value in vars(module).items() if isinstance(value, kind)]


def _own_buffers(module: Module) -> list[tuple[str, Tensor]]:
    return [(name, value) for name in module._buffers if (value := vars(module).get(name)) is not None]


def _once(pairs: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """The pairs (name, part), without those whose part was there before under another name."""
    seen: set[int] = set()
    for name, part in pairs:
        if id(part) not in seen:
            seen.add(id(part))
            yield name, part


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _walk(module: Module, path: str, seen: set[int] | None) -> Iterator[tuple[str, Module]]:
    """A module and all inside it with their paths, parents first: each once, or (seen=None) at each of its places."""
    if seen is not None:
        if id(module) in seen:
            return
        seen.add(id(module))
    yield path, module
    for name, child in _parts(module, Module):
        yield from _walk(child, _join(path, name), seen)


def _state(module: Module) -> dict[str, Tensor]:
    """The tensors that `state_dict` holds."""
    state: dict[str, Tensor] = {}
    for path, part in _walk(module, "", None):
        kept = [(name, b) for name, b in _own_buffers(part) if part._buffers[name]]
        state.update((_join(path, name), tensor) for name, tensor in [*_parts(part, Parameter), *kept])
    return state


def _tree(module: Module, name: str = "", lead: str = "") -> list[tuple[str, int]]:
    """The lines of `repr` for a module and all inside it, each with its number of parameters."""
    rows = [(f"{name}{type(module).__name__}({module.extra_repr()})", sum(p.numel() for p in module.parameters()))]
    for child_name, child in _parts(module, Module):
        rows += _tree(child, f"{lead}  {child_name}: ", lead + "  ")
    return rows

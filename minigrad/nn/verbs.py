"""Short names that modules have in PyTorch for what minigrad's modules do, and advice for names that they lack."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..backends import is_backend_name
from ..tensors.tensor import Parameter, Tensor

FACTORY_KEYWORDS = frozenset(("dtype", "device"))  # which PyTorch's layers take, and those here do not


def check_factory_keywords(cls: type, given: Mapping[str, Any]) -> None:
    """Raise TypeError with advice for what the class does not take of `FACTORY_KEYWORDS`."""
    if not FACTORY_KEYWORDS.isdisjoint(given):
        from ..advice.answers import for_factory

        for_factory(cls, FACTORY_KEYWORDS & given.keys())


class Verbs:
    """Mixed into `Module`."""

    if TYPE_CHECKING:
        to: Any
        named_modules: Any
        register_buffer: Any
    else:

        def __getattr__(self, name: str) -> Any:
            """Called for a name that there is not."""
            found = getattr(type(self), name, None)
            if isinstance(found, property) and found.fget is not None:
                return found.fget(self)  # an attribute is missing inside it: let that error be seen
            from ..advice.answers import for_part

            for_part(self, name, [part for part, value in vars(self).items() if isinstance(value, (Parameter, Verbs))])

    # --- types and places ---------------------------------------------------------------------------------------------

    def half(self) -> Any:
        """`to("float16")`; returns the module."""
        return self.to("float16")

    def bfloat16(self) -> Any:
        """`to("bfloat16")`; returns the module."""
        return self.to("bfloat16")

    def double(self) -> Any:
        """`to("float64")`; returns the module."""
        return self.to("float64")

    def cuda(self, device: int | None = None) -> Any:
        """`to("cupy")`, or to the GPU with this number; returns the module."""
        return self.to("cupy" if device is None else f"cupy:{device}")

    def cpu(self) -> Any:
        """Move what is on a GPU to the host, `to("numpy")`; returns the module."""
        tensors = [t for _, part in self.named_modules() for t in vars(part).values() if isinstance(t, Tensor)]
        on_host = all(is_backend_name(t.backend.name) and not t.backend.name.startswith("cupy") for t in tensors)
        return self if on_host else self.to("numpy")

    # --- parts by name ------------------------------------------------------------------------------------------------

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter by the name of its attribute; None reserves the name. Assigning it does the same."""
        if not (param is None or isinstance(param, Parameter)):
            hint = ": wrap it, as nn.Parameter(tensor)" if isinstance(param, Tensor) else ""
            raise TypeError(f"parameter {name!r} must be a Parameter or None, not a {type(param).__name__}{hint}")
        self._add(name, param)

    def add_module(self, name: str, module: Any) -> None:
        """Add a module by the name of its attribute; None reserves the name. Assigning it does the same."""
        if not (module is None or isinstance(module, Verbs)):
            raise TypeError(f"module {name!r} must be a Module or None, not a {type(module).__name__}")
        self._add(name, module)

    register_module = add_module  # PyTorch's other name for it

    def _add(self, name: str, part: Any) -> None:
        current = vars(self).get(name)
        if name in vars(self) and not (current is None or isinstance(current, (Parameter, Verbs))):
            raise ValueError(f"{type(self).__name__} has an attribute {name!r} already")
        setattr(self, name, part)

    def get_submodule(self, target: str) -> Any:
        """The module with this path, as `named_modules` gives it ("decoder.cell"); "" is this one.

        Raises AttributeError if there is none.
        """
        module: Any = self
        path = target.split(".") if target else []
        for i, name in enumerate(path):
            inner = vars(module).get(name)
            if not isinstance(inner, Verbs):
                raise AttributeError(f"{type(self).__name__} has no module {'.'.join(path[: i + 1])!r}")
            module = inner
        return module

    def set_submodule(self, target: str, module: Any) -> None:
        """Put a module in the place of the one with this path."""
        path, _, name = target.rpartition(".")
        owner, _ = self.get_submodule(path), self.get_submodule(target)
        owner.add_module(name, module)

    def get_parameter(self, target: str) -> Any:
        """The parameter with this path ("decoder.weight"). Raises AttributeError if there is none."""
        return self._tensor(target, "parameter")

    def get_buffer(self, target: str) -> Any:
        """The buffer with this path. Raises AttributeError if there is none."""
        return self._tensor(target, "buffer")

    def _tensor(self, target: str, kind: str) -> Any:
        path, _, name = target.rpartition(".")
        owner = self.get_submodule(path)
        found = vars(owner).get(name)
        fits = isinstance(found, Parameter) if kind == "parameter" else name in owner._buffers and found is not None
        if not fits:
            raise AttributeError(f"{type(self).__name__} has no {kind} {target!r}")
        return found

    # Last, for the name hides the type in this class.
    def float(self) -> Any:
        """`to("float32")`; returns the module."""
        return self.to("float32")

"""Changes in place, of the few tensors that can change: what was created, parameters, and gradients.

The memory of what an operation computed does not change, because backward, or a view of it, may need the values. So
`a += b` computes a + b, and the object `a` goes on as that: with its values, and its history if it has one. Whoever
holds the object sees it, whether operations are recorded or not; views and detached tensors keep the old values.

A leaf that requires gradients, and every parameter of a module, changes in its memory, as in PyTorch: under `no_grad`
by `p -= lr * p.grad`, while an error where operations are recorded. So do created tensors by the methods with an
underscore. These changes are noted: backward through anything recorded with the old values is then refused. All of them
keep shape and dtype.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtypes
from ..engine.operands import to_array
from ..engine.record import apply
from ..engine.recorded import Recorded, describe, wrap
from ..engine.scope import MODE
from ..engine.tape import GraphError, Leaf
from ..engine.version import OF_GRADIENT, SEALED, Version
from ..primitives import PRIMITIVES, Primitive
from .operators import Operators

# Python's operator -> the primitive that computes the new values.
OPERATORS = {
    "iadd": ("+=", PRIMITIVES["add"]),
    "isub": ("-=", PRIMITIVES["subtract"]),
    "imul": ("*=", PRIMITIVES["multiply"]),
    "itruediv": ("/=", PRIMITIVES["divide"]),
    "ifloordiv": ("//=", PRIMITIVES["floor_divide"]),
    "imod": ("%=", PRIMITIVES["remainder"]),
    "ipow": ("**=", PRIMITIVES["pow"]),
    "imatmul": ("@=", PRIMITIVES["matmul"]),
    "iand": ("&=", PRIMITIVES["bitwise_and"]),
    "ior": ("|=", PRIMITIVES["bitwise_or"]),
    "ixor": ("^=", PRIMITIVES["bitwise_xor"]),
    "ilshift": ("<<=", PRIMITIVES["bitwise_left_shift"]),
    "irshift": (">>=", PRIMITIVES["bitwise_right_shift"]),
}


class Changes(Operators):
    """The methods and operators that change a tensor in place."""

    __slots__ = ()

    def copy_(self, source: Any) -> Any:
        """Overwrite the elements in place, and return the tensor.

        Backward through anything recorded with the old values is then refused. Raises GraphError for a computed tensor
        that requires gradients, for a leaf that does so outside `no_grad`, for a view of a computed tensor, and for a
        source whose gradients would be lost; ValueError for another shape.
        """
        if isinstance(source, Recorded) and source.node is not None and MODE.get().recording:
            raise GraphError("copy_() would lose the gradients of what is copied: detach() that, or use no_grad()")
        new = to_array(source, self.array.dtype, self.backend)
        if new.shape != self.array.shape:
            raise ValueError(f"cannot copy shape {new.shape} into {describe(self.array)}")
        return overwrite(self, new, "copy_()")

    def fill_(self, value: Any) -> Any:
        """Overwrite every element with a number, in place. Raises as `copy_` does; TypeError for a fraction."""
        number = value.item() if isinstance(value, Recorded) else value  # type: ignore[attr-defined]
        if not isinstance(number, (int, float, np.number, np.bool_)):
            raise TypeError(f"fill_() takes one number, not {value!r}: copy_() takes several")
        if isinstance(number, float) and not dtypes.is_float(self.array.dtype):
            raise TypeError(f"fill_({number}): {describe(self.array)} holds no fractions")
        return overwrite(self, self.backend.full(self.array.shape, number, self.array.dtype), "fill_()")

    def zero_(self) -> Any:
        """Overwrite every element with 0, in place. Raises as `copy_` does."""
        return overwrite(self, self.backend.zeros(self.array.shape, self.array.dtype), "zero_()")

    def add_(self, other: Any, alpha: float = 1) -> Any:
        """Add alpha * other, in place. Raises as `copy_` does, and if shape or dtype would change."""
        return changed(self, "add", "add_()", other if alpha == 1 else other * alpha)

    def sub_(self, other: Any, alpha: float = 1) -> Any:
        """Subtract alpha * other, in place. Raises as `add_` does."""
        return changed(self, "subtract", "sub_()", other if alpha == 1 else other * alpha)

    def mul_(self, other: Any) -> Any:
        """Multiply by `other`, in place. Raises as `add_` does."""
        return changed(self, "multiply", "mul_()", other)

    def div_(self, other: Any) -> Any:
        """Divide by `other`, in place. Raises as `add_` does."""
        return changed(self, "divide", "div_()", other)

    def clip_(self, min: Any = None, max: Any = None) -> Any:
        """Limit the elements to the range from `min` to `max`, in place. Raises as `add_` does."""
        if min is None and max is None:
            raise TypeError("clip_() needs a bound: min, max, or both")
        return changed(self, "clip", "clip_()", min, max)

    @property
    def data(self) -> Any:
        """The values without history. Assigning replaces them; what is recorded already keeps the old ones.

        In-place changes of the data of a leaf or of a gradient change that too; those of a computed tensor's data raise
        GraphError.
        """
        if self.version is OF_GRADIENT:
            self.array, self.version = self.backend.copy(self.array), Version()
        return wrap(self.array, self.backend, None, SEALED if self.version is None else self.version)

    @data.setter
    def data(self, value: Any) -> None:
        new = to_array(value, self.array.dtype, self.backend)
        if new.shape != self.array.shape:
            raise ValueError(f"cannot replace the values of {describe(self.array)} by shape {new.shape}")
        self.array = self.backend.copy(new)
        self.version = Version()
        if isinstance(self.node, Leaf):
            self.node.version = self.version


def changed(x: Any, name: str, by: str, *others: Any) -> Any:
    """`x`, overwritten with what the primitive `name` computes from it; `by` is what messages call the change."""
    check(x, by)
    return replace(x, PRIMITIVES[name], others, by)


def replace(x: Any, row: Primitive, others: tuple[Any, ...], by: str) -> Any:
    """`x`, overwritten with what a primitive computes from it and `others`; shape and dtype stay."""
    recording = MODE.get().recording
    new = apply(row, (x, *others))
    if recording and new.node is not None:
        raise GraphError(
            f"{by} would lose the gradients of its operand: detach() that, or write y = ... for a new tensor"
        )
    keep_kind(x, new, by)
    return overwrite(x, new.array, by)


def keep_kind(x: Any, new: Any, by: str) -> None:
    """Raise ValueError or TypeError unless `new` has the shape and the dtype of `x`."""
    if (new.shape, new.dtype) != (x.shape, x.dtype):
        raise (TypeError if new.shape == x.shape else ValueError)(
            f"{by} cannot turn {describe(x.array)} into {describe(new.array)}: changes in place keep shape and dtype; "
            "write y = ... for a new tensor"
        )


def check(x: Any, by: str) -> None:
    """Raise GraphError unless `x` can be changed now."""
    if x.node is not None and x.node.primitive is not None:
        raise GraphError(
            f"{by}: this tensor was computed from others, and backward may need its values; "
            "write y = ... for a new tensor (y = x.at[index].set(value) for a part of one)"
        )
    if x.node is not None and MODE.get().recording:
        raise GraphError(
            f"{by}: in-place changes of tensors that require gradients belong under no_grad(); "
            "where gradients are to flow, write y = ... for a new tensor"
        )
    part = x.version is None and getattr(x.array, "base", None) is not None
    if x.version is SEALED or part:
        raise GraphError(
            f"{by}: {describe(x.array)} may be a part of a computed tensor, which would not change with it; "
            "write y = ... for a new tensor (y = x.at[index].set(value) for a part of one)"
        )


def overwrite(x: Any, new: Any, by: str) -> Any:
    """`x` with the elements of the array `new` in its own memory, which is noted as changed."""
    check(x, by)
    if x.version is None or x.version is OF_GRADIENT:  # who else reads this memory is not known
        x.array, x.version = x.backend.copy(new), Version()
    else:
        x.backend.assign(x.array, new)
        x.version.change(by)
    return x


def _operator(symbol: str, row: Primitive) -> tuple[Any, Any]:
    """The operators of tensors, of which leaves that require gradients change in memory; and those of parameters."""

    def in_place(self: Any, other: Any) -> Any:
        if MODE.get().recording:
            raise GraphError(
                f"x {symbol} y would change {describe(self.array)}, a parameter or a leaf that requires gradients, "
                f"while operations are recorded; write x = x {symbol[:-1]} y for a new tensor, "
                "or change it under `with mg.no_grad():`"
            )
        return replace(self, row, (other,), symbol)

    def operator(self: Any, other: Any) -> Any:
        node = self.node
        if node is not None and node.primitive is None:
            return in_place(self, other)
        new = apply(row, (self, other))
        keep_kind(self, new, symbol)
        self.array, self.node, self.version = new.array, new.node, new.version
        return self

    return operator, in_place


def attach(tensor: type, parameter: type) -> None:
    """Give tensors and parameters their in-place operators."""
    for name, (symbol, row) in OPERATORS.items():
        operator, in_place = _operator(symbol, row)
        setattr(tensor, f"__{name}__", operator)
        setattr(parameter, f"__{name}__", in_place)

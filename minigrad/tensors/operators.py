"""Python's operators on tensors."""

from __future__ import annotations

from typing import Any

from ..engine.record import apply
from ..engine.recorded import Recorded, is_operand
from ..primitives import PRIMITIVES

# Looked up once, not in every operation.
_ADD, _SUBTRACT, _MULTIPLY, _DIVIDE = (PRIMITIVES[name] for name in ("add", "subtract", "multiply", "divide"))
_FLOOR_DIVIDE, _REMAINDER, _POW = (PRIMITIVES[name] for name in ("floor_divide", "remainder", "pow"))
_MATMUL, _NEGATIVE, _ABS = (PRIMITIVES[name] for name in ("matmul", "negative", "abs"))
_EQUAL, _NOT_EQUAL = PRIMITIVES["equal"], PRIMITIVES["not_equal"]
_LESS, _LESS_EQUAL = PRIMITIVES["less"], PRIMITIVES["less_equal"]
_GREATER, _GREATER_EQUAL = PRIMITIVES["greater"], PRIMITIVES["greater_equal"]
_AND, _OR, _XOR = (PRIMITIVES[name] for name in ("bitwise_and", "bitwise_or", "bitwise_xor"))
_LEFT, _RIGHT = PRIMITIVES["bitwise_left_shift"], PRIMITIVES["bitwise_right_shift"]
_INVERT = PRIMITIVES["bitwise_invert"]


class Operators(Recorded):
    """Arithmetic, comparison and bit operators. Spelled out one by one: one call layer less in every operation."""

    __slots__ = ()
    __hash__ = object.__hash__
    __array_ufunc__: Any = None  # ops/methods/numpy_names.py: what NumPy arrays and scalars on the left leave to us

    def __add__(self, other: Any) -> Any:
        return apply(_ADD, (self, other))

    def __radd__(self, other: Any) -> Any:
        return apply(_ADD, (other, self))

    def __sub__(self, other: Any) -> Any:
        return apply(_SUBTRACT, (self, other))

    def __rsub__(self, other: Any) -> Any:
        return apply(_SUBTRACT, (other, self))

    def __mul__(self, other: Any) -> Any:
        return apply(_MULTIPLY, (self, other))

    def __rmul__(self, other: Any) -> Any:
        return apply(_MULTIPLY, (other, self))

    def __truediv__(self, other: Any) -> Any:
        return apply(_DIVIDE, (self, other))

    def __rtruediv__(self, other: Any) -> Any:
        return apply(_DIVIDE, (other, self))

    def __floordiv__(self, other: Any) -> Any:
        return apply(_FLOOR_DIVIDE, (self, other))

    def __rfloordiv__(self, other: Any) -> Any:
        return apply(_FLOOR_DIVIDE, (other, self))

    def __mod__(self, other: Any) -> Any:
        return apply(_REMAINDER, (self, other))

    def __rmod__(self, other: Any) -> Any:
        return apply(_REMAINDER, (other, self))

    def __pow__(self, other: Any) -> Any:
        return apply(_POW, (self, other))

    def __rpow__(self, other: Any) -> Any:
        return apply(_POW, (other, self))

    def __matmul__(self, other: Any) -> Any:
        return apply(_MATMUL, (self, other))

    def __rmatmul__(self, other: Any) -> Any:
        return apply(_MATMUL, (other, self))

    def __neg__(self) -> Any:
        return apply(_NEGATIVE, (self,))

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return apply(_ABS, (self,))

    def __eq__(self, other: Any) -> Any:
        return apply(_EQUAL, (self, other)) if is_operand(other) else NotImplemented

    def __ne__(self, other: Any) -> Any:
        return apply(_NOT_EQUAL, (self, other)) if is_operand(other) else NotImplemented

    def __lt__(self, other: Any) -> Any:
        return apply(_LESS, (self, other))

    def __le__(self, other: Any) -> Any:
        return apply(_LESS_EQUAL, (self, other))

    def __gt__(self, other: Any) -> Any:
        return apply(_GREATER, (self, other))

    def __ge__(self, other: Any) -> Any:
        return apply(_GREATER_EQUAL, (self, other))

    def __and__(self, other: Any) -> Any:
        return apply(_AND, (self, other))

    def __rand__(self, other: Any) -> Any:
        return apply(_AND, (other, self))

    def __or__(self, other: Any) -> Any:
        return apply(_OR, (self, other))

    def __ror__(self, other: Any) -> Any:
        return apply(_OR, (other, self))

    def __xor__(self, other: Any) -> Any:
        return apply(_XOR, (self, other))

    def __rxor__(self, other: Any) -> Any:
        return apply(_XOR, (other, self))

    def __lshift__(self, other: Any) -> Any:
        return apply(_LEFT, (self, other))

    def __rlshift__(self, other: Any) -> Any:
        return apply(_LEFT, (other, self))

    def __rshift__(self, other: Any) -> Any:
        return apply(_RIGHT, (self, other))

    def __rrshift__(self, other: Any) -> Any:
        return apply(_RIGHT, (other, self))

    def __invert__(self) -> Any:
        return apply(_INVERT, (self,))

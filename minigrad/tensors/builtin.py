"""What Python's own functions make of a tensor: repr, format, bool, in, round, divmod, math.floor and their like."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import dtypes
from ..engine.record import apply
from ..engine.recorded import Recorded
from ..primitives import PRIMITIVES


class Size(int):
    """The number of elements, as NumPy's `size` is; called, as PyTorch's is, the shape or the size of one axis."""

    _shape: tuple[int, ...]

    def __new__(cls, n: int, shape: tuple[int, ...]) -> Size:
        size = super().__new__(cls, n)
        size._shape = shape
        return size

    def __call__(self, dim: int | None = None) -> Any:
        return self._shape if dim is None else self._shape[dim]

    def __reduce__(self) -> Any:
        return int, (int(self),)


class Builtins(Recorded):
    """The methods that Python's functions call."""

    __slots__ = ()

    # --- text ---------------------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        """The values and what they do not show: an unusual dtype, the backend, whether it requires gradients."""
        host = self.backend.to_numpy(self.array)
        notes = []
        if host.size == 0 or host.size > np.get_printoptions()["threshold"]:
            notes.append(f"shape={host.shape}")
        if host.size == 0 or host.dtype not in (dtypes.DEFAULT_FLOAT, dtypes.DEFAULT_INT, dtypes.bool):
            notes.append(f"dtype={host.dtype}")
        if self.backend.name != "numpy":
            notes.append(f"backend={self.backend.name}")
        if self.node is not None:
            notes.append("requires_grad=True")
            if self.node.primitive is not None:
                notes.append(f"made by {self.node.name}")
        values = "[]" if host.size == 0 else np.array2string(host, separator=", ", prefix="tensor(")
        return f"tensor({', '.join([values, *notes])})"

    def __format__(self, spec: str) -> str:
        """One number as Python formats numbers, `f"{loss:.4f}"`; without a specification any tensor as `str` shows it.

        Raises TypeError for a specification and several elements.
        """
        if self.array.ndim == 0 or (spec and self.array.size == 1):
            return format(_only(self), spec)
        if spec:
            raise TypeError(
                f"the format {spec!r} is for one number, this tensor has shape {self.array.shape}: "
                "take an element x[i], reduce it (x.mean()), or print it with np.printoptions(precision=...)"
            )
        return str(self)

    # --- truth --------------------------------------------------------------------------------------------------------

    def __bool__(self) -> bool:
        if self.array.size != 1:
            raise ValueError(
                f"the truth of a tensor of shape {self.array.shape} is ambiguous: use .any() or .all(); "
                "element by element, & | ~ take the place of and, or, not (and of a < x < b); Python's max(), min(), "
                "sorted(): x.max(), x.min(), x.sort(); `t in list`: any(t is x for x in list)"
            )
        return bool(_only(self))

    def __contains__(self, value: Any) -> bool:
        found = self == value
        return found if isinstance(found, bool) else bool(_only(apply(PRIMITIVES["any"], (found,), WHOLE)))

    # --- numbers ------------------------------------------------------------------------------------------------------

    def __round__(self, digits: int | None = None) -> Any:
        """`round(x)` and `round(x, digits)`, element-wise; the derivative is zero."""
        x: Any = self
        nearest, power = PRIMITIVES["round"], 10.0 ** abs(digits or 0)
        if not dtypes.is_float(x.dtype):
            return (
                x
                if not digits or digits > 0
                else (apply(nearest, (x.astype(dtypes.float64) / power,)) * power).astype(x.dtype)
            )
        if not digits:
            return apply(nearest, (x,))
        return apply(nearest, (x * power,)) / power if digits > 0 else apply(nearest, (x / power,)) * power

    def __divmod__(self, other: Any) -> tuple[Any, Any]:
        return self // other, self % other  # type: ignore[operator]

    def __rdivmod__(self, other: Any) -> tuple[Any, Any]:
        return other // self, other % self

    def __floor__(self) -> int:
        return math.floor(self._number("floor"))

    def __ceil__(self) -> int:
        return math.ceil(self._number("ceil"))

    def __trunc__(self) -> int:
        return math.trunc(self._number("trunc"))

    def _number(self, what: str) -> Any:
        if self.array.size != 1:
            raise TypeError(f"math.{what} takes one number, this tensor has shape {self.array.shape}: use mg.{what}(x)")
        return _only(self)


def _only(x: Recorded) -> Any:
    """The only element, as a Python number."""
    return x.backend.to_numpy(x.array).item()


WHOLE: dict[str, Any] = {"axis": None, "keepdims": False}

"""Element-wise functions of the stand-in: CuPy's tables of loops, its choice among them, and its formulas where they
differ from NumPy's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np

from .arrays import fresh, is_scalar, kernel_inputs, ndarray

# --- the loops that CuPy has ------------------------------------------------------------------------------------------
#
# Character codes as NumPy's; E is bfloat16. A test compares these tables with the installed CuPy.

INTEGERS = "bBhHiIlLqQ"
FLOATS = "eEfd"
COMPLEX = "FD"


def loops(n: int, chars: str, out: str = "") -> list[str]:
    """Loops of n inputs of one type each, whose output has that type, or the type `out`."""
    return [f"{c * n}->{out or c}" for c in chars]


ARITHMETIC = loops(2, "?" + INTEGERS + FLOATS + COMPLEX)
ONE_NUMBER = loops(1, INTEGERS + FLOATS + COMPLEX)
ONE_FLOAT = loops(1, FLOATS + COMPLEX)
TWO_FLOATS = loops(2, FLOATS + COMPLEX)
ROUNDING = loops(1, "?" + INTEGERS + FLOATS)
BITS = loops(2, "?" + INTEGERS)
MIXED = ["qq->?", "QQ->?", "qQ->?", "Qq->?"]
ORDER = ["??->?", *MIXED, *loops(2, FLOATS + COMPLEX, "?")]
EQUALITY = [*ORDER, "VV->?"]
LOGIC = ["??->?", *MIXED, *loops(2, FLOATS, "?")]
FLOAT_TEST = loops(1, FLOATS + COMPLEX, "?")

TABLE: dict[str, list[str]] = {
    **dict.fromkeys(["add", "subtract", "multiply", "maximum", "minimum"], ARITHMETIC),
    "divide": ["qq->d", "qQ->d", "Qq->d", "QQ->d", *TWO_FLOATS],
    "negative": loops(1, "?" + INTEGERS + FLOATS + COMPLEX),
    "power": ["??->b", *ARITHMETIC[1:]],
    **dict.fromkeys(["remainder", "floor_divide", "fmod"], loops(2, INTEGERS + FLOATS)),
    **dict.fromkeys(["hypot", "arctan2", "copysign", "nextafter"], TWO_FLOATS),
    "logaddexp": loops(2, FLOATS),
    "absolute": [*loops(1, "?" + INTEGERS + FLOATS), "F->f", "D->d"],
    **dict.fromkeys(["square", "reciprocal", "sign"], ONE_NUMBER),
    **dict.fromkeys(
        "sqrt exp expm1 log log1p log2 log10 sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh arccosh arctanh "
        "rint".split(),
        ONE_FLOAT,
    ),
    **dict.fromkeys(["floor", "ceil", "trunc"], ROUNDING),
    **dict.fromkeys(["equal", "not_equal"], EQUALITY),
    **dict.fromkeys(["less", "less_equal", "greater", "greater_equal"], ORDER),
    **dict.fromkeys(["logical_and", "logical_or"], LOGIC),
    "logical_xor": ["??->?", *loops(2, INTEGERS + "efd", "?")],
    "logical_not": loops(1, "?" + INTEGERS + "efd", "?"),
    **dict.fromkeys(["bitwise_and", "bitwise_or", "bitwise_xor"], BITS),
    "invert": loops(1, "?" + INTEGERS),
    **dict.fromkeys(["left_shift", "right_shift"], loops(2, INTEGERS)),
    **dict.fromkeys(["isnan", "isinf", "isfinite"], FLOAT_TEST),
    "signbit": loops(1, FLOATS, "?"),
    "where": [f"?{c}{c}->{c}" for c in "?" + INTEGERS + "efd" + COMPLEX],
}

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)


def dtype_of(char: str) -> np.dtype:
    return BFLOAT16 if char == "E" else np.dtype(char)


# --- CuPy's formulas --------------------------------------------------------------------------------------------------


def _floor_divide(x: Any, y: Any) -> Any:
    if np.result_type(x, y).kind == "f":
        return np.floor(x / y)
    return np.where(y == 0, 0, np.floor_divide(x, y))


def _remainder(x: Any, y: Any) -> Any:
    if np.result_type(x, y).kind == "f":
        return x - np.floor(x / y) * y
    return np.where(y == 0, 0, np.remainder(x, y))


def _power(x: Any, y: Any) -> Any:
    """Negative powers of integers are 0, 1 or -1 instead of an error."""
    if np.result_type(x, y).kind != "i":
        return np.power(x, y)
    up = np.power(x, np.maximum(y, 0))
    down = np.where(x == -1, np.where(np.bitwise_and(y, 1) != 0, -1, 1), np.where(x == 1, 1, 0))
    return np.where(y < 0, down, up)


def _logaddexp(x: Any, y: Any) -> Any:
    apart = np.fmax(x, y) + np.log1p(np.exp(-np.abs(x - y)))
    return np.where(x == y, x + np.log(np.float32(2)), apart).astype(np.result_type(x, y))


def _sign(x: Any) -> Any:
    return np.where((x < 0) | (x > 0), np.copysign(1, x), x - x) if x.dtype.kind == "f" else np.sign(x)


FORMULAS: dict[str, Callable[..., Any]] = {
    "floor_divide": _floor_divide,
    "remainder": _remainder,
    "power": _power,
    "sign": _sign,
    "where": np.where,
}


# --- the choice of a loop ---------------------------------------------------------------------------------------------

KIND_ORDER = {"b": 0, "i": 1, "u": 1, "f": 2, "V": 2, "c": 2}
WEAK = {bool: None, int: np.dtype(np.int64), float: np.dtype(np.float64), complex: np.dtype(np.complex128)}


class ufunc:
    """An element-wise function."""

    def __init__(self, name: str, cupy_name: str = "") -> None:
        self.name = f"cupy_{cupy_name or name}"
        self.types = TABLE[name]
        self.nin = len(self.types[0].partition("->")[0])
        self.nout = 1
        self.nargs = self.nin + 1
        self._compute = FORMULAS.get(name) or getattr(np, name)
        self._refuses_bool = name in ("negative", "subtract")
        self._loops = [
            (tuple(dtype_of(c) for c in inputs), dtype_of(out))
            for inputs, _, out in (t.partition("->") for t in self.types)
            if "V" not in inputs
        ]
        self._chosen: dict[Any, Any] = {}

    def __repr__(self) -> str:
        return f"<ufunc '{self.name}'>"

    def __call__(self, *args: Any, **kwargs: Any) -> ndarray:
        out = kwargs.pop("out", None)
        dtype = kwargs.pop("dtype", None)
        casting = kwargs.pop("casting", "same_kind")
        if kwargs:
            raise TypeError(f"Wrong arguments {kwargs}")
        if len(args) == self.nargs and out is None:
            *args, out = args  # type: ignore[assignment]
        if len(args) != self.nin:
            raise TypeError(f"Wrong number of arguments for {self!r}: {len(args)}")
        if isinstance(out, tuple):
            (out,) = out
        if out is not None and not isinstance(out, ndarray):
            raise TypeError("Output arguments type must be cupy.ndarray")
        hosts = kernel_inputs(args)
        if out is not None:
            out._memory.check()
        inputs, result = self._loop(args, dtype)
        if self._refuses_bool and inputs[0].kind == "b":
            raise TypeError(f"The cupy boolean {self.name} is not supported")
        values = self._run(hosts, inputs, result)
        if out is None:
            return fresh(values)
        if values.shape != out.shape:
            raise ValueError("Out shape is mismatched")
        if not np.can_cast(result, out.dtype, casting):
            raise TypeError(f"output (typecode {result.char!r}) could not be coerced to provided output parameter")
        out._host[...] = values.astype(out.dtype)
        out._memory.written()
        return out

    def _run(self, hosts: list[Any], inputs: tuple[np.dtype, ...], result: np.dtype) -> np.ndarray:
        # 16-bit types are storage: CuPy computes in float32.
        wide = [np.dtype(np.float32) if t.itemsize == 2 and t.kind in "fV" else t for t in inputs]
        cast = [np.asarray(x).astype(t, copy=False) for x, t in zip(hosts, wide, strict=True)]
        with np.errstate(all="ignore"):
            values = np.asarray(self._compute(*cast))
            return np.asarray(values.astype(result, copy=False), order="C")

    def _loop(self, args: Any, dtype: Any) -> tuple[tuple[np.dtype, ...], np.dtype]:
        """The types of the inputs and of the output of the first loop that takes these arguments."""
        key = (tuple(type(a) if type(a) in WEAK else a.dtype for a in args), dtype)
        found = self._chosen.get(key)
        if found is None:
            found = self._chosen[key] = self._find(key[0], dtype)
        return found

    def _find(self, given: tuple[Any, ...], dtype: Any) -> tuple[tuple[np.dtype, ...], np.dtype]:
        if dtype is not None:
            for inputs, result in self._loops:
                if result == np.dtype(dtype):
                    return inputs, result
            raise TypeError(f"No loop of {self!r} gives {dtype}")
        given = tuple(np.dtype(bool) if t is bool else t for t in given)
        weak = [t for t in given if isinstance(t, type)]
        strong = [t for t in given if not isinstance(t, type)]
        # Python's numbers take the type of the arrays, unless they are of a higher kind.
        order = max((KIND_ORDER[t.kind] for t in strong), default=-1)
        yields = bool(weak) and order >= max(KIND_ORDER[WEAK[t].kind] for t in weak)  # type: ignore[union-attr]
        for inputs, result in self._loops:
            if all(self._fits(t, loop, yields) for t, loop in zip(given, inputs, strict=True)):
                return inputs, result
        raise TypeError(f"Wrong type ({given}) of arguments for {self.name}")

    @staticmethod
    def _fits(given: Any, loop: np.dtype, yields: bool) -> bool:
        if not isinstance(given, type):
            return np.can_cast(given, loop)
        if yields:
            return KIND_ORDER[WEAK[given].kind] <= KIND_ORDER[loop.kind] and loop.kind != "b"
        return np.can_cast(WEAK[given], loop)

    def _no_method(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"the stand-in has no methods of {self!r}")

    at = reduce = accumulate = reduceat = outer = _no_method


ALL = {name: ufunc(name, "true_divide" if name == "divide" else "") for name in TABLE}


def where(condition: Any, x: Any = None, y: Any = None) -> ndarray:
    if x is None or y is None:
        raise NotImplementedError("the stand-in has where() with three arguments alone")
    return ALL["where"](condition.astype("?", copy=False), x, y)


# --- operators --------------------------------------------------------------------------------------------------------


def _operator(name: str, reflected: bool = False, in_place: bool = False) -> Callable[..., Any]:
    function = ALL[name]

    def operate(self: ndarray, other: Any) -> Any:
        if not isinstance(other, ndarray) and not is_scalar(other):
            if getattr(other, "__array_ufunc__", 0) is None:
                return NotImplemented
            raise TypeError(f"Unsupported type {type(other)}")
        if in_place:
            return function(self, other, out=self)
        return function(other, self) if reflected else function(self, other)

    return operate


for _symbol, _name in {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "truediv": "divide",
    "floordiv": "floor_divide",
    "mod": "remainder",
    "pow": "power",
    "lshift": "left_shift",
    "rshift": "right_shift",
    "and": "bitwise_and",
    "or": "bitwise_or",
    "xor": "bitwise_xor",
}.items():
    setattr(ndarray, f"__{_symbol}__", _operator(_name))
    setattr(ndarray, f"__r{_symbol}__", _operator(_name, reflected=True))
    setattr(ndarray, f"__i{_symbol}__", _operator(_name, in_place=True))
for _symbol, _name in {
    "lt": "less",
    "le": "less_equal",
    "eq": "equal",
    "ne": "not_equal",
    "gt": "greater",
    "ge": "greater_equal",
}.items():
    setattr(ndarray, f"__{_symbol}__", _operator(_name))
for _symbol, _name in {"neg": "negative", "abs": "absolute", "invert": "invert"}.items():
    setattr(ndarray, f"__{_symbol}__", lambda self, _f=ALL[_name]: _f(self))

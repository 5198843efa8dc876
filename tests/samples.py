"""One row of samples for each primitive: how to draw its inputs, which parameters to try, what the result should be.

`ROWS` has the names of `minigrad.primitives.PRIMITIVES`. A new primitive gets its tests by adding a row here; without
one `test_primitives.py` fails. Inputs stay away from kinks and poles, where finite differences say nothing; what
happens there is in `test_parity_ops.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

Generator = np.random.Generator
Shape = tuple[int, ...]


class Case:
    """One call of a primitive: its inputs (arrays, numbers, None) and its keyword parameters."""

    def __init__(self, *inputs: Any, **params: Any) -> None:
        self.inputs = inputs
        self.params = params

    def __repr__(self) -> str:
        shown = [f"{x.dtype}{list(x.shape)}" if isinstance(x, np.ndarray) else repr(x) for x in self.inputs]
        return f"({', '.join(shown + [f'{k}={v!r}' for k, v in self.params.items()])})"


class Row:
    """The samples of one primitive.

    Attributes:
        fixed: gives the cases that are always tried.
        shaped: gives one case whose (first) input has the drawn shape.
        value: the same function in plain NumPy or `math`.
    """

    def __init__(
        self,
        fixed: Callable[[Generator], Iterator[Case]],
        shaped: Callable[[Generator, Shape], Case],
        value: Callable[..., Any],
    ) -> None:
        self.fixed = fixed
        self.shaped = shaped
        self.value = value


# --- numbers --------------------------------------------------------------------------------------------------------


def normal(rng: Generator, shape: Shape) -> np.ndarray:
    return np.asarray(rng.standard_normal(shape))


def uniform(low: float, high: float) -> Callable[[Generator, Shape], np.ndarray]:
    return lambda rng, shape: np.asarray(rng.uniform(low, high, shape))


def signs(rng: Generator, shape: Shape) -> np.ndarray:
    return np.asarray(rng.choice([-1.0, 1.0], shape))


def away(rng: Generator, shape: Shape) -> np.ndarray:
    """Numbers of both signs, not near 0."""
    return np.asarray(signs(rng, shape) * rng.uniform(0.3, 1.7, shape))


def fractional(rng: Generator, shape: Shape) -> np.ndarray:
    """Numbers of both signs that are near no integer and near no half."""
    return np.asarray(rng.integers(-3, 3, shape) + rng.choice([0.0, 0.5], shape) + rng.uniform(0.1, 0.4, shape))


def distinct(rng: Generator, shape: Shape) -> np.ndarray:
    """Numbers no two of which are near each other."""
    n = math.prod(shape)
    return np.asarray((rng.permutation(n) - n / 2 + 0.2) * 0.37).reshape(shape)


def grid(offset: float) -> Callable[[Generator, Shape], np.ndarray]:
    """Multiples of 1/2, moved by `offset`: grids of different offsets never meet."""
    return lambda rng, shape: np.asarray(rng.integers(-4, 4, shape) / 2 + offset)


def whole(rng: Generator, shape: Shape) -> np.ndarray:
    return np.asarray(rng.integers(0, 5, shape))


def truth(rng: Generator, shape: Shape) -> np.ndarray:
    return np.asarray(rng.integers(0, 2, shape), dtype=bool)


def between(rng: Generator, shape: Shape) -> np.ndarray:
    """Numbers of both signs, not near a multiple of 1 to 1.1."""
    return np.asarray(signs(rng, shape) * rng.uniform(2.3, 2.8, shape))


positive = uniform(0.3, 1.7)
inside = uniform(-0.8, 0.8)
erf = np.vectorize(math.erf, otypes=[float])
sigmoid = lambda x: 1 / (1 + np.exp(-x))

# --- element-wise -----------------------------------------------------------------------------------------------------

SHAPES = [(2, 3), (), (0, 3), (5,), (2, 1, 2)]
PAIRS = [((2, 3), (2, 3)), ((2, 3), (3,)), ((2, 1), (1, 3)), ((), (2, 3)), ((3, 2), ()), ((0, 3), (3,)), ((), ())]

ROWS: dict[str, Row] = {}


def unary(name: str, draw: Any, value: Any) -> None:
    ROWS[name] = Row(
        lambda rng: (Case(draw(rng, shape)) for shape in SHAPES), lambda rng, shape: Case(draw(rng, shape)), value
    )


def binary(name: str, draw_x: Any, draw_y: Any, value: Any, more: Any = lambda rng: ()) -> None:
    def fixed(rng: Generator) -> Iterator[Case]:
        for left, right in PAIRS:
            yield Case(draw_x(rng, left), draw_y(rng, right))
        yield from more(rng)

    def shaped(rng: Generator, shape: Shape) -> Case:
        # The other operand lacks some leading axes, and some of its axes are stretched.
        other = tuple(1 if rng.random() < 0.3 else n for n in shape[rng.integers(0, len(shape) + 1) :])
        left, right = (shape, other) if rng.random() < 0.5 else (other, shape)
        return Case(draw_x(rng, left), draw_y(rng, right))

    ROWS[name] = Row(fixed, shaped, value)


def numbers(draw: Any, *values: float) -> Any:
    """Cases with a Python number on either side."""

    def more(rng: Generator) -> Iterator[Case]:
        for v in values:
            yield Case(draw(rng, (2, 2)), v)
            yield Case(v, draw(rng, (3,)))

    return more


binary("add", normal, normal, np.add, numbers(normal, 2, -0.5))
binary("subtract", normal, normal, np.subtract, numbers(normal, 2, -0.5))
binary("multiply", normal, normal, np.multiply, numbers(normal, 2, -0.5))
binary("divide", normal, away, np.divide, numbers(away, 2, -0.5))
binary("remainder", between, uniform(1, 1.1), np.remainder)
binary("floor_divide", between, uniform(1, 1.1), np.floor_divide)
binary("hypot", away, away, np.hypot)
binary("atan2", away, away, np.arctan2)
binary("logaddexp", normal, normal, np.logaddexp, numbers(normal, 0))
binary("copysign", away, away, np.copysign)
binary("maximum", grid(0), grid(0.25), np.maximum, numbers(grid(0.1), 0))
binary("minimum", grid(0), grid(0.25), np.minimum, numbers(grid(0.1), 0))


def _powers(rng: Generator) -> Iterator[Case]:
    for exponent in (0, 1, 2, 3, -2, 0.5, 0.0):
        yield Case((positive if exponent == 0.5 else away)(rng, (2, 2)), exponent)
    for base in (2, 0.5):
        yield Case(base, normal(rng, (3,)))
    yield Case(away(rng, (2, 3)), np.array([2, 0, 3]))  # integers as an array
    yield Case(0.0, positive(rng, (2,)))


binary("pow", positive, normal, np.power, _powers)


def _wheres(rng: Generator) -> Iterator[Case]:
    for c, x, y in [((2, 3), (2, 3), (2, 3)), ((3,), (2, 1), ()), ((), (2,), (2,)), ((0,), (0,), (1,))]:
        yield Case(truth(rng, c), normal(rng, x), normal(rng, y))
    yield Case(truth(rng, (2, 2)), 0, normal(rng, (2, 2)))
    yield Case(truth(rng, (2, 2)), normal(rng, (2, 2)), 1.5)


ROWS["where"] = Row(_wheres, lambda rng, s: Case(truth(rng, s[-1:]), normal(rng, s), normal(rng, s[1:])), np.where)


def _clips(rng: Generator) -> Iterator[Case]:
    for s in [(2, 4), (), (0,)]:
        yield Case(grid(0)(rng, s), grid(-1.3)(rng, s), grid(1.2)(rng, s))  # bounds that cross now and then
        yield Case(grid(0)(rng, s), None, grid(0.2)(rng, s))
        yield Case(grid(0)(rng, s), grid(0.3)(rng, s), None)
    yield Case(grid(0)(rng, (3, 4)), -0.6, 0.7)
    yield Case(grid(0)(rng, (3, 4)), grid(0.2)(rng, (4,)), 1.1)
    yield Case(grid(0)(rng, (3, 4)), 1.1, -0.6)  # the upper bound wins


def _clip(x: Any, low: Any, high: Any) -> Any:
    x = x if low is None else np.maximum(x, low)
    return x if high is None else np.minimum(x, high)


ROWS["clip"] = Row(_clips, lambda rng, s: Case(grid(0)(rng, s), grid(-1.3)(rng, s[1:]), grid(1.2)(rng, s[-1:])), _clip)

unary("negative", normal, np.negative)
unary("abs", away, np.abs)
unary("square", normal, np.square)
unary("sqrt", positive, np.sqrt)
unary("reciprocal", away, np.reciprocal)
unary("exp", normal, np.exp)
unary("expm1", normal, np.expm1)
unary("log", positive, np.log)
unary("log1p", uniform(-0.6, 1.5), np.log1p)
unary("log2", positive, np.log2)
unary("log10", positive, np.log10)
unary("sin", normal, np.sin)
unary("cos", normal, np.cos)
unary("tan", uniform(-1.2, 1.2), np.tan)
unary("asin", inside, np.arcsin)
unary("acos", inside, np.arccos)
unary("atan", normal, np.arctan)
unary("sinh", normal, np.sinh)
unary("cosh", normal, np.cosh)
unary("tanh", normal, np.tanh)
unary("asinh", normal, np.arcsinh)
unary("acosh", uniform(1.2, 2.5), np.arccosh)
unary("atanh", inside, np.arctanh)
unary("sigmoid", normal, sigmoid)
unary("relu", away, lambda x: np.where(x > 0, x, 0))
unary("erf", normal, erf)
for _name in "sign floor ceil trunc".split():
    unary(_name, fractional, getattr(np, _name))
unary("round", fractional, np.rint)

for _name in "equal not_equal less less_equal greater greater_equal logical_and logical_or logical_xor".split():
    binary(_name, grid(0), grid(0), getattr(np, _name), numbers(grid(0), 0.5))
for _name in "bitwise_and bitwise_or bitwise_xor".split():
    binary(_name, whole, whole, getattr(np, _name), numbers(whole, 3))
binary("bitwise_left_shift", whole, whole, np.left_shift)
binary("bitwise_right_shift", whole, whole, np.right_shift)
unary("bitwise_invert", whole, np.invert)
unary("logical_not", grid(0), np.logical_not)


def _special(rng: Generator, shape: Shape) -> np.ndarray:
    return np.asarray(rng.choice([0.0, -0.0, 1.5, -2.0, np.inf, -np.inf, np.nan], shape))


for _name in "isnan isinf isfinite signbit".split():
    unary(_name, _special, getattr(np, _name))

ROWS["astype"] = Row(
    lambda rng: (Case(normal(rng, s), dtype=np.dtype("float64")) for s in SHAPES),
    lambda rng, s: Case(normal(rng, s), dtype=np.dtype("float64")),
    lambda x, dtype: x.astype(dtype),
)

# --- reductions -------------------------------------------------------------------------------------------------------

AXES = [(None, (2, 3)), (0, (2, 3)), (-1, (2, 3)), ((0, 2), (2, 2, 2)), ((1,), (2, 2, 2)), (None, ()), (1, (0, 2))]


def any_axis(rng: Generator, shape: Shape) -> Any:
    """No axis, one, or several."""
    if not shape or rng.random() < 0.3:
        return None
    axes = rng.permutation(len(shape))[: rng.integers(1, len(shape) + 1)]
    return int(axes[0]) if len(axes) == 1 else tuple(int(a) for a in axes)


def reduction(name: str, draw: Any, value: Any, empty: bool = True, several: bool = True) -> None:
    """`empty`: whether it has a value for no elements; `several`: whether it reduces over several axes at once."""

    def fixed(rng: Generator) -> Iterator[Case]:
        for axis, shape in AXES:
            if isinstance(axis, tuple) and not several:
                continue
            for keepdims in (False, True):
                yield Case(draw(rng, shape), axis=axis, keepdims=keepdims)
        if empty:
            yield Case(draw(rng, (0, 2)), axis=0, keepdims=False)
            yield Case(draw(rng, (2, 0)), axis=None, keepdims=True)

    def shaped(rng: Generator, shape: Shape) -> Case:
        axis = any_axis(rng, shape)
        if isinstance(axis, tuple) and not several:
            axis = axis[0]
        if not empty and 0 in shape:
            shape = tuple(max(n, 1) for n in shape)
        return Case(draw(rng, shape), axis=axis, keepdims=bool(rng.integers(2)))

    ROWS[name] = Row(fixed, shaped, value)


def zeros_among(rng: Generator, shape: Shape) -> np.ndarray:
    """Numbers of which about a third are exactly 0."""
    return np.asarray(away(rng, shape) * (rng.random(shape) < 0.7))


reduction("sum", normal, np.sum)
reduction("prod", zeros_among, np.prod)
reduction("max", distinct, np.max, empty=False)
reduction("min", distinct, np.min, empty=False)
reduction("any", zeros_among, np.any)
reduction("all", zeros_among, np.all)
reduction("count_nonzero", zeros_among, np.count_nonzero)
reduction("argmax", distinct, np.argmax, empty=False, several=False)
reduction("argmin", distinct, np.argmin, empty=False, several=False)


def _logsumexp(x: Any, axis: Any, keepdims: bool) -> Any:
    with np.errstate(divide="ignore"):
        return np.log(np.sum(np.exp(x), axis=axis, keepdims=keepdims))


reduction("logsumexp", normal, _logsumexp)


def along_axis(name: str, draw: Any, value: Any, **options: tuple[Any, ...]) -> None:
    """A function along one axis, which needs one; `options` are further parameters with the values to try."""

    def settings(rng: Generator) -> dict[str, Any]:
        return {key: values[rng.integers(len(values))] for key, values in options.items()}

    def fixed(rng: Generator) -> Iterator[Case]:
        for axis, shape in [(0, (4,)), (1, (2, 3)), (0, (3, 2)), (1, (2, 3, 2)), (0, (0,)), (1, (0, 3)), (1, (2, 0))]:
            yield Case(draw(rng, shape), axis=axis, **settings(rng))

    def shaped(rng: Generator, shape: Shape) -> Case:
        shape = shape or (3,)
        return Case(draw(rng, shape), axis=int(rng.integers(len(shape))), **settings(rng))

    ROWS[name] = Row(fixed, shaped, value)


def _argsort(x: Any, axis: int, descending: bool) -> Any:
    return np.argsort(-x if descending else x, axis=axis, kind="stable")


def _softmax(x: Any, axis: int) -> Any:
    e = np.exp(x)
    return e / e.sum(axis=axis, keepdims=True)


along_axis("cumulative_sum", normal, np.cumsum)
along_axis("argsort", grid(0), _argsort, descending=(False, True))
along_axis("softmax", normal, _softmax)
along_axis("log_softmax", normal, lambda x, axis: np.log(_softmax(x, axis)))

# --- products ---------------------------------------------------------------------------------------------------------

MATRICES = [
    ((2, 3), (3, 2)),
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((3,), (3, 2)),
    ((2, 2, 3), (3, 2)),
    ((2, 3), (2, 3, 2)),
    ((2, 1, 2, 3), (2, 3, 1)),
    ((3,), (2, 3, 2)),
    ((2, 2, 3), (3,)),
    ((0, 3), (3, 2)),
    ((2, 0), (0, 2)),
    ((0, 2, 3), (3, 2)),
]


def _shaped_matmul(rng: Generator, shape: Shape) -> Case:
    """Matrices (or vectors), stacked as the drawn shape says."""
    n, k, m = rng.integers(1, 4, 3)
    left, right = (*shape[:1], n, k), (*shape[:1], k, m)
    if rng.random() < 0.3:
        left = left[-2:]
    if rng.random() < 0.3:
        right = (k,)
    return Case(normal(rng, left), normal(rng, right))


ROWS["matmul"] = Row(lambda rng: (Case(normal(rng, a), normal(rng, b)) for a, b in MATRICES), _shaped_matmul, np.matmul)


def _linears(rng: Generator) -> Iterator[Case]:
    for shape in [(2, 3), (3,), (2, 2, 3), (0, 3)]:
        yield Case(normal(rng, shape), normal(rng, (2, 3)), normal(rng, (2,)))
        yield Case(normal(rng, shape), normal(rng, (2, 3)), None)


ROWS["linear"] = Row(
    _linears,
    lambda rng, s: Case(normal(rng, (*s, 2)), normal(rng, (3, 2)), normal(rng, (3,))),
    lambda x, weight, bias: x @ weight.T + (0 if bias is None else bias),
)

EQUATIONS = {
    "ij,jk->ik": [(2, 3), (3, 2)],
    "bij,bjk->bik": [(2, 2, 2), (2, 2, 2)],
    "ij->ji": [(2, 3)],
    "ij->i": [(2, 3)],
    "ij->": [(2, 3)],
    "i,j->ij": [(2,), (3,)],
    "i,i->": [(3,), (3,)],
    "i,i,i->i": [(3,), (3,), (3,)],
    "ij,jk,kl->il": [(2, 2), (2, 3), (3, 2)],
    "ij,k->k": [(2, 2), (3,)],
    ",i->i": [(), (3,)],
    "ai,aj->a": [(1, 3), (2, 2)],
    "ij,ij->j": [(0, 2), (0, 2)],
}


def _shaped_einsum(rng: Generator, shape: Shape) -> Case:
    letters = "abcdef"[: len(shape)]
    result = "".join(c for c in letters if rng.random() < 0.6)
    term = "".join(rng.permutation(list(letters))) if letters else ""
    other = tuple(shape[letters.index(c)] for c in term)
    return Case(normal(rng, shape), normal(rng, other), subscripts=f"{letters},{term}->{result}")


ROWS["einsum"] = Row(
    lambda rng: (Case(*(normal(rng, s) for s in shapes), subscripts=e) for e, shapes in EQUATIONS.items()),
    _shaped_einsum,
    lambda *xs, subscripts: np.einsum(subscripts, *xs),
)

# --- shape ------------------------------------------------------------------------------------------------------------


def rearranging(name: str, value: Any, parameters: Any, *fixed: tuple[Shape, dict[str, Any]]) -> None:
    """`parameters(rng, shape)` gives parameters for any shape; `fixed` are shapes with parameters to try always."""
    ROWS[name] = Row(
        lambda rng: (Case(normal(rng, shape), **params) for shape, params in fixed),
        lambda rng, shape: Case(normal(rng, shape), **parameters(rng, shape)),
        value,
    )


def _axes(rng: Generator, shape: Shape) -> tuple[int, ...]:
    return tuple(int(a) for a in rng.permutation(len(shape)))


def _widths(rng: Generator, shape: Shape) -> tuple[tuple[int, int], ...]:
    return tuple((int(rng.integers(3)), int(rng.integers(3))) for _ in shape)


rearranging(
    "reshape",
    lambda x, shape: np.reshape(x, shape),
    lambda rng, s: {"shape": s[::-1]},
    ((2, 3), {"shape": (3, 2)}),
    ((2, 3), {"shape": (6,)}),
    ((), {"shape": (1, 1)}),
    ((1,), {"shape": ()}),
    ((0, 3), {"shape": (5, 0)}),
)
rearranging(
    "permute_dims",
    lambda x, axes: np.transpose(x, axes),
    lambda rng, s: {"axes": _axes(rng, s)},
    ((2, 3), {"axes": (1, 0)}),
    ((2, 1, 3), {"axes": (2, 0, 1)}),
    ((), {"axes": ()}),
    ((0, 3), {"axes": (1, 0)}),
)
rearranging(
    "broadcast_to",
    lambda x, shape: np.broadcast_to(x, shape),
    lambda rng, s: {"shape": (2, *s)},
    ((3,), {"shape": (2, 3)}),
    ((2, 1), {"shape": (2, 3)}),
    ((), {"shape": (2, 2)}),
    ((1, 3), {"shape": (0, 3)}),
    ((2,), {"shape": (2,)}),
)
rearranging(
    "flip",
    lambda x, axis: np.flip(x, axis),
    lambda rng, s: {"axis": _axes(rng, s)[:1]},
    ((2, 3), {"axis": 0}),
    ((2, 3), {"axis": (0, 1)}),
    ((0, 3), {"axis": 1}),
    ((), {"axis": ()}),
)
rearranging(
    "roll",
    lambda x, shift, axis: np.roll(x, shift, axis),
    lambda rng, s: {"shift": int(rng.integers(-5, 5)), "axis": _axes(rng, s)[0] if s else None},
    ((2, 3), {"shift": 1, "axis": None}),
    ((2, 3), {"shift": -4, "axis": 1}),
    ((2, 3), {"shift": (1, 2), "axis": (0, 1)}),
    ((0, 3), {"shift": 1, "axis": 1}),
    ((), {"shift": 1, "axis": None}),
)
rearranging(
    "pad",
    lambda x, widths, value: np.pad(x, widths, constant_values=value) if widths else x.copy(),
    lambda rng, s: {"widths": _widths(rng, s), "value": 1.5},
    ((2, 3), {"widths": ((1, 0), (0, 2)), "value": 0}),
    ((2, 3), {"widths": ((0, 0), (0, 0)), "value": 7}),
    ((), {"widths": (), "value": 1}),
    ((0,), {"widths": ((1, 1),), "value": 2}),
)
for _name in ("tril", "triu"):
    rearranging(
        _name,
        getattr(np, _name),
        lambda rng, s: {"k": int(rng.integers(-2, 3))},
        ((3, 3), {"k": 0}),
        ((2, 4), {"k": 1}),
        ((2, 3, 2), {"k": -1}),
        ((0, 3), {"k": 0}),
    )
    ROWS[_name].shaped = lambda rng, s, shaped=ROWS[_name].shaped: shaped(rng, s if len(s) > 1 else (2, *s, 3)[:3])


def _joined(rng: Generator, axis: int, *shapes: Shape) -> Case:
    ends = tuple(int(n) for n in np.cumsum([s[axis] for s in shapes]))
    return Case(*(normal(rng, s) for s in shapes), axis=axis, ends=ends)


def _concats(rng: Generator) -> Iterator[Case]:
    yield _joined(rng, 0, (2, 3), (1, 3))
    yield _joined(rng, 1, (2, 3), (2, 1), (2, 0), (2, 2))
    yield _joined(rng, 0, (4,))
    yield _joined(rng, 0, (0,), (0,))


ROWS["concat"] = Row(
    _concats,
    lambda rng, s: _joined(rng, 0, (s or (2,)), (3, *s[1:]), (0, *s[1:])),
    lambda *xs, axis, ends: np.concatenate(xs, axis),
)
ROWS["stack"] = Row(
    lambda rng: (
        Case(*(normal(rng, s) for _ in range(n)), axis=axis)
        for s, n, axis in [((2, 3), 2, 0), ((2, 3), 3, 2), ((3,), 1, 1), ((), 3, 0), ((0, 2), 2, 1)]
    ),
    lambda rng, s: Case(normal(rng, s), normal(rng, s), axis=int(rng.integers(len(s) + 1))),
    lambda *xs, axis: np.stack(xs, axis),
)

# --- indexing ---------------------------------------------------------------------------------------------------------

INDICES = [
    ((4,), 1),
    ((4,), -1),
    ((4,), slice(1, 3)),
    ((4,), slice(None, None, -2)),
    ((2, 3), (slice(None), 1)),
    ((2, 3), (..., 1)),
    ((2, 3), (None, slice(None), 2)),
    ((2, 3), (1, 2)),
    ((), ...),
    ((), None),
    ((4,), np.array([0, 2, 2, -1])),
    ((4, 2), np.array([[0, 1], [1, 1]])),
    ((2, 3), (slice(None), np.array([2, 0, 2]))),
    ((3, 3), (np.array([0, 1, 0]), np.array([1, 1, 1]))),
    ((2, 3, 2), (np.array([0, 1]), slice(None), np.array([1, 0]))),
    ((4,), np.array([True, False, True, False])),
    ((2, 3), np.array([[True, False, True], [False, False, True]])),
    ((3, 2), np.array([False, False, False])),
    ((4,), np.zeros(0, np.int64)),
    ((0, 3), (slice(None), 1)),
]


def any_index(rng: Generator, shape: Shape) -> Any:
    """An index of the drawn shape: slices, integers and, on one axis, an array with repetitions."""
    parts: list[Any] = []
    for n in shape[: rng.integers(0, len(shape) + 1)]:
        kind = rng.integers(3) if n else 0
        if kind == 2 and any(isinstance(p, np.ndarray) for p in parts):
            kind = 1
        step = int(rng.choice([-2, -1, 1, 2]))
        parts.append([slice(None, None, step), int(rng.integers(-n, n or 1)), rng.integers(-n, n or 1, (2, 2))][kind])
    return tuple(parts)


def _add(x: Any, values: Any, index: Any) -> Any:
    out = np.array(x)
    np.add.at(out, index, values)
    return out


def _set(x: Any, values: Any, index: Any) -> Any:
    out = np.array(x)
    out[index] = values
    return out


def _updates(rng: Generator) -> Iterator[Case]:
    for shape, index in INDICES:
        yield Case(normal(rng, shape), normal(rng, np.zeros(shape)[index].shape), index=index)


def _update(rng: Generator, shape: Shape, index: Any) -> Case:
    return Case(normal(rng, shape), normal(rng, np.zeros(shape)[index].shape), index=index)


ROWS["getitem"] = Row(
    lambda rng: (Case(normal(rng, shape), index=index) for shape, index in INDICES),
    lambda rng, s: Case(normal(rng, s), index=any_index(rng, s)),
    lambda x, index: x[index],
)
ROWS["index_add"] = Row(_updates, lambda rng, s: _update(rng, s, any_index(rng, s)), _add)
ROWS["index_set"] = Row(_updates, lambda rng, s: _update(rng, s, any_index(rng, s)), _set)
ROWS["one_hot"] = Row(
    lambda rng: (Case(whole(rng, s), n=5, dtype=np.dtype("float64")) for s in SHAPES),
    lambda rng, s: Case(whole(rng, s), n=5, dtype=np.dtype("float64")),
    lambda x, n, dtype: np.eye(n, dtype=dtype)[x],
)

# --- neural networks --------------------------------------------------------------------------------------------------


def _cross_entropy(x: Any, targets: Any, ignore_index: int, label_smoothing: float) -> Any:
    losses = []
    for scores, target in zip(x, targets, strict=True):
        logp = scores - math.log(sum(math.exp(s) for s in scores)) if len(scores) else scores
        if target == ignore_index:
            losses.append(0.0)
        else:
            losses.append(-(1 - label_smoothing) * logp[target] - label_smoothing * logp.mean())
    return np.array(losses)


def _cross_entropies(rng: Generator) -> Iterator[Case]:
    for smoothing in (0.0, 0.2):
        for ignored in (-100, 1):
            yield Case(normal(rng, (4, 3)), np.array([2, 0, 1, 1]), ignore_index=ignored, label_smoothing=smoothing)
    yield Case(normal(rng, (2, 3)), np.array([-1, -1]), ignore_index=-1, label_smoothing=0.1)
    yield Case(normal(rng, (0, 3)), np.zeros(0, np.int64), ignore_index=-100, label_smoothing=0.0)
    yield Case(normal(rng, (2, 1)), np.array([0, 0], np.int32), ignore_index=-100, label_smoothing=0.0)


ROWS["cross_entropy"] = Row(
    _cross_entropies,
    lambda rng, s: Case(
        normal(rng, (math.prod(s), 5)), whole(rng, (math.prod(s),)), ignore_index=3, label_smoothing=0.1
    ),
    _cross_entropy,
)


def _layer_norm(x: Any, weight: Any, bias: Any, eps: float) -> Any:
    out = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + eps)
    return out * (1 if weight is None else weight) + (0 if bias is None else bias)


def _layer_norms(rng: Generator) -> Iterator[Case]:
    w, b = normal(rng, (3,)), normal(rng, (3,))
    for weight, bias in [(w, b), (w, None), (None, b), (None, None)]:
        yield Case(normal(rng, (2, 3)), weight, bias, eps=1e-3)
    yield Case(normal(rng, (3,)), w, b, eps=0.1)
    yield Case(normal(rng, (2, 2, 3)), w, b, eps=1e-2)
    yield Case(normal(rng, (0, 3)), w, b, eps=1e-2)


ROWS["layer_norm"] = Row(
    _layer_norms,
    lambda rng, s: Case(normal(rng, (*s, 3)), normal(rng, (3,)), normal(rng, (3,)), eps=1e-2),
    _layer_norm,
)
ROWS["dropout"] = Row(
    lambda rng: (Case(normal(rng, s), truth(rng, s), scale=1.25) for s in SHAPES),
    lambda rng, s: Case(normal(rng, s), truth(rng, s), scale=2.0),
    lambda x, mask, scale: np.where(mask, x * scale, 0),
)

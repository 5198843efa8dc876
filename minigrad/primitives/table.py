"""The table of primitives: a name, a forward call, one derivative rule per input.

A rule is a function whose **parameter names say what it needs**, and nothing else is saved for it:

    g             the gradient of the output
    out           the output
    x, y, ...     inputs, by the primitive's own names for them
    x_shape       the shape of the input that this rule is for (costs no memory)
    axis, ...     keyword parameters of the operation
    xp            the functions to compute with: the backend's, on arrays, or the recording ones, on Tensors

    multiply = primitive("multiply", vjp=(lambda g, y: g * y, lambda g, x: g * x), broadcasts=True)
    sin = primitive("sin", vjp=lambda g, x, xp: g * xp.cos(x))

A rule uses operators and `xp` alone, so that it runs on plain arrays in an ordinary backward pass and on Tensors when
gradients of gradients are wanted. For a broadcasting primitive it returns a gradient of the broadcast shape: the sweep
sums it down. Returning None means that no gradient goes that way.

A variadic primitive (`concat`) has one rule for all its inputs, which may also ask for `i` (the position of the input)
and `xs` (the other inputs at their positions; its own may be None). Whoever makes nodes by hand may ask for `saved`,
all that the node keeps, which spares a copy for each input.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from types import CodeType
from typing import Any

GENERATED = "<minigrad>"  # stands for the file of code that is made while a program runs

Rule = Callable[..., Any]

DEFAULT_NAMES = ("x", "y", "z")

# What is made for a call of a variadic primitive is remembered for so many inputs. It may be called with any number, so
# for more than these it is made again: nothing is kept that grows with what a program does.
FEW = 8


class _Once:
    """An attribute that is computed when it is first read, and then set.

    `functools.cached_property` would look into the instance's dictionary, and reading any attribute of an object whose
    dictionary was looked into is slower ever after: operations would be.
    """

    def __init__(self, compute: Callable[[Any], Any]) -> None:
        self._compute, self._name = compute, compute.__name__

    def __get__(self, row: Any, owner: type) -> Any:
        value = self._compute(row)
        setattr(row, self._name, value)
        return value


class Primitive:
    """One row of the table.

    Attributes:
        name: unique; also the backend method that computes it, unless `forward` is given.
        inputs: the names of the array inputs; ("xs",) if variadic.
        forward: function of arrays and keyword parameters; gets `xp` if it has a parameter of that name.
        vjp: one rule, or None, per input.
        broadcasts: the inputs are broadcast against each other and promoted to one dtype.
        floats: integer inputs are converted to the default float first.
        numbers: refuses truth values, of which NumPy would make integers of 8 bits.
        view: the output may share memory with the first input.
        custom: not from the table: its rules' results are checked more closely.
        first_value: the position of the first input that takes part in type promotion.
    """

    def __init__(
        self,
        name: str,
        vjp: Sequence[Rule | None],
        inputs: tuple[str, ...],
        forward: Callable[..., Any] | None = None,
        *,
        variadic: bool = False,
        broadcasts: bool = False,
        floats: bool = False,
        numbers: bool = False,
        view: bool = False,
        custom: bool = False,
        first_value: int = 0,
    ) -> None:
        if len(vjp) > len(inputs):
            raise ValueError(f"primitive {name}: {len(vjp)} derivative rules for {len(inputs)} inputs {inputs}")
        self.name = name
        self.inputs = inputs
        self.forward = forward
        self.variadic = variadic
        self.broadcasts = broadcasts
        self.floats = floats
        self.numbers = numbers
        self.view = view
        self.custom = custom
        self.first_value = first_value
        self.vjp = tuple(vjp) + (None,) * (len(inputs) - len(vjp))
        self.differentiable = any(rule is not None for rule in vjp)
        self.savers = _Savers(self)
        self.rules: list[Callable[..., Any]] | None = None  # see `rules_for`: made with the first node

    # What is made of the rules is made when they are first used: a program uses few of them.

    @_Once
    def takes_xp(self) -> bool:
        """Whether `forward` asks for the functions to compute with."""
        return self.forward is not None and "xp" in inspect.signature(self.forward).parameters

    @_Once
    def needs(self) -> list[tuple[str, ...]]:
        """What the rule of each input asks for."""
        return [() if rule is None else tuple(inspect.signature(rule).parameters) for rule in self.vjp]

    @_Once
    def _rule_at(self) -> Callable[[int], Callable[..., Any]]:
        return _adapt(self, self.vjp[0], self.needs[0])

    @_Once
    def _first_rules(self) -> list[Callable[..., Any]]:
        return [self._rule_at(i) for i in range(FEW)]

    def rules_for(self, n: int) -> Iterable[Callable[..., Any]]:
        """The rules for n inputs as the sweep calls them: rule(g, saved, params, input_node, xp); maybe some more.

        They become `rules`, but for those of a variadic primitive.
        """
        if self.variadic:
            return self._first_rules if n <= FEW else map(self._rule_at, range(n))
        if self.rules is None:
            self.rules = [_adapt(self, rule, needs)(0) for rule, needs in zip(self.vjp, self.needs, strict=True)]
        return self.rules

    def input_name(self, i: int) -> str:
        """The name of the i-th input."""
        return f"{self.inputs[0]}[{i}]" if self.variadic else self.inputs[i]

    def __repr__(self) -> str:
        return f"<primitive {self.name}({', '.join(self.inputs)})>"


Saver = Callable[[Any, Sequence[Any]], tuple[Any, ...]]


class _Savers(dict[Any, Saver]):
    """For each set of tracked inputs a function (out, inputs) -> what is kept for backward.

    What is kept has the layout (out, *inputs), with None for what no rule of a tracked input reads. A key has one bit
    an input, the first input's lowest, and a 1 above them all. Of a pair the second number has the bits of the inputs
    that are copied if they are kept. Like the rules' adapters the functions are compiled once.
    """

    def __init__(self, primitive: Primitive) -> None:
        self._primitive = primitive

    def __missing__(self, which: Any) -> Saver:
        key, copied = which if type(which) is tuple else (which, 0)
        row, n = self._primitive, key.bit_length() - 1
        row.rules_for(n)  # whoever looks at a node finds the rules with it
        if row.variadic:
            saver = _variadic_saver(row.needs[0], key ^ 1 << n)
            if copied and "xs" in row.needs[0]:
                saver = _copying(saver, copied)
            if n <= FEW:
                self[which] = saver
            return saver
        needs = set().union(*(needs for i, needs in enumerate(row.needs) if key >> i & 1))
        kept = [
            f"xs[{i}]" + ".copy()" * (copied >> i & 1) if name in needs else "None"
            for i, name in enumerate(row.inputs[:n])
        ]
        source = ", ".join(["out" if "out" in needs else "None", *kept])
        saver = self[which] = eval(_compiled(f"lambda out, xs: ({source},)"))
        return saver


def _variadic_saver(needs: Sequence[str], tracked: int) -> Saver:
    """The saver of a variadic rule that reads `needs`, where the inputs of the bits in `tracked` are tracked."""
    if "xs" not in needs:
        return _save_out if "out" in needs else _save_nothing
    if tracked & (tracked - 1):  # an operand is read by the rules of the others: here each by some other's
        return (lambda out, xs: (out, *xs)) if "out" in needs else (lambda out, xs: (None, *xs))
    own = tracked.bit_length() - 1

    def all_but_own(out: Any, xs: Sequence[Any]) -> tuple[Any, ...]:
        return (out if "out" in needs else None, *xs[:own], None, *xs[own + 1 :])

    return all_but_own


def _copying(saver: Saver, copied: int) -> Saver:
    """The saver, with copies of the inputs whose bits are in `copied`."""
    return lambda out, xs: saver(out, [x.copy() if copied >> i & 1 else x for i, x in enumerate(xs)])


def _save_out(out: Any, xs: Sequence[Any]) -> tuple[Any, ...]:
    return (out, *(None,) * len(xs))


def _save_nothing(out: Any, xs: Sequence[Any]) -> tuple[Any, ...]:
    return (None,) * (1 + len(xs))


def _adapt(primitive: Primitive, rule: Rule | None, needs: Sequence[str]) -> Callable[[int], Callable[..., Any]]:
    """Turn a rule with named needs into a function of a position that gives (g, saved, params, input_node, xp) -> rule.

    The adapter is written out as source and compiled once: calling it costs no more than calling the rule. One serves
    all the positions of a variadic primitive, since compiling takes a thousand times as long as running it.
    """
    if rule is None:
        return lambda i: lambda g, saved, params, parent, xp: None
    arguments = []
    for name in needs:
        if name in ("g", "xp") or (name in ("i", "saved") and primitive.variadic):
            source = name
        elif name == "out":
            source = "saved[0]"
        elif name == "xs" and primitive.variadic:
            source = "saved[1:]"
        elif name in primitive.inputs:
            source = f"saved[{1 + primitive.inputs.index(name)}]"
        elif name.endswith("_shape") and (primitive.variadic or name[:-6] in primitive.inputs):
            source = "parent.shape"
        else:
            source = f"params[{name!r}]"
        arguments.append(source)
    text = f"lambda i: lambda g, saved, params, parent, xp: rule({', '.join(arguments)})"
    return eval(_compiled(text), {"rule": rule})


@cache
def _compiled(text: str) -> CodeType:
    """An expression of Python, compiled. Many rules have the same needs, and so the same adapters."""
    return compile(text, GENERATED, "eval")


PRIMITIVES: dict[str, Primitive] = {}


def primitive(
    name: str,
    vjp: Rule | Sequence[Rule | None] = (),
    inputs: str | None = None,
    forward: Callable[..., Any] | None = None,
    **flags: Any,
) -> Primitive:
    """Add a row to the table.

    Args:
        name: its name; the backend's method of this name computes it.
        vjp: one derivative rule per input (None: not differentiable), or a single rule.
        inputs: the names of the inputs, separated by spaces; by default x, y, z, as many as there are rules.
        forward: computes it instead of the backend's method.
        flags: see `Primitive`.

    Raises:
        ValueError: the name is taken, or there are more rules than inputs.
    """
    rules = (vjp,) if callable(vjp) else tuple(vjp)
    names = tuple(inputs.split()) if inputs else DEFAULT_NAMES[: max(1, len(rules))]
    if name in PRIMITIVES:
        raise ValueError(f"there is a primitive {name} already")
    PRIMITIVES[name] = Primitive(name, rules, names, forward, **flags)
    return PRIMITIVES[name]

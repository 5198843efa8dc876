"""How a value and its gradients came about, told step by step with numbers, as on a blackboard: `explain`."""

from __future__ import annotations

import functools
import inspect
import operator
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, count
from string import ascii_lowercase
from typing import Any

import numpy as np

from ..backends.deferred import DEFERRED
from ..engine.gradient import node_of, seed_of
from ..engine.operands import promote
from ..engine.recorded import Recorded
from ..engine.recording import enable_grad
from ..engine.tape import Leaf, Node, ancestors, check_saved, fit
from ..ops import creation
from ..primitives import PRIMITIVES
from .formulas import INFIX, UNKNOWN, bracketed, formula_of, index_text, put_in, shape_text, value_text
from .observe import Observer
from .words import rule_in_words

MOST_NODES = 30
MOST_IN_FORMULA = 4  # elements of a value that is put into a formula


class Explanation(str):
    """A text that an interactive session shows as it is, not in quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def explain(what: Any, *inputs: Any, gradient: Any = None) -> Explanation:
    """Tell how a value and its gradients came about: each operation, each rule, with the numbers put in.

        print(mg.explain(lambda x, w: mg.tanh(w * x), 0.5, -1.2))
        print(mg.explain(loss))

    The rules are those of `backward`, run on what the nodes saved; the graph and every `.grad` stay as they are. Hooks
    are not called: where one replaces a gradient, `backward` goes on with other numbers.

    Args:
        what: a function (or module) that returns a tensor, to be called with `inputs`; or a tensor. A tensor's graph
            keeps only what backward needs. Other values are computed again where that is possible, and else shown as
            "not kept"; a function is watched while it runs, so that all values are known.
        inputs: the function's arguments. Floats and NumPy arrays of floats become leaves that require gradients; the
            rest is passed on as it is. Leaves and constants are named after the function's parameters.
        gradient: where backward starts; may be left out for one element, where it is 1.

    Raises:
        GraphError: the tensor was not computed from anything that requires gradients, or its graph was freed.
        TypeError: neither a tensor nor a function that returns one; a tensor with inputs.
        ValueError: more than 30 nodes; a `gradient` that is missing for several elements or has another shape.
    """
    watch = _Watch()
    if isinstance(what, Recorded):
        if inputs:
            raise TypeError("explain: a tensor takes no inputs; give the function that computes it")
        out: Any = what
    elif callable(what):
        arguments = [_argument(x) for x in inputs]
        watch.name(what, arguments)
        with enable_grad(), watch:
            out = what(*arguments)
        if not isinstance(out, Recorded):
            raise TypeError(f"explain: the function must return a tensor, not {type(out).__name__}")
    else:
        raise TypeError(f"explain: give a tensor or a function that returns one, not {type(what).__name__}")

    nodes = ancestors([node_of(out)])
    if len(nodes) > MOST_NODES:
        raise ValueError(
            f"explain: {len(nodes)} nodes are too many to follow one by one (at most {MOST_NODES}); "
            "look at them with mg.Tape() or minigrad.tools.draw, or explain a smaller part"
        )
    for node in nodes:
        if node.primitive is not None:
            check_saved(node)
    seed = seed_of(out, gradient, False)
    watch.values[node_of(out)] = out.array
    with out.backend.active():  # the rules may go on to other devices
        board = _Board(nodes, watch)
        return Explanation("\n".join(["forward", *board.forward(), "backward", *board.backward(seed)]))


def _argument(x: Any) -> Any:
    is_floats = isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind == "f"
    return creation.tensor(x, requires_grad=True) if isinstance(x, float) or is_floats else x


def _is_array(x: Any) -> bool:
    """Whether it has axes, and so gets a name; numbers are written where they stand."""
    return getattr(x, "ndim", 0) > 0


class _Watch(Observer):
    """What is known of the nodes: their values and operands, and names of leaves and constants."""

    def __init__(self) -> None:
        self.values: dict[Node, Any] = {}
        self.operands: dict[Node, list[Any]] = {}
        self.names: dict[Any, str] = {}  # of a node, or of a constant by the id of its array
        self._held: list[Any] = []  # so that no id is used twice

    def name(self, function: Callable[..., Any], arguments: Sequence[Any]) -> None:
        """Take the names of the parameters of the function (of a module's `forward`) for the arguments."""
        try:
            parameters = inspect.signature(getattr(function, "forward", function)).parameters.values()
        except (TypeError, ValueError):  # written in C
            return
        for p, x in zip(parameters, arguments):
            if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and isinstance(x, Recorded):
                self._held.append(x.array)
                if x.node is None or not getattr(x.node, "label", ""):
                    self.names.setdefault(id(x.array) if x.node is None else x.node, p.name)

    def on_record(self, node: Node, inputs: Sequence[Any], out: Any) -> None:
        self.values[node] = out
        self.operands[node] = [x.array if isinstance(x, Recorded) else x for x in inputs]
        self.values.update({x.node: x.array for x in inputs if isinstance(x, Recorded) and x.node is not None})

    def fill_in(self, nodes: Sequence[Node]) -> None:
        """Take from the graph what was not watched; in recording order, so that operands come before results."""
        for node in nodes:
            if node.primitive is None or node in self.operands:
                continue
            for value, maker in zip(node.saved, (node, *node.inputs)):
                if maker is not None and hasattr(value, "dtype"):
                    self.values.setdefault(maker, value)
        for node in nodes:
            if node.primitive is None or node in self.operands:
                continue
            saved = [UNKNOWN if value is None else value for value in node.saved[1:]]
            self.operands[node] = [
                x if maker is None else self.values.get(maker, UNKNOWN) for x, maker in zip(saved, node.inputs)
            ]
            if node not in self.values:
                self._compute(node)

    def _compute(self, node: Node) -> None:
        row = node.primitive if node.primitive.custom else PRIMITIVES.get(node.name)
        operands = self.operands[node]
        if row is not None and not any(x is UNKNOWN for x in operands):
            node.backend.activate()
            self.values[node] = node.backend.calls[row](*promote(row, operands, node.backend), **node.params)


class _Board:
    """The lines of the text.

    Attributes:
        nodes: in recording order.
        known: their values and operands.
        names: of each node.
    """

    def __init__(self, nodes: Sequence[Node], known: _Watch) -> None:
        known.fill_in(nodes)
        self.nodes = nodes
        self.known = known
        self.names: dict[Node, str] = {}
        self._constants = {key: name for key, name in known.names.items() if isinstance(key, int)}
        self._taken = {*self._constants.values()}
        for node in nodes:
            given = node.label if isinstance(node, Leaf) and node.label else known.names.get(node)
            if given and node.primitive is None:
                self.names[node] = self._free(chain([given], (f"{given}#{i}" for i in count(2))))
        letters = iter([*ascii_lowercase, *(f"a{i}" for i in range(MOST_NODES))])
        variables = (f"v{i}" for i in count(1))
        for node in nodes:
            if node not in self.names:
                self.names[node] = self._free(letters if node.primitive is None else variables)
        self._new_constants = (f"k{i}" for i in count(1))

    def _free(self, candidates: Iterator[str]) -> str:
        name = next(name for name in candidates if name not in self._taken)
        self._taken.add(name)
        return name

    def forward(self) -> list[str]:
        """One line for each node, in recording order, and for each constant before its first reader."""
        rows: list[tuple[str, ...]] = []
        seen: set[int] = set()
        for node in self.nodes:
            for x, maker in zip(self.known.operands.get(node, ()), node.inputs):
                if maker is None and _is_array(x) and id(x) not in seen:
                    seen.add(id(x))
                    rows.append(
                        (self._operand(x, None, node), "constant", value_text(x, node), shape_text(x.shape), "")
                    )
            how = "leaf" if node.primitive is None else f"= {self._operation(node)}"
            value = value_text(self.known.values.get(node, UNKNOWN), node)
            where = str(node.scope) if node.scope.parent is not None else ""
            rows.append((self.names[node], how, value, shape_text(node.shape), where))
        widths = [max(len(row[i]) for row in rows) for i in range(5)]
        return ["  " + "  ".join(cell.ljust(w) for cell, w in zip(row, widths)).rstrip() for row in rows]

    def _operand(self, x: Any, maker: Node | None, node: Node) -> str:
        if maker is not None:
            return self.names[maker]
        if x is UNKNOWN or x is None:
            return "(not kept)" if x is UNKNOWN else "None"
        if id(x) not in self._constants:
            if not _is_array(x):
                return bracketed(value_text(x, node))
            self._constants[id(x)] = self._free(self._new_constants)
        return self._constants[id(x)]

    def _operands(self, node: Node) -> list[str]:
        return [self._operand(x, maker, node) for x, maker in zip(self.known.operands[node], node.inputs)]

    def _operation(self, node: Node) -> str:
        operands = self._operands(node)
        if node.name in INFIX and len(operands) == 2:
            return f"{operands[0]} {INFIX[node.name]} {operands[1]}"
        if node.name == "getitem":
            return f"{operands[0]}[{index_text(node.params['index'])}]"
        plain = (int, float, str, tuple, np.dtype)
        options = [f"{k}={v}" for k, v in node.params.items() if isinstance(v, plain) and v is not False]
        return f"{node.name}({', '.join([*operands, *(o for o in options if not o.startswith('index='))])})"

    def backward(self, seed: Any) -> list[str]:
        """For each node, the last one first: what arrived, and what its rules hand to each input."""
        lines = []
        arrived: dict[Node, list[Any]] = {self.nodes[-1]: [seed]}
        for node in reversed(self.nodes):
            parts = arrived.get(node)
            if parts is None:
                lines.append(f"  {self._d(node)}: no gradient arrives")
                continue
            g = functools.reduce(operator.add, parts)
            terms = "".join(f"{' + '.join(value_text(part, node) for part in parts)} = " for _ in parts[1:2])
            met = f", {len(parts)} gradients meet and add up" if terms else ""
            what = "a leaf" if node.primitive is None else f"{self.names[node]} = {self._operation(node)}"
            lines.append(f"  {self._d(node)} = {terms}{value_text(g, node)}{met}; {what}")
            for i, parent, d in _derivatives(node, g):
                fitted = d
                if node.primitive.broadcasts or node.primitive.custom:
                    fitted = fit(d, parent, node.primitive, node.backend)
                arrived.setdefault(parent, []).append(fitted)
                text = self._handed(node, i, g, d)
                if fitted.shape != d.shape:
                    text += f", summed where it was broadcast: {value_text(fitted, parent)}"
                lines.append(f"    to {self.names[parent]}: {text}")
        return lines

    def _d(self, node: Node) -> str:
        name = self.names[node]
        return f"d{name}" if name.isidentifier() else f"d({name})"

    def _handed(self, node: Node, i: int, g: Any, d: Any) -> str:
        """The rule for input i: with names, with numbers where they are few, and its result."""
        steps = []
        formula, texts = formula_of(node, i), self._operands(node)
        if formula is None:
            steps.append(put_in(rule_in_words(node.name, i), {"g": self._d(node)}))
        else:
            names = {"g": self._d(node), "out": self.names[node], **dict(zip(node.primitive.inputs, texts))}
            values = {"g": g, "out": self.known.values.get(node, UNKNOWN)}
            values.update(zip(node.primitive.inputs, self.known.operands[node]))
            steps.append(put_in(formula, names))
            used = {name: x for name, x in values.items() if re.search(rf"\b{name}\b", formula)}
            if all(x is not UNKNOWN and getattr(x, "size", 1) <= MOST_IN_FORMULA for x in used.values()):
                steps.append(put_in(formula, {name: bracketed(value_text(x, node)) for name, x in used.items()}))
        result = value_text(d, node.inputs[i] or node)
        if len(steps) == 2 and steps[1].strip("()") == result:
            steps.pop()
        return " = ".join([*steps, result])


def _derivatives(node: Node, g: Any) -> Iterator[tuple[int, Node, Any]]:
    """What the rules of a node hand to its inputs, before broadcasting is undone: (position, input node, gradient)."""
    if node.primitive is None:
        return
    node.backend.activate()
    rules = node.primitive.rules or node.primitive.rules_for(len(node.inputs))
    for i, (parent, rule) in enumerate(zip(node.inputs, rules)):
        d = None if parent is None else rule(g, node.saved, node.params, parent, node.backend)
        if parent is not None and d is not None:
            yield i, parent, d.dense(node.backend) if type(d) in DEFERRED else d

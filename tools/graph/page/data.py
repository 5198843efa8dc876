"""The graph as the page reads it: columns instead of records, and each text once."""

from __future__ import annotations

import math
from typing import Any

import minigrad as mg
from minigrad import functional
from minigrad.inspect.entry import Summary
from minigrad.inspect.graph.chains import Chain
from minigrad.inspect.graph.model import OPERATIONS, Graph, GraphNode, shape_text
from minigrad.inspect.words import RULES, rule_in_words
from minigrad.primitives import PRIMITIVES

from ..render.gradients import COLOURS
from ..render.looks import LOOKS

# Primitives without a public function of the same name.
DOES = {
    "getitem": "The elements at an index.",
    "index_add": "The elements with values added at an index.",
    "index_set": "The elements with values in the place of those at an index.",
}
# What shapes and colours mean: as in pictures, and more of what can be opened.
MEANINGS = {
    kind: LOOKS[kind].meaning for kind in ("operation", "derivative", "state", "parameter", "data", "output")
} | {
    "state": "state, handed on to another step",
    "module": "module",
    "axis": "all time steps",
    "step": "time step",
    "range": "several steps",
    "part": "several nodes",
}
EDGE_COLUMNS = ("target", "operand", "source")
DERIVATIVE = "∂"  # before the name of an operation: its derivative rule (see `passes`)
DIGITS = 4  # of norms and statistics


def page_data(graph: Graph) -> dict[str, Any]:
    """Everything that the page shows of a graph with a place for each time step, as lists and numbers.

    `nodes` has one list a column. Texts are numbers of lines in `texts`. A scope is the number of its parent, a name,
    and its step or -1; number 0 is the outermost. Edges are in the order of their targets; `operand` says which input
    of its target an edge is. `scale` has the colours of gradient norms, from small to large, `meanings` the legend.
    """
    texts = _Texts()
    scopes = _Scopes(texts)
    nodes = graph.nodes
    number = {node.id: i for i, node in enumerate(nodes)}
    edges = sorted((number[edge.target], edge.operand, number[edge.source]) for edge in graph.edges)
    return {
        "format": "minigrad page",
        "version": 1,
        "nodes": {
            "kind": [texts.number(node.kind) for node in nodes],
            "label": [texts.number(node.label) for node in nodes],
            "name": [texts.number(node.name) for node in nodes],
            "scope": [scopes.number(node.scope) for node in nodes],
            "shape": [texts.number(shape_text(node.shape)) for node in nodes],
            "dtype": [texts.number(node.dtype) for node in nodes],
            "detail": [texts.number(node.detail) for node in nodes],
            "source": [texts.number(node.source) for node in nodes],
            "code": [texts.number(node.code) for node in nodes],
            "backward": [int(node.backward) for node in nodes],
            "bytes": [node.saved_bytes for node in nodes],
            "norm": [_rounded(node.grad_norm) for node in nodes],
            "value": [_summary(node.value) for node in nodes],
            "grad": [_summary(node.grad) for node in nodes],
        },
        "edges": {name: [edge[i] for edge in edges] for i, name in enumerate(EDGE_COLUMNS)},
        "scopes": scopes.columns,
        "texts": texts.lines,
        "primitives": _primitives(nodes, edges),
        "scale": COLOURS,
        "meanings": MEANINGS,
    }


class _Texts:
    """Lines of text, each kept once."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._numbers: dict[str, int] = {}

    def number(self, text: str) -> int:
        """The number of the line that holds this text."""
        if text not in self._numbers:
            self._numbers[text] = len(self.lines)
            # A surrogate alone is no character: it cannot be written as UTF-8.
            self.lines.append(text.encode("utf-8", "replace").decode())
        return self._numbers[text]


class _Scopes:
    """The tree of scopes; number 0 is what is around all of them."""

    def __init__(self, texts: _Texts) -> None:
        self.columns: dict[str, list[int]] = {"parent": [-1], "name": [texts.number("")], "step": [-1]}
        self._texts = texts
        self._numbers: dict[Chain, int] = {(): 0}

    def number(self, chain: Chain) -> int:
        """The number of a scope, which is given as the chain of places from outside."""
        if chain not in self._numbers:
            parent, place = self.number(chain[:-1]), chain[-1]
            self._numbers[chain] = len(self.columns["parent"])
            self.columns["parent"].append(parent)
            self.columns["name"].append(self._texts.number(place.name))
            self.columns["step"].append(-1 if place.step is None else place.step)
        return self._numbers[chain]


def _rounded(x: float | None) -> float | None:
    return None if x is None or not math.isfinite(x) else float(f"{x:.{DIGITS}g}")


def _summary(found: Summary | None) -> list[float | None] | int:
    """min, mean, max, std, and how many elements are not finite; 0 if nothing is known."""
    return 0 if found is None else [*map(_rounded, found[:4]), found.strange]


def _primitives(nodes: list[GraphNode], edges: list[tuple[int, int, int]]) -> dict[str, dict[str, Any]]:
    """For each operation what it does, what its inputs are called, and what each receives in backward, in words."""
    inputs = {node.label: 0 for node in nodes if node.kind in OPERATIONS}
    for target, operand, _ in edges:
        label = nodes[target].label
        inputs[label] = max(inputs.get(label, 0), operand + 1)
    return {
        label: {
            "does": _does(label),
            "inputs": _input_names(label),
            "rules": _without_repetition([rule_in_words(label, i) for i in range(count)]),
        }
        for label, count in inputs.items()
    }


def _input_names(label: str) -> list[str]:
    """The names of the inputs that a primitive of the table has; none for others."""
    row = PRIMITIVES.get(label)
    return [] if row is None else list(row.inputs)


def _does(label: str) -> str:
    """The first sentence that the documentation says about an operation; empty for users' own."""
    if label.startswith(DERIVATIVE):
        rules = dict.fromkeys(RULES.get(label.removeprefix(DERIVATIVE), ()))
        return f"What its inputs receive: {'; '.join(rules)}." if rules else ""
    function = getattr(mg, label, None) or getattr(functional, label, None)
    if label in DOES or not callable(function):
        return DOES.get(label, "")
    return (function.__doc__ or "").strip().partition("\n")[0]


def _without_repetition(rules: list[str]) -> list[str]:
    """The rules, those at the end that are all the same written once."""
    while len(rules) > 1 and rules[-1] == rules[-2]:
        rules.pop()
    return rules

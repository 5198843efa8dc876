"""What operations are given that no gradient goes to: numbers, and arrays among their settings, such as indices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..engine.tape import Node, constants_of
from .formulas import INFIX


def numbers_of(node: Node) -> dict[int, str]:
    """The numbers among the inputs of a node, as text, by position."""
    if not node.constants:
        return {}
    return {i: _text(number) for i, _, shape, number, _ in constants_of(node) if shape is None}


def with_numbers(node: Node) -> str:
    """A node's numbers as they stand in the operation, `1 - ·` or `max=2`; empty if it has none."""
    numbers = numbers_of(node)
    if not numbers:
        return ""
    sign = INFIX.get(node.name)
    if sign is not None and len(node.inputs) == 2:
        left, right = numbers.get(0, "·"), numbers.get(1, "·")
        return f"{left} {sign} {right}"
    return ", ".join(f"{node.primitive.input_name(i)}={text}" for i, text in numbers.items())


def _text(number: Any) -> str:
    return f"{number:.6g}" if isinstance(number, float) else str(number)


PLAIN = frozenset((int, bool, float, str, slice, type(None), type(...)))


def arrays_in(params: Mapping[str, Any]) -> list[Any]:
    """The arrays, with at least one axis, among the settings of an operation and in an index."""
    found = []
    for value in params.values():
        for part in value if type(value) is tuple else (value,):
            if type(part) not in PLAIN and hasattr(part, "dtype") and part.ndim > 0:
                found.append(getattr(part, "array", part))
    return found

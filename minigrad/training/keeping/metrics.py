"""The metrics of a run: plain data that is too long to look at, in short."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minigrad.inspect.markup import html_table

LONGEST = 100  # characters of a value


class Metrics(dict[str, Any]):
    """What a run has come to, as plain data: a dictionary that shows itself in short, as a table in a notebook."""

    def __repr__(self) -> str:
        width = max(map(len, self), default=0)
        return "\n".join(f"{name:<{width}}  {text}" for name, text in self._rows())

    def _repr_html_(self) -> str:
        head = ("metrics", "value")
        return html_table(head, self._rows(), head)

    def _rows(self) -> Sequence[tuple[str, str]]:
        return [(str(name), _short(value)) for name, value in self.items()]


def _short(value: Any) -> str:
    """A value in a line; of a longer list its length and its last entry."""
    if isinstance(value, dict):
        text = ", ".join(f"{name} {_short(each)}" for name, each in value.items())
    elif isinstance(value, list) and len(value) > 1 and not isinstance(value[-1], str):
        text = f"{len(value)} values, the last: {_short(value[-1])}"
    elif isinstance(value, float):
        text = f"{value:.6g}"
    else:
        text = ", ".join(map(_short, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 3].rstrip() + "..."

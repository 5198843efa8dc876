"""What a trained model says of an input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Prediction(NamedTuple):
    """What a model says of one input: for people, and for programs.

    Attributes:
        input: what it is about: a text, or a file and where in it.
        answer: a line, or several.
        data: the answer, and what may be told beside it, as plain data by name.
    """

    input: str
    answer: str
    data: Mapping[str, Any]

    def plain(self) -> dict[str, Any]:
        """All but the words for people, as plain data."""
        return {"input": self.input, **self.data}

    def __str__(self) -> str:
        lines = self.answer.split("\n")
        if len(lines) == 1:
            return f"{self.input}: {self.answer}"
        return "\n".join([f"{self.input}:", *(f"    {line}" for line in lines)])


def percent(probability: float) -> str:
    """A probability for people: 93 %."""
    return f"{100 * probability:.0f} %"

"""Tables as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

GAP = 2  # blanks between columns


def aligned(rows: Sequence[Sequence[str]], width: int | None = None) -> str:
    """Rows of equal length as lines of text: the first column is aligned to the left, the others to the right.

    With a width in characters, columns that do not fit follow below, beside the first column once more.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    blocks = [
        "\n".join(
            (" " * GAP).join([row[0].ljust(widths[0]), *(row[i].rjust(widths[i]) for i in columns)]).rstrip()
            for row in rows
        )
        for columns in _blocks(widths, width)
    ]
    return "\n\n".join(blocks)


def _blocks(widths: Sequence[int], width: int | None) -> Iterator[list[int]]:
    """The columns after the first that stand side by side, block by block: one at least in each."""
    block: list[int] = []
    used = widths[0]
    for i, column in enumerate(widths[1:], 1):
        if block and width is not None and used + GAP + column > width:
            yield block
            block, used = [], widths[0]
        block.append(i)
        used += GAP + column
    yield block

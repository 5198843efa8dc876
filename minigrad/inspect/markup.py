"""Tables for notebooks, as HTML."""

from __future__ import annotations

import html
from collections.abc import Container, Iterable, Sequence

MONOSPACED = ' style="text-align: left; font-family: monospace; white-space: nowrap"'
LEFT = ' style="text-align: left"'


def html_table(
    head: Sequence[str], rows: Iterable[Sequence[str] | str], left: Container[str] = (), caption: str = ""
) -> str:
    """A table with a line of names. Text is escaped, and so never markup.

    Args:
        head: the names of the columns.
        rows: the cells of each row; a text alone is a row of one cell.
        left: the columns that are aligned to the left; the others are to the right.
        caption: a line above.
    """
    lines = ['<div style="overflow-x: auto">', "<table>"]
    if caption:
        lines.append(f'<caption style="text-align: left; white-space: nowrap">{html.escape(caption)}</caption>')
    style = [MONOSPACED if name in left else "" for name in head]
    names = "".join(f'<th scope="col"{LEFT if name in left else ""}>{html.escape(name)}</th>' for name in head)
    lines.append(f"<thead><tr>{names}</tr></thead>\n<tbody>")
    for row in rows:
        if isinstance(row, str):
            cells = f'<td colspan="{len(head)}"{LEFT}>{html.escape(row)}</td>'
        else:
            cells = "".join(f"<td{s}>{html.escape(cell)}</td>" for s, cell in zip(style, row, strict=True))
        lines.append(f"<tr>{cells}</tr>")
    return "\n".join([*lines, "</tbody>", "</table>", "</div>"])

"""A tape as text: a table as wide as the terminal at most, its repeats folded."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Sequence

from .entry import Entry
from .formulas import shape_text
from .given import numbers_of
from .markup import html_table
from .repeats import Repeat, Repeats

HEADER = ("line", "scope", "operation", "inputs", "shape", "dtype", "saved bytes", "grad norm")
RIGHT = {"line", "saved bytes", "grad norm"}
# What may be shortened to make the table fit, and the least that must stay to be of use: 80 columns are enough for all.
LEAST_WIDTHS = {"scope": 9, "operation": 9, "inputs": 8, "shape": 6}
WIDTH_WITHOUT_TERMINAL = 120
MOST_ROWS = 200  # in HTML
GAP = "  "

Cells = tuple[str, ...]


def table(entries: Sequence[Entry], fold: bool, width: int | None = None) -> str:
    """The table of a tape's lines.

    Args:
        entries: all lines of the tape.
        fold: show repeated steps once, with a line that says how many more are like them.
        width: columns of text; by default as many as the terminal has, or 120 without a terminal. Below about 80 the
            table may stay wider than asked for, as its numbers are never shortened.
    """
    if width is None:
        import shutil  # here, because it takes milliseconds: it brings the formats of archives along

        width = shutil.get_terminal_size((WIDTH_WITHOUT_TERMINAL, 24)).columns
    names, rows = _rows(entries, fold)
    widths = _widths(names, [row for row in rows if not isinstance(row, Repeat)], width)
    lines = [_line(names, names, widths)]
    for row in rows:
        lines.extend(_said(row, entries, width) if isinstance(row, Repeat) else [_line(row, names, widths)])
    lines.insert(1, "-" * max(map(len, lines)))
    return "\n".join(lines)


def as_html(entries: Sequence[Entry], fold: bool, caption: str = "") -> str:
    """The table as HTML. Of more than 200 rows, those in the middle are left out, which one says."""
    names, rows = _rows(entries, fold)
    texts = [_repeat_text(row, entries) if isinstance(row, Repeat) else row for row in rows]
    if len(texts) > MOST_ROWS:
        left_out = f"... {len(texts) - MOST_ROWS} rows are left out: print(tape) shows them"
        texts[MOST_ROWS // 2 : -(MOST_ROWS // 2)] = [left_out]
    return html_table(names, texts, set(names) - RIGHT, caption)


def _rows(entries: Sequence[Entry], fold: bool) -> tuple[Cells, list[Cells | Repeat]]:
    """The names of the columns, and the rows, with repeats in the place of what they hide."""
    parts = list(_folded(Repeats(entries), 0, len(entries))) if fold else range(len(entries))
    has_norms = any(entry.grad_norm is not None for entry in entries)
    names = HEADER if has_norms else HEADER[:-1]
    return names, [p if isinstance(p, Repeat) else _cells(entries[p])[: len(names)] for p in parts]


def _folded(repeats: Repeats, start: int, stop: int) -> Iterator[int | Repeat]:
    """The numbers of the lines to show, with a repeat in the place of those that it hides."""
    found = repeats.find(start, stop)
    if not found:
        yield from range(start, stop)
        return
    for repeat in found:
        yield from _folded(repeats, start, repeat.start)
        yield from _folded(repeats, repeat.start, repeat.hidden_from)
        yield repeat
        start = repeat.hidden_to
    yield from _folded(repeats, start, stop)


def _cells(entry: Entry) -> Cells:
    node = entry.node
    return (
        f"%{entry.number}",
        str(node.scope) if node.scope.parent is not None else "",
        node.name,
        " ".join(_inputs(entry)),
        shape_text(node.shape),
        str(node.dtype),
        str(entry.saved_bytes or ""),
        "" if entry.grad_norm is None else f"{entry.grad_norm:.4g}",
    )


def _inputs(entry: Entry) -> Iterator[str]:
    """The inputs of a line: the numbers of other lines, numbers of the program as they are, a dot for one left out."""
    numbers = numbers_of(entry.node)
    for place, i in enumerate(entry.inputs):
        yield numbers.get(place, ".") if i is None else f"%{i}"


def _widths(names: Cells, rows: Sequence[Cells], width: int) -> list[int]:
    """The width of each column; if they are too wide together, the widest give way first."""
    widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]
    surplus = sum(widths) + len(GAP) * (len(widths) - 1) - width
    while surplus > 0:
        slack = [w - LEAST_WIDTHS.get(name, w) for name, w in zip(names, widths, strict=True)]
        if max(slack) <= 0:
            break
        widest = max((i for i, s in enumerate(slack) if s > 0), key=lambda i: widths[i])
        second = max((widths[i] for i, s in enumerate(slack) if s > 0 and i != widest), default=0)
        cut = min(surplus, slack[widest], max(1, widths[widest] - second))
        widths[widest] -= cut
        surplus -= cut
    return widths


def _line(row: Cells, names: Cells, widths: Sequence[int]) -> str:
    cells = []
    for cell, name, width in zip(row, names, widths, strict=True):
        short = cell if len(cell) <= width else _SHORTENED[name](cell, width)
        cells.append(short.rjust(width) if name in RIGHT else short.ljust(width))
    return GAP.join(cells).rstrip()


def _end(text: str, width: int) -> str:
    """The end of a scope, which tells most: the innermost module and the step."""
    return "..." + text[len(text) - width + 3 :].lstrip(".")


def _both_ends(text: str, width: int) -> str:
    ahead = (width - 2) // 2
    return text[:ahead] + "..." + text[len(text) - (width - 3 - ahead) :]


def _whole_words(text: str, width: int) -> str:
    """The first inputs and the last: a number is never cut."""
    *words, last = text.split()
    head, tail = "", f"... {last}"
    if len(tail) > width:
        return "..."
    for word in words:
        if len(head) + len(word) + 1 + len(tail) > width:
            break
        head += word + " "
    return head + tail


_SHORTENED: dict[str, Callable[[str, int], str]] = {
    "scope": _end,
    "operation": _both_ends,
    "inputs": _whole_words,
    "shape": _both_ends,
}


def _said(repeat: Repeat, entries: Sequence[Entry], width: int) -> list[str]:
    """What stands for the hidden lines of a repeat, in lines of this width."""
    text = _repeat_text(repeat, entries)
    return textwrap.wrap(text, max(width, 40), subsequent_indent="    ")


def _repeat_text(repeat: Repeat, entries: Sequence[Entry]) -> str:
    """What stands for the hidden lines of a repeat: which they are, how many, their bytes and their gradients."""
    hidden = entries[repeat.hidden_from : repeat.hidden_to]
    if repeat.marker is None:
        text = f"%{hidden[0].number} to %{hidden[-1].number} like %{repeat.start}"
        if repeat.period > 1:
            text += f" to %{repeat.hidden_from - 1}"
    else:
        like, *steps = [_step(entry) for entry in entries[repeat.marker : repeat.hidden_to : repeat.period]]
        text = (steps[0] if len(steps) == 1 else f"{steps[0]} to {steps[-1]}") + f" like {like}"

    text += f": {len(hidden)} lines, {sum(entry.saved_bytes for entry in hidden)} bytes saved"
    norms = [entry.grad_norm for entry in hidden if entry.grad_norm is not None]
    if norms:
        text += f", grad norm {min(norms):.4g} to {max(norms):.4g}"
    return f"... {text}"


def _step(entry: Entry) -> str:
    return "t=" + ",".join(map(str, entry.node.scope.steps))

"""The measuring process: `python -m minigrad.tools.bench.run`, started by `main` with the threads set."""

from __future__ import annotations

import sys
from pathlib import Path

from . import imports, length, lstm, overhead, parse
from .harness import Row, heading, machine, table, write_json

GROUPS = {"overhead": overhead.rows, "lstm": lstm.rows, "length": length.rows, "import": imports.rows}


def run() -> int:
    """Measure, print, write."""
    options = parse()
    if options.only is not None and options.only not in GROUPS:
        print(f"minigrad bench: no group {options.only!r}; there are {', '.join(GROUPS)}", file=sys.stderr)
        return 2
    about = machine()
    print(heading(about), flush=True)
    rows: list[Row] = []
    for name, measure in GROUPS.items():
        if options.only in (None, name):
            rows += measure(options.quick, options.threads)
    print()
    print(table(rows))
    if options.markdown:
        Path(options.markdown).write_text(f"{heading(about)}\n\n{table(rows)}\n", encoding="utf-8")
        print(f"\nwritten to {options.markdown}")
    if options.json:
        write_json(options.json, rows, about)
        print(f"\nwritten to {options.json}")
    return 0


if __name__ == "__main__":
    sys.exit(run())

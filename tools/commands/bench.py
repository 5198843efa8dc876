"""`minigrad bench`: the benchmark, which reads its own options."""

import typer

from minigrad.tools import bench as benchmark


def bench(context: typer.Context) -> int:
    """Pass everything on."""
    return benchmark.main(list(context.args))

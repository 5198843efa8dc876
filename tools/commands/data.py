"""`minigrad data`: the data sets."""

from typing import Annotated

import typer

from minigrad.data import describe, fetch, names

from . import beside


def data(
    name: Annotated[str | None, typer.Argument(help="A data set to fetch; by default, all are listed.")] = None,
) -> None:
    """List the data sets, or fetch one and print where it is."""
    if name is not None:
        print(fetch(name))
        return
    for each in names():
        known = describe(each)
        print(beside(each, f"{known.what}\n{known.licence}; {known.source}", 17))

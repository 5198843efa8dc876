"""The public array functions, by subject and by the names of the array API standard; Tensor's methods among them.

Start with `elementwise`, a line for each function, and `reductions`; `arguments` says what any of them may be given.
`methods` makes methods of them. What is computed is in `minigrad.primitives`.
"""

from typing import TYPE_CHECKING

from ..advice.missing import on_missing
from . import arranging, creation, elementwise, indexing, linalg, methods, norms, reductions, scatter, shaping
from .methods import ADVISED

if TYPE_CHECKING:
    from . import sets

__all__ = [
    "ADVISED", "arranging", "creation", "elementwise", "indexing", "linalg", "methods", "norms", "reductions",
    "scatter", "sets", "shaping",
]  # fmt: skip

on_missing(__name__, {"sets": ""})

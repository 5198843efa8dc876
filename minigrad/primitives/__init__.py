"""The table of primitives, by subject: a name, and one derivative rule for each input. `PRIMITIVES` has them by name.

Start with `elementwise`, most of whose rules are one line; `table` says what a rule may ask for. Derivatives are
written nowhere else.
"""

from . import elementwise, indexing, linalg, neural, reductions, shaping
from .table import PRIMITIVES, Primitive, primitive

__all__ = [
    "PRIMITIVES", "Primitive", "primitive",
    "elementwise", "indexing", "linalg", "neural", "reductions", "shaping",
]  # fmt: skip

"""The table of primitives, by subject. `PRIMITIVES` holds all of them by name."""

from . import elementwise, indexing, linalg, neural, reductions, shaping
from .table import PRIMITIVES, Primitive, primitive

__all__ = [
    "PRIMITIVES",
    "Primitive",
    "elementwise",
    "indexing",
    "linalg",
    "neural",
    "primitive",
    "reductions",
    "shaping",
]

"""Norms and products of vectors and matrices, by the names of the array API's extension `linalg`, and PyTorch's `norm`.

Unlike the functions of the same names in `minigrad`, `diagonal` and `trace` take the last two axes here, as the
standard says. What needs a factorisation (`inv`, `solve`, `svd`, `qr`, `eigh`, `cholesky`, `det`) is not there.
"""

from __future__ import annotations

from typing import Any

from . import ops
from .ops.linalg import matmul, matrix_transpose, outer, tensordot, vecdot
from .ops.norms import cross, matrix_norm, norm, vector_norm
from .tensors.tensor import Tensor

__all__ = [
    "cross",
    "diagonal",
    "matmul",
    "matrix_norm",
    "matrix_transpose",
    "norm",
    "outer",
    "tensordot",
    "trace",
    "vecdot",
    "vector_norm",
]

LACKING = "cholesky det eigh eigvalsh inv matrix_power matrix_rank pinv qr slogdet solve svd svdvals".split()


def diagonal(x: Any, offset: int = 0) -> Tensor:
    """The diagonals of (a stack of) matrices; those `offset` places to the right, or to the left if negative."""
    return ops.arranging.diagonal(x, offset, -2, -1)


def trace(x: Any, offset: int = 0, dtype: Any = None) -> Tensor:
    """The sums of the diagonals of (a stack of) matrices; types as in `minigrad.sum`."""
    return ops.linalg.trace(x, offset, -2, -1, dtype)


def __getattr__(name: str) -> object:
    if name in LACKING:
        raise AttributeError(f"minigrad has no linalg.{name}: it factorises no matrices")
    raise AttributeError(f"module 'minigrad.linalg' has no attribute {name!r}")

"""Numba kernels that write at indices: scatter-add of rows, and one-hot vectors. They work in one thread."""

from __future__ import annotations

from .compile import kernel


@kernel("index count", divisible=False)
def in_range(index, n):
    """Whether all of index (N,) are in -n..n-1."""
    outside = 0
    for i in range(index.size):
        outside += index[i] < -n or index[i] >= n
    return outside == 0


@kernel("matrix index matrix", divisible=False)
def add_rows(x, index, values):
    """x[index[i]] += values[i] for x: (M, D), index: (N,) in range, values: (N, D)."""
    n = x.shape[0]
    for i in range(index.size):
        row = index[i]
        row = row + n if row < 0 else row
        for j in range(x.shape[1]):
            x[row, j] += values[i, j]


@kernel("index matrix", divisible=False)
def one_hot(index, out):
    """Write 1 at out[i, index[i]] where there is such a place; index: (N,), out: (N, C), full of zeros."""
    for i in range(index.size):
        if 0 <= index[i] < out.shape[1]:
            out[i, index[i]] = 1

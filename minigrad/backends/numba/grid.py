"""Grids: matrices whose rows are runs of elements, perhaps with gaps between the rows, for Numba kernels.

A gate's slice of a projection, x[:, H:2*H], is a grid with gaps, and so it need not be copied. An array without gaps is
one long run.
"""

from __future__ import annotations

from numba import carray, njit, types

from .math import INLINE, intrinsic


@intrinsic
def row_pointer(context, x, i):
    """Where row i of a matrix of any strides begins."""

    def generate(target, builder, signature, args):
        array = target.make_array(signature.args[0])(target, builder, args[0])
        offset = builder.mul(args[1], builder.extract_value(array.strides, 0))
        address = builder.add(builder.ptrtoint(array.data, offset.type), offset)
        return builder.inttoptr(address, array.data.type)

    return types.CPointer(x.dtype)(x, types.intp), generate


@njit(**INLINE)
def row(x, i, n):
    """The first n elements from the start of row i, as a vector."""
    return carray(row_pointer(x, i), (n,))


@njit(**INLINE)
def fits(x, shape):
    """Whether x has this shape, its rows are runs of elements, and addresses are multiples of the element's size."""
    size = x.itemsize
    return x.shape == shape and x.strides[1] == size and x.strides[0] % size == 0 and x.ctypes.data % size == 0


@njit(**INLINE)
def gapless(x):
    """Whether the rows of x follow each other without gaps."""
    return x.shape[0] == 1 or x.strides[0] == x.shape[1] * x.itemsize


FEW = 1 << 12  # elements; of no more, a loop over any strides takes less time than NumPy's passes


@njit(**INLINE)
def is_few(x, shape):
    """Whether x has this shape, few elements, and addresses that are multiples of the element's size."""
    size = x.itemsize
    aligned = x.ctypes.data % size == 0 and x.strides[0] % size == 0 and x.strides[1] % size == 0
    return x.shape == shape and x.size <= FEW and aligned

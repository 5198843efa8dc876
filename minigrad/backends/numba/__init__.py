"""The Numba backend: NumPy's arrays, with compiled kernels in place of what takes NumPy several passes over memory.

`backend.py` decides what a kernel does and what NumPy does: start there. `compile.py` makes kernels of functions and
keeps them on disk, `math.py` and `grid.py` are what they are written with, the other files are the kernels by subject.
"""

from .backend import NumbaBackend

__all__ = ["NumbaBackend"]

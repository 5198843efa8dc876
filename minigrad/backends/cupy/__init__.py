"""The CuPy backend: arrays and kernels on a GPU. CuPy is imported when the backend is asked for, not with this folder.

`backend.py` holds the backend and what differs on a GPU: start there. `indexing.py` and `random.py` are parts of it,
`kernels.py` compiles and launches the CUDA sources in `cuda/`, which run on a CPU too, in tests.
"""

from typing import Any


def __getattr__(name: str) -> Any:
    if name != "CupyBackend":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .backend import CupyBackend

    return CupyBackend

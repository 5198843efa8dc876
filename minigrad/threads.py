"""How many threads compute: those of the library of linear algebra, and those that share a kernel's large arrays.

A kernel of the Numba backend works in the thread that called it, unless `set_num_threads` allows more and its array has
at least `LARGE` elements. Then the array is cut in parts, whole rows or runs of elements, which a few threads compute
side by side. An element is computed in the same way wherever the cuts are, so results do not depend on the number of
threads.

These threads sleep when there is nothing to do. Pools whose threads wait in a loop (Numba's own, OpenMP's) are not
used: two of them on the same cores, that of linear algebra being one, slow each other down 20 to 100 times. Kernels
start with one thread for the same reason: right after a matrix product, that library's threads still hold the cores.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from itertools import pairwise
from types import TracebackType
from typing import TYPE_CHECKING, Any

from .concurrency import LOCK, Entered, left
from .extras import extra

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

LARGE = 1 << 21  # elements; with fewer, waking a thread takes as long as it saves
GRAIN = 1 << 10  # vectors are cut at multiples of so many elements


class _State:
    """The number of threads, and the pool, which is made when it is first needed."""

    def __init__(self) -> None:
        self.count = 1
        self.entered: Entered = ()
        self.pool: ThreadPoolExecutor | None = None
        self.size = 0

    def forget_pool(self) -> None:
        """Threads do not live on in a forked process."""
        self.pool, self.size = None, 0


_state = _State()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_state.forget_pool)


def get_num_threads() -> int:
    """How many threads share the work of a kernel on a large array: 1, until `set_num_threads` says otherwise."""
    return _state.count


class set_num_threads:
    """Let n threads compute, in the whole process; as a context manager, until its end, or that of those it overlaps.

    mg.set_num_threads(1)

    with mg.set_num_threads(4):
        ...

    It sets two numbers: how many threads the library of linear algebra uses in a matrix product (at first that
    library's choice, as a rule one for each core), and how many share the work of a kernel of the Numba backend on an
    array of two million elements or more (at first 1).

    The products of a small recurrent step are nearly over before threads have shared them out. The character model
    reached 24,000 characters a second on one thread and 33,000 on two of an idle machine, but 3,500 on two of a busy
    one. On two cores, a kernel on four million elements took 0.55 to 1.1 of its time on one, as busy as the other was.

    Args:
        n: at least 1.

    Raises:
        ValueError: n is less than 1, or no integer.
        ImportError: threadpoolctl is not installed, by which the library of linear algebra is reached.
    """

    def __init__(self, n: int) -> None:
        if isinstance(n, bool) or not hasattr(n, "__index__") or n < 1:
            raise ValueError(f"set_num_threads: expected a number of threads from 1 on, got {n!r}")
        threadpoolctl = extra("threadpoolctl", "set_num_threads needs threadpoolctl", "numba")
        self._outer = _state.count
        self._limits = threadpoolctl.threadpool_limits(n.__index__(), user_api="blas")
        _state.count = n.__index__()

    def __enter__(self) -> int:
        with LOCK:
            _state.entered = (*_state.entered, (self, (self._outer, self._limits)))
        return _state.count

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with LOCK:
            _state.entered, found = left(_state.entered, self, None)
        if found is not None:
            _state.count = found[0]
            found[1].restore_original_limits()


def cut(n: int, grain: int = 1) -> list[slice]:
    """0..n-1 in about equal parts, one for each thread, cut at multiples of `grain`."""
    grains = -(-n // grain)
    count = max(1, min(_state.count, grains))
    ends = [min(n, grains * i // count * grain) for i in range(count + 1)]
    return [slice(a, b) for a, b in pairwise(ends)]


def run(task: Callable[[slice], Any], parts: Sequence[slice]) -> list[Any]:
    """The results of `task` for each part, computed side by side if `task` lets go of the interpreter's lock.

    A task must not call `run` itself. The last part is computed by the calling thread.
    """
    if len(parts) == 1:
        return [task(parts[0])]
    futures = []
    try:
        pool = _pool(len(parts) - 1)
        futures = [pool.submit(task, part) for part in parts[:-1]]
    except (RuntimeError, ImportError):  # the interpreter is shutting down, and starts no more threads
        return [future.result() for future in futures] + [task(part) for part in parts[len(futures) :]]
    last = task(parts[-1])
    return [*(future.result() for future in futures), last]


def _pool(size: int) -> ThreadPoolExecutor:
    """A pool of at least so many threads."""
    from concurrent.futures import ThreadPoolExecutor  # here, because it takes milliseconds: it brings logging along

    if _state.pool is None or _state.size < size:
        _state.pool, _state.size = ThreadPoolExecutor(size, thread_name_prefix="minigrad"), size
    return _state.pool  # a smaller one before it ends when no caller holds it any more

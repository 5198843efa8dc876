"""Random tensors from explicit generators.

Every function takes a `generator`; without one it uses the default generator of the backend, which `manual_seed` sets.
The same seed, backend and sequence of calls give the same numbers.

**Processes.** A process that is forked (`os.fork`, multiprocessing's "fork") draws other numbers than its parent, and
than its other children. Each generator that lives at the fork goes on, in the child, from a seed made of its state
and of how many forks there were since it was seeded: when the program runs again, or seeds again, its n-th child draws
what it drew before. The parent goes on as if nothing had happened.

What is made after the fork depends on its seed alone: `manual_seed(seed)` and `Generator(seed)` give the same numbers
in every process. So does a generator that was pickled, as the arguments of a pool's tasks are. To a "spawn" or
"forkserver" child everything comes pickled, and its default generators are not seeded. Which worker of a pool takes
which task is left to chance: numbers that are to depend on the task alone need a generator made in the task, of a seed
and the task's number.
"""

from __future__ import annotations

import copy
import math
import os
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from . import dtypes
from .advice.missing import on_missing
from .backends import Backend, default_backend, get_backend
from .engine.recorded import wrap
from .ops.arguments import count, integer, sizes
from .ops.creation import Shape, made
from .tensors.tensor import Tensor


class Generator:
    """A source of random numbers on one backend.

    Args:
        seed: an integer >= 0; None takes one from the operating system.
        backend: where the numbers are made and stay.
    """

    def __init__(self, seed: int | None = None, backend: Any = None) -> None:
        self.backend: Backend = default_backend() if backend is None else get_backend(backend)
        self.manual_seed(seed)
        _alive.add(self)

    def manual_seed(self, seed: int | None) -> Generator:
        """Start again from a seed, and return the generator. Raises ValueError for a negative one."""
        if seed is not None and (isinstance(seed, bool) or not hasattr(seed, "__index__") or seed < 0):
            raise ValueError(f"a seed is an integer >= 0, not {seed!r}")
        self.source = self.backend.generator(seed)
        self._seeded_at = _forks.count
        return self

    def get_state(self) -> Any:
        """The state, to store in a checkpoint and give to `set_state`."""
        return self.backend.generator_state(self.source)

    def set_state(self, state: Any) -> None:
        """Go on where `get_state` was called."""
        self.backend.set_generator_state(self.source, state)

    def __repr__(self) -> str:
        return f"<Generator of random numbers on {self.backend.name}>"

    def __copy__(self) -> Generator:
        """A generator that goes on by itself with the same numbers; a deep copy does so too."""
        return copy.deepcopy(self)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_seeded_at": self._seeded_at - _forks.count}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ |= state
        self._seeded_at += _forks.count
        _alive.add(self)

    def _branch(self, fork: int) -> None:
        """Go on with the numbers of a child process, the parent's child of that number."""
        import hashlib  # here, because it takes milliseconds, and few processes fork

        text = repr((self.get_state(), fork)).encode()
        self.manual_seed(int.from_bytes(hashlib.blake2b(text, digest_size=32).digest(), "big"))


class _Forks:
    """How often this process forked itself, and how it was forked from the one that seeded the default generators."""

    def __init__(self) -> None:
        self.count = 0
        self.seeded_at = 0  # the count at that time
        self.path: list[int] = []
        self._lock = threading.Lock()  # two threads that fork at once have children of different numbers

    def seeded(self) -> None:
        self.seeded_at, self.path = self.count, []

    def before(self) -> None:
        self._lock.acquire()
        self.count += 1

    def in_parent(self) -> None:
        self._lock.release()

    def in_child(self) -> None:
        self._lock = threading.Lock()
        count, self.count = self.count, 0
        self.path.append(count - self.seeded_at)
        self.seeded_at = 0
        for generator in list(_alive):
            generator._branch(count - generator._seeded_at)


_alive: weakref.WeakSet[Generator] = weakref.WeakSet()
_forks = _Forks()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_forks.before, after_in_parent=_forks.in_parent, after_in_child=_forks.in_child)

_generators: dict[str, Generator] = {}
_seed: list[int | None] = [None]


def manual_seed(seed: int) -> None:
    """Seed the default generators of all backends."""
    generator = Generator(seed)  # raises before anything has changed
    _seed[0] = seed
    _forks.seeded()
    _generators.clear()
    _generators[generator.backend.name] = generator


def default_generator(backend: Any = None) -> Generator:
    """The default generator of a backend (by default, of the default backend)."""
    where = default_backend() if backend is None else get_backend(backend)
    if where.name not in _generators:
        generator = Generator(_seed[0], where)
        for fork in _forks.path:  # as if it had been made before them
            generator._branch(fork)
        _generators[where.name] = generator
    return _generators[where.name]


# Who wants to know, in this thread or asyncio task, which generators are drawn from.
_watchers: ContextVar[tuple[Draws, ...]] = ContextVar("watchers", default=())


class Draws:
    """Context manager that notes which generators are drawn from inside, so that the same can be drawn again."""

    def __init__(self) -> None:
        self._states: list[tuple[Generator, Any]] = []

    def __enter__(self) -> Draws:
        _watchers.set((*_watchers.get(), self))
        return self

    def __exit__(self, *_: object) -> None:
        _watchers.set(tuple(watcher for watcher in _watchers.get() if watcher is not self))

    def note(self, generator: Generator) -> None:
        """Called before numbers are drawn."""
        if all(generator is not known for known, _ in self._states):
            self._states.append((generator, generator.get_state()))

    @contextmanager
    def again(self) -> Iterator[None]:
        """Context manager: inside, the generators give what they gave before; after it they go on where they were."""
        now = [(generator, generator.get_state()) for generator, _ in self._states]
        for generator, state in self._states:
            generator.set_state(state)
        try:
            yield
        finally:
            for generator, state in now:
                generator.set_state(state)


def _source(generator: Generator | None, backend: Any = None) -> Generator:
    source = default_generator(backend) if generator is None else generator
    if not isinstance(source, Generator):
        raise TypeError(f"random numbers come from a mg.random.Generator(seed), not from {generator!r}")
    for watcher in _watchers.get():
        watcher.note(source)
    return source


def normal(
    shape: Shape = (),
    *more: Any,
    mean: float = 0.0,
    std: float = 1.0,
    dtype: Any = None,
    generator: Generator | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Numbers from the normal distribution with this mean and standard deviation (>= 0), which are given by name."""
    _one_shape("normal", shape, more, "mean=0.0, std=1.0")
    if not std >= 0:
        raise ValueError(f"normal: the standard deviation is a number >= 0, not {std}")
    g = _source(generator)
    x = _stretched(g.backend.normal, g, sizes(shape), _float(dtype), std, mean)
    return made(x, g.backend, requires_grad)


def uniform(
    shape: Shape = (),
    *more: Any,
    low: float = 0.0,
    high: float = 1.0,
    dtype: Any = None,
    generator: Generator | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Numbers spread evenly over low <= x < high, which are given by name."""
    _one_shape("uniform", shape, more, "low=0.0, high=1.0")
    if not -math.inf < low <= high < math.inf:
        raise ValueError(f"uniform: there is no number from {low} to {high}")
    g = _source(generator)
    x = _stretched(g.backend.uniform, g, sizes(shape), _float(dtype), high - low, low)
    return made(x, g.backend, requires_grad)


def randint(low: int, high: int, shape: Shape = (), dtype: Any = None, generator: Generator | None = None) -> Tensor:
    """Integers from low to high - 1, each as likely as the others."""
    low, high = integer(low, "randint: low"), integer(high, "randint: high")
    if high <= low:
        raise ValueError(f"randint: there is no integer from {low} to {high} - 1")
    g = _source(generator)
    kind = dtypes.DEFAULT_INT if dtype is None else dtypes.check(dtype)
    if dtypes.is_float(kind):
        raise TypeError(f"randint: these random numbers are integers, not {kind}")
    return made(g.backend.randint(g.source, low, high, sizes(shape), kind), g.backend, False)


def permutation(n: int, generator: Generator | None = None) -> Tensor:
    """The integers from 0 to n - 1 in random order."""
    n = count(n, "permutation: n")
    g = _source(generator)
    return made(g.backend.permutation(g.source, n), g.backend, False)


def bernoulli(p: float, shape: Shape = (), generator: Generator | None = None, backend: Any = None) -> Tensor:
    """Truth values, each true with probability p."""
    if getattr(p, "ndim", 0):
        raise TypeError("bernoulli: p is one probability; for a tensor of them, mg.random.uniform(p.shape) < p")
    if not 0 <= p <= 1:
        raise ValueError(f"bernoulli: a probability is between 0 and 1, not {p}")
    g = _source(generator, backend)
    return made(g.backend.bernoulli(g.source, p, sizes(shape)), g.backend, False)


def choice(weights: Sequence[float] | Tensor, generator: Generator | None = None) -> int:
    """One index, drawn with probabilities proportional to `weights` (a vector of numbers >= 0)."""
    w = (weights if isinstance(weights, Tensor) else Tensor(weights)).detach().to("float64")
    if w.ndim != 1 or not w.size:
        raise ValueError(f"choice: the weights must be a vector, not of shape {w.shape}")
    values = w.backend.to_numpy(w.array)
    total = values.cumsum()
    if not 0 < total[-1] < math.inf or (values < 0).any():
        raise ValueError("choice: the weights must be >= 0, finite, and not all zero")
    point = uniform((), dtype=dtypes.float64, generator=generator).item() * total[-1]
    return min(int((total <= point).sum()), len(total) - 1)


def categorical(weights: Any, generator: Generator | None = None) -> Tensor:
    """One index for each row, drawn with probabilities proportional to its weights.

    Args:
        weights: (..., C), numbers >= 0, which need not sum to 1. An index of weight 0 is never drawn.
        generator: the source of random numbers; by default that of the weights' backend, where they stay.

    Returns integers (...). Raises ValueError unless the weights of each row are >= 0, finite, and not all zero.
    """
    w = (weights if isinstance(weights, Tensor) else Tensor(weights)).detach().astype(dtypes.float64)
    if not w.ndim or not w.shape[-1]:
        raise ValueError(f"categorical: the weights must be (..., C) with C > 0, not of shape {w.shape}")
    xp: Any = w.backend
    sums = xp.cumulative_sum(w.array, axis=w.ndim - 1)
    total = sums[..., -1:]
    fits = xp.logical_and(xp.all(w.array >= 0), xp.all((total > 0) & (total < math.inf)))
    if not xp.to_numpy(fits):
        raise ValueError("categorical: the weights of each row must be >= 0, finite, and not all zero")
    g = _source(generator, xp)
    points = g.backend.uniform(g.source, (*w.shape[:-1], 1), dtypes.float64)
    # The second number is the last index of weight > 0: where rounding makes a point as large as the total.
    axis = w.ndim - 1
    chosen = xp.minimum(xp.sum(sums <= points * total, axis=axis), xp.sum(sums < total, axis=axis))
    return wrap(chosen, xp)


def _one_shape(what: str, shape: Any, more: tuple[Any, ...], options: str) -> None:
    """Raise TypeError for further positional arguments: sizes in PyTorch, (mean, std, shape) in NumPy."""
    if more:
        raise TypeError(
            f"{what}({', '.join(map(repr, (shape, *more)))}): the shape comes first, as one tuple, and the rest by "
            f"name, as in {what}((3, 4), {options})"
        )


def _stretched(draw: Any, g: Generator, shape: Any, kind: Any, factor: float, shift: float) -> Any:
    """x * factor + shift for what is drawn; of 16-bit floats, rounded once."""
    if factor == 1 and shift == 0:
        return draw(g.source, shape, kind)
    functions: Any = g.backend
    with g.backend.active():
        x = draw(g.source, shape, dtypes.float32 if dtypes.is_half(kind) else kind)
        if factor != 1:
            x *= factor
        if shift != 0:
            x += shift
        return functions.astype(x, dtype=kind) if x.dtype != kind else x


def _float(dtype: Any) -> Any:
    kind = dtypes.DEFAULT_FLOAT if dtype is None else dtypes.check(dtype)
    if not dtypes.is_float(kind):
        raise TypeError(f"these random numbers are floats, not {kind}")
    return kind


on_missing(__name__)

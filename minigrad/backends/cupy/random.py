"""Random numbers made on a GPU. The state of a generator is two integers on the host, so it costs no transfer."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..base import Array, Shape
from ..fused import FusedBackend

ALGORITHM = "philox4x32-10"


class Philox:
    """A counter-based generator (Salmon et al., Parallel random numbers: as easy as 1, 2, 3, 2011).

    Attributes:
        key: which of 2^64 sequences, 0..2^64-1; made from the seed.
        offset: how far in the sequence, from 0.
    """

    def __init__(self, seed: int | None) -> None:
        self.key = int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0])
        self.offset = 0


class CupyRandom(FusedBackend):
    """The calls of a backend that draw random numbers: the same ones on every GPU."""

    def generator(self, seed: int | None) -> Philox:
        """A fresh source of random numbers; without a seed it takes one from the operating system."""
        return Philox(seed)

    def generator_state(self, generator: Philox) -> dict[str, Any]:
        return {"algorithm": ALGORITHM, "key": generator.key, "offset": generator.offset}

    def set_generator_state(self, generator: Philox, state: Any) -> None:
        """Raises ValueError for the state of another kind of generator."""
        if not isinstance(state, dict) or state.get("algorithm") != ALGORITHM:
            raise ValueError(
                f"this is no state of a {ALGORITHM} generator, as the backend {self.name} has them: {state!r}"
            )
        generator.key, generator.offset = int(state["key"]), int(state["offset"])

    def normal(self, generator: Philox, shape: Shape, dtype: Any) -> Array:
        return self._fill(generator, self.kernels.normal, shape, dtype)

    def uniform(self, generator: Philox, shape: Shape, dtype: Any) -> Array:
        return self._fill(generator, self.kernels.uniform, shape, dtype)

    def randint(self, generator: Philox, low: int, high: int, shape: Shape, dtype: Any) -> Array:
        """Integers in low..high-1. Raises ValueError if they do not fit the type."""
        kind = np.dtype(dtype)
        limits = np.iinfo(kind) if kind.kind in "iu" else None
        lowest, highest = (limits.min, limits.max) if limits else (0, 1)
        if low < lowest or high - 1 > highest:
            raise ValueError(f"the numbers {low} to {high - 1} do not fit {kind}")
        out = self.lib.empty(shape, np.int64)
        if out.size:
            start = low if low < 2**63 else low - 2**64  # the kernel adds modulo 2^64
            if high - low == 2**64:
                generator.offset += self.kernels.bits64(generator.key, generator.offset, out.view(np.uint64))
            else:
                generator.offset += self.kernels.integers(generator.key, generator.offset, start, high - low, out)
        return out.astype(kind, copy=False)

    def permutation(self, generator: Philox, n: int) -> Array:
        # Two of the random keys are equal with probability n^2 / 2^65, and then the order of two numbers is not random.
        keys = self._fill(generator, self.kernels.bits64, (n,), np.dtype(np.uint64))
        return self.lib.argsort(keys).astype(np.int64, copy=False)

    def bernoulli(self, generator: Philox, p: float, shape: Shape) -> Array:
        out = self.lib.empty(shape, bool)
        if out.size:
            generator.offset += self.kernels.bernoulli(generator.key, generator.offset, p, out)
        return out

    def _fill(self, generator: Philox, draw: Any, shape: Shape, dtype: Any) -> Array:
        out = self.lib.empty(shape, dtype)
        if out.size:
            generator.offset += draw(generator.key, generator.offset, out)
        return out

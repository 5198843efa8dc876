"""Places: where in the scopes and time steps of a program a node belongs."""

from __future__ import annotations

from typing import NamedTuple

BACKWARD = "backward"  # the name of the outermost place of everything that a backward pass recorded
FORWARD = "forward"  # that of everything else, where both stand side by side


class Place(NamedTuple):
    """One link of the chain of scopes around a node.

    Attributes:
        name: of the scope; empty for a bare time step.
        step: the time step, if it is one.
        last: of several steps that are folded into one, the last; `step` is the first of them.
    """

    name: str
    step: int | None
    last: int | None = None


Chain = tuple[Place, ...]


def around(chain: Chain) -> list[Chain]:
    """The chains of all scopes around, from outside, and the chain itself."""
    return [chain[:k] for k in range(1, len(chain) + 1)]


def common(a: Chain, b: Chain) -> int:
    """How many places, from the outermost, two chains have in common."""
    for n, (x, y) in enumerate(zip(a, b, strict=False)):
        if x != y:
            return n
    return min(len(a), len(b))


def step_from(chain: Chain, k: int = 0) -> int | None:
    """The position of the first time step from position k on; None if there is none."""
    return next((n for n in range(k, len(chain)) if chain[n].step is not None), None)


def steps_of(chain: Chain) -> list[int]:
    """The positions of all time steps, from outside."""
    return [k for k, place in enumerate(chain) if place.step is not None]


def outermost_column(chain: Chain) -> Chain | None:
    """The chain up to its outermost time step; None if there is none."""
    k = step_from(chain)
    return None if k is None else chain[: k + 1]


def axis_of(column: Chain) -> Chain:
    """The chain of a column without its step: what all columns of a time axis have in common."""
    return (*column[:-1], Place(column[-1].name, None))


def other_step(source: Chain, target: Chain) -> int | None:
    """Where two scopes part, if that is in different steps of one time axis: the position in their chains, or None."""
    for k, (a, b) in enumerate(zip(source, target, strict=False)):
        if a != b:
            return k if a.name == b.name and a.step is not None and b.step is not None else None
    return None


def in_backward(chain: Chain) -> bool:
    """Whether this is the scope of a backward pass, or inside it."""
    return bool(chain) and chain[0].name == BACKWARD


def is_pass(chain: Chain) -> bool:
    """Whether this is the frame around the forward or the backward pass; both are as high as the picture."""
    return len(chain) == 1 and chain[0].name in (FORWARD, BACKWARD) and chain[0].step is None

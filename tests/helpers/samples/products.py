"""Samples of products of vectors and matrices."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from samples.row import Case, Generator, Row, Shape, normal

ROWS: dict[str, Row] = {}

MATRICES = [
    ((2, 3), (3, 2)),
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((3,), (3, 2)),
    ((2, 2, 3), (3, 2)),
    ((2, 3), (2, 3, 2)),
    ((2, 1, 2, 3), (2, 3, 1)),
    ((3,), (2, 3, 2)),
    ((2, 2, 3), (3,)),
    ((0, 3), (3, 2)),
    ((2, 0), (0, 2)),
    ((0, 2, 3), (3, 2)),
]


def _shaped_matmul(rng: Generator, shape: Shape) -> Case:
    """Matrices (or vectors), stacked as the drawn shape says."""
    n, k, m = rng.integers(1, 4, 3)
    left, right = (*shape[:1], n, k), (*shape[:1], k, m)
    if rng.random() < 0.3:
        left = left[-2:]
    if rng.random() < 0.3:
        right = (k,)
    return Case(normal(rng, left), normal(rng, right))


ROWS["matmul"] = Row(lambda rng: (Case(normal(rng, a), normal(rng, b)) for a, b in MATRICES), _shaped_matmul, np.matmul)


def _linears(rng: Generator) -> Iterator[Case]:
    for shape in [(2, 3), (3,), (2, 2, 3), (0, 3)]:
        yield Case(normal(rng, shape), normal(rng, (2, 3)), normal(rng, (2,)))
        yield Case(normal(rng, shape), normal(rng, (2, 3)), None)


ROWS["linear"] = Row(
    _linears,
    lambda rng, s: Case(normal(rng, (*s, 2)), normal(rng, (3, 2)), normal(rng, (3,))),
    lambda x, weight, bias: x @ weight.T + (0 if bias is None else bias),
)

EQUATIONS = {
    "ij,jk->ik": [(2, 3), (3, 2)],
    "bij,bjk->bik": [(2, 2, 2), (2, 2, 2)],
    "ij->ji": [(2, 3)],
    "ij->i": [(2, 3)],
    "ij->": [(2, 3)],
    "i,j->ij": [(2,), (3,)],
    "i,i->": [(3,), (3,)],
    "i,i,i->i": [(3,), (3,), (3,)],
    "ij,jk,kl->il": [(2, 2), (2, 3), (3, 2)],
    "ij,k->k": [(2, 2), (3,)],
    ",i->i": [(), (3,)],
    "ai,aj->a": [(1, 3), (2, 2)],
    "ij,ij->j": [(0, 2), (0, 2)],
}


def _shaped_einsum(rng: Generator, shape: Shape) -> Case:
    letters = "abcdef"[: len(shape)]
    result = "".join(c for c in letters if rng.random() < 0.6)
    term = "".join(rng.permutation(list(letters))) if letters else ""
    other = tuple(shape[letters.index(c)] for c in term)
    return Case(normal(rng, shape), normal(rng, other), subscripts=f"{letters},{term}->{result}")


ROWS["einsum"] = Row(
    lambda rng: (Case(*(normal(rng, s) for s in shapes), subscripts=e) for e, shapes in EQUATIONS.items()),
    _shaped_einsum,
    lambda *xs, subscripts: np.einsum(subscripts, *xs),
)

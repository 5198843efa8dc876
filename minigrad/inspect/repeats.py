"""Where a tape repeats itself: the steps of recurrences, the repeated calls of modules, and loops without names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from ..engine.scope import Scope
from .entry import Constant, Entry

COMPARED_INPUTS = 8  # of an operation with more inputs, the first ones are compared
PERIODS_TRIED = 32  # bounds the time; a tape seldom has more than a few different loops
LEAST_HIDDEN = 3  # lines; fewer are not worth a line that says so
LEAST_ROUNDS_WITHOUT_STEPS = 6  # a cell may well take four slices in a row: that is no loop


class Repeat(NamedTuple):
    """Blocks of `period` lines, one after the other, that differ in nothing but the step.

    Line `start` begins the first block, and lines `hidden_from` to `hidden_to` (exclusive) are like it. `marker` is the
    line of the first block whose step tells the blocks apart, or None if no step does.
    """

    start: int
    period: int
    hidden_from: int
    hidden_to: int
    marker: int | None

    @property
    def hidden(self) -> int:
        """The number of lines that need not be shown."""
        return self.hidden_to - self.hidden_from


class Repeats:
    """Finds the repeats of a tape.

    Lines are alike if they have the same operation, scope (but for one step number), shape, dtype and number of
    inputs, and if step number and inputs go on evenly: each is the same in every block or moves on by the same amount.
    What constants hold is data and may differ.
    """

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.steps: list[tuple[int, ...]] = []
        self._kinds: list[int] = []
        known: dict[Scope, tuple[str, tuple[int, ...]]] = {}
        kinds: dict[Hashable, int] = {}
        for entry in entries:
            node = entry.node
            if node.scope not in known:
                known[node.scope] = (node.scope.path, node.scope.steps)
            path, steps = known[node.scope]
            kind = (node.name, path, len(steps), node.scope.backward, node.shape, node.dtype, len(entry.inputs))
            self._kinds.append(kinds.setdefault(kind, len(kinds)))
            self.steps.append(steps)

        self._kind_array = np.array(self._kinds, dtype=np.int64)
        self._step_array = _rectangle(self.steps)
        self._inputs = [entry.inputs for entry in entries]
        sources = _sources(entries)
        self._source_array = _rectangle(
            [[-1 if i is None else sources[i] for i in inputs[:COMPARED_INPUTS]] for inputs in self._inputs]
        )

    def find(self, start: int, stop: int) -> list[Repeat]:
        """Repeats among the lines from `start` to `stop` (exclusive): in order, without overlap, those that hide most.

        The blocks that stay visible, and what lies between the repeats, may hold smaller repeats.
        """
        candidates = [repeat for period in self._periods(start, stop) for repeat in self._runs(start, stop, period)]
        candidates.sort(key=lambda r: (-r.hidden, r.period, r.start))
        taken = np.zeros(stop - start, dtype=bool)
        chosen = []
        for repeat in candidates:
            lines = slice(repeat.start - start, repeat.hidden_to - start)
            if not taken[lines].any():
                taken[lines] = True
                chosen.append(repeat)
        return sorted(chosen)

    def _periods(self, start: int, stop: int) -> list[int]:
        """Distances between lines of one kind: in the next step, or, without steps, the next one."""
        votes: Counter[int] = Counter()
        ranks: Counter[Hashable] = Counter()
        last: dict[Hashable, int] = {}
        for i in range(start, stop):
            kind, steps = self._kinds[i], self.steps[i]
            rank = ranks[kind, steps]
            ranks[kind, steps] += 1
            keys: list[Hashable] = [(kind, rank, c, steps[:c] + steps[c + 1 :]) for c in range(len(steps))]
            for key in keys or [kind]:
                if key in last:
                    votes[i - last[key]] += 1
                last[key] = i
        return [period for period, _ in votes.most_common(PERIODS_TRIED)]

    def _runs(self, start: int, stop: int, period: int) -> list[Repeat]:
        """The repeats of one period: where three blocks or more follow each other evenly."""
        if stop - start < 3 * period:
            return []
        kinds = self._kind_array[start:stop]
        steps = self._step_array[start:stop]
        sources = self._source_array[start:stop]
        moves = steps[period:] - steps[:-period]
        reads = sources[period:] - sources[:-period]
        alike = (kinds[period:] == kinds[:-period]) & ((moves != 0).sum(axis=1) <= 1)
        even = alike[period:] & alike[:-period]
        even &= (moves[period:] == moves[:-period]).all(axis=1) & (reads[period:] == reads[:-period]).all(axis=1)
        edges = np.flatnonzero(np.diff(np.concatenate([[0], even.view(np.int8), [0]])))
        found = []
        for first, end in edges.reshape(-1, 2).tolist():
            if end - first >= period:
                repeat = self._aligned(start + first, start + end + 2 * period, period)
                if repeat is not None and repeat.hidden >= LEAST_HIDDEN:
                    found.append(repeat)
        return found

    def _aligned(self, start: int, stop: int, period: int) -> Repeat | None:
        """The repeat in the lines from `start` to `stop`, its blocks begun where a step begins."""
        moved = [(self.steps[i] != self.steps[i + period]) for i in range(start, start + period)]
        if not any(moved):
            rounds = (stop - start) // period
            if rounds < LEAST_ROUNDS_WITHOUT_STEPS:
                return None
            return Repeat(start, period, start + period, start + (rounds - 1) * period, None)

        marked = [i for i in range(start, start + 2 * period) if moved[(i - start) % period]]
        begin, marker = marked[0], marked[0]
        for before, i in pairwise(marked):
            if self._clock(before, period) != self._clock(i, period):
                begin, marker = self._begin(before + 1, i, i - period), i
                break
        if begin - period >= start:
            begin, marker = begin - period, marker - period

        rounds = (stop - begin) // period
        if rounds < 3:
            return None
        return Repeat(begin, period, begin + period, begin + (rounds - 1) * period, marker)

    def _begin(self, first: int, marker: int, ended: int) -> int:
        """Where the step of line `marker` begins, if the lines from `first` on are outside the loop's scopes.

        What reads the step that began at line `ended` belongs to it; the rest, such as the slice x[t], to the next.
        """
        while first < marker and any(i is not None and i >= ended for i in self._inputs[first]):
            first += 1
        return first

    def _clock(self, i: int, period: int) -> int:
        """The step number of line `i` that differs from block to block."""
        return next((a for a, b in zip(self.steps[i], self.steps[i + period], strict=True) if a != b), 0)


def _sources(entries: Sequence[Entry]) -> list[int]:
    """A number for each line as an input: operations count on, leaves have one each, constants are not told apart.

    Leaves and constants get their lines where they are first read. Operations are counted without them, so that the
    distance to the state of the step before is the same in the second step as in all later ones.
    """
    sources, operations = [], 0
    for entry in entries:
        if isinstance(entry.node, Constant):
            sources.append(-1)
        elif entry.node.primitive is None:
            sources.append(-2 - entry.number)
        else:
            sources.append(operations)
            operations += 1
    return sources


def _rectangle(rows: Sequence[Sequence[int]]) -> np.ndarray:
    """Rows of different lengths as one array, filled up with -1."""
    width = max(map(len, rows), default=0)
    filled = [[*row, *[-1] * (width - len(row))] for row in rows]
    return np.array(filled, dtype=np.int64).reshape(len(rows), width)

"""Rows of a picture: how high each node and each scope stands."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from minigrad.inspect.graph.chains import (
    FORWARD,
    Chain,
    Place,
    around,
    axis_of,
    common,
    in_backward,
    is_pass,
    outermost_column,
)
from minigrad.inspect.graph.model import LEAVES, Graph
from minigrad.inspect.graph.timeline import positions

ROW_GAP = 30.0
PADDING = 9.0
TITLE = 14.0  # the line with a module's name, at the top of its frame
FOOT = 14.0  # the line with the time step, at the bottom of its column

Span = tuple[int, int]


def levels(graph: Graph) -> dict[int, int]:
    """The row of each node, the lowest being 0.

    A node stands above its inputs, and a scope as a whole above what flows into it; corresponding nodes of all steps
    stand in one row. Leaves, and what a time step computes for itself, stand right below their first use. A state
    behind a box stands beside it, the node for left-out steps beside the states that flow into it. What a backward pass
    recorded has rows of its own, which begin at the bottom, too.
    """
    links = _Links(graph)
    rows = _above_inputs(graph, links, _corresponding(graph))
    if rows is None:
        rows = _above_inputs(graph, links, {}) or {}
    _down_from_users(graph, links, rows)
    _beside_states(graph, links, rows)
    for node in graph.nodes:
        rows[node.id] = rows[links.origin(node.id)]
    sides = {node.id: in_backward(node.scope) for node in graph.nodes}
    lowest = {side: min(rows[i] for i in sides if sides[i] is side) for side in set(sides.values())}
    return {i: rows[i] - lowest[side] for i, side in sides.items()}


def _beside_states(graph: Graph, links: _Links, rows: dict[int, int]) -> None:
    """Move the nodes for left-out steps, in place: beside the states that flow into them, out of the way of others."""
    passing: dict[Chain, set[int]] = defaultdict(set)
    floor: dict[Chain, int] = {}
    for node in graph.nodes:
        column = outermost_column(node.scope)
        if column is None or node.kind == "ellipsis":
            continue
        if links.origin(node.id) == node.id:
            axis = axis_of(column)
            floor[axis] = min(floor.get(axis, rows[node.id]), rows[node.id])
        elif links.nodes[links.carried[node.id][0]].kind != "ellipsis":
            passing[column].add(rows[links.origin(node.id)])
    for node in graph.nodes:
        column = outermost_column(node.scope)
        if node.kind != "ellipsis" or column is None:
            continue
        beside = [rows[links.origin(j)] for j in links.carried[node.id]]
        limit = min((rows[j] - 1 for j in links.users[node.id]), default=max(rows.values()))
        wanted = max([rows[node.id], floor.get(axis_of(column), 0), *beside])
        while wanted in passing[column] and wanted < limit:
            wanted += 1
        rows[node.id] = max(rows[node.id], min(limit, wanted))


def _corresponding(graph: Graph) -> dict[int, int]:
    """For each node in a time step, one of the nodes that correspond to it in all steps."""
    first: dict[object, int] = {}
    return {i: first.setdefault(where, i) for i, where in positions(graph).items()}


class _Links:
    """The edges by node: values, and carried states apart.

    `inputs` leaves out parameters and data, which follow their users. `entrances` are the inputs of whole scopes.
    """

    def __init__(self, graph: Graph) -> None:
        self.inputs: dict[int, list[int]] = defaultdict(list)
        self.users: dict[int, list[int]] = defaultdict(list)
        self.carried: dict[int, list[int]] = defaultdict(list)
        self.entrances: dict[Chain, set[int]] = defaultdict(set)
        self.leaves = {node.id for node in graph.nodes if node.kind in LEAVES}
        self.nodes = graph.by_id()
        first: dict[Chain, int] = {}
        for node in graph.nodes:
            for chain in around(node.scope):
                first.setdefault(chain, node.id)
        for edge in graph.edges:
            if edge.state:
                self.carried[edge.target].append(edge.source)
                continue
            if in_backward(self.nodes[edge.source].scope) != in_backward(self.nodes[edge.target].scope):
                continue
            self.users[edge.source].append(edge.target)
            if edge.source in self.leaves:
                continue
            self.inputs[edge.target].append(edge.source)
            chain = self.nodes[edge.target].scope
            for k in range(common(self.nodes[edge.source].scope, chain), len(chain)):
                # A scope that has begun before this value was made cannot stand above it.
                if chain[k].step is None and edge.source < first[chain[: k + 1]]:
                    self.entrances[chain[: k + 1]].add(edge.source)

    def origin(self, i: int) -> int:
        """The box that a state is handed on by, past left-out steps; the node itself if it is no such state."""
        while self.nodes[i].behind_box:
            i = self.carried[i][0]
        return i


def _above_inputs(graph: Graph, links: _Links, same: Mapping[int, int]) -> dict[int, int] | None:
    """The length of the longest chain of inputs below each node, those of the scopes around it included.

    Nodes that `same` maps to one id count as one. Then None if that makes a circle.
    """
    rows: dict[int | Chain, int] = {}
    inputs: dict[int | Chain, list[int | Chain]] = defaultdict(list)
    users: dict[int | Chain, list[int | Chain]] = defaultdict(list)
    for chain, sources in links.entrances.items():
        inputs[chain] += [same.get(j, j) for j in sources]
    for node in graph.nodes:
        own = inputs[same.get(node.id, node.id)]
        own += [same.get(j, j) for j in links.inputs[node.id]]
        own += [chain for chain in around(node.scope) if chain in links.entrances]
    for target, sources_of_target in inputs.items():
        for source in sources_of_target:
            users[source].append(target)
    waiting = {i: len(found) for i, found in inputs.items()}
    ready = [i for i, n in waiting.items() if not n]
    while ready:
        i = ready.pop()
        # An entrance is no row of its own: it stands where the highest of its inputs stands.
        rows[i] = max((rows[j] + 1 for j in inputs[i]), default=0) - isinstance(i, tuple)
        for j in users[i]:
            waiting[j] -= 1
            if not waiting[j]:
                ready.append(j)
    if len(rows) < len(inputs):
        if same:
            return None
        for node in graph.nodes:  # folding can make circles: their nodes come here
            rows.setdefault(node.id, 1 + max((rows[j] for j in inputs[node.id] if j in rows), default=0))
    return {node.id: rows[same.get(node.id, node.id)] for node in graph.nodes}


def _down_from_users(graph: Graph, links: _Links, rows: dict[int, int]) -> None:
    """Move what may stand higher right below its lowest user, in place; below the whole scope if that is another."""
    bottom: dict[Chain, int] = {}
    for node in sorted(graph.nodes, key=lambda node: (node.id not in links.leaves, node.id), reverse=True):
        if links.origin(node.id) != node.id:
            continue
        column = outermost_column(node.scope)
        limits = []
        for j in links.users[node.id]:
            chain = links.nodes[j].scope
            k = common(node.scope, chain)
            own_step = column is not None and chain[: len(column)] == column
            if own_step or node.id in links.leaves or not links.inputs[node.id]:
                limits.append(bottom.get(chain[: k + 1], rows[j]) if k < len(chain) else rows[j])
        if limits:
            rows[node.id] = min(limits) - 1
        for chain in around(node.scope):
            bottom[chain] = min(bottom.get(chain, rows[node.id]), rows[node.id])


def scope_spans(graph: Graph, rows: dict[int, int]) -> dict[Chain, tuple[int, int]]:
    """The lowest and the highest row of each scope; the columns of one axis share them."""
    spans: dict[Chain, tuple[int, int]] = {}
    axes: dict[Chain, tuple[int, int]] = {}
    for node in graph.nodes:
        row = rows[node.id]
        for chain in around(node.scope):
            table, key = (spans, chain) if chain[-1].step is None else (axes, axis_of(chain))
            bottom, top = table.get(key, (row, row))
            spans[chain] = table[key] = min(bottom, row), max(top, row)
    for chain in spans:
        if chain[-1].step is not None:
            spans[chain] = axes[axis_of(chain)]
        elif is_pass(chain):
            spans[chain] = (0, max(rows.values()))
    return spans


# --- from rows to points ----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Heights:
    """Where the rows stand, in points from below.

    Attributes:
        bands: the bottom and the top of the tallest node of each row.
        strips: the same, with the frames that begin or end in the row. ROW_GAP is between two of them.
        frames: the bottom and the top of each scope's frame.
        total: the height of everything.
    """

    bands: list[tuple[float, float]]
    strips: list[tuple[float, float]]
    frames: dict[Chain, tuple[float, float]]
    total: float


def heights(rows: Mapping[int, int], tall: Mapping[int, float], spans: Mapping[Chain, Span]) -> Heights:
    """Stack the rows, with room between them for the frames that begin and end there.

    Args:
        rows: the row of each node.
        tall: the height of each node, in points.
        spans: the rows of each scope.
    """
    below, above = _margins(spans)
    count = 1 + max(rows.values(), default=0)
    row_tall, row_below, row_above = [0.0] * count, [0.0] * count, [0.0] * count
    for i, row in rows.items():
        row_tall[row] = max(row_tall[row], tall[i])
    for chain, (bottom, top) in spans.items():
        row_below[bottom] = max(row_below[bottom], below[chain])
        row_above[top] = max(row_above[top], above[chain])
    y = 0.0
    floor, ceiling = [0.0] * count, [0.0] * count
    strips = []
    for row in range(count):
        strips.append((y, y + row_below[row] + row_tall[row] + row_above[row]))
        floor[row] = y + row_below[row]
        ceiling[row] = floor[row] + row_tall[row]
        y = ceiling[row] + row_above[row] + ROW_GAP
    frames = {
        chain: (floor[bottom] - below[chain], ceiling[top] + above[chain]) for chain, (bottom, top) in spans.items()
    }
    return Heights(list(zip(floor, ceiling, strict=True)), strips, frames, y - ROW_GAP)


def _margins(spans: Mapping[Chain, Span]) -> tuple[dict[Chain, float], dict[Chain, float]]:
    """For each scope the room below its lowest and above its highest row, inner frames that end there included.

    The columns of one axis get the same room, and so do the forward and the backward pass.
    """

    def shared_by(chain: Chain) -> Chain:
        if is_pass(chain):
            return (Place(FORWARD, None),)
        return axis_of(chain) if chain[-1].step is not None else chain

    below: dict[Chain, float] = defaultdict(float)
    above: dict[Chain, float] = defaultdict(float)
    inner_below: dict[Chain, float] = defaultdict(float)
    inner_above: dict[Chain, float] = defaultdict(float)
    for chain in sorted(spans, key=len, reverse=True):
        column = chain[-1].step is not None
        shared = shared_by(chain)
        below[shared] = max(below[shared], inner_below[chain] + PADDING + (FOOT if column else 0))
        above[shared] = max(above[shared], inner_above[chain] + PADDING + (0 if column else TITLE))
        outer = chain[:-1]
        if outer and spans[outer][0] == spans[chain][0]:
            inner_below[outer] = max(inner_below[outer], below[shared])
        if outer and spans[outer][1] == spans[chain][1]:
            inner_above[outer] = max(inner_above[outer], above[shared])
    return {chain: below[shared_by(chain)] for chain in spans}, {chain: above[shared_by(chain)] for chain in spans}

"""Where everything stands in a picture: rows, lanes and columns, in points, independent of any renderer.

Graphviz's own layout treats an unrolled network as any other graph, and loses the order of its time steps. Here the
regular structure decides:

- A node's *row* is one above the highest of its inputs, what time steps hand on left aside. So the same operation
  stands in the same row in every step.
- Inside a scope, nodes and inner scopes are put into *lanes*, from the results down: each prefers the lane of what
  uses it.
- The steps of a time axis are *columns* from left to right, all of the same height.

Nothing recurses, and a chain of ten thousand nodes takes a second.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .model import Chain, Graph
from .rows import PADDING, heights, levels, scope_spans
from .timeline import positions

LANE_GAP = 16.0
COLUMN_GAP = 18.0
NEAR = 2  # lanes searched on either side before a new one is opened
SORTABLE = 12  # more lanes than this keep the order in which they were opened


@dataclass(slots=True)
class Frame:
    """The rectangle around a scope, in points."""

    chain: Chain
    left: float
    right: float
    bottom: float = 0.0
    top: float = 0.0


@dataclass(slots=True)
class Layout:
    """Positions in points; y grows upwards.

    Attributes:
        centers: of the nodes, by id.
        frames: of the scopes, outer ones first.
        width, height: of the whole picture.
    """

    centers: dict[int, tuple[float, float]]
    frames: list[Frame]
    width: float
    height: float


def place(graph: Graph, sizes: Mapping[int, tuple[float, float]], titles: Mapping[Chain, float]) -> Layout:
    """Lay out a view.

    Args:
        graph: a view, as `fold.view` makes it.
        sizes: width and height of each node, in points, by id.
        titles: for scopes, the width of the line that names it and must fit into its frame.
    """
    rows = levels(graph)
    links = _Links(graph)
    items: dict[Chain, list[_Item]] = defaultdict(list)
    chains: set[Chain] = {()}
    for node in graph.nodes:
        width = sizes[node.id][0]
        items[node.scope].append(_Item(rows[node.id], rows[node.id], width, [(node.id, width / 2)], [], node.id))
        chains.update(node.scope[:k] for k in range(1, len(node.scope) + 1))
    spans = scope_spans(graph, rows)
    for chain in sorted(chains, key=len, reverse=True):
        inside = _in_lanes(_side_by_side(items.pop(chain, [])), links)
        if chain:
            items[chain[:-1]].append(_framed(inside, chain, titles.get(chain, 0.0), spans[chain]))
    stacked = heights(rows, {i: size[1] for i, size in sizes.items()}, spans)
    for frame in inside.frames:
        frame.bottom, frame.top = stacked.frames[frame.chain]
    return Layout(
        {i: (x, stacked.centers[rows[i]]) for i, x in inside.nodes},
        sorted(inside.frames, key=lambda frame: len(frame.chain)),
        inside.width,
        stacked.total,
    )


@dataclass(slots=True)
class _Item:
    """Something that takes part in the arrangement of a scope: a node, or an inner scope with all it holds."""

    bottom: int  # rows
    top: int
    width: float
    nodes: list[tuple[int, float]]  # id, and x of the centre from the left side of the item
    frames: list[Frame]
    first: int  # the lowest id in it
    chain: Chain = ()

    def add(self, other: _Item, x: float) -> None:
        """Take in all that another item holds, with its left side at x."""
        self.bottom, self.top = min(self.bottom, other.bottom), max(self.top, other.top)
        self.nodes += [(i, x + dx) for i, dx in other.nodes]
        for frame in other.frames:
            frame.left += x
            frame.right += x
        self.frames += other.frames
        self.first = min(self.first, other.first)


class _Links:
    """Who uses a node's values, and which nodes hand on or receive states."""

    def __init__(self, graph: Graph) -> None:
        self.users: dict[int, list[int]] = defaultdict(list)
        self.arriving: set[int] = set()
        self.beside: dict[int, int] = {}
        self.parameters = {node.id for node in graph.nodes if node.kind == "parameter"}
        own_state = {node.id for node in graph.nodes if node.kind == "state" and node.count == 0}
        for edge in graph.edges:
            if not edge.state:
                self.users[edge.source].append(edge.target)
            elif edge.target in own_state:
                self.beside[edge.target] = edge.source
            else:
                self.arriving.add(edge.target)
        position = positions(graph)  # the first step has the same lanes as the others, though nothing arrives there
        arrivals = {position[i] for i in self.arriving if i in position}
        self.arriving.update(i for i, where in position.items() if where in arrivals)
        self.near: dict[int, list[int]] = defaultdict(list)  # both ends of every edge
        for edge in graph.edges:
            if not edge.state:
                self.near[edge.source].append(edge.target)
                self.near[edge.target].append(edge.source)


def _framed(item: _Item, chain: Chain, title: float, span: tuple[int, int]) -> _Item:
    """The item with a frame around it. Columns of one axis take part with the rows of all of them."""
    inner = max(item.width, title)
    result = _Item(*span, inner + 2 * PADDING, [], [Frame(chain, 0.0, inner + 2 * PADDING)], item.first, chain)
    result.add(item, PADDING + (inner - item.width) / 2)
    return result


def _side_by_side(items: list[_Item]) -> list[_Item]:
    """The items with the columns of each time axis joined into one item, in the order of their steps."""
    axes: dict[str, list[_Item]] = defaultdict(list)
    result = []
    for item in items:
        if item.chain and item.chain[-1].step is not None:
            axes[item.chain[-1].name].append(item)
        else:
            result.append(item)
    for columns in axes.values():
        columns.sort(key=lambda item: item.chain[-1].step or 0)
        joined = _Item(columns[0].bottom, columns[0].top, 0.0, [], [], columns[0].first)
        for column in columns:
            joined.add(column, joined.width)
            joined.width += column.width + COLUMN_GAP
        joined.width -= COLUMN_GAP
        result.append(joined)
    return result


# --- lanes ------------------------------------------------------------------------------------------------------------


@dataclass(slots=True, eq=False)
class _Lane:
    """Items one above the other; `bottom` is the row of the lowest."""

    items: list[int]
    bottom: int


def _in_lanes(items: list[_Item], links: _Links) -> _Item:
    """The items arranged in lanes, as one item."""
    items.sort(key=lambda item: (-item.top, item.first in links.parameters, item.first))
    where = {i: n for n, item in enumerate(items) for i, _ in item.nodes}
    lanes: list[_Lane] = []
    lane_of: dict[int, _Lane] = {}
    for n, item in enumerate(items):
        lane = lane_of[n] = _free_lane(item, lanes, _preferred(item, n, where, lane_of, links))
        lane.items.append(n)
        lane.bottom = item.bottom
    if len(lanes) <= SORTABLE:
        _sort_lanes(lanes, _forces(items, where, links))
    whole = _Item(items[0].bottom, items[0].top, 0.0, [], [], items[0].first)
    for lane in lanes:
        width = max(items[n].width for n in lane.items)
        for n, x in _within_lane([items[n] for n in lane.items], width, links):
            whole.add(items[lane.items[n]], whole.width + x)
        whole.width += width + LANE_GAP
    whole.width -= LANE_GAP
    return whole


def _within_lane(items: list[_Item], width: float, links: _Links) -> Iterator[tuple[int, float]]:
    """The left sides of the items of one lane, from the top down: each as near as it can be to what it is linked to.

    The widest stays in the middle; from there the others find their places, upwards and downwards.
    """
    widest = max(range(len(items)), key=lambda n: items[n].width)
    known: dict[int, float] = {}
    for n in (widest, *range(widest - 1, -1, -1), *range(widest + 1, len(items))):
        item = items[n]
        pulls = [known[j] - dx for i, dx in item.nodes for j in links.near[i] if j in known]
        x = sum(pulls) / len(pulls) if pulls else (width - item.width) / 2
        x = min(max(x, 0.0), width - item.width)
        known.update((i, x + dx) for i, dx in item.nodes)
        yield n, x


def _preferred(item: _Item, n: int, where: dict[int, int], lane_of: dict[int, _Lane], links: _Links) -> _Lane | None:
    """The lane of what uses the item, or of the box that it is a state of."""
    for i, _ in item.nodes:
        for user in (*links.users[i], links.beside.get(i, -1)):
            m = where.get(user, n)
            if m != n and m in lane_of:
                return lane_of[m]
    return None


def _free_lane(item: _Item, lanes: list[_Lane], near: _Lane | None) -> _Lane:
    """The nearest lane with room for the item, which comes below all it holds; a new one if none is near."""
    start = lanes.index(near) if near is not None else len(lanes)
    for distance in range(NEAR + 1):
        for k in (start + distance, start - distance):
            if 0 <= k < len(lanes) and item.top < lanes[k].bottom:
                return lanes[k]
    lane = _Lane([], item.bottom)
    lanes.insert(start + 1, lane)
    return lane


# How strongly two items want to be in lanes near each other; -1 and -2 stand for the left and the right side.
_Forces = list[tuple[int, int, float]]
_LEFT, _RIGHT = -1, -2


def _forces(items: list[_Item], where: dict[int, int], links: _Links) -> _Forces:
    forces: _Forces = []
    for n, item in enumerate(items):
        for i, _ in item.nodes:
            forces += [(n, where[user], 1.0) for user in links.users[i] if where.get(user, n) != n]
            if i in links.beside:
                forces.append((n, _RIGHT, 3.0))
            elif i in links.arriving:
                forces.append((n, _LEFT, 1.5))
    return forces


def _sort_lanes(lanes: list[_Lane], forces: _Forces) -> None:
    """Swap neighbouring lanes, in place, as long as that makes the edges between lanes shorter."""

    def cost() -> float:
        position = {n: float(k) for k, lane in enumerate(lanes) for n in lane.items}
        position[_LEFT], position[_RIGHT] = 0.0, len(lanes) - 1.0
        return sum(weight * abs(position[a] - position[b]) for a, b, weight in forces)

    best = cost()
    for _ in range(len(lanes)):
        improved = False
        for k in range(len(lanes) - 1):
            lanes[k], lanes[k + 1] = lanes[k + 1], lanes[k]
            now = cost()
            if now < best - 1e-9:
                best, improved = now, True
            else:
                lanes[k], lanes[k + 1] = lanes[k + 1], lanes[k]
        if not improved:
            return

"""Lanes: how the nodes and inner scopes of one scope are arranged beside each other and above each other.

Everything has its rows already. From the results down, each item prefers the lane of what uses it; then the lanes
are put into the order in which the edges between them are short.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from minigrad.inspect.graph.chains import Chain, in_backward, is_pass, other_step, step_from
from minigrad.inspect.graph.model import LEAVES, Graph
from minigrad.inspect.graph.timeline import positions

LANE_GAP = 16.0
LEFT, RIGHT = -1, -2  # the sides of a scope, where its lanes have their numbers
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


# What axes above each other share if they have the same columns: the time step or the pass around them, and the steps.
Steps = tuple[Chain, frozenset[int]]


@dataclass(slots=True)
class Item:
    """Something that takes part in the arrangement of a scope: a node, or an inner scope with all it holds."""

    bottom: int  # rows
    top: int
    width: float
    nodes: list[tuple[int, float]]  # id, and x of the centre from the left side of the item
    frames: list[Frame]
    first: int  # the lowest id in it
    chain: Chain = ()
    axes: list[tuple[Steps, float]] = field(default_factory=list)  # with the x of their left sides

    def add(self, other: Item, x: float) -> None:
        """Take in all that another item holds, with its left side at x."""
        other.move(x)
        self.bottom, self.top = min(self.bottom, other.bottom), max(self.top, other.top)
        self.nodes += other.nodes
        self.frames += other.frames
        self.axes += other.axes
        self.first = min(self.first, other.first)

    def move(self, x: float) -> None:
        """Move all that it holds to the right."""
        self.nodes = [(i, dx + x) for i, dx in self.nodes]
        self.axes = [(steps, dx + x) for steps, dx in self.axes]
        for frame in self.frames:
            frame.left += x
            frame.right += x


class Links:
    """Who uses a node's values, and which nodes hand on or receive states.

    Attributes:
        users: by node, who reads its values, carried states left aside; near: both ends of every such edge.
        beside: for a state behind a box, that box.
        side: for a state behind a box and for what receives a state, on which side the edge is.
        handed: by node, what receives a state of it, in whatever step.
    """

    def __init__(self, graph: Graph) -> None:
        self.users: dict[int, list[int]] = defaultdict(list)
        self.near: dict[int, list[int]] = defaultdict(list)
        self.beside: dict[int, int] = {}
        self.side: dict[int, int] = {}
        self.handed: dict[int, list[int]] = defaultdict(list)
        self.parameters = {node.id for node in graph.nodes if node.kind == "parameter"}
        self.leaves = {node.id for node in graph.nodes if node.kind in LEAVES}
        self.timeless = {node.id for node in graph.nodes if step_from(node.scope) is None}
        nodes = graph.by_id()
        behind_box = {node.id for node in graph.nodes if node.kind == "state" and node.count == 0}
        for edge in graph.edges:
            if not edge.state:
                self.users[edge.source].append(edge.target)
                self.near[edge.source].append(edge.target)
                self.near[edge.target].append(edge.source)
                continue
            self.handed[edge.source].append(edge.target)
            back = _goes_back(nodes[edge.source].scope, nodes[edge.target].scope)
            if edge.target in behind_box and edge.source not in behind_box:
                self.beside[edge.target] = edge.source
                self.side.setdefault(edge.target, RIGHT)
            elif edge.target not in behind_box:
                self.side[edge.target] = RIGHT if back else LEFT
            if back and edge.source in behind_box:
                self.side[edge.source] = LEFT
        position = positions(graph)  # the first step has the same lanes as the others, though nothing arrives there
        sides = {position[i]: side for i, side in self.side.items() if i in position}
        self.side.update((i, sides[where]) for i, where in position.items() if where in sides)


def _goes_back(source: Chain, target: Chain) -> bool:
    """Whether what flows from one scope to another goes from a later step to an earlier one."""
    k = other_step(source, target)
    return k is not None and (source[k].step or 0) > (target[k].step or 0)


@dataclass(slots=True, eq=False)
class _Lane:
    """Items one above the other; `bottom` is the row of the lowest."""

    items: list[int]
    bottom: int


def in_lanes(items: list[Item], links: Links) -> Item:
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
    lanes.sort(key=lambda lane: _is_backward_pass(items[lane.items[0]].chain))  # right of the forward pass
    x = 0.0
    placed: dict[int, float] = {}
    for lane in lanes:
        lefts, width = _within_lane([items[n] for n in lane.items], links)
        placed.update((n, x + left) for n, left in zip(lane.items, lefts, strict=True))
        x += width + LANE_GAP
    _towards_users(items, placed, links)
    outermost = min(placed.values())
    whole = Item(items[0].bottom, items[0].top, 0.0, [], [], items[0].first)
    for n, left in placed.items():
        whole.add(items[n], left - outermost)
        whole.width = max(whole.width, left - outermost + items[n].width)
    return whole


def _towards_users(items: list[Item], placed: dict[int, float], links: Links) -> None:
    """Move leaves, and all that is outside of time, to what reads them, in place, as near as their rows allow.

    A lane is as wide as its widest item: without this, they could stand far off beside a wide frame in other rows.
    """
    in_row: dict[int, set[int]] = defaultdict(set)
    for n, item in enumerate(items):
        for row in range(item.bottom, item.top + 1):
            in_row[row].add(n)
    where = {i: (n, dx) for n, item in enumerate(items) for i, dx in item.nodes}
    for n, item in enumerate(items):
        if not _is_movable(item, links):
            continue
        for linked in (links.users, links.near):  # what nobody here reads goes to what it reads
            pulls = [
                placed[where[j][0]] + where[j][1] - dx
                for i, dx in item.nodes
                for j in linked[i]
                if j in where and where[j][0] != n
            ]
            if pulls:
                break
        else:
            continue
        wanted = min(max(placed[n], min(pulls)), max(pulls))
        beside = set[int]().union(*(in_row[row] for row in range(item.bottom, item.top + 1))) - {n}
        low = max((placed[m] + items[m].width + LANE_GAP for m in beside if placed[m] < placed[n]), default=-math.inf)
        high = min((placed[m] - LANE_GAP - item.width for m in beside if placed[m] > placed[n]), default=math.inf)
        if low <= high:
            placed[n] = min(max(wanted, low), high)


def _is_movable(item: Item, links: Links) -> bool:
    """Not time axes, nor what is in time steps; nor shared parameters, whose many lines run better from the side."""
    if not item.chain:
        if item.first in links.parameters and len(links.users[item.first]) > 1:
            return False
        return not item.axes and (item.first in links.leaves or item.first in links.timeless)
    return not item.axes and not is_pass(item.chain) and all(place.step is None for place in item.chain)


def _within_lane(items: list[Item], links: Links) -> tuple[list[float], float]:
    """The left sides of the items of one lane, which are ordered from the top down, and the width of the lane.

    Time axes with the same steps stand exactly above each other. Everything else is as near as it can be to what it is
    linked to: from what is settled, or else from the widest, the others find their places, upwards and downwards.
    """
    lefts, width = _same_axes(items)
    if not lefts:
        widest = max(range(len(items)), key=lambda n: items[n].width)
        lefts = {widest: (width - items[widest].width) / 2}
    known = {i: lefts[n] + dx for n in lefts for i, dx in items[n].nodes}
    start = min(lefts)
    for n in (*range(start, -1, -1), *range(start, len(items))):
        if n in lefts:
            continue
        item = items[n]
        pulls = [known[j] - dx for i, dx in item.nodes for j in links.near[i] if j in known]
        x = sum(pulls) / len(pulls) if pulls else (width - item.width) / 2
        lefts[n] = min(max(x, 0.0), width - item.width)
        known.update((i, lefts[n] + dx) for i, dx in item.nodes)
    return [lefts[n] for n in range(len(items))], width


def _same_axes(items: list[Item]) -> tuple[dict[int, float], float]:
    """The left sides of those items of a lane that hold a time axis with the same steps, and the width of the lane."""
    width = max(item.width for item in items)
    users = Counter(steps for item in items for steps in {steps for steps, _ in item.axes})
    if not users or max(users.values()) < 2:
        return {}, width
    chosen = max(users, key=lambda steps: users[steps])
    inside = {
        n: min(x for steps, x in item.axes if steps == chosen)
        for n, item in enumerate(items)
        if chosen in dict(item.axes)
    }
    line = max(inside.values())
    needed = max(line - x + items[n].width for n, x in inside.items())
    shift = max(0.0, width - needed) / 2
    return {n: shift + line - x for n, x in inside.items()}, max(width, needed)


def _is_backward_pass(chain: Chain) -> bool:
    return is_pass(chain) and in_backward(chain)


def _preferred(item: Item, n: int, where: dict[int, int], lane_of: dict[int, _Lane], links: Links) -> _Lane | None:
    """The lane of what uses the item, or of the box that it is a state of."""
    for i, _ in item.nodes:
        for user in (*links.users[i], links.beside.get(i, -1)):
            m = where.get(user, n)
            if m != n and m in lane_of:
                return lane_of[m]
    return None


def _free_lane(item: Item, lanes: list[_Lane], near: _Lane | None) -> _Lane:
    """The nearest lane with room for the item, which comes below all it holds; a new one if none is near."""
    start = lanes.index(near) if near is not None else len(lanes)
    for distance in range(NEAR + 1):
        for k in (start + distance, start - distance):
            if 0 <= k < len(lanes) and item.top < lanes[k].bottom:
                return lanes[k]
    lane = _Lane([], item.bottom)
    lanes.insert(start + 1, lane)
    return lane


@dataclass(slots=True)
class _Forces:
    """What the order of lanes should follow.

    Attributes:
        near: pairs of items, or an item and a side, and how strongly they want to be near each other.
        before: pairs of items of which the first hands a state on to the second, and so should stand left of it.
    """

    near: list[tuple[int, int, float]] = field(default_factory=list)
    before: set[tuple[int, int]] = field(default_factory=set)


def _forces(items: list[Item], where: dict[int, int], links: Links) -> _Forces:
    forces = _Forces()
    for n, item in enumerate(items):
        axis = bool(item.axes)
        for i, _ in item.nodes:
            forces.near += [(n, where[user], 1.0) for user in links.users[i] if where.get(user, n) != n]
            if not axis and i in links.side:
                forces.near.append((n, links.side[i], 3.0 if i in links.beside else 1.5))
            if axis:
                forces.before.update((n, where[j]) for j in links.handed[i] if where.get(j, n) != n)
    return forces


def _sort_lanes(lanes: list[_Lane], forces: _Forces) -> None:
    """Swap neighbouring lanes, in place, as long as that makes the edges between lanes shorter."""

    def cost() -> float:
        position = {n: float(k) for k, lane in enumerate(lanes) for n in lane.items}
        position[LEFT], position[RIGHT] = 0.0, len(lanes) - 1.0
        length = sum(weight * abs(position[a] - position[b]) for a, b, weight in forces.near)
        return length + 1000.0 * sum(max(0.0, position[a] - position[b]) for a, b in forces.before)

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

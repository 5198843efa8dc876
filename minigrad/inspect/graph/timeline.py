"""Time steps of a graph: one column a step, also for loops that nobody declared.

The tape knows the step of each module call. A reader sees more: two cells that are called in turn share one time axis,
and what a loop does between their calls belongs to the same step. `columns` works that out and rewrites the scopes, so
that each time step is one place. `steps` then leaves out all but a few of them, `repeats` folds them into one.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from .chains import Chain, Place, step_from, steps_of
from .model import OPERATIONS, Graph, GraphNode, place_leaves


def columns(graph: Graph) -> Graph:
    """The graph with scopes in which each time step is a place of its own: `cell @ t=3` becomes `t=3`, then `cell`.

    Runs of steps in the same scope that overlap in time share their columns: the cells of one hand-written loop do,
    an encoder and the decoder that follows it do not.
    """
    axes = _axes(graph)
    rewritten: dict[Chain, Chain] = {}
    nodes = []
    for node in graph.nodes:
        if node.scope not in rewritten:
            rewritten[node.scope] = _with_columns(node.scope, axes)
        nodes.append(node.moved(rewritten[node.scope]))
    result = Graph(nodes, graph.edges)
    _adopt(result)
    place_leaves(result)
    return result


def positions(graph: Graph) -> dict[int, tuple[Chain, str, int]]:
    """For each node in a time step, what the corresponding nodes of other steps share with it.

    That is its scope without time, its label, and how many such nodes came before it in the step.
    """
    timeless = {
        chain: tuple(Place(place.name, None) for place in chain)
        for chain in {node.scope for node in graph.nodes}
        if step_from(chain) is not None
    }
    seen: dict[tuple[Chain, str], int] = defaultdict(int)
    found = {}
    for node in graph.nodes:
        if node.scope in timeless:
            seen[node.scope, node.label] += 1
            found[node.id] = (timeless[node.scope], node.label, seen[node.scope, node.label])
    return found


def _axes(graph: Graph) -> dict[tuple[Chain, str], str]:
    """For each run of steps directly inside a scope the name of its time axis: that of the first one that overlaps."""
    spans: dict[Chain, tuple[int, int]] = {}  # the first and the last id of each scope
    for node in graph.nodes:
        spans[node.scope] = spans.get(node.scope, (node.id, 0))[0], node.id
    runs: dict[Chain, dict[str, tuple[int, int]]] = defaultdict(dict)  # the same for runs, by what is around and name
    for chain, (first, last) in spans.items():
        for k in steps_of(chain):
            by_name, name = runs[chain[:k]], chain[k].name
            begin, end = by_name.get(name, (first, last))
            by_name[name] = min(begin, first), max(end, last)
    axes = {}
    for chain, by_name in runs.items():
        axis, end = "", -1
        for name, (first, last) in sorted(by_name.items(), key=lambda item: item[1]):
            if first > end:
                axis = name
            end = max(end, last)
            axes[chain, name] = axis
    return axes


def _with_columns(chain: Chain, axes: dict[tuple[Chain, str], str]) -> Chain:
    places: list[Place] = []
    for k, place in enumerate(chain):
        if place.step is None:
            places.append(place)
            continue
        places.append(Place(axes[chain[:k], place.name], place.step))
        if place.name.partition("#")[0]:  # a bare time step has no module to show inside
            places.append(Place(place.name, None))
    return tuple(places)


# --- what a loop does between its calls -------------------------------------------------------------------------------


@dataclass
class _Loop:
    """One time axis: the columns of its steps in the order of recording, and the nodes in them, in the order of ids."""

    order: dict[int, int] = field(default_factory=dict)  # step -> rank
    rank: dict[int, int] = field(default_factory=dict)  # node id -> rank


def _adopt(graph: Graph) -> None:
    """Move operations that a loop performs outside its modules into the column of their step, in place.

    What depends on a step belongs to the last such step; what depends on none belongs to the step that reads it.
    """
    loops: dict[tuple[Chain, str], _Loop] = defaultdict(_Loop)
    outside: dict[Chain, list[int]] = defaultdict(list)
    for node in graph.nodes:
        k = step_from(node.scope)
        if k is not None:
            place = node.scope[k]
            assert place.step is not None
            loop = loops[node.scope[:k], place.name]
            loop.rank[node.id] = loop.order.setdefault(place.step, len(loop.order))
        elif node.kind in OPERATIONS:
            outside[node.scope].append(node.id)
    if not loops:
        return
    nodes = graph.by_id()
    inputs, users = graph.neighbours()
    for (chain, axis), loop in loops.items():
        free = [i for i in outside[chain] if step_from(nodes[i].scope) is None]
        steps = {rank: step for step, rank in loop.order.items()}
        for i, rank in _belonging(loop, free, nodes, inputs, users).items():
            nodes[i].scope = (*chain, Place(axis, steps[rank]))


def _belonging(
    loop: _Loop,
    free: list[int],
    nodes: dict[int, GraphNode],
    inputs: dict[int, list[int]],
    users: dict[int, list[int]],
) -> dict[int, int]:
    """The rank of each of the free nodes that belongs to a step of the loop."""
    rank = dict(loop.rank)
    first, last = next(iter(rank)), next(reversed(rank))
    after: dict[int, list[int]] = defaultdict(list)
    for i in free:
        ranks = [rank[j] for j in inputs[i] if j in rank]
        if first <= i <= last and ranks:
            rank[i] = max(ranks)
            after[rank[i]].append(i)
    # The loop's end is not recorded. The last step goes on as long as it does what the step before it did.
    final = len(loop.order) - 1
    pattern = [nodes[i].label for i in after[final - 1]][len(after[final]) :]
    for i, label in zip([i for i in free if i > last], pattern, strict=False):
        if nodes[i].label != label or not any(rank.get(j) == final for j in inputs[i]):
            break
        rank[i] = final
    before: dict[int, set[str]] = defaultdict(set)
    for i in reversed(free):
        ranks = [rank.get(j, -1) for j in users[i]]
        if i not in rank and i < last and ranks and min(ranks) == max(ranks) >= 0:
            rank[i] = ranks[0]
            before[ranks[0]].add(nodes[i].label)
    # What only prepares the first step, such as an initial state, stays outside.
    strangers = {i for i in free if rank.get(i) == 0 and i < first and nodes[i].label not in before[1]}
    return {i: rank[i] for i in free if i in rank and i not in strangers}

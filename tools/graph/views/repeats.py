"""Folding repeats: the steps of a loop become one step that stands for all of them, as in a rolled-up drawing.

Steps need not be the same to the last node. Their operations are compared in the order of recording, as lines of two
texts are; what corresponds becomes one node, what only some steps do becomes a node that stands for fewer steps.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher

from minigrad.inspect.entry import Summary
from minigrad.inspect.graph.chains import Chain, Place, axis_of, step_from, steps_of
from minigrad.inspect.graph.model import LEAVES, OPERATIONS, Graph, GraphEdge, GraphNode
from minigrad.inspect.graph.timeline import positions

from .contract import When, contract, joint_norm

# Where the lengths of two steps multiply to more than this, only the labels of their operations are counted.
COMPARABLE = 10**6

Timeless = tuple[tuple[str, bool], ...]  # a chain of scopes without the numbers of its steps


@dataclass
class _Loop:
    """One loop: its time axis, and its nodes by step."""

    axis: Chain
    steps: dict[int, list[GraphNode]] = field(default_factory=lambda: defaultdict(list))

    @property
    def column(self) -> Chain:
        """The chain of the step that stands for all of them."""
        return (*self.axis[:-1], Place(self.axis[-1].name, min(self.steps), max(self.steps)))

    def inner(self, node: GraphNode) -> Chain:
        return node.scope[len(self.axis) :]


def fold_repeats(graph: Graph) -> Graph:
    """The graph (with columns) in which each loop is one step, `t = 0 … 99`, that stands for all of its steps.

    Each box and operation of a step is there once, with `repeats` and, on boxes, a label such as `cell × 100`. What a
    step hands on to the next is an edge (with `state`) back to where that reads it; from a box to itself if it does
    both. Counts and bytes are added up, norms of gradients taken together. An edge inside the loop tells the values of
    one step, an edge out of it those of all steps. What only one step does says so in its `detail`.

    Loops inside loops are folded, too. The graph shows all steps: there are no nodes for left-out ones.
    """
    deepest = max((len(steps_of(chain)) for chain in {node.scope for node in graph.nodes}), default=0)
    for level in range(deepest, 0, -1):
        graph = _fold_level(graph, level)
    return Graph(_with_counts(graph.nodes), graph.edges)


def initial_outside(graph: Graph) -> Graph:
    """The graph (with columns) in which data that only one step of a loop reads, as initial states are, lies outside.

    The other steps read something else in its place, or nothing: it belongs to the scope around the loop. To be called
    before modules are folded, as boxes do not tell what they do with their inputs.
    """
    nodes = graph.by_id()
    columns = {chain: k for chain in {node.scope for node in graph.nodes} if (k := step_from(chain)) is not None}
    position = positions(graph)
    reads: dict[int, Hashable] = {}  # what corresponds in the steps has one value
    for edge in graph.edges:
        leaf = nodes[edge.source]
        if leaf.kind == "data" and leaf.scope in columns and edge.target in position:
            reads.setdefault(leaf.id, (position[edge.target], edge.operand))
    steps: dict[Hashable, set[Chain]] = defaultdict(set)
    for i, read in reads.items():
        steps[read].add(nodes[i].scope)
    length = Counter(map(axis_of, {chain[: k + 1] for chain, k in columns.items()}))
    moved = {}
    for i, read in reads.items():
        chain, k = nodes[i].scope, columns[nodes[i].scope]
        if len(steps[read]) == 1 and length[axis_of(chain[: k + 1])] > 1:
            moved[i] = nodes[i].moved(chain[:k])
    return Graph([moved.get(node.id, node) for node in graph.nodes], graph.edges)


def _timeless(chain: Iterable[Place]) -> Timeless:
    return tuple((place.name, place.step is not None) for place in chain)


def _with_counts(nodes: list[GraphNode]) -> list[GraphNode]:
    """The nodes with `× 100` in the labels of boxes, and of operations that not all steps of their loop perform."""
    columns = {node.id: _innermost(node.scope) for node in nodes}
    most: dict[Chain, int] = defaultdict(int)
    for node in nodes:
        most[columns[node.id]] = max(most[columns[node.id]], node.repeats)
    told = ("module",), ("module", *OPERATIONS, "state")
    return [
        replace(node, label=f"{node.label} × {node.repeats}")
        if node.repeats > 1 and node.kind in told[node.repeats < most[columns[node.id]]]
        else node
        for node in nodes
    ]


def _innermost(chain: Chain) -> Chain:
    """The chain up to its innermost time step."""
    while chain and chain[-1].step is None:
        chain = chain[:-1]
    return chain


# --- one level of loops -----------------------------------------------------------------------------------------------


def _fold_level(graph: Graph, level: int) -> Graph:
    """The graph with the loops folded that have level - 1 loops around them."""
    loops: dict[Chain, _Loop] = {}
    places: dict[Chain, tuple[_Loop, int]] = {}
    for chain in {node.scope for node in graph.nodes}:
        if len(steps := steps_of(chain)) >= level:
            column = chain[: steps[level - 1] + 1]
            axis = axis_of(column)
            places[chain] = loops.setdefault(axis, _Loop(axis)), column[-1].step or 0
    when: dict[int, tuple[_Loop, int]] = {}
    for node in graph.nodes:
        if node.scope in places:
            loop, step = when[node.id] = places[node.scope]
            loop.steps[step].append(node)
    partners = _partners(graph.edges)
    owner: dict[int, int] = {}
    made: list[GraphNode] = []
    for loop in loops.values():
        if len(loop.steps) == 1:
            continue
        groups = _together(loop, partners)
        folded = [_merged(members, loop, when) for members in groups]
        for node, members in zip(folded, groups, strict=True):
            owner.update((member.id, node.id) for member in members)
        _rename_inner(folded, loop)
        made += folded
    result = contract(graph, owner, made, when)
    nodes = result.by_id()
    for edge in result.edges:
        if edge.state and nodes[edge.source].kind == "operation":
            nodes[edge.source].kind = "state"
    return result


def _partners(edges: Iterable[GraphEdge]) -> dict[int, tuple[int, int]]:
    """For each node its first user and which input of that it is; for what nobody uses, who makes it."""
    found: dict[int, tuple[int, int]] = {}
    makers: dict[int, tuple[int, int]] = {}
    for edge in edges:
        found.setdefault(edge.source, (edge.target, edge.operand))
        makers.setdefault(edge.target, (edge.source, -1))
    return makers | found


def _together(loop: _Loop, partners: dict[int, tuple[int, int]]) -> list[list[GraphNode]]:
    """The nodes of a loop in groups of those that correspond to each other; first the one of the typical step."""
    inner = {
        chain: _timeless(chain[len(loop.axis) :])
        for chain in {node.scope for nodes in loop.steps.values() for node in nodes}
    }
    texts = {
        step: tuple((inner[node.scope], node.label) for node in nodes if node.kind not in LEAVES)
        for step, nodes in sorted(loop.steps.items())
    }
    often = Counter(texts.values())
    typical = max(often, key=lambda text: (often[text], len(text)))
    first = next(step for step, text in texts.items() if text == typical)
    keys = {text: _aligned(text, typical) for text in often}
    groups: dict[Hashable, list[GraphNode]] = {}
    for step in (first, *(step for step in texts if step != first)):
        own = iter(keys[texts[step]])
        place: dict[int, Hashable] = {}
        leaves = []
        for node in loop.steps[step]:
            if node.kind in LEAVES:
                leaves.append(node)
            else:
                place[node.id] = next(own)
                groups.setdefault(place[node.id], []).append(node)
        taken: Counter[Hashable] = Counter()
        for leaf in leaves:
            other, operand = partners.get(leaf.id, (-1, 0))
            look = (place.get(other, other), operand, leaf.shape, leaf.label)
            groups.setdefault((*look, taken[look]), []).append(leaf)
            taken[look] += 1
    return list(groups.values())


def _aligned(text: Sequence[Hashable], typical: Sequence[Hashable]) -> list[Hashable]:
    """A name for each line of a step: the number of the line of the typical step that corresponds to it, if there is
    one; else the line itself, and how many such lines came before it."""
    if text == typical:
        return list(range(len(text)))
    counted = _counted(text)
    if len(text) * len(typical) > COMPARABLE:
        known = {line: i for i, line in enumerate(_counted(typical))}
        return [known.get(line, line) for line in counted]
    names: list[Hashable] = list(counted)
    for a, b, size in SequenceMatcher(None, text, typical, autojunk=False).get_matching_blocks():
        names[a : a + size] = range(b, b + size)
    return names


def _counted(text: Sequence[Hashable]) -> list[tuple[Hashable, int]]:
    """Each line with how many such lines came before it."""
    seen: Counter[Hashable] = Counter()
    found = []
    for line in text:
        found.append((line, seen[line]))
        seen[line] += 1
    return found


# --- nodes ------------------------------------------------------------------------------------------------------------


def _merged(members: list[GraphNode], loop: _Loop, when: When) -> GraphNode:
    """The node that stands for the corresponding nodes of several steps; the first is that of the typical one."""
    one = members[0]
    ordered = sorted(members, key=lambda node: when[node.id][1])
    details = {node.detail for node in ordered}
    alike = all(node.shape == one.shape for node in members)
    detail = one.detail if len(details) == 1 else f"{ordered[0].detail} … {ordered[-1].detail}"
    if len(members) == 1:
        detail = f"{detail}, only t = {when[one.id][1]}".lstrip(", ")
    return replace(
        one,
        scope=(*loop.column, *loop.inner(one)),
        kind="output" if any(node.kind == "output" for node in members) else one.kind,
        shape=one.shape if alike else None,
        detail=detail,
        saved_bytes=_total(node.saved_bytes for node in members),
        grad_norm=joint_norm(node.grad_norm for node in members),
        value=_summary([node.value for node in members]) if alike else None,
        grad=_summary([node.grad for node in members]) if alike else None,
        count=sum(node.count for node in members),
        repeats=sum(node.repeats for node in members),
        parameters=tuple(dict.fromkeys(text for node in members for text in node.parameters)),
    )


def _total(numbers: Iterable[int | None]) -> int | None:
    known = [n for n in numbers if n is not None]
    return sum(known) if known else None


def _summary(found: Sequence[Summary | None]) -> Summary | None:
    """The summary of several arrays of one size taken together; None unless all are known."""
    known = [summary for summary in found if summary is not None]
    if not known or len(known) < len(found):
        return None
    if len(known) == 1:
        return known[0]
    mean = sum(s.mean for s in known) / len(known)
    deviation = math.sqrt(sum(s.std**2 + (s.mean - mean) ** 2 for s in known) / len(known))
    least, largest = min(s.min for s in known), max(s.max for s in known)
    return Summary(least, mean, largest, deviation, sum(s.strange for s in known))


def _rename_inner(folded: Iterable[GraphNode], loop: _Loop) -> None:
    """Give the folded loops inside a folded loop one name, though their lengths may differ from step to step."""
    ranges: dict[Timeless, tuple[int, int]] = {}
    for chain in {loop.inner(node) for nodes in loop.steps.values() for node in nodes}:
        for k, place in enumerate(chain):
            if place.step is not None:
                key = _timeless(chain[: k + 1])
                last = place.step if place.last is None else place.last
                low, high = ranges.get(key, (place.step, last))
                ranges[key] = min(low, place.step), max(high, last)
    if not ranges:
        return
    inside = len(loop.axis)
    for node in folded:
        places = list(node.scope)
        for k in range(inside, len(places)):
            if places[k].step is not None:
                low, high = ranges[_timeless(node.scope[inside : k + 1])]
                places[k] = Place(places[k].name, low, high if high > low else None)
        node.scope = tuple(places)

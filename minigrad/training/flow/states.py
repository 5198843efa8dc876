"""The states that the time steps on a tape hand on to each other, and what to call them.

A state is an edge of the graph between two steps of one time axis, found as for drawings. No cell knows of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from minigrad import Tape, nn
from minigrad.nn.utils import with_cells

from ...inspect.graph.chains import Chain, axis_of, other_step
from ...inspect.graph.from_tape import build
from ...inspect.graph.model import LEAVES, Graph, GraphNode, without_backward
from ...inspect.graph.timeline import columns

Key = tuple[Chain, str, int]  # what a node shares with those of other steps: scope without that step, label, rank


@dataclass
class State:
    """One part of a recurrent state, in all time steps.

    Attributes:
        axis: the chain of scopes around the time steps, and the name of the steps.
        inside: the chain of scopes inside a step that computes it.
        label: the operation that computes it.
        read: the operation of the next step that reads it first; by this the parts of a state are sorted.
        reverse: whether it goes from later steps to earlier ones.
        keys: where its nodes are, the last one found last.
        nodes: time step -> node.
    """

    axis: Chain
    inside: Chain
    label: str
    read: int
    reverse: bool
    keys: list[Key] = field(default_factory=list)
    nodes: dict[int, int] = field(default_factory=dict)


def stepped(tape: Tape) -> Graph:
    """The graph with a place for each time step.

    What happens between the calls of a hand-written loop belongs to its steps. Around `Recurrent` nothing does: it puts
    all steps in scopes itself.
    """
    graph = without_backward(build(tape))
    result = columns(graph)
    for before, after in zip(graph.nodes, result.nodes, strict=True):
        if after.scope and after.scope[-1].step is not None and not after.scope[-1].name.partition("#")[0]:
            after.scope = before.scope
    return result


def find_states(graph: Graph, tape: Tape) -> list[State]:
    """The states that time steps hand on, those of one place together, in the order in which steps read them."""
    nodes = graph.by_id()
    whole = _whole(graph, tape)
    rank = _ranks(graph)
    slots: dict[int, int] = {}
    states: list[State] = []
    by_source: dict[Key, State] = {}
    by_reader: dict[tuple[Key, int], State] = {}
    for edge in sorted(graph.edges, key=lambda e: e.target):
        slot = slots[edge.target] = slots.get(edge.target, -1) + 1
        source, target = nodes[whole.get(edge.source, edge.source)], nodes[edge.target]
        k = other_step(source.scope, target.scope)
        if k is None or source.kind in LEAVES:
            continue
        t, read_at = source.scope[k].step, target.scope[k].step
        assert t is not None
        assert read_at is not None
        key, reader = _key(source, k, rank), (_key(target, k, rank), slot)
        # The first step often computes a state in another way than the others do, but the same place reads it.
        state = by_source.get(key) or by_reader.get(reader)
        if state is None or state.nodes.get(t, source.id) != source.id:
            state = State(axis_of(source.scope[: k + 1]), source.scope[k + 1 :], source.label, target.id, t > read_at)
            states.append(state)
        state.nodes[t] = source.id
        if key not in state.keys:
            state.keys.append(key)
        by_source.setdefault(key, state)
        by_reader.setdefault(reader, state)
    _complete(states, graph, rank)
    return sorted(states, key=lambda s: (_first_read(states, s), s.read))


def _first_read(states: list[State], state: State) -> int:
    """When a state of the same module was read first: what belongs together stays together."""
    return min(s.read for s in states if s.axis == state.axis and s.inside == state.inside)


def _key(node: GraphNode, k: int, rank: Mapping[int, int]) -> Key:
    return (*axis_of(node.scope[: k + 1]), *node.scope[k + 1 :]), node.label, rank[node.id]


def _ranks(graph: Graph) -> dict[int, int]:
    """For each node how many with the same label there were before it in its scope."""
    seen: dict[tuple[Chain, str], int] = {}
    ranks = {}
    for node in graph.nodes:
        ranks[node.id] = seen[node.scope, node.label] = seen.get((node.scope, node.label), -1) + 1
    return ranks


def _whole(graph: Graph, tape: Tape) -> dict[int, int]:
    """What goes on of a state when sequences end (its first rows, taken outside the cell) -> the whole state."""
    nodes = graph.by_id()
    found = {}
    for node in graph.nodes:
        if node.label != "getitem" or not node.scope or node.scope[-1].step is None:
            continue
        index = tape[node.id].node.params["index"]
        source = tape[node.id].inputs[0]
        first_rows = isinstance(index, slice) and index.start is None and index.step is None
        if first_rows and source is not None and nodes[source].scope[: len(node.scope)] == node.scope:
            found[node.id] = source
    return found


def _complete(states: list[State], graph: Graph, rank: Mapping[int, int]) -> None:
    """Find the states of steps that no step reads, in place: those of the last step, and of the last before a gap."""
    keys = {key: state for state in states for key in state.keys[-1:]}
    for node in graph.nodes:
        for k, place in enumerate(node.scope):
            if place.step is None:
                continue
            state = keys.get(_key(node, k, rank))
            if state is not None:
                state.nodes.setdefault(place.step, node.id)


# --- names ------------------------------------------------------------------------------------------------------------


def module_of(state: State) -> str:
    """The module that a state belongs to. `Recurrent` calls its cell `cell`, which says nothing."""
    *outer, axis = state.axis
    names = [f"{p.name}[{p.step}]" if p.step is not None else p.name for p in outer]
    bare = axis.name.partition("#")[0]  # a bare time step has no name, and #2 if it was run again
    inside = [p.name for p in state.inside]
    if not bare and inside[:1] == ["cell"]:
        inside = inside[1:]
    elif not inside:  # computed between the calls of modules
        inside = ["loop"]
    return ".".join(names + inside)


def names_of(states: list[State], known: Mapping[int, tuple[str, ...]]) -> list[str]:
    """A name for each state, all different."""
    together: dict[str, list[State]] = {}
    for state in states:
        together.setdefault(module_of(state), []).append(state)
    names: list[str] = []
    for state in states:
        parts = together[module_of(state)]
        given = known.get(len(parts), ("h",) if len(parts) == 1 else tuple(s.label for s in parts))
        name = f"{module_of(state)} {given[parts.index(state)]}".strip()
        number = 1 + sum(other == name or other.startswith(f"{name}#") for other in names)
        names.append(name if number == 1 else f"{name}#{number}")
    return names


def state_names(model: nn.Module | None) -> dict[int, tuple[str, ...]]:
    """The names of the parts of a state, by how many parts there are; left out where cells do not agree."""
    found: dict[int, set[tuple[str, ...]]] = {}
    for cell in () if model is None else with_cells(model):
        names = tuple(getattr(cell, "state_names", ()))
        if names:
            found.setdefault(len(names), set()).add(names)
    return {n: names.pop() for n, names in found.items() if len(names) == 1}

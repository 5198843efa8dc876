"""How gradients flow through time: the norm of dL/dh_t for every time step t, of every state on a tape.

    with mg.Tape() as tape:
        loss = model.loss(x, y)
    loss.backward()
    print(gradient_flow(tape, model))

No cell knows of it. A state is what one time step hands on to another: an edge of the graph between two steps of one
time axis, found as for drawings. The tape has the norm of the gradient of everything that was recorded. Norms that fall
by a factor with each step back mean vanishing gradients, norms that grow exploding ones (Bengio, Simard and Frasconi,
Learning long-term dependencies with gradient descent is difficult, 1994; Pascanu, Mikolov and Bengio, On the difficulty
of training recurrent neural networks, 2013).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from minigrad import Tape, nn

from .figure import figure
from .graph.fold import without_backward
from .graph.from_tape import build
from .graph.model import Chain, Graph, GraphNode, Place
from .graph.states import other_step
from .graph.timeline import columns

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


class GradientFlow(Mapping[str, np.ndarray]):
    """The norms of dL/dh_t by the name of the state; `print` shows them as a table.

    Each value is an array over t = 0, 1, ... of the Euclidean norm of the gradient of the whole tensor h_t (B, H), not
    of one for each sequence. It is 0 where the loss does not depend on h_t, and NaN for a step that is not on the tape.
    """

    def __init__(self, norms: Mapping[str, np.ndarray], reverse: frozenset[str] = frozenset()) -> None:
        self._norms = dict(norms)
        self._reverse = reverse

    def __getitem__(self, name: str) -> np.ndarray:
        return self._norms[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._norms)

    def __len__(self) -> int:
        return len(self._norms)

    def per_step(self, name: str) -> float:
        """The factor by which a norm changes with each step back, in the geometric mean over all steps.

        Back is against the order of computation: to larger t where the network reads in reverse. The factor is NaN if
        there is only one step, or if the norm at either end is 0.
        """
        norms = self._norms[name][:: -1 if name in self._reverse else 1]
        norms = norms[~np.isnan(norms)]
        if len(norms) < 2 or not norms[0] > 0 or not norms[-1] > 0:
            return math.nan
        return math.exp((math.log(norms[0]) - math.log(norms[-1])) / (len(norms) - 1))

    def __str__(self) -> str:
        longest = max(map(len, self.values()))
        times = sorted({round(i * (longest - 1) / 4) for i in range(5)})
        rows = [["|dL/dh_t|", *(f"t={t}" for t in times), "each step back"]]
        for name, norms in self.items():
            shown = ["" if t >= len(norms) or np.isnan(norms[t]) else f"{norms[t]:.2e}" for t in times]
            factor = self.per_step(name)
            rows.append([name, *shown, "" if math.isnan(factor) else f"x {factor:.4f}"])
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(
            "  ".join(
                [row[0].ljust(widths[0]), *(c.rjust(n) for c, n in zip(row[1:], widths[1:], strict=True))]
            ).rstrip()
            for row in rows
        )

    def __repr__(self) -> str:
        return f"<GradientFlow of {', '.join(self)}>"


def gradient_flow(tape: Tape, model: nn.Module | None = None) -> GradientFlow:
    """The norm of dL/dh_t for every time step and every state on a tape, after `loss.backward()`.

    Args:
        tape: what was recorded. Steps inside `recompute` run again in backward: keep the tape open until after it.
        model: gives the parts of a state their names, if its cells have `state_names`, such as ("h", "c"), in the
            order in which a time step reads them. Without it the parts are named after the operations that compute
            them. A state of one part is `h`.

    dL/dh_t is the whole derivative: by what later steps make of h_t, and by the output of step t. If each step has a
    loss of its own, they hide how little comes from far away: take the loss of the last step alone.

    With `lengths`, h_t has the rows of the sequences that have a step t; in reverse, all begin at the last step of the
    longest one, and t counts down from there. A loop without `nn.Recurrent` that calls no module has no time steps on
    the tape; `mg.scope("cell", step=t)` declares them.

    Raises TypeError for what is no Tape. Raises ValueError if the tape is empty, if no time step hands on a state, if
    there are no gradients, or if those of recomputed steps were not seen.
    """
    if not isinstance(tape, Tape):
        raise TypeError(f"gradient_flow looks at a Tape, not at a {type(tape).__name__}")
    states = _states(graph := _stepped(tape), tape)
    if not states:
        raise ValueError(
            "no time step on this tape hands a state on to another: it takes nn.Recurrent, a module that is called "
            "again and again, or mg.scope(name, step=t) around each step, over two steps or more"
        )
    nodes = graph.by_id()
    reached = [s for s in states if any(nodes[i].grad_norm is not None for i in s.nodes.values())]
    _check_seen(tape, states, reached)
    names = _names(reached, _state_names(model))
    norms = {}
    for name, state in zip(names, reached, strict=True):
        norms[name] = np.full(max(state.nodes) + 1, np.nan)
        for t, i in state.nodes.items():
            norms[name][t] = nodes[i].grad_norm or 0.0
    return GradientFlow(norms, frozenset(name for name, state in zip(names, reached, strict=True) if state.reverse))


def plot_flow(flow: Mapping[str, Any], path: str | Path, title: str = "") -> Path:
    """Draw the norms over time on a logarithmic scale, one line a state, and return the path.

    Args:
        flow: a `GradientFlow`, or arrays over time by name: several flows, to compare them.
        path: the PNG file to write.
        title: a line above the picture.

    Norms of 0 have no place on the scale and leave gaps. Raises ImportError if matplotlib is not installed.
    """
    drawn = figure(8, 4.5)
    axes = drawn.add_subplot()
    for name, norms in flow.items():
        values = np.asarray(norms, np.float64)
        axes.plot(np.where(values > 0, values, np.nan), label=name, marker="." if len(values) < 40 else None)
    axes.set(xlabel="time step t", ylabel="norm of dL/dh_t (states h, c, ...)", yscale="log")
    axes.set_title(title)
    axes.grid(alpha=0.25)
    axes.legend(frameon=False, loc="best")
    drawn.savefig(path, format="png", dpi=120)
    return Path(path)


# --- finding states ---------------------------------------------------------------------------------------------------


def _stepped(tape: Tape) -> Graph:
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


def _states(graph: Graph, tape: Tape) -> list[State]:
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
        if k is None or source.kind in ("parameter", "data"):
            continue
        t, read_at = source.scope[k].step, target.scope[k].step
        assert t is not None
        assert read_at is not None
        key, reader = _key(source, k, rank), (_key(target, k, rank), slot)
        # The first step often computes a state in another way than the others do, but the same place reads it.
        state = by_source.get(key) or by_reader.get(reader)
        if state is None or state.nodes.get(t, source.id) != source.id:
            axis = (*source.scope[:k], Place(source.scope[k].name, None))
            state = State(axis, source.scope[k + 1 :], source.label, target.id, t > read_at)
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
    place = node.scope[k]
    return (*node.scope[:k], Place(place.name, None), *node.scope[k + 1 :]), node.label, rank[node.id]


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
        (source,) = [i for i in tape[node.id].inputs if i is not None]
        first_rows = isinstance(index, slice) and index.start is None and index.step is None
        if first_rows and nodes[source].scope[: len(node.scope)] == node.scope:
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


def _check_seen(tape: Tape, states: list[State], reached: list[State]) -> None:
    """Raise ValueError if there are no gradients at all, or none inside of what was recomputed."""
    seen = {_where(state) for state in reached}  # a step that runs again has the same name
    hidden = [where for state in states if (where := _where(state)) not in seen]
    if hidden and any(entry.node.name == "recompute" and entry.grad_norm is not None for entry in tape):
        raise ValueError(
            f"the steps of {', '.join(dict.fromkeys(hidden))} are recomputed in backward: call loss.backward() while "
            "the tape is open, or measure without recompute"
        )
    if not reached:
        raise ValueError("no state on this tape has a gradient: call loss.backward() on what depends on the states")


# --- names ------------------------------------------------------------------------------------------------------------


def _where(state: State) -> str:
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


def _names(states: list[State], known: Mapping[int, tuple[str, ...]]) -> list[str]:
    """A name for each state, all different."""
    together: dict[str, list[State]] = {}
    for state in states:
        together.setdefault(_where(state), []).append(state)
    names: list[str] = []
    for state in states:
        parts = together[_where(state)]
        given = known.get(len(parts), ("h",) if len(parts) == 1 else tuple(s.label for s in parts))
        name = f"{_where(state)} {given[parts.index(state)]}".strip()
        number = 1 + sum(other == name or other.startswith(f"{name}#") for other in names)
        names.append(name if number == 1 else f"{name}#{number}")
    return names


def _state_names(model: nn.Module | None) -> dict[int, tuple[str, ...]]:
    """The names of the parts of a state, by how many parts there are; left out where cells do not agree."""
    found: dict[int, set[tuple[str, ...]]] = {}
    for module in () if model is None else model.modules():
        of_stack = getattr(module, "cells", None)  # which are not among its modules
        for cell in [module, *(of_stack() if callable(of_stack) else ())]:
            names = tuple(getattr(cell, "state_names", ()))
            if names:
                found.setdefault(len(names), set()).add(names)
    return {n: names.pop() for n, names in found.items() if len(names) == 1}

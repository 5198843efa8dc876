"""What lies between two tensors: the part of a graph through which one of them acts on the other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from minigrad.inspect.graph.model import Graph, GraphNode


def between(graph: Graph, start: Iterable[int] | None, end: Iterable[int] | None) -> Graph:
    """The nodes and edges that lie on a path from one of the nodes `start` to one of the nodes `end`.

    Args:
        graph: the graph; it is not changed.
        start, end: ids of nodes. None sets no limit: everything before `end`, or after `start`, stays.

    Takes time linear in the size of the graph.

    Raises ValueError if there is no path.
    """
    inputs, users = graph.neighbours()
    kept = {node.id for node in graph.nodes}
    for ends, onward in ((start, users), (end, inputs)):
        if ends is not None:
            kept &= reached(ends, onward)
    if not kept:
        raise ValueError("there is no path from the start to the end: the end does not depend on it")
    return graph.only(kept)


def reached(ends: Iterable[int], onward: Mapping[int, list[int]]) -> set[int]:
    """All that can be reached from some nodes, themselves included."""
    seen = set(ends)
    waiting = list(seen)
    while waiting:
        for j in onward.get(waiting.pop(), ()):
            if j not in seen:
                seen.add(j)
                waiting.append(j)
    return seen


def parameter(graph: Graph, name: str) -> GraphNode:
    """The parameter of this name: its label, its full name, or a part of that such as `decoder.weight_hh_l0`.

    The parts of `name` must come in this order in the full name, the last one last.

    Raises ValueError if there is none, or more than one.
    """
    parameters = [node for node in graph.nodes if node.kind == "parameter"]
    found = [node for node in parameters if name in (node.name, node.label)]
    if len(found) != 1:
        found = found or [node for node in parameters if _fits(name.split("."), node.name.split("."))]
    if len(found) == 1:
        return found[0]
    listed = ", ".join(sorted(node.name for node in found or parameters)[:20]) or "none"
    if found:
        raise ValueError(f"several parameters are called {name!r}: say which of {listed}")
    raise ValueError(f"no parameter {name!r} was used; there are: {listed}")


def _fits(parts: list[str], full: list[str]) -> bool:
    rest = iter(full)
    return parts[-1] == full[-1] and all(part in rest for part in parts)

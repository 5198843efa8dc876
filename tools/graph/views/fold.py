"""Views of a graph: what is folded, left out or gathered before it is drawn. Each is a function from Graph to Graph."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from numbers import Integral

from minigrad.engine.recording import gc_paused
from minigrad.inspect.graph.chains import BACKWARD, FORWARD, Chain
from minigrad.inspect.graph.model import Graph, GraphNode, shape_text, without_backward
from minigrad.inspect.graph.timeline import columns, positions

from .contract import absorb, contract
from .passes import PASSES, backward_alone, is_recorded, side_by_side, with_derivatives
from .path import between
from .repeats import fold_repeats, initial_outside
from .states import with_states
from .steps import keep_steps

# Operations that show the same numbers in another arrangement: drawn on a parameter, they are only noise.
REARRANGING = frozenset(("permute_dims", "reshape", "broadcast_to", "astype"))

# Without a given depth, modules are opened as long as the picture stays below this many nodes.
READABLE = 70
# More lines than this from parameters to their uses, and parameters become badges.
MANY_LINES = 10


def view(
    graph: Graph,
    depth: int | None = None,
    steps: int | Iterable[int] | None = 4,
    show: str = "forward",
    start: Iterable[int] | None = None,
    end: Iterable[int] | None = None,
) -> Graph:
    """The graph as it is drawn.

    Args:
        graph: the graph as it was built.
        depth: how many levels of modules are open; those inside them are boxes. 0 leaves only boxes; None opens as
            much as stays readable.
        steps: how many time steps of each loop are shown, the first ones and the last; 1 folds them into one that
            stands for all. Or a collection of the numbers of those that are shown, negative ones counting from the
            end. None shows all.
        show: "forward"; "backward", the backward pass, which is derived from the forward pass unless it was recorded
            (`create_graph=True`); or "both" side by side.
        start, end: ids of nodes; only what lies on a path from one of `start` to one of `end` is shown. None sets no
            limit.

    Raises ValueError for a setting that is out of range, TypeError for one of the wrong type.
    """
    if depth is not None and depth < 0:
        raise ValueError(f"the depth counts levels of modules and cannot be negative: {depth}")
    with gc_paused():  # thousands of new nodes, and no cycles
        if start is not None or end is not None:
            graph = between(graph, start, end)
        graph = passes(without_rearranging(graph), show)
        if _is_one(steps):
            graph = initial_outside(graph)
            folded = fold_repeats(fold(graph, _readable_depth(graph, True) if depth is None else depth))
        else:
            graph = graph if steps is None else keep_steps(graph, steps)
            folded = fold(graph, _readable_depth(graph) if depth is None else depth)
        return with_states(with_parameters(folded))


def passes(graph: Graph, show: str) -> Graph:
    """The chosen passes, with a place for each time step: see `view`. Raises ValueError for an unknown choice."""
    if show not in PASSES:
        raise ValueError(f"show is one of {', '.join(PASSES)}, not {show!r}")
    with gc_paused():
        if show == "forward":
            return columns(without_backward(graph))
        recorded = is_recorded(graph)
        graph = columns(graph)
        if not recorded:
            graph = with_derivatives(graph)
        return backward_alone(graph) if show == "backward" else side_by_side(graph)


def _is_one(steps: object) -> bool:
    """Whether the steps of a loop become one. Raises ValueError for a number below 1."""
    if not isinstance(steps, Integral) or isinstance(steps, bool):
        return False
    if steps < 1:
        raise ValueError(f"steps cannot be {steps}: 1 folds all time steps into one, 2 are the first and the last")
    return steps == 1


def without_rearranging(graph: Graph) -> Graph:
    """The graph in which a transposed or reshaped parameter counts as that parameter."""
    nodes = graph.by_id()
    sources, _ = graph.neighbours()
    owner: dict[int, int] = {}
    for node in graph.nodes:
        if node.kind == "operation" and node.label in REARRANGING and len(sources[node.id]) == 1:
            source = owner.get(sources[node.id][0], sources[node.id][0])
            if nodes[source].kind == "parameter":
                owner[node.id] = source
    return contract(graph, owner, ())


# --- folding modules --------------------------------------------------------------------------------------------------


def fold(graph: Graph, depth: int) -> Graph:
    """The graph (with columns) in which every module more than `depth` levels down is one box.

    Time steps are no level. Data stays visible in front of the box that reads it; parameters go into it.
    """
    owner: dict[int, int] = {}
    boxes: dict[Chain, GraphNode] = {}
    moved: list[GraphNode] = []
    for node in graph.nodes:
        k = _cut(node.scope, depth)
        if k is None:
            continue
        if node.kind in ("data", "ellipsis") and not (node.kind == "ellipsis" and k < len(node.scope) - 1):
            moved.append(node.moved(node.scope[:k]))
            continue
        chain = node.scope[: k + 1]
        if chain not in boxes:
            boxes[chain] = GraphNode(node.id, "module", chain[-1].name, chain[:-1], count=0, backward=node.backward)
        box = boxes[chain]
        owner[node.id] = box.id
        absorb(box, node)
        if node.kind == "parameter":
            box.parameters = (*box.parameters, parameter_text(node))
    outside = {node.id: node for node in moved}
    result = contract(graph, owner, boxes.values())
    result.nodes = [outside.get(node.id, node) for node in result.nodes]
    return result


def parameter_text(node: GraphNode) -> str:
    """A parameter in a few characters: its name in its module, and its shape."""
    return f"{node.label.rpartition('.')[2]} {shape_text(node.shape)}"


def _cut(chain: Chain, depth: int) -> int | None:
    """Where in the chain the place stands that has `depth` open places around it; None if nothing is so deep."""
    level = 0
    for k, place in enumerate(chain):
        if place.step is None and not (k == 0 and place.name in (BACKWARD, FORWARD)):
            if level == depth:
                return k
            level += 1
    return None


def _readable_depth(graph: Graph, repeats: bool = False) -> int:
    """The greatest depth at which the picture stays readable; with `repeats`, if all steps become one."""
    alike = positions(graph) if repeats else {}
    chains: dict[object, Chain] = {alike.get(node.id, node.id): node.scope for node in graph.nodes}
    deepest = max((sum(p.step is None for p in chain) for chain in chains.values()), default=0)
    best = 0
    for depth in range(deepest + 1):
        drawn: set[object] = set()
        for key, chain in chains.items():
            k = _cut(chain, depth)
            box = () if k is None else chain[: k + 1]
            drawn.add((tuple(place.name for place in box) if repeats else box) or key)
        if len(drawn) > READABLE and depth > 0:
            break
        best = depth
    return best


# --- parameters -------------------------------------------------------------------------------------------------------


def with_parameters(graph: Graph) -> Graph:
    """The graph with parameters gathered: those with the same uses become one node, and badges if there are many.

    The gradients of parameters, in a derived backward pass, likewise by what computes them.
    """
    others: dict[int, list[int]] = defaultdict(list)
    nodes = {node.id: node.copy() for node in graph.nodes}
    for edge in graph.edges:
        if nodes[edge.source].kind == "parameter":
            others[edge.source].append(edge.target)
        elif nodes[edge.target].kind == "parameter":
            others[edge.target].append(edge.source)
    together: dict[tuple[Chain, frozenset[int]], list[int]] = defaultdict(list)
    for i, found in others.items():
        together[nodes[i].scope, frozenset(found)].append(i)
    lines = sum(len(linked) for _, linked in together)
    gone: set[int] = set()
    for (_, linked), members in together.items():
        texts = tuple(parameter_text(nodes[i]) for i in members)
        if lines > MANY_LINES or len(linked) == 1:
            for other in linked:
                nodes[other].parameters += texts
            gone.update(members)
        else:
            nodes[members[0]].parameters = texts
            gone.update(members[1:])
    edges = [edge for edge in graph.edges if edge.source not in gone and edge.target not in gone]
    # A node of several gradients has edges for each of them; their shapes stand in the node.
    edges = [replace(edge, shape=None) if nodes[edge.target].kind == "parameter" else edge for edge in edges]
    return Graph([node for node in nodes.values() if node.id not in gone], edges)

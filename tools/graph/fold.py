"""Views of a graph: what is folded, left out or gathered before it is drawn. Each is a function from Graph to Graph."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from .contract import contract
from .model import BACKWARD, Chain, Graph, GraphNode, shape_text
from .states import with_states
from .timeline import columns, keep_steps

# Operations that show the same numbers in another arrangement: drawn on a parameter, they are only noise.
REARRANGING = frozenset(("permute_dims", "reshape", "broadcast_to", "astype"))

# Without a given depth, modules are opened as long as the picture stays below this many nodes.
READABLE = 70
# More lines than this from parameters to their uses, and parameters become badges.
MANY_LINES = 10


def view(graph: Graph, depth: int | None = None, steps: int | None = 4, backward: bool = False) -> Graph:
    """The graph as it is drawn.

    Args:
        graph: the graph as it was built.
        depth: how many levels of modules are open; those inside them are boxes. 0 leaves only boxes; None opens as
            much as stays readable.
        steps: how many time steps of each loop are shown (at least 2); None shows all.
        backward: show what a backward pass recorded (`create_graph=True`), too.

    Raises ValueError for a depth or a number of steps that is too small.
    """
    if depth is not None and depth < 0:
        raise ValueError(f"the depth counts levels of modules and cannot be negative: {depth}")
    if not backward:
        graph = without_backward(graph)
    graph = columns(without_rearranging(graph))
    if steps is not None:
        graph = keep_steps(graph, steps)
    folded = fold(graph, _readable_depth(graph) if depth is None else depth)
    return with_states(with_parameters(folded))


def without_backward(graph: Graph) -> Graph:
    """The graph without the nodes that derivative rules recorded. If nothing else is there, the graph itself."""
    kept = {node.id for node in graph.nodes if not node.backward}
    operations = [node for node in graph.nodes if node.kind in ("operation", "output")]
    if len(kept) == len(graph.nodes) or all(node.backward for node in operations):
        return graph
    edges = [edge for edge in graph.edges if edge.source in kept and edge.target in kept]
    used = {i for edge in edges for i in (edge.source, edge.target)}
    return Graph([node for node in graph.nodes if node.id in used], edges)


def without_rearranging(graph: Graph) -> Graph:
    """The graph in which a transposed or reshaped parameter counts as that parameter."""
    nodes = graph.by_id()
    sources: dict[int, list[int]] = defaultdict(list)
    for edge in graph.edges:
        sources[edge.target].append(edge.source)
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
            moved.append(replace(node, scope=node.scope[:k]))
            continue
        chain = node.scope[: k + 1]
        if chain not in boxes:
            boxes[chain] = GraphNode(node.id, "module", chain[-1].name, chain[:-1], count=0, backward=node.backward)
        box = boxes[chain]
        owner[node.id] = box.id
        _absorb(box, node)
    outside = {node.id: node for node in moved}
    result = contract(graph, owner, boxes.values())
    result.nodes = [outside.get(node.id, node) for node in result.nodes]
    return result


def _absorb(box: GraphNode, node: GraphNode) -> None:
    """Add up in the box what it stands for."""
    if node.kind == "parameter":
        box.parameters = (*box.parameters, parameter_text(node))
    else:
        box.count += node.count
    if node.saved_bytes is not None:
        box.saved_bytes = (box.saved_bytes or 0) + node.saved_bytes


def parameter_text(node: GraphNode) -> str:
    """A parameter in a few characters: its name in its module, and its shape."""
    return f"{node.label.rpartition('.')[2]} {shape_text(node.shape)}"


def _cut(chain: Chain, depth: int) -> int | None:
    """Where in the chain the place stands that has `depth` open places around it; None if nothing is so deep."""
    level = 0
    for k, place in enumerate(chain):
        if place.step is None and place.name != BACKWARD:
            if level == depth:
                return k
            level += 1
    return None


def _readable_depth(graph: Graph) -> int:
    """The greatest depth at which the picture stays readable."""
    deepest = max((sum(p.step is None for p in node.scope) for node in graph.nodes), default=0)
    best = 0
    for depth in range(deepest + 1):
        cuts = ((node, _cut(node.scope, depth)) for node in graph.nodes)
        drawn = {node.id if k is None else node.scope[: k + 1] for node, k in cuts}
        if len(drawn) > READABLE and depth > 0:
            break
        best = depth
    return best


# --- parameters -------------------------------------------------------------------------------------------------------


def with_parameters(graph: Graph) -> Graph:
    """The graph with parameters gathered: those with the same uses become one node, and badges if there are many."""
    users: dict[int, list[int]] = defaultdict(list)
    nodes = {node.id: replace(node) for node in graph.nodes}
    for edge in graph.edges:
        if nodes[edge.source].kind == "parameter":
            users[edge.source].append(edge.target)
    together: dict[tuple[Chain, frozenset[int]], list[int]] = defaultdict(list)
    for i, used_by in users.items():
        together[nodes[i].scope, frozenset(used_by)].append(i)
    lines = sum(len(targets) for _, targets in together)
    gone: set[int] = set()
    for (_, targets), members in together.items():
        texts = tuple(parameter_text(nodes[i]) for i in members)
        if lines > MANY_LINES or len(targets) == 1:
            for target in targets:
                nodes[target].parameters += texts
            gone.update(members)
        else:
            nodes[members[0]].parameters = texts
            gone.update(members[1:])
    edges = [edge for edge in graph.edges if edge.source not in gone]
    return Graph([node for node in nodes.values() if node.id not in gone], edges)

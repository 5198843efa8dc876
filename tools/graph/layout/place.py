"""Where everything stands in a picture: rows, lanes and columns, in points, independent of any renderer.

Graphviz's own layout treats an unrolled network as any other graph, and loses the order of its time steps. Here the
regular structure decides:

- A node's *row* is one above the highest of its inputs, what time steps hand on left aside. So the same operation
  stands in the same row in every step.
- Inside a scope, nodes and inner scopes are put into *lanes*, from the results down: each prefers the lane of what
  uses it.
- The steps of a time axis are *columns* from left to right, all of the same height. Axes above each other that have
  the same steps, as the layers of a stack do, have the same columns.
- What a backward pass recorded stands to the right of everything else.

Nothing recurses, and a chain of ten thousand nodes takes a second.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from minigrad.inspect.graph.chains import Chain, around, axis_of, is_pass, steps_of
from minigrad.inspect.graph.model import Graph

from .lanes import Frame, Item, Links, Steps, in_lanes
from .rows import PADDING, heights, levels, scope_spans

COLUMN_GAP = 18.0


@dataclass(slots=True)
class Layout:
    """Positions in points; y grows upwards.

    Attributes:
        centers: of the nodes, by id.
        rows: of the nodes, by id.
        bands: the bottom and the top of the tallest node of each row.
        strips: the same, with the frames that begin or end in the row; between them nothing stands.
        frames: of the scopes, outer ones first.
        width, height: of the whole picture.
    """

    centers: dict[int, tuple[float, float]]
    rows: dict[int, int]
    bands: list[tuple[float, float]]
    strips: list[tuple[float, float]]
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
    links = Links(graph)
    items: dict[Chain, list[Item]] = defaultdict(list)
    chains: set[Chain] = {()}
    for node in graph.nodes:
        width = sizes[node.id][0]
        items[node.scope].append(Item(rows[node.id], rows[node.id], width, [(node.id, width / 2)], [], node.id))
        chains.update(around(node.scope))
    spans = scope_spans(graph, rows)
    by_depth: dict[int, list[Chain]] = defaultdict(list)  # by the number of time steps in the chain
    for chain in chains:
        by_depth[len(steps_of(chain))].append(chain)
    for depth in sorted(by_depth, reverse=True):
        columns = []
        for chain in sorted(by_depth[depth], key=len, reverse=True):
            inside = in_lanes(_side_by_side(items.pop(chain, [])), links)
            if chain:
                items[chain[:-1]].append(_framed(inside, chain, titles.get(chain, 0.0), spans[chain]))
                if chain[-1].step is not None:
                    columns.append(items[chain[:-1]][-1])
        _same_widths(columns)
    stacked = heights(rows, {i: size[1] for i, size in sizes.items()}, spans)
    for frame in inside.frames:
        frame.bottom, frame.top = stacked.frames[frame.chain]
    middles = [(low + high) / 2 for low, high in stacked.bands]
    return Layout(
        {i: (x, middles[rows[i]]) for i, x in inside.nodes},
        rows,
        stacked.bands,
        stacked.strips,
        sorted(inside.frames, key=lambda frame: len(frame.chain)),
        inside.width,
        stacked.total,
    )


def _framed(item: Item, chain: Chain, title: float, span: tuple[int, int]) -> Item:
    """The item with a frame around it. Columns of one axis take part with the rows of all of them."""
    inner = max(item.width, title)
    result = Item(*span, inner + 2 * PADDING, [], [Frame(chain, 0.0, inner + 2 * PADDING)], item.first, chain)
    result.add(item, PADDING + (inner - item.width) / 2)
    return result


def _side_by_side(items: list[Item]) -> list[Item]:
    """The items with the columns of each time axis joined into one item, in the order of their steps."""
    result = [item for item in items if not item.chain or item.chain[-1].step is None]
    for columns in _axes(items).values():
        joined = Item(columns[0].bottom, columns[0].top, 0.0, [], [], columns[0].first)
        for column in columns:
            joined.add(column, joined.width)
            joined.width += column.width + COLUMN_GAP
        joined.width -= COLUMN_GAP
        joined.axes.append((_steps(columns), 0.0))
        result.append(joined)
    return result


def _axes(items: list[Item]) -> dict[Chain, list[Item]]:
    """The columns among the items by their axis, in the order of their steps."""
    axes: dict[Chain, list[Item]] = defaultdict(list)
    for item in items:
        if item.chain and item.chain[-1].step is not None:
            axes[axis_of(item.chain)].append(item)
    for columns in axes.values():
        columns.sort(key=lambda item: item.chain[-1].step or 0)
    return axes


def _steps(columns: list[Item]) -> Steps:
    outer = columns[0].chain[:-1]
    while outer and outer[-1].step is None and not is_pass(outer):
        outer = outer[:-1]
    return outer, frozenset(column.chain[-1].step or 0 for column in columns)


def _same_widths(columns: list[Item]) -> None:
    """Make the columns of axes above each other as wide as the widest one of the same step, in place."""
    together: dict[Steps, list[list[Item]]] = defaultdict(list)
    for axis in _axes(columns).values():
        together[_steps(axis)].append(axis)
    for axes in together.values():
        lowest, highest = min(axis[0].top for axis in axes), max(axis[0].bottom for axis in axes)
        stacked = [axis for axis in axes if axis[0].bottom > lowest or axis[0].top < highest]
        for same in zip(*stacked, strict=True):
            width = max(column.width for column in same)
            for column in same:
                _widen(column, width)


def _widen(column: Item, width: float) -> None:
    column.move((width - column.width) / 2)
    column.width = column.frames[0].right = width
    column.frames[0].left = 0.0

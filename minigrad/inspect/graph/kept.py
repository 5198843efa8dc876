"""What a graph still knows without a tape: the arrays that its nodes keep for backward."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...engine.tape import FREED, Leaf, Node
from ...engine.version import memory_of
from ..entry import Entry, summary


def note_kept(lines: Sequence[Entry]) -> None:
    """Fill in, in place, how many bytes each node keeps, and what the values that are kept look like.

    Memory counts where it is kept first; that of parameters and other leaves does not count. After backward nothing is
    kept any more.
    """
    by_node = {entry.node: entry for entry in lines}
    seen: set[int] = set()
    for entry in lines:
        node = entry.node
        if node.primitive is None or node.saved is FREED:
            continue
        for array, maker in zip(node.saved, (node, *node.inputs), strict=False):
            if not hasattr(array, "nbytes"):
                continue
            owner = memory_of(array)
            if id(owner) not in seen:
                seen.add(id(owner))
                entry.saved_bytes += 0 if _is_leaf(maker) else int(owner.nbytes)
            made = None if maker is None else by_node.get(maker)
            if made is not None and made.value is None and (array.shape, array.dtype) == _kind(made.node):
                made.value = summary(array, node.backend)


def _kind(node: Node) -> tuple[tuple[int, ...], Any]:
    return node.shape, node.dtype


def _is_leaf(maker: Node | None) -> bool:
    """Whether this is a leaf, or a view of one."""
    while maker is not None and maker.primitive is not None and maker.primitive.view:
        maker = maker.inputs[0]
    return isinstance(maker, Leaf)

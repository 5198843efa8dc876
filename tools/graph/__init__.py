"""Drawing the graph that a tape recorded: `model` is the data, `fold` chooses what is shown, `layout` says where."""

from .from_tape import build
from .model import Graph, GraphEdge, GraphNode
from .picture import Picture, draw

__all__ = ["Graph", "GraphEdge", "GraphNode", "Picture", "build", "draw"]

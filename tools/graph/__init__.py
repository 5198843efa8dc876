"""Drawing the graph that a tape recorded: `model` is the data, `fold` chooses what is shown, `layout` says where."""

from .model import Graph, GraphEdge, GraphNode, build
from .picture import Picture, draw

__all__ = ["Graph", "GraphEdge", "GraphNode", "Picture", "build", "draw"]

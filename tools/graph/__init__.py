"""Drawing the graph that a tape recorded.

`model` is the data, `from_tape` makes it. Views of it are functions from Graph to Graph: `timeline` finds the time
steps, `steps` leaves some out, `repeats` folds them into one, `path` keeps what lies between two tensors, `passes` adds
the backward pass; `fold` folds modules, and puts the views together. `layout` says where things stand, `dot` how they
look, `picture` has `draw`.
"""

from .model.from_tape import build
from .model.graph import Graph, GraphEdge, GraphNode
from .picture import FORMATS, Picture, draw

__all__ = ["FORMATS", "Graph", "GraphEdge", "GraphNode", "Picture", "build", "draw"]

"""Drawing the graph that a tape recorded. Start in `picture`, which has `draw`.

Each room builds on those before it: `model` is the graph as data, `views` choose what of it is shown, `layout` says
where that stands; `render` makes pictures of it, and `page` one to look around in.
"""

from .model.from_tape import build
from .model.graph import Graph, GraphEdge, GraphNode
from .picture import FORMATS, Picture, draw
from .views.fold import passes, view

__all__ = ["FORMATS", "Graph", "GraphEdge", "GraphNode", "Picture", "build", "draw", "passes", "view"]

"""Drawing the graph that a tape recorded. Start in `picture`, which has `draw`.

The graph as data is in `minigrad.inspect.graph`. Each room builds on those before it: `views` choose what of it is
shown, `layout` says where that stands; `render` makes pictures of it, and `page` one to look around in. `trace` runs a
module in order to have something to draw.
"""

from minigrad.inspect.graph.from_tape import build
from minigrad.inspect.graph.model import Graph, GraphEdge, GraphNode

from .picture import FORMATS, Picture, draw
from .views.fold import passes, view

__all__ = ["FORMATS", "Graph", "GraphEdge", "GraphNode", "Picture", "build", "draw", "passes", "view"]

"""The graph as plain data, and how it is made of what a tape recorded. Nothing here knows how it is drawn.

Start in `graph`, the nodes and edges; `from_tape` makes them, with `kept` for what a tensor alone still knows. `trace`
runs a module in order to have something to draw.
"""

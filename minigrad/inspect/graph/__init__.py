"""What a tape recorded as a graph: plain data for drawings, for measures, and for whatever else reads it.

Start in `model`, the nodes and edges; `from_tape` makes them, with `kept` for what a tensor alone still knows. `chains`
are the scopes and time steps that a node is in; `timeline` finds those of a loop that nobody declared.
"""

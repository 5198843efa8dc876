"""What a tape recorded as a graph: plain data for drawings, for measures, and for whatever else reads it.

Start in `model`, the nodes and edges; `from_tape` makes them, with `kept` for what a tensor alone still knows.
`timeline` finds the time steps, also those of a loop that nobody declared.
"""

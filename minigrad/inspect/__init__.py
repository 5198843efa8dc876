"""The tape as text and as a graph: a table of what was recorded, its repeats, and a value explained step by step.

Start with `observe` (`Tape`, `detect_anomaly`); `table` prints it and `repeats` folds it. `explain` tells how a value
came about, with the derivative rules as `formulas` and in `words`. `graph` has it as nodes and edges.
"""

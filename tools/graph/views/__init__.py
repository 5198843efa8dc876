"""What of a graph is shown: functions from Graph to Graph. They know nothing of places, sizes and colours.

Start in `fold`, whose `view` puts the others together. `steps` leaves time steps out, `repeats` folds them into one,
`path` keeps what lies between two tensors, `passes` adds the backward pass, and `states` marks what time steps hand on.
All folding ends in `contract`.
"""

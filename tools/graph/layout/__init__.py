"""Where everything stands in a picture, in points, for any renderer: geometry alone, no shapes and colours.

Start in `place`, which puts together `rows` (how high nodes stand) and `lanes` (how far to the right); `routes` then
finds the ways of the edges.
"""

"""Pictures as files: a view and its layout as DOT text, which Graphviz turns into SVG, PNG or PDF.

Start in `dot`, which writes the text, with `looks` for nodes, `edges` for edges, `gradients` for their colours and
`legend` for the row that explains them. `graphviz` makes the files.
"""

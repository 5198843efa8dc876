"""The engine: it runs a primitive, records it, and sweeps back over what was recorded. It knows no operation by name.

Start with `scope` (where something happens), `tape` (the nodes, and the sweep) and `record` (`apply`, in which every
operation ends; `recorded` and `operands` are what it is given); then `gradient` (from a loss to the sweep),
`recording`, `hooks`, `version` and `custom`.
"""

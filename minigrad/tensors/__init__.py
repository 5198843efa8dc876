"""The tensor: an array, its node on the tape, and everything that Python and other libraries ask of it.

Start with `tensor` (the class) and `operators`; `changes` are those in place, `builtin` what Python's own functions
make of a tensor, `copies` and `array_api` how it travels.
"""

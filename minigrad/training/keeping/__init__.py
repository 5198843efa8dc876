"""What of a training is kept, whatever happens: its folder, its state for checkpoints, interrupts, and its results.

`folder` says what a folder holds, and lets one run at a time into it; `state` is all that a checkpoint has to hold;
`interrupts` has Ctrl-C wait until the state is that between two steps; `results` writes and tells what was reached.
"""

"""Training, for anyone's model: steps, validation, checkpoints, early stopping, and who is told what happens.

A `Task` says what is to be learned, `BaseSettings` how, and the `Trainer` does the rest: start in `trainer`. Watchers
are told what happens: the log, the display, the live page, TensorBoard.
"""

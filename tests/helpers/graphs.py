"""Small computations that the tests of graphs draw."""

import minigrad as mg


def rnn(steps, size=3, h=None):
    """A hand-written cell, unrolled: the loss and the weights."""
    w_xh, w_hh = mg.ones((size, size)).requires_grad_(), mg.ones((size, size)).requires_grad_()
    x, h = mg.ones((steps, 2, size)), mg.zeros((2, size)) if h is None else h
    for t in range(steps):
        with mg.scope("cell", step=t):
            h = mg.tanh(x[t] @ w_xh + h @ w_hh)
    return (h * h).sum(), {"W_xh": w_xh, "W_hh": w_hh}

"""Losses of small recurrent networks of many kinds, to be drawn."""

from graphs import rnn

import minigrad as mg
from minigrad import nn


class Uneven(nn.Module):
    """Three layers of different cells and sizes."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.LSTM(3, 4), nn.GRU(4, 300), nn.RNN(300, 2)

    def forward(self, x):
        return self.c(self.b(self.a(x)[0])[0])[0]


def encoder_and_decoder(steps=4):
    encoder, decoder = nn.GRUCell(3, 4), nn.GRUCell(3, 4)
    xs, state, loss = mg.ones((steps, 2, 3)), None, mg.zeros(())
    with mg.scope("model"):
        for t in range(steps):
            with mg.scope("encoder", step=t):
                _, state = encoder(xs[t], state)
        for t in range(steps):
            with mg.scope("decoder", step=t):
                h, state = decoder(xs[t], state)
            loss = loss + h.sum()
    return loss


def attention(steps=4):
    """A decoder that looks at all outputs of an encoder in every step."""
    encoder, cell = nn.GRU(3, 4), nn.GRUCell(7, 4)
    x, h, state, loss = mg.ones((steps, 2, 3)), mg.zeros((2, 4)), None, mg.zeros(())
    hs, _ = encoder(x)
    for t in range(steps):
        weights = mg.exp((hs * h).sum(axis=-1, keepdims=True))
        h, state = cell(mg.concat([x[t], (weights * hs).sum(axis=0)], axis=-1), state)
        loss = loss + h.sum()
    return loss


def recurrent(kind=nn.LSTM, layers=1, steps=6, **settings):
    return kind(3, 4, layers, **settings)(mg.ones((steps, 2, 3)))[0].sum()


class Cell(nn.Module):
    """A gated cell that reads its input several times, and a mask."""

    def __init__(self):
        super().__init__()
        self.W, self.U, self.V = (nn.Parameter(mg.ones((k, 4))) for k in (3, 4, 3))

    def forward(self, x_t, h, mask):
        gate = mg.sigmoid(x_t @ self.W + h @ self.U)
        h = (1 - gate) * h + gate * mg.tanh(x_t @ self.V)
        return mg.where(mask, h, 0.5 * h)


def masked(steps=4):
    cell, h = Cell(), mg.zeros((2, 4))
    mask = mg.ones((2, 1)) > 0
    for x_t in mg.ones((steps, 2, 3)):
        h = cell(x_t, h, mask)
    return (h * h).mean()


def words(steps=3):
    table, cell, out, state = nn.Embedding(7, 3), nn.LSTMCell(3, 4), nn.Linear(4, 7), None
    loss = mg.zeros(())
    for t in range(steps):
        h, state = cell(table(mg.tensor([1, 2 + t])), state)
        loss = loss + mg.functional.cross_entropy(out(h), mg.tensor([3, 4]))
    return loss


EXAMPLES = {
    "rnn": lambda: rnn(7)[0],
    "lstm": lambda: recurrent(nn.LSTM, 2),
    "both directions": lambda: recurrent(nn.GRU, 2, bidirectional=True),
    "uneven": lambda: Uneven()(mg.ones((6, 2, 3))).sum(),
    "encoder and decoder": encoder_and_decoder,
    "attention": attention,
    "masked": masked,
    "words": words,
}

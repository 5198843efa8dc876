"""What the tests of watchers share: a task to be watched, and the data of the live page after some steps of it."""

from contextlib import contextmanager
from pathlib import Path

import numpy as np

import minigrad as mg
from minigrad import nn, optim
from minigrad.training.live.feed import Feed
from minigrad.training.live.server import serve
from minigrad.training.settings import Settings
from minigrad.training.trainer import Task, Trainer
from minigrad.training.watchers import End, Step

HOSTILE = "<img src=x onerror=\"console.error('run')\">"


class Remember(Task):
    """A recurrent network with dropout whose state is carried on: everything that looking could disturb."""

    format = "minigrad remember 1"
    kept = ("error", "min")
    unit = "error"
    shown = "error"
    levels = [("always 0", 1.0)]

    def __init__(self, settings):
        super().__init__(settings)
        self.network, self.dropout, self.head = nn.LSTM(1, 6), nn.Dropout(0.2), nn.Linear(6, 1)
        self.model = nn.ModuleList([self.network, self.dropout, self.head])
        self.optimizer = optim.Adam(self.model.parameters(), lr=settings.lr)

    def batches(self, epoch):
        rng = np.random.default_rng([self.settings.seed, epoch])
        return (rng.normal(size=(5, 2, 1)).astype(np.float32) for _ in range(7))

    def loss(self, batch):
        x = mg.tensor(batch)
        y, self.carried = self.network(x, self.carried)
        return ((self.head(self.dropout(y)) - x) ** 2).mean()

    def validate(self):
        y, _ = self.network(mg.tensor(np.ones((5, 1, 1), np.float32)))
        return {"error": ((self.head(y) - 1) ** 2).mean().item(), HOSTILE: mg.random.normal(()).item()}

    def example(self):
        return f"one\n  two {HOSTILE}"


def settings(out, **changes):
    return Settings(**{"out": out, "steps": 24, "lr": 0.01, "validations": 4} | changes)


def filled(steps=3, validations=(), **end):
    """A feed of some steps."""
    feed = Feed()
    trainer = Trainer(Remember(settings(Path(), steps=10)))
    feed.begin(trainer)
    for n in range(1, steps + 1):
        feed.step(Step(n, 0, 1 / n, 0.5, 0.01, 0.1 * n))
    for validation in validations:
        feed.validation(validation)
    if end:
        feed.end(End(**end))
    return feed


@contextmanager
def serving():
    """A function that serves a feed, until the end, and returns the port."""
    servers = []

    def start(feed):
        servers.append(serve(feed))
        return servers[-1].server_address[1]

    try:
        yield start
    finally:
        for server in servers:
            server.stop()

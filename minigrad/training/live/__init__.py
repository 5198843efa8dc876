"""A page on this computer that shows a training while it runs: `minigrad train ... --live`.

`LivePage` is told what happens and notes it in a `Feed`; `serve` hands out the page and, once a second, what is new.
"""

from __future__ import annotations

from ..watchers import End, Step, Training, Validation, Watcher
from .feed import Feed
from .server import serve

LAST_WORD = 3.0  # seconds that an open page has to fetch how the training ended, before the process ends


class LivePage(Watcher):
    """Serves the page from now on, prints its address, and shows what it is told.

    Only this computer is served, on 127.0.0.1; whoever works on it can read the page.

    Args:
        port: where to serve; 0 takes any port that is free.

    Attributes:
        url: the address of the page.

    Raises OSError for a port that is taken or not allowed.
    """

    flow = True

    def __init__(self, port: int = 0) -> None:
        self.feed = Feed()
        self._server = serve(self.feed, port)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"
        print(f"watching: {self.url}", flush=True)

    def begin(self, training: Training) -> None:
        self.feed.begin(training)

    def step(self, step: Step) -> None:
        self.feed.step(step)

    def validation(self, validation: Validation) -> None:
        self.feed.validation(validation)

    def end(self, end: End) -> None:
        self.feed.end(end)

    def close(self) -> None:
        self.feed.wait_for_viewers(LAST_WORD)
        self._server.stop()

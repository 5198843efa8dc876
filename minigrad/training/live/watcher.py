"""The watcher that serves the live page."""

from __future__ import annotations

from .feed import Feed
from .server import serve

LAST_WORD = 3.0  # seconds that an open page has to fetch how the training ended, before the process ends


class LivePage(Feed):
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
        super().__init__()
        self._server = serve(self, port)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"
        print(f"watching: {self.url}", flush=True)

    def close(self) -> None:
        self.wait_for_viewers(LAST_WORD)
        self._server.stop()

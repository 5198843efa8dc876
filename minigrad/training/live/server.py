"""The server of the live page: five files and the new data, for this computer alone.

Web pages that a browser shows must not get at the data. Without permission by CORS headers they cannot read answers,
and a foreign name that is made to point to 127.0.0.1 (DNS rebinding) is refused by the Host header.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from importlib.resources import files
from socketserver import TCPServer, ThreadingMixIn
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ..caller import given, named
from .feed import Feed

HOME = "127.0.0.1"
# Nothing else is served: no path of a request becomes the path of a file.
PAGES = {
    "/": ("page.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
    "/chart.js": ("chart.js", "text/javascript"),
    "/parts.js": ("parts.js", "text/javascript"),
}
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Server(ThreadingMixIn, TCPServer):
    """A thread for each request; none keeps the process alive. (HTTPServer would look its own name up first.)"""

    daemon_threads = True
    allow_reuse_address = os.name != "nt"  # there it would let two servers share a port

    def __init__(self, feed: Feed, port: int) -> None:
        self.feed = feed
        self.pages = {
            path: (files(__package__).joinpath(name).read_bytes(), kind) for path, (name, kind) in PAGES.items()
        }
        super().__init__((HOME, port), Handler)
        self._thread = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.1}, name="live page", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Serve no longer; the port is free again."""
        self.shutdown()
        self._thread.join()
        self.server_close()

    def handle_error(self, *arguments: Any) -> None:
        """A page that was closed while it was answered is no news."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(*arguments)


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    server: Server
    timeout = 10  # seconds for a client to say what it wants
    server_version, sys_version = "minigrad", ""

    def do_GET(self) -> None:
        port = self.server.server_address[1]
        if self.headers.get("Host", "").lower() not in (f"{HOME}:{port}", f"localhost:{port}"):
            self._refuse(HTTPStatus.FORBIDDEN)
            return
        url = urlsplit(self.path)
        if url.path in self.server.pages:
            self._answer(HTTPStatus.OK, *self.server.pages[url.path])
        elif url.path == "/data":
            self._data(url.query)
        else:
            self._refuse(HTTPStatus.NOT_FOUND)

    def _data(self, query: str) -> None:
        try:
            asked = {name: int(values[-1]) for name, values in parse_qs(query, strict_parsing=bool(query)).items()}
            if not asked.keys() <= {"since", "validations"} or min(asked.values(), default=0) < 0:
                raise ValueError
        except ValueError:
            self._refuse(HTTPStatus.BAD_REQUEST)
            return
        data = self.server.feed.since(asked.get("since", 0), asked.get("validations", 0))
        self._answer(HTTPStatus.OK, json.dumps(data, allow_nan=False).encode(), "application/json")

    def _refuse(self, status: HTTPStatus) -> None:
        self._answer(status, f"{status.value} {status.phrase}\n".encode(), "text/plain")

    def _answer(self, status: HTTPStatus, content: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Say nothing: the terminal belongs to the training."""


def serve(feed: Feed, port: int = 0) -> Server:
    """Serve the page and the data on 127.0.0.1 in a thread of its own; `server_address` tells the port.

    Raises OSError for a port that is taken or not allowed.
    """
    try:
        return Server(feed, port)
    except OSError as error:
        where = f"port {port} of {HOME}" if port else HOME
        instead = f"train without {given('live')}"
        if port:
            instead = f"try another {named('live_port')}, or none, for one that is free"
        raise OSError(f"cannot serve the page on {where}: {error.strerror}; {instead}") from error

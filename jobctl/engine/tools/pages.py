"""A few pages over HTTP, for probes and Prometheus: from threads of their own, which hold up nothing else."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import AF_INET, AF_INET6
from typing import NamedTuple

from jobctl.errors import UsageError

PATIENCE_S = 10.0
"""A client that is silent for so long is left."""

_log = logging.getLogger(__name__)


class Page(NamedTuple):
    """What is answered."""

    status: int
    text: str
    kind: str = "text/plain; charset=utf-8"


def address_of(text: str) -> tuple[str, int]:
    """HOST:PORT, [IPV6]:PORT or :PORT, which is every address of this machine. Raises UsageError."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise UsageError(f"--http: {text[:60]!r} is not HOST:PORT", "write 127.0.0.1:9150, or :9150 for every address")
    return host.removeprefix("[").removesuffix("]"), int(port)


class Pages:
    """Serves pages by their paths, to GET and HEAD."""

    def __init__(self, address: str, pages: Mapping[str, Callable[[], Page]]) -> None:
        """Raises UsageError if nothing can listen there."""
        host, port = address_of(address)

        class Server(ThreadingHTTPServer):
            address_family = AF_INET6 if ":" in host else AF_INET
            daemon_threads = True

        try:
            self._server = Server((host, port), _handler(pages))
        except OSError as problem:
            raise UsageError(f"--http: cannot listen on {address}: {problem.strerror or problem}") from None
        self._thread = threading.Thread(target=self._server.serve_forever, name="pages", daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


def _handler(pages: Mapping[str, Callable[[], Page]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = PATIENCE_S
        server_version, sys_version = "jobctl", ""

        def do_GET(self) -> None:
            page = self._page()
            body = page.text.encode()
            self.send_response(page.status)
            self.send_header("Content-Type", page.kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815 - http.server's names

        def _page(self) -> Page:
            make = pages.get(self.path.partition("?")[0])
            if make is None:
                return Page(404, f"there is {', '.join(pages)}\n")
            try:
                return make()
            except Exception as problem:  # noqa: BLE001 - whatever is wrong, who asks is told
                _log.exception("cannot make %s", self.path[:60])
                return Page(503, f"{type(problem).__name__}\n")

        def log_message(self, *_args: object) -> None:
            """Probes come every few seconds: nobody would read it."""

    return Handler

"""A dead man's switch hears of each success, where it says that it is to be found."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from jobctl.catalog.model import Schedule
from jobctl.engine.scheduler.heartbeat import HttpHeartbeats
from tests.support import eventually


class Switch(ThreadingHTTPServer):
    """Sends who asks for /moved to /here."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.heard: list[str] = []


class Answer(BaseHTTPRequestHandler):
    server: Switch

    def do_GET(self) -> None:
        self.server.heard.append(self.path)
        self.send_response(302 if self.path == "/moved" else 200)
        self.send_header("Location", "/here")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def switch() -> Iterator[Switch]:
    server = Switch()
    Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(("path", "heard"), [("/here", ["/here"]), ("/moved", ["/moved", "/here"])])
def test_a_switch_hears_of_a_success_also_where_it_has_moved(switch: Switch, path: str, heard: list[str]) -> None:
    url = f"http://127.0.0.1:{switch.server_port}{path}"
    HttpHeartbeats().send(Schedule("s", "job", every_ms=1_000, heartbeat=url))
    eventually(lambda: "/here" in switch.heard)
    assert switch.heard == heard

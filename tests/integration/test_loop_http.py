"""`http` jobs on the event loop of a worker process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import redis

from tests.compat.inner import Inner, ended
from tests.support import PATIENCE_S


@pytest.fixture
def inner(tmp_path: Path, redis_client: redis.Redis, redis_url: str) -> Iterator[Inner]:
    inner = Inner(tmp_path, redis_url)
    yield inner
    inner.stop()


def test_http_jobs_wait_at_once_on_the_loop_and_a_cancel_breaks_one_off(inner: Inner) -> None:
    all_here, asked, hung_up = threading.Barrier(40), threading.Event(), threading.Event()

    class Meeting(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.path == "/hold":
                asked.set()
                self.rfile.read(1)
                hung_up.set()
                return
            all_here.wait(PATIENCE_S)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Meeting) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        worker = inner.start(
            f"""jobs:
  meet: {{http: {{url: "{url}/", method: GET}}, retries: {{max: 0}}}}
  hold: {{http: {{url: "{url}/hold", method: GET}}, retries: {{max: 0}}}}
"""
        )
        found = [ended(worker, one) for one in [worker.broker.actors["meet"].send() for _ in range(40)]]
        assert [one.state for one in found] == ["completed"] * 40, "with one thread, they were all under way together"
        held = worker.broker.actors["hold"].send()
        assert asked.wait(PATIENCE_S)
        (running,) = worker.desk.running()
        worker.desk.cancel(running, "cancelled")
        assert ended(worker, held).state == "cancelled"
        assert hung_up.wait(PATIENCE_S)
        server.shutdown()

"""What the tests of handlers share: attempts, modules, a local HTTP server, and waiting for processes."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from jobctl.catalog.model import HandlerSpec, JobType
from jobctl.handlers import build
from jobctl.handlers.base import Attempt, AttemptTimeout, CancelToken, Handler
from tests.support import PATIENCE_S


@dataclass
class Run:
    """An attempt and what it logged. `on_line` is called with every line as it comes."""

    attempt: Attempt
    lines: list[tuple[str, str]]

    def texts(self, stream: str) -> list[str]:
        return [text for name, text in self.lines if name == stream]


@pytest.fixture
def new_run() -> Callable[..., Run]:
    def make(
        payload: Mapping[str, Any] | None = None,
        *,
        seconds: float = PATIENCE_S,
        on_line: Callable[[Run, str], None] | None = None,
        wait: float = 0.0,
        **fields: Any,
    ) -> Run:
        lines: list[tuple[str, str]] = []

        def log(stream: str, text: str) -> float:
            lines.append((stream, text))
            if on_line is not None:
                on_line(run, text)
            return wait

        deadline = time.monotonic() + seconds
        known = {"job_id": "job-1", "type": "sample", "queue": "default", "number": 1}
        attempt = Attempt(
            **{**known, **fields}, payload=payload or {}, deadline=deadline, cancel=CancelToken(), log=log
        )
        run = Run(attempt, lines)
        return run

    return make


@pytest.fixture
def into_its_limit(new_run: Callable[..., Run]) -> Callable[..., tuple[Run, AttemptTimeout]]:
    """Run a handler into its time limit, which gets longer until what must come before it has come."""

    def run(
        handler: Handler,
        came: Callable[[Run, AttemptTimeout], object],
        *,
        seconds: float = 0.3,
        prepare: Callable[[Run], object] = id,
        **options: Any,
    ) -> tuple[Run, AttemptTimeout]:
        while True:
            one = new_run(seconds=seconds, **options)
            prepare(one)
            with pytest.raises(AttemptTimeout) as caught:
                handler(one.attempt)
            if came(one, caught.value):
                return one, caught.value
            assert seconds < PATIENCE_S, one.lines
            seconds *= 4

    return run


@pytest.fixture
def handler(tmp_path: Path) -> Callable[..., Handler]:
    def make(spec: HandlerSpec, **env: str) -> Handler:
        return build(JobType("sample", spec), env={"PATH": os.environ["PATH"], **env}, folder=tmp_path)

    return make


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Write a module with a name of its own; returns the name."""

    def write(source: str) -> str:
        name = f"sample_{abs(hash((str(tmp_path), source)))}"
        (tmp_path / f"{name}.py").write_text(source)
        monkeypatch.syspath_prepend(str(tmp_path))
        return name

    return write


@pytest.fixture
def gone() -> Callable[[int], bool]:
    """Whether a process ends. Waits on the process itself, not on time."""

    def wait(pid: int, seconds: float = PATIENCE_S) -> bool:
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            return True
        try:
            poll = select.poll()
            poll.register(descriptor, select.POLLIN)
            return bool(poll.poll(seconds * 1000))
        finally:
            os.close(descriptor)

    return wait


@dataclass
class Reply:
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    hold: threading.Event | None = None
    """Answer the head, drip bytes of the body until this is set."""
    stall: bool = False
    """With `hold`: send the body and then nothing, and say in the head that the connection's end is the body's."""
    reason: str | None = None
    """The reason phrase; None for the usual one."""


@dataclass
class Received:
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


class Server:
    """A real server: answers with `replies` in order, the last one for ever, and keeps what it received."""

    def __init__(self) -> None:
        self.replies: list[Reply] = [Reply()]
        self.received: list[Received] = []
        self.dripping = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._request_handler())
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _request_handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class RequestHandler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                server.received.append(Received(self.command, self.path, headers, self.rfile.read(length)))
                reply = server.replies.pop(0) if len(server.replies) > 1 else server.replies[0]
                self.send_response(reply.status, reply.reason)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                if reply.stall:
                    self.send_header("Connection", "close")
                else:
                    self.send_header("Content-Length", str(len(reply.body)) if reply.hold is None else "100000")
                self.end_headers()
                self.wfile.write(reply.body)
                if reply.stall and reply.hold is not None:
                    server.dripping.set()
                    reply.hold.wait()
                while reply.hold is not None and not reply.hold.wait(0.02):
                    self.wfile.write(b".")
                    server.dripping.set()

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = answer  # noqa: N815 - http.server's names

            def log_message(self, *_: object) -> None:
                pass

        return RequestHandler


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    for reply in server.replies:
        if reply.hold is not None:
            reply.hold.set()
    server.close()


@pytest.fixture
def reply() -> type[Reply]:
    return Reply

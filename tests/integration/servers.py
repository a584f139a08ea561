"""Real servers on private ports: single ones, a primary with its replica and a Sentinel, a cluster."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from jobctl.engine.server import program as serverprocess
from jobctl.prctl import dying_with_parent
from tests.support import eventually

HOST = "127.0.0.1"


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


class Node:
    """One server process; `lines` are added to its configuration."""

    def __init__(self, folder: Path, *lines: str, sentinel: bool = False, password: str | None = None) -> None:
        self.port = free_port()
        self.folder = folder / str(self.port)
        self.folder.mkdir()
        self._sentinel = sentinel
        self._password = password
        self._configuration = self.folder / "server.conf"
        own = [f"port {self.port}", f"bind {HOST}", f"dir {self.folder}", "daemonize no", 'logfile "log"']
        own += [f"requirepass {password}", f"primaryauth {password}"] if password else []
        own += [] if sentinel else ['save ""', "repl-diskless-sync-delay 0"]
        self._configuration.write_text("".join(f"{line}\n" for line in (*own, *lines)))
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def client(self) -> redis.Redis:
        retry = Retry(NoBackoff(), 0)
        return redis.Redis(
            host=HOST, port=self.port, password=self._password, socket_timeout=5, protocol=2, retry=retry
        )

    @property
    def url(self) -> str:
        return f"redis://{HOST}:{self.port}/0"

    def ask(self, *command: Any) -> Any:
        with self.client as client:
            return client.execute_command(*command)

    def configure(self, *lines: str) -> None:
        """Add lines to the configuration, for the next start."""
        with self._configuration.open("a") as file:
            file.writelines(f"{line}\n" for line in lines)

    def start(self) -> None:
        mode = ["--sentinel"] if self._sentinel else []
        self.process = subprocess.Popen(
            [str(serverprocess.find()), str(self._configuration), *mode],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            preexec_fn=dying_with_parent(signal.SIGTERM),
        )
        eventually(self._answers, what=f"server on port {self.port}")

    def _answers(self) -> bool:
        with contextlib.suppress(redis.ConnectionError):
            return bool(self.ask("PING"))
        return False

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()


@contextlib.contextmanager
def running(*nodes: Node) -> Iterator[None]:
    """Kill the servers in the end."""
    try:
        yield
    finally:
        for node in nodes:
            node.kill()

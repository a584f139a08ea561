"""A private server that a scenario may stop, kill, freeze, starve of memory, or promote."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import redis

from jobctl.engine.server import program as serverprocess
from jobctl.engine.server.embedded import ping
from jobctl.prctl import dying_with_parent

START_S = 20.0


class Server:
    """One server process on a Unix socket in `folder`, with its data kept there over restarts."""

    def __init__(self, folder: Path, name: str = "server", **options: str) -> None:
        self.folder = folder / name
        self.folder.mkdir()
        self.socket = self.folder / "s"
        self.options = options
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{quote(str(self.socket))}"

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url)

    def start(self) -> None:
        """Start and wait until it answers, its data loaded."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(serverprocess.find()), "-"],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,
                preexec_fn=dying_with_parent(),
            )
        assert self._process.stdin
        with self._process.stdin as pipe:
            pipe.write(self._configuration().encode())
        deadline = time.monotonic() + START_S
        while ping(self.socket) != "PONG":
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the server does not start: {(self.folder / 'log').read_text()[-500:]}")
            time.sleep(0.01)

    def stop(self) -> None:
        """An orderly shutdown, as a package upgrade does it."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL: nothing is written out; what the kernel holds of the file stays."""
        self._end(signal.SIGKILL)

    def signal(self, number: int) -> None:
        assert self._process
        self._process.send_signal(number)

    def _end(self, number: int) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(number)
            process.wait(30)

    def _configuration(self) -> str:
        base: Mapping[str, str] = {
            "port": "0",
            "unixsocket": str(self.socket),
            "dir": str(self.folder),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": '""',
            "maxmemory-policy": "noeviction",
            "slowlog-log-slower-than": "50000",
        }
        return "".join(f"{key} {value}\n" for key, value in {**base, **self.options}.items())

"""Processes that one foreground process holds together: started, watched, stopped in order, never left behind."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jobctl.prctl import dying_with_parent

LAST_LINES = 12
MAX_LOG_BYTES = 5_000_000


@dataclass
class Part:
    """One process of the tree. `log` is where its stderr goes; None means to ours.

    It has a process group of its own, so that a terminal's Ctrl-C reaches only us, and the kernel kills it when
    the thread that started it ends.
    """

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str]
    log: Path | None = None
    folder: Path | None = None
    status: str = "starting"
    ready: bool = False
    process: subprocess.Popen[bytes] | None = None
    _channel: socket.socket | None = field(default=None, repr=False)

    def start(self) -> None:
        """Raises OSError when it cannot be started."""
        environment = dict(self.environment)
        if address := self._listen():
            environment["NOTIFY_SOCKET"] = address
        output = _open_log(self.log) if self.log else None
        try:
            self.process = subprocess.Popen(
                self.argv,
                env=environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                process_group=0,
                preexec_fn=dying_with_parent(),
            )
        finally:
            if output is not None:
                os.close(output)

    def poll(self) -> int | None:
        """The exit code, None while it lives (or was never started)."""
        return self.process.poll() if self.process else None

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def signal(self, number: int) -> None:
        """Send a signal; nothing happens when the process is gone."""
        if self.process:
            self.process.send_signal(number)

    def hear(self) -> None:
        """Take in what it has said of itself (sd_notify's lines)."""
        while self._channel is not None:
            try:
                lines = self._channel.recv(4096).decode(errors="replace").splitlines()
            except OSError:
                return
            for key, _, value in (line.partition("=") for line in lines):
                self.ready = self.ready or key == "READY"
                self.status = value if key == "STATUS" else self.status

    def last_lines(self) -> list[str]:
        """The end of its log."""
        if self.log is None:
            return []
        try:
            with self.log.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - 16_384))
                return file.read().decode(errors="replace").splitlines()[-LAST_LINES:]
        except OSError:
            return []

    def close(self) -> None:
        """Kill it if it still lives, and reap it."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self._channel:
            self._channel.close()

    def _listen(self) -> str | None:
        """A socket on which it reports its state; an abstract one leaves no file behind. None where these do not
        exist."""
        channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            channel.bind("")  # Linux picks a free abstract name
            name = channel.getsockname()
        except OSError:
            name = b""
        if not isinstance(name, bytes) or not name.startswith(b"\0"):
            channel.close()
            return None
        channel.setblocking(False)
        self._channel = channel
        return f"@{name[1:].decode()}"


def _open_log(path: Path) -> int:
    """Open for appending; a log that has grown large makes room for a new one."""
    if path.exists() and path.stat().st_size > MAX_LOG_BYTES:
        path.replace(path.with_suffix(".log.1"))
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

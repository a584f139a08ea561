"""A relay between clients and the server that now and then cuts, swallows, halves or delays what passes through it."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
import time
from collections import Counter
from pathlib import Path
from urllib.parse import quote

LATE_S = 2.0
FAULTS = ("cut before", "cut after", "late", "swallow")


class Proxy:
    """Listens on a Unix socket. `rate` is the part of commands that meet a fault; `target` may change meanwhile."""

    def __init__(self, path: Path, target: Path, rate: float = 0.0, seed: int = 1) -> None:
        self.path, self.target, self.rate = path, target, rate
        self.faults: Counter[str] = Counter()
        self._dice = random.Random(seed)
        self._links: set[_Link] = set()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen(128)
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"unix://{quote(str(self.path))}"

    def retarget(self, target: Path) -> None:
        """From now on relay to another server; what is connected is cut."""
        self.target = target
        for link in list(self._links):
            link.cut()

    def close(self) -> None:
        self._listener.close()
        for link in list(self._links):
            link.cut()

    def fault(self) -> str:
        """What happens to this command: mostly nothing."""
        if self._dice.random() >= self.rate:
            return ""
        kind = self._dice.choices(FAULTS, weights=(4, 8, 3, 1))[0]
        self.faults[kind] += 1
        return kind

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._join(client)

    def _join(self, client: socket.socket) -> None:
        server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            server.connect(str(self.target))
        except OSError:
            client.close()
            server.close()
            return
        link = _Link(self, client, server)
        self._links.add(link)
        link.start()

    def forget(self, link: _Link) -> None:
        self._links.discard(link)


class _Link:
    """One client's connection. What a client sends at once counts as one command, as pipelines do."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy, self._client, self._server = proxy, client, server
        self._swallowing = False
        self._reply_lost = False

    def start(self) -> None:
        for run in (self._commands, self._replies):
            threading.Thread(target=run, daemon=True).start()

    def cut(self) -> None:
        for end in (self._client, self._server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._proxy.forget(self)

    def _commands(self) -> None:
        with contextlib.suppress(OSError):
            while data := self._client.recv(262_144):
                kind = self._proxy.fault()
                if kind == "cut before":
                    break
                if kind == "late":
                    self._send_late(data)
                    return
                self._reply_lost = self._reply_lost or kind == "cut after"
                self._swallowing = self._swallowing or kind == "swallow"
                self._server.sendall(data)
        self.cut()

    def _send_late(self, data: bytes) -> None:
        """The client is cut off at once; what it sent reaches the server some seconds later."""
        with contextlib.suppress(OSError):
            self._client.shutdown(socket.SHUT_RDWR)
            time.sleep(LATE_S)
            self._server.sendall(data)
            time.sleep(0.2)
        self.cut()

    def _replies(self) -> None:
        with contextlib.suppress(OSError):
            while data := self._server.recv(262_144):
                if self._reply_lost:
                    self._client.sendall(data[: len(data) // 2])
                    break
                if not self._swallowing:
                    self._client.sendall(data)
        self._client.close() if self._reply_lost else None
        self.cut()

"""Waiting for wake-up tokens, for exactly as long as is wanted.

A server notices that a BLPOP's time is over only when its event loop turns: up to 100 ms late when it is idle. So the
time is kept here, by polling the socket, and a question without an answer stays open.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import redis

from jobctl.store.wire.connection import mapping

ASKED_S = 3.0
"""For how long one question stands, over several waits: an idle worker asks rarely."""


class Wakeups:
    """Blocks on lists, on one connection of its own. For one thread, but for `interrupt`."""

    def __init__(self, client: Any, keys: Sequence[str | bytes]) -> None:
        self._pool = client.connection_pool
        self._keys = list(keys)
        self._connection: Any = None
        self._asked = False
        self._closed = False

    def wait(self, timeout_s: float) -> bytes | None:
        """Block until one of the lists has an element, and take it; which list, or None when time ran out.

        Raises RedisUnavailable.
        """
        return self._guarded(timeout_s, ask=True)

    def late(self) -> bytes | None:
        """The list of a token that was taken after `wait` had given up; None if there is none (yet)."""
        return self._guarded(0, ask=False) if self._asked else None

    @property
    def pending(self) -> bool:
        """Whether a token may still be taken, by a `wait` that gave up."""
        return self._asked

    def interrupt(self) -> None:
        """Make what blocks in another thread end now, with RedisUnavailable."""
        self._closed = True
        sock = getattr(self._connection, "_sock", None)
        if sock is not None:
            with suppress(OSError):
                # Not closed: the thread that reads it would stumble over a socket that is gone. And of the plain
                # socket: an SSLSocket would drop its state under that thread.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def _guarded(self, timeout_s: float, *, ask: bool) -> bytes | None:
        with mapping():
            try:
                return self._read(timeout_s, ask=ask)
            except BaseException:
                self._asked = False
                if self._connection is not None:
                    self._connection.disconnect()
                raise

    def _read(self, timeout_s: float, *, ask: bool) -> bytes | None:
        if self._closed:
            raise redis.ConnectionError("closed")
        if self._connection is None:
            self._connection = self._pool.get_connection()
        if ask and not self._asked:
            self._connection.send_command("BLPOP", *self._keys, ASKED_S)
            self._asked = True
        if not self._connection.can_read(timeout_s):
            return None
        reply = self._connection.read_response()
        self._asked = False
        return None if reply is None else bytes(reply[0])

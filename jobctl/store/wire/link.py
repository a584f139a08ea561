"""Connections that notice when the server behind them is no longer the one to talk to.

A primary that was demoted still answers its clients, with refusals. A connection that meets one tells all connections
of the client: each is opened again before its next command, and asks where the primary is now (a Sentinel, a cluster,
the name service). Callers see a ConnectionError, as when the network is down.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import redis
from redis.connection import Connection, SSLConnection, UnixDomainSocketConnection

Locate = Callable[[], tuple[str, int]]

_REFUSALS: tuple[tuple[str, type[Exception] | None], ...] = (
    ("READONLY", redis.exceptions.ReadOnlyError),
    ("NOREPLICAS", None),
    ("MASTERDOWN", redis.exceptions.MasterDownError),
    ("LOADING", redis.exceptions.BusyLoadingError),
    ("UNBLOCKED", None),
    ("CLUSTERDOWN", redis.exceptions.ClusterDownError),
)
"""What a server says that cannot do what a primary must. For some redis-py has a class, and leaves the code out of the
text; scripts put words before it."""
_MOVED = (redis.exceptions.MovedError, redis.exceptions.AskError)


class Primary:
    """Where the connections of one client lead. `locate` says so whenever one is made; None: to the URL's host."""

    def __init__(self, locate: Locate | None = None) -> None:
        self.locate = locate
        self.era = 0

    def lose(self) -> None:
        """The server is not the primary any more: no connection that was made until now is used again."""
        self.era += 1


class _Link:
    """What all connections have in common."""

    def __init__(self, *, primary: Primary, **options: Any) -> None:
        self._primary = primary
        self._era = primary.era
        self._asked: tuple[Any, ...] = ()
        super().__init__(**options)

    def _connect(self) -> Any:
        self._era = self._primary.era
        if self._primary.locate is not None:
            self.host, self.port = self._primary.locate()
        return super()._connect()  # type: ignore[misc]

    def send_packed_command(self, command: Any, check_health: bool = True) -> Any:
        if self._era != self._primary.era:
            self.disconnect()  # type: ignore[attr-defined]
        self._asked = ()
        return super().send_packed_command(command, check_health)  # type: ignore[misc]

    def send_command(self, *command: Any, **options: Any) -> Any:
        super().send_command(*command, **options)  # type: ignore[misc]
        self._asked = command

    def read_response(self, *args: Any, **options: Any) -> Any:
        try:
            return super().read_response(*args, **options)  # type: ignore[misc]
        except redis.RedisError as error:
            if told := self._refusal(error):
                self._primary.lose()
                self.disconnect()  # type: ignore[attr-defined]
                raise redis.ConnectionError(f"it cannot be the primary: {told}") from error
            if len(self._asked) > 1 and "WRONGTYPE" in str(error):
                name, key = (_text(part) for part in self._asked[:2])
                raise redis.ResponseError(f"({name} {key}): {error}") from error
            raise

    def _refusal(self, error: redis.RedisError) -> str | None:
        text = str(error)
        if self._primary.locate is not None and isinstance(error, _MOVED):
            return f"MOVED {text}"
        for code, kind in _REFUSALS:
            if kind is not None and isinstance(error, kind):
                return f"{code} {text}"
            if isinstance(error, redis.ResponseError) and (text.startswith(code) or f" -{code} " in text[:300]):
                return text
        return None


class Link(_Link, Connection):
    """Without encryption."""


class SSLLink(_Link, SSLConnection):
    """With TLS."""


class UnixLink(_Link, UnixDomainSocketConnection):
    """Over a Unix socket."""


KINDS: dict[type[Any], type[Any]] = {Connection: Link, SSLConnection: SSLLink, UnixDomainSocketConnection: UnixLink}
"""Which takes the place of which of redis-py's own."""


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)

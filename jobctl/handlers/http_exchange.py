"""One HTTP exchange on a connection of its own, bounded in time and size, that another thread can break off.

A fresh connection an attempt: one that was kept alive may have been closed by the other side just as the
request is written, which would fail an attempt for nothing.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, NewConnectionError
from urllib3.exceptions import TimeoutError as Urllib3Timeout
from urllib3.response import BaseHTTPResponse

from jobctl import clock
from jobctl.handlers.base import Attempt, HandlerFailure, interruption
from jobctl.handlers.http_address import Origin

_ROUNDING_S = 0.01
"""A socket's timeout that ends this shortly before the deadline was the deadline's."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent. `target` is path and query; `shown` is how messages name the address."""

    method: str
    target: str
    shown: str
    headers: Mapping[str, str]
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; header names in lower case, the body's first bytes."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes


class Client:
    """Sends to one origin and nowhere else. Of an answer, `max_body` bytes are read."""

    def __init__(self, origin: Origin, timeout_s: float, max_body: int) -> None:
        self._origin = origin
        self._timeout_s = timeout_s
        self._max_body = max_body
        self._context = ssl.create_default_context() if origin.scheme == "https" else None

    def send(self, request: Request, attempt: Attempt) -> Answer:
        """Raises HandlerFailure (HttpTimeout, HttpError), AttemptTimeout and AttemptCancelled."""
        left = attempt.deadline - clock.monotonic()
        if left <= 0 or attempt.cancel.cancelled:
            raise interruption(attempt)
        limit = min(self._timeout_s, left)
        connection = self._connection(limit)
        line = _Line(connection, attempt, limit)
        try:
            connection.connect()
            line.connected()
            answer = _exchange(connection, request, self._max_body)
            line.require_whole()
        except (HTTPError, HTTPException, OSError, ValueError) as error:
            if attempt.cancel.cancelled or attempt.deadline - clock.monotonic() < _ROUNDING_S:
                raise interruption(attempt) from error
            raise self._failure(request, TimeoutError() if line.broken_off else error) from error
        finally:
            line.close()
        return answer

    def _connection(self, timeout: float) -> HTTPConnection:
        host, port = self._origin.host, self._origin.port
        if self._context is None:
            return HTTPConnection(host, port, timeout=timeout)
        return HTTPSConnection(host, port, timeout=timeout, ssl_context=self._context)

    def _failure(self, request: Request, error: Exception) -> HandlerFailure:
        # urllib3 counts a refused connection and an unknown host among its timeouts.
        if isinstance(error, (Urllib3Timeout, TimeoutError)) and not isinstance(error, NewConnectionError):
            message = f"{request.shown}: no answer within {self._timeout_s:g} s"
            return HandlerFailure("HttpTimeout", message, match=("timeout",))
        return HandlerFailure("HttpError", f"{request.shown}: {_reason(error)}")


class _Line:
    """Breaks the connection off after `limit` seconds or on a cancel, from another thread, until it is closed.

    The socket's own timeout is not enough: it starts again with every byte that the other side drips.
    """

    def __init__(self, connection: HTTPConnection, attempt: Attempt, limit: float) -> None:
        self.broken_off = False
        self._connection = connection
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()
        self._open = True
        self._timer = threading.Timer(limit, self._break_off)
        self._timer.daemon = True
        self._timer.start()
        attempt.cancel.on_cancel(self._break_off)

    def _break_off(self) -> None:
        with self._lock:
            if not self._open:
                return
            self.broken_off = True
            sock = self._socket or self._connection.sock
            if sock is not None:
                with contextlib.suppress(OSError):
                    # Of the plain socket: an SSLSocket would drop its state under the reading thread.
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def connected(self) -> None:
        """Keep the socket: the connection forgets it as soon as an answer says that it will be closed.

        Raises OSError if it was broken off before there was a socket to shut down.
        """
        self._socket = self._connection.sock
        if self.broken_off:
            raise OSError("broken off while connecting")

    def require_whole(self) -> None:
        """Raise OSError if it was cut off: to the reader, that looked like the end of the answer."""
        if self.broken_off:
            raise OSError("broken off while reading")

    def close(self) -> None:
        with self._lock:
            self._open = False
        self._timer.cancel()
        self._connection.close()


def _exchange(connection: HTTPConnection, request: Request, max_body: int) -> Answer:
    connection.request(
        request.method, request.target, body=request.body, headers=request.headers, preload_content=False
    )
    response = connection.getresponse()
    try:
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status, response.reason or "", headers, _read(response, max_body))
    finally:
        response.close()


def _read(response: BaseHTTPResponse, limit: int) -> bytes:
    body = bytearray()
    while len(body) < limit:
        chunk = response.read1(limit - len(body))
        if not chunk:
            break
        body += chunk
    return bytes(body)


def _reason(error: Exception) -> str:
    """The error in one line; urllib3 puts the connection's representation before the reason."""
    text = str(error).rpartition("): ")[2] or type(error).__name__
    return f"{type(error).__name__}: {text.splitlines()[0]}"

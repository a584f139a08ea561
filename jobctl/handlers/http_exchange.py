"""HTTP exchanges of one event loop, bounded in time and size, on connections that are kept between requests.

A kept connection may have been closed by the other side just as the next request is written. Then that is sent again,
once, on a new one: nothing of an answer has come, and every request has an `Idempotency-Key`. Later than MEANWHILE_S,
the other side has been at work on it: then it fails, and the job's retries decide.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from types import TracebackType
from typing import Any
from weakref import WeakSet

import aiohttp
from yarl import URL

from jobctl import clock
from jobctl.handlers.base import Attempt, HandlerFailure, interruption
from jobctl.handlers.http_address import Origin

MAX_HEAD = 65_536
"""The most bytes of an answer's status line, and of one of its header lines."""
LATE_S = 1.0
"""A timer that comes later than this tells of a loop that was blocked: that time is not the request's."""
MEANWHILE_S = 0.5
"""A kept connection that closes later than this after a request was sent may have brought it to the other side."""
_ROUNDING_S = 0.01
"""A limit that ends this shortly before the deadline was the deadline's."""
_CLOSE_S = 1.0
_OURS = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
"""Headers that aiohttp would add."""


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


_used_before: ContextVar[bool] = ContextVar("_used_before", default=False)
"""Whether the connection of the request that the task has sent had another one before."""


class _Connector(aiohttp.TCPConnector):
    """Tells whether a connection is new. (aiohttp's tracing would, too, and costs a tenth of a request.)"""

    def __init__(self) -> None:
        super().__init__(limit=0)
        self._used: WeakSet[Any] = WeakSet()

    async def connect(self, *args: Any, **kwargs: Any) -> aiohttp.connector.Connection:
        connection = await super().connect(*args, **kwargs)
        protocol = connection.protocol
        if protocol in self._used:
            _used_before.set(True)
        else:
            _used_before.set(False)
            self._used.add(protocol)
        return connection


class Pool:
    """The connections of the loop in which it is made."""

    def __init__(self) -> None:
        self._kept = _session(_Connector())
        self._new = _session(aiohttp.TCPConnector(limit=0, force_close=True))

    async def __aenter__(self) -> Pool:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._kept.close()
        await self._new.close()

    async def exchange(self, url: URL, request: Request, context: ssl.SSLContext | None, max_body: int) -> Answer:
        """Raises aiohttp.ClientError, OSError, ValueError."""
        _used_before.set(False)
        sent = clock.monotonic()
        try:
            response = await _begin(self._kept, url, request, context)
        except aiohttp.ClientConnectionError:
            if not _used_before.get() or clock.monotonic() - sent > MEANWHILE_S:
                raise
            response = await _begin(self._new, url, request, context)
        async with response:
            headers = {name.lower(): _text(value) for name, value in response.headers.items()}
            body = await _read(response, max_body)
            return Answer(response.status, _text(response.reason or ""), headers, body)


class Client:
    """Sends to one origin and nowhere else. Of an answer, `max_body` bytes are read."""

    def __init__(self, origin: Origin, timeout_s: float, max_body: int) -> None:
        self._base = str(URL(str(origin)).origin())
        self._timeout_s = timeout_s
        self._max_body = max_body
        self._context = _context() if origin.scheme == "https" else None

    async def send(self, request: Request, attempt: Attempt, pool: Pool) -> Answer:
        """Raises HandlerFailure (HttpTimeout, HttpError), AttemptTimeout and AttemptCancelled. Whoever enforces the
        attempt's deadline cancels the task."""
        if attempt.cancel.cancelled:
            raise interruption(attempt)
        limit = _Limit(self._timeout_s)
        try:
            with limit:
                url = URL(self._base + request.target, encoded=True)
                return await pool.exchange(url, request, self._context, self._max_body)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if attempt.cancel.cancelled or (limit.over and attempt.deadline - clock.monotonic() < _ROUNDING_S):
                raise interruption(attempt) from error
            raise self._failure(request, error, limit.over) from error

    def _failure(self, request: Request, error: Exception, over: bool) -> HandlerFailure:
        if over:
            message = f"{request.shown}: no answer within {self._timeout_s:g} s"
            return HandlerFailure("HttpTimeout", message, match=("timeout",))
        return HandlerFailure("HttpError", f"{request.shown}: {_reason(error)}")


class _Limit:
    """Cancels the task that enters it after some seconds, in which the loop turns; leaving it then raises
    TimeoutError. aiohttp's own limits, and asyncio's, also count the time for which another job blocks the loop."""

    def __init__(self, seconds: float) -> None:
        self.over = False
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._at = self._loop.time() + seconds

    def __enter__(self) -> None:
        self._timer = self._loop.call_at(self._at, self._end)

    def _end(self) -> None:
        late = self._loop.time() - self._at
        if late > LATE_S:
            self._at += late + LATE_S
            self._timer = self._loop.call_at(self._at, self._end)
        elif self._task is not None:
            self.over = True
            self._task.cancel()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        if not self.over or self._task is None:
            return
        self._task.uncancel()
        if isinstance(error, asyncio.CancelledError):
            raise TimeoutError from error


_shared: tuple[asyncio.AbstractEventLoop, Pool] | None = None


def shared() -> Pool:
    """The process's pool, of the event loop that runs."""
    global _shared
    loop = asyncio.get_running_loop()
    if _shared is None or _shared[0] is not loop:
        _shared = (loop, Pool())
    return _shared[1]


def close_shared() -> None:
    """Close the process's pool, if there is one, from another thread than its loop's."""
    global _shared
    pool, _shared = _shared, None
    if pool is not None and pool[0].is_running():
        with suppress(Exception):  # a loop that is blocked: the process ends, and its connections with it
            asyncio.run_coroutine_threadsafe(pool[1].close(), pool[0]).result(_CLOSE_S)


def _session(connector: aiohttp.TCPConnector) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),  # a cookie of one job's answer is nothing to the next
        timeout=aiohttp.ClientTimeout(total=None, connect=None, sock_read=None, sock_connect=None),
        skip_auto_headers=_OURS,
        max_line_size=MAX_HEAD,
        max_field_size=MAX_HEAD,
    )


async def _begin(
    session: aiohttp.ClientSession,
    url: URL,
    request: Request,
    context: ssl.SSLContext | None,
) -> aiohttp.ClientResponse:
    """The head of the answer."""
    return await session.request(
        request.method,
        url,
        data=request.body,
        headers=request.headers,
        allow_redirects=False,
        ssl=True if context is None else context,
    )


async def _read(response: aiohttp.ClientResponse, limit: int) -> bytes:
    body = bytearray()
    while len(body) < limit and (chunk := await response.content.read(limit - len(body))):
        body += chunk
    if not response.content.at_eof():
        response.close()  # the rest is not waited for
    return bytes(body)


@cache
def _context() -> ssl.SSLContext:
    """What certificates are checked against, read once a process: that takes tens of milliseconds."""
    return ssl.create_default_context()


def _text(value: str) -> str:
    """A part of the head without what is not UTF-8, which aiohttp keeps as lone surrogates."""
    return value if value.isascii() else value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _reason(error: Exception) -> str:
    """The error in one line, without the address, whose query may be secret."""
    if isinstance(error, aiohttp.ClientPayloadError):
        return "the answer broke off, or cannot be decoded"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        error = error.certificate_error
    elif isinstance(error, aiohttp.ClientConnectorError):
        error = error.os_error
    if isinstance(error, aiohttp.ClientResponseError):
        text = error.message
    elif isinstance(error, OSError) and error.errno is not None:
        of_ssl = isinstance(error, (ssl.SSLError, socket.gaierror))
        text = error.strerror or "" if of_ssl else os.strerror(error.errno)
    else:
        text = str(error)
    name = type(error).__name__
    return f"{name}: {text.splitlines()[0]}" if text else name

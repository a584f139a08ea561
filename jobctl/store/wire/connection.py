"""The connection to Redis: how it is opened, and what its errors mean to a person."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import redis
import redis.backoff
import redis.retry
from redis.connection import parse_url

from jobctl.errors import JobctlError, RedisForbidden, RedisFull, RedisUnavailable, UsageError, WrongKind
from jobctl.store.wire import link, topology
from jobctl.urls import address, is_sentinel, redacted, split_password

CLIENT_NAME = "jobctl"
TIMEOUT_S = 5.0
MAX_RETRIES = 3
FULL = "is out of memory (maxmemory)"
NAMELESS = "Redis"
"""What an error calls the server where its URL is not known."""


def connect(
    url: str,
    *,
    password: str | None = None,
    cluster: bool = False,
    retries: int = 0,
    timeout_s: float | None = TIMEOUT_S,
    max_connections: int | None = None,
    health_check_s: int = 30,
) -> redis.Redis:
    """A client for `url`; nothing is sent before its first command. Replies are bytes.

    `password` wins over one inside the URL. `retries` (at most 3) repeats a command after a lost connection
    and is only for callers whose every command may run twice: a repeated write whose first answer was lost
    has happened twice. `timeout_s` bounds connecting and each answer, None waits for ever (for a blocking
    command give more than it blocks). A connection idle for `health_check_s` is tried before it is used
    again, and so is a new one; 0 spares short-lived clients that round trip. Raises UsageError for a URL
    that cannot be used.
    """
    bare, inside = split_password(url)
    options: dict[str, Any] = {
        "password": password if password is not None else inside,
        "client_name": CLIENT_NAME,
        "protocol": 2,
        "socket_timeout": timeout_s,
        "socket_connect_timeout": TIMEOUT_S if timeout_s is None else min(timeout_s, TIMEOUT_S),
        "health_check_interval": health_check_s,
        "retry": redis.retry.Retry(redis.backoff.ExponentialBackoff(cap=0.5, base=0.05), min(retries, MAX_RETRIES)),
    }
    if not bare.startswith("unix:"):
        options["socket_keepalive"] = True
    if max_connections is not None:
        options["max_connections"] = max_connections
    try:
        _check_files(bare)
        if is_sentinel(bare):
            return topology.sentinel_client(address(bare), options)
        if cluster and not bare.startswith("unix:"):
            return topology.cluster_client(address(bare), options)
        client = redis.Redis.from_url(bare, **options, connection_class=link.KINDS[_kind(bare)], primary=link.Primary())
        # an option that the URL misspells would otherwise surface as a TypeError of the first command
        client.connection_pool.connection_class(**client.connection_pool.connection_kwargs)
        return client
    except OSError as error:
        raise UsageError(f"the Redis URL {redacted(url)} cannot be used: {error.filename}: {error.strerror}") from error
    except (TypeError, ValueError) as error:
        raise UsageError(f"the Redis URL {redacted(url)} cannot be used: {error}") from error


def _kind(url: str) -> type[Any]:
    """The class of redis-py's connection that a URL means. Raises ValueError for a scheme that it does not know."""
    kind: type[Any] = parse_url(url).get("connection_class", redis.Connection)  # type: ignore[no-untyped-call]
    return kind


def _check_files(url: str) -> None:
    """Raise OSError for a certificate file of the URL that cannot be read; else it would look like a dead server."""
    for option, value in parse_qsl(urlsplit(url).query):
        if option in ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile"):
            Path(value).open("rb").close()


class mapping:  # noqa: N801 - reads as what it does: `with mapping():`
    """Turn every redis.RedisError of the block into RedisUnavailable."""

    __slots__ = ("_url",)

    def __init__(self, url: str = "") -> None:
        self._url = url

    def __enter__(self) -> None: ...

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, redis.RedisError):
            raise translate(error, self._url) or error from error


def translate(error: BaseException, url: str = "") -> JobctlError | None:
    """What a redis-py error means: one line with the (redacted) URL, why, and what to do. None for others."""
    if not isinstance(error, redis.RedisError):
        return None
    if "WRONGTYPE" in str(error):
        command = _COMMAND.search(str(error))
        return WrongKind(command["key"] if command else "")
    where = redacted(url) if url else NAMELESS
    what, hint = _meaning(error)
    kind = RedisFull if what == FULL else RedisForbidden if hint == ASK else RedisUnavailable
    return kind(f"{where} {what}", hint)


_COMMAND = re.compile(r"\([A-Z]+ (?P<key>[^\s)]+)")
"""How redis-py names a command of a pipeline in its error."""

ASK = "docs/security.md lists the rights that a producer, worker, reader and operator need"
"""The hint for a Redis user who may not run a command or touch a key."""

_BY_CLASS: tuple[tuple[type[Exception], str, str], ...] = (
    (
        redis.exceptions.AuthenticationError,
        "refused the user name or password",
        "check JOBCTL_REDIS_PASSWORD",
    ),
    (redis.exceptions.NoPermissionError, "does not permit this: {error}", ASK),
    (redis.exceptions.BusyLoadingError, "is still loading its data", "try again in a moment"),
    (redis.exceptions.ReadOnlyError, "is read-only: it is a replica", "give the address of the primary"),
    (redis.exceptions.OutOfMemoryError, FULL, "raise it or remove jobs"),
    (redis.exceptions.MaxConnectionsError, "accepts no more connections", "raise maxclients"),
    (redis.exceptions.TimeoutError, "does not answer: {error}", "is it overloaded, or the network down?"),
    (redis.exceptions.ClusterDownError, "is a cluster that is down: {error}", ""),
    (redis.exceptions.ConnectionError, "cannot be reached: {error}", "is it running?"),
)

_BY_PREFIX: tuple[tuple[str, str, str], ...] = (
    ("NOAUTH", "requires a password", "set JOBCTL_REDIS_PASSWORD or JOBCTL_REDIS_PASSWORD_FILE"),
    ("WRONGPASS", "refused the user name or password", "check JOBCTL_REDIS_PASSWORD"),
    ("NOPERM", "does not permit this: {error}", ASK),
    ("ACL failure", "does not permit this: {error}", ASK),
    ("OOM", FULL, "raise it or remove jobs"),
    ("READONLY", "is read-only: it is a replica", "give the address of the primary"),
    ("LOADING", "is still loading its data", "try again in a moment"),
    ("MISCONF", "cannot write to its disk and refuses changes", "look at its log and its disk space"),
    ("BUSY ", "is busy with another client's script", "try again in a moment"),
    ("MASTERDOWN", "has lost its primary", "give the address of the primary"),
    ("NOREPLICAS", "has too few replicas to accept changes", "is it an old primary that is cut off from the others?"),
    ("UNBLOCKED", "is no longer the primary", "try again in a moment"),
    ("max number of clients", "accepts no more connections", "raise maxclients"),
    ("CROSSSLOT", "is a cluster, which this connection does not know", "set JOBCTL_CLUSTER=1"),
    ("MOVED", "is a cluster, which this connection does not know", "set JOBCTL_CLUSTER=1"),
)


def _meaning(error: redis.RedisError) -> tuple[str, str]:
    """What to say after the URL, and the hint. Scripts wrap the real reason, so the text is searched too."""
    text = " ".join(str(error).split()).removesuffix(".") or type(error).__name__
    for prefix, what, hint in _BY_PREFIX:
        if text.startswith(prefix) or f" {prefix}" in text[:200]:
            return what.format(error=text), hint
    for kind, what, hint in _BY_CLASS:
        if isinstance(error, kind):
            return what.format(error=text), hint
    return f"refused the command: {text}", ""

"""Clients of a Redis whose primary moves: found through Sentinels, or as the owner of a slot in a cluster.

Both work alike: each new connection asks where the primary is now; `link` opens it again in time.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import redis
import redis.crc
import redis.sentinel
from redis.connection import SSLConnection, parse_url

from jobctl.store.wire.link import Link, Locate, Primary, SSLLink
from jobctl.urls import Address

LOCATE_TIMEOUT_S = 1.0


class _Node(Protocol):
    def __call__(self, host: str, port: int) -> redis.Redis: ...


class SlotOwner:
    """Finds the node of a cluster that owns a slot. Without a slot yet, any node will do.

    Asks the nodes it knows, those of the URL at first, until one answers.
    """

    def __init__(self, seeds: Sequence[tuple[str, int]], node: _Node) -> None:
        self.slot: int | None = None
        self._seeds = tuple(seeds)
        self._known: tuple[tuple[str, int], ...] = ()
        self._node = node
        self._lock = threading.Lock()

    def bind(self, key: str) -> None:
        """From now on the node that owns this key's slot is meant."""
        self.slot = redis.crc.key_slot(key.encode())

    def __call__(self) -> tuple[str, int]:
        problem: Exception | None = None
        with self._lock:
            asked = dict.fromkeys((*self._known, *self._seeds))
        for host, port in asked:
            try:
                with self._node(host, port) as client:
                    ranges: Any = client.execute_command("CLUSTER", "SLOTS")
            except redis.RedisError as error:
                problem = error
                continue
            if (owner := self._owner(ranges, host)) is not None:
                return owner
        raise redis.ConnectionError(f"no node of the cluster says who owns slot {self.slot or 0}: {problem or ''}")

    def _owner(self, ranges: Sequence[Any], asked: str) -> tuple[str, int] | None:
        """Read CLUSTER SLOTS: ranges of (first, last, primary, replicas…); a node is (host, port, …)."""
        owner, known = None, []
        for first, last, *nodes in ranges:
            found = [(_text(node[0]) or asked, int(node[1])) for node in nodes]
            known += found
            if first <= (self.slot or 0) <= last and found:
                owner = found[0]
        with self._lock:
            # others first: the owner of old is the likeliest to be gone when someone asks again
            self._known = tuple(dict.fromkeys([node for node in known if node != owner] + known))
        return owner


def sentinel_client(address: Address, options: Mapping[str, Any]) -> redis.Redis:
    """A client of the primary that Sentinels name. `sentinel_auth=1` in the URL gives them the password too."""
    given = _options(address, options)
    auth = str(given.pop("sentinel_auth", "")).lower() in ("1", "true", "yes")
    asking = _asking(given) if auth else {k: v for k, v in _asking(given).items() if k not in ("username", "password")}
    if given["connection_class"] is SSLLink:
        asking["ssl"] = True
    sentinels: Any = redis.sentinel.Sentinel(  # type: ignore[no-untyped-call]
        [(host, port or 26379) for host, port in address.hosts], sentinel_kwargs=asking
    )
    return _client(given, lambda: sentinels.discover_master(address.service))


def cluster_client(address: Address, options: Mapping[str, Any]) -> redis.Redis:
    """A client of the node that owns a namespace's slot: see `bind`."""
    given = _options(address, options)
    asking = _asking(given)
    if given["connection_class"] is SSLLink:
        asking["ssl"] = True

    def node(host: str, port: int) -> redis.Redis:
        return redis.Redis(host=host, port=port, **asking)

    return _client(given, SlotOwner([(host, port or 6379) for host, port in address.hosts], node))


def bind(client: Any, key: str) -> None:
    """Point a cluster's client at the slot of `key`; any other client is left as it is."""
    pool = getattr(client, "connection_pool", None)
    primary = getattr(pool, "connection_kwargs", {}).get("primary")
    if isinstance(primary, Primary) and isinstance(primary.locate, SlotOwner):
        primary.locate.bind(key)


def _client(options: dict[str, Any], locate: Locate) -> redis.Redis:
    pool = redis.ConnectionPool(**options, primary=Primary(locate))
    # an option that the URL misspells would otherwise surface as a TypeError of the first command
    pool.connection_class(**pool.connection_kwargs)
    return redis.Redis(connection_pool=pool)


def _options(address: Address, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a connection: the caller's, overruled by those in the URL."""
    given: dict[str, Any] = {**options, **parse_url(address.single())}  # type: ignore[no-untyped-call]
    tls = given.pop("connection_class", None) is SSLConnection
    given.pop("host", None)
    given.pop("port", None)
    return {**given, "connection_class": SSLLink if tls else Link}


def _asking(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options with which to ask for an address: the same credentials and certificates, but quick."""
    kept = ("username", "password", "client_name", "protocol")
    asking = {key: value for key, value in options.items() if key in kept or key.startswith("ssl_")}
    retry = redis.retry.Retry(redis.backoff.NoBackoff(), 0)
    return asking | {"socket_timeout": LOCATE_TIMEOUT_S, "socket_connect_timeout": LOCATE_TIMEOUT_S, "retry": retry}


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value or "")

"""The server itself: what it says of its configuration and state, and what its ACL lets us do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import redis

from jobctl import clock
from jobctl.names import is_queue
from jobctl.store.data import codec
from jobctl.store.nouns.processes import Processes
from jobctl.store.nouns.queues import SCAN_PAGE
from jobctl.store.wire import kinds
from jobctl.store.wire.connection import mapping

if TYPE_CHECKING:
    from jobctl.store.wire.namespace import Namespace

PINGS = 5
SEARCHED_S = 1.0
SEEN_MS = 60_000
"""A stock Dramatiq process that was seen this recently counts as alive, as it does to stock Dramatiq."""
_KEY = "{key}"
_SHAPES: tuple[tuple[tuple[Any, ...], str], ...] = (
    ((), "MULTI TIME"),
    ((0,), "SCAN"),
    (("LOAD", "return 1"), "SCRIPT"),
    (("0" * 40, 1, _KEY), "EVALSHA"),
    (("STREAMS", _KEY, "0"), "XREAD"),
    (
        (_KEY,),
        "DEL EXISTS GET HGETALL HKEYS HLEN HVALS INCR LLEN LPOP PERSIST PTTL SCARD SMEMBERS TYPE UNLINK WATCH ZCARD",
    ),
    ((_KEY,), "ZPOPMIN"),
    ((_KEY, 1), "BLPOP DECRBY HSCAN INCRBY LINDEX PEXPIRE SSCAN ZSCAN"),
    (
        (_KEY, "v"),
        "HDEL HEXISTS HGET HMGET HSTRLEN LPOS LPUSH PUBLISH RPUSH SADD SET SISMEMBER SMISMEMBER SREM",
    ),
    ((_KEY, _KEY), "RENAME"),
    ((_KEY, "v"), "ZMSCORE ZRANK ZREM ZSCORE"),
    ((_KEY, "f", "v"), "HSET HSETNX"),
    ((_KEY, "f", 1), "HINCRBY"),
    ((_KEY, 1, "v"), "LREM ZADD ZINCRBY"),
    ((_KEY, 0, 1), "LRANGE LTRIM ZCOUNT ZRANGE ZRANGEBYSCORE ZREMRANGEBYRANK ZREVRANGE ZREVRANGEBYSCORE"),
    ((_KEY, "+", "-"), "XRANGE XREVRANGE"),
    ((_KEY, "MAXLEN", 1), "XTRIM"),
    ((_KEY, "*", "f", "v"), "XADD"),
)
"""Every command that scripts and store use, by arguments that make it well-formed."""
_ARGUMENTS = {name: arguments for arguments, names in _SHAPES for name in names.split()}
NEEDED = frozenset(_ARGUMENTS) | {"SUBSCRIBE"}


class Server:
    """The server behind a namespace."""

    def __init__(self, store: Namespace) -> None:
        self._store = store

    def latency_ms(self) -> float:
        """The fastest of a few round trips."""
        times = []
        with mapping():
            for _ in range(PINGS):
                began = clock.monotonic()
                self._store.client.ping()
                times.append(clock.monotonic() - began)
        return min(times) * 1000

    def namespaces(self) -> list[str]:
        """The namespaces that jobctl has written to on this server, sorted; of very many keys, as far as a second of
        searching goes."""
        end, suffix, found = clock.monotonic() + SEARCHED_S, ":@layout", set()
        with mapping():
            for key in self._store.client.scan_iter(f"*{suffix}", count=SCAN_PAGE, _type="string"):
                found.add(key.decode("utf-8", "replace").removesuffix(suffix).strip("{}"))
                if clock.monotonic() > end:
                    break
        return sorted(found)

    def info(self) -> dict[str, Any] | None:
        """INFO; None where that is not permitted."""
        try:
            with mapping():
                return {str(key): value for key, value in self._store.client.info().items()}
        except Exception as error:
            if isinstance(error.__cause__, redis.ResponseError):
                return None
            raise

    def config(self, name: str) -> str | None:
        """A setting; None where CONFIG is not permitted, as on managed servers."""
        try:
            found = self._store.client.config_get(name)
        except redis.ResponseError:
            return None
        return {_text(key): _text(value) for key, value in found.items()}.get(name)

    def denied(self) -> list[str] | None:
        """The commands that this user may not send on this namespace's keys; None where it cannot be found out.

        They are queued in a transaction that is then discarded: the ACL is asked, and nothing is run.
        """
        key = self._store.keys.token()
        pool = self._store.client.connection_pool
        names = sorted(_ARGUMENTS)
        with mapping():
            connection = pool.get_connection()
            try:
                if _refused(connection, "MULTI"):
                    return None
                out = [name for name in names if _refused(connection, name, *_given(name, key))]
                _refused(connection, "DISCARD")
                if _refused(connection, "SUBSCRIBE", self._store.keys.control()):
                    out.append("SUBSCRIBE")
            finally:
                connection.disconnect()
                pool.release(connection)
        return out

    def wrong_keys(self, queues: Sequence[str]) -> list[kinds.WrongKey]:
        """The keys of the namespace itself and of these queues that are of another type than jobctl keeps there."""
        with mapping():
            return kinds.find(self._store.connection, kinds.all_of(self._store.keys, queues))

    def strange_queues(self) -> list[str]:
        """What stands among the registered queues and can be no queue's name."""
        with mapping():
            members = self._store.client.smembers(self._store.keys.queues())
        return sorted(name for name in map(_text, members) if not is_queue(name))

    def ahead_ms(self) -> int:
        """How far Redis's clock is ahead of this machine's."""
        before = clock.now_ms()
        now = Processes(self._store).now_ms()
        return now - (before + clock.now_ms()) // 2

    def stock_processes(self, queues: list[str]) -> tuple[int, list[str]]:
        """Stock Dramatiq: how many processes were seen lately, and the queues of which one of them holds messages.

        A stock producer is seen too: every call of the stock broker leaves a heartbeat. Only a worker holds messages.
        """
        keys = self._store.keys
        with mapping():
            since = Processes(self._store).now_ms() - SEEN_MS
            seen = self._store.client.zrangebyscore(keys.stock_heartbeats(), since, "+inf", start=0, num=1000)
            pipe = self._store.client.pipeline(transaction=False)
            pairs = [(name, queue) for name in seen for queue in queues]
            for name, queue in pairs:
                pipe.exists(keys.stock_acks(_text(name), queue), keys.stock_acks(_text(name), queue, delayed=True))
            replies = pipe.execute() if pairs else []
        return len(seen), sorted({queue for (_, queue), held in zip(pairs, replies, strict=True) if held})

    def inboxes(self, queues: list[str]) -> dict[str, int]:
        """Messages of stock clients that are not yet taken in, by queue."""
        keys = self._store.keys
        with mapping():
            pipe = self._store.client.pipeline(transaction=False)
            for queue in queues:
                pipe.llen(keys.stock_delayed(queue))
                pipe.zcard(keys.stock_dead(queue))
            replies = pipe.execute() if queues else []
        counts = {queue: replies[2 * i] + replies[2 * i + 1] for i, queue in enumerate(queues)}
        return {queue: count for queue, count in counts.items() if count}

    def waiting_types(self, queue: str, limit: int = 100) -> set[str]:
        """The job types of the next jobs of a queue, as their messages name them."""
        keys, client = self._store.keys, self._store.client
        with mapping():
            ids = client.lrange(keys.ready(queue), 0, limit - 1)
            for key in (keys.ordered(queue), keys.limited(queue)):
                ids += client.zrange(key, 0, limit - 1)
            bodies = client.hmget(keys.bodies(queue), ids) if ids else []
        found = set()
        for body in bodies:
            try:
                found.add(codec.decode_body(body or b"").actor_name)
            except ValueError:
                continue  # it will be quarantined, with that reason
        return found

    def run_a_script(self) -> None:
        """Load a script and run it, which changes nothing. Raises RedisUnavailable."""
        self._store.run("locate", "default", "no-such-job")


def _given(name: str, key: str) -> list[Any]:
    return [key if part is _KEY else part for part in _ARGUMENTS[name]]


def _refused(connection: Any, *command: Any) -> bool:
    """Whether the ACL refuses a command; other errors are no answer to that."""
    connection.send_command(*command)
    try:
        connection.read_response()
    except redis.exceptions.NoPermissionError:
        return True
    except redis.ResponseError:
        return False
    return False


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)

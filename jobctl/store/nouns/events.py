"""What happened to jobs: a bounded stream for `tail`, and announcements of ended jobs for those who wait."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from jobctl import clock
from jobctl.errors import RedisUnavailable
from jobctl.store.data.ids import JobRef
from jobctl.store.data.records import Event
from jobctl.store.wire.bounds import EVENTS_KEPT
from jobctl.store.wire.connection import mapping

if TYPE_CHECKING:
    from jobctl.store.wire.namespace import Namespace

_decoder = msgspec.json.Decoder(Event)
_encoder = msgspec.json.Encoder()


def encode(event: Event) -> bytes:
    return _encoder.encode(event)


class Events:
    """The stream of events of a namespace."""

    def __init__(self, store: Namespace) -> None:
        self._store = store

    def add(self, event: Event) -> None:
        """Publish an event that no change of a job's state brings."""
        with mapping():
            self._store.writer.xadd(
                self._store.keys.events(), {"e": encode(event)}, maxlen=EVENTS_KEPT, approximate=True
            )

    def recent(self, limit: int = 1000) -> tuple[list[Event], str]:
        """The latest events, oldest first, and the position after them."""
        with mapping():
            entries = self._store.client.xrevrange(self._store.keys.events(), count=limit)
        position = entries[0][0].decode() if entries else "0-0"
        events = [event for entry in reversed(entries) for event in _events(entry[1])]
        return events[-limit:], position

    def back(self, page: int = 100, later: int = 1_000) -> Iterator[tuple[list[Event], str]]:
        """Pages of events going back in time, each oldest first, with the position after the page; the first one small,
        since it often is enough."""
        high = "+"
        while True:
            with mapping():
                entries = self._store.client.xrevrange(self._store.keys.events(), max=high, count=page)
            if not entries:
                return
            yield [event for entry in reversed(entries) for event in _events(entry[1])], entries[0][0].decode()
            high, page = f"({entries[-1][0].decode()}", later

    def after(self, position: str, block_ms: int = 1000) -> tuple[list[Event], str]:
        """Events after a position; waits at most `block_ms` for the first."""
        entries = read_on(self._store, self._store.keys.events(), position, block_ms)
        events = [event for entry in entries for event in _events(entry[1])]
        return events, entries[-1][0].decode() if entries else position

    def wait(
        self, jobs: Iterable[JobRef], is_ended: Callable[[set[JobRef]], set[JobRef]], timeout_s: float | None
    ) -> Iterator[JobRef]:
        """Yield jobs as they end, until all have or the time is up.

        `is_ended` looks the jobs up: once after listening has begun, and every second, so that a lost announcement
        only costs that second.
        """
        deadline = None if timeout_s is None else clock.monotonic() + timeout_s
        left = set(jobs)
        listener = self._store.client.pubsub(ignore_subscribe_messages=True)
        try:
            with mapping():
                listener.subscribe(self._store.keys.finished())
            while left:
                for job in is_ended(left):
                    left.discard(job)
                    yield job
                yield from self._announced(listener, left, deadline)
                if deadline is not None and clock.monotonic() >= deadline:
                    return
        finally:
            listener.close()

    @contextmanager
    def listen_control(self) -> Iterator[Iterator[str | None]]:
        """Messages for running attempts; None now and then, so that the caller can look around."""
        listener = self._store.client.pubsub(ignore_subscribe_messages=True)
        try:
            with mapping():
                listener.subscribe(self._store.keys.control())
            yield self._messages(listener)
        finally:
            listener.close()

    @staticmethod
    def _messages(listener: Any) -> Iterator[str | None]:
        while True:
            with mapping():
                message = listener.get_message(timeout=1.0)
            yield message["data"].decode("utf-8", "replace") if message else None

    @staticmethod
    def _announced(listener: Any, left: set[JobRef], deadline: float | None) -> Iterator[JobRef]:
        """Announcements of about one second."""
        until = clock.monotonic() + 1.0
        until = until if deadline is None else min(until, deadline)
        while left and (rest := until - clock.monotonic()) > 0:
            try:
                with mapping():
                    message = listener.get_message(timeout=rest)
            except RedisUnavailable:
                return
            if message:
                queue, *job_ids = message["data"].decode("utf-8", "replace").split(" ")
                ended = left.intersection(JobRef(queue, job_id) for job_id in job_ids)
                left -= ended
                yield from ended


def read_on(store: Namespace, key: str, position: str, block_ms: int) -> list[Any]:
    """The next entries of a stream after a position, at most 500; waits at most `block_ms` for the first."""
    with mapping():
        reply: Any = store.client.xread({key: position}, count=500, block=block_ms)
    streams = list(reply.values()) if isinstance(reply, dict) else [rows for _, rows in reply or []]
    return [entry for rows in streams for entry in _flat(rows)]


def _flat(rows: Any) -> list[Any]:
    """redis-py gives a stream's entries bare (RESP2) or in one more list (RESP3)."""
    return rows[0] if rows and isinstance(rows[0], list) else rows


def _events(fields: dict[bytes, bytes]) -> Iterator[Event]:
    for line in fields.get(b"e", b"").split(b"\n"):
        try:
            yield _decoder.decode(line)
        except msgspec.MsgspecError:
            continue

"""What the catalogs of running processes say of limits, and how far the jobs that wait follow the newest of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec

from jobctl.store.data import ids
from jobctl.store.data.said import Said
from jobctl.store.nouns.processes import LEASE_MS as SILENT_MS
from jobctl.store.nouns.processes import Processes
from jobctl.store.nouns.walk import walk_down
from jobctl.store.wire import steps
from jobctl.store.wire.connection import mapping
from jobctl.store.wire.steps import Rows

if TYPE_CHECKING:
    from jobctl.store.wire.namespace import Namespace

PAGE = 50
"""Held jobs that are looked at together, with their bodies."""
LEASE_MS = 10_000
"""Who brings a queue's jobs into their new lanes is left alone by others for so long after each page."""

_decoder = msgspec.json.Decoder(dict[str, Said])


class Waiting(msgspec.Struct, frozen=True):
    """A job that is limited."""

    id: str
    lane: str
    body: bytes


class Deployed:
    """The catalogs that are at work in a namespace."""

    def __init__(self, store: Namespace) -> None:
        self._store = store

    def say(self, process: str, said: Mapping[str, Said]) -> None:
        """Say what a process's catalog says of the limits of each of its job types."""
        with mapping():
            self._store.writer.hset(self._store.keys.catalogs(), process, msgspec.json.encode(said))

    def has_said(self, process: str) -> bool:
        with mapping():
            return bool(self._store.client.hexists(self._store.keys.catalogs(), process))

    def said(self) -> dict[str, dict[str, Said] | None]:
        """What each live process says; None for one that has not said anything yet, or that cannot be read."""
        live = [name for name, age in Processes(self._store).beats().items() if age < SILENT_MS]
        with mapping():
            texts = self._store.client.hmget(self._store.keys.catalogs(), live) if live else []
        out: dict[str, dict[str, Said] | None] = dict.fromkeys(live)
        for name, text in zip(live, texts, strict=True):
            with suppress(msgspec.DecodeError):
                out[name] = None if text is None else _decoder.decode(text)
        return out

    def is_followed(self, queue: str, digest: str) -> bool:
        """Whether the jobs that wait have been brought under the limits that have this digest."""
        with mapping():
            found = self._store.client.hget(self._store.keys.followed(), queue)
        return found is not None and ids.read(found) == digest

    def follow(self, queue: str, digest: str) -> None:
        """They have been."""
        with mapping():
            self._store.writer.hset(self._store.keys.followed(), queue, digest)

    def lease(self, queue: str, process: str) -> bool:
        """Become the one that moves a queue's jobs to their new limits, or stay it; false if another one is. Should two
        do it at once, they do the same."""
        key = self._store.keys.following(queue)
        with mapping():
            mine = self._store.writer.set(key, process, nx=True, px=LEASE_MS)
            if not mine and self._store.client.get(key) == process.encode():
                mine = self._store.writer.pexpire(key, LEASE_MS)
        return bool(mine)

    def waiting(self, queue: str) -> Iterator[list[Waiting]]:
        """The limited jobs of a queue, in pages; who waits for the shortest time is first."""
        keys, client = self._store.keys, self._store.client
        for page in walk_down(self._store, keys.limited(queue), page=PAGE):
            fields: list[Any] = [ids.write(job_id) for job_id in page]
            with mapping():
                pipe = client.pipeline(transaction=False)
                lanes, bodies = pipe.hmget(keys.lanes(queue), fields).hmget(keys.bodies(queue), fields).execute()
            yield [
                Waiting(job_id, ids.read(lane), body)
                for job_id, lane, body in zip(page, lanes, bodies, strict=True)
                if lane and body
            ]

    def relane(self, queue: str, moves: Sequence[tuple[str, str, str]]) -> int:
        """Put jobs (id, lane, new lane; "" for none) into their new lanes; returns how many were there still."""
        return sum(steps.each(self._store, Rows("relane", queue, (queue,), moves)))

    def forget(self, queue: str, limits: Iterable[str]) -> None:
        """Delete these limits, and what was set for them by hand: they hold no job any longer."""
        fields = [field for limit in limits for field in (limit, f"{limit}|set")]
        with mapping():
            self._store.client.hdel(self._store.keys.limits(queue), *fields)

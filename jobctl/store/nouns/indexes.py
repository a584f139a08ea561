"""Indexes of payload values: which there are, what they hold, and how they are built."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

from jobctl.errors import RedisFull
from jobctl.redaction import covers
from jobctl.store.data import ids
from jobctl.store.data.indexed import (
    Place,
    Untaken,
    digest,
    encoded,
    hidden_digest,
    hidden_name,
    name_of,
    place_of,
    secret_id,
)
from jobctl.store.nouns import untaken as waiting
from jobctl.store.wire import steps
from jobctl.store.wire.connection import mapping
from jobctl.store.wire.steps import Rows

if TYPE_CHECKING:
    from jobctl.store.data.codec import Body
    from jobctl.store.wire.namespace import Namespace

COMPLETE, BUILDING = "*complete", "*building"


class Tally(msgspec.Struct, frozen=True):
    """Dead letters by the digests of their values; `total` have any."""

    total: int
    counts: dict[str, int]


def of_dead(name: str) -> str:
    """Where the dead letters of an index are counted, beside it."""
    return f"*dead|{name}"


class Index(msgspec.Struct, frozen=True):
    """An index of a queue. `entries` counts jobs."""

    queue: str
    name: str
    entries: int
    complete: bool
    building: bool

    @property
    def place(self) -> Place:
        return place_of(self.name)


class Indexes:
    """The indexes of a namespace."""

    def __init__(self, store: Namespace) -> None:
        self._store = store

    def ls(self, queue: str) -> list[Index]:
        """The indexes of a queue."""
        client, keys = self._store.client, self._store.keys
        with mapping():
            names = self.names(queue)
            pipe = client.pipeline(transaction=False)
            for name in names:
                pipe.zcard(keys.indexed(queue, name)).zmscore(keys.indexed(queue, name), [COMPLETE, BUILDING])
            got = iter(pipe.execute() if names else [])
        out = []
        for name in names:
            count, (complete, building) = next(got), next(got)
            marks = (complete is not None) + (building is not None)
            out.append(Index(queue, name, count - marks, complete is not None, building is not None))
        return out

    def of(self, queues: Sequence[str]) -> list[str]:
        """Those of the queues that have indexes."""
        pipe = self._store.client.pipeline(transaction=False)
        for queue in queues:
            pipe.exists(self._store.keys.index(queue))
        with mapping():
            there = pipe.execute() if queues else []
        return [queue for queue, one in zip(queues, there, strict=True) if one]

    def names(self, queue: str) -> list[str]:
        """The names of a queue's indexes."""
        with mapping():
            return sorted(ids.read(raw) for raw in self._store.client.smembers(self._store.keys.index(queue)))

    def by_type(self, queue: str) -> dict[str, waiting.Known]:
        """What a queue's indexes hold of payloads, by job type: as far as this process may make entries. Those of
        values that are hidden need the secret key, and the others must not have them."""
        known: dict[str, waiting.Known] = {}
        for job_type, path, secret in map(place_of, self.names(queue)):
            mine = known.setdefault(job_type, waiting.Known([], [], self._store.index_key))
            if not secret and not self._hides(job_type, path):
                mine.paths.append(path)
            elif secret and self._store.index_key and secret == secret_id(self._store.index_key):
                mine.hidden.append(path)
        return known

    def hides(self, types: Iterable[str], path: str) -> bool:
        """Whether the values at a key of one of these types are hidden."""
        return any(self._hides(job_type, path) for job_type in types)

    def _hides(self, job_type: str, path: str) -> bool:
        return any(covers(pattern, path) for pattern in self._store.rules(job_type))

    def find(
        self, queues: Sequence[str], types: Sequence[str], path: str, values: Sequence[str], *, unredacted: bool = False
    ) -> dict[str, list[str]] | None:
        """Ids, by queue, of all jobs of these types that may have one of the values (texts) at a key. None if a type
        has no index on it, or one that is not complete, or if too many jobs are still to be taken in. The ids are to be
        looked at: digests may be equal by chance, and what is not taken in yet is there whatever its value is.

        A type is in one queue: where it has no index at all, it has no jobs. Who may not see a value cannot ask for it
        here either: `unredacted` says that he may.
        """
        secret = self._store.index_key
        hidden = {job_type for job_type in types if self._hides(job_type, path)}
        if hidden and not (unredacted and secret):
            return None
        digests = {name_of(one, path): [digest(value) for value in values] for one in types if one not in hidden}
        for name in (hidden_name(one, path, secret) for one in hidden):
            digests[name] = [hidden_digest(name, value, secret) for value in values]
        names = list(digests)
        there = self._there(queues, names)
        if {name for _, name in there} != set(names):
            return None
        # A job goes from the line to what runs, and into the index before it ends: so they are read in this order.
        found: dict[str, dict[str, None]] = {}
        for queue in dict.fromkeys(queue for queue, _ in there):
            untaken = waiting.untaken(self._store, queue)
            if untaken is None:
                return None
            found[queue] = dict.fromkeys(untaken)
        keys, pipe = self._store.keys, self._store.client.pipeline(transaction=False)
        for queue, name in there:
            pipe.zscore(keys.indexed(queue, name), COMPLETE)
            for one in digests[name]:
                pipe.zrangebyscore(keys.indexed(queue, name), one, one)
        with mapping():
            got = iter(pipe.execute())
        for queue, name in there:
            if next(got) is None:
                return None
            found[queue].update((ids.read(raw), None) for _ in digests[name] for raw in next(got))
        return {queue: list(job_ids) for queue, job_ids in found.items()}

    def _there(self, queues: Sequence[str], names: Sequence[str]) -> list[tuple[str, str]]:
        """(queue, name) of those of the indexes that there are."""
        wanted = [(queue, name) for queue in queues for name in names]
        pipe = self._store.client.pipeline(transaction=False)
        for queue, name in wanted:
            pipe.sismember(self._store.keys.index(queue), name)
        with mapping():
            known = pipe.execute() if wanted else []
        return [one for one, there in zip(wanted, known, strict=True) if there]

    def begin(self, queue: str, name: str) -> int:
        """Begin to build an index anew: it serves nobody until `end`. Returns what names the build."""
        build = -2 - secrets.randbits(40)
        self._store.run("index_mark", queue, name, "begin", build)
        return build

    def add(self, queue: str, rows: Sequence[Untaken]) -> None:
        """Add jobs that are there already to the indexes of their types."""
        for _ in steps.walk(self._store, self.rows(queue, rows)):
            pass

    def rows(self, queue: str, rows: Sequence[Untaken]) -> Rows:
        """The same, as a call to be sent together with others."""
        return Rows("take_in", queue, (), [(ids.write(one.id), one.type, encoded(one.entries)) for one in rows])

    def take_messages(self, queue: str, messages: Sequence[tuple[str, Body]]) -> None:
        """Add jobs that stock producers wrote, given with their ids, to the indexes of their types."""
        if not (messages and (known := self.by_type(queue))):
            return
        rows = [waiting.of_payload(job_id, body.actor_name, body.payload, known) for job_id, body in messages]
        try:
            self.add(queue, rows)
        except RedisFull:
            self.lose(queue, {one.type for one in rows})

    def lose(self, queue: str, types: Collection[str]) -> None:
        """Jobs of these types cannot be added: their indexes are not complete any more."""
        for name in self.names(queue):
            if place_of(name).type in types:
                self._store.run("index_mark", queue, name, "lose")

    def lose_shown(self, queue: str) -> None:
        """Indexes of values that the catalog hides now serve nobody: nothing is added to them any more."""
        for name in self.names(queue):
            job_type, path, secret = place_of(name)
            if not secret and self._hides(job_type, path):
                self._store.run("index_mark", queue, name, "lose")

    def end(self, queue: str, name: str, build: int) -> bool:
        """The build has seen every job. False if the index has a hole by now, and does not serve, or somebody else
        builds it anew."""
        return bool(self._store.run("index_mark", queue, name, "end", build))

    def tally(self, queue: str, name: str, most: int) -> Tally | None:
        """How many dead letters have a value; the `most` frequent ones by themselves. None if the index does not
        serve."""
        keys, pipe = self._store.keys, self._store.client.pipeline(transaction=False)
        pipe.zscore(keys.indexed(queue, name), COMPLETE)
        pipe.zrevrange(keys.indexed(queue, of_dead(name)), 0, most, withscores=True)
        with mapping():
            complete, rows = pipe.execute()
        if complete is None:
            return None
        counts = {ids.read(raw): int(count) for raw, count in rows}
        return Tally(counts.pop("*", 0), dict(list(counts.items())[:most]))

    def sample(self, queue: str, name: str, most: int) -> list[str]:
        """Ids of jobs from all over an index, in the order of their digests: at most so many, however large it is."""
        key = self._store.keys.indexed(queue, name)
        with mapping():
            count = int(self._store.client.zcard(key))
            pipe = self._store.client.pipeline(transaction=False)
            for number in range(min(count, most)):
                place = number * count // min(count, most)
                pipe.zrange(key, place, place)
            found = [ids.read(raw) for rows in (pipe.execute() if count else ()) for raw in rows]
        return [job_id for job_id in dict.fromkeys(found) if job_id not in (COMPLETE, BUILDING)]

    def holders(self, queue: str, name: str, digests: Sequence[str]) -> dict[str, list[str]]:
        """For each digest the first and the last id that has it."""
        key, pipe = self._store.keys.indexed(queue, name), self._store.client.pipeline(transaction=False)
        for one in digests:
            pipe.zrangebyscore(key, one, one, start=0, num=1)
            pipe.zrevrangebyscore(key, one, one, start=0, num=1)
        with mapping():
            got = iter(pipe.execute() if digests else ())
        return {one: [ids.read(raw) for raw in dict.fromkeys((*next(got), *next(got)))] for one in digests}

    def drop(self, queue: str, name: str) -> bool:
        """Delete an index; False if there was none. A producer whose catalog has it begins it anew."""
        with mapping():
            pipe = self._store.writer.pipeline(transaction=True)
            pipe.srem(self._store.keys.index(queue), name)
            pipe.unlink(self._store.keys.indexed(queue, name), self._store.keys.indexed(queue, of_dead(name)))
            pipe.exists(self._store.keys.index(queue))
            removed, _, left = pipe.execute()
            if not left:
                self._store.writer.unlink(*waiting.keys(self._store, queue))
            return bool(removed)

    def scores(self, queue: str, name: str, job_ids: Sequence[str]) -> list[str | None]:
        """The digests that an index has of some jobs; None of those that are not in it."""
        with mapping():
            found = self._store.client.zmscore(self._store.keys.indexed(queue, name), list(map(ids.write, job_ids)))
        return [None if score is None else str(int(score)) for score in found]

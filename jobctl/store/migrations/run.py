"""Carries out migrations: locks the namespace against every program, writes batches, and gives it its new layout.

While it is at work `NS:@layout` holds "FROM>TO", which no program works with, and `NS:@migrating` who is at it: one at
a time. A migration that was killed and is started again goes on where it stopped.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import suppress

import msgspec
import redis

from jobctl.errors import OtherLayout, RedisUnavailable, Refused
from jobctl.store.migrations import to_2
from jobctl.store.migrations.step import Command, Part, Step
from jobctl.store.nouns.processes import LEASE_MS, ProcessInfo
from jobctl.store.wire import layout
from jobctl.store.wire.connection import mapping
from jobctl.store.wire.namespace import Namespace

STEPS = {1: Step(to_2.begin, to_2.parts)}
"""The step that leads on from each layout."""
LOCK_MS = 30_000
"""For this long after a batch, no other process may migrate the namespace."""


class Way(msgspec.Struct, frozen=True):
    """The next step of a namespace: from which layout, and what there is to look at."""

    start: int
    step: Step
    parts: list[Part]

    @property
    def mark(self) -> str:
        """What the layout's key holds meanwhile."""
        return f"{self.start}>{self.start + 1}"


def current(store: Namespace) -> str | None:
    """The layout of a namespace, "FROM>TO" while it is migrated, None if it is empty."""
    with mapping():
        pipe = store.connection.pipeline(transaction=False)
        pipe.get(store.keys.layout()).exists(*layout.marks(store.keys))
        found, marks = pipe.execute()
    if found is not None:
        return str(found.decode())
    return str(layout.FIRST) if marks else None


def next_way(store: Namespace) -> Way | None:
    """The step that a namespace needs next; None if it needs none.

    Raises OtherLayout for a newer one, and for one whose migration another version began.
    """
    found = current(store)
    if found is None or found == str(layout.LAYOUT):
        return None
    start, moving, end = found.partition(">")
    if not start.isdigit() or int(start) not in STEPS or (moving and end != str(int(start) + 1)):
        raise layout.other(store.namespace, found)
    step = STEPS[int(start)]
    with mapping():
        return Way(int(start), step, step.parts(store))


def alive(store: Namespace) -> list[ProcessInfo]:
    """The processes that have beaten lately: none may while the namespace is migrated."""
    keys, client = store.keys, store.connection
    with mapping():
        seconds, _ = client.time()
        names = client.zrangebyscore(keys.beats(), int(seconds) * 1000 - LEASE_MS, "+inf")
        states = client.hmget(keys.processes(), names) if names else []
    return [msgspec.json.decode(state, type=ProcessInfo) for state in states if state]


def walk(store: Namespace, way: Way) -> Iterator[int]:
    """Carry out a step; yields how many entries were looked at so far.

    Raises Refused while a process works here, OtherLayout when someone else has finished it.
    """
    me = secrets.token_hex(8)
    try:
        _begin(store, way, me)
        looked_at = 0
        for part in way.parts:
            for batch in part.batches():
                _write(store, way.mark, me, batch.commands)
                looked_at += batch.looked_at
                yield looked_at
        _write(store, way.mark, me, [("SET", store.keys.layout(), str(way.start + 1))])
    finally:
        with suppress(RedisUnavailable):
            _leave(store, me)


def _begin(store: Namespace, way: Way, me: str) -> None:
    if living := alive(store):
        shown = ", ".join(f"{info.kind} {info.name}" for info in living[:3])
        more = f" and {len(living) - 3} more" if len(living) > 3 else ""
        raise Refused(f"processes of layout {way.start} are still running: {shown}{more}", "stop them first")
    with mapping():
        alone = store.connection.set(store.keys.migrating(), me, nx=True, px=LOCK_MS)
    if not alone:
        said = f"another `jobctl migrate` is running in namespace {store.namespace}"
        raise Refused(said, f"if it was killed, its lock expires after {LOCK_MS // 1000} s")
    found = current(store)
    if found != way.mark:
        lock = ("SET", store.keys.layout(), way.mark)
        _write(store, found, me, [lock, *way.step.begin(store)])


def _leave(store: Namespace, me: str) -> None:
    key = store.keys.migrating()
    with mapping(), store.connection.pipeline(transaction=True) as pipe, suppress(redis.WatchError):
        pipe.watch(key)
        if pipe.get(key) == me.encode():
            pipe.multi()
            pipe.delete(key)
            pipe.execute()


def _write(store: Namespace, expected: str | None, me: str, commands: Sequence[Command]) -> None:
    """One transaction, if the layout is still the expected one and nobody else is at it.

    A namespace of the first layout may have no number.
    """
    keys = store.keys
    with mapping(), store.connection.pipeline(transaction=True) as pipe:
        try:
            pipe.watch(keys.layout(), keys.migrating(), keys.beats())
            found, owner = pipe.get(keys.layout()), pipe.get(keys.migrating())
            number = str(layout.FIRST) if found is None else found.decode()
            if number != expected:
                raise layout.other(store.namespace, number)
            if owner != me.encode():
                raise Refused("this migration stalled for too long, and another one may be running", "run it again")
            pipe.multi()
            pipe.pexpire(keys.migrating(), LOCK_MS)
            for command in commands:
                pipe.execute_command(*command)
            pipe.execute()
        except redis.WatchError:
            raise OtherLayout(
                f"another client wrote to namespace {store.namespace} at the same time", "run `jobctl migrate` again"
            ) from None

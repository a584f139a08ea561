"""Schedules: the cursor of each, advanced in the same step that enqueues its tick."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from jobctl import clock
from jobctl.store.data import ids
from jobctl.store.data.newjob import Enqueued, NewJob
from jobctl.store.wire.connection import mapping

if TYPE_CHECKING:
    from jobctl.store.wire.namespace import Namespace


class Cursor(msgspec.Struct, frozen=True):
    """Where a schedule stands: its last tick (epoch ms), the job of that tick, whether it is paused; and when a cursor
    that a wrong clock had moved was last set back, and from which tick."""

    last_ms: int | None
    last_job: str | None
    paused: bool
    set_back: tuple[int, int] | None = None


class Ticked(msgspec.Struct, frozen=True):
    """What became of a tick. `outcome`: used (`job` says what became of its job), taken (somebody had it), early
    (Redis's clock has not come to it) or paused (it passed unused).

    `now_ms` is Redis's clock, `before_ms` the tick before this one, None if it is the first. `set_back_ms` is the
    cursor if it was too far ahead of Redis's clock and was set back by this call.
    """

    outcome: str
    now_ms: int
    before_ms: int | None = None
    set_back_ms: int | None = None
    job: Enqueued | None = None


class Schedules:
    """The schedules of a namespace."""

    def __init__(self, store: Namespace) -> None:
        self._store = store

    def tick(self, schedule: str, tick_ms: int, next_ms: int, job: NewJob) -> Ticked:
        """Take one tick. `next_ms` is the one after it: it says how far ahead a cursor may be, and whether a tick was
        missed."""
        body, due = job.body(clock.now_ms()), job.due()
        what, now, before, set_back, *said = self._store.run(
            "tick", job.queue, schedule, tick_ms, next_ms, job.queue, job.id, body, job.priority, due, job.extra()
        )
        done = Enqueued(job, *map(ids.read, said)) if said else None
        return Ticked(what.decode(), now, _number(before), _number(set_back), done)

    def cursors(self, names: Iterable[str]) -> dict[str, Cursor]:
        """Where schedules stand."""
        schedules = list(names)
        fields = [f"{name}{field}" for name in schedules for field in ("", "|job", "|paused", "|set_back")]
        with mapping():
            values = self._store.client.hmget(self._store.keys.cursors(), fields) if fields else []
        out = {}
        for i, name in enumerate(schedules):
            last, job, paused, back = values[i * 4 : i * 4 + 4]
            at, _, cursor = (back or b"").partition(b" ")
            set_back = (int(at), int(cursor)) if cursor else None
            out[name] = Cursor(_number(last), job.decode() if job else None, paused is not None, set_back)
        return out

    def pause(self, name: str, by: str) -> None:
        """Let ticks pass unused until the schedule is resumed."""
        with mapping():
            self._store.writer.hset(self._store.keys.cursors(), f"{name}|paused", by)

    def resume(self, name: str) -> bool:
        """False if the schedule was not paused."""
        with mapping():
            return bool(self._store.client.hdel(self._store.keys.cursors(), f"{name}|paused"))


def _number(text: bytes | None) -> int | None:
    return int(text) if text else None

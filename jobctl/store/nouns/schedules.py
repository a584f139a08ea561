"""Schedules: the cursor of each, advanced in the same step that enqueues its tick."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from jobctl import clock
from jobctl.store.data.newjob import NewJob
from jobctl.store.wire.connection import mapping

if TYPE_CHECKING:
    from jobctl.store.wire.namespace import Namespace


class Cursor(msgspec.Struct, frozen=True):
    """Where a schedule stands: its last tick (epoch ms), the job of that tick, whether it is paused."""

    last_ms: int | None
    last_job: str | None
    paused: bool


class Schedules:
    """The schedules of a namespace."""

    def __init__(self, store: Namespace) -> None:
        self._store = store

    def tick(self, schedule: str, tick_ms: int, job: NewJob) -> str:
        """Take one tick. Returns "enqueued", "taken" (somebody had it), "paused" or "held".

        The last two say that the tick passed unused: the schedule is paused, or another job holds the unique key.
        """
        body, due = job.body(clock.now_ms()), job.due()
        reply = self._store.run(
            "tick", job.queue, schedule, tick_ms, job.queue, job.id, body, job.priority, due, job.extra()
        )
        return {1: "enqueued", 0: "taken", -1: "paused", 2: "held"}[int(reply)]

    def cursors(self, names: Iterable[str]) -> dict[str, Cursor]:
        """Where schedules stand."""
        schedules = list(names)
        fields = [field for name in schedules for field in (name, f"{name}|job", f"{name}|paused")]
        with mapping():
            values = self._store.client.hmget(self._store.keys.cursors(), fields) if fields else []
        out = {}
        for i, name in enumerate(schedules):
            last, job, paused = values[i * 3 : i * 3 + 3]
            out[name] = Cursor(int(last) if last else None, job.decode() if job else None, paused is not None)
        return out

    def pause(self, name: str, by: str) -> None:
        """Let ticks pass unused until the schedule is resumed."""
        with mapping():
            self._store.writer.hset(self._store.keys.cursors(), f"{name}|paused", by)

    def resume(self, name: str) -> bool:
        """False if the schedule was not paused."""
        with mapping():
            return bool(self._store.client.hdel(self._store.keys.cursors(), f"{name}|paused"))

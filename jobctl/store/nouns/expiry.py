"""Jobs that are past their time: found by the sweep, and dead with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from jobctl.store.data import ids
from jobctl.store.data.found import Found
from jobctl.store.nouns.jobs import Jobs
from jobctl.store.nouns.processes import Processes
from jobctl.store.nouns.settle import Ended
from jobctl.store.wire import steps
from jobctl.store.wire.bounds import EVENTS_KEPT
from jobctl.store.wire.connection import mapping
from jobctl.store.wire.steps import Rows

if TYPE_CHECKING:
    from jobctl.store.wire.namespace import Namespace


class Past(NamedTuple):
    """What one look found: how many ids it read, the jobs that do not run, and whether there may be more."""

    read: int
    jobs: list[Found]
    more: bool


class Expiry:
    """When jobs of a namespace expire."""

    def __init__(self, store: Namespace) -> None:
        self._store = store

    def expecting(self, queues: Sequence[str]) -> list[str]:
        """Those of the queues where something is past its time, on Redis's clock: one command where nothing expires."""
        keys = [self._store.keys.expiring(queue) for queue in queues]
        with mapping():
            if not keys or not self._store.client.exists(*keys):
                return []
        now = Processes(self._store).now_ms()
        with mapping():
            pipe = self._store.client.pipeline(transaction=False)
            for key in keys:
                pipe.zrangebyscore(key, "-inf", now, 0, 1)
            replies = pipe.execute()
        return [queue for queue, past in zip(queues, replies, strict=True) if past]

    def overdue(self, queue: str, *, passing: int = 0, limit: int = 200) -> Past:
        """Jobs that are past their time, on Redis's clock, and do not run: a running one is ended by its worker.

        At most `limit` are looked at, after the first `passing`.
        """
        now = Processes(self._store).now_ms()
        with mapping():
            past = self._store.client.zrangebyscore(self._store.keys.expiring(queue), "-inf", now, passing, limit)
        found = Jobs(self._store).locate(queue, [ids.read(job_id) for job_id in past])
        return Past(len(past), [job for job in found if job.state != "running"], len(past) == limit)

    def lapse(self, queue: str, jobs: Sequence[Ended]) -> int:
        """Bury those that are still past their time and do not run; returns how many died."""
        rows = [(j.id, j.record, j.event, j.group, j.group_info, j.mark) for j in jobs]
        return sum(steps.each(self._store, Rows("lapse", queue, (queue, EVENTS_KEPT), rows)))

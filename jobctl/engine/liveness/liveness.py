"""Heartbeats and recovery: what a supervisor says of itself, and how the jobs of the dead are put right."""

from __future__ import annotations

import logging

from jobctl import clock
from jobctl.catalog.model import Catalog
from jobctl.engine.attempt import verdict
from jobctl.engine.attempt.outcome import MAX_CRASHES, Outcome
from jobctl.errors import RedisUnavailable
from jobctl.handlers.base import AttemptTimeout
from jobctl.handlers.failure import Failure
from jobctl.store import Store
from jobctl.store.data import codec
from jobctl.store.data.attempts import Lived, encode
from jobctl.store.data.found import Found
from jobctl.store.data.records import Event
from jobctl.store.nouns import events
from jobctl.store.nouns.processes import LEASE_MS, ProcessInfo
from jobctl.store.nouns.settle import Ended, Reserved
from jobctl.store.nouns.shown import to_job

THOROUGH_S = 60.0
"""How often every reservation is looked at when nothing calls for it sooner."""
CLEAN_S = 300.0
"""How often what is past its time is deleted; a queue that completes jobs trims itself."""

SILENCE_S = 7.5
"""A process that has not beaten for this long (two beats and a half) looks before it judges."""

EXPIRE_BATCHES = 10
"""How often a sweep looks for more jobs that are past their time."""

_log = logging.getLogger("jobctl.worker")


class StoreLiveness:
    """Liveness over a store whose client has short time-outs: the supervisor calls it from its only thread."""

    def __init__(self, store: Store, catalog: Catalog, lease_ms: int = LEASE_MS) -> None:
        self.catalog = catalog
        """Says how long ended jobs are kept and what is hidden of them; replaced at a reload."""
        self._store = store
        store.rules = lambda job_type: self.catalog.redacted(job_type)
        self._lease_ms = lease_ms
        self._own = ""
        self._beaten_at = 0.0
        self._redis_ms = 0
        self._reachable_since: float | None = None
        self._seen: dict[str, tuple[int, float]] = {}
        self._thorough_at = self._clean_at = 0.0
        self._unlisted: set[str] = set()

    def beat(self, info: ProcessInfo) -> int:
        try:
            self._redis_ms = self._store.processes.beat(info)
        except RedisUnavailable:
            self._reachable_since = None
            self._seen.clear()
            raise
        if self._reachable_since is None or self._was_stopped():
            self._reachable_since = clock.monotonic()
        self._own, self._beaten_at = info.name, clock.monotonic()
        return self._redis_ms

    def _was_stopped(self) -> bool:
        """Whether this process itself has not beaten for a lease: it was stopped, and knows nothing of the others."""
        return clock.monotonic() - self._beaten_at >= max(self._lease_ms / 1000, SILENCE_S)

    def leave(self, name: str) -> None:
        self._store.processes.leave(name)

    def recover(self, child: str, executing: frozenset[str], overdue: frozenset[str]) -> int:
        """Give back what a dead child held; what it was executing is a lost attempt and counts as a crash.

        An overdue job has failed by its time limit, and its retries decide. Both are the tokens of attempts.
        """
        return sum(self._recover(queue, {child}, executing, overdue) for queue in self._store.queues.registered())

    def sweep(self) -> int:
        """Recover the jobs of processes that are gone; and housekeeping of all queues.

        Nobody is judged until Redis has been reachable for one full lease: after an outage every lease looks expired.
        """
        names = self._store.queues.registered()
        self._take_in(names)
        self._expire(names)
        now = clock.monotonic()
        thorough = now >= self._thorough_at
        if thorough:
            self._thorough_at = now + THOROUGH_S
            if now >= self._clean_at:
                self._clean_at = now + CLEAN_S
                self._clean(names)
        silent = self._silent()
        alive = {name for name, silent_s in silent.items() if silent_s < self._lease_ms / 1000}
        if not self._may_judge() or self._own not in alive or (len(alive) == len(silent) and not thorough):
            return 0
        total = self._judge(names, alive, thorough)
        for name, silent_s in silent.items():
            if silent_s >= 4 * self._lease_ms / 1000:
                self._store.processes.leave(name)
        return total

    def _may_judge(self) -> bool:
        if self._reachable_since is None or self._was_stopped():
            return False
        return clock.monotonic() - self._reachable_since >= self._lease_ms / 1000

    def _judge(self, names: list[str], alive: set[str], thorough: bool) -> int:
        """Recover what is held by workers of dead supervisors, and by workers that no supervisor knows any more."""
        listed = self._store.processes.children() if thorough else set()
        unlisted, total = set(), 0
        for queue in names if self._store.processes.anything_held(names) else ():
            held = {worker for _, worker in self._store.processes.reservations(queue).values()}
            lost = {worker for worker in held if supervisor_of(worker) not in alive}
            strays = held - lost - listed if thorough else set()
            unlisted |= strays
            if lost:
                total += self._recover(queue, lost, None)
            if orphans := strays & self._unlisted:  # seen twice, a minute apart: not one that has just been started
                total += self._recover(queue, orphans, frozenset())
        if thorough:
            self._unlisted = unlisted
        return total

    def _silent(self) -> dict[str, float]:
        """For each process, for how many seconds of this one's clock its beat has not changed.

        Redis's clock may be set forward or back, and then every beat looks old, or none ever does.
        """
        now = clock.monotonic()
        seen = {}
        for name, at in self._store.processes.marks().items():
            before = self._seen.get(name)
            seen[name] = before if before and before[0] == at else (at, now)
        self._seen = seen
        return {name: now - since for name, (_, since) in seen.items()}

    def _take_in(self, names: list[str]) -> None:
        """Due jobs of queues that no worker serves, and what stock Dramatiq left."""
        since_beat_ms = round((clock.monotonic() - self._beaten_at) * 1000)
        for queue in self._store.queues.overdue(self._redis_ms + since_beat_ms):
            self._store.queues.promote_due(queue)
        if self._store.queues.inboxes(names):
            for queue in names:
                self._store.stock.take_delayed(queue)
                self._store.stock.take_dead(queue)

    def _expire(self, names: list[str]) -> None:
        """What waits past its time is dead with that reason. In bounded batches: the rest is for the next sweep."""
        for _ in range(EXPIRE_BATCHES):
            overdue = self._store.expiry.overdue(names)
            if not sum(
                self._store.expiry.lapse(queue, [_expired(job) for job in jobs]) for queue, jobs in overdue.items()
            ):
                return

    def _clean(self, names: list[str]) -> None:
        """Delete what is past its time."""
        for queue in names:
            keep = self.catalog.queue(queue).keep
            self._store.queues.expire(queue, keep.completed_ms, keep.count)
        for queue, ghosts in self._store.ghosts.counts(names).items():
            if ghosts and (dropped := self._store.ghosts.sweep(queue)):
                _log.warning("forgot %d ids of queue %s: another program deleted their jobs", dropped, queue)

    def _recover(
        self,
        queue: str,
        workers: set[str],
        executing: frozenset[str] | None,
        overdue: frozenset[str] = frozenset(),
    ) -> int:
        held = self._store.processes.reservations(queue)
        tokens = {job_id: token for job_id, (token, worker) in held.items() if worker in workers}
        ends: dict[str, list[Ended]] = {}
        for found in self._store.jobs.locate(queue, list(tokens)):
            if found.token == tokens[found.id]:
                ran = executing is None or found.token in executing
                kind, ended = self._end(found, ran, found.token in overdue)
                ends.setdefault(kind, []).append(ended)
        settle, keep = self._store.settle, self.catalog.queue(queue).keep
        settle.write([settle.end(kind, queue, ended, keep) for kind, ended in ends.items()])
        if count := sum(map(len, ends.values())):
            what = "recovered %d jobs of queue %s from a dead worker, %d of them dead-lettered"
            _log.warning(what, count, queue, len(ends.get("bury", ())))
        return count

    def _end(self, found: Found, ran: bool, overdue: bool) -> tuple[str, Ended]:
        """What becomes of a job that a dead worker held, and how."""
        if overdue and (outcome := self._timed_out(found)):
            return outcome.kind, outcome.ended
        if not ran:
            return "requeue", Ended(id=found.id, token=found.token)
        return ("bury", _killer(found)) if found.crashes + 1 >= MAX_CRASHES else ("requeue", _lost(found))

    def _timed_out(self, found: Found) -> Outcome | None:
        """The job's attempt failed by its time limit; None when the catalog does not know its type."""
        try:
            body = codec.decode_body(found.body)
        except ValueError:
            return None
        job_type = self.catalog.jobs.get(body.actor_name)
        if job_type is None:
            return None
        reserved = Reserved(found.queue, found.id, found.token, found.body, b"", found.crashes)
        label = body.options.get("label")
        job = verdict.Running(reserved, job_type, body, found.record, label if isinstance(label, str) else None)
        job.started_ms = int(found.detail.rpartition("|")[2])
        job.started = clock.monotonic() - (clock.now_ms() - job.started_ms) / 1000
        return verdict.failed(job, AttemptTimeout())


def supervisor_of(worker: str) -> str:
    """The supervisor's name in a worker process's."""
    return worker.rpartition(":")[0]


def _add_lost(found: Found) -> Lived:
    """The attempt that ended with its worker, counted; the crash is counted beside the record, not as a retry."""
    what = Failure("WorkerLost", f"the worker process {found.worker} died while it ran the job")
    started = int(found.detail.rpartition("|")[2])
    host, _, rest = found.worker.partition(":")
    pid = int(rest.partition(":")[0]) if rest.partition(":")[0].isdigit() else 0
    duration = max(0, clock.now_ms() - started) / 1000
    record = found.record
    lived = Lived(record.count + 1, "lost", host, pid, started, duration, what.error, what.message)
    record.add(lived)
    record.spent += 1
    record.fail(what.error, what.message)
    return lived


def _lost(found: Found) -> Ended:
    lived = _add_lost(found)
    job = to_job(found)
    event = Event(
        at=clock.to_datetime(clock.now_ms()),
        event="lost",
        id=found.id,
        type=job.type,
        queue=found.queue,
        label=job.label,
        attempt=found.record.count,
        error=found.record.error,
        message=found.record.message,
    )
    return Ended(
        id=found.id,
        token=found.token,
        record=codec.encode(found.record),
        event=events.encode(event),
        attempt=encode(lived)[0],
        crashed=True,
    )


def _expired(found: Found) -> Ended:
    job = to_job(found)
    reserved = Reserved(found.queue, found.id, "", found.body, b"", found.crashes)
    return verdict.bury(
        reserved, job.type, found.record, Failure("Expired", verdict.EXPIRED), label=job.label, duration=None
    )


def _killer(found: Found) -> Ended:
    lived = _add_lost(found)
    job = to_job(found)
    what = Failure("WorkerKilled", f"its worker died {found.crashes + 1} times while running it")
    reserved = Reserved(found.queue, found.id, found.token, found.body, b"", found.crashes)
    return verdict.bury(reserved, job.type, found.record, what, label=job.label, duration=None, lived=lived)

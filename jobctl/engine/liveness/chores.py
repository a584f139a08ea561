"""Housekeeping of a namespace, in bounded pieces: due jobs, stock inboxes, what is past its time.

A piece is one batch of one queue. A sweep does as many as fit into its time, and the next one continues from there:
the thread that sweeps also beats, and must never be late with that.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType

from jobctl import clock
from jobctl.engine.attempt import verdict
from jobctl.engine.liveness.known import Known
from jobctl.engine.liveness.lost import name_of
from jobctl.handlers.failure import Failure
from jobctl.store import Store
from jobctl.store.data.found import Found
from jobctl.store.nouns import intake, trimming
from jobctl.store.nouns.settle import Ended, Reserved
from jobctl.store.nouns.shown import to_job

EVERY_S = 4.0
"""How often chores begin again; a little less than the time between two sweeps."""
CLEAN_S = 300.0
"""How often what is past its time is deleted; a queue that completes jobs trims itself."""
MANY, PATIENCE_S = 1_000, 60.0
"""With more jobs of others than these in a queue, they are not looked at again for so long."""

_log = logging.getLogger("jobctl.worker")

Piece = Iterator[None]
"""A chore under way: each step is a piece."""


class Chores:
    """The chores of one process. `known` says what is known at the moment; `redis_ms` is Redis's clock."""

    def __init__(
        self,
        store: Store,
        known: Callable[[], Known],
        redis_ms: Callable[[], int],
        more: Mapping[str, Callable[[Sequence[str]], Piece]] = MappingProxyType({}),
    ) -> None:
        """`more` are further chores by name."""
        self._store = store
        self._known = known
        self._redis_ms = redis_ms
        self._all: dict[str, Callable[[Sequence[str]], Piece]] = {
            "promote": self._promote,
            "delayed": self._take_delayed,
            "dead": self._take_dead,
            "index": self._take_in,
            "expire": self._expire,
            "clean": self._clean,
            **more,
        }
        self._under_way: dict[str, Piece] = {}
        """Chores that are not done yet, in the order of their turns."""
        self._not_before: dict[tuple[str, str], float] = {}
        self._begin_at = self._clean_at = 0.0

    def work(self, queues: Sequence[str], budget_s: float) -> bool:
        """Do pieces of every chore in turn, until all are done or the time is up; whether some are under way still.

        At least one piece is done. Those that are done begin again EVERY_S after they last did. Raises
        RedisUnavailable: then all begin again.
        """
        now = clock.monotonic()
        until = now + budget_s
        if now >= self._begin_at:
            self._begin_at = now + EVERY_S
            for name, begin in self._all.items():
                if name not in self._under_way:
                    self._under_way[name] = begin(queues)
        try:
            while self._under_way:
                name = next(iter(self._under_way))
                chore = self._under_way.pop(name)
                if _step(chore):
                    self._under_way[name] = chore  # behind the others, also in the next call
                if clock.monotonic() >= until:
                    break
        except BaseException:
            self._under_way.clear()
            self._begin_at = 0.0
            raise
        return bool(self._under_way)

    def _promote(self, _queues: Sequence[str]) -> Piece:
        """Due jobs of queues that no worker serves wait."""
        for queue in self._store.queues.overdue(self._redis_ms()):
            self._store.queues.promote_due(queue)
            yield

    def _take_delayed(self, queues: Sequence[str]) -> Piece:
        """What stock producers delayed. It is moved unread, so every process may do it."""

        def take(queue: str) -> bool:
            return self._store.stock.take_delayed(queue).more

        for _ in _in_turn(queues, take) if self._store.queues.inboxes(queues) else ():
            yield

    def _take_dead(self, queues: Sequence[str]) -> Piece:
        """What stock workers left dead, of types that are known."""
        own = self._own("dead", queues)
        others = dict.fromkeys(own, 0)

        def take(queue: str) -> bool:
            taken = self._store.stock.take_dead(queue, passing=others[queue], judges=self._judges)
            others[queue] += taken.passed
            if not taken.more and others[queue] > MANY:
                self._leave_alone("dead", queue)
            return taken.more

        for _ in _in_turn(own, take) if self._store.queues.inboxes(own) else ():
            yield

    def _take_in(self, queues: Sequence[str]) -> Piece:
        """What no index of payload values has yet: what stock producers wrote, and others who do not know the index."""
        for queue in self._store.indexes.of(queues):
            yield from intake.take_in(self._store, queue)

    def _judges(self, name: str | None) -> bool:
        """Whether this process decides about a message. One that cannot be read belongs to any process that serves the
        queue."""
        return name is None or self._known().has(name)

    def _expire(self, queues: Sequence[str]) -> Piece:
        """What waits past its time is dead with that reason, if its type is known."""
        own = self._own("expire", queues)
        passed, others = dict.fromkeys(own, 0), dict.fromkeys(own, 0)

        def lapse(queue: str) -> bool:
            past = self._store.expiry.overdue(queue, passing=passed[queue])
            known = [job for job in past.jobs if self._judges(name_of(job))]
            self._store.expiry.lapse(queue, [_expired(job) for job in known])
            passed[queue] += past.read - len(known)
            others[queue] += len(past.jobs) - len(known)
            if not past.more and others[queue] > MANY:
                self._leave_alone("expire", queue)
            return past.more

        for _ in _in_turn(self._store.expiry.expecting(own), lapse):
            yield

    def _clean(self, queues: Sequence[str]) -> Piece:
        """Delete what is past its time: in the trash everything, of ended jobs what the catalog no longer keeps."""
        now = clock.monotonic()
        if now < self._clean_at:
            return
        self._clean_at = now + CLEAN_S

        def expire(queue: str) -> bool:
            keep = self._known().keep(queue)
            bounds = () if keep is None else (keep.completed_ms, keep.count)
            return self._store.queues.expire(queue, *bounds).more

        yield from _in_turn(queues, expire)
        yield from self._trim_dead(queues)
        for queue, ghosts in self._store.ghosts.counts(queues).items():
            if ghosts and (dropped := self._store.ghosts.sweep(queue)):
                _log.warning("removed %d ids from queue %s: another program had deleted their jobs", dropped, queue)
            yield

    def _trim_dead(self, queues: Sequence[str]) -> Piece:
        """Drop the dead letters that the catalog no longer keeps. Each has an event, and all have a line."""
        dropped: dict[str, int] = {}

        def trim(queue: str) -> bool:
            keep = self._known().keep(queue)
            count, more = trimming.trim(self._store, queue, keep) if keep else (0, False)
            dropped[queue] = dropped.get(queue, 0) + count
            return more

        yield from _in_turn(queues, trim)
        for queue, count in dropped.items():
            if count:
                _log.warning("dropped %d dead letters of queue %s: `keep` keeps no more of them", count, queue)
                self._store.audit.add("keep", f"queue:{queue}", count, "dropped dead letters")

    def _own(self, chore: str, queues: Sequence[str]) -> list[str]:
        """Those of the queues that are known, without those that are to be left alone for a while."""
        now = clock.monotonic()
        return [
            queue
            for queue in queues
            if self._known().keep(queue) is not None and self._not_before.get((chore, queue), 0.0) <= now
        ]

    def _leave_alone(self, chore: str, queue: str) -> None:
        """Everything was looked at, and much is others': it would be looked at again and again."""
        self._not_before[chore, queue] = clock.monotonic() + PATIENCE_S


def _step(chore: Piece) -> bool:
    """Do a piece; False if the chore is done."""
    for _ in chore:
        return True
    return False


def _in_turn(queues: Sequence[str], piece: Callable[[str], bool]) -> Piece:
    """A piece of each queue, again and again, until none says that it has more."""
    left = deque(queues)
    while left:
        queue = left.popleft()
        if piece(queue):
            left.append(queue)
        yield


def _expired(found: Found) -> Ended:
    job = to_job(found)
    reserved = Reserved(found.queue, found.id, "", found.body, b"", found.crashes)
    return verdict.bury(
        reserved, job.type, found.record, Failure("Expired", verdict.EXPIRED), label=job.label, duration=None
    )

"""What a process holds: jobs fetched and not yet ended, and how many more it may fetch."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable

from jobctl import clock
from jobctl.engine.process.side import AHEAD_S, MAX_AHEAD, LoopSide, Side, ThreadSide
from jobctl.handlers.base import CancelToken
from jobctl.store.data.ids import JobRef
from jobctl.store.nouns.settle import Reserved

__all__ = ["AHEAD_S", "MAX_AHEAD", "Desk"]

MAX_UNCOMMITTED = 2_000
ALONE_AFTER = 2
"""A job whose worker died this often while running it is run with nothing else in the process: its neighbours then
were innocent, and if it kills again it is known to be the one."""
QUIET_S = 10.0
"""For so long nothing is fetched before such a job runs, once all has ended that ran when it came."""
ALONE_WITHIN_S = 600.0
"""After so long nothing more is fetched at all until it has run."""


class Desk:
    """What a process holds: jobs fetched and not yet ended. Thread-safe.

    It has two sides, thread slots and loop slots, each with the jobs that wait for its own."""

    def __init__(
        self,
        threads: int,
        limit: int | None = None,
        *,
        async_jobs: int = 0,
        on_loop: Callable[[Reserved], bool] = lambda _job: False,
    ) -> None:
        """`limit` is how many jobs the process may take in its whole life, None for any number. `on_loop` says which
        jobs run on the event loop; never true without `async_jobs`, its slots."""
        self._limit = limit
        self._taken = 0
        self._lock = threading.RLock()  # taken by itself where every job passes: that is quicker than by the condition
        self._changed = threading.Condition(self._lock)
        self.threads = ThreadSide(threads)
        self.loop = LoopSide(async_jobs)
        self._sides: tuple[Side, ...] = (self.threads, self.loop) if async_jobs else (self.threads,)
        self._on_loop = on_loop
        # All by the token of the reservation: an id is a queue's own, and one job may be held twice, when an attempt
        # that was taken for lost still runs here.
        self._held: dict[str, Reserved] = {}
        self._looped: set[str] = set()
        self._running: dict[str, CancelToken] = {}
        self._withdrawn: set[str] = set()
        self._ending: set[str] = set()
        self._suspects: deque[Reserved] = deque()
        self._apart: set[str] = set()  # the tokens of suspects, which no side counts
        self._alone: Reserved | None = None
        self._before: frozenset[str] = frozenset()  # what was held when suspects began to wait, or to wait again
        self._suspects_at = 0.0
        self._quiet_at: float | None = None
        self._closed = False
        self.done = 0
        self.paused_types: frozenset[str] = frozenset()
        """Job types that were paused when jobs were last fetched."""
        self.inbox = self.threads.inbox

    def room(self, timeout_s: float, side: Side | None = None) -> int:
        """How many jobs may be fetched now for a side (the threads, if none is named); waits up to `timeout_s` until it
        is worth while."""
        side = side or self.threads
        with self._changed:
            side.asked = 0
            if not self._worth_while(side):
                side.asking = True
                self._changed.wait_for(
                    lambda: self._closed or self._worth_while(side) or self._lingers(side), timeout_s
                )
                if lingers := self._lingers(side):
                    self._changed.wait_for(lambda: self._closed or self._worth_while(side), side.linger_s)
                side.asking = False
                if not lingers and not self._worth_while(side):
                    return 0
            side.asked = 0 if self._closed else max(0, self._room(side))
            return side.asked

    def _worth_while(self, side: Side) -> bool:
        return (room := self._room(side)) > 0 and side.worth_while(room)

    def _lingers(self, side: Side) -> bool:
        """Whether a slot is free and nothing waits: more may be free in a moment."""
        return side.linger_s is not None and side.inbox.empty() and self._room(side) > 0

    def _room(self, side: Side) -> int:
        full = side.closed or len(self._ending) >= MAX_UNCOMMITTED
        if full or self._alone or (self._suspects and self._makes_quiet()):
            return 0
        room = side.capacity() - side.held - max(0, len(self._suspects) - side.slots)  # fewer take no slot from others
        if self._limit is None:
            return room
        return min(room, self._limit - self._taken - sum(other.asked for other in self._sides if other is not side))

    def _makes_quiet(self) -> bool:
        """Whether nothing is fetched, so that a suspect may run alone. While a job runs that was there before it the
        other slots are used: they would wait for that one's end for nothing."""
        if not self._before.isdisjoint(self._held):
            return False
        now = clock.monotonic()
        if self._quiet_at is None:
            self._quiet_at = now
        if now - self._quiet_at < QUIET_S or now - self._suspects_at >= ALONE_WITHIN_S:
            return True
        self._wait_for_held()
        return False

    def _wait_for_held(self) -> None:
        suspects = {job.token for job in self._suspects}
        self._before, self._quiet_at = frozenset(self._held.keys() - suspects), None

    def stuck(self) -> list[Reserved]:
        """Take back the jobs that wait here while all slots of their side are busy with longer ones: others may be
        free."""
        jobs: list[Reserved] = []
        for side in self._sides:
            with self._changed:
                if self._alone is not None or not side.stalled(clock.monotonic()):
                    continue
            jobs += side.unbegun()
        if jobs:
            with self._changed:
                self._taken -= len(jobs)
                for job in jobs:
                    self._end(job, None)
                self._notify()
        return jobs

    def take(self, jobs: Iterable[Reserved], side: Side | None = None) -> list[Reserved]:
        """Jobs were fetched for a side: they wait for a slot, and suspects until nothing else is held. Returns those
        that have to be given back: their side has no room for them, nor promised it."""
        side, refused = side or self.threads, []
        with self._changed:
            now, promised, side.asked = clock.monotonic(), side.asked, 0
            suspected = bool(self._suspects)
            for job in jobs:
                place = self.side_for(job)
                if job.crashes >= ALONE_AFTER:
                    self._suspects.append(job)
                    self._apart.add(job.token)
                elif len(self._sides) > 1 and self._is_full(place) and not (place is side and promised > 0):
                    refused.append(job)
                    self._ending.add(job.token)
                    continue
                else:
                    promised -= place is side
                    place.held += 1
                    place.inbox.put(job)
                if place is self.loop:
                    self._looped.add(job.token)
                self._held[job.token] = job
                self._taken += 1
                place.moved = now
            if self._suspects and not suspected:
                self._suspects_at = now
                self._wait_for_held()
            self._run_alone()
        if len(self._sides) > 1:
            self.loop.wake()
        return refused

    def _is_full(self, side: Side) -> bool:
        return side.held >= side.capacity() or (self._limit is not None and self._taken >= self._limit)

    def side_for(self, job: Reserved) -> Side:
        """The side that runs a job."""
        return self.loop if self._on_loop(job) else self.threads

    def _side_of(self, token: str) -> Side:
        return self.loop if token in self._looped else self.threads

    def _run_alone(self) -> None:
        """Let one suspect run, if nothing else does."""
        if self._suspects and self._alone is None and len(self._held) == len(self._suspects):
            self._alone = self._suspects.popleft()
            side = self._side_of(self._alone.token)
            self._apart.discard(self._alone.token)
            side.held += 1
            side.inbox.put(self._alone)
            side.wake()

    def begin(self, job: Reserved, token: CancelToken) -> None:
        self._running[job.token] = token  # one step for the interpreter: no lock on the way of every job
        if self._withdrawn and job.token in self._withdrawn:
            token.cancel("cancelled")

    def end(self, job: Reserved, duration_s: float | None) -> None:
        """A job's attempt is over, or it is given back; its outcome is still to be written."""
        with self._lock:
            self._end(job, duration_s)
            self._notify()

    def end_all(self, ended: Iterable[tuple[Reserved, float | None]]) -> None:
        """As `end`, for several."""
        with self._changed:
            for job, duration_s in ended:
                self._end(job, duration_s)
            self._notify()

    def _end(self, job: Reserved, duration_s: float | None) -> None:
        token = job.token
        side = self.loop if token in self._looped else self.threads
        self._running.pop(token, None)
        if self._held.pop(token, None) is not None and token not in self._apart:
            side.held -= 1
        if self._withdrawn or self._apart or self._looped:
            for tokens in (self._withdrawn, self._apart, self._looped):
                tokens.discard(token)
        if self._suspects or self._alone is job:
            self._alone = None if self._alone is job else self._alone
            self._run_alone()
        self._ending.add(token)
        if duration_s is not None:
            self.done += 1
            side.ended(duration_s)

    def _notify(self) -> None:
        if not self._running:
            self._changed.notify_all()
            return
        for side in self._sides:
            if side.asking and (self._worth_while(side) or self._lingers(side)):
                self._changed.notify_all()
                return

    def committed(self, tokens: Iterable[str]) -> None:
        """The outcomes of these reservations were written."""
        with self._changed:
            self._ending.difference_update(tokens)
            self._notify()

    def close(self) -> None:
        """There is no room from now on; threads that wait for some learn it at once."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def spent(self) -> bool:
        """Whether the process has taken all the jobs that it may, and has begun each."""
        with self._changed:
            return self._limit is not None and self._taken >= self._limit and len(self._held) <= len(self._running)

    def idle(self, within_s: float = 0.0) -> bool:
        """Whether nothing is held and every outcome is written, now or soon."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._held and not self._ending, within_s)

    def wait_quiet(self, timeout_s: float) -> bool:
        """Wait until nothing is held any more: what a slot has taken and not begun yet will run, too."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._held, timeout_s)

    def waits(self) -> bool:
        """Whether a job waits here for a slot."""
        return any(side.inbox.qsize() for side in self._sides)

    def waiting(self) -> list[Reserved]:
        """Take back the jobs that have not begun."""
        with self._changed:
            out = list(self._suspects)
            self._suspects.clear()
        for side in self._sides:
            out += side.unbegun()
        return out

    def running(self) -> list[Reserved]:
        with self._changed:
            return [self._held[token] for token in list(self._running) if token in self._held]

    def held(self) -> list[Reserved]:
        with self._changed:
            return list(self._held.values())

    def tokens(self) -> set[str]:
        """The reservations that this process knows of: jobs held, and ended ones whose outcome is still unwritten."""
        with self._changed:
            return self._held.keys() | self._ending

    def attempts_of(self, ref: JobRef) -> list[Reserved]:
        """The reservations of a job that are held here: one, or two if one of them is late. O(jobs held)."""
        with self._changed:
            return [job for job in self._held.values() if job.ref == ref]

    def cancel(self, job: Reserved, reason: str) -> None:
        """Ask an attempt to stop, now or as soon as it begins."""
        with self._changed:
            if job.token in self._held and reason == "cancelled":
                self._withdrawn.add(job.token)  # before the look: `begin` looks at the two the other way round
            token = self._running.get(job.token)
        if token is not None:
            token.cancel(reason)

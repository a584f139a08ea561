"""What a process holds: jobs fetched and not yet ended, and how many more it may fetch."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from queue import Empty, SimpleQueue

from jobctl import clock
from jobctl.handlers.base import CancelToken
from jobctl.store.data.ids import JobRef
from jobctl.store.nouns.settle import Reserved

AHEAD_S = 0.05
"""Jobs are fetched ahead only while what waits in this process starts within this many seconds."""
MAX_AHEAD = 500
MAX_UNCOMMITTED = 2_000
ALONE_AFTER = 2
"""A job whose worker died this often while running it is run with nothing else in the process: its neighbours then
were innocent, and if it kills again it is known to be the one."""
QUIET_S = 10.0
"""For so long nothing is fetched before such a job runs, once all has ended that ran when it came."""
ALONE_WITHIN_S = 600.0
"""After so long nothing more is fetched at all until it has run."""


class Desk:
    """What a process holds: jobs fetched and not yet ended. Thread-safe."""

    def __init__(self, threads: int, limit: int | None = None) -> None:
        """`limit` is how many jobs the process may take in its whole life, None for any number."""
        self._threads = threads
        self._limit = limit
        self._taken = 0
        self._lock = threading.RLock()  # taken by itself where every job passes: that is quicker than by the condition
        self._changed = threading.Condition(self._lock)
        # All by the token of the reservation: an id is a queue's own, and one job may be held twice, when an attempt
        # that was taken for lost still runs here.
        self._held: dict[str, Reserved] = {}
        self._running: dict[str, CancelToken] = {}
        self._withdrawn: set[str] = set()
        self._ending: set[str] = set()
        self._suspects: deque[Reserved] = deque()
        self._alone: Reserved | None = None
        self._before: frozenset[str] = frozenset()  # what was held when suspects began to wait, or to wait again
        self._suspects_at = 0.0
        self._quiet_at: float | None = None
        self._mean_s = 1.0
        self._moved = clock.monotonic()
        self._asking = self._closed = False
        self.done = 0
        self.paused_types: frozenset[str] = frozenset()
        """Job types that were paused when jobs were last fetched."""
        self.inbox: SimpleQueue[Reserved | None] = SimpleQueue()

    def room(self, timeout_s: float) -> int:
        """How many jobs may be fetched now; waits up to `timeout_s` until it is worth while.

        It is as soon as a thread may run out of work, and otherwise when half of what may be held is gone: many jobs
        a round trip instead of one.
        """
        with self._changed:
            if not self._worth_while():
                self._asking = True
                self._changed.wait_for(lambda: self._closed or self._worth_while(), timeout_s)
                self._asking = False
            return max(0, self._room()) if self._worth_while() and not self._closed else 0

    def _worth_while(self) -> bool:
        room = self._room()
        return room > 0 and (self.inbox.qsize() < self._threads or room * 2 >= self._capacity())

    def _room(self) -> int:
        if len(self._ending) >= MAX_UNCOMMITTED or self._alone or (self._suspects and self._makes_quiet()):
            return 0
        waiting_alone = min(len(self._suspects), self._threads)  # they take no thread from others
        room = self._capacity() - len(self._held) + waiting_alone
        return room if self._limit is None else min(room, self._limit - self._taken)

    def _makes_quiet(self) -> bool:
        """Whether nothing is fetched, so that a suspect may run alone. While a job runs that was there before it the
        other threads go on: they would wait for that one's end for nothing."""
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

    def _capacity(self) -> int:
        return self._threads + min(MAX_AHEAD, int(self._threads * AHEAD_S / max(self._mean_s, 1e-6)))

    def stuck(self) -> list[Reserved]:
        """Take back the jobs that wait here while all threads are busy with longer ones: others may be free."""
        with self._changed:
            waited = clock.monotonic() - self._moved
            if waited < AHEAD_S or self.inbox.empty() or self._alone is not None:
                return []
            self._mean_s = max(self._mean_s, waited, 2 * AHEAD_S * self._threads)  # nothing is fetched ahead at first
        jobs = self._unbegun()
        with self._changed:
            self._taken -= len(jobs)
        for job in jobs:
            self.end(job, None)
        return jobs

    def take(self, jobs: tuple[Reserved, ...]) -> None:
        """Jobs were fetched: they wait for a thread, and suspects until nothing else is held."""
        with self._changed:
            self._taken += len(jobs)
            suspected = bool(self._suspects)
            for job in jobs:
                self._held[job.token] = job
                if job.crashes >= ALONE_AFTER:
                    self._suspects.append(job)
                else:
                    self.inbox.put(job)
            self._moved = clock.monotonic()
            if self._suspects and not suspected:
                self._suspects_at = self._moved
                self._wait_for_held()
            self._run_alone()

    def _run_alone(self) -> None:
        """Let one suspect run, if nothing else does."""
        if self._suspects and self._alone is None and len(self._held) == len(self._suspects):
            self._alone = self._suspects.popleft()
            self.inbox.put(self._alone)

    def begin(self, job: Reserved, token: CancelToken) -> None:
        self._running[job.token] = token  # one step for the interpreter: no lock on the way of every job
        if self._withdrawn and job.token in self._withdrawn:
            token.cancel("cancelled")

    def end(self, job: Reserved, duration_s: float | None) -> None:
        """A job's attempt is over, or it is given back; its outcome is still to be written."""
        with self._lock:
            self._running.pop(job.token, None)
            self._withdrawn.discard(job.token)
            self._held.pop(job.token, None)
            if self._suspects or self._alone is job:
                self._alone = None if self._alone is job else self._alone
                self._run_alone()
            self._ending.add(job.token)
            if duration_s is not None:
                self.done += 1
                self._mean_s += (duration_s - self._mean_s) * 0.2
                self._moved = clock.monotonic()
            if not self._running or (self._asking and self._worth_while()):
                self._changed.notify_all()

    def committed(self, tokens: Iterable[str]) -> None:
        """The outcomes of these reservations were written."""
        with self._changed:
            self._ending.difference_update(tokens)
            if self._asking and self._worth_while():
                self._changed.notify_all()

    def close(self) -> None:
        """There is no room from now on; threads that wait for some learn it at once."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def spent(self) -> bool:
        """Whether the process has taken all the jobs that it may, and has begun each."""
        with self._changed:
            return self._limit is not None and self._taken >= self._limit and len(self._held) <= len(self._running)

    def idle(self) -> bool:
        with self._changed:
            return not self._held and not self._ending

    def wait_quiet(self, timeout_s: float) -> bool:
        """Wait until nothing runs any more."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._running, timeout_s)

    def waiting(self) -> list[Reserved]:
        """Take back the jobs that no thread has begun."""
        with self._changed:
            out = list(self._suspects)
            self._suspects.clear()
        return out + self._unbegun()

    def _unbegun(self) -> list[Reserved]:
        out = []
        with suppress(Empty):  # a thread may take the last one at any moment: who asked first would wait for ever
            while True:
                job = self.inbox.get_nowait()
                if job is not None:
                    out.append(job)
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

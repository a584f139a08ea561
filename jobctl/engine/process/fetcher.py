"""Fetches jobs for one side of a process, its threads or its event loop: exactly what can start now (and a little more
while jobs are short), for all queues that may have some for it.

Busy, it asks Redis as soon as there is room. Idle, it blocks on the queues' wake-up keys and looks around once a
second for what no wake-up told it of: jobs of stock producers, due times, pauses that ended.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jobctl import clock
from jobctl.engine.attempt import verdict
from jobctl.engine.liveness.strays import Strays
from jobctl.engine.process.committer import Committer
from jobctl.engine.process.desk import Desk
from jobctl.engine.process.detour import Detour
from jobctl.engine.process.routes import Routes
from jobctl.engine.process.side import Side
from jobctl.errors import RedisUnavailable
from jobctl.store import Store
from jobctl.store.nouns.settle import Reserve, Reserved
from jobctl.store.wire.wakeups import Wakeups

LOOK_S = 1.0
DUE_LOOKS = 5
"""Of so many looks one asks what is due next. Who enqueues a job that is due before all others wakes a worker at once;
the others need to know of it should that one be busy then, or gone, and no sooner than a sweep would find it.
"""
STUCK_S = 0.05
LATE_TOKEN_S = 0.02
"""How soon a busy process passes a wake token on to others."""
SILENCE_S = 10.0
"""Without a heartbeat for this long, nothing more is fetched; after 15 s others recover what this process holds."""
MAX_QUEUES = 32
"""Queues asked in one fetch; with more of them, the window moves on each time."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 2.0

_log = logging.getLogger("jobctl.worker")


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a process lets its fetchers do: `beaten_at` says when Redis was last told that it lives (monotonic clock);
    `limits` holds, for each queue that has some, what its limits allow; `publish` tells those without a catalog what
    this one says; `quiet` whether nothing more is to be fetched; `reserve` fetches, as the store does if not given."""

    beaten_at: Callable[[], float] | None = None
    limits: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    publish: Callable[[], None] = lambda: None
    quiet: Callable[[], bool] = lambda: False
    reserve: Reserve | None = None


class Fetcher(threading.Thread):
    """Takes jobs out of Redis for one side of a process."""

    def __init__(
        self,
        store: Store,
        blocking: Store,
        worker: str,
        queues: Sequence[str],
        desk: Desk,
        committer: Committer,
        terms: Terms = Terms(),
        side: Side | None = None,
        shared: frozenset[str] = frozenset(),
        lane_aside: Callable[[Reserved], str] = lambda _job: "",
    ) -> None:
        """`side` is whose room counts, the threads' if not given; `shared` are the queues that have jobs for the other
        one, too, and `lane_aside` says in which lane such a job waits for it, "" for where it was."""
        super().__init__(name="fetcher", daemon=True)
        self._store = store
        self._wakeups = Wakeups(blocking.connection, [store.keys.wake(queue) for queue in queues])
        self._worker = worker
        self._queues = list(queues)
        self._wakes = {store.keys.wake(queue).encode(): queue for queue in self._queues}
        self._desk = desk
        self._committer = committer
        self._terms = terms
        self._side = side or desk.threads
        self._detour = Detour(shared)
        self._lane_aside = lane_aside
        self._reserve = terms.reserve or store.settle.fetch
        self._halt = threading.Event()
        self._turn = 0
        self._first: str | None = None
        self._windows = -(-len(self._queues) // MAX_QUEUES)
        self._to_ask = self._windows
        self._look_at = 0.0
        self._looks = 0
        self._pauses = False
        self._due_at: float | None = None
        self._clock_ahead_s = 0.0
        self._registered = False
        self._strays = Strays(store, worker)
        self.failing_since: float | None = None
        """Since when nothing could be asked (monotonic clock); None while Redis answers."""
        self.connected = threading.Event()
        self.empty = threading.Event()
        """Set while the last look found nothing in any queue, and nothing is held here."""

    def stop(self) -> None:
        """Stop fetching and blocking. Jobs that are held already stay with the desk."""
        self._halt.set()
        self._desk.close()
        self._wakeups.interrupt()

    def run(self) -> None:
        pause = FIRST_PAUSE_S
        while not self._halt.is_set():
            try:
                self._step()
                self.connected.set()
                self.failing_since = None
                pause = FIRST_PAUSE_S
            except RedisUnavailable as problem:
                if self._halt.is_set():
                    return
                if pause == FIRST_PAUSE_S:
                    _log.warning("cannot fetch jobs, will keep trying: %s", problem)
                self.connected.clear()
                self._looks = 0
                self._registered = False
                self._to_ask = self._windows
                now = clock.monotonic()
                self.failing_since = self.failing_since or now
                self._strays.suspect()
                self._halt.wait(pause)
                pause = min(pause * 2, LONGEST_PAUSE_S)

    def _step(self) -> None:
        now = clock.monotonic()
        if self._strays.is_time():
            self._strays.look(self._queues, self._desk.tokens())
        if now >= self._look_at:
            self._look()
        if self._due_at is not None and now >= self._due_at:
            self._ask_all()
        if self._detour.until is not None and now >= self._detour.until:
            self._detour.until = None
            self._ask_all()
        if self._is_missed(now) or self._terms.quiet():
            self._give_back(self._desk.stuck())
            self._halt.wait(0.1)
            return
        if self._to_ask <= 0:
            if self._detour.until is None and self._desk.idle():
                self.empty.set()
            self._give_back(self._desk.stuck())
            self._sleep()
            return
        room = self._desk.room(self._patience(), self._side)
        if room <= 0:
            self._give_back(self._desk.stuck())
            if token := self._wakeups.late():
                self._store.queues.wake(self._wakes[token])  # it came for a worker that is not busy
        elif not self._halt.is_set():
            self._fetch(room)

    def _patience(self) -> float:
        """How long to wait for room before something else needs a look."""
        if self._wakeups.pending:
            return LATE_TOKEN_S
        return STUCK_S if self._desk.waits() else LOOK_S

    def _is_missed(self, now: float) -> bool:
        """Whether others may soon take this process for dead: its supervisor does not beat, so nothing is fetched."""
        beaten_at = self._terms.beaten_at
        return beaten_at is not None and now - beaten_at() > SILENCE_S

    def _give_back(self, jobs: list[Reserved]) -> None:
        """Jobs that wait here behind long ones go back to the head of their line."""
        for job in jobs:
            self._committer.submit(verdict.given_back(job, begun=False))

    def _put_aside(self, jobs: list[Reserved]) -> int:
        """Jobs that have no slot go back: those of the other side, whose number is returned, to where they are in the
        way of no others."""
        theirs = 0
        for job in jobs:
            other = self._desk.side_for(job) is not self._side
            lane = self._lane_aside(job) if other else ""
            self._committer.submit(verdict.given_back(job, begun=False, lane=lane))
            theirs += other
        return theirs

    def _ask_all(self) -> None:
        """There is a reason to ask all queues."""
        self._to_ask = self._windows
        self._due_at = None

    def _fetch(self, room: int) -> None:
        """Fetch up to `room` jobs, or more on a detour. While a window of queues fills the room there may be more in
        it."""
        names, room = self._detour.plan(self._window(), room)
        if not names:
            self._to_ask -= 1
            return
        fetched = self._reserve(self._worker, names, room)
        self._desk.paused_types = fetched.paused_types
        refused = self._desk.take(fetched.jobs, self._side)
        in_the_way = self._put_aside(refused) if refused else 0
        self._detour.went(len(fetched.jobs) - len(refused), in_the_way, clock.monotonic())
        self._clock_ahead_s = fetched.now_ms / 1000 - clock.now_ms() / 1000
        self._due(fetched.next_due_ms)
        if fetched.jobs:
            self.empty.clear()
        if len(fetched.jobs) < room:
            self._to_ask -= 1

    def _window(self) -> list[str]:
        """The queues to ask now: the one that woke us first, then each in its turn."""
        names = self._queues
        if self._first is not None:
            self._turn, self._first = names.index(self._first), None
        turned = names[self._turn :] + names[: self._turn]
        window = turned[:MAX_QUEUES]
        step = 1 if len(names) <= MAX_QUEUES else len(window)
        self._turn = (self._turn + step) % len(names)
        return window

    def _due(self, next_due_ms: int) -> None:
        """Remember when the next delayed job is due; Redis's clock is read from its latest answer."""
        if not next_due_ms:
            self._due_at = None
            return
        in_s = next_due_ms / 1000 - (clock.now_ms() / 1000 + self._clock_ahead_s)
        self._due_at = clock.monotonic() + max(0.001, in_s)

    def _sleep(self) -> None:
        """Block until a queue's wake-up key has a token, the next job is due, or it is time to look around."""
        until = min(at for at in (self._look_at, self._due_at, self._detour.until) if at is not None)
        rest = until - clock.monotonic()
        if self._desk.waits():
            rest = min(rest, STUCK_S)
        if rest <= 0:
            return
        woken = self._wakeups.wait(rest)
        if woken is not None:
            self._first = self._wakes.get(woken)
            self._ask_all()

    def _look(self) -> None:
        """Once a second: is there anything that no wake-up told of? Take in what stock producers delayed."""
        if not self._registered:
            self._register()
        due = self._looks % DUE_LOOKS == 0
        seen = self._store.queues.peek(self._queues, due=due, pauses=self._pauses and not due)
        self._pauses = seen.pauses
        self._looks += 1
        self._look_at = clock.monotonic() + LOOK_S
        if seen.inbox:
            taken = [self._store.stock.take_delayed(queue) for queue in self._queues]
            if any(batch.more for batch in taken):
                self._look_at = 0.0  # again as soon as jobs have been fetched
        if seen.waiting or seen.inbox:
            self._ask_all()
        if seen.next_due_ms is not None:
            self._due(seen.next_due_ms)

    def _register(self) -> None:
        """Make the queues known, their limits and what else the catalog says of them. A full server refuses this, and
        must still be served."""
        try:
            self._store.queues.register(self._queues)
            for queue in self._queues:
                if queue in self._terms.limits:
                    self._store.limits.define(queue, self._terms.limits[queue])
            self._terms.publish()
        except RedisUnavailable:
            return
        self._registered = True


def fetchers(
    store: Store,
    connected: Callable[[], Any],
    worker: str,
    routes: Routes,
    desk: Desk,
    committer: Committer,
    terms: Terms,
) -> list[Fetcher]:
    """Those of a process: one for each side that has queues. `connected` makes a connection to block on."""
    made = []
    of_threads, of_loop = routes.of_threads(), routes.of_loop()
    for side, queues, others in ((desk.threads, of_threads, of_loop), (desk.loop, of_loop, of_threads)):
        if not queues:
            continue
        shared = frozenset(queues).intersection(others)
        blocking = store.with_client(connected())
        made.append(Fetcher(store, blocking, worker, queues, desk, committer, terms, side, shared, routes.lane_aside))
    return made

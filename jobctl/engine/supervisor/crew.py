"""A set of worker processes made from one configuration: kept at its size, retired or stopped together."""

from __future__ import annotations

import logging
import signal
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from jobctl import clock
from jobctl.engine.process.config import CLEAN, NO_REDIS, RECYCLE
from jobctl.engine.supervisor.child import Child
from jobctl.errors import RedisUnavailable
from jobctl.store.nouns.processes import SHOWN, Death

log = logging.getLogger(__name__)

FIRST_DELAY_S = 0.1
MAX_DELAY_S = 10.0
DEATHS = 20
"""Deaths that are remembered."""
MAX_VAIN = 5
"""In burst mode a seat whose processes died so often without a single job, one after the other, stays empty."""
HEALTHY_S = 30.0
"""The back-off starts from the beginning after a process that lived this long."""


@dataclass
class Backoff:
    """How long to wait before a crashed process is started again: 0.1 s, doubled each time, up to 10 s."""

    delay_s: float = 0.0

    def next(self, lived_s: float) -> float:
        """The wait in seconds after a crash; `lived_s` is how long the process lived."""
        if lived_s >= HEALTHY_S:
            self.delay_s = 0.0
        self.delay_s = min(max(self.delay_s * 2, FIRST_DELAY_S), MAX_DELAY_S)
        return self.delay_s


@dataclass
class Seat:
    """One place for a process. `due` is when to fill it, on the monotonic clock; `finished` says never
    again."""

    number: int
    child: Child | None = None
    due: float = 0.0
    finished: bool = False
    in_vain: int = 0
    backoff: Backoff = field(default_factory=Backoff)


class Crew:
    """`spawn` starts one process; `lost` is told of each that ended without giving back what it held;
    `later(seconds, callback)` is the loop's timer."""

    def __init__(
        self,
        size: int,
        spawn: Callable[[], Child],
        lost: Callable[[Child], None],
        later: Callable[[float, Callable[[], None]], object],
        burst: bool = False,
    ) -> None:
        self._seats = [Seat(number) for number in range(size)]
        self._leaving: list[Child] = []
        self._spawn = spawn
        self._lost = lost
        self._later = later
        self._burst = burst
        self._closed = False
        self.crashes = 0
        self.deaths: deque[Death] = deque(maxlen=DEATHS)
        self.failed = 0
        """The exit code that burst mode has to end with: 0, or why seats stay empty though there may be jobs."""

    @property
    def seated(self) -> list[Child]:
        """The processes that are meant to stay."""
        return [seat.child for seat in self._seats if seat.child]

    @property
    def leaving(self) -> list[Child]:
        return list(self._leaving)

    def __iter__(self) -> Iterator[Child]:
        """All processes that have not been seen to end."""
        return iter([*self.seated, *self._leaving])

    @property
    def ready(self) -> bool:
        """Every seat has a process that is connected and whose threads run (or, in burst mode, has ended)."""
        return all(seat.finished or (seat.child and seat.child.slots.ready) for seat in self._seats)

    @property
    def ended(self) -> bool:
        """Nothing lives and nothing will be started."""
        return not self._leaving and all(s.child is None and (s.finished or self._closed) for s in self._seats)

    def fill(self) -> None:
        """Start a process in every empty seat that is due."""
        for seat in self._seats:
            if seat.child or seat.finished or self._closed or seat.due > clock.monotonic():
                continue
            try:
                seat.child = self._spawn()
            except OSError as error:
                log.error("cannot start a worker process: %s", error)
                self._wait(seat, 0.0)
                continue
            log.info("started worker process %s (pid %d)", seat.child.name, seat.child.pid)

    def reap(self) -> None:
        """Notice processes that have ended; report the lost ones and see to their replacement."""
        for child in self._leaving[:]:
            if (code := child.poll()) is not None:
                self._leaving.remove(child)
                self._bury(child, code)
        for seat in self._seats:
            if seat.child and (code := seat.child.poll()) is not None:
                child, seat.child = seat.child, None
                self._vacate(seat, child, code)
                self._bury(child, code)
        self.fill()

    def replace(self, child: Child) -> None:
        """Retire one process and start another in its seat at once."""
        for seat in self._seats:
            if seat.child is child:
                seat.child, seat.due = None, clock.monotonic()
                self._leaving.append(child)
                child.retire()
        self.fill()

    def retire(self) -> None:
        """Let all finish what they run, without hurry; start nothing more."""
        self._closed = True
        for child in self:
            child.retire()

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Signal all processes to end; start nothing more."""
        self._closed = True
        for child in self:
            child.signal(number)

    def _vacate(self, seat: Seat, child: Child, code: int) -> None:
        lived = clock.monotonic() - child.started
        if self._closed:
            return
        if code == RECYCLE:
            seat.due = clock.monotonic()
        elif self._burst and (code in (CLEAN, NO_REDIS) or self._is_in_vain(seat, child)):
            seat.finished = True
            if code != CLEAN:
                self.failed = self.failed or (RedisUnavailable.exit_code if code == NO_REDIS else 1)
                log.error("not restarting worker process %s: jobs may be left in the queues", child.name)
        else:
            self.crashes += 1
            self._wait(seat, lived)

    def _is_in_vain(self, seat: Seat, child: Child) -> bool:
        """Whether to stop trying. A process that dies of a job does not count: such a job is dead the third time."""
        worked = child.slots.jobs_done or child.slots.running
        seat.in_vain = 0 if worked else seat.in_vain + 1
        return seat.in_vain >= MAX_VAIN

    def _wait(self, seat: Seat, lived_s: float) -> None:
        delay = seat.backoff.next(lived_s)
        seat.due = clock.monotonic() + delay
        self._later(delay + 0.001, self.fill)

    def _bury(self, child: Child, code: int) -> None:
        if code in (CLEAN, RECYCLE):
            log.info("worker process %s (pid %d) ended", child.name, child.pid)
        else:
            how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
            jobs = child.slots.running
            log.warning("worker process %s (pid %d) died: %s, %d running", child.name, child.pid, how, jobs)
            outside = code == -signal.SIGKILL and not child.killed
            ran = tuple(held.id for held in child.slots.executing())[:SHOWN]
            self.deaths.append(Death(clock.now_ms(), how, ran, child.memory_mb, outside))
            self._lost(child)
        child.close()

"""Who is alive: what a supervisor says of itself, and whose jobs are recovered because nothing is heard of him."""

from __future__ import annotations

from collections.abc import Callable

from jobctl import clock
from jobctl.engine.liveness.chores import Chores
from jobctl.engine.liveness.heartbeats import Swept
from jobctl.engine.liveness.known import Known
from jobctl.engine.liveness.lost import recover
from jobctl.engine.liveness.relaning import Relaning
from jobctl.errors import RedisUnavailable
from jobctl.store import Store
from jobctl.store.nouns.processes import LEASE_MS, Orders, ProcessInfo

THOROUGH_S = 60.0
"""How often every reservation is looked at when nothing calls for it sooner."""
CHORES_S = 0.2
"""How much time of a sweep is for housekeeping: the thread that sweeps also beats and answers signals."""
SILENCE_S = 7.5
"""A process that has not beaten for this long (two beats and a half) looks before it judges."""


class StoreLiveness:
    """Liveness over a store whose client has short time-outs: the supervisor calls it from its only thread."""

    def __init__(self, store: Store, known: Known, lease_ms: int = LEASE_MS) -> None:
        self.known = known
        """What this process knows of jobs and queues; replaced at a reload."""
        self.orders = Orders()
        self.on_operations: Callable[[], None] = lambda: None
        """Called with each beat while there are operations to be carried on."""
        self.asked_at = clock.monotonic()
        """When its process last wanted to beat: as long as that does not stand still."""
        self._store = store
        store.rules = lambda job_type: self.known.redacted(job_type)
        self._lease_ms = lease_ms
        self._own = ""
        self._beaten_at = 0.0
        self._redis_ms = 0
        self._reachable_since: float | None = None
        self._seen: dict[str, tuple[int, float]] = {}
        self._thorough_at = 0.0
        self._unlisted: set[str] = set()
        relaning = Relaning(store, lambda: self.known, lambda: self._own)
        self._chores = Chores(store, lambda: self.known, self._redis_now_ms, {"relane": relaning.begin})

    def beat(self, info: ProcessInfo) -> int:
        self.asked_at = clock.monotonic()
        try:
            self._redis_ms, self.orders, operating = self._store.processes.beat(info)
        except RedisUnavailable:
            self._reachable_since = None
            self._seen.clear()
            raise
        if self._reachable_since is None or self._was_stopped():
            self._reachable_since = clock.monotonic()
        self._own, self._beaten_at = info.name, clock.monotonic()
        if operating:
            self.on_operations()
        return self._redis_ms

    @property
    def is_reachable(self) -> bool:
        """Whether Redis took the latest beat."""
        return self._reachable_since is not None

    def _was_stopped(self) -> bool:
        """Whether this process itself has not beaten for a lease: it was stopped, and knows nothing of the others."""
        return clock.monotonic() - self._beaten_at >= max(self._lease_ms / 1000, SILENCE_S)

    def leave(self, name: str) -> None:
        self._store.processes.leave(name)

    def recover(self, child: str, executing: frozenset[str], overdue: frozenset[str]) -> int:
        """Give back what a dead child held; what it was executing is a lost attempt and counts as a crash.

        An overdue job has failed by its time limit, and its retries decide. Both are the tokens of attempts.
        """
        return sum(
            recover(self._store, self.known, queue, {child}, executing, overdue)
            for queue in self._store.queues.registered()
        )

    def sweep(self) -> Swept:
        """Recover the jobs of processes that are gone, and do some of the housekeeping.

        Nobody is judged until Redis has been reachable for one full lease: after an outage every lease looks expired.
        """
        names = self._store.queues.registered()
        recovered = self._look_for_the_dead(names)
        return Swept(recovered, self._chores.work(names, CHORES_S))

    def _look_for_the_dead(self, names: list[str]) -> int:
        now = clock.monotonic()
        thorough = now >= self._thorough_at
        if thorough:
            self._thorough_at = now + THOROUGH_S
        silent = self._silent()
        alive = {name for name, silent_s in silent.items() if silent_s < self._lease_ms / 1000}
        if not self._may_judge() or self._own not in alive or (len(alive) == len(silent) and not thorough):
            return 0
        total = self._judge(names, alive, thorough)
        for name, silent_s in silent.items():
            if silent_s >= 4 * self._lease_ms / 1000:
                self._store.processes.leave(name, "lost")
        return total

    def _redis_now_ms(self) -> int:
        return self._redis_ms + round((clock.monotonic() - self._beaten_at) * 1000)

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
                total += recover(self._store, self.known, queue, lost, None)
            if orphans := strays & self._unlisted:  # seen twice, a minute apart: not one that has just been started
                total += recover(self._store, self.known, queue, orphans, frozenset())
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


def supervisor_of(worker: str) -> str:
    """The supervisor's name in a worker process's."""
    return worker.rpartition(":")[0]

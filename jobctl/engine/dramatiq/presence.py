"""The sign of life of a stock Dramatiq worker on JobctlBroker, and its part in recovering the jobs of the dead."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable, Container

from jobctl import clock
from jobctl.catalog.model import Catalog, JobType, Keep
from jobctl.engine.dramatiq.holding import Holdings, give_back
from jobctl.engine.liveness.heartbeats import AGAIN_S
from jobctl.engine.liveness.liveness import StoreLiveness
from jobctl.engine.tools.processes import process_name
from jobctl.errors import RedisUnavailable
from jobctl.redaction import Patterns
from jobctl.store import Store
from jobctl.store.nouns.processes import ChildInfo, ProcessInfo
from jobctl.store.nouns.published import Facts

BEAT_S = 3.0
FACTS_S = 60.0
"""How often a process without a catalog reads what catalogs say."""
LINGER_S = 10.0
"""For so long after its last consumer was closed, a process keeps what it could not give back: Dramatiq makes
consumers again a few seconds after an outage."""

_log = logging.getLogger("jobctl.worker")


class Declared:
    """What a stock worker knows: the actors that were declared on its broker, the queues that it consumes, and what
    `jobctl worker` published of them. It has no catalog."""

    def __init__(self, actors: Container[str], queues: Callable[[], Container[str]]) -> None:
        self._actors = actors
        self._queues = queues
        self.facts = Facts()
        self.catalog = Catalog()

    def has(self, name: str) -> bool:
        return name in self._actors

    def type_of(self, _name: str) -> JobType | None:
        return None

    def redacted(self, name: str) -> Patterns:
        return self.facts.redacted(name)

    def keep(self, queue: str) -> Keep | None:
        return self.kept(queue) if queue in self._queues() else None

    def kept(self, queue: str) -> Keep:
        """How long ended jobs of a queue stay: as its catalog says, or as long as without one."""
        return self.facts.keeps.get(queue) or Keep()


class Presence:
    """What a process holds, and the thread that says it is alive: as long as a consumer is open or something is held.

    In a thread of its own, because Dramatiq's consumer threads stand still while a worker is paused or reconnects.
    """

    def __init__(self, store: Store, actors: Container[str]) -> None:
        """`actors` are the names of those that were declared."""
        self.name = process_name()
        self.worker = f"{self.name}:0"
        self.holdings = Holdings()
        self._store = store
        self.known = Declared(actors, lambda: self._queues.values())
        self._liveness = StoreLiveness(store, self.known)
        self._facts_at = 0.0
        self._lock = threading.Lock()
        self._queues: dict[int, str] = {}
        self._closed_at = 0.0
        self._pause_s = BEAT_S
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()
        self._started_ms = clock.now_ms()

    def enter(self, consumer: object, queue: str) -> None:
        """A consumer was opened."""
        with self._lock:
            self._queues[id(consumer)] = queue
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="presence", daemon=True)
                self._thread.start()

    def announce(self, queue: str) -> None:
        """Register the queue and this process, before it reserves any job."""
        self._store.queues.register([queue])
        self._liveness.beat(self._info())
        self._learn()

    def exit(self, consumer: object) -> None:
        """A consumer was closed; with the last one, and nothing held, the process leaves."""
        with self._lock:
            known = self._queues.pop(id(consumer), None)
            if known is None or self._queues:
                return
            self._closed_at = clock.monotonic()
        if self.holdings.empty():
            self.stop()

    def stop(self) -> None:
        """Leave now, also if a consumer was not closed."""
        with self._lock:
            thread = self._thread
            self._queues.clear()
        self._wake.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout=5.0)

    def _run(self) -> None:
        failing = False
        while not self._over():
            try:
                self._step()
                failing = False
            except RedisUnavailable as error:
                if not failing:
                    _log.warning("heartbeat failed, will keep trying: %s", error)
                failing = True
            self._wake.wait(self._pause_s)
        try:
            self._liveness.leave(self.name)
        except RedisUnavailable as error:
            _log.info("cannot deregister this process: %s", error)

    def _over(self) -> bool:
        """Whether to end; decided with the lock held, so that a consumer that is opened now starts a new thread."""
        with self._lock:
            ended = not self._queues and (self.holdings.empty() or self._wake.is_set())
            if ended:
                self._thread = None
            self._wake.clear()
            return ended

    def _step(self) -> None:
        self._liveness.beat(self._info())
        if clock.monotonic() >= self._facts_at:
            self._learn()
        self._pause_s = AGAIN_S if self._liveness.sweep().more else BEAT_S
        if not self._queues and clock.monotonic() - self._closed_at > LINGER_S:
            idle = self.holdings.idle()
            give_back(self._store, idle)
            for message in idle:
                self.holdings.release(message)

    def _learn(self) -> None:
        """What catalogs say, in case that one has been changed."""
        self.known.facts = self._store.published.facts()
        self._facts_at = clock.monotonic() + FACTS_S

    def _info(self) -> ProcessInfo:
        running = self.holdings.running()
        return ProcessInfo(
            name=self.name,
            kind="worker",
            host=socket.gethostname(),
            pid=os.getpid(),
            queues=tuple(sorted(set(self._queues.values()))),
            processes=1,
            threads=1,
            started_ms=self._started_ms,
            running=running,
            children=(ChildInfo(name=self.worker, pid=os.getpid(), running=running, memory_mb=0.0),),
        )

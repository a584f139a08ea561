"""One worker process: wires the store, the catalog's tasks, the threads; drains when asked to stop."""

from __future__ import annotations

import gc
import logging
import os
import threading
from collections.abc import Callable, Mapping
from typing import Any

import dramatiq

from jobctl import clock
from jobctl.catalog.load import load, load_text
from jobctl.catalog.model import Catalog
from jobctl.catalog.problems import CatalogError
from jobctl.engine import logs
from jobctl.engine.attempt.hooks import Hooked
from jobctl.engine.attempt.interrupt import Watchdog
from jobctl.engine.attempt.verdict import given_back
from jobctl.engine.dramatiq.application import equip
from jobctl.engine.dramatiq.middleware.tracing import Tracing
from jobctl.engine.dramatiq.worker_broker import WorkerBroker
from jobctl.engine.process.committer import Committer
from jobctl.engine.process.config import CLEAN, LEFT_JOBS, NO_REDIS, RECYCLE, ChildConfig
from jobctl.engine.process.control import Control
from jobctl.engine.process.desk import Desk
from jobctl.engine.process.fetcher import Terms, fetchers
from jobctl.engine.process.job_thread import JobThread
from jobctl.engine.process.looping import looping, run_inside
from jobctl.engine.process.routes import Routes
from jobctl.engine.process.runtime import prepare
from jobctl.engine.process.slots import SlotTable
from jobctl.engine.tools.stop import StopFlag
from jobctl.errors import UsageError
from jobctl.flow import specs
from jobctl.producer import Producer
from jobctl.settings import job_environment
from jobctl.store import Store
from jobctl.store.nouns.settle import Reserved
from jobctl.store.wire.connection import connect

TICK_S = 0.2
LAST_WORDS_S = 1.0
"""What is left of the grace for telling handlers to stop, and for giving jobs back."""
PATIENCE_S = 7 * 86_400.0
PUT_AWAY_S = 30.0
"""How long the lifespan may take to end where there is no hurry."""

_log = logging.getLogger("jobctl.worker")


class Worker:
    """The threads of one worker process."""

    def __init__(self, config: ChildConfig, catalog: Catalog, slots: SlotTable | None, env: Mapping[str, str]) -> None:
        self._config = config
        self._slots = slots
        self._draining = False
        self._drained_from = 0.0
        namespace = config.namespace or catalog.namespace
        client = connect(config.redis_url, password=config.redis_password, cluster=config.cluster)
        index_key = config.index_key.encode()
        self.store = Store(client, namespace, cluster=config.cluster, rules=catalog.redacted, index_key=index_key)
        self.broker = _broker(catalog, WorkerBroker(client, namespace, self.store))
        self.runtime = prepare(
            catalog,
            self.broker,
            env,
            config.environment,
            _enqueuer(self.store, Producer(catalog, self.store.mint)),
            config.queues,
        )
        self.queues = config.queues or queues_of(catalog)
        routes = Routes(self.runtime, self.queues)
        async_jobs = config.async_jobs if routes.of_loop() else 0
        self.desk = Desk(config.threads, config.max_jobs, async_jobs=async_jobs, on_loop=routes.on_loop)
        self.committer = Committer(self.store, catalog, self.desk.committed)
        self.looping = None
        if async_jobs or self.runtime.lifespan.needs_loop:
            place = (self.runtime, self.broker, self.desk, self.committer, slots, config.threads)
            self.looping = looping(*place, catalog.worker.max_block_ms / 1000)
        self.fetchers = fetchers(
            self.store,
            lambda: connect(config.redis_url, password=config.redis_password, cluster=config.cluster),
            config.name,
            routes,
            self.desk,
            self.committer,
            self._terms(catalog, slots),
        )
        self.control = Control(self.store, self.desk)
        armed = threading.Event()
        self.threads = [
            JobThread(n, self.runtime, self.broker, self.desk, self.committer, slots, armed)
            for n in range(config.threads)
        ]
        self.abandoned = False
        """Whether threads still run jobs that were given back."""
        self.watchdog = Watchdog([thread.guard for thread in self.threads], armed)

    def _terms(self, catalog: Catalog, slots: SlotTable | None) -> Terms:
        return Terms(
            beaten_at=(lambda: slots.beaten_at) if slots else None,
            limits={queue: found for queue in self.queues if (found := specs(catalog, queue))},
            publish=lambda: self.store.published.publish(catalog, self.queues),
            quiet=(lambda: slots.quiet) if slots else lambda: False,
            reserve=Hooked(self.store, catalog).fetch if any(job.hooks for job in catalog.jobs.values()) else None,
        )

    def start(self) -> None:
        self.broker.emit_after("process_boot")
        self.broker.emit_before("worker_boot", self)
        self.runtime.warm()
        for thread in (self.committer, self.watchdog, self.control, *self.threads, *self.fetchers):
            thread.start()
        if self.looping is not None:
            self.looping.watch.start()
        self.broker.emit_after("worker_boot", self)

    def run(self, stop: StopFlag) -> int:
        """Work until told to stop, out of jobs (burst), or due for recycling; returns the exit code.

        With an event loop, that runs in the calling thread, which has to be the main one.
        """
        try:
            return run_inside(
                self.runtime, self.looping, lambda: self._work(stop), stop.is_set, lambda: self._left_s(stop)
            )
        except UsageError:
            if stop.is_set():
                return CLEAN
            raise

    def _left_s(self, stop: StopFlag) -> float:
        """For how long the lifespan may go on after the last job, in seconds."""
        drained_s = clock.monotonic() - self._drained_from
        return PUT_AWAY_S if stop.patient else max(LAST_WORDS_S, self._config.grace_s - drained_s)

    def _work(self, stop: StopFlag) -> int:
        self.start()
        code = CLEAN
        while not stop.wait(TICK_S):
            self._show_health()
            if self._config.burst and all(f.empty.is_set() for f in self.fetchers) and self.desk.idle():
                break
            if self._config.burst and self._lost_patience():
                _log.error("giving up: Redis was unreachable or refused commands for %.0f s", self._config.patience_s)
                code = NO_REDIS
                break
            if self.desk.spent() or self._lost:
                code = RECYCLE
                break
        code = code if self.drain(stop) or code == NO_REDIS else LEFT_JOBS
        if self._lost:
            logs.flush()
            os._exit(code)  # the main thread does not come back
        return code

    @property
    def _lost(self) -> bool:
        return self.looping is not None and self.looping.lost

    def _lost_patience(self) -> bool:
        now, patience_s = clock.monotonic(), self._config.patience_s
        failing = (*(fetcher.failing_since for fetcher in self.fetchers), self.committer.failing_since)
        return any(since is not None and now - since >= patience_s for since in failing)

    def _show_health(self) -> None:
        now = clock.monotonic()
        for thread in self.threads:
            thread.look(now)
        if self.looping is not None:
            self.looping.jobs.look(now)
        if self._slots is None:
            return
        alive = sum(thread.is_alive() and not thread.given_up for thread in self.threads)
        if self.looping is not None and self.looping.ill:
            alive = max(0, alive - 1)  # a task that cannot be ended is as a thread that cannot
        if not all(thread.is_alive() for thread in (self.committer, self.watchdog, self.control, *self.fetchers)):
            alive = 0  # without one of these the process is of no use, whatever its job threads do
        self._slots.bump()
        self._slots.set_threads_alive(alive)
        self._slots.set_jobs_done(self.desk.done)
        if self._draining:
            self._slots.set_ready(False)
        elif all(fetcher.connected.is_set() for fetcher in self.fetchers) and alive == len(self.threads):
            self._slots.set_ready()

    def drain(self, stop: StopFlag) -> bool:
        """Stop fetching, give back jobs that no thread has begun, let the rest finish within the grace.

        False when Redis does not know all of it: the supervisor has to recover what this process held.
        """
        self._drained_from = began = clock.monotonic()
        self._draining = True
        self._show_health()
        self.broker.emit_before("worker_shutdown", self)
        for fetcher in self.fetchers:
            fetcher.stop()
        for fetcher in self.fetchers:
            fetcher.join(timeout=2.0)
        self._give_back(self.desk.waiting(), begun=False)
        self._wait_quiet(stop, began)
        self.desk_stop()
        complete = self._finish(LAST_WORDS_S if not stop.patient else 10.0)
        self.control.stop()
        self.watchdog.stop()
        if self.looping is not None:
            self.looping.watch.stop()
        self.runtime.cool()
        self.broker.emit_after("worker_shutdown", self)
        return complete

    def _finish(self, timeout_s: float) -> bool:
        """Write what has ended; False if that was not all. Who ends a job hands its outcome over a moment later: the
        committer must not end between the two."""
        until = clock.monotonic() + timeout_s
        self.desk.idle(timeout_s)
        return self.committer.finish(max(0.1, until - clock.monotonic())) and self.desk.idle()

    def _wait_quiet(self, stop: StopFlag, began: float) -> None:
        """Until nothing runs, or the grace is over: then ask handlers to stop, and give back what still runs."""
        while not self.desk.wait_quiet(TICK_S):
            self._show_health()
            grace = PATIENCE_S if stop.patient else max(0.0, self._config.grace_s - LAST_WORDS_S)
            if clock.monotonic() - began >= grace:
                break
        else:
            return
        for job in self.desk.held():
            self.desk.cancel(job, "shutdown")
        self.desk.wait_quiet(LAST_WORDS_S / 2)
        for thread in self.threads:
            thread.hush()
        if self.looping is not None:
            self.looping.jobs.hush()
        left = self.desk.held()
        self.abandoned = bool(left)
        _log.info("the grace period is over: requeueing %d running jobs", len(left))
        self._give_back(left, begun=True)

    def _give_back(self, jobs: list[Reserved], *, begun: bool) -> None:
        for job in jobs:
            self.desk.end(job, None)
            self.committer.submit(given_back(job, begun=begun))

    def desk_stop(self) -> None:
        for _ in self.threads:
            self.desk.inbox.put(None)


def _broker(catalog: Catalog, broker: WorkerBroker) -> WorkerBroker:
    """The broker for everything that is imported from now on, with the application's middleware."""
    dramatiq.set_broker(broker)
    if catalog.traces:
        broker.add_middleware(Tracing({job.handler.message_name or name: name for name, job in catalog.jobs.items()}))
    if problems := equip(broker, catalog):
        raise CatalogError(problems)
    return broker


def _enqueuer(store: Store, producer: Producer) -> Callable[..., str]:
    """What `jobctl.current().enqueue` does: returns the new job's id, or that of the job that holds its unique key."""

    def enqueue(job_type: str, payload: Mapping[str, Any], **options: Any) -> str:
        return store.jobs.enqueue([producer.prepare(job_type, payload, **options)])[0].require().id

    return enqueue


def queues_of(catalog: Catalog) -> tuple[str, ...]:
    names = {job.queue for job in catalog.jobs.values()} | set(catalog.queues)
    return tuple(sorted(names))


def read_catalog(config: ChildConfig) -> Catalog:
    """The catalog that a process works with. Raises CatalogError or UsageError."""
    path = config.catalog_path
    return load(path) if config.catalog_text is None else load_text(config.catalog_text, path)


def run_child(config: ChildConfig, slots: SlotTable, stop: StopFlag) -> int:
    """The whole life of a worker process under its supervisor; returns its exit code."""
    logs.write_behind()
    worker = Worker(config, read_catalog(config), slots, job_environment())
    gc.freeze()  # what was imported stays: no collection while jobs run needs to look at it
    code = worker.run(stop)
    logs.flush()
    if code in (LEFT_JOBS, NO_REDIS):
        for number in range(config.slots):  # what still runs was given back: it did not kill this process
            slots.end(number)
    if worker.abandoned or any(thread.given_up for thread in worker.threads):
        os._exit(code)  # threads that still run were given back: nothing here may end their jobs any more
    return code

"""What `jobctl worker` and `jobctl scheduler` run: the supervisor or the timer, over the catalog and the store."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from jobctl import tracing
from jobctl.catalog import compiled
from jobctl.catalog.load import load_text, read
from jobctl.catalog.model import Catalog
from jobctl.catalog.problems import CatalogError, did_you_mean
from jobctl.catalog.ticks import first_after, rendered
from jobctl.engine import logs
from jobctl.engine.liveness.known import Cataloged
from jobctl.engine.liveness.liveness import StoreLiveness
from jobctl.engine.process.config import (
    DEFAULT_ASYNC_JOBS,
    DEFAULT_GRACE_S,
    DEFAULT_PATIENCE_S,
    ChildConfig,
    SupervisorOptions,
    default_processes,
    default_threads,
)
from jobctl.engine.process.preflight import Preflight, check
from jobctl.engine.process.process import queues_of, read_catalog
from jobctl.engine.scheduler.heartbeat import HttpHeartbeats
from jobctl.engine.scheduler.scheduler import Scheduler
from jobctl.engine.supervisor.supervisor import Supervisor
from jobctl.engine.tools.notify import Notifier
from jobctl.engine.tools.processes import process_name
from jobctl.errors import OtherLayout, RedisUnavailable, UsageError
from jobctl.ops import pauses
from jobctl.ops.alerts.channels import Surroundings
from jobctl.ops.alerts.judge import problems
from jobctl.ops.alerts.watch import Watch
from jobctl.ops.bulk.carrier import Carrier
from jobctl.ops.connect import open_store, redis_url
from jobctl.ops.probes import probed
from jobctl.ops.schedules.outcomes import Outcomes
from jobctl.ops.schedules.ticking import Ticking
from jobctl.producer import Producer
from jobctl.settings import Settings, job_environment, notify_socket
from jobctl.store import Store
from jobctl.store.data.ids import Mint
from jobctl.store.nouns.processes import LEASE_MS
from jobctl.text import sanitize

CALL_S = 1.0
"""Calls to Redis happen between signals: none may delay the answer to one by more than this."""

_log = logging.getLogger("jobctl.worker")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    """What `jobctl worker` was asked for. Empty `queues` are all of the catalog's; `max_memory` is bytes a process,
    `max_age_s` seconds.

    `patience_s` is for how long burst mode continues without Redis."""

    queues: tuple[str, ...] = ()
    processes: int | None = None
    threads: int | None = None
    async_jobs: int = DEFAULT_ASYNC_JOBS
    burst: bool = False
    max_jobs: int | None = None
    max_memory: int | None = None
    max_age_s: float | None = None
    grace_s: float = DEFAULT_GRACE_S
    patience_s: float = DEFAULT_PATIENCE_S
    http: str | None = None
    log_format: str = "auto"
    log_level: str = "INFO"


def run_worker(settings: Settings, options: WorkerOptions, *, lease_ms: int = LEASE_MS) -> int:
    """Serve the catalog's queues until stopped; returns the exit code.

    Raises CatalogError or UsageError for a catalog that cannot be served, RedisUnavailable when there is no Redis
    to wait for, or, in burst mode, when it does not answer.
    """
    plan = _Plan(settings, options)
    catalog, text = plan.read()
    if catalog.traces:
        tracing.require()
    found = check(plan.child(catalog, text))
    plan.url = redis_url(settings)
    logs.setup(options.log_format, options.log_level)
    for warning in found.warnings:
        _log.warning("%s", sanitize(str(warning)))
    store = open_store(settings, catalog, url=plan.url, timeout_s=CALL_S)
    _greet(store, wait=not options.burst)
    plan.liveness = liveness = StoreLiveness(store, Cataloged(catalog), lease_ms)
    supervisor = Supervisor(
        SupervisorOptions(processes=plan.processes, max_memory=options.max_memory, max_age_s=options.max_age_s),
        plan.child(catalog, text),
        liveness,
        plan,
        Notifier(*notify_socket()),
        found.forks,
    )
    look = open_store(settings, catalog, url=plan.url)
    pages = probed(options.http, look, liveness, supervisor.info, lambda: supervisor.ready and liveness.is_reachable)
    with pages, _running(_carrier(settings, catalog, url=plan.url, liveness=liveness)):
        return supervisor.run()


def run_scheduler(
    settings: Settings, *, http: str | None = None, log_format: str = "auto", log_level: str = "INFO"
) -> int:
    """Enqueue the catalog's schedules until stopped; returns the exit code. Raises as `run_worker` does."""
    catalog = schedulable(settings)
    url = redis_url(settings)
    logs.setup(log_format, log_level)
    store = open_store(settings, catalog, url=url, timeout_s=CALL_S)
    _greet(store, wait=True)
    ticking = Ticking(store, catalog, Outcomes(store, HttpHeartbeats().send))
    liveness = StoreLiveness(store, Cataloged(catalog))
    around = Surroundings(job_environment(), settings.child_environment(url))
    watch = Watch(catalog, lambda: open_store(settings, catalog, url=url), around)

    def reload() -> Catalog:
        new = schedulable(settings)
        ticking.use(new)
        watch.use(new)
        liveness.known = Cataloged(new)
        return new

    scheduler = Scheduler(catalog, ticking, liveness, reload, Notifier(*notify_socket()))
    look = open_store(settings, catalog, url=url)
    pages = probed(http, look, liveness, scheduler.info, lambda: scheduler.ready and liveness.is_reachable)
    with pages, _running(watch), _running(_carrier(settings, catalog, url=url, liveness=liveness)):
        return scheduler.run()


def _carrier(settings: Settings, catalog: Catalog, *, url: str, liveness: StoreLiveness) -> Carrier:
    """Carries operations on, beside all else; heartbeats tell it when there are some."""
    carrier = Carrier(lambda: open_store(settings, catalog, url=url), lambda: liveness.known, process_name())
    liveness.on_operations = carrier.wake
    return carrier


@contextmanager
def _running(service: Watch | Carrier) -> Iterator[None]:
    """A service that runs in its own thread meanwhile."""
    service.start()
    try:
        yield
    finally:
        service.stop()


class _Plan:
    """Makes the configuration of worker processes from settings, options and the catalog as it is now."""

    def __init__(self, settings: Settings, options: WorkerOptions) -> None:
        self._settings = settings
        self._options = options
        self.processes = options.processes or default_processes()
        self.url = settings.redis_url or ""
        self.liveness: StoreLiveness | None = None

    def reload(self) -> ChildConfig:
        """Read the catalog again; raises when it is broken."""
        return self.child(*self.read())

    def try_out(self, child: ChildConfig) -> Preflight:
        """Import what the catalog names, in a process of its own."""
        return Preflight(child)

    def adopt(self, child: ChildConfig) -> None:
        """Recover the jobs of the dead by the catalog that the living work with."""
        if self.liveness:
            self.liveness.known = Cataloged(read_catalog(child))

    def read(self) -> tuple[Catalog, str]:
        """The catalog and the text that it was read from."""
        text = read(self._settings.catalog_path)
        return load_text(text, str(self._settings.catalog_path)), text

    def child(self, catalog: Catalog, text: str) -> ChildConfig:
        """What worker processes are made from. Raises UsageError for a queue that the catalog does not have."""
        settings, options = self._settings, self._options
        return ChildConfig(
            name="",
            catalog_path=str(settings.catalog_path.absolute()),
            catalog_text=text,
            redis_url=self.url,
            redis_password=settings.redis_password(),
            index_key=settings.index_key().decode(),
            namespace=settings.namespace,
            cluster=settings.cluster,
            queues=_served(catalog, options.queues),
            threads=options.threads or default_threads(self.processes),
            async_jobs=options.async_jobs,
            burst=options.burst,
            max_jobs=options.max_jobs,
            grace_s=options.grace_s,
            patience_s=options.patience_s,
            log_format=options.log_format,
            log_level=options.log_level,
            environment=settings.child_environment(self.url or None),
        )


def _served(catalog: Catalog, wanted: tuple[str, ...]) -> tuple[str, ...]:
    """The queues to serve. Raises UsageError for one that no job type has."""
    known = queues_of(catalog)
    for name in wanted:
        if name not in known:
            hint = did_you_mean(name, known) or f"the catalog has {', '.join(known) or 'none'}"
            raise UsageError(f"no queue `{name}` in {catalog.path}", hint)
    return tuple(dict.fromkeys(wanted)) or known


def schedulable(settings: Settings) -> Catalog:
    """The catalog. Raises CatalogError, or UsageError when no job can be made of a schedule, or no alert be judged."""
    catalog = compiled.load(settings.catalog_path, settings.cache_dir)
    if catalog.traces:
        tracing.require()
    if wrong := problems(catalog):
        raise CatalogError(tuple(wrong))
    producer = Producer(catalog, Mint())
    for schedule in catalog.schedules.values():
        try:
            producer.prepare(schedule.job, rendered(schedule, first_after(schedule, 0) or 0))
        except UsageError as error:
            raise UsageError(f"schedule {schedule.name}: {error.message}", error.hint) from error
    return catalog


def _greet(store: Store, *, wait: bool) -> None:
    """See whether Redis answers, and tell what is paused; if it is away, say so and let the caller continue, or raise.

    Raises OtherLayout in any case.
    """
    try:
        for row in pauses.ls(store):
            _log.warning("%s", sanitize(pauses.sentence(row)))
    except RedisUnavailable as error:
        if not wait or isinstance(error, OtherLayout):
            raise
        _log.warning("%s; waiting for Redis", error.message)

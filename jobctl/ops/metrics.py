"""Metrics for Prometheus: what was counted, how deep queues are, who works, how late schedules are, how Redis is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import msgspec

from jobctl.errors import RedisUnavailable
from jobctl.ops import limits, queues
from jobctl.ops.schedules.check import check as punctuality
from jobctl.store.data.stats import BUCKETS, COUNTERS, GROWTH, Counts, Histogram, summed
from jobctl.store.nouns.counts import COLUMNS
from jobctl.store.nouns.stats import Kind

if TYPE_CHECKING:
    from prometheus_client.core import Metric

    from jobctl.catalog.model import Catalog
    from jobctl.store import Store

MOST_TYPES = 2_000
"""Job types that are told one by one; of more, a metric tells how many are left out."""
OUTCOMES = tuple(name for name in COUNTERS.values() if name not in ("enqueued", "started", "failed"))
UP = 1.0
"""The value of the first metric if Redis could be asked."""
STEP = 5
"""Every so many buckets have a boundary of their own: each is 2.7 times the one before, from 1 ms to two days."""
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class MetricRow(msgspec.Struct, frozen=True, kw_only=True):
    """One number."""

    name: str
    labels: dict[str, str]
    value: float


def text(families: Iterable[Metric]) -> str:
    """Metrics as Prometheus reads them."""
    from prometheus_client import generate_latest
    from prometheus_client.registry import CollectorRegistry

    class Collected:
        def collect(self) -> Iterable[Metric]:
            return families

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Collected())
    return generate_latest(registry).decode()


def rows(families: Iterable[Metric]) -> list[MetricRow]:
    """The same as records."""
    return [
        MetricRow(name=sample.name, labels=sample.labels, value=sample.value)
        for family in families
        for sample in family.samples
    ]


def collect(store: Store, catalog: Catalog | None) -> list[Metric]:
    """The families of metrics. If Redis cannot be asked, the first says so, and is alone."""
    try:
        found = [metric for part in (_jobs, _queues, _limits, _work, _late, _redis) for metric in part(store, catalog)]
    except RedisUnavailable:
        found = []
    return [_gauge("jobctl_up", "Whether Redis could be asked.", [((), UP if found else 0.0)]), *found]


def _jobs(store: Store, _catalog: Catalog | None) -> Iterator[Metric]:
    """What was counted: counters by type, histograms by queue."""
    from prometheus_client.core import HistogramMetricFamily

    kinds = sorted(store.stats.kinds(store.queues.names()))
    totals = store.stats.totals(kinds)
    told = kinds[:MOST_TYPES]
    yield _counter(
        "jobctl_jobs", "Jobs by what became of them; retried ones are counted at each retry.",
        [((*_names(kind), name), getattr(totals[kind], name)) for kind in told for name in OUTCOMES],
        "queue", "type", "outcome",
    )  # fmt: skip
    for metric, field, help_text in (
        ("jobctl_jobs_enqueued", "enqueued", "Jobs enqueued, without those of stock producers."),
        ("jobctl_attempts_started", "started", "Attempts started."),
        ("jobctl_attempts_failed", "failed", "Attempts that failed, timed out, or were lost with their worker."),
    ):
        rows = [(_names(kind), getattr(totals[kind], field)) for kind in told]
        yield _counter(metric, help_text, rows, "queue", "type")
    yield _gauge(
        "jobctl_types_left_out", "Job types that the metrics leave out, since there are too many.",
        [((), len(kinds) - len(told))],
    )  # fmt: skip
    by_queue: dict[str, list[Counts]] = {}
    for kind, counts in totals.items():
        by_queue.setdefault(kind.queue, []).append(counts)
    wait = HistogramMetricFamily(
        "jobctl_job_wait_seconds", "From when a job was enqueued or due to its start.", labels=["queue"]
    )
    run = HistogramMetricFamily("jobctl_job_run_seconds", "How long attempts ran.", labels=["queue"])
    for queue, parts in by_queue.items():
        total = summed(parts)
        for family, times in ((wait, total.wait), (run, total.run)):
            family.add_metric([queue], buckets=_buckets(times), sum_value=(times.mean() or 0.0) * times.total)
    yield from (wait, run)


def _names(kind: Kind) -> tuple[str, str]:
    return kind.queue, kind.type


def _buckets(times: Histogram) -> list[tuple[str, float]]:
    """(boundary in seconds, how many were at most so long)."""
    counts = list(accumulate(times.counts.get(number, 0) for number in range(BUCKETS)))
    rows = [(f"{GROWTH**number / 1000:.4g}", float(counts[number])) for number in range(0, BUCKETS - 1, STEP)]
    return [*rows, ("+Inf", float(counts[-1]))]


def _queues(store: Store, catalog: Catalog | None) -> Iterator[Metric]:
    rows = queues.ls(store, catalog)
    yield _gauge(
        "jobctl_queue_jobs", "Jobs in a queue, by state.",
        [((row.queue, s.name), n) for row in rows for s in COLUMNS if (n := getattr(row, s.name)) is not None],
        "queue", "state",
    )  # fmt: skip
    yield _gauge(
        "jobctl_queue_latency_seconds", "How long the oldest waiting job has been ready to start.",
        [((row.queue,), row.oldest_waiting_s or 0.0) for row in rows], "queue",
    )  # fmt: skip
    yield _gauge(
        "jobctl_queue_workers", "Worker processes that serve a queue.",
        [((row.queue,), row.workers) for row in rows if row.workers is not None], "queue",
    )  # fmt: skip
    yield _gauge(
        "jobctl_queue_paused",
        "Whether a queue is paused.",
        [((row.queue,), float(row.paused)) for row in rows],
        "queue",
    )


def _limits(store: Store, catalog: Catalog | None) -> Iterator[Metric]:
    rows = limits.ls(store, catalog)
    yield _gauge(
        "jobctl_limit_waiting", "Jobs that wait and have this limit.",
        [((row.name, row.queue, row.kind), row.waiting) for row in rows], "limit", "queue", "kind",
    )  # fmt: skip


def _work(store: Store, _catalog: Catalog | None) -> Iterator[Metric]:
    """Slots and processes, without names of hosts: series of machines that are gone would stay."""
    rows = store.processes.ls()
    kinds = ("worker", "scheduler")
    yield _gauge(
        "jobctl_processes", "Live supervisors of workers, and schedulers.",
        [((kind,), sum(row.kind == kind for row in rows)) for kind in kinds], "kind",
    )  # fmt: skip
    workers = [row for row in rows if row.kind == "worker"]
    threads = sum(row.processes * row.threads for row in workers)
    loops = sum(row.processes * row.async_jobs for row in workers)
    on_loop, running = sum(row.on_loop for row in rows), sum(row.running for row in rows)
    hanging = sum(row.hanging for row in rows)
    yield _gauge(
        "jobctl_slots", "Slots of workers: threads, and places for async jobs on event loops.",
        [
            (("thread", "busy"), running - on_loop), (("thread", "free"), max(0, threads - running + on_loop)),
            (("loop", "busy"), on_loop), (("loop", "free"), max(0, loops - on_loop)),
        ],
        "kind", "state",
    )  # fmt: skip
    yield _gauge("jobctl_slots_hanging", "Slots whose job continues past its time limit.", [((), hanging)])
    yield _gauge(
        "jobctl_loop_lag_seconds", "How late the event loop of a worker process answers, at worst of late.",
        [((), max((row.loop_lag_s for row in workers), default=0.0))],
    )  # fmt: skip
    yield _gauge("jobctl_worker_memory_bytes", "Memory of all workers.", [((), sum(r.memory_mb for r in rows) * 1e6)])


def _late(store: Store, catalog: Catalog | None) -> Iterator[Metric]:
    if catalog is None or not catalog.schedules:
        return
    _, rows = punctuality(store, catalog)
    yield _gauge(
        "jobctl_schedule_lateness_seconds", "How late a schedule's next tick is.",
        [((row.name,), row.late_s) for row in rows], "schedule",
    )  # fmt: skip


def _redis(store: Store, _catalog: Catalog | None) -> Iterator[Metric]:
    info = store.server.info()
    if info is None:
        return
    for name, field, help_text in (
        ("jobctl_redis_memory_bytes", "used_memory", "Memory that Redis uses."),
        ("jobctl_redis_memory_limit_bytes", "maxmemory", "The limit of that memory; 0 for none."),
        ("jobctl_redis_aof_enabled", "aof_enabled", "Whether Redis writes an append-only file."),
        ("jobctl_redis_connected_clients", "connected_clients", "Clients of Redis."),
    ):
        yield _gauge(name, help_text, [((), float(info.get(field, 0)))])
    yield _counter("jobctl_redis_evicted_keys", "Keys that Redis evicted.", [((), int(info.get("evicted_keys", 0)))])


def _gauge(name: str, help_text: str, rows: Iterable[tuple[tuple[str, ...], Any]], *labels: str) -> Metric:
    from prometheus_client.core import GaugeMetricFamily

    family = GaugeMetricFamily(name, help_text, labels=labels)
    for values, number in rows:
        family.add_metric(list(values), float(number))
    return family


def _counter(name: str, help_text: str, rows: Iterable[tuple[tuple[str, ...], Any]], *labels: str) -> Metric:
    from prometheus_client.core import CounterMetricFamily

    family = CounterMetricFamily(name, help_text, labels=labels)
    for values, number in rows:
        family.add_metric(list(values), float(number))
    return family

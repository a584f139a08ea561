"""Checks of who works on a namespace: workers, their threads, schedulers, and stock Dramatiq."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from jobctl import clock
from jobctl.ops import limits, workers
from jobctl.ops.doctor.check import Check, listed
from jobctl.store.nouns.processes import LEASE_MS

if TYPE_CHECKING:
    from jobctl.catalog.model import Catalog
    from jobctl.store import Store
    from jobctl.store.data.records import ProcessRow, QueueRow
    from jobctl.store.data.said import Said

LATE_MS = LEASE_MS // 2
RUN_WORKER = "run `jobctl worker`"


def checks(store: Store, catalog: Catalog | None) -> Iterator[Check]:
    """Look at workers and their threads, schedulers, beats, and stock clients."""
    queues, processes = store.queues.names(), store.processes.ls()
    serving = store.processes.serving()
    yield _workers(store.queues.depth(queues), serving, processes)
    yield _quiet(processes)
    if catalog is not None and serving:
        yield _served(catalog, serving)
    yield _threads([row for row in processes if row.kind == "worker"])
    yield _loops(processes)
    yield _beats(store)
    yield _scheduler(processes, catalog)
    yield _catalogs(store)
    yield _stock(store, queues)
    yield _inboxes(store, queues)


def _workers(depths: list[QueueRow], serving: dict[str, int], processes: list[ProcessRow]) -> Check:
    waits = [(row, row.waiting + (row.limited or 0)) for row in depths if not row.paused and not serving.get(row.queue)]
    if stuck := [(row, count) for row, count in waits if count]:
        found = f"no worker takes jobs of {listed(f'{row.queue} ({count} waiting)' for row, count in stuck)}"
        oldest = max((row.oldest_waiting_s or 0 for row, _ in stuck), default=0)
        since = clock.to_datetime(clock.now_ms() - round(oldest * 1000)) if oldest else None
        if quiet := workers.quiet(processes, [row.queue for row, _ in stuck]):
            command = f"jobctl worker resume {quiet[0]}"
            return Check("workers", "fail", f"{found}: {listed(quiet)} is quiet", f"run `{command}`", since, command)
        return Check("workers", "fail", found, RUN_WORKER, since, "jobctl worker")
    if not serving:
        return Check("workers", "warn", "no worker takes jobs", RUN_WORKER, command="jobctl worker")
    return Check("workers", "ok", f"{len(serving)} queues are served")


def _quiet(processes: list[ProcessRow]) -> Check:
    """Workers that someone told to be quiet, and may have forgotten."""
    if names := [row.name for row in processes if row.state == "quiet"]:
        command = f"jobctl worker resume {names[0]}"
        found = f"told to take no more jobs: {listed(names)}"
        return Check("quiet workers", "warn", found, f"run `{command}`", command=command)
    return Check("quiet workers", "ok", "none")


def _served(catalog: Catalog, serving: dict[str, int]) -> Check:
    """Workers may serve some of the catalog's queues only; what is enqueued to the others waits."""
    unserved = [f"{job.name} (queue {job.queue})" for job in catalog.jobs.values() if not serving.get(job.queue)]
    if unserved:
        queues = sorted({job.queue for job in catalog.jobs.values() if not serving.get(job.queue)})
        command = f"jobctl worker --queues {','.join(queues[:3])}"
        advice = f"run `{command}`, or add it to a worker's --queues"
        found = f"no worker serves the queue of {listed(unserved)}"
        return Check("served types", "warn", found, advice, command=command)
    return Check("served types", "ok", "the queue of every job type has a worker")


def _catalogs(store: Store) -> Check:
    """Processes whose catalogs say different things of the limits of a job type."""
    views: dict[str, dict[Said, str]] = {}
    for process, said in sorted(store.deployed.said().items()):
        for name, one in (said or {}).items():
            views.setdefault(name, {}).setdefault(one, process)
    odds = [f"{name}: {_views(by_view)}" for name, by_view in sorted(views.items()) if len(by_view) > 1]
    if odds:
        advice = "let all processes run with one catalog, or give each catalog a namespace of its own"
        return Check(
            "catalogs", "warn", f"catalogs differ in the limits of {listed(odds)}", advice, command="jobctl ps"
        )
    return Check("catalogs", "ok", "the catalogs at work have the same limits")


def _views(by_view: dict[Said, str]) -> str:
    return ", ".join(f"{limits.sayings(said)} by {process}" for said, process in by_view.items())


def _threads(workers: list[ProcessRow]) -> Check:
    """Threads that run a job past its time limit, and could not be interrupted."""
    hung = [row for row in workers if row.hanging]
    if not hung:
        return Check("threads", "ok", "no job runs past its time limit")
    lost, all_of_them = sum(row.hanging for row in hung), sum(row.processes * row.threads for row in workers)
    where = listed(f"{row.host} pid {row.pid}" for row in hung)
    jobs = listed(job for row in hung for job in row.hanging_jobs)
    found = f"{lost} of {all_of_them} threads hang past the time limit of their job, on {where}: {jobs}"
    advice = "see `jobctl job show ID`, restart that worker, and give such jobs `isolate: true`"
    since = min((row.hanging_since for row in hung if row.hanging_since), default=None)
    status, job = "fail" if lost * 2 >= all_of_them else "warn", next(job for row in hung for job in row.hanging_jobs)
    return Check("threads", status, found, advice, since, f"jobctl job show {job}")


def _loops(processes: list[ProcessRow]) -> Check:
    """Event loops that stand still, and with them all async jobs of their processes."""
    blocked = [(row, loop) for row in processes for loop in row.blocked]
    if not blocked:
        return Check("event loops", "ok", "none is blocked")
    said = listed(
        f"{f'job {loop.job}' if loop.job else 'a task that no job waits for'} blocks it on {row.host} at {loop.where}"
        for row, loop in blocked
    )
    found = f"{len(blocked)} event {'loop stands' if len(blocked) == 1 else 'loops stand'} still: {said}"
    advice = "call what blocks with `asyncio.to_thread`, or make that job a plain function"
    since = min(loop.since for _, loop in blocked)
    job = next((loop.job for _, loop in blocked if loop.job), None)
    return Check("event loops", "fail", found, advice, since, f"jobctl job show {job}" if job else "jobctl ps")


def _beats(store: Store) -> Check:
    late = {name: age for name, age in store.processes.beats().items() if age >= LATE_MS}
    if late:
        found = listed(f"{name}, {age / 1000:.0f} s ago" for name, age in sorted(late.items()))
        advice = "check that process, its host and its network; other workers take over its jobs"
        return Check("beats", "warn", f"no recent heartbeat: {found}", advice, command="jobctl ps")
    return Check("beats", "ok", "every process sent a heartbeat recently")


def _scheduler(processes: list[ProcessRow], catalog: Catalog | None) -> Check:
    running = sum(row.kind == "scheduler" for row in processes)
    wanted = {"schedules": len(catalog.schedules), "alerts": len(catalog.alerts)} if catalog else {}
    if any(wanted.values()) and not running:
        advice, command = "run `jobctl scheduler`", "jobctl scheduler"
        what = " and ".join(f"{count} {words}" for words, count in wanted.items() if count)
        return Check("scheduler", "fail", f"{what}, and no scheduler", advice, command=command)
    return Check("scheduler", "ok", f"{running} running" if running else "none needed")


def _stock(store: Store, queues: list[str]) -> Check:
    seen, held = store.server.stock_processes(queues)
    if held:
        found = f"a stock Dramatiq worker holds messages of {listed(held)}"
        return Check("stock workers", "fail", found, "stop it, or give it the broker jobctl.broker.JobctlBroker")
    if seen:
        found = f"{seen} stock Dramatiq processes were seen in the last minute"
        return Check(
            "stock workers", "warn", found, "stock producers are fine; stock workers must not serve these queues"
        )
    return Check("stock workers", "ok", "none")


def _inboxes(store: Store, queues: list[str]) -> Check:
    left = store.server.inboxes(queues)
    if left:
        found = f"not taken in yet: {listed(f'{count} in {queue}' for queue, count in sorted(left.items()))}"
        return Check("stock inboxes", "warn", found, f"a worker takes them in within seconds: {RUN_WORKER}")
    return Check("stock inboxes", "ok", "empty")

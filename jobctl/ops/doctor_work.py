"""Checks of who works on a namespace: rows of (check, status, found, advice)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from jobctl.catalog.kinds.actor import ActorSpec
from jobctl.ops import pauses
from jobctl.store.nouns.processes import LEASE_MS

if TYPE_CHECKING:
    from jobctl.catalog.model import Catalog
    from jobctl.store import Store
    from jobctl.store.data.records import QueueRow

Row = tuple[str, str, str, str]
LATE_MS = LEASE_MS // 2
SHOWN = 5


def checks(store: Store, catalog: Catalog | None) -> Iterator[Row]:
    """Look at workers, schedulers, beats, stock clients, and jobs that nobody will run."""
    queues = store.queues.names()
    depths = store.queues.depth(queues)
    yield _workers(store, depths)
    yield _beats(store)
    yield _scheduler(store, catalog)
    yield _pauses(store)
    if catalog is not None:
        yield _types(store, queues, catalog)
    yield _stock(store, queues)
    yield _leftovers(store, queues)


def _workers(store: Store, depths: list[QueueRow]) -> Row:
    serving = store.processes.serving()
    waits = [(row, row.waiting + (row.limited or 0)) for row in depths if not row.paused and not serving.get(row.queue)]
    if stuck := [f"{row.queue} ({count} waiting)" for row, count in waits if count]:
        found = f"nobody serves {listed(stuck)}"
        return "workers", "fail", found, "run `jobctl worker`"
    if not serving:
        return "workers", "warn", "no worker runs", "run `jobctl worker`"
    return "workers", "ok", f"{len(serving)} queues are served", ""


def _beats(store: Store) -> Row:
    late = {name: age for name, age in store.processes.beats().items() if age >= LATE_MS}
    if late:
        found = listed(f"{name}, {age / 1000:.0f} s ago" for name, age in sorted(late.items()))
        return "beats", "warn", f"late: {found}", "is that process, its host or its network stuck? others take its jobs"
    return "beats", "ok", "every process gave a sign of life lately", ""


def _scheduler(store: Store, catalog: Catalog | None) -> Row:
    running = sum(row.kind == "scheduler" for row in store.processes.ls())
    wanted = len(catalog.schedules) if catalog else 0
    if wanted and not running:
        return "scheduler", "fail", f"{wanted} schedules and no scheduler", "run `jobctl scheduler`"
    return "scheduler", "ok", f"{running} running" if running else "none needed", ""


def _pauses(store: Store) -> Row:
    rows = pauses.ls(store)
    if rows:
        advice = f"if that is over: `{pauses.resume_command(rows[0])}`"
        return "pauses", "warn", listed(map(pauses.sentence, rows)), advice
    return "pauses", "ok", "nothing is paused", ""


def _types(store: Store, queues: list[str], catalog: Catalog) -> Row:
    known = set(catalog.jobs)
    for job in catalog.jobs.values():
        if isinstance(job.handler, ActorSpec):
            known.add(job.handler.target.rpartition(":")[2])
    unknown = sorted({name for queue in queues for name in store.server.waiting_types(queue)} - known)
    if unknown:
        found = f"jobs wait whose type the catalog does not know: {listed(unknown)}"
        return "job types", "warn", found, "add them to the catalog, or cancel the jobs"
    return "job types", "ok", "the catalog knows every job type that waits", ""


def _stock(store: Store, queues: list[str]) -> Row:
    seen, held = store.server.stock_processes(queues)
    if held:
        found = f"a stock Dramatiq worker holds messages of {listed(held)}"
        return (
            "stock workers",
            "fail",
            found,
            "stop it, or let its broker be jobctl.broker.JobctlBroker",
        )
    if seen:
        found = f"{seen} stock Dramatiq processes were seen in the last minute"
        return "stock workers", "warn", found, "producers are welcome; workers must not serve these queues"
    return "stock workers", "ok", "none", ""


def _leftovers(store: Store, queues: list[str]) -> Row:
    left = store.server.inboxes(queues)
    if left:
        found = f"not taken in yet: {listed(f'{count} in {queue}' for queue, count in sorted(left.items()))}"
        return "stock inboxes", "warn", found, "a worker takes them in within seconds: run `jobctl worker`"
    return "stock inboxes", "ok", "empty", ""


def listed(items: Iterable[str]) -> str:
    """The first of some names, and how many more there are."""
    every = list(items)
    more = f" and {len(every) - SHOWN} more" if len(every) > SHOWN else ""
    return ", ".join(every[:SHOWN]) + more

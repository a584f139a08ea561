"""Checks of jobs that nobody will run, or that want attention: pauses, backlogs, dead letters, ghosts."""

from __future__ import annotations

from collections.abc import Container, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from jobctl import clock, flow
from jobctl.ops import indexes, pauses
from jobctl.ops.doctor.check import Check, listed
from jobctl.ops.limits import name_of
from jobctl.store.nouns import trimming

if TYPE_CHECKING:
    from jobctl.catalog.model import Catalog
    from jobctl.store import Store

MANY_DEAD = 100
"""Dead letters are part of a normal day; so many want someone's attention."""
LATELY = timedelta(days=1)
"""Dead letters that were dropped within this are reported."""


def checks(store: Store, catalog: Catalog | None) -> Iterator[Check]:
    """Look at what waits, and at what has died."""
    queues = store.queues.names()
    yield _pauses(store)
    if catalog is not None:
        yield _types(store, queues, catalog)
        yield _backlogs(store, queues, catalog)
    yield _dead(store, queues)
    yield _dropped(store, queues, catalog)
    yield _ghosts(store, queues)
    if catalog is not None and any(job.index or job.index_hidden for job in catalog.jobs.values()):
        yield _indexes(store, catalog)


def _pauses(store: Store) -> Check:
    rows = pauses.ls(store)
    if rows:
        command = pauses.resume_command(rows[0])
        since = _paused_since(store, [pauses.target_of(row) for row in rows])
        return Check("pauses", "warn", listed(map(pauses.sentence, rows)), f"to end it: `{command}`", since, command)
    return Check("pauses", "ok", "no queue and no job type is paused")


def _paused_since(store: Store, targets: Container[str]) -> datetime | None:
    """When the oldest of these pauses that the audit log still has was made."""
    found = [entry for entry in store.audit.recent(500) if entry.action == "queue pause" and entry.target in targets]
    latest = {entry.target: entry.at for entry in reversed(found)}
    return min(latest.values(), default=None)


def _types(store: Store, queues: list[str], catalog: Catalog) -> Check:
    waiting = {name for queue in queues for name in store.server.waiting_types(queue)}
    unknown = sorted(name for name in waiting if catalog.type_of(name) is None)
    if unknown:
        found = f"jobs are waiting whose type is not in the catalog: {listed(unknown)}"
        command = f"jobctl job ls job:{unknown[0]}"
        return Check("job types", "warn", found, "add the types to the catalog, or cancel the jobs", command=command)
    return Check("job types", "ok", "the type of every waiting job is in the catalog")


def _backlogs(store: Store, queues: list[str], catalog: Catalog) -> Check:
    """Jobs that are held by a limit that the catalog does not have."""
    stuck, oldest = [], None
    own = {job.queue for job in catalog.jobs.values()} | set(catalog.queues)
    for queue in (name for name in queues if name in own):
        known = flow.specs(catalog, queue)
        for limit, count in store.limits.parked(queue).items():
            if count and not limit.startswith("p:") and limit not in known:
                stuck.append(f"{count} of {name_of(queue, limit)} by a limit")
                since = store.limits.held_since(queue)
                oldest = min(filter(None, (oldest, since)), default=None)
    if stuck:
        found = f"jobs are held by limits that no longer exist: {listed(stuck)}"
        advice = "run a worker whose catalog has their types: it frees them"
        return Check("held jobs", "warn", found, advice, oldest, "jobctl limit ls")
    return Check("held jobs", "ok", "every limit that holds jobs is in the catalog")


def _dead(store: Store, queues: list[str]) -> Check:
    counts = {queue: count for queue in queues if (count := store.dead.count(queue))}
    total = sum(counts.values())
    if not total:
        return Check("dead letters", "ok", "none")
    if total < MANY_DEAD:
        return Check("dead letters", "ok", f"{total}")
    most = sorted(counts, key=lambda queue: -counts[queue])
    found = f"{total:,}: {listed(f'{counts[queue]:,} in {queue}' for queue in most)}"
    command = "jobctl dead groups"
    return Check("dead letters", "warn", found, f"see why with `{command}`", store.dead.oldest(most), command)


def _dropped(store: Store, queues: list[str], catalog: Catalog | None) -> Check:
    """Dead letters that `keep` dropped recently, or will soon drop."""
    since = clock.to_datetime(store.processes.now_ms()) - LATELY
    lately = {queue: found for queue, found in trimming.dropped(store, queues).items() if found.last >= since}
    parts = [f"{found.count:,} of {queue} since {found.first:%Y-%m-%d}" for queue, found in lately.items()]
    said = [f"`keep` has dropped dead letters: {listed(parts)}"] if parts else []
    keeps = {name: queue.keep for name, queue in catalog.queues.items()} if catalog else {}
    soon = [queue for queue in queues if queue in keeps and trimming.is_close(store, queue, keeps[queue])]
    said += [f"`keep` will soon drop dead letters of {listed(soon)}"] if soon else []
    if said:
        advice = "retry or discard them in time (`jobctl dead groups`), or raise `keep.dead` and `keep.dead_count`"
        return Check("dropped letters", "warn", "; ".join(said), advice, command="jobctl dead groups")
    return Check("dropped letters", "ok", "`keep` dropped none within a day")


def _ghosts(store: Store, queues: list[str]) -> Check:
    """Entries whose body is gone: someone else's dashboard deleted the job, and left its id where it waited."""
    ghosts = {queue: count for queue, count in store.ghosts.counts(queues).items() if count}
    if ghosts:
        found = f"ids without a job: {listed(f'{count} in {queue}' for queue, count in sorted(ghosts.items()))}"
        advice = "another program deleted their bodies; a running worker removes such ids within minutes"
        return Check("ghosts", "warn", found, advice)
    return Check("ghosts", "ok", "every id has a job")


def _indexes(store: Store, catalog: Catalog) -> Check:
    """Indexes of payload values that do not serve, or miss jobs: a key was lost, or a producer does not know them."""
    rows = [row for row in indexes.ls(store, catalog) if row.type in catalog.jobs]
    for row in rows:
        if row.state == "stale" and not row.hidden and row.key in catalog.jobs[row.type].index_hidden:
            command = f"jobctl index drop {row.type} --key {row.key}"
            found = f"the index of {row.type} on {row.key} is from before its values were redacted: they can be guessed"
            return Check("indexes", "warn", found, f"`{command}`, then build it again", command=command)
    locked = [f"{row.type} on {row.key}" for row in rows if row.state == "no key"]
    if locked:
        found = f"indexes of redacted values are not used: {listed(locked)}: {indexes.NEEDS_KEY}"
        return Check("indexes", "warn", found, indexes.GIVE_KEY)
    bad = [row for row in rows if row.state != "stale" and (row.state != "complete" or indexes.holes(store, row))]
    if bad:
        parts = (f"{row.type} on {row.key} ({'misses jobs' if row.state == 'complete' else row.state})" for row in bad)
        command = f"jobctl index build {bad[0].type}"
        advice = f"`{command}`; until then, filters read all jobs"
        return Check("indexes", "warn", f"indexes are not complete: {listed(parts)}", advice, command=command)
    return Check("indexes", "ok", "every index has every job of its type")

"""A page of a list of jobs: those of one state, the newest first, from where the page before ended."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from jobctl.errors import UsageError
from jobctl.ops.filters.filter import Filter
from jobctl.ops.filters.subjects import select
from jobctl.ops.jobs import queues
from jobctl.store.data.records import Job
from jobctl.store.nouns import pages
from jobctl.store.nouns.pages import Entry
from jobctl.store.nouns.shown import to_job

if TYPE_CHECKING:
    from jobctl.catalog.model import Catalog
    from jobctl.store import Store
    from jobctl.store.data.found import Found

SIZE = 50
MOST_LOOKED = 200
"""Jobs that are read for one page: where few match, a page has fewer, and goes on from there."""


class JobPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page. `after` is where the next one begins, None at the end; `looked` is how many jobs were read for it.
    `unreached`: there are jobs that no page shows, since their list is too long."""

    jobs: tuple[Job, ...]
    after: str | None
    looked: int
    unreached: bool


def page(store: Store, catalog: Catalog | None, wanted: Filter, state: str, after: str | None = None) -> JobPage:
    """The jobs in a state that match, up to SIZE. Raises UsageError for a place that cannot be read."""
    below, looked = _read(after), 0
    names = list(store.queues.holding(_queues(store, catalog, wanted), state))
    jobs: list[Job] = []
    while True:
        asked = SIZE if not looked else MOST_LOOKED - SIZE
        entries, unreached = pages.newest(store, names, state, below, asked)
        looked += len(entries)
        for entry, job in _matching(store, wanted, entries, state):
            jobs.append(job)
            if len(jobs) == SIZE:
                more = entry != entries[-1] or len(entries) == asked
                return _page(jobs, entry if more else None, looked, unreached)
        if len(entries) < asked:
            return _page(jobs, None, looked, unreached)
        below = entries[-1]
        if looked >= MOST_LOOKED:
            return _page(jobs, below, looked, unreached)


def _queues(store: Store, catalog: Catalog | None, wanted: Filter) -> list[str]:
    """The queues to look in: those of the job types that are asked for, if the catalog has them."""
    names = queues(store, wanted)
    if catalog is None or not wanted.types or not all(name in catalog.jobs for name in wanted.types):
        return names
    own = {catalog.jobs[name].queue for name in wanted.types}
    return [name for name in names if name in own]


def _page(jobs: Sequence[Job], last: Entry | None, looked: int, unreached: bool) -> JobPage:
    after = None if last is None else f"{last.at!r} {last.queue} {last.id}"
    return JobPage(jobs=tuple(jobs), after=after, looked=looked, unreached=unreached)


def _matching(store: Store, wanted: Filter, entries: Sequence[Entry], state: str) -> list[tuple[Entry, Job]]:
    """Those that are still in the state and match, in their order."""
    by_queue: dict[str, list[str]] = {}
    for entry in entries:
        by_queue.setdefault(entry.queue, []).append(entry.id)
    hits: dict[tuple[str, str], Found] = {}
    for queue, found in store.jobs.locate_each(by_queue).items():
        there = [job for job in found if state in (job.state, job.seen_as)]
        hits |= {(queue, job.id): job for job, _ in select(store, wanted, there)}
    return [(entry, to_job(hits[entry.queue, entry.id])) for entry in entries if (entry.queue, entry.id) in hits]


def _read(after: str | None) -> Entry | None:
    if not after:
        return None
    at, _, rest = after.partition(" ")
    queue, _, job_id = rest.partition(" ")
    try:
        score = float(at)
    except ValueError as error:
        raise UsageError("there is no such page") from error
    if not math.isfinite(score):
        raise UsageError("there is no such page")
    return Entry(score, queue, job_id)

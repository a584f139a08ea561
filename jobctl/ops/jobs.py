"""Looking at jobs: one by its id, many by a filter, and what they wrote."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from msgspec.structs import replace

from jobctl import clock
from jobctl.errors import JobctlError, NothingMatched
from jobctl.ops.filters import Filter
from jobctl.ops.held import shown
from jobctl.scrubbing import Scrubber
from jobctl.store import Store
from jobctl.store.data.found import Found
from jobctl.store.data.hidden import scrubber_of
from jobctl.store.data.ids import minted_at
from jobctl.store.data.records import Job
from jobctl.store.data.states import STATES, TERMINAL
from jobctl.store.nouns.jobs import to_job
from jobctl.store.nouns.logs import LogLine

SCAN_BUDGET = 20_000
"""How many jobs a listing looks at before it stops and says so."""
LOOK_MS = 1_000
"""How often a job that is followed is looked at."""


def locate(store: Store, job_id: str, queues: Iterable[str] | None = None) -> Found:
    """A job as it lies in Redis, in any state. Raises NothingMatched."""
    found = store.jobs.find(job_id, queues)
    if found is None:
        raise missing(job_id)
    return found


def find(store: Store, job_id: str, queues: Iterable[str] | None = None) -> Job:
    """A job in any state, by its id alone. Raises NothingMatched."""
    return to_job(locate(store, job_id, queues))


def locate_all(store: Store, ids: Sequence[str]) -> tuple[list[Found], list[JobctlError]]:
    """The jobs of those ids, each once and in that order, and an error for each id that means none."""
    names = store.queues.names()
    found: dict[str, Found] = {}
    errors: list[JobctlError] = []
    for job_id in dict.fromkeys(ids):
        job = store.jobs.find(job_id, names)
        if job is None:
            errors.append(missing(job_id))
        else:
            found[job.id] = job
    return list(found.values()), errors


def missing(job_id: str) -> NothingMatched:
    """The error for an id that means no job, or none any more."""
    minted = minted_at(job_id)
    if minted is None or minted > clock.now_ms():
        return NothingMatched(f"no job {job_id[:120]}", "look for it with `jobctl job ls`")
    hours = (clock.now_ms() - minted) / 3_600_000
    age = f"{hours / 24:.0f} days" if hours >= 48 else f"{hours:.0f} hours" if hours >= 2 else "a short while"
    return NothingMatched(f"no job {job_id}", f"its id is from {age} ago: finished jobs are kept as `keep` says")


@dataclass(frozen=True, slots=True)
class Listing:
    """Jobs, newest first. `exhausted` False means that the scan ended before everything was looked at."""

    jobs: tuple[Job, ...]
    exhausted: bool


def list_jobs(
    store: Store, wanted: Filter, limit: int, *, budget: int = SCAN_BUDGET, unredacted: bool = False
) -> Listing:
    """The newest jobs that match. Looks at `budget` jobs at most, shared by the queues and states asked for.

    Where every line gives its newest first, the first `limit` of each are enough for the newest of all. `unredacted`
    leaves payloads as they are, for the filter too.
    """
    read = partial(to_job, unredacted=unredacted)
    if wanted.ids:
        found = [f for job_id in wanted.ids if (f := store.jobs.find(job_id)) is not None]
        jobs = [job for job in map(read, found) if wanted.matches(job)]
        return Listing(tuple(heapq.nlargest(limit, jobs, key=_age)), True)
    places = [(queue, state) for queue in queues(store, wanted) for state in wanted.state or STATES]
    share = max(budget // max(len(places), 1), 500)
    hits: dict[str, Job] = {}  # a job that moves on while this looks is found twice
    exhausted = True
    for queue, state in places:
        some, all_seen = _scan(store, (queue, state), wanted, limit, share, read)
        hits.update((job.id, job) for job in some)
        exhausted = exhausted and all_seen
    return Listing(tuple(heapq.nlargest(limit, hits.values(), key=_age)), exhausted)


def queues(store: Store, wanted: Filter) -> list[str]:
    """The known queues that a filter leaves."""
    only = Filter(queue=wanted.queue)
    return [name for name in store.queues.names() if only.matches({"queue": name})]


def select(store: Store, wanted: Filter, states: Sequence[str]) -> Iterator[Found]:
    """Every job that matches, in one of `states` unless the filter names its own; no order is promised."""
    seen: set[str] = set()
    for queue in queues(store, wanted):
        for state in states:
            if wanted.state and state not in wanted.state:
                continue
            for batch in store.jobs.scan(queue, state):
                for found in batch:
                    if found.id not in seen and wanted.matches(to_job(found)):
                        seen.add(found.id)
                        yield found


def _scan(
    store: Store, place: tuple[str, str], wanted: Filter, limit: int, budget: int, read: Callable[[Found], Job]
) -> tuple[list[Job], bool]:
    """At most `limit` hits of one line, and whether more looking could not have changed the answer."""
    hits: list[Job] = []
    looked = 0
    for batch in store.jobs.scan(*place, batch=max(50, min(limit, 500))):
        hits += [job for job in map(read, batch) if wanted.matches(job)]
        looked += max(len(batch), 1)
        if len(hits) >= limit:
            return hits, True
        if looked >= budget:
            return hits, False
    return hits, True


def _age(job: Job) -> tuple[int, str]:
    moment = job.enqueued_at
    return (clock.to_ms(moment) if moment else 0, job.id)


def logs(store: Store, job_id: str) -> list[LogLine]:
    """What a job's attempts wrote, oldest first. Raises NothingMatched."""
    found = locate(store, job_id)
    return _shown(store.logs.read(found.queue, found.id), scrubber_of(found))


def _shown(lines: Iterable[LogLine], secrets: Scrubber | None) -> list[LogLine]:
    """Lines without what is redacted: they were scrubbed when they were written, by the patterns of that time."""
    return [*lines] if secrets is None else [replace(line, text=secrets(line.text)) for line in lines]


def follow_logs(store: Store, job_id: str) -> Iterator[LogLine]:
    """What a job's attempts wrote and go on writing, until the job has ended. Raises NothingMatched."""
    found: Found | None = locate(store, job_id)
    assert found is not None
    queue, job_id = found.queue, found.id
    secrets = scrubber_of(found)
    position = "-"
    while True:
        over = found is None or found.state in TERMINAL  # looked at before the lines: a job's last come before its end
        lines, position = store.logs.after(queue, job_id, position)
        yield from _shown(lines, secrets)
        if over:
            return
        if not lines:
            store.logs.wait(queue, job_id, position, LOOK_MS)
        found = store.jobs.find(job_id, [queue])


def watch(store: Store, job_id: str, *, unredacted: bool = False) -> Iterator[Job]:
    """A job, again and again, once a second and when it has ended; the last one has. Raises NothingMatched."""
    found = locate(store, job_id)
    while True:
        yield shown(store, found, unredacted=unredacted)
        if found.state in TERMINAL:
            return
        for _ in store.events.wait([found.ref], lambda _: set(), LOOK_MS / 1000):
            break
        found = locate(store, found.id, [found.queue])

"""Looking at jobs: one by its id, many by a filter, and what they wrote."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from msgspec import structs

from jobctl import clock
from jobctl.errors import JobctlError, NothingMatched
from jobctl.ops.counting import Counted, by_look, count_jobs
from jobctl.ops.filters.filter import Filter
from jobctl.ops.filters.subjects import select
from jobctl.ops.held import shown
from jobctl.ops.sources import Looked, Source, by_value, located, may_hold, sources
from jobctl.ops.sources import count as count_in
from jobctl.scrubbing import Scrubber
from jobctl.store import Store
from jobctl.store.data.found import Found
from jobctl.store.data.hidden import scrubber_of
from jobctl.store.data.ids import JobRef, minted_at
from jobctl.store.data.records import Job
from jobctl.store.data.states import TERMINAL, WAY
from jobctl.store.nouns import few
from jobctl.store.nouns.logs import LogLine
from jobctl.store.nouns.shown import to_job

LOOK_MS = 1_000
"""How often a job that is followed is looked at."""


def locate(store: Store, job_id: str, queue: str | None = None) -> Found:
    """A job as it is in Redis, in any state; of `queue` if that is given. Raises NothingMatched, or Ambiguous if
    several queues have such a job."""
    found = store.jobs.find(job_id, None if queue is None else [queue])
    if found is None:
        raise missing(job_id, queue)
    return found


def find(store: Store, job_id: str, queue: str | None = None) -> Job:
    """A job in any state. Raises as `locate` does."""
    return to_job(store.jobs.detailed(locate(store, job_id, queue)))


def locate_all(store: Store, ids: Sequence[str], queue: str | None = None) -> tuple[list[Found], list[JobctlError]]:
    """The jobs of those ids, each once and in that order, and an error for each id that means none.

    Raises Ambiguous for an id that several queues have, unless `queue` says which is meant.
    """
    names = store.queues.names() if queue is None else [queue]
    found: dict[JobRef, Found] = {}
    errors: list[JobctlError] = []
    for job_id in dict.fromkeys(ids):
        job = store.jobs.find(job_id, names)
        if job is None:
            errors.append(missing(job_id, queue))
        else:
            found[job.ref] = job
    return list(found.values()), errors


def missing(job_id: str, queue: str | None = None) -> NothingMatched:
    """The error for an id that no job (of that queue) has, or no longer has."""
    if queue is not None:
        return NothingMatched(f"no job {job_id[:120]} in queue {queue}", "leave out --queue to search all queues")
    minted = minted_at(job_id)
    if minted is None or minted > clock.now_ms():
        return NothingMatched(f"no job {job_id[:120]}", "look for it with `jobctl job ls`")
    hours = (clock.now_ms() - minted) / 3_600_000
    age = f"{hours / 24:.0f} days" if hours >= 48 else f"{hours:.0f} hours" if hours >= 2 else "a short while"
    return NothingMatched(f"no job {job_id}", f"its id is {age} old: it may have been deleted after `keep`")


def list_jobs(
    store: Store, wanted: Filter, limit: int | None, *, looked: Looked | None = None, unredacted: bool = False
) -> Iterable[Job]:
    """The `limit` newest jobs that match, newest first; without a limit all of them, as `each` finds them.

    Where every line gives its newest first, the first `limit` of each are enough for the newest of all. `unredacted`
    leaves payloads as they are, for the filter too.
    """
    looked = looked or Looked()
    if limit is None:
        return each(store, wanted, looked=looked, unredacted=unredacted)
    found = each_found(store, wanted, limit=limit, looked=looked, unredacted=unredacted, results=False)
    newest = heapq.nlargest(limit, found, key=lambda job: (job.enqueued_ms or 0, job.id))
    return [to_job(job, unredacted=unredacted) for job in _with_results(store, newest)]


def _with_results(store: Store, found: Sequence[Found]) -> list[Found]:
    """The same jobs, of any queues, with their results."""
    by_queue: dict[str, list[Found]] = {}
    for job in found:
        by_queue.setdefault(job.queue, []).append(job)
    whole = {job.ref: job for queue, jobs in by_queue.items() for job in store.jobs.results(queue, jobs)}
    return [whole[job.ref] for job in found]


def each(
    store: Store,
    wanted: Filter,
    *,
    limit: int | None = None,
    looked: Looked | None = None,
    unredacted: bool = False,
) -> Iterator[Job]:
    """Every job that matches, once, with its result: line by line, in each the newest first and `limit` at most.
    Complete: all that match from the beginning to the end, whatever moves meanwhile."""
    looked = looked or Looked()
    for found in each_found(store, wanted, limit=limit, looked=looked, unredacted=unredacted):
        yield to_job(found, unredacted=unredacted)


def each_found(
    store: Store,
    wanted: Filter,
    *,
    limit: int | None = None,
    looked: Looked,
    unredacted: bool = False,
    results: bool = True,
) -> Iterator[Found]:
    """The same jobs, as they are in Redis; their results are read for `results`."""
    if wanted.ids is not None:
        for job_id in wanted.ids:
            for job in store.jobs.find_all(job_id):
                hits = [hit for hit, _ in select(store, wanted, [job], asked=job_id, unredacted=unredacted)]
                yield from store.jobs.results(job.queue, hits) if results else hits
        return
    if (by_key := by_value(store, queues(store, wanted), wanted, unredacted=unredacted)) is not None:
        for queue, ids in by_key.items():
            looked.place = f"indexed jobs of queue {queue}"
            yield from _of_source(store, located(store, queue, ids), wanted, looked, set(), unredacted, results)
        return
    states = [state for state in WAY if may_hold(wanted, state)]
    holding = store.queues.holding(queues(store, wanted))
    while some := list(islice(holding, few.QUEUES)):
        small = few.read(store, some, states)
        for queue in some:
            seen: set[str] = set()  # a job that moves on while this looks is found twice
            read = small.get(queue)
            for turn, state in enumerate(states):
                looked.place = f"{state} jobs of queue {queue}"
                counted = wanted.uncounted() if state in states[:turn] else wanted
                for source in _sources(store, queue, state, counted, None if read is None else read[turn]):
                    found = _of_source(store, source, counted, looked, seen, unredacted, results)
                    yield from islice(found, limit if read is None else None)


def _sources(store: Store, queue: str, state: str, wanted: Filter, read: list[Found] | None) -> list[Source]:
    """The jobs that a queue keeps in a state, as far as they may match; `read` if they were read already."""
    if read is not None:
        return [iter([read])] if read else []
    return sources(store, queue, state, wanted) if may_hold(wanted, state, queue=queue) else []


def _of_source(
    store: Store, source: Source, wanted: Filter, looked: Looked, seen: set[str], unredacted: bool, results: bool
) -> Iterator[Found]:
    for batch in source:
        looked.jobs += len(batch)
        fresh = [found for found in batch if found.id not in seen]
        hits = [found for found, _ in select(store, wanted, fresh, unredacted=unredacted)]
        if hits and results:
            hits = store.jobs.results(batch[0].queue, hits)
        for found in hits:
            if found.id not in seen:
                seen.add(found.id)
                yield found


def count(store: Store, wanted: Filter, by: str, *, looked: Looked, unredacted: bool = False) -> Counted:
    """The jobs that match, counted by what they have."""
    counted = Counted(by)
    if by_look(wanted, by) and by_value(store, queues(store, wanted), wanted, unredacted=unredacted) is None:
        for queue in store.queues.holding(queues(store, wanted)):
            states = [state for state in WAY if may_hold(wanted, state, queue=queue)]
            count_in(store, queue, states, wanted, counted, looked, unredacted=unredacted)
        return counted
    count_jobs(store, each_found(store, wanted, looked=looked, unredacted=unredacted, results=False), counted)
    return counted


def queues(store: Store, wanted: Filter) -> list[str]:
    """The known queues that a filter leaves."""
    return [name for name in store.queues.names() if wanted.possible(queue=name)]


def logs(store: Store, job_id: str, queue: str | None = None) -> list[LogLine]:
    """What a job's attempts wrote, oldest first. Raises as `locate` does."""
    found = locate(store, job_id, queue)
    return _shown(store.logs.read(found.queue, found.id), scrubber_of(found))


def _shown(lines: Iterable[LogLine], secrets: Scrubber | None) -> list[LogLine]:
    """Lines without what is redacted: they were scrubbed when they were written, by the patterns of that time."""
    return [*lines] if secrets is None else [structs.replace(line, text=secrets(line.text)) for line in lines]


def follow_logs(store: Store, job_id: str, queue: str | None = None) -> Iterator[LogLine]:
    """What a job's attempts wrote and go on to write, until the job has ended. Raises as `locate` does."""
    found: Found | None = locate(store, job_id, queue)
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


def watch(store: Store, job_id: str, queue: str | None = None, *, unredacted: bool = False) -> Iterator[Job]:
    """A job, again and again, once a second and when it has ended; the last one has. Raises as `locate` does."""
    found = locate(store, job_id, queue)
    while True:
        yield shown(store, found, unredacted=unredacted)
        if found.state in TERMINAL:
            return
        for _ in store.events.wait([found.ref], lambda _: set(), LOOK_MS / 1000):
            break
        found = locate(store, found.id, found.queue)

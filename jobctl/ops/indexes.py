"""Indexes of payload values: listed, built, dropped, and examined."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

import msgspec

from jobctl.errors import NothingMatched, OperationFailed, UsageError
from jobctl.ops.filters.filter import Filter
from jobctl.ops.filters.subjects import batches
from jobctl.ops.filters.tree import Term
from jobctl.ops.jobs import Looked, each_found
from jobctl.ops.known import known_queues
from jobctl.store.data.indexed import Untaken, entries, name_of
from jobctl.store.data.states import STATES
from jobctl.store.nouns import intake
from jobctl.store.nouns.shown import to_job
from jobctl.store.nouns.untaken import untaken

if TYPE_CHECKING:
    from jobctl.catalog.model import Catalog
    from jobctl.store import Store
    from jobctl.store.data.found import Found
    from jobctl.store.nouns.indexes import Index

SAMPLE = 50
"""Jobs of each state that are compared with an index."""


class IndexRow(msgspec.Struct, frozen=True, kw_only=True):
    """An index of a job type. `entries` counts jobs.

    `state`: complete (it serves filters), building (`index build` is under way or was broken off), incomplete (there
    may be jobs that it does not have), none (nothing was indexed yet) or stale (the catalog does not have it).
    """

    queue: str
    type: str
    key: str
    state: str
    entries: int


def ls(store: Store, catalog: Catalog | None) -> list[IndexRow]:
    """The indexes of the catalog and those that are in Redis."""
    there = {(row.queue, row.name): row for queue in known_queues(store, catalog) for row in store.indexes.ls(queue)}
    wanted = {(queue, name_of(job_type, key)) for queue, job_type, key in declared(catalog)}
    known = () if catalog is None else catalog.jobs
    rows = [_row(row, is_stale=row.type in known and at not in wanted) for at, row in there.items()]
    missing = wanted - there.keys()
    empty = store.queues.unused({queue for queue, _ in missing})
    rows += [_missing(queue, name, complete=queue in empty) for queue, name in missing]
    return sorted(rows, key=lambda row: (row.queue, row.type, row.key))


def declared(catalog: Catalog | None) -> Iterator[tuple[str, str, str]]:
    """(queue, type, key) of each index that the catalog has."""
    for job in () if catalog is None else catalog.jobs.values():
        yield from ((job.queue, job.name, key) for key in job.index)


def _row(index: Index, *, is_stale: bool) -> IndexRow:
    state = "complete" if index.complete else "building" if index.building else "incomplete"
    state = "stale" if is_stale else state
    return IndexRow(queue=index.queue, type=index.type, key=index.key, state=state, entries=index.entries)


def _missing(queue: str, name: str, *, complete: bool) -> IndexRow:
    """An index that is not there. In a queue without jobs it begins with the first one, and has them all."""
    job_type, _, key = name.partition("|")
    return IndexRow(queue=queue, type=job_type, key=key, state="complete" if complete else "none", entries=0)


def build(store: Store, catalog: Catalog, job_type: str) -> Iterator[int]:
    """Index the jobs of a type that are there already; yields how many so far. Afterwards its indexes serve.

    Safe to break off and to run again. Raises UsageError for a type without `index`, NothingMatched for an unknown one,
    OperationFailed if Redis had no memory for an entry meanwhile, or lost the index.
    """
    job = catalog.jobs.get(job_type)
    if job is None:
        raise NothingMatched(f"no job type {job_type[:100]}", "`jobctl index ls` lists those with an index")
    if not job.index:
        raise UsageError(f"job type `{job_type}` has no `index` in the catalog")
    names = [name_of(job_type, key) for key in job.index]
    for name in names:
        store.indexes.begin(job.queue, name)
    wanted = Filter(Term("job", ":", job_type)).also(Term("queue", ":", job.queue))
    done = 0
    for batch in batches(each_found(store, wanted, looked=Looked(), results=False)):
        store.indexes.add(job.queue, _rows(batch, job_type, job.index))
        done += len(batch)
        yield done
    for _ in intake.take_in(store, job.queue):
        pass
    ended = [store.indexes.end(job.queue, name) for name in names]
    if not all(ended):
        raise OperationFailed(
            f"the indexes of `{job_type}` lost entries meanwhile: Redis is out of memory, or somebody deleted them",
            "see `jobctl doctor`, and build again",
        )


def _rows(batch: Sequence[Found], job_type: str, keys: Sequence[str]) -> list[Untaken]:
    """What is to be added: payloads as they are, since nothing that is hidden is indexed."""
    return [
        Untaken(found.id, job_type, entries(job_type, keys, to_job(found, unredacted=True).payload)) for found in batch
    ]


def drop(store: Store, catalog: Catalog | None, job_type: str, key: str | None) -> list[IndexRow]:
    """Delete the indexes of a type, or the one on a key. Raises NothingMatched."""
    rows = [
        row for row in ls(store, catalog) if row.type == job_type and key in (None, row.key) and row.state != "none"
    ]
    if not rows:
        raise NothingMatched(
            f"no index of {job_type[:100]}{f' on {key[:100]}' if key else ''}", "see `jobctl index ls`"
        )
    for row in rows:
        store.indexes.drop(row.queue, name_of(row.type, row.key))
        store.audit.add("index drop", f"{row.type} {row.key}", row.entries)
    return rows


def holes(store: Store, row: IndexRow) -> int:
    """How many of a sample of the type's jobs a complete index does not have: its key was lost, and begun anew."""
    name, missing = name_of(row.type, row.key), 0
    later = frozenset(untaken(store, row.queue) or ())
    for state in STATES:
        batch = next(iter(store.jobs.scan(row.queue, state, batch=SAMPLE)), [])
        mine = [found for found in islice(batch, SAMPLE) if to_job(found).type == row.type]
        wanted = [(one.id, digest) for one in _rows(mine, row.type, [row.key]) for _, digest in one.entries if digest]
        wanted = [(job_id, digest) for job_id, digest in wanted if job_id not in later]
        got = store.indexes.scores(row.queue, name, [job_id for job_id, _ in wanted]) if wanted else []
        missing += sum(score != digest for (_, digest), score in zip(wanted, got, strict=True))
    return missing

"""Indexes of payload values: listed, built, dropped, and examined."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING

import msgspec

from jobctl import redaction
from jobctl.errors import NothingMatched, OperationFailed, UsageError
from jobctl.ops.filters.filter import Filter
from jobctl.ops.filters.subjects import batches
from jobctl.ops.filters.tree import Term
from jobctl.ops.jobs import each_found
from jobctl.ops.known import known_queues
from jobctl.ops.sources import Looked
from jobctl.redaction import is_hidden
from jobctl.store.data import codec
from jobctl.store.data.indexed import ABSENT, Place, Untaken, as_text, dig, hidden_name, name_of, secret_id
from jobctl.store.data.states import STATES
from jobctl.store.nouns import intake, pieces
from jobctl.store.nouns.shown import to_job
from jobctl.store.nouns.untaken import Known, of_payload, untaken

if TYPE_CHECKING:
    from jobctl.catalog.model import Catalog
    from jobctl.store import Store
    from jobctl.store.data.found import Found
    from jobctl.store.nouns.indexes import Index

SAMPLE = 50
"""Jobs of each state that are compared with an index."""
PICKED = 200
"""Jobs of an index that are read for completion."""
NO_KEY = "-"
NEEDS_KEY = "it needs a secret key"
GIVE_KEY = "set JOBCTL_INDEX_KEY_FILE, JOBCTL_INDEX_KEY or the profile's index_key_file, the same for all processes"


class IndexRow(msgspec.Struct, frozen=True, kw_only=True):
    """An index of a job type on a payload's key.

    `state`: complete (it serves), building (a build is under way, or was broken off), incomplete (it may not have all
    jobs), none (nothing was indexed yet), stale (the catalog does not have it) or no key (the values are
    `hidden`, and this process does not have the secret key that it is made with).
    """

    queue: str
    type: str
    key: str
    state: str
    entries: int
    hidden: bool = False


def ls(store: Store, catalog: Catalog | None) -> list[IndexRow]:
    """The indexes of the catalog and those that are in Redis."""
    return [row for _, row in _named(store, catalog)]


def _named(store: Store, catalog: Catalog | None) -> list[tuple[str, IndexRow]]:
    """The same, with their names; one that needs a secret key which is not here has none."""
    there = {(row.queue, row.name): row for queue in known_queues(store, catalog) for row in store.indexes.ls(queue)}
    wanted = dict(_declared(catalog, store.index_key))
    known = () if catalog is None else catalog.jobs
    rows = [(row.name, _row(row, is_stale=row.place.type in known and at not in wanted)) for at, row in there.items()]
    missing = {at: place for at, place in wanted.items() if at not in there}
    empty = store.queues.unused({queue for queue, _ in missing})
    rows += [(name, _missing(queue, place, empty=queue in empty)) for (queue, name), place in missing.items()]
    return sorted(rows, key=lambda row: (row[1].queue, row[1].type, row[1].key, row[1].state))


def _declared(catalog: Catalog | None, secret: bytes) -> Iterator[tuple[tuple[str, str], Place]]:
    """(queue, name) of each index that the catalog has, and what it is of."""
    for job in () if catalog is None else catalog.jobs.values():
        yield from (((job.queue, name_of(job.name, key)), Place(job.name, key)) for key in job.index)
        for key in job.index_hidden:
            if secret:
                yield (job.queue, hidden_name(job.name, key, secret)), Place(job.name, key, secret_id(secret))
            else:
                yield (job.queue, f"{job.name}|{key} without a key"), Place(job.name, key, NO_KEY)


def _row(index: Index, *, is_stale: bool) -> IndexRow:
    state = "complete" if index.complete else "building" if index.building else "incomplete"
    state, place = "stale" if is_stale else state, index.place
    return IndexRow(
        queue=index.queue,
        type=place.type,
        key=place.path,
        state=state,
        entries=index.entries,
        hidden=bool(place.secret),
    )


def _missing(queue: str, place: Place, *, empty: bool) -> IndexRow:
    """An index that is not there. In a queue without jobs it begins with the first one, and has them all."""
    state = "no key" if place.secret == NO_KEY else "complete" if empty else "none"
    return IndexRow(queue=queue, type=place.type, key=place.path, state=state, entries=0, hidden=bool(place.secret))


def build(store: Store, catalog: Catalog, job_type: str) -> Iterator[int]:
    """Index the jobs of a type that are there already; yields how many so far. Afterwards its indexes serve.

    Safe to break off and to run again. Raises UsageError for a type without `index`, NothingMatched for an unknown one,
    OperationFailed if Redis had no memory for an entry meanwhile, or lost the index.
    """
    job = catalog.jobs.get(job_type)
    if job is None:
        raise NothingMatched(f"no job type {job_type[:100]}", "`jobctl index ls` lists those with an index")
    if not (job.index or job.index_hidden):
        raise UsageError(f"job type `{job_type}` has no `index` in the catalog")
    if job.index_hidden and not store.index_key:
        raise UsageError(
            f"`{job_type}` has an index on {job.index_hidden[0]}, which is redacted: {NEEDS_KEY}", GIVE_KEY
        )
    names = [name for (_, name), place in _declared(catalog, store.index_key) if place.type == job_type]
    begun = {name: store.indexes.begin(job.queue, name) for name in names}
    wanted = Filter(Term("job", ":", job_type)).also(Term("queue", ":", job.queue))
    known = {job_type: Known([*job.index], [*job.index_hidden], store.index_key)}
    done = 0
    for batch in batches(each_found(store, wanted, looked=Looked(), results=False)):
        store.indexes.add(job.queue, _rows(batch, job_type, known))
        done += len(batch)
        yield done
    for _ in intake.take_in(store, job.queue):
        pass
    ended = [store.indexes.end(job.queue, name, one) for name, one in begun.items()]
    if not all(ended):
        raise OperationFailed(
            f"the indexes of `{job_type}` are not complete: somebody else builds them too, or has deleted them",
            "see `jobctl index ls`, and build again",
        )


def _rows(batch: Sequence[Found], job_type: str, known: Mapping[str, Known]) -> list[Untaken]:
    """What is to be added: payloads as they are."""
    return [of_payload(found.id, job_type, to_job(found, unredacted=True).payload, known) for found in batch]


def drop(store: Store, catalog: Catalog | None, job_type: str, key: str | None) -> list[IndexRow]:
    """Delete the indexes of a type, or the one on a key. Raises NothingMatched."""
    rows = [
        (name, row)
        for name, row in _named(store, catalog)
        if row.type == job_type and key in (None, row.key) and row.state not in ("none", "no key")
    ]
    if not rows:
        raise NothingMatched(
            f"no index of {job_type[:100]}{f' on {key[:100]}' if key else ''}", "see `jobctl index ls`"
        )
    for name, row in rows:
        store.indexes.drop(row.queue, name)
        store.audit.add("index drop", f"{row.type} {row.key}", row.entries)
    return [row for _, row in rows]


def values(store: Store, catalog: Catalog, key: str) -> list[str]:
    """Some of the values that jobs have at an indexed key, for completion. What is hidden is not among them."""
    found: dict[str, None] = {}
    for job in (job for job in catalog.jobs.values() if key in job.index):
        if store.indexes.hides([job.name], key):
            continue
        picked = store.indexes.sample(job.queue, name_of(job.name, key), PICKED)
        for body in pieces.bodies(store, job.queue, picked):
            value = dig(_payload(body), key)
            if value is not ABSENT and not is_hidden(value) and not isinstance(value, list | dict):
                found[as_text(value)] = None
    return sorted(found)


def _payload(body: bytes) -> object:
    try:
        read = codec.decode_body(body)
    except ValueError:
        return None
    return redaction.hide(redaction.combined(read.options), read.payload)


def holes(store: Store, row: IndexRow) -> int:
    """How many of a sample of the type's jobs a complete index does not have: its key was lost, and begun anew."""
    secret, missing = store.index_key, 0
    known = {row.type: Known([] if row.hidden else [row.key], [row.key] if row.hidden else [], secret)}
    later = frozenset(untaken(store, row.queue) or ())
    for state in STATES:
        batch = next(iter(store.jobs.scan(row.queue, state, batch=SAMPLE)), [])
        mine = [found for found in islice(batch, SAMPLE) if found.id not in later and to_job(found).type == row.type]
        wanted = [(one.id, *entry) for one in _rows(mine, row.type, known) for entry in one.entries if entry[1]]
        got = store.indexes.scores(row.queue, wanted[0][1], [job_id for job_id, _, _ in wanted]) if wanted else []
        missing += sum(score != digest for (_, _, digest), score in zip(wanted, got, strict=True))
    return missing

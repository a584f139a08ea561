"""Where jobs that may match a filter are: the smallest indexes that hold them all, and what these leave to be read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobctl.ops.counting import Counted, count_jobs, reader
from jobctl.ops.filters.explain import Explained, asks
from jobctl.ops.filters.filter import Filter
from jobctl.ops.filters.match import Subject
from jobctl.ops.filters.subjects import of_group, select
from jobctl.ops.filters.tree import quoted
from jobctl.ops.glance import counted as looks
from jobctl.ops.glance import may_match

if TYPE_CHECKING:
    from jobctl.store import Store
    from jobctl.store.data.found import Found
    from jobctl.store.data.records import DeadGroup

BATCH = 500
FEW_GROUPS = 50
"""With more groups than these, the queue's own index of dead letters is walked rather than each group's."""


@dataclass(slots=True)
class Looked:
    """How far a listing has come."""

    jobs: int = 0
    place: str = ""

    def pass_by(self, jobs: int) -> None:
        """So many more were looked at."""
        self.jobs += jobs


Source = Iterator[list["Found"]]
"""Jobs in batches, the newest first where Redis keeps that order."""


def sources(store: Store, queue: str, state: str, wanted: Filter) -> list[Source]:
    """The jobs that a queue keeps in a state, as far as they may match."""
    return [_read(store, queue, state, pages, wanted) for pages in id_pages(store, queue, state, wanted)]


def id_pages(store: Store, queue: str, state: str, wanted: Filter) -> list[Iterator[list[str]]]:
    """The ids of these jobs."""
    since, until = wanted.span
    if state == "discarded":
        return [store.dead.trash_ids(queue, since_ms=since, until_ms=until)]
    if state != "dead":
        return [store.jobs.ids(queue, state)]
    names = _groups(store, queue, wanted)
    if names is None:
        return [store.dead.ids(queue, since_ms=since, until_ms=until)]
    return [store.dead.ids(queue, group=name, since_ms=since, until_ms=until) for name in names]


def count(
    store: Store,
    queue: str,
    states: Sequence[str],
    wanted: Filter,
    counted: Counted,
    looked: Looked,
    *,
    unredacted: bool = False,
) -> None:
    """Count the jobs that a queue keeps in some states by looks at them (see `by_look`); each once, also one that moves
    on meanwhile."""
    value, seen = reader(counted.by), set[str]() if len(states) > 1 else None

    def add(subject: Subject) -> None:
        counted.add(value(subject))

    for state in states:
        looked.place = f"{state} jobs of queue {queue}"
        for pages in id_pages(store, queue, state, wanted):
            for ids in looks(store, queue, state, pages, wanted, add, looked.pass_by, seen):
                whole = [job for job in store.jobs.locate(queue, ids) if len(states) > 1 or job.state == state]
                hits = [job for job, _ in select(store, wanted, whole, unredacted=unredacted)]
                count_jobs(store, hits, counted)
                if seen is not None:
                    seen.update(job.id for job in hits)


def _read(store: Store, queue: str, state: str, pages: Iterator[list[str]], wanted: Filter) -> Source:
    """Reads jobs, but for those that a look sorts out."""
    for page in may_match(store, queue, state, pages, wanted):
        found = store.jobs.locate(queue, page)
        yield [job for job in found if job.state == state] if state in ("dead", "discarded") else found


def by_value(
    store: Store, queues: Sequence[str], wanted: Filter, *, unredacted: bool = False
) -> dict[str, list[str]] | None:
    """Ids, by queue, of all jobs in any state that may match, from the smallest index of payload values that serves the
    filter. None if none does: one serves where `job:` names types that it is complete for."""
    return _by_value(store, queues, wanted, unredacted)[1]


def _by_value(
    store: Store, queues: Sequence[str], wanted: Filter, unredacted: bool
) -> tuple[str, dict[str, list[str]] | None]:
    """The same, with the payload's key."""
    if not (wanted.types and wanted.values):
        return "", None
    found = [
        (key, store.indexes.find(queues, wanted.types, key, texts, unredacted=unredacted))
        for key, texts in wanted.values.items()
    ]
    served = [(key, ids) for key, ids in found if ids is not None]
    return min(served, key=lambda one: sum(map(len, one[1].values())), default=("", None))


def located(store: Store, queue: str, ids: Sequence[str]) -> Source:
    """Jobs of a queue by their ids, those that exist."""
    return (store.jobs.locate(queue, ids[at : at + BATCH]) for at in range(0, len(ids), BATCH))


def may_hold(wanted: Filter, state: str, **known: str) -> bool:
    """Whether jobs that match may be kept in a state, of which so much is known besides. What workers have fetched
    ahead waits, but is kept with what runs."""
    shown = ("running", "waiting") if state == "running" else (state,)
    return any(wanted.possible(state=seen_as, **known) for seen_as in shown)


def _groups(store: Store, queue: str, wanted: Filter) -> list[str] | None:
    """The error groups of a queue to look in; None if it is better to walk through all its dead letters."""
    if not wanted.keys & {"group", "job"}:
        return None
    names = [row.group for row in _may_match(store.dead.groups(queue), wanted)]
    return names if len(names) <= FEW_GROUPS else None


def _may_match(rows: Iterable[DeadGroup], wanted: Filter) -> list[DeadGroup]:
    return [row for row in rows if wanted.judge(of_group(row)) is not False]


def explain(
    store: Store,
    wanted: Filter,
    queues: Iterable[str],
    states: Iterable[str],
    *,
    ids: Iterable[str] = (),
    by_index: bool = False,
    unredacted: bool = False,
) -> Explained:
    """How a command finds jobs. `ids` are those that were given; `by_index`: it reads no jobs, the indexes do. How many
    have a value that is hidden is not told: this is no look that is recorded."""
    named, queues = tuple(ids) or wanted.ids, list(queues)
    key, by_key = ("", None) if named else _by_value(store, queues, wanted, unredacted)
    served, reads, told = [], 0, True
    if named:
        served = [f"look-ups by id: {', '.join(map(quoted, named))}"]
    elif by_key is not None:
        reads = sum(map(len, by_key.values()))
        jobs = "1 job is read" if reads == 1 else f"{reads:,} jobs are read"
        told = not store.indexes.hides(wanted.types or (), key)
        served = [f"the index of args.{key} of {', '.join(wanted.types or ())}{f': {jobs}' if told else ''}"]
    else:
        states = tuple(states)
        for queue in queues:
            for state, count in store.queues.counts(queue, states).items():
                if count and may_hold(wanted, state, queue=queue):
                    said, read = _served(store, wanted, queue, state, count, by_index=by_index)
                    served.append(said)
                    reads += read
    return Explained(
        filter=str(wanted),
        asks=asks(wanted),
        served_by=tuple(served) or ("nothing",),
        reads=None if named or not told else reads,
    )


def _served(store: Store, wanted: Filter, queue: str, state: str, count: int, *, by_index: bool) -> tuple[str, int]:
    """What serves one state of a queue, and how many jobs are read for it."""
    if state != "dead":
        if by_index:
            return f"queue {queue} as a whole: {count:,} {state} jobs; none is read", 0
        return f"all {count:,} {state} jobs of queue {queue} are read", count
    since, until = wanted.span
    rows = store.dead.groups(queue, since_ms=since, until_ms=until)
    chosen = _may_match(rows, wanted)
    left = sum(row.count for row in chosen)
    where = f"{len(chosen):,} of {len(rows):,} error groups of queue {queue}"
    if by_index:
        return f"the index of {where}: {left:,} dead letters; none is read", 0
    if _groups(store, queue, wanted) is not None:
        return f"the index of {where}: {left:,} of {count:,} dead letters are read", left
    if (since, until) != (None, None):
        within = sum(row.count for row in rows)
        return f"the index of deaths of queue {queue}: {within:,} of {count:,} dead letters are read", within
    return f"all {count:,} dead letters of queue {queue} are read", count

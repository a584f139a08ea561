"""Where jobs that may match a filter are: the smallest indexes that hold them all, and what these leave to be read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from jobctl.ops.filters.explain import Explained, asks
from jobctl.ops.filters.filter import Filter
from jobctl.ops.filters.subjects import of_group
from jobctl.ops.filters.tree import quoted

if TYPE_CHECKING:
    from jobctl.store import Store
    from jobctl.store.data.found import Found
    from jobctl.store.data.records import DeadGroup

BATCH = 500
FEW_GROUPS = 50
"""With more groups than these, the queue's own index of dead letters is walked rather than each group's."""

Source = Iterator[list["Found"]]
"""Jobs in batches, the newest first where Redis keeps that order."""


def sources(store: Store, queue: str, state: str, wanted: Filter) -> list[Source]:
    """The jobs that a queue keeps in a state, as far as they may match."""
    since, until = wanted.span
    match state:
        case "dead":
            names = _groups(store, queue, wanted)
            if names is None:
                return [store.dead.scan(queue, since_ms=since, until_ms=until)]
            return [store.dead.scan(queue, group=name, since_ms=since, until_ms=until) for name in names]
        case "discarded":
            return [store.dead.trash(queue, since_ms=since, until_ms=until)]
    return [store.jobs.scan(queue, state)]


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

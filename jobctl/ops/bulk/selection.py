"""Which jobs a command is about: ids, a filter, groups or everything, within queues."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING

from jobctl.errors import JobctlError, UsageError
from jobctl.ops import filters
from jobctl.ops.filters import Filter
from jobctl.ops.jobs import missing
from jobctl.ops.known import known_queues, no_queue
from jobctl.store.nouns.dead import to_letter
from jobctl.store.nouns.shown import to_job

if TYPE_CHECKING:
    from jobctl.catalog.model import Catalog
    from jobctl.store import Store
    from jobctl.store.data.found import Found
    from jobctl.store.data.ids import JobRef

FEW_GROUPS = 50
"""With more groups than these, the queue's own index of dead letters is walked rather than each group's."""
_FILTER = re.compile(r"[A-Za-z_.-]+[:=~]")
"""What begins like this is a filter; everything else is an id."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The jobs of `queues` that have one of `ids` (or any, if there are none), match `filter` and are in `states`.

    `words` are what was typed, for the audit log. With `limit`, only so many: the oldest, or the `newest`. `unredacted`
    lets the filter see payloads as they are.
    """

    queues: tuple[str, ...]
    filter: Filter
    words: str
    ids: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    limit: int | None = None
    newest: bool = False
    unredacted: bool = False

    @property
    def by_name(self) -> bool:
        """Whether ids are the only selection: then each job's result is reported."""
        return bool(self.ids) and self._others.is_empty

    @property
    def everything(self) -> bool:
        """Whether all jobs of the queues are meant."""
        return not self.ids and self._others.is_empty and self.limit is None

    @property
    def by_index(self) -> bool:
        """Whether the indexes of dead letters tell which are meant, so that neither bodies nor records are read."""
        rest = replace(self._others, job=(), group=(), since_ms=None, until_ms=None)
        return not self.ids and rest.is_empty and self.limit is None

    @property
    def _others(self) -> Filter:
        return replace(self.filter, queue=(), state=())


def choose(
    store: Store,
    catalog: Catalog | None,
    terms: Iterable[str],
    *,
    groups: Iterable[str] = (),
    everything: bool = False,
    queue: str | None = None,
    states: tuple[str, ...] = (),
    limit: int | None = None,
    newest: bool = False,
    unredacted: bool = False,
) -> Selection:
    """The selection that arguments and options make. `states` are those that the command is about.

    Raises UsageError, or NothingMatched for a queue that nobody knows.
    """
    words = [*terms, *(f"group:{group}" for group in groups)]
    if everything and words:
        raise UsageError("use --all or a filter, not both")
    if not (everything or words):
        raise UsageError("no jobs selected: pass ids, a filter such as job:send-email or since:1h, or --all")
    found = read(store, catalog, words, queue=queue, unredacted=unredacted)
    if wrong := [state for state in found.filter.state if state not in states]:
        raise UsageError(f"this command is for jobs that are {_listed(states)}, not {wrong[0]}")
    if newest and limit is None:
        raise UsageError("--newest needs --limit")
    chosen = tuple(state for state in states if state in (found.filter.state or states))
    return replace(found, states=chosen, limit=limit, newest=newest)


def read(
    store: Store,
    catalog: Catalog | None,
    terms: Iterable[str],
    *,
    queue: str | None = None,
    unredacted: bool = False,
) -> Selection:
    """What arguments select: each is an id or a filter, none is everything. `queue` is the only one to look in.

    Raises UsageError, or NothingMatched for a queue that nobody knows.
    """
    words = list(terms)
    ids = tuple(dict.fromkeys(word for word in words if not _FILTER.match(word)))
    wanted = filters.parse(word for word in words if _FILTER.match(word))
    if queue is not None:
        if wanted.queue:
            raise UsageError("give the queue once: as --queue or as a filter")
        words.append(f"queue:{queue}")
        wanted = replace(wanted, queue=(queue,))
    known = known_queues(store, catalog)
    only = Filter(queue=wanted.queue)
    queues = tuple(name for name in known if only.matches({"queue": name}))
    if wanted.queue and not queues:
        raise no_queue(wanted.queue[0], known)
    told = filters.masked(words) if unredacted else " ".join(words)
    return Selection(queues, wanted, told or "--all", ids, unredacted=unredacted)


def named(store: Store, selection: Selection) -> tuple[list[Found], list[JobctlError]]:
    """The jobs whose ids were given, each once, and an error for each id that means none.

    Raises Ambiguous for an id that several of the queues have.
    """
    queue = selection.filter.queue[0] if len(selection.queues) == 1 and selection.filter.queue else None
    found: dict[JobRef, Found] = {}
    errors: list[JobctlError] = []
    for job_id in selection.ids:
        job = store.jobs.find(job_id, selection.queues)
        if job is None:
            errors.append(missing(job_id, queue))
        else:
            found[job.ref] = job
    return list(found.values()), errors


def matching(store: Store, selection: Selection) -> Iterator[Found]:
    """The jobs that are selected, from the smallest indexes that hold them all. Raises Ambiguous as `named` does."""
    if selection.ids or selection.filter.ids:
        found = named(store, selection)[0] if selection.ids else _with_ids(store, selection)
        yield from (job for job in found if job.state in selection.states and _matches(selection, job))
        return
    seen: set[JobRef] = set()  # a job that moves on while this looks is found twice
    for queue in store.queues.holding(selection.queues):
        for state in selection.states:
            for job in chain.from_iterable(_walk(store, queue, state, selection.filter)):
                if job.ref not in seen and _matches(selection, job):
                    seen.add(job.ref)
                    yield job


def _with_ids(store: Store, selection: Selection) -> list[Found]:
    """All jobs that have an id of the filter: several queues may have one."""
    ids = dict.fromkeys(selection.filter.ids)
    return list({job.ref: job for i in ids for job in store.jobs.find_all(i, selection.queues)}.values())


def _walk(store: Store, queue: str, state: str, wanted: Filter) -> Iterator[list[Found]]:
    """Jobs of a queue and state that may match, in batches."""
    since, until = wanted.since_ms, wanted.until_ms
    match state:
        case "dead":
            for source in dead_sources(store, queue, wanted):
                yield from source
        case "discarded":
            yield from store.dead.trash(queue, since_ms=since, until_ms=until)
        case _:
            for place in (state, "running") if state == "waiting" else (state,):  # fetched ahead, a job waits
                for batch in store.jobs.scan(queue, place):
                    yield [found for found in batch if found.seen_as == state]


def dead_sources(store: Store, queue: str, wanted: Filter) -> list[Iterator[list[Found]]]:
    """Dead letters that may match, from the smallest indexes that hold them all, each newest first."""
    since, until = wanted.since_ms, wanted.until_ms
    names: list[str] | None = None
    if wanted.group or wanted.job:
        only = Filter(job=wanted.job, group=wanted.group)
        names = [row.group for row in store.dead.groups(queue) if only.matches(row)]
    if names is None or len(names) > FEW_GROUPS:
        return [store.dead.scan(queue, since_ms=since, until_ms=until)]
    return [store.dead.scan(queue, group=name, since_ms=since, until_ms=until) for name in names]


def _matches(selection: Selection, job: Found) -> bool:
    """Ids are looked up rather than compared: a stock message that is found by its own id is kept under another one."""
    rest, unredacted = replace(selection.filter, ids=(), state=()), selection.unredacted
    if job.state == "discarded":  # since: and until: are about when it got there, by which it was found
        rest = replace(rest, since_ms=None, until_ms=None)
    shown = to_letter if job.state in ("dead", "discarded") else to_job
    return rest.is_empty or rest.matches(shown(job, unredacted=unredacted))


def _listed(states: tuple[str, ...]) -> str:
    return states[0] if len(states) == 1 else f"{', '.join(states[:-1])} or {states[-1]}"

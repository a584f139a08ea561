"""Which jobs a command is about: ids, a filter, groups or everything, within queues."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from jobctl.errors import JobctlError, UsageError
from jobctl.ops.filters.filter import Filter, parse
from jobctl.ops.filters.lex import is_id, masked
from jobctl.ops.filters.subjects import select
from jobctl.ops.filters.tree import Term, terms
from jobctl.ops.jobs import missing
from jobctl.ops.known import known_queues, no_queue
from jobctl.ops.sources import by_value, located, sources

if TYPE_CHECKING:
    from jobctl.catalog.model import Catalog
    from jobctl.store import Store
    from jobctl.store.data.found import Found
    from jobctl.store.data.ids import JobRef


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
        return bool(self.ids) and self.filter.keys <= {"queue"}

    @property
    def everything(self) -> bool:
        """Whether all jobs of the queues are meant."""
        return not self.ids and self.filter.keys <= {"queue", "state"} and self.limit is None

    @property
    def by_index(self) -> bool:
        """Whether the indexes of dead letters tell which are meant, so that neither bodies nor records are read."""
        return not self.ids and self.filter.indexed and self.limit is None


def choose(
    store: Store,
    catalog: Catalog | None,
    arguments: Iterable[str],
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
    words = [*arguments, *(f"group:{group}" for group in groups)]
    if everything and words:
        raise UsageError("use --all or a filter, not both")
    if not (everything or words):
        raise UsageError("no jobs selected: pass ids, a filter such as job:send-email or since:1h, or --all")
    found = read(store, catalog, words, queue=queue, unredacted=unredacted)
    for term in terms(found.filter.node, positive=True):
        if term.kind == "state" and term.value not in states:
            found.filter.fail(term, f"this command is for jobs that are {_listed(states)}, not {term.value}")
    if newest and limit is None:
        raise UsageError("--newest needs --limit")
    chosen = tuple(state for state in states if found.filter.possible(state=state))
    return replace(found, states=chosen, limit=limit, newest=newest)


def read(
    store: Store,
    catalog: Catalog | None,
    arguments: Iterable[str],
    *,
    queue: str | None = None,
    unredacted: bool = False,
) -> Selection:
    """What arguments select: each is an id or a filter, none is everything. `queue` is the only one to look in.

    Raises UsageError, or NothingMatched for a queue that nobody knows.
    """
    words = list(arguments)
    ids = tuple(dict.fromkeys(word for word in words if is_id(word)))
    wanted = parse(word for word in words if not is_id(word))
    asked = [term.value for term in terms(wanted.node) if term.kind == "queue"]
    if queue is not None:
        if asked:
            raise UsageError("give the queue once: as --queue or as a filter")
        asked = [queue]
        words.append(f"queue:{queue}")
        wanted = wanted.also(Term("queue", ":", queue))
    known = known_queues(store, catalog)
    queues = tuple(name for name in known if wanted.possible(queue=name))
    if asked and not queues:
        raise no_queue(asked[0], known)
    told = masked(words) if unredacted else " ".join(words)
    return Selection(queues, wanted, told or "--all", ids, unredacted=unredacted)


def named(store: Store, selection: Selection) -> tuple[list[Found], list[JobctlError]]:
    """The jobs whose ids were given, each once, and an error for each id that means none.

    Raises Ambiguous for an id that several of the queues have.
    """
    queue = selection.queues[0] if len(selection.queues) == 1 and "queue" in selection.filter.keys else None
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
    if selection.ids or selection.filter.ids is not None:
        yield from _looked_up(store, selection)
        return
    by_key = by_value(store, selection.queues, selection.filter, unredacted=selection.unredacted)
    if by_key is not None:
        for batch in (batch for queue, ids in by_key.items() for batch in located(store, queue, ids)):
            fit = [job for job in batch if job.state in selection.states or job.seen_as in selection.states]
            yield from (job for job, _ in select(store, selection.filter, fit, unredacted=selection.unredacted))
        return
    seen: set[JobRef] = set()  # a job that moves on while this looks is found twice
    for queue in store.queues.holding(selection.queues):
        for state in selection.states:
            if selection.filter.possible(queue=queue, state=state):
                for batch in _walk(store, queue, state, selection.filter):
                    fresh = list({job.ref: job for job in batch if job.ref not in seen}.values())
                    for job, _ in select(store, selection.filter, fresh, unredacted=selection.unredacted):
                        seen.add(job.ref)
                        yield job


def _looked_up(store: Store, selection: Selection) -> Iterator[Found]:
    """The selected jobs that the given ids, or those of the filter, name."""
    seen: set[JobRef] = set()
    for asked, job in _named(store, selection):
        if job.ref not in seen and (job.state in selection.states or job.seen_as in selection.states):
            for found, _ in select(store, selection.filter, [job], asked=asked, unredacted=selection.unredacted):
                seen.add(job.ref)
                yield found


def _named(store: Store, selection: Selection) -> Iterator[tuple[str, Found]]:
    """Jobs with the ids by which they are asked for. Of those that the filter names, each that exists."""
    for job_id in selection.ids or selection.filter.ids or ():
        if selection.ids:
            job = store.jobs.find(job_id, selection.queues)
            found = [] if job is None else [job]
        else:
            found = store.jobs.find_all(job_id, selection.queues)
        yield from ((job_id, job) for job in found)


def _walk(store: Store, queue: str, state: str, wanted: Filter) -> Iterator[list[Found]]:
    """The jobs of a queue that are in a state, in batches."""
    for place in (state, "running") if state == "waiting" else (state,):  # fetched ahead, a job waits
        for source in sources(store, queue, place, wanted):
            for batch in source:
                yield [found for found in batch if found.seen_as == state]


def _listed(states: tuple[str, ...]) -> str:
    return states[0] if len(states) == 1 else f"{', '.join(states[:-1])} or {states[-1]}"
